"""Schedules asked for the value at any step: ours in every framework, and those of other libraries."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import clr_keras
import clr_optax
import clr_torch
import jax
import jax.numpy as jnp
import keras
import optax
import torch
from rivals import installed
from torch.optim import lr_scheduler

import clr_core

LAST = 2**31 - 1
STEPPED = 2**15
CYCLIC = {"base_lr": 1e-3, "max_lr": 6e-3, "step_size_up": 2000, "cycle_momentum": False}
ONE_CYCLE = {"max_lr": 1.0, "total_steps": 10**9, "final_div_factor": 1e4, "cycle_momentum": False}


@dataclass(frozen=True)
class Rival:
    name: str
    dtype: str
    value: Callable[[int], float]
    last: int = LAST


def optimizer() -> torch.optim.Optimizer:
    return torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)


def of_torch(kind: Any, **options: Any) -> Callable[[int], float]:
    """By ``last_epoch``, of which ``get_lr`` of these classes is a function."""
    scheduler = kind(optimizer(), **options)
    scheduler._get_lr_called_within_step = True

    def value(step: int) -> float:
        scheduler.last_epoch = step
        return float(scheduler.get_lr()[0])

    return value


def by_step(kind: Any, **options: Any) -> Callable[[int], float]:
    """By ``step(epoch)``, which ScheduleLR and restarts take."""
    scheduler = kind(optimizer(), **options)

    def value(step: int) -> float:
        scheduler.step(step)
        return float(scheduler.get_last_lr()[0])

    return value


def in_jax(schedule: Callable[[Any], Any]) -> Callable[[int], float]:
    compiled = jax.jit(lambda step: schedule(step))
    return lambda step: float(compiled(jnp.int32(step)))


def stepped(name: str, *arguments: Any, **options: Any) -> Callable[[int], float]:
    """ignite's, from the first step on."""
    used = optimizer()
    scheduler = getattr(installed.module("ignite.handlers"), name)(used, "lr", *arguments, **options)
    values = []
    for _ in range(STEPPED + 1):
        scheduler(None)
        values.append(float(used.param_groups[0]["lr"]))
    return values.__getitem__


def ours(schedule: clr_core.Schedule) -> Iterator[Rival]:
    yield Rival("clr_core", "float64", schedule)
    yield Rival("clr_torch.ScheduleLR", "float64", by_step(clr_torch.ScheduleLR, schedule=schedule))
    yield Rival("clr_optax.schedule_lr", "float32", in_jax(clr_optax.schedule_lr(schedule)))
    yield Rival("clr_keras.ScheduleLR", "float32", in_jax(clr_keras.ScheduleLR(schedule)))


def cyclic(mode: str) -> Iterator[Rival]:
    options = CYCLIC | {"mode": mode} | ({"gamma": 0.99994} if mode == "exp_range" else {})
    yield Rival("clr_torch.CyclicLR", "float64", of_torch(clr_torch.CyclicLR, **options))
    yield Rival("torch CyclicLR", "float64", of_torch(lr_scheduler.CyclicLR, **options))


def restarts(period: int, t_mult: int) -> Iterator[Rival]:
    for library, module in {"clr_torch.": clr_torch, "torch ": lr_scheduler}.items():
        kind: Any = getattr(module, "CosineAnnealingWarmRestarts")  # noqa: B009 (mypy takes the modules' common type)
        yield Rival(f"{library}{kind.__name__}", "float64", by_step(kind, T_0=period, T_mult=t_mult))
    if timm := installed.module("timm.scheduler.cosine_lr"):
        scheduler = timm.CosineLRScheduler(
            optimizer(), t_initial=period, cycle_mul=t_mult, cycle_limit=10**9, t_in_epochs=False
        )
        yield Rival("timm CosineLRScheduler", "float64", lambda step: float(scheduler._get_lr(step)[0]))
    if installed.module("ignite.handlers"):
        values = stepped("CosineAnnealingScheduler", 1.0, 0.0, period, cycle_mult=float(t_mult))
        yield Rival("ignite CosineAnnealingScheduler", "float64", values, STEPPED)
    schedule = keras.optimizers.schedules.CosineDecayRestarts(1.0, period, t_mul=float(t_mult), m_mul=1.0)
    yield Rival("keras CosineDecayRestarts", "float32", in_jax(schedule))
    if t_mult > 1:  # a list of all cycles; of those that do not grow there would be two million
        lengths = itertools.takewhile(lambda length: length < LAST, (period * t_mult**k for k in itertools.count()))
        cycles = [
            {"init_value": 1.0, "peak_value": 1.0, "warmup_steps": 0, "decay_steps": length, "end_value": 0.0}
            for length in lengths
        ]
        total = sum(cycle["decay_steps"] for cycle in cycles[:-1])
        yield Rival("optax sgdr_schedule", "float32", in_jax(optax.sgdr_schedule(cycles[:-1])), int(total) - 1)


def rivals(name: str, schedule: clr_core.Schedule) -> Iterator[Rival]:
    """All that have a policy of this name."""
    yield from ours(schedule)
    match name.replace(",", "").split():
        case ["triangular" | "triangular2" | "exp_range" as mode]:
            yield from cyclic(mode)
            if mode == "triangular" and installed.module("ignite.handlers"):
                values = stepped("LinearCyclicalScheduler", 1e-3, 6e-3, 4000)
                yield Rival("ignite LinearCyclicalScheduler", "float64", values, STEPPED)
        case ["one", "cycle"]:
            yield Rival("clr_torch.OneCycleLR", "float64", of_torch(clr_torch.OneCycleLR, **ONE_CYCLE), 10**9 - 1)
            yield Rival("torch OneCycleLR", "float64", of_torch(lr_scheduler.OneCycleLR, **ONE_CYCLE), 10**9 - 1)
        case ["cosine", "decay"]:
            schedules = keras.optimizers.schedules
            yield Rival("optax cosine_decay_schedule", "float32", in_jax(optax.cosine_decay_schedule(1.0, LAST)))
            yield Rival("keras CosineDecay", "float32", in_jax(schedules.CosineDecay(1.0, LAST)))
        case ["restarts", period, "x", t_mult]:
            yield from restarts(int(period), int(t_mult))
