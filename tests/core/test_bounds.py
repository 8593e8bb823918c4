"""Smoothing, landmarks, suggested bounds and their report."""

from __future__ import annotations

import dataclasses
import json
import math
import random
import sys
import time
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import clr_core
from clr_core import LRCurve, Undetermined, smooth, steepest_descent, suggest_bounds
from clr_core.bounds import constants
from clr_core.bounds.confidence import warnings_of
from clr_core.bounds.features import FAMILIES, landmark_features
from clr_core.bounds.network import AS_ONE_CYCLE, suggested_max_lr
from clr_core.bounds.suggest import BASE_FRACTIONS
from clr_core.schedules.plan import exact_plan


def model(log_lr: float) -> float:
    """A textbook curve: flat at 2.3, down to 0.3 between lr 1e-4 and 1e-1, diverging at about 1."""
    fall = 2.0 / (1.0 + math.exp(-3.0 * (log_lr + 2.5)))
    return 2.3 - fall + 10.0 ** (3.0 * (log_lr - 0.2))


def curve(
    num_steps: int = 100,
    noise: float = 0.0,
    *,
    shape: Callable[[float], float] = model,
    optimizer: str | None = "SGD",
    seed: int = 0,
) -> LRCurve:
    """The curve of a shape, sampled as a range test does it, with noise."""
    generator = random.Random(seed)
    test = clr_core.RangeTest(1e-7, 10.0, num_steps, optimizer=optimizer)
    while not test.done:
        test.record(shape(math.log10(test.lr)) + generator.gauss(0.0, noise))
    return test.curve


# Smoothing


@given(st.floats(-100, 100), st.floats(-100, 100), st.integers(2, 50))
def test_a_straight_line_in_log_lr_comes_back(slope: float, height: float, count: int) -> None:
    """Local lines have no bias at the ends, and none in the middle."""
    lrs = [10 ** (-5 + 4 * i / count) for i in range(count)]
    losses = [height + slope * math.log10(lr) for lr in lrs]
    assert smooth(lrs, losses) == pytest.approx(losses, abs=1e-7 * (abs(slope) * 5 + abs(height) + 1))


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=20))
def test_any_finite_losses_are_smoothed(losses: list[float]) -> None:
    """Whatever their size, the result is in proportion to the losses, and held within the largest float."""
    lrs = [10 ** (-5 + i / 10) for i in range(len(losses))]
    smoothed, small = smooth(lrs, losses), smooth(lrs, [loss / 2**60 for loss in losses])
    largest = sys.float_info.max / 2**60
    small = [min(max(loss, -largest), largest) for loss in small]
    tolerance = 1e-9 * max(map(abs, losses)) / 2**60 + 5e-324
    assert [loss / 2**60 for loss in smoothed] == pytest.approx(small, rel=1e-9, abs=tolerance)


def test_smoothing_equals_the_weighted_least_squares_it_claims() -> None:
    """The linear-time sums give the fit of the docstring, computed here point by point."""
    generator = random.Random(3)
    lrs = sorted(10 ** generator.uniform(-4, 0) for _ in range(40))
    losses = [generator.gauss(0, 1) for _ in lrs]
    xs = [math.log10(lr) for lr in lrs]
    for x, fitted in zip(xs, smooth(lrs, losses, decades=0.3), strict=True):
        weights = [math.exp(-abs(other - x) / 0.3) for other in xs]
        total = sum(weights)
        mean_x = sum(w * other for w, other in zip(weights, xs, strict=True)) / total
        mean_y = sum(w * y for w, y in zip(weights, losses, strict=True)) / total
        above = sum(w * (o - mean_x) * (y - mean_y) for w, o, y in zip(weights, xs, losses, strict=True))
        below = sum(w * (o - mean_x) ** 2 for w, o in zip(weights, xs, strict=True))
        assert fitted == pytest.approx(mean_y + above / below * (x - mean_x), abs=1e-9)


def test_the_steepest_descent_does_not_lag() -> None:
    """The steepest point of a symmetric fall is its middle, for few steps and for many."""
    for num_steps in (50, 100, 1000):
        lrs = clr_core.exponential_ramp(1e-5, 1.0, num_steps).values(num_steps)
        losses = [1 / (1 + math.exp(4 * (math.log10(lr) + 2.5))) for lr in lrs]
        assert steepest_descent(lrs, losses) == pytest.approx(10**-2.5, rel=0.13)


