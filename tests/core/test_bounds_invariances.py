"""What must not change the suggested bounds, and what must, as laws with a stated factor."""

from __future__ import annotations

import json
import math
import random
import statistics
import time
from collections.abc import Sequence

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from clr_core import Bounds, LRCurve, RangeTest, Undetermined, suggest_bounds
from clr_core.bounds.constants import LONGEST
from clr_core.bounds.suggest import BASE_FRACTIONS

REASONS = {"too_few_points", "no_range_test", "not_finite", "flat", "never_falls", "diverged_at_once"}
OPTIMIZERS = [None, "SGD", "AdamW", "Lion", "Something"]


def recorded(num_steps: int = 100, noise: float = 0.05, *, seed: int = 0, optimizer: str | None = "SGD") -> LRCurve:
    """A loss on a plateau at 2.3 that drops to 0.3 around lr 0.003 and diverges at about 1, with noise."""
    generator = random.Random(seed)
    test = RangeTest(1e-7, 10.0, num_steps, optimizer=optimizer)
    while not test.done:
        log_lr = math.log10(test.lr)
        fall = 2.0 / (1.0 + math.exp(-3.0 * (log_lr + 2.5)))
        test.record(2.3 - fall + 10.0 ** (3.0 * (log_lr - 0.2)) + generator.gauss(0.0, noise))
    return test.curve


def changed(curve: LRCurve, losses: Sequence[float], metrics: Sequence[float] | None = None) -> LRCurve:
    """The curve with other losses, cut to as many."""
    return LRCurve(curve.lrs[: len(losses)], losses, metrics, optimizer=curve.optimizer)


def answer(
    curve: LRCurve | Sequence[LRCurve], *, schedule: str = "cyclic", total_steps: int | None = None
) -> Bounds | tuple[str, str]:
    """The bounds, or the reason and the sentence of the refusal."""
    try:
        return suggest_bounds(curve, kind=schedule, total_steps=total_steps)
    except Undetermined as refusal:
        return refusal.reason, str(refusal)


SHIFT_FACTOR, SAMPLING_FACTOR = 30, 6

seeds = st.integers(0, 1000)
curves = st.builds(recorded, st.sampled_from([60, 100, 300]), st.sampled_from([0.0, 0.02, 0.1]), seed=seeds)


anything = st.one_of(
    st.floats(),
    st.floats(-3, 3),
    st.sampled_from([math.nan, math.inf, -math.inf, 5e-324, -1e-310, 1e308, -1e308, 9.9e99, 1e100, 0.0, -1.0]),
)


# Units


@settings(deadline=None, max_examples=60)
@given(curves, st.floats(-3, 6), st.sampled_from(OPTIMIZERS))
def test_the_unit_of_the_loss_does_not_matter(curve: LRCurve, power: float, optimizer: str | None) -> None:
    """Losses times 1e-3 to 1e6: the same max_lr within a millionth."""
    plain = LRCurve(curve.lrs, curve.losses, optimizer=optimizer)
    moved = changed(plain, [10.0**power * loss for loss in curve.losses])
    assert suggest_bounds(moved).max_lr == pytest.approx(suggest_bounds(plain).max_lr, rel=1e-6)


@settings(deadline=None, max_examples=100)
@given(curves, st.floats(-1e3, 1e6), st.sampled_from(OPTIMIZERS))
@example(recorded(60, 0.1), -2.25, "SGD")
def test_the_zero_of_the_loss_matters_within_bounds(curve: LRCurve, shift: float, optimizer: str | None) -> None:
    """A constant added to the loss moves max_lr by less than SHIFT_FACTOR, below zero by less than 3, or has a warning.

    The rule takes a fall that is a small share of the loss for little learned; a constant hides that it was much. Where
    there is no noise it takes a fall of a hundredth for fine-tuning, and says so.
    """
    plain = LRCurve(curve.lrs, curve.losses, optimizer=optimizer)
    moved = changed(plain, [loss + shift for loss in curve.losses])
    bounds = suggest_bounds(moved)
    ratio = bounds.max_lr / suggest_bounds(plain).max_lr
    factor = 3 if shift < 0 else SHIFT_FACTOR
    assert 1 / factor < ratio < factor or any("a large constant" in doubt for doubt in bounds.doubts)


