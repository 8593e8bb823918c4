"""Lightning: the range test of a LightningModule, before a fit and at its start, and ScheduleLR in a Trainer."""

from __future__ import annotations

import csv
import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

import frameworks
import pytest

import clr_core

torch = frameworks.load("torch")
lightning = frameworks.load("lightning")
torchmetrics = frameworks.load("torchmetrics")
clr_torch = frameworks.load("clr_torch")

frameworks.load("clr_torch.lightning")

from torch import nn  # noqa: E402
from torch.utils.data import DataLoader, TensorDataset, random_split  # noqa: E402

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*LeafSpec:FutureWarning"),
    pytest.mark.filterwarnings("ignore:.*does not have many workers"),
    pytest.mark.filterwarnings("ignore:.*logging interval"),
    pytest.mark.filterwarnings("ignore:.*no `val_dataloader`"),
    pytest.mark.filterwarnings("ignore:.*exists and is not empty"),
    pytest.mark.filterwarnings("ignore:.*checkpoint that ended before the epoch ended"),
]
logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)

INPUTS = torch.randn(96, 8, generator=torch.Generator().manual_seed(1))
TARGETS = INPUTS[:, :3].argmax(1)
DATASET = TensorDataset(INPUTS, TARGETS)
SCHEDULE = clr_core.triangular2(0.001, 0.1, step_size=3)
PLAN = clr_core.plan_cycles(epochs=4, steps_per_epoch=6)


def loader(**arguments: Any) -> Any:
    return DataLoader(DATASET, batch_size=16, shuffle=True, **arguments)


class Module(lightning.LightningModule):  # type: ignore[misc, name-defined]
    """Logs, counts, has dropout, a metric and a scheduler; notes what it used at every update."""

    def __init__(self, schedule: Any = SCHEDULE) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(8, 16), nn.BatchNorm1d(16), nn.Dropout(0.3), nn.Linear(16, 3))
        self.accuracy = torchmetrics.Accuracy("multiclass", num_classes=3)
        self.schedule = schedule
        self.losses: list[float] = []

    def training_step(self, batch: Any, batch_idx: int) -> Any:
        scores = self.layers(batch[0])
        loss = nn.functional.cross_entropy(scores, batch[1])
        self.accuracy(scores, batch[1])
        self.log("accuracy", self.accuracy, on_epoch=True)
        self.log_dict({"loss": loss, "index": float(batch_idx)})
        self.losses.append(loss.item())
        return {"loss": loss}

    def configure_optimizers(self) -> Any:
        optimizer = torch.optim.SGD(self.parameters(), lr=0.1, momentum=0.9)
        return [optimizer], [{"scheduler": clr_torch.ScheduleLR(optimizer, self.schedule), "interval": "step"}]


class Data(lightning.LightningDataModule):  # type: ignore[misc, name-defined]
    """Splits at random in ``setup``, and scales batches in a hook."""

    def setup(self, stage: str) -> None:
        self.train, self.rest = random_split(DATASET, [80, 16])

    def train_dataloader(self) -> Any:
        return DataLoader(self.train, batch_size=16, shuffle=True)

    def on_after_batch_transfer(self, batch: Any, dataloader_idx: int) -> Any:
        return [batch[0] * 2, batch[1]]


def trainer(folder: Path, **arguments: Any) -> Any:
    quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False}
    return lightning.Trainer(
        accelerator="cpu",
        default_root_dir=folder,
        **{"max_epochs": 2, **quiet, "enable_checkpointing": False} | arguments,
    )


def is_equal(module: Any, other: Any) -> bool:
    """Whether two modules have the same weights and the same losses on the way there, to the bit."""
    pairs = zip(module.state_dict().values(), other.state_dict().values(), strict=True)
    return module.losses == other.losses and all(torch.equal(*pair) for pair in pairs)


def test_a_data_module_may_be_of_pytorch_lightning() -> None:
    """The same package under its old name, with classes of its own: its loader, and its hooks for batches."""
    base = frameworks.load("pytorch_lightning").LightningDataModule
    methods = ("setup", "train_dataloader", "on_after_batch_transfer")
    other = type("Other", (base,), {name: vars(Data)[name] for name in methods})
    curves = []
    for data in (Data(), other()):
        torch.manual_seed(0)
        curves.append(clr_torch.lightning.range_test(Module(), data, num_steps=12))
    assert curves[0] == curves[1]


