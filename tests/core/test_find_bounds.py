"""find_bounds runs the tests that refusals and warnings ask for, within its budget."""

from __future__ import annotations

import math
import random
from dataclasses import replace

import pytest

import clr_core
from clr_core import LRCurve, RangeTest, Undetermined, find_bounds

PLAN = clr_core.plan_cycles(epochs=12, steps_per_epoch=50)


class Network:
    """A quadratic with noisy gradients, its weights in any units: it diverges above ``0.1 * unit``."""

    def __init__(self, unit: float = 1.0, noise: float = 0.1) -> None:
        self.unit, self.noise = unit, noise
        self.asked: list[tuple[float, float, int]] = []
        self.made = 0

    def __call__(self, start_lr: float, end_lr: float, num_steps: int) -> LRCurve:
        self.asked.append((start_lr, end_lr, num_steps))
        generator = random.Random(num_steps)
        curvatures = [20 * 10 ** (-index / 8) for index in range(9)]
        weights = [1.0] * len(curvatures)
        test = RangeTest(start_lr, end_lr, num_steps, optimizer="SGD", momentum=False)
        while not test.done:
            lr = test.lr / self.unit
            loss = sum(k * w * w for k, w in zip(curvatures, weights, strict=True)) / 2
            test.record(loss * (1 + self.noise * generator.gauss(0, 1)))
            weights = [
                w - lr * k * (w + self.noise * generator.gauss(0, 1)) for k, w in zip(curvatures, weights, strict=True)
            ]
        self.made += len(test.curve)
        return test.curve


def test_a_clear_curve_needs_one_test_and_says_what_it_cost() -> None:
    network = Network()
    bounds = find_bounds(network, PLAN)
    assert 0.005 < bounds.max_lr < 0.1
    assert bounds.test_updates == network.made <= 1000
    if len(network.asked) == 1:
        assert bounds == clr_core.suggest_bounds(bounds.curves, PLAN)


def test_a_clear_curve_that_leaves_doubt_is_looked_at_again() -> None:
    """By a longer test over the same range, which decides; whatever it leaves, there is no third."""
    network, plan = Network(noise=0.4), clr_core.plan_cycles(epochs=12, steps_per_epoch=15)
    bounds = find_bounds(network, plan)
    assert network.asked == [(1e-7, 10.0, 100), (1e-7, 10.0, 300)]
    (curve,) = bounds.curves
    assert len(curve) > 100
    assert bounds == replace(clr_core.suggest_bounds(curve, plan), test_updates=network.made)


def test_a_clear_test_replaces_those_that_cut_off_the_rise() -> None:
    """A test that does not show it is followed by a longer one of a wider range."""
    network = Network(unit=200.0)
    assert not find_bounds(network, PLAN, max_updates=100).evidence.rise_seen
    network.asked.clear()
    bounds = find_bounds(network, PLAN)
    assert network.asked == [(1e-7, 10.0, 100), (1e-7, 1000.0, 300)]
    assert bounds.evidence.rise_seen
    assert len(bounds.curves) == 1


@pytest.mark.parametrize("unit", [1e-8, 1e-5, 1.0, 1e3, 4e3, 1e4, 1e7, 4e7])
def test_a_range_that_cuts_the_curve_off_is_moved(unit: float) -> None:
    """Whatever the units of the weights, the bounds lie below the divergence, and near it.

    A test that was cut off says nothing against the wider one after it, however far they are apart.
    """
    network = Network(unit)
    bounds = find_bounds(network, PLAN)
    assert 0.02 < bounds.max_lr / unit < 0.1
    assert "disagree" not in str(bounds)
    assert bounds.test_updates == network.made <= 1000


@pytest.mark.parametrize("max_updates", [100, 150, 333, 1000, 5000])
def test_the_budget_is_kept(max_updates: int) -> None:
    """Also where no test will do: a loss that never moves is refused, with what was spent."""
    made = 0

    def run_range_test(start_lr: float, end_lr: float, num_steps: int) -> LRCurve:
        nonlocal made
        made += num_steps
        generator = random.Random(num_steps)
        lrs = clr_core.exponential_ramp(start_lr, end_lr, num_steps).values(num_steps)
        return LRCurve(lrs, [2.3 + generator.gauss(0, 0.01) for _ in lrs], optimizer="AdamW")

    with pytest.raises(Undetermined, match=r"The loss stayed at .* range tests?, \d+ updates in all") as refused:
        find_bounds(run_range_test, PLAN, max_updates=max_updates)
    assert refused.value.reason == "flat"
    assert made <= max_updates
    assert f", {made} updates in all" in str(refused.value)


def test_a_loss_that_is_nan_from_the_start_is_not_tested_again() -> None:
    """No range test can help, so the first one is the last."""
    asked = []

    def run_range_test(**wanted: object) -> LRCurve:
        asked.append(wanted)
        return LRCurve([1e-7], [math.nan])

    with pytest.raises(Undetermined, match="After 1 range test, 1 updates") as refused:
        find_bounds(run_range_test)
    assert refused.value.reason == "not_finite"
    assert len(asked) == 1


