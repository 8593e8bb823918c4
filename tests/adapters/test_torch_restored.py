"""After a torch range test everything is as it was, to the bit and in the same objects."""

from __future__ import annotations

import copy
import itertools
import pickle
import random
from collections.abc import Callable
from typing import Any

import frameworks
import numpy as np
import pytest

import clr_core

torch = frameworks.load("torch")
clr_torch = frameworks.load("clr_torch")

from torch import nn  # noqa: E402

cross_entropy = nn.functional.cross_entropy


class Network(nn.Module):  # type: ignore[misc, name-defined]
    """BatchNorm, dropout, a frozen part, a buffer that forward replaces, an expanded one, and other randomness."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(), nn.Linear(8, 3))
        self.frozen = nn.Linear(4, 4)
        self.frozen.requires_grad_(False)
        self.frozen.eval()
        self.register_buffer("mean", torch.zeros(4))
        self.register_buffer("shift", torch.zeros(1).expand(4))
        self.register_buffer("absent", None)

    def forward(self, inputs: Any) -> Any:
        self.mean = 0.9 * self.mean + 0.1 * inputs.mean(0)
        self.absent = torch.ones(1)
        noise = random.random() + np.random.rand() + torch.rand(())
        return self.layers(self.frozen(inputs) - self.mean + self.shift + noise)


OPTIMIZERS: dict[str, Callable[[Any], Any]] = {
    "SGD": lambda parameters: torch.optim.SGD(parameters, lr=0.1),
    "momentum": lambda parameters: torch.optim.SGD(parameters, lr=0.1, momentum=0.9, nesterov=True),
    "Adam": lambda parameters: torch.optim.Adam(parameters, lr=0.1),
    "Adam, Tensors": lambda parameters: torch.optim.Adam(
        parameters, lr=torch.tensor(0.1), betas=(torch.tensor(0.9), torch.tensor(0.99)), foreach=False
    ),
    "AMSGrad": lambda parameters: torch.optim.AdamW(parameters, lr=0.1, amsgrad=True),
    "RMSprop": lambda parameters: torch.optim.RMSprop(parameters, lr=0.1, momentum=0.5, centered=True),
}


def batches() -> list[Any]:
    generator = torch.Generator().manual_seed(1)
    inputs = torch.randn(32, 4, generator=generator)
    return list(zip(inputs.split(8), inputs.argmax(1).clamp(max=2).split(8), strict=True))


def train(model: Any, optimizer: Any, steps: int) -> None:
    for inputs, targets in itertools.islice(itertools.cycle(batches()), steps):
        optimizer.zero_grad()
        cross_entropy(model(inputs), targets).backward()
        optimizer.step()


def make(kind: str, steps: int) -> tuple[Any, Any]:
    """A model in training mode, but for its frozen part, and an optimizer with two groups, some updates old."""
    for seed in (torch.manual_seed, random.seed, np.random.seed):
        seed(0)
    model = Network()
    weights = [p for p in model.parameters() if p.requires_grad and p.dim() > 1]
    others = [p for p in model.parameters() if p.requires_grad and p.dim() == 1]
    optimizer = OPTIMIZERS[kind]([{"params": weights}, {"params": others}])
    train(model, optimizer, steps)
    return model, optimizer


def bits(value: Any) -> Any:
    """Plain values that are equal only if what they come from is the same to the bit, in the same objects."""
    if isinstance(value, torch.Tensor):
        content = value.detach().contiguous().view(-1).view(torch.uint8).tolist() if value.numel() else []
        return ("tensor", id(value), str(value.dtype), tuple(value.shape), value.requires_grad, content)
    if isinstance(value, dict):
        return (id(value), [(bits(key), bits(item)) for key, item in value.items()])
    if isinstance(value, list | tuple):
        return (type(value).__name__, [bits(item) for item in value])
    return repr(value)


def everything(model: Any, optimizer: Any, scaler: Any = None) -> dict[str, Any]:
    """All that a range test must leave alone."""
    modules = dict(model.named_modules())
    return {
        "parameters": bits(dict(model.named_parameters()))[1],
        "gradients": bits([parameter.grad for parameter in model.parameters()]),
        "buffers": bits([list(module._buffers.items()) for module in modules.values()]),
        "modes": {name: module.training for name, module in modules.items()},
        "state": bits(optimizer.state),
        "groups": bits([list(group.items()) for group in optimizer.param_groups]),
        "attributes": {name: id(value) for name, value in vars(optimizer).items()},
        "scaler": bits(list(vars(scaler).items())) if scaler is not None else None,
        "torch": torch.get_rng_state().tolist(),
        "python": random.getstate(),
        "numpy": pickle.dumps(np.random.get_state()),
    }


def assert_same(before: dict[str, Any], after: dict[str, Any]) -> None:
    assert [name for name in before if before[name] != after[name]] == []


def stopping(at: int | None, error: type[BaseException]) -> Callable[[Any, Any], Any]:
    """A loss that raises at one of its calls."""
    calls = itertools.count()

    def criterion(output: Any, targets: Any) -> Any:
        if next(calls) == at:
            raise error("stop")
        return cross_entropy(output, targets)

    return criterion


@pytest.mark.parametrize("steps", [0, 3])
@pytest.mark.parametrize("kind", OPTIMIZERS)
def test_everything_is_as_it_was(kind: str, steps: int) -> None:
    """After a test of a fresh or a trained model, and after a second test, every bit is what it was."""
    model, optimizer = make(kind, steps)
    before = everything(model, optimizer)
    curves = []
    for _ in range(2):
        curves.append(clr_torch.range_test(model, optimizer, cross_entropy, batches(), num_steps=30, divergence=None))
        assert_same(before, everything(model, optimizer))
    assert curves[0] == curves[1]
    assert len(curves[0]) == 30


@pytest.mark.parametrize("at", [0, 5])
@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, SystemExit])
def test_everything_is_as_it_was_after_an_exception(error: type[BaseException], at: int) -> None:
    """An error in the first or a later step goes on to the caller, Ctrl-C ends the test; all is put back."""
    model, optimizer = make("Adam", 2)
    before = everything(model, optimizer)
    for _ in range(2):
        criterion = stopping(at, error)
        if error is KeyboardInterrupt:
            curve = clr_torch.range_test(model, optimizer, criterion, batches())
            assert (len(curve), curve.stop_reason) == (at, "interrupted")
        else:
            with pytest.raises(error, match="stop"):
                clr_torch.range_test(model, optimizer, criterion, batches())
        assert_same(before, everything(model, optimizer))


def test_training_goes_on_as_if_there_had_been_no_test() -> None:
    """Ten updates with a test among them end in the very weights of ten updates without."""
    results = []
    for has_test in (False, True):
        model, optimizer = make("AMSGrad", 5)
        if has_test:
            clr_torch.range_test(model, optimizer, cross_entropy, batches(), val_loader=batches())
        train(model, optimizer, 5)
        results.append([parameter.tolist() for parameter in model.parameters()])
    assert results[0] == results[1]


def test_schedulers_do_not_notice() -> None:
    """A scheduler on the optimizer goes on where it was, and torch's check of the order of steps still works."""
    model, optimizer = make("momentum", 0)
    wave = clr_core.triangular(0.25, 1.0, step_size=3)
    scheduler = clr_torch.ScheduleLR(optimizer, wave, momentum=clr_core.constant(0.5))
    before = everything(model, optimizer)
    curve = clr_torch.range_test(model, optimizer, cross_entropy, batches(), num_steps=5)
    assert curve.lrs[0] == 1e-7
    assert_same(before, everything(model, optimizer))
    assert scheduler.last_epoch == 0
    with pytest.warns(UserWarning, match=r"lr_scheduler.step\(\).* before .*optimizer.step\(\)"):
        scheduler.step()
    for _ in range(3):
        train(model, optimizer, 1)
        scheduler.step()
    assert optimizer.param_groups[0]["lr"] == wave(4)


