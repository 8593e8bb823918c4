"""The same budget under several schedules, over several seeds, and which of them wins."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from clr_core.bounds.result import Bounds
from clr_core.demo.problem import Problem, Training
from clr_core.schedules.base import Schedule
from clr_core.schedules.baselines import constant, linear_decay
from clr_core.views.progress import progress


@dataclass(frozen=True)
class Row:
    """One schedule and its training runs, one for each seed."""

    name: str
    schedule: Schedule
    trainings: tuple[Training, ...]

    @property
    def losses(self) -> list[float]:
        """Final held-out losses, seed by seed; infinite where a run diverged."""
        return [t.loss if math.isfinite(t.loss) else math.inf for t in self.trainings]

    @property
    def mean_loss(self) -> float:
        """Mean over the seeds."""
        return fmean(self.losses)

    @property
    def mean_accuracy(self) -> float:
        """Mean over the seeds, a fraction."""
        return fmean(t.accuracy for t in self.trainings)

    def to_dict(self) -> dict[str, Any]:
        """The row as plain JSON values; a loss that is not finite is None."""
        return {
            "name": self.name,
            "schedule": self.schedule.to_dict(),
            "mean_loss": _json_float(self.mean_loss),
            "losses": [_json_float(loss) for loss in self.losses],
            "mean_accuracy": self.mean_accuracy,
        }


def schedules(problem: Problem, bounds: Bounds) -> dict[str, Schedule]:
    """What is compared, by name: each for the updates of the bounds' plan."""
    base_lr, max_lr, lr = bounds.base_lr, bounds.max_lr, bounds.lr
    return {
        f"fixed at {problem.default_lr:g}, the default": constant(problem.default_lr),
        f"fixed at {lr:.3g}, as suggested": constant(lr),
        f"CLR, {base_lr:.3g} to {max_lr:.3g}": bounds.schedule(),
        f"linear decay, {max_lr:.3g} to 0": linear_decay(max_lr, bounds.plan.total_steps),
    }


def compare(problem: Problem, candidates: dict[str, Schedule], steps: int, seeds: Sequence[int]) -> list[Row]:
    """A row for each schedule; every seed gives all of them the same first weights and batches."""
    runs = [(name, seed) for seed in seeds for name in candidates]
    description = f"training {len(runs)} networks, {steps:,} updates each"
    trainings: dict[str, list[Training]] = {name: [] for name in candidates}
    for name, seed in progress(runs, total=len(runs), description=description):
        trainings[name].append(problem.train(candidates[name], steps, seed))
    return [Row(name, schedule, tuple(trainings[name])) for name, schedule in candidates.items()]


def winner(rows: Sequence[Row]) -> Row:
    """The row with the smallest mean held-out loss."""
    return min(rows, key=lambda row: row.mean_loss)


def table(rows: Sequence[Row]) -> str:
    """The rows as text, best first."""
    lines = [("schedule", "loss", "range over seeds", "accuracy")]
    for row in sorted(rows, key=lambda row: row.mean_loss):
        low, high = min(row.losses), max(row.losses)
        cells = (f"{row.mean_loss:.4f}", f"{low:.4f} to {high:.4f}", f"{100 * row.mean_accuracy:.1f} %")
        lines.append((row.name, *cells))
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join("   ".join([name.ljust(widths[0]), *map(str.rjust, cells, widths[1:])]) for name, *cells in lines)


def verdict(rows: Sequence[Row]) -> str:
    """Two sentences: the winner, and how sure the seeds make that."""
    best, second = sorted(rows, key=lambda row: row.mean_loss)[:2]
    wins = sum(ours < theirs for ours, theirs in zip(best.losses, second.losses, strict=True))
    count = len(best.losses)
    doubt = "" if wins == count > 1 else ", too close to be sure"
    return (
        f"Winner: {best.name}, with a mean loss of {best.mean_loss:.4f}.\n"
        f"It beat the next best, {second.name}, at {wins} of {count} seed{'s' * (count != 1)}{doubt}."
    )


def _json_float(value: float) -> float | None:
    return value if math.isfinite(value) else None
