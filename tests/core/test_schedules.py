"""Literal sequences, one policy after another, that a reader can check by eye."""

from __future__ import annotations

import pytest

import clr_core


def test_triangular_rises_for_one_step_size_and_falls_for_another() -> None:
    """The bounds are met exactly, at multiples of the step size."""
    schedule = clr_core.triangular(1.0, 3.0, step_size=4)
    assert schedule.values(9) == [1.0, 1.5, 2.0, 2.5, 3.0, 2.5, 2.0, 1.5, 1.0]


def test_triangular_falls_at_its_own_rate() -> None:
    """``step_size_down`` sets the falling half alone."""
    schedule = clr_core.triangular(0.0, 1.0, step_size=2, step_size_down=4)
    assert schedule.values(8) == [0.0, 0.5, 1.0, 0.75, 0.5, 0.25, 0.0, 0.5]


def test_triangular_of_single_steps_alternates() -> None:
    """A step size of 1 goes from bound to bound."""
    assert clr_core.triangular(1.0, 2.0, step_size=1).values(5) == [1.0, 2.0, 1.0, 2.0, 1.0]


def test_equal_bounds_give_that_value() -> None:
    """A cycle without height is constant."""
    assert set(clr_core.triangular(0.25, 0.25, step_size=7).values(30)) == {0.25}
    assert set(clr_core.cosine_restarts(0.25, 0.25, 7, t_mult=1.5).values(30)) == {0.25}
    assert set(clr_core.one_cycle(0.25, 0.25, 20, final_lr=0.25).values(30)) == {0.25}


def test_triangular2_halves_its_height_with_every_cycle() -> None:
    """The peaks above the base are 1, 1/2, 1/4 of the first; the base stays."""
    schedule = clr_core.triangular2(1.0, 2.0, step_size=2)
    assert schedule.values(13) == [1.0, 1.5, 2.0, 1.5, 1.0, 1.25, 1.5, 1.25, 1.0, 1.125, 1.25, 1.125, 1.0]


def test_exp_range_decays_the_amplitude() -> None:
    """By default the base stays and the height shrinks with every update."""
    schedule = clr_core.exp_range(1.0, 2.0, step_size=2, gamma=0.5)
    assert schedule.values(5) == [1.0, 1 + 0.5 / 2, 1 + 1 / 4, 1 + 0.5 / 8, 1.0]


def test_exp_range_decays_the_bounds() -> None:
    """As in Smith's text, the whole triangle shrinks, its base too."""
    schedule = clr_core.exp_range(1.0, 2.0, step_size=2, gamma=0.5, decay="bounds")
    assert schedule.values(5) == [1.0, 1.5 / 2, 2 / 4, 1.5 / 8, 1 / 16]


def test_exp_range_with_gamma_1_is_triangular() -> None:
    """Without decay nothing decays, in either form."""
    plain = clr_core.triangular(0.1, 0.7, step_size=3).values(20)
    assert clr_core.exp_range(0.1, 0.7, step_size=3, gamma=1.0).values(20) == plain
    assert clr_core.exp_range(0.1, 0.7, step_size=3, gamma=1.0, decay="bounds").values(20) == plain


def test_cyclic_has_three_shapes() -> None:
    """Straight, Hann and Welch windows of the same width."""
    linear = clr_core.cyclic(0.0, 1.0, step_size=4)
    cosine = clr_core.cyclic(0.0, 1.0, step_size=4, shape="cosine")
    parabolic = clr_core.cyclic(0.0, 1.0, step_size=4, shape="parabolic")
    assert linear.values(9) == [0.0, 0.25, 0.5, 0.75, 1.0, 0.75, 0.5, 0.25, 0.0]
    assert cosine.values(9) == pytest.approx([0, 0.1464, 0.5, 0.8536, 1, 0.8536, 0.5, 0.1464, 0], abs=1e-4)
    assert parabolic.values(9) == [0.0, 0.4375, 0.75, 0.9375, 1.0, 0.9375, 0.75, 0.4375, 0.0]


