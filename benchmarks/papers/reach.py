"""Claim b: after how many updates a method is as accurate as a fixed LR.

1. What a fixed LR reaches is the mean accuracy over the seeds, averaged over the last fifth of its run. It needs the
   updates after which that mean is first as high.
2. Cycles and linear decay end with the budget they were planned for. They need the smallest budget at whose end the
   mean over the seeds is as high, and the updates of the range test.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

from results import Results
from tasks import Task

PAPER = 0.36
ENOUGH = 2
HEADER = (
    "",
    "default LR reaches, after",
    "CLR: updates",
    "share",
    "of the whole run",
    "linear decay: share",
    "best fixed LR of {} reaches, after",
    "CLR: share of that",
    "linear decay: share",
)


def level(curve: Sequence[tuple[int, float]]) -> float:
    last = curve[-max(1, len(curve) // 5) :]
    return fmean(accuracy for _, accuracy in last)


def first_at(curve: Sequence[tuple[int, float]], target: float) -> int:
    return next(step for step, accuracy in curve if accuracy >= target)


def needed(results: Results, task: Task, method: str, target: float) -> float | None:
    """The updates that a method needs, those of its range tests among them; None if no budget is enough."""
    for updates in task.budgets:
        runs = results.of(task, method, updates)
        if runs and fmean(run.accuracy for run in runs) >= target:
            return fmean(run.made + run.tested for run in runs)
    return None


def share(updates: float | None, of: int) -> str:
    return "more than all" if updates is None else f"{updates / of:.2f}"


def reach_row(results: Results, task: Task) -> tuple[list[str], float | None] | None:
    """The cells of one task, and the share of the default's updates that cycles need."""
    curves = {lr: results.curve(task, f"fixed {lr:g}", task.updates) for lr in task.grid}
    curves = {lr: curve for lr, curve in curves.items() if curve}
    if task.default_lr not in curves or not results.of(task, "triangular", task.budgets[0]):
        return None
    best_lr = max(curves, key=lambda lr: level(curves[lr]))
    target, best_target = level(curves[task.default_lr]), level(curves[best_lr])
    whole, best_whole = first_at(curves[task.default_lr], target), first_at(curves[best_lr], best_target)
    cycles, linear = (needed(results, task, method, target) for method in ("triangular", "linear to 0"))
    best = [needed(results, task, method, best_target) for method in ("triangular", "linear to 0")]
    cells = [
        task.name,
        f"{100 * target:.2f}, {whole}",
        "" if cycles is None else f"{cycles:.0f}",
        f"**{share(cycles, whole)}**",
        share(cycles, task.updates),
        share(linear, whole),
        f"{best_lr:g}: {100 * best_target:.2f}, {best_whole}",
        *(share(updates, best_whole) for updates in best),
    ]
    return cells, None if cycles is None else cycles / whole


def reach_table(results: Results, tasks: Sequence[Task]) -> tuple[str, list[tuple[str, bool]]]:
    """The table, and a verdict for each task."""
    from tables import table

    rows, verdicts = [], []
    for task in tasks:
        found = reach_row(results, task)
        if found:
            cells, ratio = found
            rows.append(cells)
            words = "no budget is enough" if ratio is None else f"{ratio:.2f} of the default's updates"
            verdicts.append((f"{task.name}: {words}", ratio is not None and ratio <= PAPER))
    header = [each.format("a grid") for each in HEADER]
    return (table(header, rows) if rows else ""), verdicts
