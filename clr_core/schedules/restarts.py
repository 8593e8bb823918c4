"""Cosine annealing with warm restarts (SGDR), every restart on its exact step."""

from __future__ import annotations

import math
from dataclasses import field
from functools import cached_property
from typing import Any

from clr_core import check
from clr_core.schedules.base import Schedule, lerp, policy

_MOST_CYCLES = 2**16
"""Cycles of growing length in the table; t_mult = 1.001 needs 15,000, 1.1 some 200."""


@policy
class cosine_restarts(Schedule):
    """Cosine decays from ``max_k`` towards ``min_lr``, each ``t_mult`` times as long as the one before.

    ``min_lr + (max_k - min_lr) * (1 + cos(pi * T_cur / T_k)) / 2`` with ``max_k = max_lr * decay**k``,
    ``T_k = period * t_mult**k`` rounded to a whole number (halves up) and ``T_cur`` the updates since the
    last restart. Restarts are computed in integers, so update ``T_0 + ... + T_{k-1}`` is exactly at
    ``max_k``, however long the run.

    Args:
        min_lr: The value that each cycle approaches, >= 0. It would be reached one update after the cycle's
            last, which is the restart.
        max_lr: The value at step 0, >= min_lr.
        period: Updates in the first cycle (``T_0``), an int >= 1.
        t_mult: Ratio of a cycle's length to the one before, >= 1, whole or not, taken as the decimal you
            write (1.1 is 11/10). A ratio so close to 1 that 2**31-1 steps hold more than 65,536 cycles of
            different lengths is refused.
        decay: Factor on the maximum at each restart, in (0, 1]. Once ``max_k`` is below ``min_lr``, the
            cycle goes up, as the formula says.

    Error: at most 16 eps(dtype) * max_lr, for every step to 2**31-1.

    Raises:
        TypeError: An argument is of the wrong kind.
        ValueError: An argument is out of its range.

    Example:
        >>> import clr_core
        >>> s = clr_core.cosine_restarts(0.0, 1.0, period=10, t_mult=1.1, decay=0.5)
        >>> s(0), s(10), s(10 + 11), s(10 + 11 + 12)
        (1.0, 0.5, 0.25, 0.125)

    Source: I. Loshchilov and F. Hutter, SGDR, 2016, equation 5. Differs from source: lengths are whole.
    """

    min_lr: float
    max_lr: float
    period: int
    t_mult: float = field(default=1.0, kw_only=True)
    decay: float = field(default=1.0, kw_only=True)

    def __post_init__(self) -> None:
        min_lr = check.real("min_lr", self.min_lr, minimum=0.0)
        max_lr = check.real("max_lr", self.max_lr, minimum=0.0)
        check.ordered("min_lr", min_lr, "max_lr", max_lr)
        self._set(
            min_lr=min_lr,
            max_lr=max_lr,
            period=check.whole("period", self.period),
            t_mult=check.real("t_mult", self.t_mult, minimum=1.0),
            decay=check.real("decay", self.decay, above=0.0, maximum=1.0),
        )
        if len(self._restarts) > _MOST_CYCLES:
            raise ValueError(
                f"t_mult must be 1 or so large that {check.MAX_STEP} steps hold at most "
                f"{_MOST_CYCLES} cycles, got t_mult={self.t_mult!r} with period={self.period}"
            )

    @cached_property
    def _log2_decay(self) -> float:
        return math.log2(self.decay)

    @cached_property
    def _lengths(self) -> list[float]:
        """Updates in each cycle, as floats: the last cycle may be too long for an int32."""
        if self.t_mult == 1.0:
            return [float(self.period)]
        # Decimals take t_mult as written (1.1, not the nearest binary fraction), and 60 digits round
        # every length correctly.
        from decimal import ROUND_HALF_UP, Context, Decimal

        context = Context(prec=60)
        ratio = Decimal(repr(self.t_mult))
        exact, length, total = Decimal(self.period), self.period, 0
        lengths: list[float] = []
        while total <= check.MAX_STEP and len(lengths) <= _MOST_CYCLES:
            lengths.append(float(length))
            total += length
            exact = context.multiply(exact, ratio)
            # A cycle this long is constant up to the last step, and its length still fits a float.
            length = min(int(exact.to_integral_value(ROUND_HALF_UP)), 2**62)
        return lengths

    @cached_property
    def _restarts(self) -> list[int]:
        """The first update of each cycle."""
        starts = [0]
        for length in self._lengths[:-1]:
            starts.append(starts[-1] + int(length))
        return starts

    def evaluate(self, step: Any, xp: Any) -> Any:
        if self.t_mult == 1.0:
            cycle = step // self.period
            length: Any = self.period
            position = step - cycle * length
        else:
            starts = xp.asarray(self._restarts, dtype=getattr(step, "dtype", None))
            cycle = xp.searchsorted(starts, step, side="right") - 1
            length = xp.take(xp.asarray(self._lengths), cycle)
            position = step - xp.take(starts, cycle)
        height = cosine_descent(position, length, xp)
        if self.decay == 1.0:
            return lerp(self.min_lr, self.max_lr, height)
        peak = xp.exp2(xp.multiply(cycle, self._log2_decay)) * self.max_lr
        return lerp(self.min_lr, peak, height)

    def limits(self) -> tuple[float, float]:
        return self.min_lr, self.max_lr

    def _completed_cycles(self, step: int) -> int:
        if self.t_mult == 1.0:
            return step // self.period
        from bisect import bisect_right

        return bisect_right(self._restarts, step) - 1


def cosine_descent(position: Any, length: Any, xp: Any) -> Any:
    """``(1 + cos(pi * position / length)) / 2``: from 1 at the start of a cycle towards 0 at its end."""
    return (1 + xp.cos(xp.divide(position, length) * math.pi)) / 2
