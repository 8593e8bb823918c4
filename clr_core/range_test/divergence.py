"""When a loss has diverged."""

from __future__ import annotations

import math
from bisect import insort
from collections.abc import Sequence
from typing import NamedTuple

MEMORY = 0.2
"""Decades of LR over which the running loss forgets; three updates of 100 over eight decades."""

GRACE = 10
"""Updates before the first verdict: too few to know the noise, or to read bounds from."""


class _State(NamedTuple):
    """What the average remembers after ``count`` losses."""

    count: int
    total: float
    weight: float
    log_lr: float
    first: float
    best: float
    previous: float


class RunningLoss:
    """An average of the losses so far that forgets over ``MEMORY`` decades of LR, and its best value.

    An update replaces the state in one assignment, so that one that was interrupted can be made again.
    """

    def __init__(self) -> None:
        self._state = _State(0, 0.0, 0.0, 0.0, math.nan, math.nan, math.nan)
        # Absolute differences of one loss and the next, in order of size.
        self._differences: list[float] = []

    @property
    def count(self) -> int:
        """How many losses it has seen."""
        return self._state.count

    def climb(self, lr: float, loss: float, noisy: float) -> float:
        """How far the average is above its best, in units of its fall, its size or the noise.

        ``noisy`` is the loss as it was recorded, from which the noise is estimated, also where ``loss`` is without spikes.
        """
        before = self._state
        log_lr = math.log10(lr)
        kept = math.exp((before.log_lr - log_lr) / MEMORY) if before.count else 0.0
        total = before.total * kept + loss
        weight = before.weight * kept + 1.0
        average = total / weight
        first, best, previous = before[4:] if before.count else (average, average, noisy)
        best = min(best, average)
        if len(self._differences) == before.count:
            insort(self._differences, abs(noisy - previous))
        self._state = _State(before.count + 1, total, weight, log_lr, first, best, noisy)
        if before.count < GRACE:
            return 0.0
        noise = self._differences[len(self._differences) // 2]
        scale = max(first - best, abs(best), 8 * noise)
        return (average - best) / scale if scale else 0.0


def points_until_divergence(lrs: Sequence[float], losses: Sequence[float], noisy: Sequence[float]) -> int:
    """How many points a range test with the default rule would have recorded of these."""
    running = RunningLoss()
    points = enumerate(zip(lrs, losses, noisy, strict=True), 1)
    return next((count for count, point in points if running.climb(*point) > 1.0), len(lrs))
