"""The baselines to compare cycles with; none of them has any."""

from __future__ import annotations

import math
from dataclasses import field
from functools import cached_property
from typing import Any

from clr_core import check
from clr_core.schedules.base import Schedule, arguments, lerp, policy


@policy
class constant(Schedule):
    """The same value at every step: ``lr``.

    Args:
        lr: The value, >= 0.

    Error: at most 4 eps(dtype) * lr, from rounding ``lr`` to the dtype.

    Raises:
        TypeError: ``lr`` is of the wrong kind.
        ValueError: ``lr`` is negative or not finite.

    Example:
        >>> import clr_core
        >>> clr_core.constant(0.1).values(3)
        [0.1, 0.1, 0.1]
    """

    lr: float

    def __post_init__(self) -> None:
        self._set(lr=check.real("lr", self.lr, minimum=0.0))

    def evaluate(self, step: Any, xp: Any) -> Any:
        return xp.where(step >= 0, self.lr, self.lr)

    def limits(self) -> tuple[float, float]:
        return self.lr, self.lr


@arguments
class _Decay(Schedule):
    initial_lr: float
    total_steps: int
    final_lr: float = field(default=0.0, kw_only=True)

    def __post_init__(self) -> None:
        initial_lr = check.real("initial_lr", self.initial_lr, minimum=0.0)
        final_lr = check.real("final_lr", self.final_lr, minimum=0.0)
        check.ordered("final_lr", final_lr, "initial_lr", initial_lr)
        self._set(
            initial_lr=initial_lr,
            total_steps=check.whole("total_steps", self.total_steps),
            final_lr=final_lr,
        )

    def limits(self) -> tuple[float, float]:
        return self.final_lr, self.initial_lr


@policy
class linear_decay(_Decay):
    """A straight line from ``initial_lr`` to ``final_lr``: today's strongest simple baseline.

    ``initial_lr + (final_lr - initial_lr) * min(step, N) / N`` with ``N = total_steps``. The final value is
    reached at step N, one past the last of N updates, so no update is wasted at an LR of zero.

    Args:
        initial_lr: The value at step 0, >= final_lr.
        total_steps: Updates in the training run (``N``), an int >= 1. From step N on the value is ``final_lr``.
        final_lr: The value at step N, >= 0.

    Error: at most 4 eps(dtype) * initial_lr, for every step to 2**31-1.

    Raises:
        TypeError: An argument is of the wrong kind.
        ValueError: An argument is out of its range.

    Example:
        >>> import clr_core
        >>> clr_core.linear_decay(1.0, total_steps=4).values(6)
        [1.0, 0.75, 0.5, 0.25, 0.0, 0.0]
    """

    def evaluate(self, step: Any, xp: Any) -> Any:
        step = xp.where(step < self.total_steps, step, self.total_steps)
        left = xp.divide(self.total_steps - step, self.total_steps)
        return lerp(self.final_lr, self.initial_lr, left)


@policy
class cosine_decay(_Decay):
    """Half a cosine from ``initial_lr`` to ``final_lr``, which then holds: the usual schedule of transformers.

    ``final_lr + (initial_lr - final_lr) * (1 + cos(pi * min(step, N) / N)) / 2`` with ``N = total_steps``. The
    final value is reached at step N, one past the last of N updates, and stays; ``cosine_restarts`` would restart.

    Args:
        initial_lr: The value at step 0, >= final_lr.
        total_steps: Updates in the training run (``N``), an int >= 1. From step N on the value is ``final_lr``.
        final_lr: The value at step N, >= 0.

    Error: at most 16 eps(dtype) * initial_lr, for every step to 2**31-1.

    Raises:
        TypeError: An argument is of the wrong kind.
        ValueError: An argument is out of its range.

    Example:
        >>> import clr_core
        >>> s = clr_core.cosine_decay(1.0, total_steps=4)
        >>> [round(value, 4) for value in s.values(6)]
        [1.0, 0.8536, 0.5, 0.1464, 0.0, 0.0]

    Source: I. Loshchilov and F. Hutter, SGDR, 2016, equation 5, without restarts.
    """

    def evaluate(self, step: Any, xp: Any) -> Any:
        step = xp.where(step < self.total_steps, step, self.total_steps)
        left = xp.divide(self.total_steps - step, self.total_steps)
        return lerp(self.final_lr, self.initial_lr, (1 - xp.cos(left * math.pi)) / 2)


