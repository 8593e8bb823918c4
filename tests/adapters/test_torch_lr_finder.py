"""``clr_torch.LRFinder``: torch-lr-finder's interface, over the range test that leaves everything as it was."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import frameworks
import pytest

torch = frameworks.load("torch")
clr_torch = frameworks.load("clr_torch")

from clr_torch.compat.lr_finder import StateCacher  # noqa: E402

DATA = torch.utils.data.TensorDataset(
    torch.linspace(-1.0, 1.0, 96).reshape(32, 3), torch.linspace(0.0, 1.0, 32).reshape(32, 1)
)
LOADER = torch.utils.data.DataLoader(DATA, batch_size=8)


def finder(lr: float = 1e-4, **arguments: Any) -> Any:
    torch.manual_seed(0)
    model = torch.nn.Linear(3, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9)
    return clr_torch.LRFinder(model, optimizer, torch.nn.MSELoss(), **arguments)


def smoothed(losses: list[float], factor: float) -> list[float]:
    history: list[float] = []
    for loss in losses:
        history.append(factor * loss + (1 - factor) * history[-1] if history else loss)
    return history


@pytest.mark.parametrize("start_lr", [None, 1e-5])
@pytest.mark.parametrize("step_mode", ["exp", "linear"])
def test_history(step_mode: str, start_lr: float | None) -> None:
    """The LRs go from the optimizer's, or start_lr, to end_lr, and the losses are smoothed as torch-lr-finder's."""
    found = finder()
    found.range_test(LOADER, start_lr=start_lr, end_lr=0.1, num_iter=12, step_mode=step_mode)
    lrs = found.history["lr"]
    assert (len(lrs), lrs[0], lrs[-1]) == (12, start_lr or 1e-4, 0.1)
    assert found.history["loss"] == pytest.approx(smoothed(found.curve.losses, 0.05))
    assert found.best_loss == min(found.history["loss"])


def test_the_test_leaves_everything_as_it_was() -> None:
    """Weights and optimizer state are as before right after the test; reset() goes back to the finder's making."""
    found = finder()
    weights = copy.deepcopy(found.model.state_dict())
    found.range_test(LOADER, end_lr=1.0, num_iter=10)
    assert all(torch.equal(value, weights[name]) for name, value in found.model.state_dict().items())
    assert not found.optimizer.state
    with torch.no_grad():
        found.model.weight.add_(1.0)
    found.reset()
    assert torch.equal(found.model.weight, weights["weight"])


def test_stops_at_divergence() -> None:
    """The test ends where the smoothed loss is above diverge_th times its best."""
    found = finder()
    found.range_test(LOADER, end_lr=100.0, num_iter=200, smooth_f=0.2, diverge_th=3)
    losses = found.history["loss"]
    assert len(losses) == len(found.history["lr"]) < 200
    assert losses[-1] > 3 * min(losses)
    assert all(loss <= 3 * min(losses[: index + 1]) for index, loss in enumerate(losses[:-1]))


def test_validation_loss() -> None:
    """With a val_loader, what is recorded is the mean loss over all of it, at every update."""
    found = finder()
    found.range_test(LOADER, val_loader=LOADER, end_lr=2e-4, num_iter=4, smooth_f=0.0)
    with torch.no_grad():
        loss = torch.nn.functional.mse_loss(found.model(DATA.tensors[0]), DATA.tensors[1]).item()
    assert found.history["loss"] == pytest.approx([loss] * 4, rel=1e-2)


