"""When a loss has taken off."""

from __future__ import annotations

import math
from collections.abc import Sequence
from heapq import heappush, heappushpop

MEMORY = 0.2
"""Decades of LR over which the running loss forgets; three updates of 100 over eight decades."""

UNJUDGED = 10
"""Updates before the first verdict: too few to know the noise, or to read bounds from."""


class RunningLoss:
    """An average of the losses so far that forgets over ``MEMORY`` decades of LR, and its best value."""

    def __init__(self) -> None:
        self._sum = self._weight = self._log_lr = 0.0
        self._first = self._best = self._previous = math.nan
        # Differences of one loss and the next: the lower half, negated, and the upper, each with its middle one first.
        self._low: list[float] = []
        self._high: list[float] = []

    def climb(self, lr: float, loss: float, noisy: float) -> float:
        """How far the average is above its best, in units of its fall, its size or the noise.

        ``noisy`` is the loss as it came, from which the noise is read, also where ``loss`` was freed from spikes.
        """
        log_lr = math.log10(lr)
        kept = math.exp((self._log_lr - log_lr) / MEMORY) if self._weight else 0.0
        self._sum = self._sum * kept + loss
        self._weight = self._weight * kept + 1.0
        self._log_lr = log_lr
        average = self._sum / self._weight
        if math.isnan(self._first):
            self._first = self._best = average
            self._previous = noisy
        self._best = min(self._best, average)
        difference = abs(noisy - self._previous)
        if len(self._low) == len(self._high):
            heappush(self._high, -heappushpop(self._low, -difference))
        else:
            heappush(self._low, -heappushpop(self._high, difference))
        self._previous = noisy
        if len(self._low) + len(self._high) <= UNJUDGED:
            return 0.0
        noise = self._high[0]
        scale = max(self._first - self._best, abs(self._best), 8 * noise)
        return (average - self._best) / scale if scale else 0.0


def points_until_divergence(lrs: Sequence[float], losses: Sequence[float], noisy: Sequence[float]) -> int:
    """How many points a range test with the usual rule would have recorded of these."""
    running = RunningLoss()
    told = enumerate(zip(lrs, losses, noisy, strict=True), 1)
    return next((count for count, update in told if running.climb(*update) > 1.0), len(lrs))
