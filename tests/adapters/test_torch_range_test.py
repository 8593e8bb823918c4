"""``clr_torch.range_test`` and ``range_test_steps``: what they record, and which training steps they drive."""

from __future__ import annotations

import functools
import inspect
import io
import itertools
import math
import sys
from collections.abc import Callable, Iterator
from typing import Any

import frameworks
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import clr_core

torch = frameworks.load("torch")
clr_torch = frameworks.load("clr_torch")

from torch import nn  # noqa: E402

mse = nn.functional.mse_loss


def regression(n: int = 64, batch: int = 16) -> list[Any]:
    """Batches of a problem that a linear model can learn."""
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(n, 3, generator=generator)
    targets = inputs @ torch.tensor([[1.0], [-2.0], [0.5]])
    return list(zip(inputs.split(batch), targets.split(batch), strict=True))


def linear(lr: float = 0.1) -> tuple[Any, Any]:
    torch.manual_seed(0)
    model = nn.Linear(3, 1)
    return model, torch.optim.SGD(model.parameters(), lr=lr)


def simple_step(model: Any, optimizer: Any, batches: list[Any]) -> Any:
    """A training step of a user's own on the same batches, begun again at the end."""
    return step_on(model, optimizer, itertools.cycle(batches))


def step_on(model: Any, optimizer: Any, stream: Iterator[Any]) -> Any:
    """A training step of a user's own on the next batch."""

    def train_step() -> Any:
        inputs, targets = next(stream)
        optimizer.zero_grad()
        loss = mse(model(inputs), targets)
        loss.backward()
        optimizer.step()
        return loss

    return train_step


def updating(model: Any, optimizer: Any, outcome: Callable[[], Any]) -> Any:
    """A training step that makes an update and returns what ``outcome`` does."""

    def train_step() -> Any:
        optimizer.zero_grad()
        model(torch.ones(1, 3)).sum().backward()
        optimizer.step()
        return outcome()

    return train_step


@pytest.mark.parametrize("where", ["class", "instance", "wrapper"])
def test_a_zero_grad_of_the_optimizers_own_is_called(where: str) -> None:
    """Only torch's own, which sets gradients to None, may be done without a call."""
    calls: list[None] = []

    class Counting(torch.optim.SGD):  # type: ignore[misc, name-defined]
        def zero_grad(self, set_to_none: bool = True) -> None:
            calls.append(None)
            super().zero_grad(set_to_none)

    class Wrapper(torch.optim.Optimizer):  # type: ignore[misc, name-defined]
        def __init__(self, inner: Any) -> None:
            self.optimizer, self.param_groups, self.defaults = inner, inner.param_groups, inner.defaults
            self.state, self.zero_grad, self.step = inner.state, inner.zero_grad, inner.step

    model, optimizer = linear()
    if where != "instance":
        optimizer = Counting(model.parameters(), lr=0.1)
    if where == "wrapper":
        optimizer = Wrapper(optimizer)
    if where == "instance":
        optimizer.zero_grad = lambda: (calls.append(None), torch.optim.SGD.zero_grad(optimizer))
    curve = clr_torch.range_test(model, optimizer, mse, regression(), num_steps=8)
    assert len(calls) == len(curve) == 8
    plain = linear()
    assert curve.losses == clr_torch.range_test(*plain, mse, regression(), num_steps=8).losses


# The LR that is used is the LR that is recorded.


@settings(deadline=None, max_examples=40)
@given(
    st.floats(1e-7, 1e-3),
    st.floats(1e-2, 10.0),
    st.integers(2, 40),
    st.sampled_from(["exponential", "linear"]),
    st.lists(st.floats(0.01, 10.0), min_size=1, max_size=3),
    st.booleans(),
)
def test_the_lr_used_is_the_lr_recorded(
    start_lr: float, end_lr: float, num_steps: int, mode: str, built: list[float], is_tensor: bool
) -> None:
    """Decoded from the weights: with a gradient of 1 each falls by its group's LR, in the ratios of the groups."""
    weights = [nn.Parameter(torch.zeros((), dtype=torch.float64)) for _ in built]
    groups = [
        {"params": [weight], "lr": torch.tensor(lr, dtype=torch.float64) if is_tensor else lr}
        for weight, lr in zip(weights, built, strict=True)
    ]
    optimizer = torch.optim.SGD(groups)
    model = nn.ParameterList(weights)
    used: list[list[float]] = []

    def train_step() -> Any:
        with torch.no_grad():
            for weight in weights:
                weight.zero_()
        optimizer.zero_grad()
        loss = torch.stack(weights).sum()
        loss.backward()
        optimizer.step()
        used.append([-weight.item() for weight in weights])
        return loss

    curve = clr_torch.range_test_steps(
        train_step,
        models=model,
        optimizers=optimizer,
        start_lr=start_lr,
        end_lr=end_lr,
        num_steps=num_steps,
        mode=mode,
    )
    test = clr_core.RangeTest(start_lr, end_lr, num_steps, mode=mode)
    assert [lrs[0] for lrs in used] == list(curve.lrs) == test.schedule.values(num_steps)
    for lrs in used:
        assert lrs == pytest.approx([lrs[0] * lr / built[0] for lr in built], rel=1e-15)


def test_the_loss_is_that_of_the_update() -> None:
    """Loss k is the loss of batch k before update k at LR k: replayed by hand, the numbers are the same."""
    batches = regression()
    model, optimizer = linear()
    curve = clr_torch.range_test(model, optimizer, mse, batches, num_steps=30, end_lr=0.1)
    twin, by_hand = linear()
    expected = []
    for lr, (inputs, targets) in zip(curve.lrs, itertools.cycle(batches), strict=False):
        by_hand.param_groups[0]["lr"] = lr
        by_hand.zero_grad()
        loss = mse(twin(inputs), targets)
        loss.backward()
        by_hand.step()
        expected.append(loss.item())
    assert list(curve.losses) == expected
    assert (len(curve), curve.stop_reason, curve.optimizer) == (30, "completed", "SGD")
    assert curve.momentum is False
    assert (curve.lrs[0], curve.lrs[-1]) == (1e-7, 0.1)
    assert curve.metrics is None


