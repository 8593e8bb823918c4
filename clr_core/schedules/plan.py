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

USUAL_CYCLES = 4
"""Cycles in a budget whose epochs are not known: as many as the rule for the bounds was fitted to."""


@dataclass(frozen=True)
class CyclePlan:
    """The budget of a training run, in whole cycles; ``print`` it to see what was dropped or added.

    Attributes:
        step_size: Updates in half a cycle, for any cyclical schedule.
        cycles: Whole cycles in the run.
        total_steps: Updates of the run: ``2 * step_size * cycles`` in a plan of ``plan_cycles``, so that the last
            cycle is complete.
        requested_steps: Updates in the budget that was asked about.
        steps_per_epoch: Updates in an epoch; None where it is not known.
    """

    step_size: int
    cycles: int
    total_steps: int
    requested_steps: int
    steps_per_epoch: float | None

    @property
    def added_steps(self) -> int:
        """Updates more than the budget; negative where some are dropped."""
        return self.total_steps - self.requested_steps

    @property
    def even_steps(self) -> int:
        """``total_steps``, or one fewer where that is odd, at least 2: for one cycle with two halves of one length."""
        return max(2, self.total_steps // 2 * 2)

    @property
    def step_size_epochs(self) -> float:
        """The step size in epochs.

        Raises:
            ValueError: The plan does not know how many updates an epoch has.
        """
        return self.step_size / self._known_epoch()

    @property
    def epochs(self) -> int:
        """The whole number of epochs nearest to ``total_steps``, at least 1: for ``fit(epochs=plan.epochs)``.

        Raises:
            ValueError: The plan does not know how many updates an epoch has.
        """
        return max(1, round(self.total_steps / self._known_epoch()))

    def _known_epoch(self) -> float:
        if self.steps_per_epoch is None:
            raise ValueError("steps_per_epoch must be known to count epochs, got a plan without it")
        return self.steps_per_epoch

    def __str__(self) -> str:
        if self.added_steps:
            change = f"{abs(self.added_steps)} {'fewer' if self.added_steps < 0 else 'more'} than"
        else:
            change = "exactly"
        size = "" if self.steps_per_epoch is None else f" (step_size is {self.step_size_epochs:.3g} epochs)"
        rest = self.total_steps - 2 * self.step_size * self.cycles
        more = f" + {rest}" if rest else ""
        return f"{self.cycles} x 2 x {self.step_size}{more} = {self.total_steps} steps, {change} the budget{size}"


def plan_cycles(
    *,
    epochs: float | None = None,
    total_steps: int | None = None,
    steps_per_epoch: int | None = None,
    examples: int | None = None,
    batch_size: int | None = None,
    cycles: int | None = None,
) -> CyclePlan:
    """The whole cycles that fit a budget best, each half 2 to 10 epochs long.

    ``step_size = budget / (2 * cycles)``, rounded and held between 2 and 10 epochs, and the number of
    cycles is the one whose total is nearest to the budget. Totals within half an epoch of it are
    all near enough: of those, three cycles or more are preferred, then the nearest, then a step size
    of whole epochs, then fewer cycles. Where the updates of an epoch are not known, there are four cycles.

    Args:
        epochs: The budget in epochs, > 0, whole or not.
        total_steps: Or the budget in updates, an int >= 1. Give one of the two.
        steps_per_epoch: Updates in an epoch, an int >= 1: ``len(loader)``.
        examples: Or the number of training examples, an int >= 1, with ``batch_size``: an epoch then has
            ``ceil(examples / batch_size)`` updates, the last one of a smaller batch, as in Keras's ``fit`` and in a
            PyTorch DataLoader.
        batch_size: Examples in a batch, an int >= 1, with ``examples``.
        cycles: The number of cycles, an int >= 1, to prescribe it.

    Returns:
        A ``CyclePlan``.

    Raises:
        TypeError: An argument is of the wrong kind, not exactly one budget was given, or the updates of an epoch
            are given twice, by half, or not at all beside ``epochs``.
        ValueError: An argument is out of its range.

    Example:
        >>> import clr_core
        >>> plan = clr_core.plan_cycles(epochs=50, steps_per_epoch=100)
        >>> plan.step_size, plan.cycles, plan.total_steps
        (500, 5, 5000)
        >>> clr_core.plan_cycles(epochs=12, examples=1347, batch_size=64).steps_per_epoch
        22
        >>> print(clr_core.plan_cycles(epochs=3, steps_per_epoch=100))
        1 x 2 x 200 = 400 steps, 100 more than the budget (step_size is 2 epochs)

    Source: Smith 2015, section 3.2.
    """
    if (epochs is None) == (total_steps is None):
        raise TypeError(f"exactly one of epochs and total_steps must be given, got {epochs=}, {total_steps=}")
    epoch = _updates_per_epoch(steps_per_epoch, examples, batch_size)
    if epoch is None:
        if total_steps is None:
            raise TypeError(
                "steps_per_epoch must be given with epochs (or examples and batch_size in its place), got "
                f"{steps_per_epoch=} with {epochs=}"
            )
        budget = check.whole("total_steps", total_steps)
        count = USUAL_CYCLES if cycles is None else check.whole("cycles", cycles)
        return _checked(_plan(budget, count, max(1, round(budget / (2 * count))), None))
    if epochs is not None:
        most_epochs = check.MAX_STEP / epoch
        budget = max(1, round(check.real("epochs", epochs, above=0.0, maximum=most_epochs) * epoch))
    else:
        budget = check.whole("total_steps", total_steps)
    shortest, longest = SHORTEST * epoch, LONGEST * epoch
    if cycles is not None:
        candidates = [check.whole("cycles", cycles)]
    else:
        # More cycles than this would only be held at the shortest step size; fewer, at the longest.
        most = max(1, -(-budget // (2 * shortest)))
        fewest = max(1, budget // (2 * longest))
        candidates = list(range(fewest, min(most, fewest + 1000) + 1))

    def plan(count: int) -> CyclePlan:
        return _plan(budget, count, min(max(round(budget / (2 * count)), shortest), longest), epoch)

    def worth(candidate: CyclePlan) -> tuple[Any, ...]:
        missed = abs(candidate.added_steps)
        return (
            missed if missed > NEAR_ENOUGH * epoch else 0,
            max(ENOUGH_CYCLES - candidate.cycles, 0),
            missed,
            candidate.step_size % epoch != 0,
            candidate.cycles,
        )

    return _checked(min(map(plan, candidates), key=worth))


def exact_plan(total_steps: int, steps_per_epoch: float | None) -> CyclePlan:
    """The plan for a given number of updates, none dropped or added: four cycles and up to seven updates more.

    In fewer than 32 updates there are as many cycles as fit.
    """
    steps = check.whole("total_steps", total_steps)
    step_size = max(1, steps // (2 * USUAL_CYCLES))
    return CyclePlan(step_size, steps // (2 * step_size), steps, steps, steps_per_epoch)


def _updates_per_epoch(steps_per_epoch: int | None, examples: int | None, batch_size: int | None) -> int | None:
    if (examples is None) != (batch_size is None):
        raise TypeError(f"examples and batch_size must be given together, got {examples=}, {batch_size=}")
    if steps_per_epoch is not None and examples is not None:
        raise TypeError(
            f"steps_per_epoch must not come with examples and batch_size, got {steps_per_epoch=}, {examples=}"
        )
    if examples is not None:
        steps_per_epoch = -(-check.whole("examples", examples) // check.whole("batch_size", batch_size))
    if steps_per_epoch is None:
        return None
    return check.whole("steps_per_epoch", steps_per_epoch, maximum=check.MAX_STEP // (2 * LONGEST))


def _plan(budget: int, cycles: int, step_size: int, steps_per_epoch: int | None) -> CyclePlan:
    return CyclePlan(step_size, cycles, 2 * step_size * cycles, budget, steps_per_epoch)


def _checked(plan: CyclePlan) -> CyclePlan:
    check.whole("total_steps", plan.total_steps)
    return plan
