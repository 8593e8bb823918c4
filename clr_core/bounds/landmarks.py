"""The landmarks of one curve: where the loss starts to drop, where it is lowest, and where it rises and diverges."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, fields
from itertools import pairwise
from typing import Any

from clr_core.bounds import refusals
from clr_core.range_test.curve import LRCurve
from clr_core.range_test.divergence import MEMORY, points_until_divergence
from clr_core.range_test.smoothing import SMOOTHING_DECADES, fit_lines, smooth, without_spikes

CLEAR_FALL, ANY_FALL = 5.0, 0.3
"""In standard errors of the smoothed loss. Noise alone makes dips of about four, so where the loss never diverges, a
drop must be clearer than that; where it does, the LR of the divergence is evidence as well, and any dip will do."""

SMALL_FALL, SMALL_GAIN, INVISIBLE_FALL = 10.0, 0.2, 1.5
"""A drop of fewer than 10 standard deviations of one loss, while the accuracy gained less than 0.2, is not learning
yet; without accuracies only a drop below 1.5 is known not to be."""

SPIKE = 3
"""Updates within which a divergence is the same one with spikes and without them."""

FIRST_BEST = 3
"""A minimum before this point is noise, or the loss rises from there on: the lowest loss after the opening counts."""


@dataclass(frozen=True)
class Accuracy:
    """What Smith reads from the accuracies of a range test (2015, section 3.3).

    Attributes:
        gain: What the smoothed accuracy gained at its best over the low end, 0 to 1 in all.
        rise_lr: LR at which a tenth of that was gained: his base_lr, where the accuracy starts to rise.
        slow_lr: LR at which nine tenths were: his max_lr, where it slows, goes ragged or falls.
    """

    gain: float
    rise_lr: float
    slow_lr: float


@dataclass(frozen=True)
class Landmarks:
    """The evidence in one curve; LRs in its own units, losses of the smoothed curve.

    Attributes:
        points: Points before the loss diverged or was not finite.
        updates: Updates until then, one or more for each point.
        start_loss: Loss at the low end.
        best_loss: Lowest smoothed loss.
        noise: Standard deviation of one loss about the smoothed curve.
        fall_clear: Whether the drop is more than a dip that noise alone can make.
        fall_start_lr: LR at which a tenth of the drop is done.
        fall_start_seen: Whether the loss was still on its initial plateau at the first LR of the test.
        steepest_lr: LR between ``fall_start_lr`` and ``fall_end_lr`` at which the loss falls fastest per decade.
        half_fall_sum: Sum of the LRs of all updates until half of the drop was done: the distance it took to learn.
        fall_end_lr: LR at which nine tenths of the drop are done.
        best_lr: LR of the lowest loss.
        rise_lr: LR after it at which a tenth of the drop is lost again: the onset of divergence.
        rise_sum: Sum of the LRs of all updates until then.
        rise_seen: Whether the loss rose; if not, ``rise_lr`` is the last LR of the test.
        last_lr: LR of the last of these points.
        ends_abruptly: Whether a loss that is not finite ended the curve before the loss had risen.
        accuracy: What the accuracies show; None where none were recorded.
    """

    points: int
    updates: int
    start_loss: float
    best_loss: float
    noise: float
    fall_clear: bool
    fall_start_lr: float
    fall_start_seen: bool
    steepest_lr: float
    half_fall_sum: float
    fall_end_lr: float
    best_lr: float
    rise_lr: float
    rise_sum: float
    rise_seen: bool
    last_lr: float
    ends_abruptly: bool
    accuracy: Accuracy | None

    @property
    def clarity(self) -> float:
        """The drop in standard deviations of one loss."""
        return (self.start_loss - self.best_loss) / self.noise if self.noise else math.inf

    @property
    def learned(self) -> bool:
        """Whether the drop is one from which bounds can be read; if not, it is a dip before the real one."""
        if self.accuracy is None:
            return self.fall_clear and self.clarity >= INVISIBLE_FALL
        return self.fall_clear and (self.clarity >= SMALL_FALL or self.accuracy.gain >= SMALL_GAIN)


def read_landmarks(curve: LRCurve) -> Landmarks:
    """The landmarks of a curve.

    Raises:
        Undetermined: The curve is too short, no range test, flat, never falls, or diverged at once.
    """
    count = curve.finite_points
    if count < refusals.FEWEST_POINTS:
        raise refusals.too_few_points(curve, count)
    ended_early = count < len(curve) or curve.stop_reason in ("diverged", "non_finite")
    if curve.decades < refusals.LEAST_DECADES and not ended_early:
        raise refusals.no_range_test(curve)
    count = _points_read(curve.lrs[:count], curve.losses[:count])
    lrs, raw, losses = curve.lrs[:count], curve.losses[:count], without_spikes(curve.losses[:count])
    opening = _opening(lrs)
    # The mean, as the smoothed losses are means: the median of long-tailed losses is lower, and hides a drop.
    start = sum(loss / opening for loss in losses[:opening])
    smoothed, slopes = _smoothed(lrs, losses, start)
    best = _lowest(smoothed, opening)
    fall = start - smoothed[best]
    # Up to the best point no loss has diverged; half of the points are enough to estimate the noise from.
    noise = _noise(raw[: max(best + 2, count // 2)])
    # The kernel averages about 4 * SMOOTHING_DECADES worth of points.
    averaged = 4 * SMOOTHING_DECADES * count / max(math.log10(lrs[-1] / lrs[0]), SMOOTHING_DECADES)
    standard_error, rounding = noise / math.sqrt(max(averaged, 1.0)), 1e-9 * abs(start)
    fall_clear = fall > max(CLEAR_FALL * standard_error, rounding)
    diverged = count < len(curve) or curve.stop_reason == "diverged"
    diverges = diverged or max(losses) - start > max(CLEAR_FALL * noise, rounding)
    if not (fall_clear or (diverges and fall > max(ANY_FALL * standard_error, rounding))):
        early = curve.finite_points // 5
        is_interrupted = curve.stop_reason == "interrupted"
        raise refusals.no_fall(
            lrs, losses, start, CLEAR_FALL * noise, diverges=diverges, is_interrupted=is_interrupted, early=early
        )
    # Looking back from the best point, so that noise on the way down is not mistaken for the drop.
    fall_start = _crossing(lrs, smoothed, start - 0.1 * fall, range(best, -1, -1))
    fall_end = _crossing(lrs, smoothed, start - 0.9 * fall, range(best, -1, -1))
    half = _crossing(lrs, smoothed, start - 0.5 * fall, range(best, -1, -1))
    rise = _crossing(lrs, smoothed, smoothed[best] + 0.1 * fall, range(best, count))
    rise_seen, ends_abruptly = rise is not None or diverged, rise is None and diverged
    rise = lrs[-1] if rise is None else rise
    fall_start_lr, fall_end_lr = (
        lrs[0] if fall_start is None else fall_start,
        lrs[best] if fall_end is None else fall_end,
    )
    falling = [i for i in range(best + 1) if fall_start_lr <= lrs[i] <= fall_end_lr] or [best]
    steepest = lrs[min(falling, key=slopes.__getitem__)]
    return Landmarks(
        points=count,
        updates=count * curve.steps_per_point,
        start_loss=start,
        best_loss=smoothed[best],
        noise=noise,
        fall_clear=fall_clear,
        fall_start_lr=fall_start_lr,
        fall_start_seen=fall_start is not None and fall_start > lrs[0],
        steepest_lr=min(max(steepest, fall_start_lr), fall_end_lr),
        half_fall_sum=curve.steps_per_point * _sum_until(lrs, lrs[0] if half is None else half),
        fall_end_lr=fall_end_lr,
        best_lr=lrs[best],
        rise_lr=rise,
        rise_sum=curve.steps_per_point * _sum_until(lrs, rise),
        rise_seen=rise_seen,
        last_lr=lrs[-1],
        ends_abruptly=ends_abruptly,
        accuracy=_accuracy(lrs, curve.metrics, opening),
    )


def combine(readings: Sequence[Landmarks]) -> Landmarks:
    """The median of each landmark, the majority of each yes or no; the accuracy only where every curve has one."""
    accuracies = [reading.accuracy for reading in readings if reading.accuracy is not None]
    accuracy: Any = Accuracy(**_medians(accuracies)) if len(accuracies) == len(readings) else None
    return Landmarks(**_medians(readings) | {"accuracy": accuracy})


def _medians(records: Sequence[Landmarks] | Sequence[Accuracy]) -> dict[str, Any]:
    """The median of each field that is a number."""
    columns = {item.name: [getattr(record, item.name) for record in records] for item in fields(records[0])}
    return {name: _median(column) for name, column in columns.items() if name != "accuracy"}


def _median(values: Sequence[Any]) -> Any:
    """The middle value, the lower of two; ``statistics`` would cost more time to load than all of core."""
    return sorted(values)[(len(values) - 1) // 2]


def _points_read(lrs: Sequence[float], losses: Sequence[float]) -> int:
    """Points until the loss diverged: a test that was continued is read as if ``RangeTest`` had stopped it there.

    Where it was a spike that stopped it, after which the loss was back, it is read until the loss diverged for good.
    """
    stopped = points_until_divergence(lrs, losses, losses)
    if stopped == len(losses):
        return stopped
    without = points_until_divergence(lrs, without_spikes(losses), losses)
    back = losses[stopped] < (losses[stopped - 1] + min(losses[:stopped])) / 2
    near = without - stopped < SPIKE or lrs[without - 1] <= lrs[stopped - 1] * 10**MEMORY
    return stopped if near and not back else without


def _smoothed(lrs: Sequence[float], losses: Sequence[float], start: float) -> tuple[list[float], list[float]]:
    """The smoothed losses and their slopes, without the effect of a divergence on the curve before it."""
    # A loss further above the start than it ever fell below only shows that it diverged, and its height would
    # reach back into the smoothed curve.
    lowest = min(losses)
    ceiling = 2 * start - lowest
    smoothed, slopes = fit_lines(lrs, [min(loss, ceiling) for loss in losses], SMOOTHING_DECADES)
    # A line through a plateau and the divergence after it runs below both.
    return [max(loss, lowest) for loss in smoothed], slopes


def _lowest(smoothed: Sequence[float], opening: int) -> int:
    """The index of the lowest loss; where the loss rises from the first point on, of the lowest after the opening."""
    best = min(range(len(smoothed)), key=smoothed.__getitem__)
    if best >= FIRST_BEST:
        return best
    return min(range(min(opening, len(smoothed) - 1), len(smoothed)), key=smoothed.__getitem__)


def _opening(lrs: Sequence[float]) -> int:
    """How many points lie in the first tenth of the range, in decades; a linear ramp has few there."""
    end = lrs[0] * (lrs[-1] / lrs[0]) ** 0.1
    return max(3, bisect_right(lrs, end * (1 + 1e-9)))


def _accuracy(lrs: Sequence[float], metrics: Sequence[float] | None, opening: int) -> Accuracy | None:
    """None also for a metric that is no accuracy: outside of 0 to 1, or of 0 to 100 where it is a percentage."""
    known = None if metrics is None else metrics[: len(lrs)]
    if not known or not all(0.0 <= accuracy <= 100.0 for accuracy in known):
        return None
    unit = 100.0 if max(known) > 1.0 else 1.0
    errors = [-value / unit for value in smooth(lrs, known)]
    best = min(range(len(errors)), key=errors.__getitem__)
    start = -sum(known[:opening]) / opening / unit
    gain = start - errors[best]
    # Like the loss: looking back from the best point.
    rise, slow = (_crossing(lrs, errors, start - share * gain, range(best, -1, -1)) for share in (0.1, 0.9))
    return Accuracy(gain, lrs[0] if rise is None else rise, lrs[best] if slow is None else slow)


def _sum_until(lrs: Sequence[float], end: float) -> float:
    """The sum of the LRs up to ``end``, interpolated where it lies between two points."""
    total = 0.0
    for index, lr in enumerate(lrs):
        if lr >= end:
            gap = lr - lrs[index - 1] if index else 0.0
            return total + (lr * (1 - (lr - end) / gap) if gap else lr)
        total += lr
    return total


def _noise(losses: Sequence[float]) -> float:
    """Standard deviation of one loss, from the differences of neighbours, which a trend does not inflate."""
    differences = [abs(late - early) for early, late in pairwise(losses)]
    # 0.6745 is the median of abs(z) for a standard normal z.
    return float(_median(differences)) / (0.6745 * math.sqrt(2)) if differences else 0.0


def _crossing(lrs: Sequence[float], smoothed: Sequence[float], level: float, path: Sequence[int]) -> float | None:
    """The LR at which the curve first rises above the level along a path of indices, interpolated in log LR."""
    for here, there in pairwise(path):
        if smoothed[there] > level:
            share = (level - smoothed[here]) / (smoothed[there] - smoothed[here])
            return lrs[here] * math.pow(lrs[there] / lrs[here], share)
    return None