def test_smoothing_is_linear_in_time() -> None:
    """Ten times the points take about ten times as long."""

    def seconds(count: int) -> float:
        lrs = clr_core.exponential_ramp(1e-7, 10.0, count).values(count)
        start = time.perf_counter()
        smooth(lrs, [1.0] * count)
        return time.perf_counter() - start

    few = min(seconds(2_000) for _ in range(3))
    assert min(seconds(20_000) for _ in range(3)) < 40 * few


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: smooth([1.0], []), ValueError, "losses must have the length of lrs, got 0 losses for 1 lrs"),
        (lambda: smooth([1.0], [math.nan]), ValueError, r"losses\[0\] must be a finite number"),
        (lambda: smooth([0.0], [1.0]), ValueError, r"lrs\[0\] must be a finite number > 0"),
        (lambda: smooth([2.0, 1.0], [1.0, 1.0]), ValueError, r"lrs must not fall, got lrs\[1\]=1\.0"),
        (lambda: smooth([1.0], [1.0], decades=0.0), ValueError, "decades must be a finite number > 0"),
        (lambda: smooth([1.0], ["a"]), TypeError, r"losses\[0\]"),  # type: ignore[list-item]
        (lambda: steepest_descent([1.0, 2.0], [1.0, 2.0]), ValueError, "losses must fall somewhere, got 2"),
        (lambda: steepest_descent([], []), ValueError, "losses must fall somewhere, got 0"),
    ],
)
def test_smoothing_refuses_bad_input(call: Callable[[], object], error: type[Exception], message: str) -> None:
    """Bad input is refused, naming the argument and the value."""
    with pytest.raises(error, match=message):
        call()


# Bounds


def test_the_bounds_of_a_textbook_curve() -> None:
    """Landmarks and bounds lie where a person reading the curve would put them."""
    bounds = suggest_bounds(replace(curve(300), momentum=True))
    marks = bounds.evidence
    assert 1e-4 < marks.fall_start_lr < 1e-2 < marks.fall_end_lr < 0.2
    assert marks.fall_start_lr < marks.steepest_lr < marks.fall_end_lr < marks.best_lr < marks.rise_lr < 1.5
    assert marks.start_loss == pytest.approx(2.3, abs=0.01)
    # The LRs of a geometric ramp add up to the last one over 1 - 1 / ratio; half of the fall is done at 10**-2.5.
    ratio = (10.0 / 1e-7) ** (1 / 299)
    assert marks.half_fall_sum == pytest.approx(10**-2.5 / (1 - 1 / ratio), rel=0.1)
    assert marks.rise_seen
    assert marks.fall_start_seen
    assert marks.learned
    assert marks.accuracy is None
    assert marks.last_lr == bounds.curves[0].lrs[-1]
    assert bounds.base_lr == bounds.max_lr / 4
    assert marks.fall_start_lr < bounds.max_lr < marks.rise_lr
    assert 0 < bounds.confidence <= 1
    assert bounds.doubts == ()


@given(st.floats(-1, 6), st.floats(1.0, 2.0))
def test_a_loss_without_noise_counts_as_one_of_usual_noise(log_clarity: float, ratio: float) -> None:
    """Beyond 60 deviations the clarity that counts comes down to the usual one, without a jump."""
    marks = suggest_bounds(curve(300)).evidence

    def counted(clarity: float) -> float:
        read = replace(marks, noise=(marks.start_loss - marks.best_loss) / clarity)
        return float(10 ** landmark_features(read)[2])

    clarity = 10**log_clarity
    if 0.3 <= clarity <= 60:
        assert counted(clarity) == pytest.approx(clarity)
    if clarity > 150:
        assert counted(clarity) == pytest.approx(10)
    assert 0.3 * (1 - 1e-9) <= counted(clarity) <= 60 * (1 + 1e-9)
    assert ratio**-2 * (1 - 1e-9) <= counted(clarity * ratio) / counted(clarity) <= ratio * (1 + 1e-9)


def test_accuracies_are_read_as_smith_reads_them() -> None:
    """Where a tenth and where nine tenths of the gain are reached, in shares or per cent, also where it falls again."""
    base = curve(300, 0.02)
    # A logistic of slope 4 about 1e-3: a tenth is log(9) / 4 decades below the middle, nine tenths as far above.
    rising = [0.1 + 0.8 / (1 + math.exp(-4 * (math.log10(lr) + 3))) for lr in base.lrs]
    falling = [accuracy * (lr < 1) for accuracy, lr in zip(rising, base.lrs, strict=True)]
    for metrics in (rising, [100 * accuracy for accuracy in rising], falling):
        accuracy = suggest_bounds(replace(base, metrics=tuple(metrics))).evidence.accuracy
        assert accuracy is not None
        assert accuracy.gain == pytest.approx(0.8, abs=0.02)
        assert math.log10(accuracy.rise_lr) == pytest.approx(-3 - math.log(9) / 4, abs=0.1)
        assert math.log10(accuracy.slow_lr) == pytest.approx(-3 + math.log(9) / 4, abs=0.1)


