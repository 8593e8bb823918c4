"""``cycle`` and ``is_cycle_end``: which cycle an update belongs to, and which update is the last of one."""

from __future__ import annotations

import pytest
import strategies
from hypothesis import given, settings

import clr_core
from clr_core import Schedule

LAST_STEP = strategies.LAST_STEP


def cycles(schedule: Schedule, n: int) -> list[int]:
    return [schedule.cycle(step) for step in range(n)]


def ends(schedule: Schedule, n: int) -> list[int]:
    return [step for step in range(n) if schedule.is_cycle_end(step)]


@pytest.mark.parametrize(
    "schedule",
    [
        clr_core.triangular(0.0, 1.0, step_size=2),
        clr_core.triangular2(0.0, 1.0, step_size=1, step_size_down=3),
        clr_core.exp_range(0.0, 1.0, step_size=2, gamma=0.5),
        clr_core.cyclic(0.0, 1.0, step_size=3, step_size_down=1),
        clr_core.cosine_restarts(0.0, 1.0, 4),
        clr_core.momentum_for(clr_core.triangular(0.0, 1.0, step_size=2)),
    ],
    ids=lambda schedule: type(schedule).__name__,
)
def test_cycles_of_four_updates(schedule: Schedule) -> None:
    """Updates 0 to 3 are cycle 0, and update 3 ends it; the next one is at the bottom again."""
    assert cycles(schedule, 9) == [0, 0, 0, 0, 1, 1, 1, 1, 2]
    assert ends(schedule, 13) == [3, 7, 11]


def test_the_update_after_a_cycle_end_begins_at_the_base() -> None:
    """The snapshot is taken where the LR is lowest: one update before it starts to rise again."""
    schedule = clr_core.triangular(0.0, 1.0, step_size=50)
    assert [schedule(step + 1) for step in ends(schedule, 301)] == [0.0, 0.0, 0.0]


def test_restarts_of_growing_length() -> None:
    """Cycles of 1, 2 and 4 updates end at updates 0, 2 and 6."""
    schedule = clr_core.cosine_restarts(0.0, 1.0, 1, t_mult=2.0)
    assert cycles(schedule, 8) == [0, 1, 1, 2, 2, 2, 2, 3]
    assert ends(schedule, 15) == [0, 2, 6, 14]


@pytest.mark.parametrize("variant", ["smith", "two_phase", "three_phase"])
def test_one_cycle_ends_once(variant: str) -> None:
    """The last of its updates ends it; what follows is cycle 1, which never ends."""
    schedule = clr_core.one_cycle(0.1, 1.0, 10, variant=variant)
    assert cycles(schedule, 12) == [0] * 10 + [1, 1]
    assert ends(schedule, 100) == [9]


@pytest.mark.parametrize(
    "schedule",
    [
        clr_core.constant(0.1),
        clr_core.linear_decay(0.1, 5),
        clr_core.cosine_decay(0.1, 5),
        clr_core.step_decay(0.1, factor=0.5, every=2),
        clr_core.linear_ramp(0.1, 1.0, 5),
        clr_core.exponential_ramp(0.1, 1.0, 5),
        clr_core.warmup_stable_decay(0.1, 5, 1, 1),
    ],
    ids=lambda schedule: type(schedule).__name__,
)
def test_what_does_not_cycle_has_no_cycle_end(schedule: Schedule) -> None:
    """All of it is cycle 0."""
    assert set(cycles(schedule, 20)) == {0}
    assert ends(schedule, 20) == []


def test_warmup_delays_the_cycles() -> None:
    """The warmup belongs to cycle 0, which ends as much later as the warmup is long."""
    schedule = clr_core.with_warmup(clr_core.triangular(0.0, 1.0, step_size=2), 3)
    assert cycles(schedule, 12) == [0] * 7 + [1] * 4 + [2]
    assert ends(schedule, 16) == [6, 10, 14]


def test_join_counts_on() -> None:
    """Two whole cycles of 2 updates, a restart cycle of 3, and a tail: 3 ends, and 3 is the number afterwards."""
    schedule = clr_core.join(
        [
            clr_core.triangular(0.0, 1.0, step_size=1),
            clr_core.cosine_restarts(0.0, 1.0, 3),
            clr_core.constant(0.0),
        ],
        [4, 7],
    )
    assert cycles(schedule, 10) == [0, 0, 1, 1, 2, 2, 2, 3, 3, 3]
    assert ends(schedule, 20) == [1, 3, 6]


def test_a_cycle_cut_off_by_a_boundary_does_not_end() -> None:
    """Only a complete cycle is worth a snapshot."""
    wave = clr_core.triangular(0.0, 1.0, step_size=2)
    schedule = clr_core.join([wave, wave], [6])
    assert ends(schedule, 15) == [3, 9, 13]
    assert cycles(schedule, 11) == [0] * 4 + [1] * 6 + [2]


def test_the_last_step_can_end_a_cycle() -> None:
    """Step 2**31-1 belongs to a cycle like any other."""
    schedule = clr_core.triangular(0.0, 1.0, step_size=2**29)
    assert schedule.is_cycle_end(LAST_STEP)
    assert schedule.cycle(LAST_STEP) == 1


@settings(max_examples=300, deadline=None, derandomize=True)
@given(strategies.schedules, strategies.any_steps(4))
def test_the_cycle_number_rises_by_one_after_each_end_and_nowhere_else(schedule: Schedule, drawn: list[int]) -> None:
    """``is_cycle_end(step)`` says whether ``cycle(step + 1)`` is one more."""
    assert schedule.cycle(0) == 0
    for step in [*drawn, *strategies.boundary_steps(schedule)]:
        if step < LAST_STEP:
            assert schedule.cycle(step + 1) - schedule.cycle(step) == schedule.is_cycle_end(step)