@pytest.mark.parametrize("data", [loader, Data, lambda: loader(num_workers=1, persistent_workers=True)])
def test_training_after_a_range_test_is_as_without(data: Any, tmp_path: Path) -> None:
    """Random splits, persistent workers, metrics and lists of the module's own make no difference."""
    fitted = []
    for has_test in (False, True):
        torch.manual_seed(0)
        module, source = Module(), data()
        if has_test:
            curve = clr_torch.lightning.range_test(module, source, num_steps=12)
            assert (len(curve), curve.optimizer, curve.momentum) == (12, "SGD", True)
            assert "log" not in vars(module)
        trainer(tmp_path).fit(module, source)
        if has_test:
            again = clr_torch.lightning.range_test(module, source, num_steps=12)
            assert again.losses[0] < curve.losses[0]  # from the weights of now
        fitted.append(module)
    assert len(fitted[0].losses) in (10, 12)
    assert is_equal(*fitted)


def test_what_the_trainers_methods_change_is_put_back() -> None:
    """What configure_optimizers, setup and train_dataloader do to layers, dicts and generators, however deep."""

    class Preparing(Module):
        counts: dict[str, int]

        def configure_optimizers(self) -> Any:
            self.counts["calls"] += 1
            self.layers[1].register_buffer("made", torch.zeros(1))
            self.layers[0].requires_grad_(False)
            return torch.optim.SGD([each for each in self.parameters() if each.requires_grad], lr=0.1)

    class Drawing(Data):
        def __init__(self) -> None:
            super().__init__()
            self.splits: dict[str, Any] = {}
            self.generator = torch.Generator().manual_seed(0)

        def setup(self, stage: str) -> None:
            self.splits["train"], self.splits["rest"] = random_split(DATASET, [80, 16], self.generator)

        def train_dataloader(self) -> Any:
            return DataLoader(self.splits["train"], batch_size=16, shuffle=True, generator=self.generator)

    module, data = Preparing(), Drawing()
    module.counts = {"calls": 0}

    def content() -> list[Any]:
        flags = [each.requires_grad for each in module.parameters()]
        drawn = data.generator.get_state().tolist()
        return [list(module.state_dict()), flags, dict(module.counts), dict(data.splits), drawn, set(vars(data))]

    before = content()
    clr_torch.lightning.range_test(module, data, num_steps=3)
    assert content() == before
    with pytest.raises(ValueError, match="num_steps"):
        clr_torch.lightning.range_test(module, data, num_steps=1)
    assert content() == before


def test_the_curve_is_that_of_the_same_steps_by_hand() -> None:
    """The hooks of the datamodule are applied, and arguments are passed on; batches are those of the loader."""
    torch.manual_seed(0)
    module, seen = Module(), []

    class Fixed(Data):
        def setup(self, stage: str) -> None:
            pass

        def train_dataloader(self) -> Any:
            return DataLoader(DATASET, batch_size=16)

    def loss_fn(model: Any, batch: Any) -> Any:
        seen.append(batch)
        return nn.functional.cross_entropy(model.layers(batch[0] * 2), batch[1])

    curve = clr_torch.lightning.range_test(module, Fixed(), num_steps=12, accumulation_steps=2, clip_grad_norm=0.1)
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1, momentum=0.9)
    expected = clr_torch.range_test(
        module, optimizer, None, DataLoader(DATASET, batch_size=16), loss_fn=loss_fn, num_steps=12,
        accumulation_steps=2, clip_grad_norm=0.1,
    )  # fmt: skip
    assert curve.losses == expected.losses
    assert len(seen) == 24


def test_seeds_and_collections_of_loaders() -> None:
    """Several loaders are combined as a Trainer does; a curve for each seed."""

    class Pairs(Module):
        def training_step(self, batch: Any) -> Any:
            return super().training_step(batch["a"], 0)["loss"] + super().training_step(batch["b"], 0)["loss"]

        def train_dataloader(self) -> Any:
            return {"a": loader(), "b": loader()}

    curves = clr_torch.lightning.range_test(Pairs(), num_steps=12, seeds=[0, 1, 0])
    assert curves[0].losses == curves[2].losses != curves[1].losses
    assert curves[0].losses[0] > 1.6  # the sum of two