@settings(deadline=None, max_examples=60)
@given(curves, st.floats(-9, 6), st.sampled_from(OPTIMIZERS), st.sampled_from(list(BASE_FRACTIONS)))
def test_the_unit_of_the_weights_does_not_matter(
    curve: LRCurve, power: float, optimizer: str | None, schedule: str
) -> None:
    """All LRs times c, as where weights are stored in other units: the bounds times c, with the same confidence."""
    plain = LRCurve(curve.lrs, curve.losses, optimizer=optimizer)
    moved = LRCurve([10.0**power * lr for lr in curve.lrs], curve.losses, optimizer=optimizer)
    before, after = (suggest_bounds(item, kind=schedule) for item in (plain, moved))
    assert after.max_lr == pytest.approx(before.max_lr * 10.0**power, rel=1e-6)
    assert after.lr == pytest.approx(before.lr * 10.0**power, rel=1e-6)
    assert after.confidence == pytest.approx(before.confidence, rel=1e-6)


# Sampling


@settings(deadline=None, max_examples=20)
@given(
    st.sampled_from([60, 100, 300, 1000]),
    st.floats(0.02, 0.1),
    seeds,
    st.sampled_from(["SGD", "AdamW", "Lion", "other"]),
)
def test_the_same_curve_in_more_updates_is_a_network_that_needs_more(
    num_steps: int, noise: float, seed: int, optimizer: str
) -> None:
    """max_lr / sqrt(num_steps) stays within a factor of SAMPLING_FACTOR between 60 and 1000 updates and 2000.

    That is the median of five noises: one noisy curve of 60 updates says little. A loss that is a function of the LR
    alone takes ten times the updates to fall in a test of ten times the updates, so it is one of a network that learns
    as much more slowly, and needs the higher LR.
    """

    def per_root(count: int) -> float:
        tests = (recorded(count, noise, seed=seed + place, optimizer=optimizer) for place in range(5))
        return statistics.median(suggest_bounds(test).max_lr for test in tests) / math.sqrt(count)

    short, long = per_root(num_steps), per_root(2000)
    assert 1 / SAMPLING_FACTOR < short / long < SAMPLING_FACTOR


def train(
    mode: str,
    start_lr: float,
    end_lr: float,
    num_steps: int,
    *,
    seed: int,
    noise: float,
    divergence: float | None = 1.0,
) -> LRCurve:
    """A range test of SGD on a quadratic with curvatures 20 down to 1: it diverges above lr = 0.1.

    Gradient and loss are noisy, as those of a batch are.
    """
    generator = random.Random(seed)
    curvatures = [20 * 10 ** (-index / 8) for index in range(9)]
    weights = [1.0] * len(curvatures)
    test = RangeTest(start_lr, end_lr, num_steps, mode=mode, optimizer="SGD", divergence=divergence)
    while not test.done:
        lr = test.lr
        loss = sum(k * w * w for k, w in zip(curvatures, weights, strict=True)) / 2
        test.record(loss * (1 + noise * generator.gauss(0.0, 1.0)))
        weights = [w - lr * k * (w + noise * generator.gauss(0, 1)) for k, w in zip(curvatures, weights, strict=True)]
    return test.curve


