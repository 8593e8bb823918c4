"""ScheduleLR beside what torch's optimizers offer: fused and foreach updates, compiled steps, averaged weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import frameworks
import pytest

import clr_core

torch = frameworks.load("torch")
clr_torch = frameworks.load("clr_torch")

from torch import nn  # noqa: E402

SCHEDULE = clr_core.triangular(0.001, 0.1, step_size=3)
MOMENTUM = clr_core.momentum_for(SCHEDULE)
UPDATES = 12
KINDS: dict[str, dict[str, Any]] = {"SGD": {"momentum": 0.9}, "AdamW": {"betas": (0.9, 0.999)}}


def network() -> Any:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, 3))


def train(model: Any, optimizer: Any, updates: int, after: Callable[[int], None]) -> None:
    """Updates on batches whose seed is the number of the update; ``after`` each of them."""
    for number in range(updates):
        inputs = torch.randn(8, 8, generator=torch.Generator().manual_seed(number))
        optimizer.zero_grad()
        model(inputs).square().mean().backward()
        optimizer.step()
        after(number)


def same(one: Any, other: Any) -> bool:
    return all(map(torch.equal, one.parameters(), other.parameters()))


@pytest.mark.parametrize(("way", "is_tensor"), [("fused", False), ("fused", True), ("foreach", False)])
@pytest.mark.parametrize("kind", KINDS)
def test_the_updates_are_those_of_lrs_set_by_hand(kind: str, is_tensor: bool, way: str) -> None:
    """Fused and foreach, with a float or a Tensor as LR: the weights are the same to the bit."""
    lr = torch.tensor(0.5) if is_tensor else 0.5
    model, by_hand = network(), network()
    optimizer, other = (
        getattr(torch.optim, kind)(each.parameters(), lr=lr, **{way: True}, **KINDS[kind]) for each in (model, by_hand)
    )
    scheduler = clr_torch.ScheduleLR(optimizer, SCHEDULE, momentum=MOMENTUM)

    def set_by_hand(update: int) -> None:
        (group,) = other.param_groups
        group["lr"] = torch.tensor(SCHEDULE(update)) if is_tensor else SCHEDULE(update)
        if kind == "SGD":
            group["momentum"] = MOMENTUM(update)
        else:
            group["betas"] = (MOMENTUM(update), 0.999)

    set_by_hand(0)
    train(by_hand, other, UPDATES, lambda number: set_by_hand(number + 1))
    train(model, optimizer, UPDATES, lambda number: scheduler.step())
    assert same(model, by_hand)
    assert not same(model, network())


@pytest.mark.filterwarnings("ignore:.*torch.jit.script_method. is deprecated:DeprecationWarning")
@pytest.mark.parametrize("has_momentum", [False, True])
def test_a_compiled_step_is_one_graph(has_momentum: bool) -> None:
    """100 compiled updates with a Tensor LR, and a Tensor beta1, are compiled once and equal eager ones."""
    dynamo = pytest.importorskip("torch._dynamo.testing")
    if has_momentum and not frameworks.has_tensor_betas(torch):
        pytest.skip("this torch has no Tensor betas")
    runs = []
    for is_compiled in (False, True):
        model = network()
        betas = (torch.tensor(0.9), torch.tensor(0.999)) if has_momentum else (0.9, 0.999)
        optimizer = torch.optim.Adam(model.parameters(), lr=torch.tensor(0.5), betas=betas, foreach=False)
        scheduler = clr_torch.ScheduleLR(optimizer, SCHEDULE, momentum=MOMENTUM if has_momentum else None)
        counter = dynamo.CompileCounter()
        torch.compiler.reset()
        step = torch.compile(optimizer.step, backend=counter) if is_compiled else optimizer.step
        for number in range(100):
            for index, each in enumerate(model.parameters()):
                each.grad = torch.randn(each.shape, generator=torch.Generator().manual_seed(10 * number + index))
            step()
            scheduler.step()
        assert counter.frame_count == int(is_compiled)
        runs.append(model)
    for one, other in zip(*(each.parameters() for each in runs), strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.filterwarnings("ignore:.*torch.jit.script_method. is deprecated:DeprecationWarning")
def test_compiled_sgd_with_momentum_is_compiled_as_often_as_without_a_scheduler() -> None:
    """Twice in 100 updates, also at a constant LR: the first update makes the momentum buffers.

    A torch that specializes on floats, as 2.4 does, compiles again for each new momentum, which SGD takes as a float.
    """
    dynamo = pytest.importorskip("torch._dynamo.testing")
    specializes = pytest.importorskip("torch._dynamo.config").specialize_float
    counts = []
    for schedules in ({}, {"schedule": SCHEDULE}, {"schedule": SCHEDULE, "momentum": MOMENTUM}):
        model = network()
        optimizer = torch.optim.SGD(model.parameters(), lr=torch.tensor(0.5), momentum=0.9, foreach=False)
        scheduler = clr_torch.ScheduleLR(optimizer, **schedules) if schedules else None
        counter = dynamo.CompileCounter()
        torch.compiler.reset()
        step = torch.compile(optimizer.step, backend=counter)
        for _ in range(100):
            for each in model.parameters():
                each.grad = torch.ones_like(each)
            step()
            if scheduler is not None:
                scheduler.step()
        counts.append(counter.frame_count)
    assert counts[:2] == [2, 2]
    assert (counts[2] > 2) if specializes else (counts[2] == 2)


def test_weights_averaged_at_the_ends_of_cycles() -> None:
    """swa_utils: updated where a cycle has ended, the average is that of the weights there; SWALR may take over."""
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5, momentum=0.9)
    scheduler = clr_torch.ScheduleLR(optimizer, SCHEDULE)
    averaged, ends = torch.optim.swa_utils.AveragedModel(model), []

    def after(number: int) -> None:
        scheduler.step()
        if scheduler.cycle_ended:
            averaged.update_parameters(model)
            ends.append((number, [each.detach().clone() for each in model.parameters()]))

    train(model, optimizer, UPDATES, after)
    assert [number for number, _ in ends] == [5, 11] == [k for k in range(UPDATES) if SCHEDULE.is_cycle_end(k)]
    for each, *weights in zip(averaged.module.parameters(), *(each for _, each in ends), strict=True):
        torch.testing.assert_close(each, sum(weights) / 2)

    swa = torch.optim.swa_utils.SWALR(optimizer, swa_lr=0.05, anneal_epochs=2, anneal_strategy="linear")
    lrs: list[float] = []

    def after_the_cycles(number: int) -> None:
        swa.step()
        lrs.append(optimizer.param_groups[0]["lr"])

    train(model, optimizer, 3, after_the_cycles)
    assert lrs == pytest.approx([(SCHEDULE(UPDATES) + 0.05) / 2, 0.05, 0.05])


def test_a_range_test_leaves_an_average_alone() -> None:
    """An average that the step updates is named in ``also``: its weights and its count are as before."""
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5, momentum=0.9)
    averaged = torch.optim.swa_utils.AveragedModel(model)
    batch = torch.randn(8, 8)

    def step() -> Any:
        optimizer.zero_grad()
        loss = model(batch).square().mean()
        loss.backward()
        optimizer.step()
        averaged.update_parameters(model)
        return loss

    step()
    before = [each.clone() for each in averaged.state_dict().values()]
    curve = clr_torch.range_test_steps(
        step, models=model, optimizers=optimizer, num_steps=9, also=[averaged], divergence=None
    )
    assert len(curve) == 9
    assert averaged.n_averaged == 1
    assert all(map(torch.equal, before, averaged.state_dict().values()))