def test_cyclic_gives_its_scale_fn_the_cycle_counted_from_1() -> None:
    """As in bckenstler/CLR and torch, the first cycle is number 1, and the number is a float."""
    seen: list[float] = []

    def record(cycle: float) -> float:
        seen.append(cycle)
        return 1.0

    clr_core.cyclic(0.0, 1.0, step_size=1, scale_fn=record).values(6)
    assert seen == [1.0, 1.0, 2.0, 2.0, 3.0, 3.0]
    assert all(type(cycle) is float for cycle in seen)


def test_cyclic_gives_its_scale_fn_the_step() -> None:
    """``scale_mode="iterations"`` counts updates from 0."""
    schedule = clr_core.cyclic(0.0, 1.0, step_size=1, scale_fn=lambda step: 0.5**step, scale_mode="iterations")
    assert schedule.values(6) == [0.0, 0.5, 0.0, 0.125, 0.0, 0.03125]


def test_cyclic_halved_is_triangular2() -> None:
    """The scale function that triangular2 stands for gives its very values."""
    halved = clr_core.cyclic(0.1, 0.7, step_size=3, scale_fn=lambda cycle: 0.5 ** (cycle - 1))
    assert halved.values(40) == clr_core.triangular2(0.1, 0.7, step_size=3).values(40)


def test_cosine_restarts_descends_and_begins_anew() -> None:
    """Half a cosine from the top, then the top again; the minimum belongs to the restart it never sees."""
    schedule = clr_core.cosine_restarts(0.0, 1.0, 4)
    assert schedule.values(9) == pytest.approx([1, 0.8536, 0.5, 0.1464] * 2 + [1], abs=1e-4)


def test_cosine_restarts_grows_its_cycles() -> None:
    """Cycles of 2, 4 and 8 updates; halfway down each the value is halfway too."""
    schedule = clr_core.cosine_restarts(0.0, 1.0, 2, t_mult=2.0)
    assert [schedule(step) for step in (0, 2, 6, 14)] == [1.0] * 4
    assert [schedule(step) for step in (1, 4, 10)] == pytest.approx([0.5] * 3)


def test_cosine_restarts_lowers_its_peaks() -> None:
    """``decay`` multiplies the maximum at each restart; below the minimum the cycle runs upward."""
    schedule = clr_core.cosine_restarts(0.25, 1.0, 2, decay=0.5)
    assert [schedule(step) for step in (0, 2, 4, 6)] == [1.0, 0.5, 0.25, 0.125]
    assert schedule(7) == pytest.approx((0.125 + 0.25) / 2)


def test_one_cycle_of_smith_falls_straight_past_its_base() -> None:
    """Up over 4 updates from 1 to 3, then down over 4 to the final value, through the base, and it stays."""
    schedule = clr_core.one_cycle(1.0, 3.0, total_steps=8, final_lr=0.0)
    assert schedule.values(11) == [1.0, 1.5, 2.0, 2.5, 3.0, 2.25, 1.5, 0.75, 0.0, 0.0, 0.0]


def test_one_cycle_of_smith_ends_at_a_thousandth_of_its_base() -> None:
    """As in his logs; the last update but one is still above it."""
    schedule = clr_core.one_cycle(0.5, 3.0, total_steps=8)
    assert schedule(8) == schedule(9) == 0.0005
    assert schedule(7) == pytest.approx(3.0 - (3.0 - 0.0005) * 3 / 4)


def test_one_cycle_of_two_phases() -> None:
    """Peak at 0.5 * 11 - 1 = 4.5 between two updates; the last of the 11 updates has the final value."""
    schedule = clr_core.one_cycle(1.0, 10.0, 11, variant="two_phase", anneal="linear", rise_fraction=0.5, final_lr=0.0)
    rise = [1.0, 3.0, 5.0, 7.0, 9.0]
    fall = [10 * left / 5.5 for left in (5, 4, 3, 2, 1, 0)]
    assert schedule.values(13) == pytest.approx([*rise, *fall, 0.0, 0.0])


def test_one_cycle_of_three_phases() -> None:
    """Up over 3 updates, down to the base over 3, and over the last 3 to the final value."""
    schedule = clr_core.one_cycle(
        1.0, 4.0, 10, variant="three_phase", anneal="linear", rise_fraction=0.4, final_lr=0.25
    )
    assert schedule.values(11) == pytest.approx([1, 2, 3, 4, 3, 2, 1, 0.75, 0.5, 0.25, 0.25])


