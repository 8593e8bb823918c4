"""Claim b: after how many updates a method is as accurate as a fixed LR.

1. What a fixed LR reaches is the mean accuracy over the seeds, averaged over the last fifth of its run. It needs the
   updates after which that mean is first as high.
2. Cycles and linear decay end with the budget they were planned for. They need the smallest budget at whose end the
   mean over the seeds is as high, and the updates of the range test.
3. The share of the best fixed LR of a grid, found by training at all of them, says what there is to gain: where it is
   no quicker than the default, that is not what holds a task back.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

from results import Results
from runs import Run
from tabular import shown, table
from tasks import Task

METHODS = "triangular", "linear to 0"
PAPER = 0.36
ENOUGH = 2
HEADER = (
    "",
    "default LR reaches, after",
    "CLR reaches that after",
    "of these the range test",
    "share",
    "share, linear decay",
    "share, best fixed LR of a grid",
    "share of the default's whole run",
    "that LR reaches, after",
    "CLR, share of that",
    "linear decay, share of that",
)


def level(curve: Sequence[tuple[int, float]]) -> float:
    last = curve[-max(1, len(curve) // 5) :]
    return fmean(accuracy for _, accuracy in last)


def first_at(curve: Sequence[tuple[int, float]], target: float) -> int:
    return next(step for step, accuracy in curve if accuracy >= target)


def needed(results: Results, task: Task, method: str, target: float) -> list[Run]:
    """The runs with the smallest budget that is enough; none if there is none."""
    found = (results.of(task, method, updates) for updates in task.budgets)
    return next((runs for runs in found if runs and fmean(run.accuracy for run in runs) >= target), [])


def updates_of(runs: Sequence[Run]) -> float:
    """The updates of a run and of its range test, the mean over the seeds."""
    return fmean(run.made + run.tested for run in runs)


def share(runs: Sequence[Run], of: int) -> str:
    return f"{updates_of(runs) / of:.2f}" if runs else "no budget is enough"


def reach_row(results: Results, task: Task) -> tuple[list[str], tuple[str, bool]] | None:
    """The cells of one task, and the verdict."""
    curves = {lr: results.curve(task, f"fixed {lr:g}", task.updates) for lr in task.grid}
    curves = {lr: curve for lr, curve in curves.items() if curve}
    if task.default_lr not in curves or not results.of(task, "triangular", task.budgets[0]):
        return None
    best_lr = max(curves, key=lambda lr: level(curves[lr]))
    target, best_target = level(curves[task.default_lr]), level(curves[best_lr])
    whole, best_whole = first_at(curves[task.default_lr], target), first_at(curves[best_lr], best_target)
    cycles, linear = (needed(results, task, method, target) for method in METHODS)
    best_share = f"{first_at(curves[best_lr], target) / whole:.2f}"
    cells = [
        f"{task.name} ({len(results.of(task, METHODS[0], task.budgets[0]))} seeds)",
        f"{100 * target:.2f} %, {whole}",
        f"{updates_of(cycles):.0f} ({shown([run.accuracy for run in cycles])} %)" if cycles else "",
        f"{fmean(run.tested for run in cycles):.0f}" if cycles else "",
        f"**{share(cycles, whole)}**",
        share(linear, whole),
        best_share,
        share(cycles, task.updates),
        f"{best_lr:g}: {100 * best_target:.2f} %, {best_whole}",
        *(share(needed(results, task, method, best_target), best_whole) for method in METHODS),
    ]
    words = f"{task.name}: {share(cycles, whole)}" + (" of the default's updates" if cycles else "")
    words += f", where the best fixed LR of a grid takes {best_share}"
    return cells, (words, bool(cycles) and updates_of(cycles) <= PAPER * whole)


def reach_table(results: Results, tasks: Sequence[Task]) -> tuple[str, dict[str, tuple[str, bool]]]:
    """The table, and the verdicts by task."""
    rows = {task.name: row for task in tasks if (row := reach_row(results, task))}
    return table(HEADER, [cells for cells, _ in rows.values()]), {name: verdict for name, (_, verdict) in rows.items()}