@policy
class warmup_stable_decay(Schedule):
    """A trapezoid: a linear warmup to ``peak_lr``, a plateau, and a linear decay to ``final_lr``.

    With ``N = total_steps``, ``w = warmup_steps`` and ``d = decay_steps``: ``peak_lr * step/w`` before
    step w, ``peak_lr`` before step N-d, then ``final_lr + (peak_lr - final_lr) * (N - step)/d``.

    Args:
        peak_lr: The plateau, >= final_lr.
        total_steps: Updates in the training run (``N``), an int >= 1. From step N on the value is ``final_lr``.
        warmup_steps: Updates before the plateau (``w``), >= 0.
        decay_steps: Updates after the plateau (``d``), >= 1; warmup and decay together are at most N.
        final_lr: The value at step N, >= 0.

    Error: at most 4 eps(dtype) * peak_lr, for every step to 2**31-1.

    Raises:
        TypeError: An argument is of the wrong kind.
        ValueError: An argument is out of its range.

    Example:
        >>> import clr_core
        >>> clr_core.warmup_stable_decay(1.0, total_steps=8, warmup_steps=2, decay_steps=4).values(9)
        [0.0, 0.5, 1.0, 1.0, 1.0, 0.75, 0.5, 0.25, 0.0]

    Source: S. Hu et al., MiniCPM, 2024, section 4.
    """

    peak_lr: float
    total_steps: int
    warmup_steps: int
    decay_steps: int
    final_lr: float = field(default=0.0, kw_only=True)

    def __post_init__(self) -> None:
        peak_lr = check.real("peak_lr", self.peak_lr, minimum=0.0)
        final_lr = check.real("final_lr", self.final_lr, minimum=0.0)
        check.ordered("final_lr", final_lr, "peak_lr", peak_lr)
        self._set(
            peak_lr=peak_lr,
            total_steps=check.whole("total_steps", self.total_steps),
            warmup_steps=check.whole("warmup_steps", self.warmup_steps, minimum=0),
            decay_steps=check.whole("decay_steps", self.decay_steps),
            final_lr=final_lr,
        )
        if self.warmup_steps + self.decay_steps > self.total_steps:
            raise ValueError(
                "warmup_steps + decay_steps must be <= total_steps, got "
                f"warmup_steps={self.warmup_steps}, decay_steps={self.decay_steps}, "
                f"total_steps={self.total_steps}"
            )

    def evaluate(self, step: Any, xp: Any) -> Any:
        step = xp.where(step < self.total_steps, step, self.total_steps)
        left = xp.divide(self.total_steps - step, self.decay_steps)
        value = lerp(self.final_lr, self.peak_lr, xp.where(left < 1.0, left, 1.0))
        if not self.warmup_steps:
            return value
        risen = xp.divide(step, self.warmup_steps)
        return xp.where(risen < 1.0, risen * self.peak_lr, value)

    def limits(self) -> tuple[float, float]:
        return self.final_lr, self.peak_lr


@policy
class step_decay(Schedule):
    """A staircase: ``initial_lr * factor**floor(step / every)``.

    Args:
        initial_lr: The value of the first stair, >= 0.
        factor: Ratio of a stair to the one before, in (0, 1].
        every: Updates on each stair, an int >= 1.

    Error: at most 16 eps(dtype) * initial_lr, for every step to 2**31-1.

    Raises:
        TypeError: An argument is of the wrong kind.
        ValueError: An argument is out of its range.

    Example:
        >>> import clr_core
        >>> clr_core.step_decay(1.0, factor=0.5, every=2).values(6)
        [1.0, 1.0, 0.5, 0.5, 0.25, 0.25]
    """

    initial_lr: float
    factor: float = field(kw_only=True)
    every: int = field(kw_only=True)

    def __post_init__(self) -> None:
        self._set(
            initial_lr=check.real("initial_lr", self.initial_lr, minimum=0.0),
            factor=check.real("factor", self.factor, above=0.0, maximum=1.0),
            every=check.whole("every", self.every),
        )

    @cached_property
    def _log2_factor(self) -> float:
        return math.log2(self.factor)

    def evaluate(self, step: Any, xp: Any) -> Any:
        return xp.exp2(xp.multiply(step // self.every, self._log2_factor)) * self.initial_lr

    def limits(self) -> tuple[float, float]:
        return 0.0, self.initial_lr