def test_both_forms_give_the_same_curve() -> None:
    """Model, criterion and loader, or a step of one's own that does the same: one curve."""
    batches = regression()
    model, optimizer = linear()
    one = clr_torch.range_test(model, optimizer, mse, batches, end_lr=100.0)
    two = clr_torch.range_test_steps(
        simple_step(model, optimizer, batches), models=[model], optimizers=[optimizer], end_lr=100.0
    )
    assert one == two
    assert one.stop_reason == "diverged"


def test_ends_where_the_loop_of_core_ends() -> None:
    """A loop over clr_core.RangeTest by hand stops at the same update for the same reason."""
    batches = regression()
    model, optimizer = linear()
    curve = clr_torch.range_test(model, optimizer, mse, batches, end_lr=100.0)
    test = clr_core.RangeTest(end_lr=100.0, optimizer="SGD", momentum=False)
    step = simple_step(model, optimizer, batches)
    while not test.done:
        optimizer.param_groups[0]["lr"] = test.lr
        test.record(step().item())
    assert curve == test.curve
    assert len(curve) < 100


def test_losses_read_late_make_the_same_curve(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many losses are read at once, as on an accelerator, the curve and its end are the same."""
    module = frameworks.load("clr_torch._loop")
    model, optimizer = linear()

    def curve() -> Any:
        return clr_torch.range_test(model, optimizer, mse, regression(), end_lr=100.0, metric=mse)

    curves = [curve()]
    monkeypatch.setattr(module.Loop, "_may_end_test", lambda self, outcome: False)
    for count in (16, 1, 7, 1000):
        monkeypatch.setattr(module, "LOSSES_PER_READ", count)
        curves.append(curve())
    assert all(each == curves[0] for each in curves)
    assert curves[0].stop_reason == "diverged"


@pytest.mark.parametrize("batch", [1, 2, 5, 16, 64])
def test_a_loss_at_hand_ends_the_test_at_once(batch: int) -> None:
    """Losses on the CPU wait as well, but not the one that ends the test: no update is made after it."""
    model, optimizer = linear()
    step, made = simple_step(model, optimizer, regression(batch=batch)), 0

    def counted() -> Any:
        nonlocal made
        made += 1
        return step()

    curve = clr_torch.range_test_steps(counted, models=model, optimizers=optimizer, end_lr=100.0)
    assert curve.stop_reason == "diverged"
    assert made == len(curve)


def test_an_error_past_the_end_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """A step run ahead of an unread divergence may fail, as diverged models do; the test had ended before."""
    module = frameworks.load("clr_torch._loop")
    model, optimizer = linear()
    monkeypatch.setattr(module.Loop, "_may_end_test", lambda self, outcome: False)
    monkeypatch.setattr(module, "LOSSES_PER_READ", 1000)

    def strict(output: Any, targets: Any) -> Any:
        if not torch.isfinite(output).all():
            raise ValueError("not finite")
        return mse(output, targets)

    curve = clr_torch.range_test(model, optimizer, strict, regression(), end_lr=1e30)
    assert curve.stop_reason == "diverged"


def test_a_nan_ends_the_test_and_is_kept() -> None:
    """The first loss that is not finite is the last point."""
    model, optimizer = linear()
    losses = iter([3.0, 2.0, math.nan, 1.0])
    step = updating(model, optimizer, lambda: next(losses))
    curve = clr_torch.range_test_steps(step, models=model, optimizers=optimizer)
    assert curve.losses[:2] == (3.0, 2.0)
    assert math.isnan(curve.losses[2])
    assert (len(curve), curve.stop_reason) == (3, "non_finite")


def test_divergence_can_be_ruled_out() -> None:
    """divergence=None runs to the end whatever finite loss there is."""
    model, optimizer = linear()
    losses = iter(range(1, 101))
    step = updating(model, optimizer, lambda: float(next(losses)))
    curve = clr_torch.range_test_steps(step, models=model, optimizers=optimizer, divergence=None)
    assert (len(curve), curve.stop_reason) == (100, "completed")


def test_ctrl_c_returns_the_curve_so_far() -> None:
    """KeyboardInterrupt ends the test as "interrupted", with every loss there was."""
    model, optimizer = linear()
    count = itertools.count()

    def criterion(output: Any, targets: Any) -> Any:
        if next(count) == 5:
            raise KeyboardInterrupt
        return mse(output, targets)

    curve = clr_torch.range_test(model, optimizer, criterion, regression())
    assert (len(curve), curve.stop_reason) == (5, "interrupted")


# What range_test can train.


def test_a_short_loader_is_begun_again() -> None:
    """The loader is iterated over as often as it takes."""
    model, optimizer = linear()
    batches = regression(32)
    curve = clr_torch.range_test(model, optimizer, mse, batches, num_steps=7, end_lr=1e-6)
    assert len(batches) == 2
    assert len(curve) == 7
    assert curve.losses[0] == pytest.approx(curve.losses[2], rel=1e-5)


@pytest.mark.parametrize("loader", [[], iter([])])
def test_an_empty_loader_is_an_error(loader: Any) -> None:
    """A loader without a batch raises, in the middle of the test too."""
    model, optimizer = linear()
    with pytest.raises(ValueError, match=r"train_loader must give a batch to every update .* got 0"):
        clr_torch.range_test(model, optimizer, mse, loader)
    with pytest.raises(ValueError, match=r"val_loader must yield a batch every time .* got none"):
        clr_torch.range_test(model, optimizer, mse, regression(), val_loader=loader)
    with pytest.raises(ValueError, match="got 4: pass a list, a DataLoader"):
        clr_torch.range_test(model, optimizer, mse, iter(regression()))


def test_a_loader_with_workers_and_shuffling() -> None:
    """A DataLoader that shuffles gives the same curve twice, its own generator included."""
    data = torch.utils.data.TensorDataset(torch.randn(64, 3), torch.randn(64, 1))
    model, optimizer = linear()
    for generator in (None, torch.Generator().manual_seed(3)):
        loader = torch.utils.data.DataLoader(data, batch_size=8, shuffle=True, generator=generator)
        one, two = (clr_torch.range_test(model, optimizer, mse, loader, num_steps=20) for _ in range(2))
        assert one == two


def test_accumulated_batches_make_one_update() -> None:
    """Four batches of 16 with accumulation_steps=4 train as one batch of 64 does."""
    model, optimizer = linear()
    curve = clr_torch.range_test(model, optimizer, mse, regression(), num_steps=40, end_lr=0.1, accumulation_steps=4)
    whole = clr_torch.range_test(model, optimizer, mse, regression(batch=64), num_steps=40, end_lr=0.1)
    assert curve.losses == pytest.approx(whole.losses, rel=1e-4)
    assert len(curve) == 40


def test_the_validation_loss_after_each_update() -> None:
    """With val_loader, point k is the loss over all of it after update k, every example counting alike."""
    model, optimizer = linear()
    inputs, targets = (torch.cat(parts) for parts in zip(*regression(), strict=True))
    uneven = [(inputs[:50], targets[:50]), (inputs[50:], targets[50:])]
    modes = []

    def criterion(output: Any, wanted: Any) -> Any:
        modes.append((model.training, torch.is_grad_enabled()))
        return mse(output, wanted)

    curve = clr_torch.range_test(
        model, optimizer, criterion, regression(), val_loader=uneven, num_steps=5, mode="linear", end_lr=0.1
    )
    assert modes == [(True, True), (False, False), (False, False)] * 5
    twin, by_hand = linear()
    step = simple_step(twin, by_hand, regression())
    expected = []
    for lr in curve.lrs:
        by_hand.param_groups[0]["lr"] = lr
        step()
        with torch.no_grad():
            expected.append(mse(twin(inputs), targets).item())
    assert curve.losses == pytest.approx(expected, rel=1e-6)


def classification() -> tuple[Any, Any, list[Any]]:
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(64, 3, generator=generator)
    torch.manual_seed(0)
    model = nn.Linear(3, 4)
    return model, torch.optim.Adam(model.parameters()), [(inputs, inputs.argmax(dim=1))]


def test_accuracy_beside_the_loss() -> None:
    """metric="accuracy" records the share of right classes; a function of one's own records the same."""
    model, optimizer, batches = classification()
    cross_entropy = nn.functional.cross_entropy

    def share(output: Any, targets: Any) -> float:
        return float((output.argmax(dim=1) == targets).float().mean())

    arguments = {"num_steps": 60, "end_lr": 0.1}
    curve = clr_torch.range_test(model, optimizer, cross_entropy, batches, metric="accuracy", **arguments)
    same = clr_torch.range_test(model, optimizer, cross_entropy, batches, metric=share, **arguments)
    assert curve == same
    assert curve.metrics is not None
    with torch.no_grad():
        assert curve.metrics[0] == share(model(batches[0][0]), batches[0][1])
    assert curve.metrics[0] < 0.5 < curve.metrics[-1]
    assert curve.optimizer == "Adam"
    validated = clr_torch.range_test(
        model, optimizer, cross_entropy, batches, metric="accuracy", val_loader=batches, **arguments
    )
    assert validated.metrics is not None
    assert validated.metrics[:-1] == curve.metrics[1:]


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_mixed_precision_with_a_scaler(dtype: str) -> None:
    """Under autocast and a GradScaler the scaled gradients are unscaled: the curve is near that of float32."""
    batches = regression()
    model, optimizer = linear()
    seen = []

    def criterion(output: Any, targets: Any) -> Any:
        seen.append(output.dtype)
        return mse(output.float(), targets)

    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
    curve = clr_torch.range_test(
        model,
        optimizer,
        criterion,
        batches,
        num_steps=30,
        end_lr=0.1,
        autocast=getattr(torch, dtype),
        scaler=scaler,
    )
    plain = clr_torch.range_test(model, optimizer, mse, batches, num_steps=30, end_lr=0.1)
    assert set(seen) == {getattr(torch, dtype)}
    assert curve.losses == pytest.approx(plain.losses, rel=0.05)
    assert curve.losses != plain.losses


def test_nested_batches_are_moved_to_the_models_device() -> None:
    """Dicts, tuples and lists of Tensors arrive at the device of the model's parameters."""

    class OnMeta(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.zeros(3, 1, device="meta"))

        def forward(self, inputs: Any) -> Any:
            found.append(inputs)
            return inputs["a"][0] @ self.weight

    found: list[Any] = []
    model = OnMeta()
    batches = [({"a": (torch.zeros(2, 3), "text"), "b": [torch.zeros(2)]}, torch.zeros(2, 1))]
    with pytest.raises(Exception, match="meta"):  # a loss on no real device cannot be read
        clr_torch.range_test(model, torch.optim.SGD(model.parameters()), mse, batches, num_steps=2)
    (moved, text), (other,) = found[0]["a"], found[0]["b"]
    assert (moved.device.type, text, other.device.type) == ("meta", "text", "meta")


def test_batches_of_other_kinds_are_refused_with_what_to_do() -> None:
    """A dict batch, a triple or a bare Tensor is an error that names range_test_steps."""
    model, optimizer = linear()
    pairs = regression()
    for batch, kind in (
        ({"x": pairs[0][0], "y": pairs[0][1]}, "got a dict:"),
        ((*pairs[0], pairs[0][1]), "got a tuple of 3:"),
        (pairs[0][0], "got a Tensor:"),
    ):
        with pytest.raises(TypeError, match=kind + ".*clr_torch.range_test_steps"):
            clr_torch.range_test(model, optimizer, mse, [batch])


@pytest.mark.parametrize(
    ("name", "groups", "arguments", "momentum"),
    [
        ("SGD", [{}], {}, False),
        ("SGD", [{}], {"momentum": 0.9}, True),
        ("SGD", [{"momentum": 0.0}, {"momentum": 0.5}], {}, True),
        ("SGD", [{"momentum": 0.0}, {}], {}, False),
        ("RMSprop", [{}], {"momentum": 0.9}, None),
        ("Adam", [{}], {}, None),
    ],
)
def test_the_curve_says_whether_sgd_has_momentum(
    name: str, groups: list[dict[str, Any]], arguments: dict[str, Any], momentum: bool | None
) -> None:
    """True where any group of an SGD has it, else False; None of any other optimizer, in both forms."""
    batches = regression()
    model = nn.Linear(3, 1)
    parameters = [model.weight, model.bias] if len(groups) > 1 else [list(model.parameters())]
    optimizer = getattr(torch.optim, name)(
        [{"params": each, **group} for each, group in zip(parameters, groups, strict=True)], lr=0.1, **arguments
    )
    one = clr_torch.range_test(model, optimizer, mse, batches, num_steps=3)
    two = clr_torch.range_test_steps(
        simple_step(model, optimizer, batches), models=model, optimizers=optimizer, num_steps=3
    )
    for curve in (one, two):
        assert (curve.optimizer, curve.momentum) == (name, momentum)


# Steps of the user's own.


def test_two_models_two_optimizers_and_dict_batches() -> None:
    """Every group of every optimizer keeps its ratio to the first group of the first, and the metric is kept."""
    first, second = nn.Linear(3, 2), nn.Linear(2, 1)
    one = torch.optim.SGD(first.parameters(), lr=0.5)
    two = torch.optim.AdamW([{"params": [second.weight], "lr": 0.25}, {"params": [second.bias], "lr": 1.0}])
    seen = []

    def train_step() -> Any:
        batch = {"x": torch.ones(4, 3), "y": torch.ones(4, 1)}
        for optimizer in (one, two):
            optimizer.zero_grad()
        loss = mse(second(first(batch["x"])), batch["y"])
        loss.backward()
        for optimizer in (one, two):
            optimizer.step()
        seen.append([group["lr"] for group in (*one.param_groups, *two.param_groups)])
        return loss, 0.75

    curve = clr_torch.range_test_steps(
        train_step, models=[first, second], optimizers=[one, two], num_steps=20, end_lr=0.01
    )
    assert seen == [[lr, lr * 0.5, lr * 2.0] for lr in curve.lrs]
    assert curve.metrics == (0.75,) * 20
    assert curve.optimizer == "SGD"


@pytest.mark.parametrize("outcome", [None, "0.5", True, (), (0.5, 0.5, 0.5), {"loss": 0.5}, "vector", (0.5, None)])
def test_a_step_must_return_its_loss(outcome: Any) -> None:
    """Anything but a number, a Tensor of one element or (loss, metric) is refused with what is wanted."""
    model, optimizer = linear()
    if outcome == "vector":
        outcome = torch.ones(2)
    with pytest.raises(TypeError, match=r"train_step must return the loss, .* or \(loss, metric\), got"):
        clr_torch.range_test_steps(updating(model, optimizer, lambda: outcome), models=model, optimizers=optimizer)


@pytest.mark.parametrize("loss", [2, 2.0, torch.tensor(2.0), torch.tensor([[2.0]]), torch.tensor(2)])
def test_numbers_of_every_kind_are_losses(loss: Any) -> None:
    """A float, an int and a Tensor of one element of any shape."""
    model, optimizer = linear()
    step = updating(model, optimizer, lambda: loss)
    curve = clr_torch.range_test_steps(step, models=model, optimizers=optimizer, num_steps=3)
    assert curve.losses == (2.0, 2.0, 2.0)


def test_a_step_that_moves_the_lr_is_refused() -> None:
    """A scheduler's step inside train_step would make the recorded LR wrong, so it raises and says so."""
    model, optimizer = linear()
    scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.5)

    def train_step() -> float:
        optimizer.step()
        scheduler.step()
        return 1.0

    with pytest.raises(RuntimeError, match=r"train_step must leave the LR alone, got lr=5e-08 .* 1e-07"):
        clr_torch.range_test_steps(train_step, models=model, optimizers=optimizer)


