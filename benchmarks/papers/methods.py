"""The methods that are compared, by name: each trains one run and says what came of it.

A method of this library runs a range test of its own for every seed; ``tested`` counts the updates. Where
``suggest_bounds`` refuses, the test is run again with twice as many updates, as the refusal advises, and all count.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import clr_torch
import torch
from runs import Run
from tasks import TEST_UPDATES, Evaluation, Task, evaluating, score
from torch import nn

import clr_core

Method = Callable[[Task, str, int, int], list[Run]]
Build = Callable[[clr_core.Bounds], clr_core.Schedule]
LONGEST_TEST = 8 * TEST_UPDATES


def made(
    task: Task, name: str, updates: int, seed: int, evaluations: Sequence[Evaluation], tested: int = 0, **more: Any
) -> Run:
    """The run that ended with these evaluations."""
    done, accuracy, loss = evaluations[-1]
    settings: dict[str, Any] = {"base_lr": None, "max_lr": None, "rule": ""} | more
    return Run(
        task=task.name,
        method=name,
        updates=updates,
        seed=seed,
        made=done,
        tested=tested,
        accuracy=accuracy,
        loss=loss,
        steps=tuple(step for step, _, _ in evaluations),
        accuracies=tuple(each for _, each, _ in evaluations),
        **settings,
    )


def suggested(task: Task, seed: int, updates: int, kind: str) -> tuple[clr_core.Bounds, int]:
    """The bounds from this seed's range test, and the updates that the test took."""
    plan, tested, steps = task.plan(updates), 0, TEST_UPDATES
    while True:
        curve = task.range_test(seed, steps)
        tested += len(curve)
        try:
            return clr_core.suggest_bounds(curve, plan, kind=kind), tested
        except clr_core.Undetermined:
            steps *= 2
            if steps > LONGEST_TEST:
                raise


def prescribed(
    schedule: Callable[[Task], clr_core.Schedule], task: Task, name: str, updates: int, seed: int
) -> list[Run]:
    """A schedule whose LRs are given."""
    found = schedule(task)
    low, high = found.limits()
    evaluations = task.train(found, updates, seed, every=task.every(name))
    return [made(task, name, updates, seed, evaluations, base_lr=low, max_lr=high)]


def bounded(build: Build, task: Task, name: str, updates: int, seed: int, kind: str = "cyclic") -> list[Run]:
    """A schedule made of the bounds that the range test suggests."""
    bounds, tested = suggested(task, seed, updates, kind)
    schedule, plan = build(bounds), bounds.plan
    evaluations = task.train(schedule, plan.total_steps, seed, every=plan.step_size)
    low, high = schedule.limits()
    more = {"base_lr": low, "max_lr": high, "rule": bounds.rule_version}
    return [made(task, name, updates, seed, evaluations, tested, **more)]


