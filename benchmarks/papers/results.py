"""The accuracies of the runs, seed by seed."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

from runs import Run
from tasks import Task


class Results:
    """Looks runs up by task, method and the updates they were asked for; the lists are in the order of the seeds."""

    def __init__(self, runs: Sequence[Run]) -> None:
        self._runs: dict[tuple[str, str, int], list[Run]] = {}
        for run in sorted(runs, key=lambda run: run.key):
            self._runs.setdefault(run.key[:3], []).append(run)

    def of(self, task: Task, method: str, updates: int) -> list[Run]:
        return self._runs.get((task.name, method, updates), [])

    def end(self, task: Task, method: str, updates: int) -> list[float]:
        return [run.accuracy for run in self.of(task, method, updates)]

    def at(self, task: Task, method: str, updates: int, step: int) -> list[float]:
        """The accuracies when so many updates had been made."""
        runs = self.of(task, method, updates)
        return [run.accuracies[run.steps.index(step)] for run in runs if step in run.steps]

    def middles_and_ends(self, task: Task) -> tuple[list[float], list[float]]:
        """Of the longest run of cycles: in the middle of all cycles but the first, and the mean of the ends around."""
        runs = self.of(task, "triangular", task.updates)
        middles = [fmean(run.accuracies[2::2]) for run in runs]
        ends = [fmean((fmean(run.accuracies[1:-2:2]), fmean(run.accuracies[3::2]))) for run in runs]
        return middles, ends

    def curve(self, task: Task, method: str, updates: int) -> list[tuple[int, float]]:
        """Updates and the mean accuracy over the seeds."""
        runs = self.of(task, method, updates)
        means = [fmean(each) for each in zip(*(run.accuracies for run in runs), strict=True)]
        return list(zip(runs[0].steps, means, strict=True)) if runs else []