@pytest.mark.parametrize("is_tensor", [False, True])
@pytest.mark.parametrize("moment", ["before", "after", "before and back"])
def test_any_lr_of_any_group_that_moves_is_refused(is_tensor: bool, moment: str) -> None:
    """By its value at the moment it is used and after the step: the second group of the second optimizer counts."""
    model = nn.Linear(3, 1)
    lr = torch.tensor(0.1, dtype=torch.float64) if is_tensor else 0.1
    one = torch.optim.SGD([model.weight], lr=0.1)
    two = torch.optim.SGD([{"params": [model.bias]}, {"params": [nn.Parameter(torch.ones(1))], "lr": lr}], lr=0.1)

    def set_lr(value: float) -> None:
        clr_torch._groups.set_lr(two.param_groups[1], value)

    def train_step() -> Any:
        lr = float(two.param_groups[1]["lr"])
        model(torch.ones(1, 3)).sum().backward()
        if moment.startswith("before"):
            set_lr(0.5)
        one.step()
        two.step()
        set_lr(lr if moment.endswith("back") else 0.5)
        return 1.0

    with pytest.raises(RuntimeError, match=r"must leave the LR alone, got lr=0.5 in group 2 where"):
        clr_torch.range_test_steps(train_step, models=model, optimizers=[one, two])


