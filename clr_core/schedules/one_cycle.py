"""The 1cycle policy: up once, down once, and on to a final LR far below the first."""

from __future__ import annotations

import math
from dataclasses import field
from functools import cached_property
from typing import Any

from clr_core import check
from clr_core.schedules.base import Schedule, lerp, policy

VARIANTS = ("smith", "two_phase", "three_phase")
ANNEALS = ("linear", "cosine")


@policy
class one_cycle(Schedule):
    """One cycle over a whole training run: from ``base_lr`` up to ``max_lr``, down to ``final_lr``, then constant.

    With ``N = total_steps``, the peak at step ``p`` and the end at step ``e``:

    * ``"smith"``: ``p = N/2`` and ``e = N``; linear up, and linear down past base_lr
      (``max_lr - (max_lr - final_lr) * (step - p)/p``).
    * ``"two_phase"``: ``p = rise_fraction*N - 1`` and ``e = N - 1``, as in torch and fastai.
    * ``"three_phase"``: the same ``p`` and ``e``; down to base_lr until step ``2p``, then on to final_lr.

    Args:
        base_lr: The value at step 0, >= 0; usually max_lr/10 to max_lr/25.
        max_lr: The peak, >= base_lr.
        total_steps: Updates in the training run (``N``), an int >= 2, even for ``"smith"``. Afterwards
            the value is ``final_lr``.
        variant: Which of the three.
        anneal: ``"linear"``, or ``"cosine"``: each straight part becomes half a cosine. By default linear
            for ``"smith"`` and cosine for the others.
        rise_fraction: Share of the run spent rising, in (0, 1), for the last two variants. Where ``p`` is
            not whole, the peak lies between two steps. Three phases need at most 1/2.
        final_lr: The last value, in 0..base_lr. By default base_lr/1000 for ``"smith"`` (as in his logs)
            and base_lr/10,000 for the others (as in torch).

    Error: at most 4 eps(dtype) * max_lr if linear, 16 if cosine, for every step to 2**31-1.

    Raises:
        TypeError: An argument is of the wrong kind.
        ValueError: An argument is out of its range, or leaves no step for a phase.

    Example:
        >>> import clr_core
        >>> s = clr_core.one_cycle(0.1, 1.0, total_steps=10, final_lr=0.0)
        >>> [round(value, 2) for value in s.values(12)]
        [0.1, 0.28, 0.46, 0.64, 0.82, 1.0, 0.8, 0.6, 0.4, 0.2, 0.0, 0.0]

    Source: L. N. Smith and N. Topin, Super-Convergence, 2017, section 4, and the logs published with it.
    """

    base_lr: float
    max_lr: float
    total_steps: int
    variant: str = field(default="smith", kw_only=True)
    anneal: str | None = field(default=None, kw_only=True)
    rise_fraction: float = field(default=0.3, kw_only=True)
    final_lr: float | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        base_lr = check.real("base_lr", self.base_lr, minimum=0.0)
        max_lr = check.real("max_lr", self.max_lr, minimum=0.0)
        check.ordered("base_lr", base_lr, "max_lr", max_lr)
        variant = check.choice("variant", self.variant, VARIANTS)
        smith = variant == "smith"
        anneal, final_lr = self.anneal, self.final_lr
        if anneal is None:
            anneal = "linear" if smith else "cosine"
        if final_lr is None:
            final_lr = base_lr / (1000 if smith else 10_000)
        self._set(
            base_lr=base_lr,
            max_lr=max_lr,
            total_steps=check.whole("total_steps", self.total_steps, minimum=2),
            anneal=check.choice("anneal", anneal, ANNEALS),
            rise_fraction=check.real("rise_fraction", self.rise_fraction, above=0.0, below=1.0),
            final_lr=check.real("final_lr", final_lr, minimum=0.0, maximum=base_lr),
        )
        if smith and self.total_steps % 2:
            raise ValueError(f"total_steps must be even for variant='smith', got total_steps={self.total_steps}")
        # Not self._phases[1] > 0: the exact product of 10 and 0.1, as a float is stored, is a little above 1.
        rises = smith or self.rise_fraction * self.total_steps > 1
        if not (rises and self._phases[2] > 0):
            raise ValueError(
                "rise_fraction must leave at least one step to every phase, got "
                f"rise_fraction={self.rise_fraction!r} with total_steps={self.total_steps}, {variant=}"
            )

    @cached_property
    def _end(self) -> int:
        return self.total_steps if self.variant == "smith" else self.total_steps - 1

    @cached_property
    def _phases(self) -> tuple[int, float, float]:
        """The last step before the tail, the step of the peak, and the length of the tail.

        Computed exactly: a short tail is a small difference of large numbers.
        """
        from fractions import Fraction

        if self.variant == "smith":
            peak = Fraction(self.total_steps, 2)
        else:
            peak = Fraction(self.rise_fraction) * self.total_steps - 1
        corner = 2 * peak if self.variant == "three_phase" else peak
        return math.floor(corner), float(peak), float(self._end - corner)

    def evaluate(self, step: Any, xp: Any) -> Any:
        is_before_tail, height = self._phase(step, xp)
        low = xp.where(is_before_tail, self.base_lr, self.final_lr)
        if self.variant == "three_phase":
            return lerp(low, xp.where(is_before_tail, self.max_lr, self.base_lr), height)
        return lerp(low, self.max_lr, height)

    def _momentum_share(self, step: Any, xp: Any) -> Any:
        if self.variant != "two_phase":
            return super()._momentum_share(step, xp)
        return self._phase(step, xp)[1]

    def _phase(self, step: Any, xp: Any) -> tuple[Any, Any]:
        """Whether the step is before the tail, and its height in its phase: 0 at the lower LR, 1 at the higher."""
        corner, peak, tail = self._phases
        step = xp.where(step < self._end, step, self._end)
        rise = xp.divide(step, peak)
        # Three phases come down to base_lr as they went up, before the tail.
        turned = 2 - rise if self.variant == "three_phase" else rise
        is_before_tail = step <= corner
        height = xp.where(is_before_tail, xp.minimum(rise, turned), xp.divide(self._end - step, tail))
        return is_before_tail, self._annealed(height, xp)

    def _annealed(self, height: Any, xp: Any) -> Any:
        return (1 - xp.cos(height * math.pi)) / 2 if self.anneal == "cosine" else height

    def limits(self) -> tuple[float, float]:
        return self.base_lr, self.max_lr

    def _completed_cycles(self, step: int) -> int:
        return int(step >= self.total_steps)