@pytest.mark.parametrize(
    ("configured", "message"),
    [
        (lambda module: [torch.optim.SGD(module.parameters(), 1.0)] * 2, "configure_optimizers must return one"),
        (lambda module: None, "configure_optimizers must return one optimizer, got None"),
    ],
)
def test_what_has_not_one_optimizer_is_refused(configured: Any, message: str) -> None:
    """So is manual optimization."""
    module = Module()
    module.configure_optimizers = lambda: configured(module)
    with pytest.raises(ValueError, match=message):
        clr_torch.lightning.range_test(module, loader())
    module = Module()
    module.automatic_optimization = False
    with pytest.raises(ValueError, match="automatic_optimization=True, got False"):
        clr_torch.lightning.range_test(module, loader())


def test_the_schedule_suggested_at_the_start_of_a_fit(tmp_path: Path) -> None:
    """The fit is the one that starts with that schedule, to the bit; nothing of the test is logged or counted."""
    arguments = {"num_workers": 1, "persistent_workers": True}
    options = {"accumulate_grad_batches": 2, "gradient_clip_val": 0.5, "max_epochs": 3}
    torch.manual_seed(0)
    suggest = clr_torch.lightning.SuggestSchedule(PLAN, num_steps=60)
    module = Module(clr_core.constant(0.1))
    logger = lightning.pytorch.loggers.CSVLogger(tmp_path / "log")
    monitor = lightning.pytorch.callbacks.LearningRateMonitor("step")
    run = trainer(tmp_path, callbacks=[suggest, monitor], logger=logger, log_every_n_steps=1, **options)
    run.fit(module, loader(**arguments))
    assert module.schedule == suggest.bounds.schedule()
    with open(Path(logger.log_dir) / "metrics.csv", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    lrs = [float(row["lr-SGD"]) for row in rows if row["lr-SGD"]]
    assert lrs[::2] == lrs[1::2] == module.schedule.values(9)  # two batches make an update
    assert [int(row["step"]) for row in rows if row["loss"]] == list(range(9))

    torch.manual_seed(0)
    plain = Module(module.schedule)
    trainer(tmp_path, **options).fit(plain, loader(**arguments))
    assert is_equal(plain, module)


@pytest.mark.parametrize("form", ["list", "dict", "frequency"])
def test_a_schedule_that_is_not_stepped_at_every_update_is_refused(form: str, tmp_path: Path) -> None:
    """By default Lightning steps a scheduler once an epoch; before the range test, and nothing is changed."""

    class ByEpoch(Module):
        def configure_optimizers(self) -> Any:
            (optimizer,), (config,) = super().configure_optimizers()
            if form == "frequency":
                return [optimizer], [{**config, "frequency": 2}]
            if form == "list":
                return [optimizer], [config["scheduler"]]
            return {"optimizer": optimizer, "lr_scheduler": {"scheduler": config["scheduler"]}}

    module, suggest = ByEpoch(), clr_torch.lightning.SuggestSchedule(PLAN, num_steps=20)
    with pytest.raises(ValueError, match=r"must be stepped at every update, got interval=.*'interval': 'step'"):
        trainer(tmp_path, callbacks=[suggest]).fit(module, loader())
    assert suggest.bounds is None
    assert module.schedule is SCHEDULE


def test_a_schedule_that_nothing_uses_is_warned_about(tmp_path: Path) -> None:
    """configure_optimizers makes no ScheduleLR: the training would go on at its own LR without a word."""

    class Without(Module):
        def configure_optimizers(self) -> Any:
            return super().configure_optimizers()[0]

    suggest = clr_torch.lightning.SuggestSchedule(PLAN, num_steps=40)
    with pytest.warns(UserWarning, match="should return a ScheduleLR of self.schedule for .* got none"):
        trainer(tmp_path, callbacks=[suggest]).fit(Without(), loader())


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"plan": 5}, TypeError, "plan must be a CyclePlan, from clr_core.plan_cycles, got plan=5"),
        ({"kind": "cyclc"}, ValueError, "kind must be one of .*, got kind='cyclc'"),
        ({"num_stpes": 3}, TypeError, "arguments must be among start_lr, end_lr, .*, got num_stpes=3"),
        ({"clip_grad_norm": 1.0}, TypeError, "clip_grad_norm must come from the Trainer, got clip_grad_norm=1.0"),
        ({"also": [None]}, TypeError, r"also must be a list .*, got also\[0\]=None"),
    ],
)
def test_refuses_bad_arguments(change: dict[str, Any], error: type[Exception], message: str) -> None:
    """The callback does at construction, before a fit; the function takes the same arguments but plan and kind."""
    with pytest.raises(error, match=message):
        clr_torch.lightning.SuggestSchedule(**{"plan": PLAN} | change)
    if "num_stpes" in change or "also" in change:
        with pytest.raises(error, match=message):
            clr_torch.lightning.range_test(Module(), loader(), **change)