def test_an_lr_written_with_its_own_value_is_fine() -> None:
    """Values are compared, not objects."""
    model, optimizer = linear()

    def train_step() -> Any:
        optimizer.param_groups[0]["lr"] = float(f"{optimizer.param_groups[0]['lr']!r}")
        model(torch.ones(1, 3)).sum().backward()
        optimizer.step()
        return 1.0

    assert len(clr_torch.range_test_steps(train_step, models=model, optimizers=optimizer, num_steps=5)) == 5


def test_an_inner_optimizer_that_trains_at_another_lr_is_refused() -> None:
    """A wrapper that keeps groups of its own would have the LR recorded and never used."""

    class Wrapper(torch.optim.Optimizer):  # type: ignore[misc, name-defined]
        def __init__(self, inner: Any) -> None:
            super().__init__([dict(group) for group in inner.param_groups], {})
            self.inner = inner

        def step(self, closure: Any = None) -> None:
            self.inner.step()

    model, inner = linear()
    with pytest.raises(
        RuntimeError, match=r"must leave the LR alone, got lr=0.1 in group 0 where the test had set 1e-07"
    ):
        clr_torch.range_test(model, Wrapper(inner), mse, regression())


@pytest.mark.parametrize("writes_to_data", [False, True])
def test_a_step_without_an_update_is_refused(writes_to_data: bool) -> None:
    """Gradients accumulated over several calls would have an LR recorded that nothing was updated with."""

    class Old(torch.optim.SGD):
        def step(self, closure: Any = None) -> None:
            for group in self.param_groups:
                for parameter in group["params"]:
                    parameter.data.add_(parameter.grad.data, alpha=-group["lr"])

    model = nn.Linear(3, 1)
    optimizer = (Old if writes_to_data else torch.optim.SGD)(model.parameters(), lr=0.1)
    calls = itertools.count(1)

    def train_step(every: int) -> Any:
        loss = mse(model(torch.ones(1, 3)), torch.ones(1, 1))
        loss.backward()
        if next(calls) % every == 0:
            optimizer.step()
            optimizer.zero_grad()
        return loss

    def test(every: int) -> Any:
        return clr_torch.range_test_steps(lambda: train_step(every), models=model, optimizers=optimizer, num_steps=8)

    assert len(test(1)) == 8
    with pytest.raises(
        RuntimeError, match=r"must make an update every time .* take all the batches of an update in one"
    ):
        test(4)


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("no backward", "none has a gradient: .* call backward"),
        ("another model's optimizer", "must be over parameters of the model that is trained, .* build it again"),
        ("accumulates by itself", "must make an update every time it is called, got a call without one"),
    ],
)
def test_a_call_of_step_is_no_update(fault: str, message: str) -> None:
    """It is the parameters that have to move."""

    class Accumulating(torch.optim.SGD):
        calls = 0

        def step(self, closure: Any = None) -> None:
            self.calls += 1
            if self.calls % 4 == 0:
                super().step()

    model, other = nn.Linear(3, 1), nn.Linear(3, 1)
    kind = Accumulating if fault == "accumulates by itself" else torch.optim.SGD
    optimizer = kind((other if "another" in fault else model).parameters(), lr=0.1)

    def train_step() -> Any:
        optimizer.zero_grad()
        loss = mse(model(torch.ones(1, 3)), torch.ones(1, 1))
        if fault != "no backward":
            loss.backward()
        optimizer.step()
        return loss

    with pytest.raises(RuntimeError, match=message):
        clr_torch.range_test_steps(train_step, models=model, optimizers=optimizer, num_steps=8)