def snapshots(task: Task, name: str, updates: int, seed: int) -> list[Run]:
    """Restarts to zero, five of them: the last model, the snapshots' mean prediction, the mean of their weights."""
    bounds, tested = suggested(task, seed, updates, "cyclic")
    schedule = clr_core.cosine_restarts(0.0, bounds.max_lr, max(1, updates // 5))
    kept: list[Any] = []

    def after(model: nn.Module, scheduler: clr_torch.ScheduleLR) -> None:
        if not kept:
            kept.extend((clr_torch.SnapshotEnsemble(scheduler), model))
        kept[0].update(model)

    total = schedule.period * 5
    last = task.train(schedule, total, seed, after=after)
    ensemble, model = kept
    inputs, targets = task.data().test
    probabilities = ensemble.predict(model, inputs).log()
    average = ensemble.average(model)
    with evaluating(average):
        outcomes = {"last": last[-1][1:], "ensemble": score(probabilities, targets)}
        outcomes["average"] = score(average(inputs), targets)
    more = {"base_lr": 0.0, "max_lr": bounds.max_lr, "rule": bounds.rule_version}
    return [
        made(task, f"{name}: {what}", updates, seed, [(total, *found)], tested, **more)
        for what, found in outcomes.items()
    ]


def _cycles(kind: Callable[..., clr_core.Schedule], **options: Any) -> Build:
    return lambda bounds: kind(bounds.base_lr, bounds.max_lr, step_size=bounds.plan.step_size, **options)


def _exp_range(decay: str) -> Build:
    """With the paper's fall over its whole run: 0.99994**25000 = 0.22."""
    return lambda bounds: _cycles(clr_core.exp_range, gamma=0.99994 ** (25_000 / bounds.plan.total_steps), decay=decay)(
        bounds
    )


def _step_size(epochs: int) -> Build:
    def build(bounds: clr_core.Bounds) -> clr_core.Schedule:
        assert bounds.plan.steps_per_epoch
        return clr_core.triangular(bounds.base_lr, bounds.max_lr, step_size=round(epochs * bounds.plan.steps_per_epoch))

    return build


def _base(divisor: float | None) -> Build:
    return lambda bounds: clr_core.triangular(
        bounds.max_lr / divisor if divisor else 0.0, bounds.max_lr, step_size=bounds.plan.step_size
    )


def _decay(kind: Callable[..., clr_core.Schedule], **options: float) -> Build:
    def build(bounds: clr_core.Bounds) -> clr_core.Schedule:
        total = bounds.plan.total_steps
        shares = {name: max(1, round(share * total)) for name, share in options.items()}
        return kind(bounds.max_lr, total_steps=total, **shares)

    return build


SHAPES: dict[str, Build] = {
    "triangular": lambda bounds: bounds.schedule(),
    "triangular2": _cycles(clr_core.triangular2),
    "exp_range, amplitude": _exp_range("amplitude"),
    "exp_range, bounds": _exp_range("bounds"),
    "cosine cycles": _cycles(clr_core.cyclic, shape="cosine"),
    "parabolic cycles": _cycles(clr_core.cyclic, shape="parabolic"),
    "linear to 0": _decay(clr_core.linear_decay),
}
STEP_SIZES: dict[str, Build] = {f"step size {epochs}": _step_size(epochs) for epochs in (1, 2, 5, 10)}
BASES: dict[str, Build] = {
    "base max/3": _base(3),
    "base max/4": _base(4),
    "base max/10": _base(10),
    "base 0": _base(None),
}
SCHEDULES: dict[str, Build] = {
    "SGDR": lambda bounds: clr_core.cosine_restarts(0.0, bounds.max_lr, -(-bounds.plan.total_steps // 7), t_mult=2.0),
    "cosine to 0": _decay(clr_core.cosine_decay),
    "warmup-stable-decay": _decay(clr_core.warmup_stable_decay, warmup_steps=0.1, decay_steps=0.3),
    "step decay": lambda bounds: clr_core.step_decay(bounds.max_lr, factor=0.1, every=-(-bounds.plan.total_steps // 3)),
}
GIVEN: dict[str, Callable[[Task], clr_core.Schedule]] = {
    "triangular .001 to .01": lambda task: clr_core.triangular(1e-3, 1e-2, step_size=2 * (task.steps_per_epoch or 0)),
    "linear .01 to 0": lambda task: clr_core.linear_decay(1e-2, total_steps=4 * (task.steps_per_epoch or 0)),
}


def _method(name: str) -> Method:
    if name.startswith("fixed "):
        lr = float(name.removeprefix("fixed "))
        return partial(prescribed, lambda task: clr_core.constant(lr))
    if name in GIVEN:
        return partial(prescribed, GIVEN[name])
    if name == "one cycle":
        return partial(bounded, lambda bounds: bounds.schedule(), kind="one_cycle")
    if name == "suggested fixed":
        return partial(bounded, lambda bounds: bounds.schedule(), kind="constant")
    if name == "snapshots":
        return snapshots
    return partial(bounded, (SHAPES | STEP_SIZES | BASES | SCHEDULES)[name])


def train(task: Task, name: str, updates: int, seed: int) -> list[Run]:
    """The run of this name, and of what else comes of it."""
    torch.set_num_threads(1)
    from others import OTHERS

    return (OTHERS.get(name) or _method(name))(task, name, updates, seed)
