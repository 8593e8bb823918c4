"""Steps at which other libraries go wrong, as their own users reported: late ones, last ones, restarts."""

from __future__ import annotations

import oracle
import pytest
import strategies
from hypothesis import given, settings

import clr_core
from clr_core import Schedule

LAST_STEP = strategies.LAST_STEP


@pytest.mark.parametrize("cycle", [1023, 1024, 1025, 1100, 10**6])
def test_triangular2_outlives_cycle_1024(cycle: int) -> None:
    """Where ``2.0**cycle`` overflows, the height is simply nothing any more."""
    schedule = clr_core.triangular2(0.25, 1.0, step_size=2)
    assert schedule(4 * cycle + 2) == 0.25


@pytest.mark.parametrize(
    "schedule",
    [
        clr_core.triangular(1e-3, 6e-3, step_size=1000),
        clr_core.cyclic(1e-3, 6e-3, step_size=1000, shape="cosine"),
        clr_core.cosine_restarts(1e-3, 6e-3, 2000),
    ],
    ids=lambda schedule: type(schedule).__name__,
)
def test_a_billion_is_as_good_as_zero(schedule: Schedule) -> None:
    """What repeats every 2000 updates repeats to the bit after half a million cycles."""
    assert [schedule(10**9 + step) for step in range(2000)] == schedule.values(2000)


@pytest.mark.parametrize(
    ("period", "t_mult", "step"),
    [(1, 3.0, 121), (10, 3.0, 1210), (10, 1.1, 21), (10, 2.0, 81910), (10, 2.0, 30)],
)
def test_restarts_that_a_logarithm_misses(period: int, t_mult: float, step: int) -> None:
    """The cycle is not found by ``int(log(...))``, which rounds some restarts into the cycle before."""
    schedule = clr_core.cosine_restarts(0.0, 0.1, period, t_mult=t_mult)
    assert schedule(step) == 0.1
    assert schedule(step - 1) < 0.09


@pytest.mark.parametrize(
    "schedule",
    [
        clr_core.one_cycle(0.1, 1.0, 10),
        clr_core.one_cycle(0.1, 1.0, 10, variant="two_phase", anneal="linear"),
        clr_core.one_cycle(0.1, 1.0, 10, variant="three_phase"),
        clr_core.linear_decay(1.0, 10, final_lr=0.01),
        clr_core.cosine_decay(1.0, 10, final_lr=0.01),
        clr_core.warmup_stable_decay(1.0, 10, 2, 3, final_lr=0.01),
        clr_core.linear_ramp(0.1, 1.0, 10),
        clr_core.exponential_ramp(1.0, 0.1, 10),
        clr_core.with_warmup(clr_core.linear_decay(1.0, 5), 5),
    ],
    ids=lambda schedule: type(schedule).__name__,
)
def test_past_its_end_a_schedule_holds_its_last_value(schedule: Schedule) -> None:
    """Not a negative rate, and not an error."""
    assert schedule(10) == schedule(11) == schedule(10_000) == schedule(LAST_STEP) >= 0.0


def test_one_cycle_that_leaves_no_step_to_rise_says_so() -> None:
    """``0.1 * 10 - 1`` is no step at all: refused at construction, not divided by later."""
    with pytest.raises(ValueError, match=r"rise_fraction must leave at least one step .*rise_fraction=0\.1"):
        clr_core.one_cycle(0.1, 1.0, 10, variant="two_phase", rise_fraction=0.1)


def test_gammas_product_is_not_accumulated() -> None:
    """A million updates on, the decay is the power itself, not a million roundings of a product."""
    schedule = clr_core.exp_range(0.0, 1.0, step_size=1, gamma=1 - 1e-9)
    exact = oracle.exact(schedule.to_dict(), 1_000_001)
    assert schedule(1_000_001) == pytest.approx(float(exact), rel=1e-15)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(strategies.opposed(), strategies.any_steps(4))
def test_momentum_stays_between_its_bounds(momentum: Schedule, drawn: list[int]) -> None:
    """Whatever the learning rate does, also far past the end of its cycle."""
    config = momentum.to_dict()
    for step in [*drawn, *strategies.boundary_steps(momentum)]:
        assert config["low"] * (1 - 2**-51) <= momentum(step) <= config["high"] * (1 + 2**-51)