def test_a_step_that_runs_out_of_batches_says_so() -> None:
    """In place of Python's StopIteration, which has no message; everything is put back."""
    model, optimizer = linear()
    weight, train_step = model.weight.detach().clone(), step_on(model, optimizer, iter(regression()))
    with pytest.raises(ValueError, match="must have a batch, got StopIteration: start the data over"):
        clr_torch.range_test_steps(train_step, models=model, optimizers=optimizer)
    assert torch.equal(model.weight, weight)


def test_the_optimizer_of_another_model_is_named() -> None:
    """As in a notebook, where the cell of the model was run again, and that of the optimizer was not."""
    optimizer = torch.optim.SGD(nn.Linear(3, 1).parameters(), lr=0.1)
    with pytest.raises(RuntimeError, match="the optimizer must be over parameters of the model that is trained"):
        clr_torch.range_test(nn.Linear(3, 1), optimizer, mse, [(torch.ones(1, 3), torch.ones(1, 1))])


def test_an_lr_is_that_of_a_parameter_however_optimizers_inside_group_them() -> None:
    """An optimizer of two others, which do not see the LRs of its own one group."""

    class Combined(torch.optim.Optimizer):
        def __init__(self, model: nn.Module) -> None:
            weights, biases = ([p for p in model.parameters() if (p.dim() > 1) is large] for large in (True, False))
            self.inner = [torch.optim.SGD(weights, lr=0.1), torch.optim.Adam(biases, lr=0.1)]
            super().__init__(model.parameters(), {"lr": 0.1})

        def step(self, closure: Any = None) -> None:
            for each in self.inner:
                each.step()

    model = nn.Linear(3, 1)
    with pytest.raises(RuntimeError, match=r"must leave the LR alone, got lr=0.1 in group 0 where the test had set"):
        clr_torch.range_test(model, Combined(model), mse, regression())