def test_a_scaler_is_as_it_was() -> None:
    """A GradScaler that has shrunk its scale and counted its updates has its scale and count back."""
    model, optimizer = make("momentum", 1)
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**16, growth_interval=3)
    scaler.scale(torch.zeros(()))
    before = everything(model, optimizer, scaler)
    curves = [
        clr_torch.range_test(
            model,
            optimizer,
            cross_entropy,
            batches(),
            num_steps=10,
            scaler=scaler,
            autocast=torch.bfloat16,
            end_lr=1e-3,
        )
        for _ in range(2)
    ]
    assert curves[0] == curves[1]
    assert_same(before, everything(model, optimizer, scaler))


def test_a_fresh_scaler_stays_fresh() -> None:
    """A GradScaler makes its Tensors at first use; a test leaves none behind."""
    model, optimizer = make("SGD", 0)
    scaler = torch.amp.GradScaler("cpu")
    before = everything(model, optimizer, scaler)
    clr_torch.range_test(model, optimizer, cross_entropy, batches(), num_steps=4, scaler=scaler)
    assert scaler._scale is None
    assert_same(before, everything(model, optimizer, scaler))


def test_a_model_in_evaluation_mode_is_trained_and_put_back() -> None:
    """A model handed over in evaluation mode trains in training mode; one in training mode keeps its mix."""
    model, optimizer = make("SGD", 0)
    seen = []

    def criterion(output: Any, targets: Any) -> Any:
        seen.append((model.training, model.layers[1].training, model.frozen.training))
        return cross_entropy(output, targets)

    model.layers[1].eval()
    clr_torch.range_test(model, optimizer, criterion, batches(), num_steps=2)
    assert seen[-1] == (True, False, False)
    model.eval()
    before = everything(model, optimizer)
    clr_torch.range_test(model, optimizer, criterion, batches(), num_steps=2)
    assert seen[-1] == (True, True, True)
    assert_same(before, everything(model, optimizer))


