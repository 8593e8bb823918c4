"""The drop-ins for torch's CyclicLR, OneCycleLR and CosineAnnealingWarmRestarts: theirs in all but the faults."""

from __future__ import annotations

import copy
import inspect
import io
import warnings
from typing import Any

import frameworks
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import clr_core

torch = frameworks.load("torch")
clr_torch = frameworks.load("clr_torch")

NAMES = ("CyclicLR", "OneCycleLR", "CosineAnnealingWarmRestarts")

CASES: list[tuple[str, dict[str, Any]]] = [
    ("CyclicLR", {"base_lr": 0.01, "max_lr": 0.1, "step_size_up": 4}),
    ("CyclicLR", {"base_lr": [0.01, 0.02], "max_lr": [0.1, 0.3], "step_size_up": 3, "step_size_down": 5}),
    ("CyclicLR", {"base_lr": 0.01, "max_lr": 0.1, "step_size_up": 4, "mode": "triangular2", "base_momentum": 0.5}),
    ("CyclicLR", {"base_lr": 0.01, "max_lr": 0.1, "step_size_up": 4, "mode": "exp_range", "gamma": 0.97}),
    ("CyclicLR", {"base_lr": 0.01, "max_lr": 0.1, "step_size_up": 3, "scale_fn": lambda cycle: 1 / cycle}),
    (
        "CyclicLR",
        {"base_lr": 0.01, "max_lr": 0.1, "step_size_up": 3, "scale_fn": lambda x: 0.9**x, "scale_mode": "iterations"},
    ),
    ("CyclicLR", {"base_lr": 0.3, "max_lr": 0.1, "step_size_up": 4}),
    ("OneCycleLR", {"max_lr": 0.1, "total_steps": 30}),
    ("OneCycleLR", {"max_lr": [0.1, 0.3], "total_steps": 30, "anneal_strategy": "linear"}),
    ("OneCycleLR", {"max_lr": 0.1, "total_steps": 30, "three_phase": True}),
    ("OneCycleLR", {"max_lr": 0.1, "epochs": 3, "steps_per_epoch": 10, "pct_start": 0.25, "cycle_momentum": False}),
    ("CosineAnnealingWarmRestarts", {"T_0": 4}),
    ("CosineAnnealingWarmRestarts", {"T_0": 3, "T_mult": 2, "eta_min": 0.001}),
    # What core refuses keeps torch's formula.
    ("CyclicLR", {"base_lr": 0.01, "max_lr": 0.1, "step_size_up": 2.5}),
    ("CyclicLR", {"base_lr": 0.01, "max_lr": 0.1, "step_size_up": 4, "mode": "exp_range", "gamma": 1.01}),
    ("OneCycleLR", {"max_lr": 0.1, "total_steps": 30, "pct_start": 0.0}),
    ("OneCycleLR", {"max_lr": 0.1, "total_steps": 30, "pct_start": 1.0}),
    ("OneCycleLR", {"max_lr": 0.1, "total_steps": 30, "three_phase": True, "pct_start": 0.6}),
]

IDS = [f"{name}-{index}" for index, (name, _) in enumerate(CASES)]


def optimizer(kind: str = "SGD", lr: Any = 0.05) -> Any:
    groups = [{"params": [torch.zeros(1, requires_grad=True)]} for _ in range(2)]
    return getattr(torch.optim, kind)(groups, lr=lr, **({"momentum": 0.9} if kind == "SGD" else {}))


def theirs(name: str) -> Any:
    return getattr(torch.optim.lr_scheduler, name)


def ours(name: str) -> Any:
    return getattr(clr_torch, name)


def settings_of(scheduler: Any) -> list[list[float]]:
    groups = scheduler.optimizer.param_groups
    return [[float(g["lr"]), float(g["betas"][0] if "betas" in g else g["momentum"])] for g in groups]


def steps(scheduler: Any, count: int) -> list[list[list[float]]]:
    seen = []
    for _ in range(count):
        seen.append(settings_of(scheduler))
        scheduler.optimizer.step()
        scheduler.step()
    return seen