def test_a_group_added_in_a_step_is_refused() -> None:
    """It would train at an LR of its own, which the curve does not have."""
    model, head = nn.Linear(3, 3), nn.Linear(3, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

    def train_step() -> Any:
        if len(optimizer.param_groups) == 1:
            optimizer.add_param_group({"params": list(head.parameters()), "lr": 0.5})
        optimizer.zero_grad()
        loss = mse(head(model(torch.ones(1, 3))), torch.ones(1, 1))
        loss.backward()
        optimizer.step()
        return loss

    with pytest.raises(RuntimeError, match="must leave the parameter groups alone, got 2 where there had been 1"):
        clr_torch.range_test_steps(train_step, models=[model, head], optimizers=optimizer, num_steps=8)
    assert len(optimizer.param_groups) == 1


def test_a_progress_bar_only_in_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """With tqdm, a terminal sees a bar that is gone at the end; a file, or progress=False, gets nothing."""
    pytest.importorskip("tqdm")
    model, optimizer = linear()

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    shown = []
    for stream, progress in ((Terminal(), True), (Terminal(), False), (io.StringIO(), True)):
        monkeypatch.setattr(sys, "stderr", stream)
        clr_torch.range_test(model, optimizer, mse, regression(), num_steps=5, progress=progress)
        shown.append(stream.getvalue())
    assert "range test" in shown[0]
    assert shown[1:] == ["", ""]


# What else a user may ask for.


def test_an_objective_that_is_maximized_is_recorded_as_a_loss() -> None:
    """With maximize=True the curve has the negative; where some groups maximize and others do not, it is refused."""
    curves = []
    for maximize, sign in ((False, 1), (True, -1)):
        torch.manual_seed(0)
        model = nn.Linear(3, 1)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1, maximize=maximize)
        criterion = lambda output, targets, sign=sign: sign * mse(output, targets)  # noqa: E731
        curves.append(clr_torch.range_test(model, optimizer, criterion, regression(), end_lr=100.0))
    assert curves[0] == curves[1]
    optimizer.add_param_group({"params": [nn.Parameter(torch.ones(1))], "maximize": False})
    with pytest.raises(ValueError, match="maximize must be the same in every parameter group"):
        clr_torch.range_test(model, optimizer, mse, regression())


def test_a_loss_function_of_model_and_batch() -> None:
    """With loss_fn a batch can be anything; the curve is that of the criterion, with validation too."""
    model, optimizer = linear()
    batches = regression()
    dicts = [{"x": inputs, "y": targets} for inputs, targets in batches]

    def loss_fn(model: Any, batch: Any) -> Any:
        return mse(model(batch["x"]), batch["y"])

    one = clr_torch.range_test(model, optimizer, None, dicts, loss_fn=loss_fn, val_loader=dicts)
    assert one == clr_torch.range_test(model, optimizer, mse, batches, val_loader=batches)
    with pytest.raises(TypeError, match=r"loss_fn must return the loss, a Tensor of one element, got 1\.0"):
        clr_torch.range_test(model, optimizer, None, dicts, loss_fn=lambda model, batch: 1.0)
    with pytest.raises(ValueError, match="loss_fn must come without a criterion or a metric"):
        clr_torch.range_test(model, optimizer, mse, dicts, loss_fn=loss_fn)


def test_gradients_are_clipped() -> None:
    """With clip_grad_norm every update is at most LR times the norm long, also under a GradScaler."""
    for scaler in (None, torch.amp.GradScaler("cpu", init_scale=1024.0)):
        model, optimizer = linear()
        weights: list[Any] = []

        def criterion(output: Any, targets: Any, model: Any = model, weights: Any = weights) -> Any:
            weights.append(torch.cat([each.detach().flatten() for each in model.parameters()]))
            return 1000 * mse(output, targets)

        curve = clr_torch.range_test(
            model, optimizer, criterion, regression(), end_lr=1.0, num_steps=20, clip_grad_norm=0.25, scaler=scaler
        )
        lengths = [(after - before).norm().item() for before, after in itertools.pairwise(weights)]
        assert lengths[5:] == pytest.approx([lr * 0.25 for lr in curve.lrs[5:-1]], rel=1e-2)


def test_several_seeds_in_one_call() -> None:
    """One curve for each seed, from the same weights with the data in another order; the same seed, the same curve."""
    inputs, targets = (torch.cat(parts) for parts in zip(*regression(), strict=True))
    order = torch.Generator().manual_seed(0)
    dataset = torch.utils.data.TensorDataset(inputs, targets)
    loader = torch.utils.data.DataLoader(dataset, batch_size=8, shuffle=True, generator=order)
    model, optimizer = linear()
    before = order.get_state().tolist()
    curves = clr_torch.range_test(model, optimizer, mse, loader, seeds=[1, 2, 1])
    assert curves[0] == curves[2] != curves[1]
    assert order.get_state().tolist() == before
    presses = itertools.count()

    def criterion(output: Any, targets: Any) -> Any:
        if next(presses) == 8:
            raise KeyboardInterrupt
        return mse(output, targets)

    curves = clr_torch.range_test(model, optimizer, criterion, loader, seeds=range(3), num_steps=5)
    assert [(len(curve), curve.stop_reason) for curve in curves] == [(5, "completed"), (3, "interrupted")]


def named(name: str, base: type = torch.optim.Optimizer, **attributes: Any) -> Any:
    optimizer = type(name, (base,), {})([nn.Parameter(torch.ones(1))], {"lr": 0.1})
    vars(optimizer).update(attributes)
    return optimizer


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("AdamW8bit", "AdamW"),
        ("PagedAdamW32bit", "AdamW"),
        ("AdamWScheduleFree", "AdamW"),
        ("SGDScheduleFreeClosure", "SGD"),
        ("PagedLion8bit", "Lion"),
        ("AdamFp8", "Adam"),
        ("DeepSpeedCPUAdam", "Adam"),
        ("Sophia", "Sophia"),
    ],
)
def test_an_optimizer_is_what_it_is(name: str, expected: str) -> None:
    """8-bit, paged, fused and schedule-free kinds are known by what they compute; an unknown one keeps its name."""
    described = frameworks.load("clr_torch._describe").described
    assert described(named(name))["optimizer"] == expected
    assert described(named("Wrapper", optimizer=named("Inner", base_optimizer=named(name))))["optimizer"] == expected
    assert described(named(name), "Lion")["optimizer"] == "Lion"