def test_gradients_are_set_aside() -> None:
    """Gradients of before are neither used in the test nor changed by it."""
    model, optimizer = make("SGD", 1)
    first = model.layers[0].weight
    first.grad = torch.full_like(first, 7.0)
    given = first.grad
    seen = []

    def train_step() -> float:
        seen.append(first.grad)
        first.grad = torch.zeros_like(first)
        optimizer.step()
        return 1.0

    clr_torch.range_test_steps(train_step, models=model, optimizers=optimizer, num_steps=2)
    assert seen[0] is None
    assert first.grad is given
    assert given.unique().tolist() == [7.0]


def test_a_step_that_freezes_and_unfreezes() -> None:
    """Which parameters want a gradient, and the dtype of the model, are put back after a step that changes them."""
    model, optimizer = make("momentum", 1)
    before = everything(model, optimizer)

    def train_step() -> float:
        model.frozen.requires_grad_(True)
        model.layers[0].requires_grad_(False)
        model.layers[4].double()
        model.layers[0].bias.grad = torch.ones(8)
        optimizer.step()
        return 1.0

    clr_torch.range_test_steps(train_step, models=model, optimizers=optimizer, num_steps=2)
    assert_same(before, everything(model, optimizer))


def test_a_criterion_with_weights_is_put_back() -> None:
    """The state of a criterion that learns, and its parameters in the optimizer, are put back too."""

    class Learned(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.scale = nn.Parameter(torch.ones(3))
            self.register_buffer("calls", torch.zeros(()))

        def forward(self, output: Any, targets: Any) -> Any:
            self.calls += 1
            return cross_entropy(output * self.scale, targets)

    model, criterion = Network(), Learned()
    optimizer = torch.optim.SGD([*model.layers.parameters(), *criterion.parameters()], lr=0.1)
    clr_torch.range_test(model, optimizer, criterion, batches(), end_lr=1.0)
    assert criterion.calls == 0
    assert criterion.scale.tolist() == [1.0, 1.0, 1.0]
    assert criterion.scale.grad is None


def test_the_generator_of_a_loader_is_put_back() -> None:
    """A DataLoader that shuffles by a generator of its own shuffles afterwards as it would have."""
    data = torch.utils.data.TensorDataset(torch.randn(16, 4), torch.zeros(16, dtype=torch.int64))
    generator = torch.Generator().manual_seed(5)
    loader = torch.utils.data.DataLoader(data, batch_size=4, shuffle=True, generator=generator)
    model, optimizer = make("SGD", 0)
    before = generator.get_state().tolist()
    clr_torch.range_test(model, optimizer, cross_entropy, loader, val_loader=loader, num_steps=9)
    assert generator.get_state().tolist() == before


def test_an_optimizer_inside_an_optimizer() -> None:
    """Of an optimizer that wraps another, as SAM or Lookahead do, both states are put back."""

    class Wrapper(torch.optim.Optimizer):  # type: ignore[misc, name-defined]
        def __init__(self, inner: Any) -> None:
            super().__init__(inner.param_groups, inner.defaults)
            self.inner = inner
            self.param_groups = inner.param_groups
            self.slow = 0

        def step(self, closure: Any = None) -> None:
            self.slow += 1
            extra = self.state.setdefault("extra", {"history": [], "note": Note()})
            extra["history"].append(torch.ones(2) * self.slow)
            extra["note"].number += 1
            self.inner.step()

    class Note:
        def __init__(self) -> None:
            self.number = 0
            self.parameter = model.layers[0].weight

    model, inner = make("Adam", 2)
    optimizer = Wrapper(inner)
    optimizer.step()
    before = [everything(model, inner), bits(optimizer.state["extra"]["history"]), optimizer.slow]
    clr_torch.range_test(model, optimizer, cross_entropy, batches(), num_steps=5)
    after = [everything(model, inner), bits(optimizer.state["extra"]["history"]), optimizer.slow]
    assert_same(before[0], after[0])
    assert before[1:] == after[1:]
    note = optimizer.state["extra"]["note"]
    assert note.number == 1
    assert note.parameter is model.layers[0].weight


def test_lbfgs_in_a_step_of_ones_own() -> None:
    """An optimizer with lists and counters in its state, and a closure, is put back as well."""
    torch.manual_seed(0)
    model = nn.Linear(4, 3)
    optimizer = torch.optim.LBFGS(model.parameters(), lr=0.5, max_iter=3)
    inputs, targets = batches()[0]

    def loss_and_gradient() -> Any:
        optimizer.zero_grad()
        loss = cross_entropy(model(inputs), targets)
        loss.backward()
        return loss

    optimizer.step(loss_and_gradient)
    before = everything(model, optimizer)
    curve = clr_torch.range_test_steps(
        lambda: optimizer.step(loss_and_gradient), models=model, optimizers=optimizer, num_steps=5
    )
    assert curve.optimizer == "LBFGS"
    assert_same(before, everything(model, optimizer))


def test_the_fingerprint_sees_every_change() -> None:
    """The comparison these tests rest on notices one changed bit, object, mode or random number anywhere."""
    model, optimizer = make("Adam", 1)
    parameter = model.layers[0].weight
    state = optimizer.state[parameter]

    def nudge(tensor: Any) -> None:
        with torch.no_grad():
            tensor.view(-1)[0] += 2.0**-20 + tensor.view(-1)[0].abs() * 2.0**-20

    changes: dict[str, list[Callable[[], Any]]] = {
        "parameters": [lambda: nudge(parameter), lambda: model.frozen.requires_grad_(True)],
        "gradients": [lambda: nudge(parameter.grad), lambda: setattr(parameter, "grad", None)],
        "buffers": [lambda: nudge(model.mean), lambda: setattr(model, "mean", model.mean.clone())],
        "modes": [lambda: model.layers[3].eval()],
        "state": [lambda: nudge(state["exp_avg"]), lambda: nudge(state["step"]), optimizer.state.clear],
        "groups": [lambda: optimizer.param_groups[1].update(lr=0.2)],
        "attributes": [lambda: setattr(optimizer, "_opt_called", True)],
        "torch": [lambda: torch.rand(1)],
        "python": [random.random],
        "numpy": [np.random.rand],
    }
    for name, makers in changes.items():
        for change in makers:
            before = everything(model, optimizer)
            change()
            after = everything(model, optimizer)
            assert name in [each for each in before if before[each] != after[each]], (name, change)


def test_the_snapshot_of_two_models_that_share_a_layer() -> None:
    """A layer in two models and two optimizers is put back once, and stays shared."""
    shared = nn.Linear(2, 2)
    one, two = nn.Sequential(shared, nn.Linear(2, 1)), nn.Sequential(shared, nn.Linear(2, 1))
    optimizers = [torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9) for model in (one, two)]
    before = copy.deepcopy([one.state_dict(), two.state_dict()])

    def train_step() -> Any:
        for optimizer in optimizers:
            optimizer.zero_grad()
        loss = (one(torch.ones(1, 2)) - two(torch.ones(1, 2)) + 1).square().sum()
        loss.backward()
        for optimizer in optimizers:
            optimizer.step()
        return loss

    clr_torch.range_test_steps(train_step, models=(one, two), optimizers=optimizers, num_steps=10)
    after = [one.state_dict(), two.state_dict()]
    assert all(torch.equal(a[k], b[k]) for a, b in zip(before, after, strict=True) for k in a)
    assert one[0] is two[0] is shared
    assert all(not optimizer.state for optimizer in optimizers)