@pytest.mark.parametrize("batches", [1, 4])
def test_accumulation_is_the_larger_batch(batches: int) -> None:
    """Four accumulated batches of 8 make the updates of one batch of 32."""
    found, whole = finder(), finder()
    loader = torch.utils.data.DataLoader(DATA, batch_size=32 // batches)
    found.range_test(loader, end_lr=0.1, num_iter=6, accumulation_steps=batches)
    whole.range_test(torch.utils.data.DataLoader(DATA, batch_size=32), end_lr=0.1, num_iter=6)
    assert found.curve.losses == pytest.approx(whole.curve.losses, rel=1e-5)


def test_batches_of_another_kind() -> None:
    """A subclass of TrainDataLoaderIter says what inputs and labels are."""

    class Pairs(clr_torch.TrainDataLoaderIter):  # type: ignore[misc, name-defined]
        def inputs_labels_from_batch(self, batch_data: Any) -> tuple[Any, Any]:
            return batch_data["x"], batch_data["y"]

    data = [{"x": x, "y": y} for x, y in DATA]
    loader = torch.utils.data.DataLoader(data, batch_size=8)
    found, plain = finder(), finder()
    found.range_test(Pairs(loader), num_iter=5, end_lr=0.1)
    plain.range_test(LOADER, num_iter=5, end_lr=0.1)
    assert found.curve.losses == plain.curve.losses
    with pytest.raises(ValueError, match="a batch must be a list or a tuple, got a dict: make a subclass"):
        found.range_test(loader)


@pytest.mark.parametrize("in_memory", [True, False])
def test_the_cache_gives_copies(tmp_path: Path, in_memory: bool) -> None:
    """Training on from what was retrieved leaves the cache alone, and files go away with it."""
    cacher = StateCacher(in_memory, str(tmp_path))
    cacher.store("model", {"weight": torch.ones(2)})
    cacher.retrieve("model")["weight"].zero_()
    assert torch.equal(cacher.retrieve("model")["weight"], torch.ones(2))
    assert len(list(tmp_path.iterdir())) == (0 if in_memory else 1)
    del cacher
    assert not list(tmp_path.iterdir())


def test_reset_twice_restores_the_same_state() -> None:
    """A second reset() restores what the first one did, also after training on from it with Adam."""
    model = torch.nn.Linear(3, 1)
    optimizer = torch.optim.Adam(model.parameters())
    model(DATA.tensors[0]).sum().backward()
    optimizer.step()
    found = clr_torch.LRFinder(model, optimizer, torch.nn.MSELoss())
    first = copy.deepcopy(optimizer.state_dict()["state"])
    for _ in range(2):
        found.reset()
        optimizer.step()
    found.reset()
    for index, state in optimizer.state_dict()["state"].items():
        assert all(torch.equal(value, first[index][name]) for name, value in state.items())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_iter": 1}, "num_iter must be an int >= 2, got num_iter=1"),
        ({"step_mode": "cosine"}, "step_mode must be one of 'exp', 'linear', got step_mode='cosine'"),
        ({"smooth_f": 1.0}, "smooth_f must be a finite number >= 0 and < 1, got smooth_f=1.0"),
        ({"train_loader": [1]}, "`train_loader` has unsupported type"),
        ({"val_loader": [1]}, "`val_loader` has unsupported type"),
    ],
)
def test_refuses_bad_arguments(arguments: dict[str, Any], message: str) -> None:
    """Bad input raises before anything is changed."""
    found = finder()
    with pytest.raises(ValueError, match=message):
        found.range_test(**{"train_loader": LOADER, **arguments})
    assert found.optimizer.param_groups[0]["lr"] == 1e-4


def test_mixed_precision_needs_a_scaler() -> None:
    """amp_backend is "torch", with a grad_scaler, or None."""
    with pytest.raises(ValueError, match="must come with a grad_scaler, got grad_scaler=None"):
        finder(amp_backend="torch")
    with pytest.raises(ValueError, match="amp_backend must be 'torch' or None, got amp_backend='apex'"):
        finder(amp_backend="apex")
    found = finder(
        amp_backend="torch",
        amp_config={"device_type": "cpu", "dtype": torch.bfloat16},
        grad_scaler=torch.amp.GradScaler("cpu"),
    )
    found.range_test(LOADER, num_iter=5, end_lr=0.1)
    assert len(found.history["lr"]) == 5


def test_plot() -> None:
    """It draws in the axes it is given, and suggests the LR of the steepest descent over the points."""
    pytest.importorskip("matplotlib")
    from matplotlib.figure import Figure

    found = finder()
    found.history = {"lr": [0.1, 0.2, 0.3, 0.4, 0.5, 0.6], "loss": [10, 8, 4, 1, 4, 16]}
    axes = Figure().subplots()
    assert found.plot(skip_start=0, skip_end=0, ax=axes, show_lr=0.2) == (axes, 0.3)
    assert (axes.get_xscale(), len(axes.lines), len(axes.collections)) == ("log", 2, 1)
    axes = Figure().subplots()
    assert found.plot(skip_start=1, skip_end=1, ax=axes, suggest_lr=False, log_lr=False) is axes
    assert list(axes.lines[0].get_xdata()) == [0.2, 0.3, 0.4, 0.5]
    with pytest.raises(RuntimeError, match="Need at least 17 iterations to suggest a learning rate, got 6"):
        found.plot(ax=axes)
