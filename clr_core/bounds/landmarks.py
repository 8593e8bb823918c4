"""What can be seen on one curve: where the loss starts to fall, has fallen, and where it takes off."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, fields
from itertools import pairwise
from typing import Any

from clr_core.bounds.smoothing import SMOOTHING_DECADES, fit_lines, smooth
from clr_core.range_test.curve import LRCurve

FEWEST_POINTS = 10
"""Fewer updates than this say nothing about where a fall ends."""

CLEAR_FALL = 5.0
"""A fall must be this many standard errors of the smoothed loss; noise alone reaches about four."""

SMALL_FALL, SMALL_GAIN, INVISIBLE_FALL = 10.0, 0.2, 1.5
"""A fall of fewer than 10 standard deviations of one loss while the accuracy gained less than 0.2 is no
learning yet; without accuracies only one below 1.5 is known to be none."""


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
        accuracy_gain: What the smoothed accuracy gained at its best, 0 to 1; None where none was recorded.
        fall_start_lr: LR at which a tenth of the fall is done.
        fall_start_seen: Whether the loss was still before that at the first LR of the test.
        steepest_lr: LR at which the loss falls fastest per decade.
        half_fall_sum: Sum of the LRs of all updates until half of the fall was done: how far it took to learn.
        fall_end_lr: LR at which nine tenths of the fall are done.
        best_lr: LR of the lowest loss.
        rise_lr: LR after it at which a tenth of the fall is lost again: the onset of divergence.
        rise_seen: Whether that happened; if not, ``rise_lr`` is the last LR of the test.
        last_lr: LR of the last finite loss; where the test was stopped, the loss had taken off by then.
    """

    points: int
    start_loss: float
    best_loss: float
    noise: float
    accuracy_gain: float | None
    fall_start_lr: float
    fall_start_seen: bool
    steepest_lr: float
    half_fall_sum: float
    fall_end_lr: float
    best_lr: float
    rise_lr: float
    rise_seen: bool
    last_lr: float

    @property
    def clarity(self) -> float:
        """The fall in standard deviations of one loss."""
        return (self.start_loss - self.best_loss) / self.noise if self.noise else math.inf

    @property
    def learned(self) -> bool:
        """Whether the fall is one from which bounds can be read; if not, it is a dip before the real one."""
        if self.accuracy_gain is None:
            return self.clarity >= INVISIBLE_FALL
        return self.clarity >= SMALL_FALL or self.accuracy_gain >= SMALL_GAIN


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
    opening = _opening(lrs)
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
    if fall <= clear or best < 3:
        raise _no_fall(lrs, losses, start, noise, blown_up=count < len(curve))
    # Looking back from the best point, so that noise on the way down is not taken for the fall.
    fall_start = _crossing(lrs, smoothed, start - 0.1 * fall, range(best, -1, -1))
    fall_end = _crossing(lrs, smoothed, start - 0.9 * fall, range(best, -1, -1))
    half = _crossing(lrs, smoothed, start - 0.5 * fall, range(best, -1, -1))
    rise = _crossing(lrs, smoothed, smoothed[best] + 0.1 * fall, range(best, count))
    return Landmarks(
        points=count,
        start_loss=start,
        best_loss=smoothed[best],
        noise=noise,
        accuracy_gain=_accuracy_gain(lrs, curve.metrics, opening),
        fall_start_lr=lrs[0] if fall_start is None else fall_start,
        fall_start_seen=fall_start is not None and fall_start > lrs[0],
        steepest_lr=lrs[min(range(best + 1), key=slopes.__getitem__)],
        half_fall_sum=_sum_until(lrs, lrs[0] if half is None else half),
        fall_end_lr=lrs[best] if fall_end is None else fall_end,
        best_lr=lrs[best],
        rise_lr=lrs[-1] if rise is None else rise,
        rise_seen=rise is not None or count < len(curve),
        last_lr=lrs[-1],
    )


def combine(readings: Sequence[Landmarks]) -> Landmarks:
    """The median of each landmark; a yes or no by majority."""
    values: dict[str, list[Any]] = {
        item.name: [getattr(reading, item.name) for reading in readings] for item in fields(Landmarks)
    }
    # A landmark that one curve lacks, the accuracy, is lacking.
    combined: dict[str, Any] = {name: None if None in column else _median(column) for name, column in values.items()}
    return Landmarks(**combined)


def without_spikes(losses: Sequence[float]) -> list[float]:
    """Each loss replaced by the middle one of three; an end by that of the three next to it."""
    middle = [sorted(losses[i - 1 : i + 2])[1] for i in range(1, len(losses) - 1)]
    return [middle[0], *middle, middle[-1]] if middle else list(losses)


def _median(values: Sequence[Any]) -> Any:
    """The middle value, the lower of two; ``statistics`` would cost more time to load than all of core."""
    return sorted(values)[(len(values) - 1) // 2]


def _opening(lrs: Sequence[float]) -> int:
    """How many points the first tenth of the range has, in decades; a linear ramp has few there."""
    end = lrs[0] * (lrs[-1] / lrs[0]) ** 0.1
    return max(3, bisect_right(lrs, end * (1 + 1e-9)))


def _accuracy_gain(lrs: Sequence[float], accuracies: Sequence[float] | None, opening: int) -> float | None:
    """None too for a figure that is no accuracy: outside of 0 to 1, or 0 to 100 where it is in per cent."""
    known = None if accuracies is None else accuracies[: len(lrs)]
    if not known or not all(0.0 <= accuracy <= 100.0 for accuracy in known):
        return None
    unit = 100.0 if max(known) > 1.0 else 1.0
    return (max(smooth(lrs, known)) - sum(known[:opening]) / opening) / unit


def _sum_until(lrs: Sequence[float], end: float) -> float:
    """The sum of the LRs up to and including ``end``, as if it were reached between two updates."""
    total = 0.0
    for index, lr in enumerate(lrs):
        if lr >= end:
            gap = lr - lrs[index - 1] if index else 0.0
            return total + (lr * (1 - (lr - end) / gap) if gap else lr)
        total += lr
    return total


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