@pytest.mark.parametrize("kind", ["SGD", "Adam"])
@pytest.mark.parametrize(("name", "arguments"), CASES, ids=IDS)
def test_every_update_is_as_torchs(name: str, arguments: dict[str, Any], kind: str) -> None:
    """LR and momentum of every group at every update are those of torch's class, but for rounding."""
    pair = [make(name)(optimizer(kind), **arguments) for make in (ours, theirs)]
    our, their = (torch.tensor(steps(scheduler, 29), dtype=torch.float64) for scheduler in pair)
    torch.testing.assert_close(our, their, rtol=0, atol=1e-15)


@pytest.mark.parametrize("name", NAMES)
def test_they_are_torchs_classes(name: str) -> None:
    """A drop-in is an instance of the class it replaces, with its name and its signature."""
    assert issubclass(ours(name), theirs(name))
    assert ours(name).__name__ == name
    assert inspect.signature(ours(name)) == inspect.signature(theirs(name))


@pytest.mark.parametrize("is_back", [False, True])
@pytest.mark.parametrize("stopped_at", [0, 1, 7, 16])
@pytest.mark.parametrize(("name", "arguments"), CASES[:13], ids=IDS[:13])
def test_states_are_exchanged_with_torchs(name: str, arguments: dict[str, Any], stopped_at: int, is_back: bool) -> None:
    """Saved in one class and loaded in the other, also in mid-cycle, training goes on as in the one."""
    first, second = (theirs(name), ours(name)) if is_back else (ours(name), theirs(name))
    saved = first(optimizer(), **arguments)
    steps(saved, stopped_at)
    file = io.BytesIO()
    torch.save({"optimizer": saved.optimizer.state_dict(), "scheduler": saved.state_dict()}, file)
    file.seek(0)
    state = torch.load(file, weights_only=True)
    resumed = second(optimizer(), **arguments)
    assert state["scheduler"].keys() == resumed.state_dict().keys()
    resumed.optimizer.load_state_dict(state["optimizer"])
    resumed.load_state_dict(state["scheduler"])
    our, their = (torch.tensor(steps(each, 12), dtype=torch.float64) for each in (resumed, saved))
    torch.testing.assert_close(our, their, rtol=0, atol=1e-15)


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 500), st.integers(1, 500), st.integers(0, 2**31 - 1))
def test_the_cycle_is_cores(up: int, down: int, step: int) -> None:
    """At any step, the LR of CyclicLR is the one of clr_core to the last bit."""
    scheduler = clr_torch.CyclicLR(optimizer(), 0.25, 1.0, up, down, cycle_momentum=False)
    scheduler.last_epoch = step
    assert scheduler.get_lr() == [clr_core.triangular(0.25, 1.0, up, step_size_down=down)(step)] * 2


# The faults of torch's.


@pytest.mark.parametrize(("name", "arguments"), [CASES[0], CASES[7], CASES[13], CASES[15]])
def test_looking_leaves_the_momentum_alone(name: str, arguments: dict[str, Any]) -> None:
    """get_lr() between two steps changes nothing."""
    scheduler = ours(name)(optimizer(), **arguments)
    steps(scheduler, 3)
    scheduler.optimizer.param_groups[0]["momentum"] = 0.123
    before = settings_of(scheduler)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's formula says that get_last_lr() is meant
        scheduler.get_lr()
    assert settings_of(scheduler) == before


def test_triangular2_does_not_overflow() -> None:
    """After a thousand cycles and more, where torch's 2.0**cycle overflows, the LR is base_lr."""
    scheduler = clr_torch.CyclicLR(optimizer(), 0.25, 1.0, step_size_up=1, mode="triangular2")
    scheduler.last_epoch = 4000
    scheduler.optimizer.step()
    scheduler.step()
    assert scheduler.get_last_lr() == [0.25, 0.25]