def test_an_optimizer_that_wraps_several_or_decays_as_adamw() -> None:
    """One for each parameter is what they all are; Adam with decoupled decay is AdamW by torch, apex and DeepSpeed."""
    described = frameworks.load("clr_torch._describe").described
    several = {index: named("AdamW8bit") for index in range(3)}
    assert described(named("CPUOffloadOptimizer", optim_dict=several))["optimizer"] == "AdamW"
    assert described(named("Both", one=named("Adam"), two=named("SGD")))["optimizer"] == "Both"
    assert described(named("FusedAdam", adam_w_mode=1))["optimizer"] == "AdamW"
    if "decoupled_weight_decay" in inspect.signature(torch.optim.Adam).parameters:  # not in torch 2.4
        adam = torch.optim.Adam([nn.Parameter(torch.ones(1))], decoupled_weight_decay=True)
        assert described(adam)["optimizer"] == "AdamW"
    model, inner = linear()
    curve = clr_torch.range_test(model, inner, mse, regression(), num_steps=5, optimizer_name="Lion")
    assert (curve.optimizer, curve.momentum) == ("Lion", None)


# Bad input.


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"model": lambda x: x}, TypeError, "model must be a torch.nn.Module"),
        ({"optimizer": None}, TypeError, "optimizer must be a torch.optim.Optimizer, got optimizer=None"),
        (
            {"criterion": nn.MSELoss},
            TypeError,
            r"criterion must be a function .*, got the class MSELoss: .* MSELoss\(\)",
        ),
        ({"criterion": None, "loss_fn": nn.MSELoss}, TypeError, "loss_fn must be a function .*, got the class MSELoss"),
        ({"criterion": lambda *_: 0.5}, TypeError, r"criterion must return the loss, a Tensor of .*, got 0\.5"),
        ({"criterion": lambda *_: (0.5, 1)}, TypeError, r"criterion must return the loss, .*, got \(0\.5, 1\)"),
        ({"criterion": lambda *_: {"loss": 0.5}}, TypeError, r"criterion must return the loss, .*, got \{'loss'"),
        ({"criterion": nn.MSELoss(reduction="none")}, TypeError, r"criterion must return .*, got one of shape \("),
        ({"criterion": "mse"}, TypeError, "criterion must be a function of output and targets"),
        ({"train_loader": 3}, TypeError, "train_loader must be a DataLoader or another iterable of batches"),
        ({"val_loader": 3}, TypeError, "val_loader must be a DataLoader or another iterable of batches"),
        ({"metric": "f1"}, ValueError, "metric must be one of 'accuracy', got metric='f1'"),
        ({"metric": 1}, TypeError, 'metric must be "accuracy", a function or None, got metric=1'),
        ({"metric": "accuracy"}, ValueError, "must have a class number for every row"),
        ({"accumulation_steps": 0}, ValueError, "accumulation_steps must be an int >= 1"),
        ({"accumulation_steps": 1.5}, TypeError, "accumulation_steps must be an int >= 1"),
        ({"autocast": "float16"}, TypeError, "autocast must be a torch.dtype or None"),
        ({"clip_grad_norm": 0.0}, ValueError, "clip_grad_norm must be a finite number > 0"),
        ({"seeds": 3}, TypeError, "seeds must be a list of ints or None, got seeds=3"),
        ({"seeds": [-1]}, ValueError, r"seeds\[0\] must be an int >= 0"),
        ({"generators": [1]}, TypeError, r"generators must be a list of torch.Generator, got generators=\[1\]"),
        ({"optimizer_name": 1}, TypeError, "optimizer_name must be a str or None"),
        ({"loss_fn": 1}, TypeError, "loss_fn must be a function of model and batch, got loss_fn=1"),
        ({"scaler": True}, TypeError, "scaler must be a GradScaler or None, got scaler=True"),
        ({"start_lr": 0.0}, ValueError, "start_lr must be a finite number > 0"),
        ({"end_lr": 1e-9}, ValueError, "end_lr must be > start_lr"),
        ({"num_steps": 1}, ValueError, "num_steps must be an int >= 2"),
        ({"mode": "cosine"}, ValueError, "mode must be one of 'exponential', 'linear'"),
        ({"divergence": -1}, ValueError, "divergence"),
    ],
)
def test_refuses_bad_arguments(change: dict[str, Any], error: type[Exception], message: str) -> None:
    """Bad input raises, naming the argument and the value."""
    model, optimizer = linear()
    arguments = {
        "model": model,
        "optimizer": optimizer,
        "criterion": mse,
        "train_loader": regression(),
        **change,
    }
    with pytest.raises(error, match=message):
        clr_torch.range_test(**arguments)


@pytest.mark.parametrize("order", list(itertools.permutations(range(4)))[1:])
def test_arguments_in_another_order_are_refused_in_one_line(order: tuple[int, ...]) -> None:
    """However large the model and the batches are that stand in the wrong place."""
    model = nn.Sequential(*(nn.Linear(3, 3) for _ in range(200)))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    arguments = [model, optimizer, mse, [(torch.ones(200, 3), torch.ones(200, 3))] * 50]
    with pytest.raises(TypeError, match=r"^[^\n]{20,320}$"):
        clr_torch.range_test(*(arguments[place] for place in order), num_steps=2)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"train_step": 3}, TypeError, "train_step must be a function without arguments, got train_step=3"),
        ({"models": []}, TypeError, r"models must be a torch\.nn\.Module or a list of them, got models=\[\]"),
        ({"models": "model"}, TypeError, "models must be"),
        ({"optimizers": [3]}, TypeError, r"optimizers must be a torch\.optim\.Optimizer or a list of them"),
        ({"scaler": 1.0}, TypeError, "scaler must be a GradScaler or None, got scaler=1.0"),
        ({"num_steps": 2.0}, TypeError, "num_steps must be an int >= 2"),
    ],
)
def test_refuses_bad_arguments_to_steps(change: dict[str, Any], error: type[Exception], message: str) -> None:
    """Bad input raises, naming the argument and the value."""
    model, optimizer = linear()
    arguments = {"train_step": lambda: 1.0, "models": model, "optimizers": optimizer, **change}
    with pytest.raises(error, match=message):
        clr_torch.range_test_steps(**arguments)


