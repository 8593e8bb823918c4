"""A smooth curve and its slope, measured in decades of LR, in linear time."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from itertools import pairwise

from clr_core import check

SMOOTHING_DECADES = 0.15
"""Scale of the kernel: small against a drop of the loss, which takes a decade or two."""

FEWEST_LOSSES, FEWEST_REVERSALS, MOST_GROWTH = 30, 0.385, 20.0
"""Of ``looks_smoothed``: chosen such that 1 % of the recorded raw losses look smoothed."""


def smooth(lrs: Sequence[float], losses: Sequence[float], *, decades: float = SMOOTHING_DECADES) -> list[float]:
    """The losses without their noise: at each LR, the value of a straight line fitted around it.

    The fit is least squares in ``x = log10(lr)`` with weights ``exp(-abs(x_j - x_i) / decades)``. It looks
    both ways, so nothing lags; a straight line in log LR stays as it is; and the same training run
    recorded with more steps gives the same curve, since the scale is in decades, not in updates.

    Args:
        lrs: Finite, > 0, never falling.
        losses: As many finite numbers.
        decades: Scale of the weights, > 0.

    Returns:
        As many floats. The cost is O(n).

    Raises:
        TypeError: An argument is of the wrong kind.
        ValueError: The lengths differ, a number is not finite, or the LRs fall.

    Example:
        >>> import clr_core
        >>> [round(loss, 3) for loss in clr_core.smooth([1e-3, 1e-2, 1e-1], [3.0, 2.0, 1.0])]
        [3.0, 2.0, 1.0]
    """
    return fit_lines(lrs, losses, decades)[0]


def steepest_descent(lrs: Sequence[float], losses: Sequence[float], *, decades: float = SMOOTHING_DECADES) -> float:
    """The LR at which the smoothed loss falls fastest per decade.

    Args:
        lrs: Finite, > 0, never falling.
        losses: As many finite numbers, at least two.
        decades: Scale of the smoothing, as in ``smooth``.

    Raises:
        TypeError: An argument is of the wrong kind.
        ValueError: As in ``smooth``, or the loss never falls.

    Example:
        >>> import clr_core
        >>> clr_core.steepest_descent([1e-4, 1e-3, 1e-2, 1e-1, 1.0], [3.0, 2.9, 2.0, 1.1, 1.0])
        0.01
    """
    slopes = fit_lines(lrs, losses, decades)[1]
    steepest = min(range(len(slopes)), key=slopes.__getitem__, default=None)
    if steepest is None or slopes[steepest] >= 0:
        raise ValueError(f"losses must fall somewhere, got {len(slopes)} that never do")
    return lrs[steepest]


def fit_lines(lrs: Sequence[float], losses: Sequence[float], decades: float) -> tuple[list[float], list[float]]:
    """Value and slope (per decade) of the local line at each point."""
    decades = check.real("decades", decades, above=0.0)
    if len(lrs) != len(losses):
        raise ValueError(f"losses must have the length of lrs, got {len(losses)} losses for {len(lrs)} lrs")
    logs = [math.log10(check.real(f"lrs[{index}]", lr, above=0.0)) for index, lr in enumerate(lrs)]
    for index in range(1, len(logs)):
        if logs[index] < logs[index - 1]:
            raise ValueError(f"lrs must not fall, got lrs[{index}]={lrs[index]!r} after {lrs[index - 1]!r}")
    values = [check.real(f"losses[{index}]", loss) for index, loss in enumerate(losses)]
    if not values:
        return [], []
    # Sums are taken of small numbers, whatever the size and offset of the losses; halves, as a difference may overflow.
    offset = values[0] / 4 + values[-1] / 4
    size = max(abs(value / 2 - offset) for value in values) or 0.5
    scaled = [(value / 2 - offset) / size for value in values]
    left = _one_sided_sums(logs, scaled, decades)
    right = _one_sided_sums([-x for x in reversed(logs)], scaled[::-1], decades)[::-1]
    fitted, slopes = [], []
    for value, (w0, w1, w2, y0, y1), (v0, v1, v2, z0, z1) in zip(scaled, left, right, strict=True):
        # The point itself is in both sums; distances to the right were taken with the sign reversed.
        s0, s1, s2 = w0 + v0 - 1.0, w1 - v1, w2 + v2
        t0, t1 = y0 + z0 - value, y1 - z1
        determinant = s0 * s2 - s1 * s1
        # With no other point in reach there is no slope to speak of.
        slope = (s0 * t1 - s1 * t0) / determinant if determinant > 1e-12 * s0 * s0 * decades**2 else 0.0
        fitted.append(_doubled((t0 - slope * s1) / s0 * size + offset))
        slopes.append(_doubled(slope * size))
    return fitted, slopes


def _doubled(half: float) -> float:
    return min(max(2 * half, -sys.float_info.max), sys.float_info.max)


def without_spikes(losses: Sequence[float]) -> list[float]:
    """Each loss replaced by the median of itself and its neighbours; the ends by those of the points next to them."""
    middle = [sorted(losses[i - 1 : i + 2])[1] for i in range(1, len(losses) - 1)]
    return [middle[0], *middle, middle[-1]] if middle else list(losses)


def _one_sided_sums(
    logs: Sequence[float], values: Sequence[float], decades: float
) -> list[tuple[float, float, float, float, float]]:
    """At each point ``i``, over all ``j <= i``, the sums of ``w``, ``w*d``, ``w*d*d``, ``w*y`` and ``w*d*y``.

    ``d = x_j - x_i`` and ``w = exp(d / decades)``. An exponential weight lets each point take the sums of
    the one before: shift the distances, fade, add itself.
    """
    sums = []
    w0 = w1 = w2 = y0 = y1 = 0.0
    previous = logs[0]
    for x, y in zip(logs, values, strict=True):
        gap = x - previous
        previous = x
        fade = math.exp(-gap / decades)
        w2 = fade * (w2 - 2 * gap * w1 + gap * gap * w0)
        w1 = fade * (w1 - gap * w0)
        y1 = fade * (y1 - gap * y0)
        w0 = fade * w0 + 1.0
        y0 = fade * y0 + y
        sums.append((w0, w1, w2, y0, y1))
    return sums


def looks_smoothed(losses: Sequence[float]) -> bool:
    """Whether losses look like running averages of losses, as many tools log them; these read late.

    Of independent losses two in three changes reverse the change before, in averages far fewer: here fewer than 0.385,
    up to the lowest loss. A validation loss is smooth as well, but its changes are tiny as long as the LR is; where the
    last third of them is more than 20 times the first, nothing was averaged.

    Of the recorded range tests (benchmarks/suggestion, 12,537 curves) 1.1 % look smoothed by their raw losses, 1.9 % by
    their validation losses, and 49, 64 and 76 % by averages with a decay of 0.9, 0.95 and 0.98: True is evidence,
    False is little.

    Args:
        losses: Finite numbers in the order of their LRs; fewer than 30 never look smoothed.

    Example:
        >>> import random
        >>> from clr_core.range_test.smoothing import looks_smoothed
        >>> raw = [random.Random(i).gauss(2.0 - i / 200, 0.1) for i in range(200)]
        >>> averages = [sum(raw[max(0, i - 20) : i + 1]) / min(i + 1, 21) for i in range(200)]
        >>> looks_smoothed(raw), looks_smoothed(averages)
        (False, True)
    """
    if len(losses) < FEWEST_LOSSES:
        return False
    lowest = min(range(len(losses)), key=losses.__getitem__)
    changes = [late - early for early, late in pairwise(losses[: max(lowest + 1, 20)])]
    reversals = sum((early < 0 < late) or (late < 0 < early) for early, late in pairwise(changes))
    if reversals >= FEWEST_REVERSALS * (len(changes) - 1):
        return False
    third = len(changes) // 3
    first, last = (sorted(map(abs, part))[third // 2] for part in (changes[:third], changes[-third:]))
    return last < MOST_GROWTH * first
