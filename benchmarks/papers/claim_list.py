"""The claims, and which runs each of them needs."""

from __future__ import annotations

from collections.abc import Iterator

from methods import BASES, GIVEN, SCHEDULES, SHAPES, STEP_SIZES
from others import NEEDS, is_installed
from runs import Key
from tasks import TASKS, TEST_UPDATES, Task

CLAIMS = {
    "a": "CLR from .001 to .01 is more accurate after 4 epochs than a fixed .001 after 8 (the article of 2020).",
    "b": "CLR reaches what the default LR reaches in at most 0.36 of its updates, the range test counted in "
    "(25,000 of 70,000 in Smith 2015).",
    "c": "Linear, cosine and parabolic cycles do equally well (Smith 2015).",
    "d": "It is better to stop at the end of a cycle than in its middle (Smith 2015).",
    "e": "Step sizes of 2 to 10 epochs, and base_lr of a third or a quarter of max_lr, do equally well (Smith 2015).",
    "f": "Between suggested bounds, cycles do as well as any other schedule.",
    "g": "An ensemble of snapshots is better than the last model (Huang et al. 2017).",
    "h": "Cycles between suggested bounds do as well as what people would pick instead, of other libraries.",
}
FINDERS = "fastai", "Lightning's tuner"
RESNET, FULL_RESNET = TASKS[6], TASKS[7]
MAIN, MOMENTUM, WITH_EPOCHS = TASKS[:3], TASKS[3:6], TASKS[:2]


def optax_tasks() -> list[Task]:
    """The task in JAX, where Optax is installed."""
    try:
        import optax_task
    except ModuleNotFoundError:
        return []
    return [optax_task.TASK]


def article(task: Task) -> Iterator[tuple[str, int]]:
    """The methods of claim a and their updates; where there are other fixed runs, the 8 epochs are part of one."""
    epoch = task.steps_per_epoch or 0
    yield "fixed 0.001", 8 * epoch if task.name in (RESNET.name, FULL_RESNET.name) else task.updates
    for method in GIVEN:
        yield method, 4 * epoch


def keys(claim: str, *, seeds: int | None = None, resnet18: bool = False, all_libraries: bool = False) -> Iterator[Key]:
    """What must have been run for a claim, by default with the seeds of each task.

    With ``all_libraries`` also with those that are not installed.
    """

    def each(task: Task, method: str, updates: int) -> Iterator[Key]:
        return (Key(task.name, method, updates, seed) for seed in range(seeds or task.seeds))

    match claim:
        case "a":
            for task in [*WITH_EPOCHS, *optax_tasks(), RESNET, *([FULL_RESNET] if resnet18 else [])]:
                for method, updates in article(task):
                    yield from each(task, method, updates)
        case "b":
            for task in [*MAIN, *optax_tasks(), *MOMENTUM]:
                for lr in task.grid:
                    yield from each(task, f"fixed {lr:g}", task.updates)
                # The whole budget with SGD is not needed: long before, CLR is where the default LR ends.
                for updates in task.budgets[:-1] if task.momentum else task.budgets:
                    yield from each(task, "triangular", updates)
                    yield from each(task, "linear to 0", updates)
        case "c":
            for task in MAIN:
                for method in SHAPES:
                    yield from each(task, method, task.half)
        case "d":
            for task in MAIN:
                yield from each(task, "triangular", task.updates)
        case "e":
            for task in WITH_EPOCHS:
                for method in STEP_SIZES:
                    yield from each(task, method, task.updates)
                for method in BASES:
                    yield from each(task, method, task.half)
        case "f":
            for task in MAIN:
                for method in ("triangular", "linear to 0", "one cycle", "suggested fixed", *SCHEDULES):
                    yield from each(task, method, task.half)
        case "g":
            for task in MAIN:
                yield from each(task, "snapshots", task.updates)
                yield from each(task, "linear to 0", task.updates)
        case "h":
            for task in MAIN:
                for method in NEEDS if all_libraries else filter(is_installed, NEEDS):
                    if task.steps_per_epoch or method not in FINDERS:
                        yield from each(task, method, task.half + (0 if method in FINDERS else TEST_UPDATES))
                for method in ("triangular", "linear to 0", "one cycle"):
                    yield from each(task, method, task.half)


def task_of(name: str) -> Task:
    return next(task for task in [*TASKS, *optax_tasks()] if task.name == name)
