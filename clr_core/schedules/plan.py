"""From a training budget to whole cycles: the step size, and a total that ends where a cycle ends."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from clr_core import check

SHORTEST, LONGEST = 2, 10
"""Epochs in half a cycle, as Smith 2015, section 3.2, advises."""

ENOUGH_CYCLES = 3
"""Cycles after which Smith found most of the benefit had come (the same section)."""

NEAR_ENOUGH = 0.5
"""Epochs that may be added or dropped for the sake of a third cycle."""


@dataclass(frozen=True)
class CyclePlan:
    """A step size and a number of whole cycles; ``print`` it for what had to be dropped or added.

    Attributes:
        step_size: Updates in half a cycle, for any cyclical schedule.
        cycles: Whole cycles in the training.
        total_steps: ``2 * step_size * cycles`` updates: train this many and the last cycle is complete.
        requested_steps: Updates in the budget that was asked about.
        steps_per_epoch: Updates in an epoch.
    """

    step_size: int
    cycles: int
    total_steps: int
    requested_steps: int
    steps_per_epoch: int

    @property
    def added_steps(self) -> int:
        """Updates more than the budget; negative where some are dropped."""
        return self.total_steps - self.requested_steps

    @property
    def step_size_epochs(self) -> float:
        """The step size in epochs."""
        return self.step_size / self.steps_per_epoch

    def __str__(self) -> str:
        if self.added_steps:
            change = f"{abs(self.added_steps)} {'fewer' if self.added_steps < 0 else 'more'} than"
        else:
            change = "exactly"
        return (
            f"{self.cycles} x 2 x {self.step_size} = {self.total_steps} steps, "
            f"{change} the budget (step_size is {self.step_size_epochs:.3g} epochs)"
        )


def plan_cycles(
    *,
    steps_per_epoch: int,
    epochs: float | None = None,
    total_steps: int | None = None,
    cycles: int | None = None,
) -> CyclePlan:
    """The whole cycles that fit a budget best, each half 2 to 10 epochs long.

    ``step_size = budget / (2 * cycles)``, rounded and held between 2 and 10 epochs, and the number of
    cycles is the one whose total is nearest to the budget. Totals within half an epoch of it are
    all near enough: of those, three cycles or more are preferred, then the nearest, then a step size
    of whole epochs, then fewer cycles.

    Args:
        steps_per_epoch: Updates in an epoch, an int >= 1.
        epochs: The budget in epochs, > 0, whole or not.
        total_steps: Or the budget in updates, an int >= 1. Give one of the two.
        cycles: The number of cycles, an int >= 1, if it is not to be chosen.

    Returns:
        A ``CyclePlan``.

    Raises:
        TypeError: An argument is of the wrong kind, or not exactly one budget was given.
        ValueError: An argument is out of its range.

    Example:
        >>> import clr_core
        >>> plan = clr_core.plan_cycles(epochs=50, steps_per_epoch=100)
        >>> plan.step_size, plan.cycles, plan.total_steps
        (500, 5, 5000)
        >>> print(clr_core.plan_cycles(epochs=3, steps_per_epoch=100))
        1 x 2 x 200 = 400 steps, 100 more than the budget (step_size is 2 epochs)

    Source: Smith 2015, section 3.2.
    """
    steps_per_epoch = check.whole("steps_per_epoch", steps_per_epoch, maximum=check.MAX_STEP // (2 * LONGEST))
    if (epochs is None) == (total_steps is None):
        raise TypeError(f"exactly one of epochs and total_steps must be given, got {epochs=}, {total_steps=}")
    if epochs is not None:
        most_epochs = check.MAX_STEP / steps_per_epoch
        budget = max(1, round(check.real("epochs", epochs, above=0.0, maximum=most_epochs) * steps_per_epoch))
    else:
        budget = check.whole("total_steps", total_steps)
    shortest, longest = SHORTEST * steps_per_epoch, LONGEST * steps_per_epoch
    if cycles is not None:
        candidates = [check.whole("cycles", cycles)]
    else:
        # More cycles than this would only be held at the shortest step size; fewer, at the longest.
        most = max(1, -(-budget // (2 * shortest)))
        fewest = max(1, budget // (2 * longest))
        candidates = list(range(fewest, min(most, fewest + 1000) + 1))

    def plan(count: int) -> CyclePlan:
        step_size = min(max(round(budget / (2 * count)), shortest), longest)
        return CyclePlan(step_size, count, 2 * step_size * count, budget, steps_per_epoch)

    def worth(candidate: CyclePlan) -> tuple[Any, ...]:
        missed = abs(candidate.added_steps)
        return (
            missed if missed > NEAR_ENOUGH * steps_per_epoch else 0,
            max(ENOUGH_CYCLES - candidate.cycles, 0),
            missed,
            candidate.step_size % steps_per_epoch != 0,
            candidate.cycles,
        )

    best = min(map(plan, candidates), key=worth)
    check.whole("total_steps", best.total_steps)
    return best
