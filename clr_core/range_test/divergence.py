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
    """What is known after so many updates."""

    updates: int
    height: float
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
        self._state = _State(0, 0.0, 0.0, 0.0, 0.0, math.nan, math.nan, math.nan)
        # Absolute differences of one loss and the next, in order of size.
        self._differences: list[float] = []

    @property
    def updates(self) -> int:
        """How many losses it was given."""
        return self._state.updates

    @property
    def height(self) -> float:
        """What ``climb`` returned last."""
        return self._state.height

    def climb(self, lr: float, loss: float, noisy: float) -> float:
        """How far the average is above its best, in units of its fall, its size or the noise.

        ``noisy`` is the loss as it was recorded, from which the noise is estimated; ``loss`` may be without spikes.
        """
        before = self._state
        log_lr = math.log10(lr)
        kept = math.exp((before.log_lr - log_lr) / MEMORY) if before.updates else 0.0
        total = before.total * kept + loss
        weight = before.weight * kept + 1.0
        average = total / weight
        first, best, previous = before[5:] if before.updates else (average, average, noisy)
        best = min(best, average)
        if len(self._differences) == before.updates:
            insort(self._differences, abs(noisy - previous))
        height = 0.0
        if before.updates >= GRACE:
            noise = self._differences[len(self._differences) // 2]
            scale = max(first - best, abs(best), 8 * noise)
            height = (average - best) / scale if scale else 0.0
        self._state = _State(before.updates + 1, height, total, weight, log_lr, first, best, noisy)
        return height


def points_until_divergence(lrs: Sequence[float], losses: Sequence[float], noisy: Sequence[float]) -> int:
    """How many points a range test with the default rule would have recorded of these."""
    running = RunningLoss()
    points = enumerate(zip(lrs, losses, noisy, strict=True), 1)
    return next((count for count, point in points if running.climb(*point) > 1.0), len(lrs))
