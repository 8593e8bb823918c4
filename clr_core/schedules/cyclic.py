"""The cyclical policies of Smith (2015): up and down between two bounds, in whole steps.

All of them share one wave. With ``k, pos = divmod(step, up + down)``, in integers,

    h = min(pos / up, (up + down - pos) / down)        in [0, 1]

and ``value = base_lr + (max_lr - base_lr) * shape(h) * scale``. They differ in the scale.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import field
from functools import cached_property
from typing import Any

from clr_core import check
from clr_core.schedules.base import Schedule, arguments, lerp, policy

SHAPES = ("linear", "cosine", "parabolic")
SCALE_MODES = ("cycle", "iterations")
DECAYS = ("amplitude", "bounds")


@arguments
class _Cycle(Schedule):
    base_lr: float
    max_lr: float
    step_size: int
    step_size_down: int | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        base_lr = check.real("base_lr", self.base_lr, minimum=0.0)
        max_lr = check.real("max_lr", self.max_lr, minimum=0.0)
        check.ordered("base_lr", base_lr, "max_lr", max_lr)
        step_size = check.whole("step_size", self.step_size)
        down = self.step_size_down
        if down is not None:
            down = check.whole("step_size_down", down)
        check.whole("step_size + step_size_down", step_size + (down or step_size))
        self._set(base_lr=base_lr, max_lr=max_lr, step_size=step_size, step_size_down=down)

    @cached_property
    def _down(self) -> int:
        return self.step_size_down or self.step_size

    @cached_property
    def _period(self) -> int:
        return self.step_size + self._down

    def evaluate(self, step: Any, xp: Any) -> Any:
        period = self._period
        cycle = step // period
        position = step - cycle * period
        height = xp.minimum(xp.divide(position, self.step_size), xp.divide(period - position, self._down))
        return self._scaled(height, cycle, step, xp)

    def _scaled(self, height: Any, cycle: Any, step: Any, xp: Any) -> Any:
        return lerp(self.base_lr, self.max_lr, height)

    def limits(self) -> tuple[float, float]:
        return self.base_lr, self.max_lr

    def _completed_cycles(self, step: int) -> int:
        return step // self._period


@policy
class triangular(_Cycle):
    """A triangle wave between two constant bounds.

    ``base_lr + (max_lr - base_lr) * h`` with ``k, pos = divmod(step, up + down)`` and
    ``h = min(pos/up, (up + down - pos)/down)``.

    Args:
        base_lr: Lower bound, >= 0; the value at every multiple of the period.
        max_lr: Upper bound, >= base_lr; the value ``step_size`` updates later.
        step_size: Updates in the rising half (``up``), an int >= 1; usually 2 to 10 epochs.
        step_size_down: Updates in the falling half (``down``), by default ``step_size``. The whole
            period is at most 2**31-1.

    Error: at most 4 eps(dtype) * max_lr, for every step to 2**31-1.

    Raises:
        TypeError: An argument is of the wrong kind.
        ValueError: An argument is out of its range.

    Example:
        >>> import clr_core
        >>> s = clr_core.triangular(0.0, 1.0, step_size=4)
        >>> s.values(9)
        [0.0, 0.25, 0.5, 0.75, 1.0, 0.75, 0.5, 0.25, 0.0]

    Source: L. N. Smith, Cyclical Learning Rates for Training Neural Networks, 2015, section 3.1.
    """


@policy
class triangular2(_Cycle):
    """``triangular``, but the height halves at the end of each cycle.

    ``base_lr + (max_lr - base_lr) * h * 0.5**k`` with the 0-based cycle ``k`` and ``h`` as in ``triangular``.

    Args: as ``triangular``.

    Error: at most 4 eps(dtype) * max_lr, for every step to 2**31-1.

    Raises:
        TypeError: An argument is of the wrong kind.
        ValueError: An argument is out of its range.

    Example:
        >>> import clr_core
        >>> s = clr_core.triangular2(0.0, 1.0, step_size=4)
        >>> s(4), s(12), s(20)
        (1.0, 0.5, 0.25)

    Source: Smith 2015, section 3.1.
    """

    def _scaled(self, height: Any, cycle: Any, step: Any, xp: Any) -> Any:
        # A multiplication by -1.0, not a minus sign: the cycle may be an unsigned integer.
        return lerp(self.base_lr, self.max_lr, height * xp.exp2(xp.multiply(cycle, -1.0)))


@policy
class exp_range(_Cycle):
    """``triangular``, but it decays by ``gamma`` at every update.

    ``decay="amplitude"`` (the common code): ``base_lr + (max_lr - base_lr) * h * gamma**step``.
    ``decay="bounds"`` (Smith's text, "each boundary value declines"):
    ``gamma**step * (base_lr + (max_lr - base_lr) * h)``. The two agree at step 0 only.

    Args: as ``triangular``, and
        gamma: Decay factor per update, in (0, 1].
        decay: ``"amplitude"`` or ``"bounds"``.

    Error: at most 16 eps(dtype) * max_lr, for every step to 2**31-1.

    Raises:
        TypeError: An argument is of the wrong kind.
        ValueError: An argument is out of its range.

    Example:
        >>> import clr_core
        >>> clr_core.exp_range(1.0, 2.0, step_size=1, gamma=0.5).values(4)
        [1.0, 1.5, 1.0, 1.125]
        >>> clr_core.exp_range(1.0, 2.0, step_size=1, gamma=0.5, decay="bounds").values(4)
        [1.0, 1.0, 0.25, 0.25]

    Source: Smith 2015, section 3.1. Differs from source: the default is what bckenstler/CLR, torch
    and TensorFlow Addons compute; ``decay="bounds"`` is what the paper's text says.
    """

    gamma: float = field(kw_only=True)
    decay: str = field(default="amplitude", kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        self._set(
            gamma=check.real("gamma", self.gamma, above=0.0, maximum=1.0),
            decay=check.choice("decay", self.decay, DECAYS),
        )

    @cached_property
    def _log2_gamma(self) -> float:
        return math.log2(self.gamma)

    def _scaled(self, height: Any, cycle: Any, step: Any, xp: Any) -> Any:
        power = xp.exp2(xp.multiply(step, self._log2_gamma))
        if self.decay == "bounds":
            return power * lerp(self.base_lr, self.max_lr, height)
        return lerp(self.base_lr, self.max_lr, height * power)


@policy
class cyclic(_Cycle):
    """A cycle of any shape, scaled by any function.

    ``base_lr + (max_lr - base_lr) * shape(h) * scale_fn(x)`` with ``h`` as in ``triangular`` and ``x`` the cycle
    or the step.

    Args: as ``triangular``, and
        shape: ``"linear"``: h; ``"cosine"`` (Hann): ``(1 - cos(pi*h))/2``; ``"parabolic"`` (Welch):
            ``1 - (1-h)**2``. Smith found them equivalent in training.
        scale_fn: Factor on the height, a function from float to float; by default 1. Where the step is
            an array it is called with a floating array, so write it with operators. To save the schedule,
            register the function with ``register_scale_fn``.
        scale_mode: What ``scale_fn`` is called with: ``"cycle"``, the cycle counted from 1 as in
            bckenstler/CLR and torch, or ``"iterations"``, the step.

    Error: at most 4 eps(dtype) * max_lr for "linear" and "parabolic", 16 for "cosine", for every
    step to 2**31-1 and a ``scale_fn`` that is exact and at most 1.

    Raises:
        TypeError: An argument is of the wrong kind.
        ValueError: An argument is out of its range.

    Example:
        >>> import clr_core
        >>> s = clr_core.cyclic(0.0, 1.0, step_size=2, shape="parabolic", scale_fn=lambda cycle: 1 / cycle)
        >>> s.values(8)
        [0.0, 0.75, 1.0, 0.75, 0.0, 0.375, 0.5, 0.375]

    Source: Smith 2015, section 3.1, and its footnote on other windows.
    """

    shape: str = field(default="linear", kw_only=True)
    scale_fn: Callable[[Any], Any] | None = field(default=None, kw_only=True)
    scale_mode: str = field(default="cycle", kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        check.choice("shape", self.shape, SHAPES)
        check.choice("scale_mode", self.scale_mode, SCALE_MODES)
        if self.scale_fn is not None and not callable(self.scale_fn):
            raise TypeError(f"scale_fn must be callable or None, got scale_fn={self.scale_fn!r}")

    def _scaled(self, height: Any, cycle: Any, step: Any, xp: Any) -> Any:
        if self.shape == "cosine":
            height = (1 - xp.cos(height * math.pi)) / 2
        elif self.shape == "parabolic":
            height = height * (2 - height)
        if self.scale_fn is not None:
            count = cycle + 1 if self.scale_mode == "cycle" else step
            # A division: the one operation that turns an int into a float in every namespace.
            height = height * self.scale_fn(xp.divide(count, 1))
        return lerp(self.base_lr, self.max_lr, height)
