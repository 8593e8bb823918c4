"""Hugging Face's Trainer: the range test of one, and ScheduleLR in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import frameworks
import pytest

import clr_core

torch = frameworks.load("torch")
transformers = frameworks.load("transformers")
frameworks.load("accelerate")
clr_torch = frameworks.load("clr_torch")

frameworks.load("clr_torch.transformers")

pytestmark = pytest.mark.filterwarnings("ignore:.*pin_memory.*no accelerator")
SCHEDULE = clr_core.triangular2(0.001, 0.01, step_size=3)
TEXTS = [
    {"input_ids": row, "labels": row}
    for row in torch.randint(0, 32, (48, 12), generator=torch.Generator().manual_seed(1)).tolist()
]


def collate(examples: list[Any]) -> Any:
    """Not the default: the labels are those of the first half, so that the loss tells whether it was used."""
    batch = {key: torch.tensor([each[key] for each in examples]) for key in ("input_ids", "labels")}
    batch["labels"][:, 6:] = -100
    return batch


class Trainer(transformers.Trainer):  # type: ignore[misc, name-defined]
    """Has a loss of its own, and notes it; state on the trainer is state."""

    def compute_loss(self, model: Any, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        loss = super().compute_loss(model, inputs, *args, **kwargs) * 2
        self.losses.append(loss.item())
        return loss


def network() -> Any:
    torch.manual_seed(0)
    config = transformers.GPT2Config(vocab_size=32, n_positions=12, n_embd=16, n_layer=1, n_head=2)
    return transformers.GPT2LMHeadModel(config).eval()  # as from_pretrained leaves it


def trainer(folder: Path, model: Any = None, optimizers: Any = (None, None), **arguments: Any) -> Any:
    options = {
        "max_steps": 8, "per_device_train_batch_size": 8, "learning_rate": 0.01, "report_to": [], "use_cpu": True,
        "disable_tqdm": True, "save_strategy": "no", "logging_strategy": "no",
    }  # fmt: skip
    made = Trainer(
        model or network(),
        transformers.TrainingArguments(str(folder), **options | arguments),
        data_collator=collate,
        train_dataset=TEXTS,
        optimizers=optimizers,
    )
    made.losses = []
    return made


def weights(of: Any) -> list[Any]:
    return [each.detach().clone() for each in of.model.state_dict().values()]


def is_equal(one: Any, other: Any) -> bool:
    """Whether two trainers have seen the same losses and come to the same weights, to the bit."""
    return one.losses == other.losses and all(map(torch.equal, weights(one), weights(other)))


def everything(of: Any) -> list[Any]:
    """What a range test might have left on the trainer, its accelerator and its model."""
    lists = [list(value) for value in vars(of.accelerator).values() if type(value) is list]
    modes = [module.training for module in of.model.modules()]
    return [dict(vars(of)), dict(vars(of.accelerator)), lists, modes, list(of.losses), torch.get_rng_state().tolist()]


@pytest.mark.parametrize("accumulation", [1, 2])
def test_training_after_a_range_test_is_as_without(accumulation: int, tmp_path: Path) -> None:
    """Also a second training run after a second test; nothing is left on the trainer."""
    trained = []
    for has_test in (False, True):
        made = trainer(tmp_path, gradient_accumulation_steps=accumulation)
        for _ in range(2):
            if has_test:
                before = everything(made)
                curve = clr_torch.transformers.range_test(made, num_steps=12, progress=False)
                assert everything(made) == before
                assert (len(curve), curve.optimizer) == (12, "AdamW")
            made.train()
        trained.append(made)
    assert len(trained[0].losses) == 16 * accumulation
    assert is_equal(*trained)


def test_the_curve_is_that_of_the_trainers_own_steps(tmp_path: Path) -> None:
    """At the same LRs ``train()`` has the same losses: batches, loss, dropout, clipping and accumulation agree."""
    ramp = clr_core.exponential_ramp(0.001, 0.01, 12)
    made = trainer(tmp_path, gradient_accumulation_steps=2, max_steps=12, max_grad_norm=0.5, optim="sgd")
    curve = clr_torch.transformers.range_test(made, start_lr=0.001, end_lr=0.01, num_steps=12, divergence=None)
    made.lr_scheduler = clr_torch.ScheduleLR(made.create_optimizer(), ramp)
    made.train()
    pairs = zip(made.losses[::2], made.losses[1::2], strict=True)
    assert curve.lrs == pytest.approx(ramp.values(12))
    assert curve.losses == pytest.approx([one + other for one, other in pairs], rel=1e-5)


def test_the_validation_loss_is_the_trainers_without_dropout(tmp_path: Path) -> None:
    """From its evaluation loader: ``compute_loss`` as in training, but in evaluation mode; the LRs change nothing."""
    made = trainer(tmp_path)
    loader = made.get_eval_dataloader(TEXTS[:8])
    curve = clr_torch.transformers.range_test(made, val_loader=loader, start_lr=1e-12, end_lr=1e-9, num_steps=12)
    batch = next(iter(loader))
    _, count = made.get_batch_samples(iter([batch]), 1, torch.device("cpu"))
    with torch.no_grad():
        expected = made.compute_loss(made.model.eval(), batch, num_items_in_batch=count).item()
    assert curve.losses == pytest.approx([expected] * 12, rel=1e-5)


@pytest.mark.parametrize(("clip", "stop_reason"), [(0.0, "diverged"), (1e-6, "completed")])
def test_gradients_are_clipped_as_the_trainer_does(clip: float, stop_reason: str, tmp_path: Path) -> None:
    """SGD with a clipped gradient hardly moves; max_grad_norm=0 is no clipping."""
    made = trainer(tmp_path, max_grad_norm=clip, optim="sgd")
    curve = clr_torch.transformers.range_test(made, start_lr=0.1, end_lr=100.0, num_steps=20)
    assert curve.stop_reason == stop_reason


def test_a_loader_that_draws_from_a_generator_of_the_trainers(tmp_path: Path) -> None:
    """What get_train_dataloader draws and counts is put back, and the training afterwards has the same batches."""

    class Drawing(Trainer):
        generator: Any
        counts: dict[str, int]

        def get_train_dataloader(self) -> Any:
            self.counts["loaders"] += 1
            rows = torch.randperm(len(TEXTS), generator=self.generator).tolist()
            return torch.utils.data.DataLoader([TEXTS[row] for row in rows], batch_size=8, collate_fn=collate)

    trained = []
    for has_test in (False, True):
        made = trainer(tmp_path)
        made.__class__ = Drawing
        made.generator, made.counts = torch.Generator().manual_seed(3), {"loaders": 0}
        if has_test:
            clr_torch.transformers.range_test(made, num_steps=4)
            assert made.counts == {"loaders": 0}
        made.train()
        trained.append(made)
    assert is_equal(*trained)


def test_each_seed_has_its_order_of_the_data(tmp_path: Path) -> None:
    """The sampler of the Trainer counts passes, and does not follow torch's random numbers."""
    made = trainer(tmp_path)
    for module in made.model.modules():
        module.p = 0.0  # no dropout, so that only the data differs
    curves = clr_torch.transformers.range_test(made, num_steps=12, seeds=[0, 1, 0])
    assert curves[0].losses == curves[2].losses != curves[1].losses