@pytest.mark.parametrize(
    ("also", "message"),
    [
        ({"ema": nn.Linear(1, 1)}, "also must be a list of objects that a step changes, got also={'ema'"),
        ((each for each in [nn.Linear(1, 1)]), "got also=<generator"),
        ("ema", "got also='ema'"),
        (nn.Linear(1, 1), "got also=Linear"),
        (None, "got also=None"),
        ([nn.Linear(1, 1), None], r"got also\[1\]=None, of which nothing can be put back"),
        ([0.5], r"got also\[0\]=0\.5"),
        (["ema"], r"got also\[0\]='ema'"),
        ([nn.Linear], r"got also\[0\]=<class"),
        ([iter([1])], r"got also\[0\]=<list_iterator"),
    ],
)
def test_refuses_what_cannot_be_put_back(also: Any, message: str) -> None:
    """``also`` is a list or tuple, of objects of which something can be put back, even if there is nothing in them."""
    model, optimizer = linear()
    with pytest.raises(TypeError, match=message):
        clr_torch.range_test(model, optimizer, mse, regression(), also=also, seeds=[1, 2])
    with pytest.raises(TypeError, match=message):
        clr_torch.range_test_steps(lambda: 1.0, models=model, optimizers=optimizer, also=also)
    clr_torch.range_test(model, optimizer, mse, regression(), also=([], (), {}, model), num_steps=2)


def test_the_first_lr_must_be_positive() -> None:
    """An LR of 0 has no ratio to those of other groups, and one that is None is no LR: both say what to do."""
    model, optimizer = linear(lr=0.0)
    with pytest.raises(ValueError, match=r"first group must be > 0, .* build the optimizer with an lr > 0"):
        clr_torch.range_test(model, optimizer, mse, regression())
    optimizer.param_groups[0]["lr"] = None
    with pytest.raises(ValueError, match=r"got lr=None in param_groups\[0\]: build it with an lr"):
        clr_torch.range_test(model, optimizer, mse, regression())


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -0.1, "0.1", torch.tensor(torch.nan)])
@pytest.mark.parametrize("key", ["lr", "initial_lr"])
def test_every_lr_must_be_a_number(key: str, bad: Any) -> None:
    """That of a later group as well, whether it is the LR of now or the one it was built with."""
    model, optimizer = linear()
    optimizer.add_param_group({"params": [torch.zeros(1, requires_grad=True)], "lr": 0.1, key: bad})
    message = rf"param_groups\[1\]\['{key}'\] must be a finite number >= 0, got "
    with pytest.raises((TypeError, ValueError), match="optimizer." + message):
        clr_torch.range_test(model, optimizer, mse, regression())
    with pytest.raises((TypeError, ValueError), match=r"optimizers\[0\]." + message):
        clr_torch.range_test_steps(lambda: 1.0, models=model, optimizers=optimizer)
    with pytest.raises((TypeError, ValueError), match="optimizer." + message):
        clr_torch.ScheduleLR(optimizer, clr_core.constant(0.1))


@pytest.mark.parametrize("has_scheduler", [False, True])
def test_a_step_that_needs_a_closure_is_refused(has_scheduler: bool) -> None:
    """LBFGS calls the loss itself, several times in an update; a scheduler, which wraps step(), makes no difference."""
    model, optimizer = linear()
    lbfgs = torch.optim.LBFGS(model.parameters())
    if has_scheduler:
        for each in (optimizer, lbfgs):
            clr_torch.ScheduleLR(each, clr_core.constant(0.1))
    with pytest.raises(TypeError, match="optimizer must make a step without a closure, got LBFGS: write the step"):
        clr_torch.range_test(model, lbfgs, mse, regression())
    clr_torch.range_test(model, optimizer, mse, regression(), num_steps=2)


def test_a_lazy_model_is_refused() -> None:
    """A parameter that has no shape yet cannot be put back."""
    model = nn.LazyLinear(1)
    with pytest.raises(ValueError, match="got a lazy one: run one batch through it first"):
        clr_torch.range_test(model, torch.optim.SGD(model.parameters()), mse, regression())


def test_a_loop_of_ones_own_may_record_the_loss_as_it_is() -> None:
    """``RangeTest.record`` takes the Tensor that ``backward()`` was called on, without a warning of torch's."""
    test = clr_core.RangeTest(num_steps=5)
    loss = (2.0 * torch.ones(1, requires_grad=True)).sum()
    loss.backward()
    test.record(loss)
    assert test.curve.losses == (2.0,)


def test_find_bounds_takes_it_as_it_is() -> None:
    """With the arguments of the test bound, and no glue; the model is as before, whatever was tested."""
    model, optimizer = linear()
    before = [parameter.clone() for parameter in model.parameters()]
    run = functools.partial(clr_torch.range_test, model, optimizer, mse, regression())
    bounds = clr_core.find_bounds(run, total_steps=200)
    assert 1e-3 < bounds.max_lr < bounds.evidence.rise_lr * 10
    assert len(bounds.curves[0]) <= bounds.test_updates <= 1000
    assert all(torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))