@settings(deadline=None, max_examples=60)
@given(seeds, st.sampled_from([100, 200, 400]), st.sampled_from([0.2, 0.5]), st.sampled_from([0.0, 0.05, 0.2]))
def test_a_linear_ramp_finds_what_an_exponential_one_finds(
    seed: int, num_steps: int, end_lr: float, noise: float
) -> None:
    """The same training tested on a linear ramp gets max_lr within a factor of 4 of the exponential one's.

    The network has to travel as far, and bears as much, whichever way the LR was raised. The linear ramp ends
    at two or five times what the network bears; one to ten times has few updates below that. What it bears, 0.1, is
    not exceeded; without noise, which no batch is, by less than a tenth.
    """
    exponential = suggest_bounds(train("exponential", 1e-4, 1.0, num_steps, seed=seed, noise=noise))
    linear = suggest_bounds(train("linear", 1e-4, end_lr, num_steps, seed=seed, noise=noise))
    assert 1 / 4 < linear.max_lr / exponential.max_lr < 4
    assert max(linear.max_lr, exponential.max_lr) < (0.1 if noise else 0.11)


# Damage


@settings(deadline=None, max_examples=80)
@given(
    curves,
    st.floats(0.0, 1.0),
    st.lists(st.sampled_from([math.nan, math.inf, -math.inf, 1e200, 0.0, 7.0]), max_size=5),
    st.sampled_from([math.nan, math.inf, -math.inf, 1e200]),
)
def test_what_follows_a_loss_that_is_not_finite_is_not_read(
    curve: LRCurve, share: float, tail: list[float], first: float
) -> None:
    """A NaN or infinity, whatever follows it, ends the curve there, with the rise seen: within 1.2.

    A curve that is refused for want of a clear fall may be answered with it, since then it is known what is too much.
    """
    count = 10 + round(share * (len(curve) - 10))
    lrs = [*curve.lrs[:count], *(curve.lrs[count - 1] * 1.2 ** (i + 1) for i in range(1 + len(tail)))]
    ended = changed(curve, curve.losses[:count])
    try:
        expected = suggest_bounds(ended)
    except Undetermined:
        found = answer(LRCurve(lrs, [*ended.losses, first, *tail], optimizer="SGD"))
        if isinstance(found, tuple):
            assert found[0] in {"diverged_at_once", "never_falls"}
        else:
            assert found.confidence < 0.5
        return
    bounds = suggest_bounds(LRCurve(lrs, [*ended.losses, first, *tail], optimizer="SGD"))
    assert bounds.evidence.rise_seen
    assert bounds.evidence.points == expected.evidence.points
    assert bounds.evidence.last_lr == expected.evidence.last_lr
    assert 1 / 1.2 < bounds.max_lr / expected.max_lr < 1.2
    assert bounds.confidence >= expected.confidence


@settings(deadline=None, max_examples=60)
@given(seeds, st.sampled_from([100, 300]), st.sampled_from([0.0, 0.02, 0.1]), st.lists(anything, max_size=20))
def test_what_follows_a_loss_that_has_taken_off_is_not_read(
    seed: int, num_steps: int, noise: float, tail: list[float]
) -> None:
    """A test that went on after the rule of RangeTest would have stopped it: within 1.2, whatever came then."""
    curve = recorded(num_steps, noise, seed=seed)
    assert curve.stop_reason == "diverged"
    # A loss that is back within three updates is a spike.
    losses = [*curve.losses, *[20.0] * 3, *tail]
    lrs = [*curve.lrs, *(curve.lrs[-1] * 1.2 ** (i + 1) for i in range(len(losses) - len(curve)))]
    longer = suggest_bounds(LRCurve(lrs, losses, optimizer="SGD"))
    assert 1 / 1.2 < longer.max_lr / suggest_bounds(curve).max_lr < 1.2


@settings(deadline=None, max_examples=60)
@given(seeds, st.sampled_from([100, 300]), st.floats(0.0, 0.5), st.integers(1, 20))
def test_a_test_recorded_past_its_divergence_says_the_same(seed: int, num_steps: int, noise: float, more: int) -> None:
    """With 1 to 20 more points of the same training run, max_lr moves by at most 1.2."""
    whole = train("exponential", 1e-4, 1.0, num_steps, seed=seed, noise=noise, divergence=None)
    stopped = train("exponential", 1e-4, 1.0, num_steps, seed=seed, noise=noise)
    count = min(len(stopped) + more, len(whole))
    longer = LRCurve(whole.lrs[:count], whole.losses[:count], optimizer="SGD")
    assert 1 / 1.2 < suggest_bounds(longer).max_lr / suggest_bounds(stopped).max_lr < 1.2


