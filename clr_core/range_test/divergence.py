"""When a loss has diverged."""

from __future__ import annotations

import math
from bisect import insort
from collections.abc import Sequence

MEMORY = 0.2
"""Decades of LR over which the running loss forgets; three updates of 100 over eight decades."""

GRACE = 10
"""Updates before the first verdict: too few to know the noise, or to read bounds from."""


class RunningLoss:
    """An average of the losses so far that forgets over ``MEMORY`` decades of LR, and its best value.

    An update replaces the state in one assignment, so that one that was interrupted can be made again.
    """

    def __init__(self) -> None:
        # Updates, height, sum, weight, log of the LR, first average, best average, previous loss.
        self._state = (0, 0.0, 0.0, 0.0, 0.0, math.nan, math.nan, math.nan)
        # Absolute differences of one loss and the next, in order of size.
        self._differences: list[float] = []

    @property
    def updates(self) -> int:
        """How many losses it was given."""
        return self._state[0]

    @property
    def height(self) -> float:
        """What ``climb`` returned last."""
        return self._state[1]

    def level(self, height: float) -> float:
        """A loss below this one does not bring the average above ``height``."""
        updates, _, total, weight, _, first, best, _ = self._state
        if updates < GRACE:
            return math.inf
        # Without the noise, which the next loss may lower.
        level = best + height * max(first - best, abs(best))
        return level if total / weight <= level else -math.inf

    def climb(self, lr: float, loss: float, noisy: float) -> float:
        """How far the average is above its best, in units of its fall, its size or the noise.

        ``noisy`` is the loss as it was recorded, from which the noise is estimated; ``loss`` may be without spikes.
        """
        updates, height, total, weight, last_log_lr, first, best, previous = self._state
        log_lr = math.log10(lr)
        kept = math.exp((last_log_lr - log_lr) / MEMORY) if updates else 0.0
        total = total * kept + loss
        weight = weight * kept + 1.0
        average = total / weight
        if not updates:
            first, best, previous = average, average, noisy
        best = min(best, average)
        if len(self._differences) == updates:
            insort(self._differences, abs(noisy - previous))
        if updates >= GRACE:
            noise = self._differences[len(self._differences) // 2]
            scale = max(first - best, abs(best), 8 * noise)
            height = (average - best) / scale if scale else 0.0
        self._state = (updates + 1, height, total, weight, log_lr, first, best, noisy)
        return height


def points_until_divergence(lrs: Sequence[float], losses: Sequence[float], noisy: Sequence[float]) -> int:
    """How many points a range test with the default rule would have recorded of these."""
    running = RunningLoss()
    points = enumerate(zip(lrs, losses, noisy, strict=True), 1)
    return next((count for count, point in points if running.climb(*point) > 1.0), len(lrs))