def test_an_interrupted_test_is_the_last() -> None:
    """Ctrl-C in a range test ends the search as well, with what is known by then."""
    network = Network()

    def run_range_test(start_lr: float, end_lr: float, num_steps: int) -> LRCurve:
        curve = network(start_lr, end_lr, num_steps)
        return LRCurve(curve.lrs[:30], curve.losses[:30], optimizer="SGD", stop_reason="interrupted")

    with pytest.raises(Undetermined):
        find_bounds(run_range_test, PLAN)
    assert len(network.asked) == 1


@pytest.mark.parametrize(
    ("arguments", "error", "sentence"),
    [
        ({"run_range_test": 3}, TypeError, "run_range_test must be a function, got run_range_test=3"),
        ({"max_updates": 99}, ValueError, "max_updates must be an int >= 100, got max_updates=99"),
        ({"kind": "linear"}, ValueError, "kind must be one of"),
        ({"run_range_test": lambda **_: None}, TypeError, "run_range_test must return an LRCurve"),
        ({"total_steps": 5}, TypeError, "must not be given beside a plan"),
    ],
)
def test_bad_input_is_refused(arguments: dict[str, object], error: type[Exception], sentence: str) -> None:
    """Before any range test where it can be seen."""
    network = Network()
    with pytest.raises(error, match=sentence):
        find_bounds(**{"run_range_test": network, "plan": PLAN} | arguments)  # type: ignore[arg-type]
    assert not network.asked


@pytest.mark.parametrize("stop_reason", [None, "interrupted"])
def test_a_test_without_a_point_is_refused(stop_reason: str | None) -> None:
    """Like any other curve of too few points."""
    with pytest.raises(Undetermined) as refused:
        find_bounds(lambda **_: LRCurve((), (), stop_reason=stop_reason))
    assert refused.value.reason == "too_few_points"


def test_updates_count_and_not_points() -> None:
    """A curve with every 20th update is not one that ended early."""
    asked = []

    def run_range_test(start_lr: float, end_lr: float, num_steps: int) -> LRCurve:
        asked.append((start_lr, end_lr, num_steps))
        whole = Network()(start_lr, end_lr, num_steps)
        return LRCurve(whole.lrs[::20], whole.losses[::20], optimizer="SGD", momentum=False, steps_per_point=20)

    assert find_bounds(run_range_test, PLAN).test_updates <= 1000
    assert [steps for *_, steps in asked[:2]] == [100, 300]


def test_a_loss_that_diverges_in_one_update_is_not_chased() -> None:
    """The range is not widened beyond a divergence that the test itself saw."""
    asked = []

    def run_range_test(start_lr: float, end_lr: float, num_steps: int) -> LRCurve:
        asked.append((start_lr, end_lr, num_steps))
        generator = random.Random(num_steps)
        test = RangeTest(start_lr, end_lr, num_steps, optimizer="SGD")
        while not test.done:
            drop = 2 / (1 + (0.003 / test.lr) ** 3)
            test.record(1e3 if test.lr > 0.1 else 2.3 - drop + generator.gauss(0, 0.03))
        return test.curve

    assert find_bounds(run_range_test, max_updates=3000).max_lr < 1
    assert len(asked) <= 2


@pytest.mark.parametrize("first_unit", [1e-3, 1.0])
def test_of_two_tests_that_contradict_one_another_the_lower_bounds_are_taken(first_unit: float) -> None:
    """As of a network that may jump to another solution in one test and not in the other; and the report says so."""
    networks = [Network(first_unit, noise=0.4), Network(1e-3 / first_unit)]
    given = iter(networks)
    plan = clr_core.plan_cycles(epochs=12, steps_per_epoch=15)
    bounds = find_bounds(lambda **wanted: next(given)(**wanted), plan)
    assert len(networks[1].asked) == 1
    assert bounds.max_lr < 1e-3
    assert "Two range tests disagree: max_lr" in str(bounds)
    assert bounds.confidence < 0.5
    assert bounds.test_updates == sum(network.made for network in networks)


def test_a_later_test_that_is_refused_is_named() -> None:
    """Bounds of the first test say that the longer one, which was to confirm them, could not be used."""
    network, plan = Network(noise=0.4), clr_core.plan_cycles(epochs=12, steps_per_epoch=15)

    def run_range_test(start_lr: float, end_lr: float, num_steps: int) -> LRCurve:
        curve = network(start_lr, end_lr, num_steps)
        return curve if num_steps == 100 else replace(curve, losses=[2.3] * len(curve))

    bounds = find_bounds(run_range_test, plan)
    (curve,) = bounds.curves
    first, count = clr_core.suggest_bounds(curve, plan), len(network.asked)
    assert bounds.max_lr == first.max_lr
    assert bounds.doubts[len(first.doubts)].startswith(f"Range test 2 of {count} could not be used: The loss ")
    assert bounds.confidence < first.confidence