@settings(deadline=None, max_examples=150)
@given(curves, st.floats(0.0, 1.0), st.floats(-3, 90))
@example(recorded(), 0.0, 30.0)
@example(recorded(), 1.0, 30.0)
def test_one_spike_of_any_height_hardly_matters(curve: LRCurve, place: float, power: float) -> None:
    """One loss too high by 0.001 to 1e90, anywhere, moves max_lr by less than a factor of 1.5."""
    losses = list(curve.losses)
    losses[round(place * (len(losses) - 1))] += 10.0**power
    assert 1 / 1.5 < suggest_bounds(changed(curve, losses)).max_lr / suggest_bounds(curve).max_lr < 1.5


@settings(deadline=None, max_examples=150)
@given(curves, st.floats(0.0, 1.0), st.floats(-3, 90))
def test_one_dip_of_any_depth_hardly_matters(curve: LRCurve, place: float, power: float) -> None:
    """One loss too low by 0.001 to 1e90, but for the first and the last, moves max_lr by less than 1.5.

    The two ends have a neighbour on one side only, so nothing says that they are wrong.
    """
    losses = list(curve.losses)
    losses[1 + round(place * (len(losses) - 3))] -= 10.0**power
    assert 1 / 1.5 < suggest_bounds(changed(curve, losses)).max_lr / suggest_bounds(curve).max_lr < 1.5


@settings(deadline=None, max_examples=60)
@given(curves, st.floats(3e-3, 2e-2))
def test_a_fall_read_backwards_is_no_fall(curve: LRCurve, end_lr: float) -> None:
    """The losses of a fall in reverse are refused, or, for a dip in their noise, answered as nothing learned.

    They are cut where the loss still falls: on the noisy floor below there would be falls in either direction.
    """
    fall = curve.losses[: sum(lr < end_lr for lr in curve.lrs)]
    found = answer(changed(curve, fall[::-1]))
    if isinstance(found, tuple):
        assert found[0] in {"diverged_at_once", "never_falls", "flat"}
    else:
        assert not found.evidence.learned


# Accuracy


noisy = st.builds(recorded, st.just(100), st.floats(0.3, 0.4), seed=seeds)


@settings(deadline=None, max_examples=60)
@given(noisy, st.sampled_from(list(BASE_FRACTIONS)))
def test_an_accuracy_that_never_rises_tells_a_dip_from_a_fall(curve: LRCurve, schedule: str) -> None:
    """A fall lost in noise is learning if the accuracy rose too, and gets less confidence if it did not."""
    try:
        plain = suggest_bounds(curve, kind=schedule)
    except Undetermined:
        assume(False)
    assume(plain.evidence.clarity < 10)
    count = len(curve)
    still = suggest_bounds(changed(curve, curve.losses, [0.1] * count), kind=schedule)
    rising = suggest_bounds(changed(curve, curve.losses, [0.1 + 0.8 * i / count for i in range(count)]), kind=schedule)
    assert not still.evidence.learned
    assert rising.evidence.learned
    assert rising.evidence.accuracy is not None
    assert rising.evidence.accuracy.gain == pytest.approx(0.76, abs=0.06)
    assert rising.max_lr == plain.max_lr
    assert still.confidence < rising.confidence


@settings(deadline=None, max_examples=60)
@given(curves, st.floats(0.0, 1.0), st.sampled_from([math.nan, math.inf, -math.inf]))
def test_accuracies_that_are_not_finite_are_left_alone(curve: LRCurve, place: float, value: float) -> None:
    """With a NaN or infinity among them, the accuracies count as not recorded: the same answer exactly."""
    metrics = [0.1] * len(curve)
    metrics[round(place * (suggest_bounds(curve).evidence.points - 1))] = value
    with_metrics = suggest_bounds(changed(curve, curve.losses, metrics))
    assert with_metrics.evidence.accuracy is None
    assert with_metrics.to_dict() == suggest_bounds(curve).to_dict()