def test_what_comes_from_the_trainer_is_refused_as_an_argument(tmp_path: Path) -> None:
    """And what is no Trainer."""
    for change, message in (
        ({"num_stpes": 3}, "arguments must be among start_lr, end_lr, .*, got num_stpes=3"),
        ({"also": None}, "also must be a list .*, got also=None"),
        ({"also": {"ema": network()}}, "also must be a list"),
        ({"also": [None]}, r"got also\[0\]=None"),
    ):
        with pytest.raises(TypeError, match=message):
            clr_torch.transformers.range_test(trainer(tmp_path), **change)
    with pytest.raises(TypeError, match=r"clip_grad_norm must come from the trainer, got clip_grad_norm=1\.0"):
        clr_torch.transformers.range_test(trainer(tmp_path), clip_grad_norm=1.0)
    with pytest.raises(TypeError, match=r"trainer must be a transformers\.Trainer, got trainer=3"):
        clr_torch.transformers.range_test(3)


@pytest.mark.parametrize("is_passed", [True, False])
def test_resumed_in_mid_cycle(is_passed: bool, tmp_path: Path) -> None:
    """LRs, losses and weights are those of the run that was not interrupted, with accumulation."""

    def made() -> Any:
        model = network()
        optimizer = torch.optim.AdamW(model.parameters(), lr=0.1)
        scheduler = clr_torch.ScheduleLR(optimizer, SCHEDULE)
        run = trainer(
            tmp_path, model=model, optimizers=(optimizer, scheduler) if is_passed else (None, None),
            gradient_accumulation_steps=2, save_strategy="steps", save_steps=4, logging_strategy="steps",
            logging_steps=1,
        )  # fmt: skip
        if not is_passed:
            run.lr_scheduler = clr_torch.ScheduleLR(run.create_optimizer(), SCHEDULE)
        return run

    whole, resumed = made(), made()
    whole.train()
    resumed.train(resume_from_checkpoint=str(tmp_path / "checkpoint-4"))
    lrs = [row["learning_rate"] for row in whole.state.log_history if "learning_rate" in row]
    assert lrs == SCHEDULE.values(8)
    assert resumed.losses == whole.losses[8:]
    assert all(map(torch.equal, weights(whole), weights(resumed)))
    assert resumed.lr_scheduler.state_dict() == whole.lr_scheduler.state_dict()


