"""``plan_cycles``: whole cycles, each half 2 to 10 epochs long, with a total as near the budget as can be."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import clr_core
from clr_core.schedules.plan import exact_plan

SHORTEST, LONGEST = 2, 10
"""Epochs in half a cycle."""

some = settings(max_examples=300, deadline=None, derandomize=True)
per_epoch = st.integers(1, 60)
budgets = st.integers(1, 3000)


def nearest(budget: int, steps_per_epoch: int, cycles: range) -> int:
    """The least number of updates added or dropped by any plan with so many cycles: all are tried."""
    sizes = range(SHORTEST * steps_per_epoch, LONGEST * steps_per_epoch + 1)
    return min(abs(2 * size * count - budget) for count in cycles for size in sizes)


@some
@given(budgets, per_epoch, st.none() | st.integers(1, 40))
def test_a_plan_is_whole_cycles_of_advised_length(budget: int, steps_per_epoch: int, cycles: int | None) -> None:
    """The total is that of the cycles, the step size is within 2 to 10 epochs, and the sums are right."""
    plan = clr_core.plan_cycles(total_steps=budget, steps_per_epoch=steps_per_epoch, cycles=cycles)
    assert plan.total_steps == 2 * plan.step_size * plan.cycles
    assert SHORTEST * steps_per_epoch <= plan.step_size <= LONGEST * steps_per_epoch
    assert plan.cycles == cycles or cycles is None
    assert plan.requested_steps == budget
    assert plan.added_steps == plan.total_steps - budget
    assert plan.steps_per_epoch == steps_per_epoch
    assert plan.step_size_epochs == plan.step_size / steps_per_epoch


@some
@given(budgets, per_epoch)
def test_a_plan_ends_at_the_end_of_a_cycle(budget: int, steps_per_epoch: int) -> None:
    """The last of its updates ends the last of its cycles, and the next would begin another."""
    plan = clr_core.plan_cycles(total_steps=budget, steps_per_epoch=steps_per_epoch)
    schedule = clr_core.triangular(1e-3, 6e-3, plan.step_size)
    assert schedule.is_cycle_end(plan.total_steps - 1)
    assert schedule.cycle(plan.total_steps - 1) == plan.cycles - 1
    assert schedule(plan.total_steps) == 1e-3


@some
@given(budgets, per_epoch, st.integers(1, 40))
def test_so_many_cycles_could_not_come_nearer(budget: int, steps_per_epoch: int, cycles: int) -> None:
    """With the number of cycles given, no step size has a total nearer to the budget."""
    plan = clr_core.plan_cycles(total_steps=budget, steps_per_epoch=steps_per_epoch, cycles=cycles)
    assert abs(plan.added_steps) == nearest(budget, steps_per_epoch, range(cycles, cycles + 1))


@some
@given(budgets, per_epoch)
def test_no_plan_comes_nearer(budget: int, steps_per_epoch: int) -> None:
    """No plan is nearer to the budget, or only by less than half an epoch and with too few cycles."""
    plan = clr_core.plan_cycles(total_steps=budget, steps_per_epoch=steps_per_epoch)
    most = budget // (2 * SHORTEST * steps_per_epoch) + 2
    missed, few = abs(plan.added_steps), min(plan.cycles, 3)
    assert missed == nearest(budget, steps_per_epoch, range(few, most + 1))
    assert missed == nearest(budget, steps_per_epoch, range(1, most + 1)) or 2 * missed <= steps_per_epoch


@some
@given(budgets, per_epoch)
def test_a_budget_of_12_epochs_has_3_cycles(budget: int, steps_per_epoch: int) -> None:
    """3 cycles of 2 x 2 epochs fit into 12, so there they are never fewer; below 2 x 2 epochs there is one.

    Rounding 3 cycles to whole updates moves their total by up to 3, half an epoch of 6.
    """
    plan = clr_core.plan_cycles(total_steps=budget, steps_per_epoch=steps_per_epoch)
    if budget >= 12 * steps_per_epoch and steps_per_epoch >= 6:
        assert plan.cycles >= 3
    if budget <= 4 * steps_per_epoch:
        assert plan.cycles == 1


@pytest.mark.parametrize(
    ("epochs", "expected"),
    [
        (50, (500, 5, 5000)),
        (12, (200, 3, 1200)),
        (60, (1000, 3, 6000)),
        (4, (200, 1, 400)),
        (1, (200, 1, 400)),
        (200, (1000, 10, 20_000)),
    ],
)
def test_plans_that_can_be_checked_by_eye(epochs: float, expected: tuple[int, int, int]) -> None:
    """Step size, cycles and total for 100 updates in an epoch."""
    plan = clr_core.plan_cycles(epochs=epochs, steps_per_epoch=100)
    assert (plan.step_size, plan.cycles, plan.total_steps) == expected


def test_a_fraction_of_an_epoch_is_rounded_to_updates() -> None:
    """12.6 epochs of 3 updates are 37.8, so 38; one cycle of 2 x 19 is just that."""
    plan = clr_core.plan_cycles(epochs=12.6, steps_per_epoch=3)
    assert (plan.requested_steps, plan.total_steps, plan.added_steps) == (38, 38, 0)


def test_whole_epochs_break_a_tie() -> None:
    """24 epochs of 100: 3 cycles of 2 x 4 epochs, 4 of 2 x 3 and 6 of 2 x 2 all fit exactly; the fewest win."""
    plan = clr_core.plan_cycles(epochs=24, steps_per_epoch=100)
    assert (plan.cycles, plan.step_size, plan.added_steps) == (3, 400, 0)


def test_printing_says_what_was_added_or_dropped() -> None:
    """The number of updates more or fewer than the budget is in the sentence, and so is the total."""
    added = clr_core.plan_cycles(epochs=3, steps_per_epoch=100)
    assert (added.added_steps, added.total_steps) == (100, 400)
    assert "400 steps" in str(added)
    assert "100 more" in str(added)
    dropped = clr_core.plan_cycles(total_steps=1201, steps_per_epoch=100)
    assert (dropped.added_steps, dropped.total_steps) == (-1, 1200)
    assert "1 fewer" in str(dropped)
    assert "exactly the budget" in str(clr_core.plan_cycles(epochs=50, steps_per_epoch=100))


@pytest.mark.parametrize("total_steps", [*range(1, 100), 500, 12_345, 2**31 - 1])
def test_a_plan_for_exactly_so_many_updates_prints_a_sum_that_is_right(total_steps: int) -> None:
    """Also where they are no whole number of cycles, as in ``bounds.plan`` of ``total_steps``."""
    plan = exact_plan(total_steps, None)
    left, right = str(plan).removesuffix(" steps, exactly the budget").split(" = ")
    terms = [math.prod(map(int, term.split(" x "))) for term in left.split(" + ")]
    assert sum(terms) == int(right) == total_steps == plan.requested_steps
    assert 0 <= total_steps - 2 * plan.step_size * plan.cycles < min(8, 2 * plan.step_size)
    assert plan.cycles == 4 or total_steps < 32
