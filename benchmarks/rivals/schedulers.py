"""Schedulers of torch optimizers: ours, torch's, ignite's and timm's, each as a function that makes one step."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import clr_torch
import torch
from rivals import installed
from torch.optim import lr_scheduler

import clr_core

Step = Callable[[], Any]
LR = clr_core.triangular(1e-3, 6e-3, step_size=2000)
MOMENTUM = clr_core.momentum_for(LR, low=0.8, high=0.9)
CYCLIC: dict[str, Any] = {"base_lr": 1e-3, "max_lr": 6e-3, "step_size_up": 2000}
GROUPS = (1, 4, 1000)
FOREVER = 10**9
HAS_IGNITE = installed.module("ignite.handlers") is not None
HAS_TIMM = installed.module("timm.scheduler.cosine_lr") is not None


def optimizer_with(groups: int) -> torch.optim.Optimizer:
    parameters = [torch.zeros(1, requires_grad=True) for _ in range(groups)]
    return torch.optim.SGD([{"params": [each]} for each in parameters], lr=1e-3, momentum=0.9)


def torch_step(make: Callable[[Any], Any], groups: int) -> Step:
    scheduler = make(optimizer_with(groups))
    scheduler.optimizer.step()
    scheduler.step()
    scheduler.step()
    step: Step = scheduler.step
    return step


def ignite_step(name: str, groups: int, cycle_size: int) -> Step:
    handlers = installed.module("ignite.handlers")
    scheduler = getattr(handlers, name)(optimizer_with(groups), "lr", 1e-3, 6e-3, cycle_size)
    return lambda: scheduler(None)


def timm_step(groups: int, cycle_mul: float) -> Step:
    kind = installed.module("timm.scheduler.cosine_lr").CosineLRScheduler
    scheduler = kind(
        optimizer_with(groups), t_initial=1000, cycle_mul=cycle_mul, cycle_limit=FOREVER, t_in_epochs=False
    )
    updates = itertools.count(1)
    return lambda: scheduler.step_update(next(updates))


def ours(groups: int, schedule: Any, momentum: Any = None) -> Step:
    return torch_step(partial(clr_torch.ScheduleLR, schedule=schedule, momentum=momentum), groups)


def cycles(groups: int, moves: bool) -> dict[str, Step]:
    momentum = MOMENTUM if moves else None
    steps = _pair("CyclicLR", groups, cycle_momentum=moves, **CYCLIC)
    steps["clr, ScheduleLR"] = ours(groups, LR, momentum)
    steps["clr, a schedule each"] = ours(groups, [LR] * groups, [momentum] * groups if moves else None)
    if HAS_IGNITE and not moves:
        steps["ignite, LinearCyclicalScheduler"] = ignite_step("LinearCyclicalScheduler", groups, 4000)
    return steps


def one_cycle(groups: int, moves: bool) -> dict[str, Step]:
    schedule = clr_core.one_cycle(0.04, 1.0, total_steps=FOREVER, variant="two_phase")
    steps = _pair("OneCycleLR", groups, max_lr=1.0, total_steps=FOREVER, cycle_momentum=moves)
    steps["clr, ScheduleLR"] = ours(groups, schedule, clr_core.momentum_for(schedule) if moves else None)
    return steps


def restarts(groups: int, t_mult: int) -> dict[str, Step]:
    steps = _pair("CosineAnnealingWarmRestarts", groups, T_0=1000, T_mult=t_mult)
    steps["clr, ScheduleLR"] = ours(groups, clr_core.cosine_restarts(0.0, 1e-3, 1000, t_mult=t_mult))
    if HAS_TIMM:
        steps["timm, CosineLRScheduler"] = timm_step(groups, t_mult)
    if HAS_IGNITE and t_mult == 1:
        steps["ignite, CosineAnnealingScheduler"] = ignite_step("CosineAnnealingScheduler", groups, 1000)
    return steps


def groups() -> Iterator[tuple[tuple[str, int], dict[str, Step]]]:
    """What is compared and the number of parameter groups; the steps by name, torch's own first."""
    for count in GROUPS:
        for moves, words in ((False, ""), (True, ", momentum too")):
            yield (f"cycles{words}", count), cycles(count, moves)
            yield (f"one cycle{words}", count), one_cycle(count, moves)
        for t_mult, words in ((1, ""), (2, ", growing")):
            yield (f"cosine restarts{words}", count), restarts(count, t_mult)


def _pair(name: str, count: int, **options: Any) -> dict[str, Step]:
    """Torch's own class and ours of the same name."""
    theirs, ours = getattr(lr_scheduler, name), getattr(clr_torch, name)
    return {
        f"torch, {name}": torch_step(partial(theirs, **options), count),
        f"clr, {name}": torch_step(partial(ours, **options), count),
    }


def repeated(step: Step, count: int) -> Step:
    def steps() -> None:
        for _ in range(count):
            step()

    return steps
