"""What can be seen on one curve: where the loss starts to fall, has fallen, and where it takes off."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from itertools import pairwise
from typing import Any

from clr_core.bounds.smoothing import SMOOTHING_DECADES, fit_lines
from clr_core.range_test.curve import LRCurve

FEWEST_POINTS = 10
"""Fewer updates than this say nothing about where a fall ends."""

CLEAR_FALL = 6.0
"""A fall must be this many standard errors of the smoothed loss; noise alone reaches about four."""


class Undetermined(ValueError):
    """The curve does not say where the bounds are.

    Attributes:
        reason: ``"too_few_points"``, ``"flat"``, ``"never_falls"`` or ``"diverged_at_once"``.
    """

    def __init__(self, reason: str, sentence: str) -> None:
        super().__init__(reason, sentence)
        self.reason = reason

    def __str__(self) -> str:
        return str(self.args[1])


@dataclass(frozen=True)
class Landmarks:
    """The evidence in one curve; LRs in its own units, losses of the smoothed curve.

    Attributes:
        points: Updates with a finite loss.
        start_loss: Loss at the low end.
        best_loss: Lowest smoothed loss.
        noise: Standard deviation of one loss about the smoothed curve.
        fall_start_lr: LR at which a tenth of the fall is done.
        fall_start_seen: Whether the loss was still before that at the first LR of the test.
        steepest_lr: LR at which the loss falls fastest per decade.
        fall_end_lr: LR at which nine tenths of the fall are done.
        best_lr: LR of the lowest loss.
        rise_lr: LR after it at which a tenth of the fall is lost again: the onset of divergence.
        rise_seen: Whether that happened; if not, ``rise_lr`` is the last LR of the test.
    """

    points: int
    start_loss: float
    best_loss: float
    noise: float
    fall_start_lr: float
    fall_start_seen: bool
    steepest_lr: float
    fall_end_lr: float
    best_lr: float
    rise_lr: float
    rise_seen: bool


def read_landmarks(curve: LRCurve) -> Landmarks:
    """The landmarks of a curve.

    Raises:
        Undetermined: The curve is too short, flat, never falls, or diverged at once.
    """
    count = curve.finite_points
    if count < FEWEST_POINTS:
        raise _too_few(curve, count)
    lrs, raw = curve.lrs[:count], curve.losses[:count]
    losses = without_spikes(raw)
    opening = max(3, count // 10)
    start: float = _median(losses[:opening])
    # A loss further above the start than it ever fell below says no more than that it diverged, and
    # its height would reach back into the smoothed curve.
    ceiling = 2 * start - min(losses)
    smoothed, slopes = fit_lines(lrs, [min(loss, ceiling) for loss in losses], SMOOTHING_DECADES)
    best = min(range(count), key=smoothed.__getitem__)
    fall = start - smoothed[best]
    noise = _noise(raw[: best + 2])
    # The kernel averages about 4 * SMOOTHING_DECADES worth of points.
    averaged = 4 * SMOOTHING_DECADES * count / max(math.log10(lrs[-1] / lrs[0]), SMOOTHING_DECADES)
    clear = max(CLEAR_FALL * noise / math.sqrt(max(averaged, 1.0)), 1e-9 * abs(start))
    if fall <= clear or best < opening // 2:
        raise _no_fall(lrs, losses, start, noise, blown_up=count < len(curve))
    # Looking back from the best point, so that noise on the way down is not taken for the fall.
    fall_start = _crossing(lrs, smoothed, start - 0.1 * fall, range(best, -1, -1))
    fall_end = _crossing(lrs, smoothed, start - 0.9 * fall, range(best, -1, -1))
    rise = _crossing(lrs, smoothed, smoothed[best] + 0.1 * fall, range(best, count))
    return Landmarks(
        points=count,
        start_loss=start,
        best_loss=smoothed[best],
        noise=noise,
        fall_start_lr=lrs[0] if fall_start is None else fall_start,
        fall_start_seen=fall_start is not None and fall_start > lrs[0],
        steepest_lr=lrs[min(range(best + 1), key=slopes.__getitem__)],
        fall_end_lr=lrs[best] if fall_end is None else fall_end,
        best_lr=lrs[best],
        rise_lr=lrs[-1] if rise is None else rise,
        rise_seen=rise is not None or count < len(curve),
    )


def combine(readings: Sequence[Landmarks]) -> Landmarks:
    """The median of each landmark; a yes or no by majority."""
    values = {item.name: [getattr(reading, item.name) for reading in readings] for item in fields(Landmarks)}
    return Landmarks(**{name: _median(column) for name, column in values.items()})


def without_spikes(losses: Sequence[float]) -> list[float]:
    """Each loss replaced by the middle one of three; the two ends stay."""
    middle = [sorted(losses[i - 1 : i + 2])[1] for i in range(1, len(losses) - 1)]
    return [losses[0], *middle, losses[-1]]


def _median(values: Sequence[Any]) -> Any:
    """The middle value, the lower of two; ``statistics`` would cost more time to load than all of core."""
    return sorted(values)[(len(values) - 1) // 2]


def _noise(losses: Sequence[float]) -> float:
    """Standard deviation of one loss, from the differences of neighbours, which no trend can inflate."""
    differences = [abs(late - early) for early, late in pairwise(losses)]
    # 0.6745 is the median of abs(z) for a standard normal z.
    return float(_median(differences)) / (0.6745 * math.sqrt(2)) if differences else 0.0


def _crossing(lrs: Sequence[float], smoothed: Sequence[float], level: float, path: Sequence[int]) -> float | None:
    """The LR, between two points in log LR, at which the curve first comes above the level on its path."""
    for here, there in pairwise(path):
        if smoothed[there] > level:
            share = (level - smoothed[here]) / (smoothed[there] - smoothed[here])
            return lrs[here] * math.pow(lrs[there] / lrs[here], share)
    return None


def _too_few(curve: LRCurve, count: int) -> Undetermined:
    if count < len(curve):
        return Undetermined(
            "diverged_at_once",
            f"The loss was not finite after {count} updates, at lr {curve.lrs[count]:.3g}: lower start_lr.",
        )
    return Undetermined(
        "too_few_points", f"The curve has {count} points and needs at least {FEWEST_POINTS}: test longer."
    )


def _no_fall(
    lrs: Sequence[float], losses: Sequence[float], start: float, noise: float, *, blown_up: bool
) -> Undetermined:
    rises = max(losses) - start > max(CLEAR_FALL * noise, 1e-9 * abs(start))
    if not rises and not blown_up:
        return Undetermined(
            "flat",
            f"The loss stayed at {start:.4g} from lr {lrs[0]:.3g} to {lrs[-1]:.3g}: "
            "raise end_lr, or check that the model trains at all.",
        )
    first_rise = next((i for i, loss in enumerate(losses) if loss - start > CLEAR_FALL * noise), len(losses))
    if first_rise < len(losses) // 5:
        return Undetermined(
            "diverged_at_once",
            f"The loss rose from the beginning, at lr {lrs[0]:.3g}: lower start_lr.",
        )
    return Undetermined(
        "never_falls",
        f"The loss never fell clearly below {start:.4g} before it took off: "
        "test with more steps, or average several seeds.",
    )
