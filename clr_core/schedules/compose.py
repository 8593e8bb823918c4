"""Schedules made of schedules, and as pure as those."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field
from itertools import pairwise
from typing import Any

from clr_core import check
from clr_core.schedules.base import Schedule, check_depth, check_schedule, lerp, policy
from clr_core.schedules.ramps import linear_ramp


@policy
class join(Schedule):
    """One schedule after another, each from its own step 0; the value at a boundary is the later one's.

    ``schedules[i](step - boundaries[i-1])`` for ``boundaries[i-1] <= step < boundaries[i]``.

    Args:
        schedules: At least one schedule.
        boundaries: The step at which each schedule after the first begins: increasing ints >= 1, one
            fewer than there are schedules.

    Error: that of the schedule at that step.

    Raises:
        TypeError: An argument is of the wrong kind.
        ValueError: The boundaries do not increase, their number does not fit, or schedules are nested more
            than 50 deep.

    Example:
        >>> import clr_core
        >>> s = clr_core.join([clr_core.constant(1.0), clr_core.linear_decay(0.5, 2)], [3])
        >>> s.values(6)
        [1.0, 1.0, 1.0, 0.5, 0.25, 0.0]
    """

    schedules: Sequence[Schedule]
    boundaries: Sequence[int]

    def __post_init__(self) -> None:
        schedules = _items("schedules", self.schedules)
        boundaries = _items("boundaries", self.boundaries)
        for index, schedule in enumerate(schedules):
            check_schedule(f"schedules[{index}]", schedule)
        boundaries = tuple(check.whole(f"boundaries[{i}]", boundary) for i, boundary in enumerate(boundaries))
        if len(schedules) != len(boundaries) + 1:
            raise ValueError(
                "boundaries must be one fewer than schedules, got "
                f"{len(boundaries)} boundaries for {len(schedules)} schedules"
            )
        if any(late <= early for early, late in pairwise(boundaries)):
            raise ValueError(f"boundaries must increase, got boundaries={boundaries}")
        depth = check_depth("schedules", max(schedule.depth for schedule in schedules))
        self._set(schedules=schedules, boundaries=boundaries, depth=depth)

    def evaluate(self, step: Any, xp: Any) -> Any:
        value = self.schedules[0].evaluate(step, xp)
        for schedule, start in zip(self.schedules[1:], self.boundaries, strict=True):
            started = step >= start
            value = xp.where(started, schedule.evaluate(xp.where(started, step, start) - start, xp), value)
        return value

    def limits(self) -> tuple[float, float]:
        lows, highs = zip(*(schedule.limits() for schedule in self.schedules), strict=True)
        return min(lows), max(highs)

    def _completed_cycles(self, step: int) -> int:
        starts = (0, *self.boundaries)
        ends = (*self.boundaries, step)
        return sum(
            schedule._completed_cycles(min(end, step) - start)
            for schedule, start, end in zip(self.schedules, starts, ends, strict=True)
            if start <= step
        )


def with_warmup(schedule: Schedule, warmup_steps: int, *, start_lr: float = 0.0) -> join:
    """``schedule`` after a linear warmup from ``start_lr`` to its first value.

    ``start_lr + (schedule(0) - start_lr) * step / warmup_steps`` before step ``warmup_steps``, from
    there on ``schedule(step - warmup_steps)``.

    Args:
        schedule: The schedule after the warmup.
        warmup_steps: Updates in the warmup, an int >= 1.
        start_lr: The value at step 0, >= 0.

    Returns:
        A ``join`` of a ``linear_ramp`` and the schedule.

    Raises:
        TypeError: An argument is of the wrong kind.
        ValueError: An argument is out of its range.

    Example:
        >>> import clr_core
        >>> clr_core.with_warmup(clr_core.constant(1.0), 4).values(6)
        [0.0, 0.25, 0.5, 0.75, 1.0, 1.0]
    """
    check_schedule("schedule", schedule)
    warmup_steps = check.whole("warmup_steps", warmup_steps)
    start_lr = check.real("start_lr", start_lr, minimum=0.0)
    ramp = linear_ramp(start_lr, schedule(0), num_steps=warmup_steps + 1)
    return join((ramp, schedule), (warmup_steps,))


@policy
class momentum_for(Schedule):
    """Momentum (or beta1) that moves opposite to an LR schedule: lowest where the LR is highest.

    ``high + (low - high) * h`` with ``h = (schedule(step) - base) / (max - base)`` clipped to [0, 1], where
    base and max are the schedule's own bounds (for a ``join``, the lowest and the highest of its parts). In a
    ``one_cycle`` of two phases ``h`` falls to 0 at the last step, as in torch's OneCycleLR, and not where the LR
    passes base_lr.

    Args:
        schedule: The LR schedule; its two bounds must differ.
        low: Momentum at the highest LR, in [0, 1).
        high: Momentum at the lowest LR, in [low, 1).

    Error: at most 16 eps(dtype) * high * max/(max - base), for every step to 2**31-1.

    Raises:
        TypeError: An argument is of the wrong kind.
        ValueError: An argument is out of its range, the schedule is constant or nested more than 49 deep.

    Example:
        >>> import clr_core
        >>> m = clr_core.momentum_for(clr_core.triangular(0.0, 1.0, step_size=4), low=0.75, high=1 - 2**-3)
        >>> m(0), m(2), m(4)
        (0.875, 0.8125, 0.75)

    Source: L. N. Smith, A disciplined approach to neural network hyper-parameters, 2018, section 4.3.
    """

    schedule: Schedule
    low: float = field(default=0.85, kw_only=True)
    high: float = field(default=0.95, kw_only=True)

    def __post_init__(self) -> None:
        check_schedule("schedule", self.schedule)
        low = check.real("low", self.low, minimum=0.0, below=1.0)
        high = check.real("high", self.high, minimum=0.0, below=1.0)
        check.ordered("low", low, "high", high)
        self._set(low=low, high=high, depth=check_depth("schedule", self.schedule.depth))
        bottom, top = self.schedule._bounds
        if bottom == top:
            raise ValueError(f"schedule must have two different bounds, got schedule={self.schedule!r}")

    def evaluate(self, step: Any, xp: Any) -> Any:
        return lerp(self.high, self.low, self.schedule._momentum_share(step, xp))

    def limits(self) -> tuple[float, float]:
        return self.low, self.high

    def _completed_cycles(self, step: int) -> int:
        return self.schedule._completed_cycles(step)


def _items(name: str, value: Any) -> tuple[Any, ...]:
    if isinstance(value, str | bytes) or not isinstance(value, Sequence):
        raise TypeError(f"{name} must be a list or tuple, got {name}={check.shown(value)}")
    return tuple(value)