@pytest.mark.parametrize(
    ("total_steps", "steps_per_epoch"), [(None, None), (1, 4.5), (100, None), (1920, 31), (5000, 1e-3), (10**9, 1e12)]
)
@pytest.mark.parametrize("schedule", list(BASE_FRACTIONS))
@pytest.mark.parametrize(
    ("optimizer", "family"), [("AdamW", "adaptive"), ("Lion", "Lion"), ("SGD", "SGD with momentum")]
)
def test_max_lr_is_the_rule_of_the_docstring(
    optimizer: str, family: str, schedule: str, total_steps: int | None, steps_per_epoch: float | None
) -> None:
    """The formula at the top of network.py, computed here, times the trend beyond the longest budget of the fit."""
    recorded = replace(curve(100, 0.05, optimizer=optimizer), momentum=True if optimizer == "SGD" else None)
    bounds = suggest_bounds(recorded, kind=schedule, total_steps=total_steps, steps_per_epoch=steps_per_epoch)
    budget = 500 if total_steps is None else total_steps
    assert (bounds.plan.total_steps, bounds.plan.steps_per_epoch) == (budget, steps_per_epoch)
    epochs = 10 if steps_per_epoch is None else budget / steps_per_epoch
    marks = bounds.evidence
    passes = 2 if steps_per_epoch is None else marks.updates / steps_per_epoch
    fall = marks.start_loss - marks.best_loss
    ratios = [
        marks.half_fall_sum / marks.rise_lr,
        marks.last_lr / marks.rise_lr,
        fall / marks.noise,
        fall / marks.start_loss,
        marks.rise_sum / marks.rise_lr,
        max(1, min(passes, 10 ** constants.HIGHEST[-2])),
        max(10 ** constants.LOWEST[-1], min(epochs, 10 ** constants.HIGHEST[-1])),
        max(constants.SHORTEST, min(budget, constants.LONGEST)),
    ]
    x = [math.log10(ratio) for ratio in ratios]
    leaning = [sum(w * value for w, value in zip(weights, x, strict=True)) for weights in constants.HIDDEN_WEIGHTS]
    straight = sum(slope * value for slope, value in zip(constants.SKIP_WEIGHTS, x, strict=True))

    def expected(kind: str) -> float:
        factor = AS_ONE_CYCLE.get(kind, 1.0)
        kind = "one_cycle" if kind in AS_ONE_CYCLE else kind
        units = zip(
            constants.OUTPUT_WEIGHTS, constants.FAMILY_BIASES[family], constants.KIND_BIASES[kind], leaning, strict=True
        )
        bends = sum(size * math.tanh(sum(leanings)) for size, *leanings in units)
        ratio = 10 ** (constants.OUTPUT_BIASES[family][kind] + straight + bends)
        return marks.rise_lr * min(factor * ratio, 0.5 if family == "adaptive" else math.inf)

    assert bounds.max_lr == pytest.approx(expected(schedule))
    assert bounds.lr == pytest.approx(expected("constant"))
    assert bounds.base_lr == pytest.approx(bounds.max_lr * BASE_FRACTIONS[schedule])


def test_adaptive_optimizers_stay_below_the_rise() -> None:
    """A rule that asked for more than half the LR of a clear rise would be cut there; SGD's would not."""
    marks = replace(suggest_bounds(curve(100, 0.05)).evidence, half_fall_sum=1e3, rise_seen=True)
    plan = exact_plan(500, None)
    for family in FAMILIES:
        free = suggested_max_lr(replace(marks, rise_seen=False), [family], "one_cycle", plan)
        cut = suggested_max_lr(marks, [family], "one_cycle", plan)
        assert cut == (min(free, 0.5 * marks.rise_lr) if family == "adaptive" else free)