def test_refuses_what_is_no_lightning_module() -> None:
    """As the network inside of it, or a loader before the module."""
    for module in (nn.Linear(8, 3), loader(), Module):
        with pytest.raises(TypeError, match="module must be a LightningModule, got module="):
            clr_torch.lightning.range_test(module, loader())


def test_a_fit_resumed_in_mid_cycle(tmp_path: Path) -> None:
    """From the checkpoint it goes on to the same weights and LRs, with the schedule that was suggested."""

    def fit(epochs: int, checkpoint: Any = None) -> tuple[Any, Any]:
        torch.manual_seed(0)
        suggest = clr_torch.lightning.SuggestSchedule(PLAN, num_steps=60)
        module = Module(clr_core.constant(0.1))
        module.layers[2].p = 0.0  # Lightning's checkpoints have no random states
        run = trainer(tmp_path, callbacks=[suggest], max_epochs=epochs, accumulate_grad_batches=2)
        run.fit(module, DataLoader(DATASET, batch_size=16), ckpt_path=checkpoint, weights_only=True)
        return module, run

    module, run = fit(3)
    _, first = fit(1)
    first.save_checkpoint(tmp_path / "first.ckpt")
    resumed, second = fit(3, tmp_path / "first.ckpt")
    assert resumed.schedule == module.schedule
    assert resumed.losses == module.losses[6:]
    assert all(map(torch.equal, resumed.state_dict().values(), module.state_dict().values()))
    assert second.lr_scheduler_configs[0].scheduler.state_dict() == run.lr_scheduler_configs[0].scheduler.state_dict()
    assert second.callbacks[0].bounds is None
    with pytest.warns(UserWarning, match="Please add the following callbacks: .*SuggestSchedule"):
        trainer(tmp_path, max_epochs=2).fit(Module(), loader(), ckpt_path=tmp_path / "first.ckpt", weights_only=True)


class AddGroup(lightning.Callback):  # type: ignore[misc, name-defined]
    """Trains the first layer as well from the fourth update on, at a third of the LR.

    A resumed fit needs the group before it loads the optimizer's state. (BaseFinetuning adds its groups again as well,
    but leaves their parameters frozen.)
    """

    has_group = False

    def add(self, trainer: Any, pl_module: Any, lr: float) -> None:
        trainer.optimizers[0].add_param_group({"params": list(pl_module.layers[0].parameters()), "lr": lr})

    def on_load_checkpoint(self, trainer: Any, pl_module: Any, checkpoint: dict[str, Any]) -> None:
        self.has_group = checkpoint["global_step"] > 3

    def on_fit_start(self, trainer: Any, pl_module: Any) -> None:
        if self.has_group:
            self.add(trainer, pl_module, lr=0.02)

    def on_train_batch_start(self, trainer: Any, pl_module: Any, *_: Any) -> None:
        if trainer.global_step == 3:
            self.add(trainer, pl_module, lr=trainer.optimizers[0].param_groups[0]["lr"] / 3)


class Numbered(Module):
    """Its batch follows from the number of the update; the momentum moves opposite to the LR."""

    def training_step(self, batch: Any, batch_idx: int) -> Any:
        inputs = torch.randn(8, 8, generator=torch.Generator().manual_seed(self.global_step))
        loss = self.layers(inputs).square().mean()
        self.losses.append(loss.item())
        return loss

    def configure_optimizers(self) -> Any:
        self.layers[2].p = 0.0  # Lightning's checkpoints have no random states
        optimizer = torch.optim.SGD(self.layers[3].parameters(), lr=0.1, momentum=0.9)
        scheduler = clr_torch.ScheduleLR(optimizer, self.schedule, momentum=clr_core.momentum_for(self.schedule))
        return [optimizer], [{"scheduler": scheduler, "interval": "step"}]