# The budget


@settings(deadline=None, max_examples=80)
@given(
    curves,
    st.integers(1, 20_000),
    st.integers(1, 20_000),
    st.sampled_from(OPTIMIZERS),
    st.sampled_from(list(BASE_FRACTIONS)),
    st.none() | st.floats(1e-3, 1e6),
)
def test_a_longer_budget_never_raises_max_lr(
    curve: LRCurve, one: int, other: int, optimizer: str | None, schedule: str, steps_per_epoch: float | None
) -> None:
    """More updates on the same data need no higher LR; beyond the longest of the fit nothing changes."""
    plain = LRCurve(curve.lrs, curve.losses, optimizer=optimizer)
    short, long = (
        suggest_bounds(plain, kind=schedule, total_steps=steps, steps_per_epoch=steps_per_epoch)
        for steps in sorted((one, other))
    )
    assert long.max_lr <= short.max_lr
    assert long.base_lr <= short.base_lr
    assert long.lr <= short.lr
    longest, far = (suggest_bounds(plain, kind=schedule, total_steps=steps) for steps in (LONGEST + 1, 2**31 - 1))
    assert (far.max_lr, far.lr, far.confidence) == (longest.max_lr, longest.lr, longest.confidence)
    if steps_per_epoch is None:
        assert longest.max_lr <= long.max_lr


@settings(deadline=None, max_examples=80)
@given(curves, st.floats(1e-300, 1e300), st.floats(1e-300, 1e300), st.integers(1, 20_000), st.sampled_from(OPTIMIZERS))
def test_more_epochs_of_as_many_updates_never_raise_max_lr(
    curve: LRCurve, one: float, other: float, total_steps: int, optimizer: str | None
) -> None:
    """The more often an example is seen, the sooner the model overfits."""
    plain = LRCurve(curve.lrs, curve.losses, optimizer=optimizer)
    many, few = (suggest_bounds(plain, total_steps=total_steps, steps_per_epoch=n) for n in sorted((one, other)))
    assert many.max_lr <= few.max_lr
    assert many.lr <= few.lr


@pytest.mark.parametrize(
    ("steps_per_epoch", "error"),
    [(0, ValueError), (-1.5, ValueError), (math.inf, ValueError), (math.nan, ValueError), ("9", TypeError)],
)
def test_an_epoch_of_no_length_is_refused(steps_per_epoch: object, error: type[Exception]) -> None:
    """The message names the argument, the rule and the value."""
    with pytest.raises(error, match=rf"steps_per_epoch must be .*got steps_per_epoch={steps_per_epoch!r}"):
        suggest_bounds(recorded(), steps_per_epoch=steps_per_epoch)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("total_steps", "error"),
    [(0, ValueError), (-1, ValueError), (1.5, TypeError), (True, TypeError), ("9", TypeError), (math.nan, TypeError)],
)
def test_a_budget_that_is_no_number_of_updates_is_refused(total_steps: object, error: type[Exception]) -> None:
    """The message names the argument, the rule and the value."""
    with pytest.raises(error, match=rf"total_steps must be an int >= 1, got total_steps={total_steps!r}"):
        suggest_bounds(recorded(), total_steps=total_steps)  # type: ignore[arg-type]


# Several curves


@settings(deadline=None, max_examples=40)
@given(st.lists(st.one_of(curves, noisy), min_size=1, max_size=5), st.randoms(use_true_random=False))
def test_the_order_of_the_curves_does_not_matter(many: list[LRCurve], generator: random.Random) -> None:
    """Every field of the answer is the same; only the refusal of several may be another one's."""
    shuffled = generator.sample(many, len(many))
    try:
        expected = suggest_bounds(many).to_dict()
    except Undetermined:
        with pytest.raises(Undetermined):
            suggest_bounds(shuffled)
        return
    assert suggest_bounds(shuffled).to_dict() == expected