def test_a_loss_that_is_not_finite_all_of_a_sudden_is_pointed_out() -> None:
    """A NaN from one bad batch is not the LR's doing: where the loss had not risen before, the report says so."""
    whole = curve(100)
    falling = sum(lr < 0.01 for lr in whole.lrs)
    nan = LRCurve(whole.lrs[: falling + 1], [*whole.losses[:falling], math.nan], optimizer="SGD", momentum=True)
    assert any("a bad batch or an overflow" in doubt for doubt in suggest_bounds(nan).doubts)
    risen = LRCurve(whole.lrs, [*whole.losses[:-1], math.nan], optimizer="SGD", momentum=True)
    assert not any("a bad batch" in doubt for doubt in suggest_bounds(risen).doubts)


def test_a_test_that_diverged_early_is_not_told_to_take_the_steps_it_took() -> None:
    """Of a hundred updates few were left by the divergence: the range was too wide."""
    early = curve(100, 0.02, shape=lambda x: model(x + 4))
    assert len(early) < 50
    (doubt,) = (doubt for doubt in suggest_bounds(early).doubts if "are few" in doubt)
    assert f"{early.lrs[-1]:.3g}, where the curve ends" in doubt
    assert "test with more steps, and end the test near that LR" in doubt


def test_an_sgd_of_which_the_momentum_is_unknown_has_a_warning() -> None:
    """With and without it the bounds are up to a factor of four apart, and those in between suit neither."""
    unknown = suggest_bounds(curve(300))
    with_it, without = (suggest_bounds(replace(curve(300), momentum=momentum)) for momentum in (True, False))
    assert with_it.max_lr < unknown.max_lr < without.max_lr
    (doubt,) = unknown.doubts
    assert doubt.startswith("It is unknown whether SGD has momentum: max_lr lies between")
    assert unknown.confidence < min(with_it.confidence, without.confidence)
    assert with_it.doubts == without.doubts == ()


def test_a_max_lr_above_the_rise_has_a_warning() -> None:
    """The report does not call an LR too high and then suggest more without a word."""
    marks = suggest_bounds(curve(100, 0.05)).evidence
    plan = exact_plan(500, None)
    above = list(warnings_of(marks, "SGD", ["plain SGD"], [1.1 * marks.rise_lr], 1e-9, False, False, plan))
    assert any("lies above" in sentence for _, sentence in above)
    below = list(warnings_of(marks, "SGD", ["plain SGD"], [0.9 * marks.rise_lr], 1e-9, False, False, plan))
    assert not any("lies above" in sentence for _, sentence in below)


def test_a_dip_before_anything_was_learned_is_said_to_be_one() -> None:
    """Without a clear fall or a gain in accuracy the same bounds have half of the confidence and a doubt."""
    noisy = curve(100, 0.4)
    dip = replace(noisy, metrics=(0.1,) * len(noisy))
    bounds = suggest_bounds(dip)
    assert not bounds.evidence.learned
    assert bounds.max_lr == suggest_bounds(noisy).max_lr
    assert bounds.confidence < suggest_bounds(noisy).confidence / 1.5
    assert any("has not learned anything yet" in doubt for doubt in bounds.doubts)


def test_sgd_of_which_nothing_is_known_lies_between_with_and_without_momentum() -> None:
    """The geometric mean of the two; the same for what is named SGD in any case."""
    with_it, without = (suggest_bounds(replace(curve(), momentum=momentum)).max_lr for momentum in (True, False))
    assert with_it < without
    assert suggest_bounds(curve()).max_lr == pytest.approx(math.sqrt(with_it * without))
    assert suggest_bounds(curve(optimizer="sgd")).max_lr == suggest_bounds(curve()).max_lr


def test_the_answer_depends_on_the_schedule_and_the_optimizer() -> None:
    """One cycle wants the highest peak, a constant LR the lowest; adaptive optimizers and Lion want less."""
    one, cycles, constant = (suggest_bounds(curve(), kind=kind) for kind in ("one_cycle", "cyclic", "constant"))
    assert one.max_lr > cycles.max_lr > constant.max_lr
    assert constant.base_lr == constant.max_lr == constant.lr == cycles.lr
    assert one.base_lr == pytest.approx(one.max_lr / 10)
    sgd, unknown, adam, lion = (
        suggest_bounds(curve(100, 0.05, optimizer=name)).max_lr for name in ("SGD", None, "adamw", "Lion")
    )
    assert sgd > unknown > max(adam, lion)