def test_resumed_at_every_update(tmp_path: Path) -> None:
    """Interrupted at any update, before or after a group was added, it ends bit-identical, with momentum cycling."""
    updates = 8

    class Saving(lightning.Callback):  # type: ignore[misc, name-defined]
        def on_train_batch_end(self, trainer: Any, *_: Any) -> None:
            trainer.save_checkpoint(tmp_path / f"{trainer.global_step}.ckpt")

    def fit(*callbacks: Any, checkpoint: Any = None) -> Any:
        torch.manual_seed(0)
        module = Numbered(clr_core.triangular2(0.0, 0.1, step_size=2))
        run = trainer(tmp_path, callbacks=[AddGroup(), *callbacks])
        run.fit(module, DataLoader(DATASET, batch_size=96 // (updates // 2)), ckpt_path=checkpoint, weights_only=True)
        return module, run

    def scheduled(run: Any) -> list[Any]:
        groups = run.optimizers[0].param_groups
        plain = [{key: value for key, value in group.items() if key != "params"} for group in groups]
        return [plain, run.lr_scheduler_configs[0].scheduler.state_dict()]

    module, run = fit(Saving())
    assert len(module.losses) == updates
    assert len(run.optimizers[0].param_groups) == 2
    for update in range(1, updates):
        resumed, again = fit(checkpoint=tmp_path / f"{update}.ckpt")
        assert resumed.losses == module.losses[update:]
        assert all(map(torch.equal, resumed.state_dict().values(), module.state_dict().values()))
        assert scheduled(again) == scheduled(run)


def test_weights_averaged_at_the_ends_of_cycles(tmp_path: Path) -> None:
    """WeightAveraging hands over the number of the last update, for ``is_cycle_end``; ``cycle_ended`` agrees."""
    seen: list[tuple[int, bool]] = []

    class AtCycleEnds(lightning.pytorch.callbacks.WeightAveraging):  # type: ignore[misc, name-defined]
        def should_update(self, step_idx: int | None = None, epoch_idx: int | None = None) -> bool:
            if step_idx is None:
                return False
            is_end = SCHEDULE.is_cycle_end(step_idx)
            seen.append((step_idx, is_end))
            return is_end

    class Noting(lightning.Callback):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            self.ended: list[bool] = []
            self.weights: list[Any] = []

        def on_train_batch_end(self, trainer: Any, pl_module: Any, *_: Any) -> None:
            scheduler = trainer.lr_scheduler_configs[0].scheduler
            self.ended.append(scheduler.cycle_ended)
            if scheduler.cycle_ended:
                self.weights.append([each.detach().clone() for each in pl_module.parameters()])

    torch.manual_seed(0)
    module, noting = Module(), Noting()
    trainer(tmp_path, callbacks=[AtCycleEnds(), noting]).fit(module, loader())
    assert [step for step, is_end in seen if is_end] == [5, 11]
    assert [is_end for _, is_end in seen] == noting.ended
    for each, *weights in zip(module.parameters(), *noting.weights, strict=True):
        torch.testing.assert_close(each, sum(weights) / 2)


def test_two_processes(tmp_path: Path) -> None:
    """With DDP the range test at the start of a fit is one test, and the fit is as without it, on both ranks."""
    script = Path(__file__).with_name("torch_lightning_ranks.py")
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    done = subprocess.run([*launch, str(script), str(tmp_path)], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    one, other = (torch.load(tmp_path / f"{rank}.pt") for rank in range(2))
    assert (one["curve"], one["schedule"]) == (other["curve"], other["schedule"])
    assert len(one["curve"][0]) > 10
    assert one["tested"]["losses"] != other["tested"]["losses"]  # each rank has its own half of the data
    assert all(map(torch.equal, one["tested"]["weights"], other["tested"]["weights"]))
    for each in (one, other):
        assert each["tested"]["losses"] == each["plain"]["losses"]
        assert all(map(torch.equal, each["tested"]["weights"], each["plain"]["weights"]))


def test_the_package_imports_no_trainer() -> None:
    """Who imports clr_torch alone does not wait for Lightning or Transformers."""
    code = "import sys, clr_torch; print({'accelerate', 'lightning', 'transformers'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"
