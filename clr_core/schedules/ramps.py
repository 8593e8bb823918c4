"""The two ramps of the range test: linear and exponential, exact at both ends."""

from __future__ import annotations

import math
from functools import cached_property
from typing import Any

from clr_core import check
from clr_core.schedules.base import Schedule, arguments, lerp, policy


@arguments
class _Ramp(Schedule):
    start_lr: float
    end_lr: float
    num_steps: int

    def __post_init__(self) -> None:
        self._set(
            start_lr=check.real("start_lr", self.start_lr, minimum=0.0),
            end_lr=check.real("end_lr", self.end_lr, minimum=0.0),
            num_steps=check.whole("num_steps", self.num_steps, minimum=2),
        )

    def evaluate(self, step: Any, xp: Any) -> Any:
        last = self.num_steps - 1
        step = xp.where(step < last, step, last)
        if self.start_lr <= self.end_lr:
            return self._below(self.start_lr, self.end_lr, last - step, xp)
        return self._below(self.end_lr, self.start_lr, step, xp)

    def _below(self, low: float, high: float, distance: Any, xp: Any) -> Any:
        """The value ``distance`` steps from the higher end of the ramp."""
        raise NotImplementedError

    def limits(self) -> tuple[float, float]:
        return min(self.start_lr, self.end_lr), max(self.start_lr, self.end_lr)


@policy
class linear_ramp(_Ramp):
    """A straight line whose first value is ``start_lr`` and whose last is ``end_lr``, both exactly.

    ``start_lr + (end_lr - start_lr) * step / (num_steps - 1)``, and ``end_lr`` from then on.

    Args:
        start_lr: The value at step 0, >= 0.
        end_lr: The value at step ``num_steps - 1``, >= 0, above or below ``start_lr``.
        num_steps: Values on the line, an int >= 2.

    Error: at most 4 eps(dtype) * max(start_lr, end_lr), for every step to 2**31-1.

    Raises:
        TypeError: An argument is of the wrong kind.
        ValueError: An argument is out of its range.

    Example:
        >>> import clr_core
        >>> clr_core.linear_ramp(0.0, 1.0, num_steps=5).values(6)
        [0.0, 0.25, 0.5, 0.75, 1.0, 1.0]

    Source: the range test of Smith 2015, section 3.3.
    """

    def _below(self, low: float, high: float, distance: Any, xp: Any) -> Any:
        return lerp(high, low, xp.divide(distance, self.num_steps - 1))


@policy
class exponential_ramp(_Ramp):
    """A straight line in log LR from ``start_lr`` to ``end_lr``; the first and the last value are exact.

    ``start_lr * (end_lr / start_lr)**(step / (num_steps - 1))``, and ``end_lr`` from then on.

    Args:
        start_lr: The value at step 0, > 0.
        end_lr: The value at step ``num_steps - 1``, > 0, above or below ``start_lr``.
        num_steps: Values on the ramp, an int >= 2.

    Error: at most 16 eps(dtype) * max(start_lr, end_lr), for every step to 2**31-1.

    Raises:
        TypeError: An argument is of the wrong kind.
        ValueError: An argument is out of its range.

    Example:
        >>> import clr_core
        >>> clr_core.exponential_ramp(1.0, 16.0, num_steps=5).values(6)
        [1.0, 2.0, 4.0, 8.0, 16.0, 16.0]
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        check.real("start_lr", self.start_lr, above=0.0)
        check.real("end_lr", self.end_lr, above=0.0)

    @cached_property
    def _octaves(self) -> float:
        """log2 of the lower end over the higher, precise also where the two are close to each other."""
        low, high = map(math.frexp, self.limits())
        return math.log2(low[0] / high[0]) + (low[1] - high[1])

    def _below(self, low: float, high: float, distance: Any, xp: Any) -> Any:
        last = self.num_steps - 1
        value = xp.exp2(xp.divide(distance, last) * self._octaves) * high
        return xp.where(distance < last, value, low)