@pytest.mark.parametrize("place", range(0, 95, 5))
def test_a_single_spike_hardly_matters(place: int) -> None:
    """One wild loss anywhere moves max_lr by less than a factor of 1.5."""
    base = curve(100, 0.02)
    losses = list(base.losses)
    place = min(place, len(losses) - 1)
    losses[place] += 50.0
    spiked = LRCurve(base.lrs, losses, optimizer="SGD")
    assert 1 / 1.5 < suggest_bounds(spiked).max_lr / suggest_bounds(base).max_lr < 1.5


def test_a_trailing_nan_is_a_divergence() -> None:
    """Losses after the first NaN are not read."""
    base = curve(100)
    seen = len(base) - 3
    losses = [*base.losses[:seen], math.nan, 0.0, 0.0]
    bounds = suggest_bounds(LRCurve(base.lrs, losses, optimizer="SGD"))
    assert bounds.evidence.points == seen
    assert 1 / 1.5 < bounds.max_lr / suggest_bounds(base).max_lr < 1.5


@pytest.mark.parametrize(
    ("losses", "reason"),
    [
        ([], "too_few_points"),
        ([2.0] * 9, "too_few_points"),
        ([2.0, 2.0, math.nan], "diverged_at_once"),
        ([2.0] * 100, "flat"),
        ([2.0 + 0.1 * math.sin(7.0 * i * i) for i in range(100)], "flat"),
        ([2.0 + 0.1 * i for i in range(100)], "diverged_at_once"),
        ([2.0 + 2.0**i for i in range(60)], "diverged_at_once"),
        ([2.0] * 80 + [2.0 + 2.0**i for i in range(20)], "never_falls"),
        ([2.0] * 80 + [math.inf], "never_falls"),
    ],
)
def test_refuses_honestly(losses: list[float], reason: str) -> None:
    """A curve that does not say is refused with a reason and a sentence, not answered with a number."""
    lrs = [1e-7 * 1.2**i for i in range(len(losses))]
    with pytest.raises(Undetermined) as caught:
        suggest_bounds(LRCurve(lrs, losses))
    assert caught.value.reason == reason
    assert str(caught.value).endswith((".", "longer."))
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize("start_lr", [0.3, 0.5, 1.0])
def test_a_test_that_starts_too_high_is_told_to_start_lower(start_lr: float) -> None:
    """A loss that explodes from the first update on has no level at the low end to rise from."""
    test = clr_core.RangeTest(start_lr, 10.0 * start_lr, 100, optimizer="SGD", momentum=False)
    weights = [1.0, 1.0]
    while not test.done:  # a quadratic with curvatures 1 and 20: diverges above lr = 2/20
        lr = test.lr
        loss = (weights[0] ** 2 + 20 * weights[1] ** 2) / 2
        weights = [weights[0] - lr * weights[0], weights[1] - lr * 20 * weights[1]]
        test.record(loss)
    with pytest.raises(Undetermined, match="lower start_lr"):
        suggest_bounds(test.curve)


@settings(deadline=None, max_examples=300)
@given(st.lists(st.floats(allow_nan=True, allow_infinity=True), max_size=60))
def test_any_floats_give_bounds_or_a_refusal(losses: list[float]) -> None:
    """No list of losses crashes it or gets a bound that is no number within the tested range."""
    lrs = [1e-6 * 1.3**i for i in range(len(losses))]
    try:
        bounds = suggest_bounds(LRCurve(lrs, losses))
    except Undetermined:
        return
    assert 0 < bounds.base_lr <= bounds.max_lr < math.inf
    assert lrs[0] <= bounds.evidence.fall_end_lr <= lrs[-1]
    assert bounds.max_lr <= lrs[-1]
    assert 0 < bounds.confidence <= 1
    assert str(bounds)