def test_one_cycle_anneals_by_half_cosines() -> None:
    """Each straight part becomes half a cosine between the same ends: up over 4, down over 4, on over 5."""
    schedule = clr_core.one_cycle(0.5, 1.0, 14, variant="three_phase", rise_fraction=5 / 14, final_lr=0.0)
    rise = [0.5, 0.5732, 0.75, 0.9268, 1.0]
    fall = [0.9268, 0.75, 0.5732, 0.5]
    tail = [0.4523, 0.3273, 0.1727, 0.0477, 0.0, 0.0]
    assert schedule.values(15) == pytest.approx([*rise, *fall, *tail], abs=1e-4)


def test_one_cycle_of_torch_ends_at_a_ten_thousandth_of_its_base() -> None:
    """The other two variants end, on their last update, where torch's OneCycleLR does."""
    for variant in ("two_phase", "three_phase"):
        schedule = clr_core.one_cycle(0.5, 3.0, 20, variant=variant)
        assert schedule(19) == schedule(10**9) == 0.5 / 10_000


def test_step_decay_is_a_staircase() -> None:
    """Each stair is ``every`` updates long and ``factor`` times as high as the one before."""
    assert clr_core.step_decay(8.0, factor=0.5, every=3).values(8) == [8.0, 8.0, 8.0, 4.0, 4.0, 4.0, 2.0, 2.0]


@pytest.mark.parametrize("ramp", [clr_core.linear_ramp, clr_core.exponential_ramp])
@pytest.mark.parametrize(("start", "end"), [(1e-7, 10.0), (10.0, 1e-7), (0.3, 0.1)])
def test_ramps_begin_and_end_exactly(ramp: type[clr_core.Schedule], start: float, end: float) -> None:
    """The first value is the start and the last the end, to the bit; the last one holds."""
    schedule = ramp(start, end, num_steps=100)  # type: ignore[call-arg]
    assert (schedule(0), schedule(99), schedule(100), schedule(2**31 - 1)) == (start, end, end, end)
    assert schedule(98) != end


def test_linear_ramp_is_straight_either_way() -> None:
    """Equal differences, rising and falling."""
    assert clr_core.linear_ramp(0.0, 1.0, num_steps=5).values(6) == [0.0, 0.25, 0.5, 0.75, 1.0, 1.0]
    assert clr_core.linear_ramp(1.0, 0.0, num_steps=5).values(6) == [1.0, 0.75, 0.5, 0.25, 0.0, 0.0]


def test_exponential_ramp_has_equal_ratios() -> None:
    """Every value is the same multiple of the one before, rising and falling."""
    assert clr_core.exponential_ramp(1.0, 16.0, num_steps=5).values(6) == [1.0, 2.0, 4.0, 8.0, 16.0, 16.0]
    assert clr_core.exponential_ramp(16.0, 1.0, num_steps=3).values(4) == [16.0, 4.0, 1.0, 1.0]


def test_constant_is_constant() -> None:
    """The same value everywhere, zero too."""
    assert clr_core.constant(0.1).values(3) == [0.1, 0.1, 0.1]
    assert clr_core.constant(0.0)(2**31 - 1) == 0.0


def test_linear_decay_spends_no_update_at_zero() -> None:
    """Zero belongs to the first update after the last."""
    assert clr_core.linear_decay(1.0, 4).values(6) == [1.0, 0.75, 0.5, 0.25, 0.0, 0.0]
    assert clr_core.linear_decay(1.0, 2, final_lr=0.5).values(4) == [1.0, 0.75, 0.5, 0.5]


def test_cosine_decay_is_half_a_cosine_and_holds_its_end() -> None:
    """Down in half a cosine over 4 updates, halfway at half of them; the final value stays, exactly."""
    schedule = clr_core.cosine_decay(1.0, 4)
    assert schedule.values(5) == pytest.approx([1, 0.8536, 0.5, 0.1464, 0], abs=1e-4)
    assert (schedule(0), schedule(4), schedule(5), schedule(2**31 - 1)) == (1.0, 0.0, 0.0, 0.0)
    assert clr_core.cosine_decay(1.0, 2, final_lr=0.5).values(4) == [1.0, 0.75, 0.5, 0.5]


