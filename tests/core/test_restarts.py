"""``cosine_restarts``: every restart on its exact step, however long and whatever the multiplier."""

from __future__ import annotations

from fractions import Fraction

import oracle
import pytest

import clr_core

MULTIPLIERS = [1.0, 1.1, 1.5, 2.0, 3.0, 10.0]
LOW, HIGH = 1e-5, 0.3


def restarts(period: int, t_mult: float, cycles: int) -> list[int]:
    """The first steps of ``cycles`` cycles and of the one after, as far as there are steps."""
    if t_mult == 1:
        starts = [period * k for k in range(cycles + 1)]
    else:
        starts = [start for start, _ in oracle.restarts(period, t_mult)][: cycles + 1]
    return [start for start in starts if start <= oracle.LAST_STEP]


@pytest.mark.parametrize("t_mult", MULTIPLIERS)
def test_every_restart_lands_on_its_step(t_mult: float) -> None:
    """For every period to 50, over 20 cycles: the maximum to the bit at a restart, and less one update before."""
    for period in range(1, 51):
        schedule = clr_core.cosine_restarts(LOW, HIGH, period, t_mult=t_mult)
        starts = restarts(period, t_mult, 20)
        for k, start in enumerate(starts):
            assert schedule(start) == HIGH, (period, k, start)
            assert schedule.cycle(start) == k
            if start:
                # In cycles of a single update, the one before is a restart itself.
                assert (schedule(start - 1) < HIGH) == (start - 1 not in starts), (period, k, start)
                assert schedule.is_cycle_end(start - 1)
                assert schedule.cycle(start - 1) == k - 1


@pytest.mark.parametrize("t_mult", MULTIPLIERS)
@pytest.mark.parametrize("period", [1, 7, 50, 2000, 2**24 + 1, 2**30, 2**31 - 1])
def test_the_last_restart_a_step_can_reach_lands_too(period: int, t_mult: float) -> None:
    """The same at the far end, where float32 cannot tell a step from its neighbours."""
    schedule = clr_core.cosine_restarts(LOW, HIGH, period, t_mult=t_mult)
    cycles = oracle.LAST_STEP // period
    last = period * cycles if t_mult == 1 else oracle.restarts(period, t_mult)[-1][0]
    assert schedule(last) == HIGH
    assert schedule(last - 1) == pytest.approx(HIGH if period == 1 and t_mult == 1 else LOW, abs=HIGH / 2)
    assert schedule.is_cycle_end(last - 1)


def test_the_oracle_counts_updates_by_hand() -> None:
    """The independent lengths, spelled out: rounded to whole updates, halves up."""
    lengths = [length for _, length in oracle.restarts(1, 1.5)][:6]
    assert lengths == [1, 2, 2, 3, 5, 8]  # 1, 1.5, 2.25, 3.375, 5.06, 7.59
    assert [length for _, length in oracle.restarts(10, 1.1)][:6] == [10, 11, 12, 13, 15, 16]
    assert [start for start, _ in oracle.restarts(1, 3.0)][:6] == [0, 1, 4, 13, 40, 121]
    assert oracle.restarts(1, 2.0)[-1] == (2**31 - 1, 2**31)


def test_a_multiplier_is_the_decimal_it_is_written_as() -> None:
    """1.15 is not below itself: 10 * 1.15 is 11.5, and rounds up to 12 updates."""
    assert Fraction(1.15) < Fraction("1.15")
    schedule = clr_core.cosine_restarts(0.0, 1.0, 10, t_mult=1.15)
    assert schedule(10 + 12) == 1.0
    assert schedule(10 + 11) < 0.1


def test_halves_round_up() -> None:
    """5 * 1.1 = 5.5 updates are 6; 5 * 1.1**2 = 6.05 are 6; 6.655 are 7."""
    schedule = clr_core.cosine_restarts(0.0, 1.0, 5, t_mult=1.1)
    assert [schedule(step) for step in (5, 11, 17, 24)] == [1.0] * 4


def test_peaks_decline_with_every_restart() -> None:
    """``max_k = max_lr * decay**k``, also over cycles that grow."""
    schedule = clr_core.cosine_restarts(0.0, 1.0, 10, t_mult=1.1, decay=0.5)
    starts = restarts(10, 1.1, 20)
    assert [schedule(start) for start in starts] == [0.5**k for k in range(21)]


def test_a_very_long_cycle_is_no_cycle_that_ends() -> None:
    """A multiplier beyond all steps leaves the second cycle at its top."""
    schedule = clr_core.cosine_restarts(0.0, 1.0, 10, t_mult=1e300)
    assert schedule(10) == schedule(2**31 - 1) == 1.0
    assert schedule.cycle(2**31 - 1) == 1


def test_the_largest_multiplier_there_is() -> None:
    """The length of the second cycle, above any float, is as good as endless."""
    schedule = clr_core.cosine_restarts(0.0, 1.0, 2**31 - 1, t_mult=1e308)
    assert schedule(2**31 - 1) == 1.0


def test_multipliers_that_make_too_many_lengths_are_refused() -> None:
    """A table of millions of cycles would be built in silence; the message names what to change."""
    with pytest.raises(ValueError, match=r"t_mult must .*got t_mult=1\.0000001 with period=1"):
        clr_core.cosine_restarts(0.0, 1.0, 1, t_mult=1.0000001)