def test_several_seeds_are_one_answer() -> None:
    """The answer to a list of curves lies amid those to each, and curves that refuse are outvoted."""
    seeds = [curve(100, 0.1, seed=seed) for seed in range(5)]
    single = sorted(suggest_bounds(item).max_lr for item in seeds)
    together = suggest_bounds(seeds)
    assert single[0] < together.max_lr < single[-1]
    flat = LRCurve(seeds[0].lrs, [2.0] * len(seeds[0]), optimizer="SGD")
    assert suggest_bounds([flat, *seeds]).max_lr == together.max_lr
    with pytest.raises(Undetermined):
        suggest_bounds([flat, flat, seeds[0]])


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: suggest_bounds(curve(), kind="x"),
            ValueError,
            "kind must be one of 'constant', 'cyclic', 'one_cycle', 'linear_decay', 'cosine_decay', ",
        ),
        (lambda: suggest_bounds([]), ValueError, "curve must be at least one LRCurve"),
        (lambda: suggest_bounds([1.0, 2.0]), TypeError, "curve must be an LRCurve or a list of them"),  # type: ignore[list-item]
        (
            lambda: suggest_bounds([curve(), curve(optimizer="Adam")]),
            ValueError,
            r"curves must come from one optimizer, got optimizer \['Adam', 'SGD'\]",
        ),
        (
            lambda: suggest_bounds([replace(curve(), momentum=True), replace(curve(), momentum=False)]),
            ValueError,
            r"curves must come from one optimizer, got momentum \['False', 'True'\]",
        ),
    ],
)
def test_suggestion_refuses_bad_input(call: Callable[[], object], error: type[Exception], message: str) -> None:
    """Bad input is refused, naming the argument and the value."""
    with pytest.raises(error, match=message):
        call()


def test_each_doubt_lowers_the_confidence_and_says_what_to_do() -> None:
    """A curve cut off before it rises, of an unknown optimizer, is answered with two doubts."""
    full = curve(100)
    cut = sum(lr < 0.1 for lr in full.lrs)
    bounds = suggest_bounds(LRCurve(full.lrs[:cut], full.losses[:cut]))
    assert 0 < bounds.confidence < suggest_bounds(LRCurve(full.lrs, full.losses)).confidence
    assert suggest_bounds(LRCurve(full.lrs, full.losses)).confidence < suggest_bounds(full).confidence <= 1
    assert len(bounds.doubts) == 2
    assert any("raise end_lr" in doubt for doubt in bounds.doubts)
    assert any("The optimizer is unknown" in doubt for doubt in bounds.doubts)


@pytest.mark.parametrize("noise", [0.05, 0.2])
def test_a_test_that_saw_each_example_often_may_have_memorized_it(noise: float) -> None:
    """The more passes over the data in the test, the less its loss is worth; a validation loss keeps its worth."""
    noisy = curve(noise=noise)
    few, many = (suggest_bounds(noisy, total_steps=500, steps_per_epoch=each) for each in (50, 4))
    assert many.confidence < 0.7 * few.confidence
    assert many.max_lr <= few.max_lr
    times = f"{many.evidence.updates / 4:,.0f}"
    assert any(f"saw each example {times} times" in doubt and "validation set" in doubt for doubt in many.doubts)
    assert not any("saw each example" in doubt for doubt in few.doubts)
    validated = suggest_bounds(curve(), total_steps=500, steps_per_epoch=4)
    assert not any("saw each example" in doubt for doubt in validated.doubts)


def test_the_updates_of_a_log_with_every_kth_count_as_passes() -> None:
    """A log with every tenth update has seen the data ten times as often as it has points."""
    noisy = curve(noise=0.05)
    logged = LRCurve(noisy.lrs, noisy.losses, optimizer="SGD", steps_per_point=10)
    plain, strided = (suggest_bounds(each, total_steps=500, steps_per_epoch=40) for each in (noisy, logged))
    assert strided.evidence.updates == 10 * plain.evidence.updates
    assert any("saw each example" in doubt for doubt in strided.doubts)
    assert not any("saw each example" in doubt for doubt in plain.doubts)


def test_the_report_says_what_was_seen() -> None:
    """The printed report has the bounds, the evidence, a picture and the doubts."""
    bounds = suggest_bounds(curve(100, 0.05, optimizer=None))
    text = str(bounds)
    lines = text.splitlines()
    assert lines[0].startswith("Bounds for a cyclical schedule")
    assert f"Confidence {bounds.confidence:.2f} of 1" in lines
    for word in ("base_lr = ", "max_lr  = ", "90 % of the drop", "####", "====", "The optimizer is unknown"):
        assert word in text
    assert max(map(len, lines)) <= 100
    assert text.isascii()


def test_the_result_is_plain_json() -> None:
    """to_dict is JSON with the fields of the result."""
    bounds = suggest_bounds(curve())
    fields = json.loads(json.dumps(bounds.to_dict()))
    assert fields["max_lr"] == bounds.max_lr
    assert fields["evidence"]["steepest_lr"] == bounds.evidence.steepest_lr
    assert fields["plan"]["total_steps"] == 500
    assert clr_core.from_dict(fields["schedule"]) == bounds.schedule()
    assert set(fields) == {field.name for field in dataclasses.fields(bounds)} - {"curves"} | {"schedule"}