@settings(deadline=None, max_examples=40)
@given(st.one_of(curves, noisy))
def test_a_list_of_one_curve_is_that_curve(curve: LRCurve) -> None:
    """The same bounds, evidence and confidence exactly, or the same refusal."""
    assert answer([curve]) == answer(curve)


# Anything


@st.composite
def wild_curves(draw: st.DrawFn) -> LRCurve:
    """A curve of 0 to 200 losses: of any floats, or a fall with some replaced by any floats."""
    count = draw(st.integers(0, 200))
    generator = random.Random(draw(seeds))
    losses = [3 - 3 * i / (count or 1) + generator.gauss(0, 0.01) for i in range(count)]
    if draw(st.booleans()):
        losses = [draw(anything) for _ in range(min(count, 60))]
    elif losses:
        for place in draw(st.lists(st.integers(0, count - 1), max_size=4)):
            losses[place] = draw(anything)
    ratio = draw(st.sampled_from([1.0, 1.0 + 1e-12, 1.01, 1.3]))
    start = draw(st.sampled_from([1e-10, 1e-6, 1.0]))
    lrs = [start * ratio**index for index in range(len(losses))]
    metrics = None
    if draw(st.booleans()):
        pool = draw(st.lists(draw(st.sampled_from([anything, st.floats(allow_nan=False, allow_infinity=False)]))))
        metrics = [generator.choice(pool or [0.5]) for _ in losses]
    optimizer = draw(st.one_of(st.sampled_from(OPTIMIZERS), st.text(max_size=5)))
    return LRCurve(lrs, losses, metrics, optimizer=optimizer)


@settings(deadline=None, max_examples=250)
@given(
    st.lists(wild_curves(), min_size=1, max_size=2),
    st.sampled_from(list(BASE_FRACTIONS)),
    st.one_of(st.none(), st.integers(1, 2**31 - 1)),
)
def test_anything_gets_usable_bounds_or_a_documented_refusal(
    many: list[LRCurve], schedule: str, total_steps: int | None
) -> None:
    """Whatever the floats, bounds are finite and within the LRs tested, landmarks in order; report and JSON work."""
    same = [LRCurve(item.lrs, item.losses, item.metrics, optimizer=many[0].optimizer) for item in many]
    bounds = answer(same, schedule=schedule, total_steps=total_steps)
    if isinstance(bounds, tuple):
        reason, sentence = bounds
        assert reason in REASONS
        assert sentence
        return
    highest = max(curve.lrs[-1] for curve in same if curve.lrs)
    assert 0 <= bounds.base_lr <= bounds.max_lr <= highest
    assert 0 < bounds.lr <= highest
    assert 0 < bounds.confidence <= 1
    marks = bounds.evidence
    order = (marks.fall_start_lr, marks.steepest_lr, marks.fall_end_lr, marks.best_lr, marks.rise_lr, marks.last_lr)
    assert list(order) == sorted(order)
    assert str(bounds)
    assert json.loads(json.dumps(bounds.to_dict(), allow_nan=False))["max_lr"] == bounds.max_lr


# Time


def test_the_time_grows_with_the_points_and_no_faster() -> None:
    """100,000 points take at most 300 times the processor time of 1,000."""

    def seconds(count: int) -> float:
        generator = random.Random(0)
        lrs = [10 ** (-6 + 6 * index / count) for index in range(count)]
        losses = [2.3 - 2 / (1 + math.exp(-3 * (math.log10(lr) + 2.5))) + generator.gauss(0, 0.1) for lr in lrs]
        curve = LRCurve(lrs, losses, optimizer="SGD")
        start = time.process_time()
        suggest_bounds(curve)
        return time.process_time() - start

    few, many = (min(seconds(count) for _ in range(2)) for count in (1_000, 100_000))
    assert many < 300 * few