class AddGroup(transformers.TrainerCallback):  # type: ignore[misc, name-defined]
    """Trains the last norm as well from the fourth update on, at a third of the LR."""

    def on_step_begin(self, args: Any, state: Any, control: Any, **parts: Any) -> None:
        if state.global_step == 3:
            optimizer, norm = parts["optimizer"], parts["model"].transformer.ln_f
            optimizer.add_param_group({"params": list(norm.parameters()), "lr": optimizer.param_groups[0]["lr"] / 3})


def test_resumed_at_every_update(tmp_path: Path) -> None:
    """Interrupted at any update it ends bit-identical, with momentum cycling and a group that was added in mid-run.

    Such a group is added by hand before a resumed run loads the optimizer's state, here while the LR is 0.
    """
    updates, schedule = 6, clr_core.triangular(0.0, 0.01, step_size=2)

    def train(checkpoint: int = 0) -> tuple[Any, Any]:
        model = network()
        norm = list(model.transformer.ln_f.parameters())
        rest = [each for each in model.parameters() if all(each is not other for other in norm)]
        optimizer = torch.optim.AdamW(rest, lr=0.1)
        scheduler = clr_torch.ScheduleLR(optimizer, schedule, momentum=clr_core.momentum_for(schedule))
        if checkpoint > 3:
            optimizer.add_param_group({"params": norm, "lr": 0.02})
        run = trainer(
            tmp_path, model, (optimizer, scheduler), max_steps=updates, save_strategy="no" if checkpoint else "steps",
            save_steps=1,
        )  # fmt: skip
        run.add_callback(AddGroup())
        run.train(resume_from_checkpoint=str(tmp_path / f"checkpoint-{checkpoint}") if checkpoint else None)
        groups = [{key: group[key] for key in group if key != "params"} for group in optimizer.param_groups]
        return run, groups

    whole, groups = train()
    assert len(groups) == 2
    assert groups[1]["lr"] == pytest.approx(groups[0]["lr"] / 3)
    for checkpoint in range(1, updates):
        resumed, resumed_groups = train(checkpoint)
        assert resumed_groups == groups
        assert resumed.losses == whole.losses[checkpoint:]
        assert all(map(torch.equal, weights(whole), weights(resumed)))
        assert resumed.lr_scheduler.state_dict() == whole.lr_scheduler.state_dict()