def test_cosine_decay_is_the_first_cycle_of_restarts() -> None:
    """Until its end it is SGDR's first cycle; then SGDR restarts and it does not."""
    decay, restarts = clr_core.cosine_decay(0.3, 50, final_lr=0.01), clr_core.cosine_restarts(0.01, 0.3, 50)
    assert decay.values(50) == pytest.approx(restarts.values(50), rel=1e-12)
    assert (decay(50), restarts(50)) == (0.01, 0.3)


def test_warmup_stable_decay_is_a_trapezoid() -> None:
    """Up for 2 updates, level for 2, down for 4."""
    schedule = clr_core.warmup_stable_decay(1.0, 8, 2, 4)
    assert schedule.values(10) == [0.0, 0.5, 1.0, 1.0, 1.0, 0.75, 0.5, 0.25, 0.0, 0.0]


def test_warmup_stable_decay_without_warmup_or_plateau() -> None:
    """No warmup begins at the peak; warmup and decay that fill the run leave one step at the peak."""
    assert clr_core.warmup_stable_decay(1.0, 4, 0, 2).values(5) == [1.0, 1.0, 1.0, 0.5, 0.0]
    assert clr_core.warmup_stable_decay(1.0, 4, 2, 2, final_lr=0.5).values(5) == [0.0, 0.5, 1.0, 0.75, 0.5]


def test_join_begins_every_piece_at_its_own_step_0() -> None:
    """A boundary belongs to the later piece, which knows nothing of the earlier ones."""
    schedule = clr_core.join(
        [clr_core.constant(9.0), clr_core.triangular(0.0, 1.0, step_size=2), clr_core.linear_decay(5.0, 5)],
        [2, 5],
    )
    assert schedule.values(9) == [9.0, 9.0, 0.0, 0.5, 1.0, 5.0, 4.0, 3.0, 2.0]


def test_join_of_one_is_that_one() -> None:
    """One schedule needs no boundary."""
    wave = clr_core.triangular(0.0, 1.0, step_size=2)
    assert clr_core.join([wave], []).values(9) == wave.values(9)


def test_with_warmup_delays_the_schedule() -> None:
    """A straight rise to the first value, and that value at the end of the warmup."""
    schedule = clr_core.with_warmup(clr_core.triangular(1.0, 2.0, step_size=2), 4)
    assert schedule.values(9) == [0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 1.5, 1.0]
    assert clr_core.with_warmup(clr_core.constant(1.0), 2, start_lr=0.5).values(3) == [0.5, 0.75, 1.0]
    assert clr_core.with_warmup(clr_core.constant(1.0), 1).values(3) == [0.0, 1.0, 1.0]


def test_momentum_moves_opposite_to_the_lr() -> None:
    """Highest at the base, lowest at the maximum, straight between."""
    momentum = clr_core.momentum_for(clr_core.triangular(1.0, 3.0, step_size=2), low=0.25, high=0.75)
    assert momentum.values(5) == [0.75, 0.5, 0.25, 0.5, 0.75]


def test_momentum_holds_where_the_lr_leaves_its_bounds() -> None:
    """Below the base, in the tail of one cycle, it stays at its highest."""
    lr = clr_core.one_cycle(1.0, 3.0, total_steps=8, final_lr=0.0)
    assert clr_core.momentum_for(lr, low=0.5, high=0.75).values(10)[6:] == [0.75 - 0.25 * 0.25, 0.75, 0.75, 0.75]


@pytest.mark.parametrize("step_size", [1, 2, 7, 2000, 2**24 + 1, (2**31 - 1) // 2])
def test_bounds_are_met_exactly_at_the_ends_of_a_half(step_size: int) -> None:
    """At 0, s and 2s the value is a bound to the bit; a step before and after s it is not."""
    low, high = 1e-3, 6e-3
    schedule = clr_core.triangular(low, high, step_size)
    assert (schedule(0), schedule(step_size), schedule(2 * step_size)) == (low, high, low)
    assert schedule(step_size - 1) < high
    assert schedule(step_size + 1) < high
    assert schedule(2 * step_size - 1) > low
    assert schedule(step_size - 1) == schedule(step_size + 1)