def test_loading_leaves_the_callers_state_alone() -> None:
    """One state of CyclicLR can be loaded twice."""
    scheduler = clr_torch.CyclicLR(optimizer(), 0.25, 1.0)
    state = scheduler.state_dict()
    before = copy.copy(state)
    scheduler.load_state_dict(state)
    scheduler.load_state_dict(state)
    assert state == before


def test_past_the_end_the_last_lr_holds() -> None:
    """One step more than total_steps, where torch's linear OneCycleLR is below zero; then torch's error."""
    scheduler = clr_torch.OneCycleLR(optimizer(), max_lr=1.0, total_steps=10, anneal_strategy="linear")
    steps(scheduler, 10)
    assert scheduler.get_last_lr() == [4e-6, 4e-6]
    with pytest.raises(ValueError, match="Tried to step 11 times"):
        scheduler.step()


@pytest.mark.parametrize(("period", "multiplier"), [(10, 3), (1, 3), (10, 2), (7, 5), (3, 1)])
def test_restarts_are_exact(period: int, multiplier: int) -> None:
    """step(epoch) on every restart, one before and one after, and started there, is as core's."""
    schedule = clr_core.cosine_restarts(0.0, 0.05, period, t_mult=multiplier)
    restarts = [
        period * k if multiplier == 1 else period * (multiplier**k - 1) // (multiplier - 1) for k in range(1, 9)
    ]
    for epoch in [each + shift for each in restarts for shift in (-1, 0, 1)]:
        scheduler = clr_torch.CosineAnnealingWarmRestarts(optimizer(), period, multiplier)
        scheduler.step(epoch)
        assert scheduler.get_last_lr()[0] == pytest.approx(schedule(epoch), abs=1e-15)
        started = optimizer()
        for group in started.param_groups:
            group["initial_lr"] = 0.05
        scheduler = clr_torch.CosineAnnealingWarmRestarts(started, period, multiplier, last_epoch=epoch)
        assert scheduler.get_last_lr()[0] == pytest.approx(schedule(epoch + 1), abs=1e-15)
        assert (scheduler.last_epoch, scheduler.T_i) == (epoch + 1, _length(schedule, period, multiplier, epoch + 1))


def _length(schedule: Any, period: int, multiplier: int, step: int) -> int:
    return int(period * multiplier ** schedule.cycle(step))


def test_positions_between_two_steps_count_from_the_exact_restart() -> None:
    """step(1210.5) with T_0=10, T_mult=3 is half a step past the restart at 1210."""
    scheduler = clr_torch.CosineAnnealingWarmRestarts(optimizer(), 10, 3)
    scheduler.step(1210.5)
    assert (scheduler.T_cur, scheduler.T_i) == (0.5, 2430)
    assert scheduler.get_last_lr()[0] == pytest.approx(0.05, rel=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_a_tensor_lr_is_filled_in_place(name: str) -> None:
    """The Tensor that the optimizer holds stays the object it is, as with torch's own."""
    arguments = next(arguments for each, arguments in CASES if each == name)
    theirs = getattr(torch.optim.lr_scheduler, name)(optimizer(lr=torch.tensor(0.05)), **arguments)
    lr = theirs.optimizer.param_groups[0]["lr"]
    steps(theirs, 3)
    if theirs.optimizer.param_groups[0]["lr"] is not lr:
        pytest.skip("the step() of this torch, which ours inherits, replaces the Tensor")
    scheduler = ours(name)(optimizer(lr=torch.tensor(0.05)), **arguments)
    lr = scheduler.optimizer.param_groups[0]["lr"]
    steps(scheduler, 3)
    assert scheduler.optimizer.param_groups[0]["lr"] is lr
    assert scheduler.get_last_lr()[0].item() == lr.item()


@pytest.mark.parametrize(("name", "arguments"), [CASES[0], CASES[7], CASES[9], CASES[12]])
def test_copies_go_on_alike(name: str, arguments: dict[str, Any]) -> None:
    """A deep copy carries on from the same update."""
    scheduler = ours(name)(optimizer(), **arguments)
    steps(scheduler, 5)
    twin = copy.deepcopy(scheduler)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert steps(twin, 5) == steps(scheduler, 5)
