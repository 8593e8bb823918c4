"""The range test as a state machine, without a training loop."""

from __future__ import annotations

import array
import itertools
import math
import pickle
import random
import re
import sys
import threading
from collections.abc import Callable
from itertools import pairwise
from types import FrameType
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import clr_core
from clr_core.range_test.divergence import points_until_divergence


def run(losses: list[float], **arguments: object) -> clr_core.RangeTest:
    """A test that is given these losses until it is done."""
    test = clr_core.RangeTest(num_steps=len(losses), **arguments)  # type: ignore[arg-type]
    for loss in losses:
        if test.done:
            break
        test.record(loss)
    return test


def test_sweeps_from_start_to_end_exactly() -> None:
    """The first LR is start_lr, the last end_lr, and their ratios are equal in between."""
    test = run([1.0] * 5, start_lr=1e-4, end_lr=1.0)
    assert test.curve.lrs == pytest.approx((1e-4, 1e-3, 1e-2, 1e-1, 1.0))
    assert (test.curve.lrs[0], test.curve.lrs[-1]) == (1e-4, 1.0)
    assert test.stop_reason == "completed"


def test_linear_mode_has_equal_differences() -> None:
    """Smith's own protocol: the LR rises in a straight line."""
    test = run([1.0] * 5, start_lr=0.25, end_lr=1.25, mode="linear")
    assert test.curve.lrs == (0.25, 0.5, 0.75, 1.0, 1.25)


def test_lr_is_that_of_the_next_record() -> None:
    """The LR that was read is the LR that is recorded with the loss."""
    test = clr_core.RangeTest(num_steps=10)
    used = []
    while not test.done:
        used.append(test.lr)
        test.record(0.0)
    assert tuple(used) == test.curve.lrs


@pytest.mark.parametrize("loss", [math.nan, math.inf, -math.inf])
def test_stops_at_the_first_loss_that_is_not_finite(loss: float) -> None:
    """A NaN or an infinity ends the test and stays in the record."""
    test = run([1.0, 2.0, loss, 1.0])
    assert test.stop_reason == "non_finite"
    assert len(test.curve) == 3
    assert not math.isfinite(test.curve.losses[-1])


@pytest.mark.parametrize("offset", [0.0, -2.0, -50.0])
def test_stops_when_all_that_was_won_is_lost(offset: float) -> None:
    """A loss that falls by 2 and climbs without end is stopped, also below zero."""
    losses = [2.0] * 30 + [2.0 - i / 10 for i in range(21)] + [2.0**i for i in range(49)]
    test = run([loss + offset for loss in losses])
    assert test.stop_reason == "diverged"
    assert 50 < len(test.curve) < 75


def test_without_divergence_no_finite_loss_stops_it() -> None:
    """divergence=None lets the test run to its end."""
    assert run([2.0**i for i in range(100)], divergence=None).stop_reason == "completed"


@given(
    st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=60),
    st.floats(0.1, 10.0),
)
def test_divergence_does_not_depend_on_the_unit_of_the_loss(losses: list[float], unit: float) -> None:
    """Scaling the losses by a power of two stops the test at the same update."""
    factor = 2.0 ** round(math.log2(unit))
    assert len(run(losses).curve) == len(run([loss * factor for loss in losses]).curve)


@given(st.lists(st.floats(allow_nan=True, allow_infinity=True), min_size=2, max_size=80))
def test_takes_any_losses(losses: list[float]) -> None:
    """Whatever the losses, the test ends with a reason and a curve no longer than the losses it was given."""
    test = run(losses)
    assert test.done
    assert test.stop_reason in {"completed", "diverged", "non_finite"}
    assert len(test.curve) <= len(losses)


def test_interruption_keeps_what_was_recorded() -> None:
    """stop() ends the test with its own reason; a second one changes nothing."""
    test = clr_core.RangeTest(num_steps=10, optimizer="SGD", momentum=True)
    test.record(1.0, metric=0.5)
    test.stop()
    test.stop("diverged")
    assert test.curve == clr_core.LRCurve(
        [1e-7], [1.0], [0.5], optimizer="SGD", momentum=True, stop_reason="interrupted"
    )
    for action in (lambda: test.record(1.0), lambda: test.lr):
        with pytest.raises(RuntimeError, match=r"the range test is done \(interrupted\)"):
            action()


def test_metric_at_every_update_or_at_none() -> None:
    """A metric that comes and goes is refused, and nothing of that update is kept."""
    with_metric, without = clr_core.RangeTest(), clr_core.RangeTest()
    with_metric.record(1.0, metric=0.1)
    without.record(1.0)
    with pytest.raises(ValueError, match="metric must be given at every update or at none, got metric=None"):
        with_metric.record(1.0)
    with pytest.raises(ValueError, match=r"got metric=0\.1 at update 1"):
        without.record(1.0, metric=0.1)
    assert (len(with_metric.curve), len(without.curve)) == (1, 1)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"start_lr": 0.0}, ValueError, r"start_lr must be a finite number > 0, got start_lr=0\.0"),
        ({"start_lr": math.nan}, ValueError, "start_lr"),
        ({"start_lr": "a"}, TypeError, "start_lr"),
        ({"start_lr": True}, TypeError, "start_lr"),
        ({"end_lr": math.inf}, ValueError, "end_lr"),
        ({"end_lr": 1e-7}, ValueError, r"end_lr must be > start_lr \* 1\.000001, got start_lr=1e-07, end_lr=1e-07"),
        ({"start_lr": 5e-324}, ValueError, r"end_lr must be <= start_lr \* 1e\+300, got start_lr=5e-324, end_lr=10.0"),
        ({"num_steps": 1}, ValueError, "num_steps must be an int >= 2, got num_steps=1"),
        ({"num_steps": 10.0}, TypeError, r"num_steps must be an int >= 2, got num_steps=10\.0"),
        ({"mode": "cosine"}, ValueError, "mode must be one of 'exponential', 'linear', got mode='cosine'"),
        ({"divergence": 0.0}, ValueError, "divergence"),
        ({"optimizer": 3}, TypeError, "optimizer must be a str or None, got optimizer=3"),
        ({"momentum": 0.9}, TypeError, r"momentum must be a bool or None, got momentum=0\.9"),
    ],
)
def test_refuses_bad_arguments(arguments: dict[str, object], error: type[Exception], message: str) -> None:
    """Bad input is refused at construction, naming the argument and the value."""
    with pytest.raises(error, match=message):
        clr_core.RangeTest(**arguments)  # type: ignore[arg-type]


@pytest.mark.parametrize("loss", [None, "1.0", b"1.0", True, [1.0], 1j, array.array("d", [1.0, 2.0])])
def test_refuses_a_loss_that_is_no_number(loss: object) -> None:
    """Such as the losses of each example: it is not recorded, and the sentence is not that of ``float``."""
    test = clr_core.RangeTest()
    with pytest.raises(TypeError, match=re.escape(f"loss must be a number, got loss={loss!r}")):
        test.record(loss)
    with pytest.raises(TypeError, match="metric must be a number, got metric="):
        test.record(1.0, metric=loss if loss is not None else "high")
    assert len(test.curve) == 0


def test_refuses_a_loss_beyond_every_float() -> None:
    """An int too large for a float is refused by name and is not recorded, however many digits it has."""
    test = clr_core.RangeTest()
    for loss in (10**400, 10**5000):
        with pytest.raises(ValueError, match="loss must be within the range of a float"):
            test.record(loss)
    assert len(test.curve) == 0


@given(
    st.lists(st.floats(-10, 10), min_size=12, max_size=60),
    st.lists(st.floats(0, 3), min_size=12, max_size=60),
    st.floats(0.1, 3.0),
)
def test_a_loss_below_the_alarming_one_is_no_divergence(
    losses: list[float], climbs: list[float], divergence: float
) -> None:
    """Whatever came before, noisy or not; and before the first loss any is alarming."""
    test = clr_core.RangeTest(num_steps=200, divergence=divergence)
    assert test.alarming_loss == -math.inf
    for loss in (*losses, *(losses[0] + 0.1 * total for total in itertools.accumulate(climbs))):
        alarming = test.alarming_loss
        test.record(loss)
        if test.done:
            assert not loss < alarming - 1e-12 * abs(alarming)
            break


def test_noise_alone_is_no_divergence() -> None:
    """A loss that jumps between half and twice its usual value, as small batches do, runs to the end."""
    generator = random.Random(0)
    for _ in range(50):
        assert run([2.0 ** generator.uniform(-1, 1) for _ in range(100)]).stop_reason == "completed"


@given(
    st.lists(st.floats(-5, 5) | st.integers(-3, 3).map(float) | st.floats(1e3, 1e6), min_size=2, max_size=60),
    st.sampled_from([0.3, 1.0, 3.0]),
)
def test_stops_where_its_docstring_says(losses: list[float], divergence: float) -> None:
    """The first update, after ten, at which the running loss is too far above its best, computed here in full."""
    lrs = clr_core.exponential_ramp(1e-7, 10.0, len(losses)).values(len(losses))
    expected, reason = len(losses), "completed"
    averages: list[float] = []
    for last in range(len(losses)):
        weights = [math.exp(-math.log10(lrs[last] / lr) / 0.2) for lr in lrs[: last + 1]]
        averages.append(sum(w * loss for w, loss in zip(weights, losses, strict=False)) / sum(weights))
        differences = sorted([0.0, *(abs(b - a) for a, b in pairwise(losses[: last + 1]))])
        best, noise = min(averages), differences[len(differences) // 2]
        scale = max(averages[0] - best, abs(best), 8 * noise)
        climb = (averages[-1] - best) / scale if scale else 0.0
        assume(abs(climb - divergence) > 1e-9)
        if last >= 10 and climb > divergence:
            expected, reason = last + 1, "diverged"
            break
    test = run(losses, divergence=divergence)
    assert len(test.curve) == expected
    assert test.stop_reason == reason
    if divergence == 1.0:
        assert points_until_divergence(lrs, losses, losses) == expected


def interrupted_at(instruction: int, function: Callable[[], object]) -> bool:
    """Whether Ctrl-C came before the function was done: at the given one of all its instructions."""
    left = instruction

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal left
        frame.f_trace_opcodes = True
        if event == "opcode":
            left -= 1
            if left < 0:
                sys.settrace(None)
                raise KeyboardInterrupt
        return trace

    sys._getframe().f_trace_opcodes = True  # Python 3.12 looks for such a frame when tracing begins
    sys.settrace(trace)
    try:
        function()
    except KeyboardInterrupt:
        return True
    finally:
        sys.settrace(None)
    return False


@pytest.mark.parametrize("last", [0.5, 50.0, math.nan])
@pytest.mark.parametrize("with_metric", [False, True])
def test_ctrl_c_at_any_instruction_of_record_leaves_a_readable_test(last: float, with_metric: bool) -> None:
    """The loss is recorded or it is not; going on from there gives the test that nobody interrupted."""
    losses = [2.0 - 0.1 * (i % 3) for i in range(14)] + [last]
    outcomes = [(loss, 0.1 * i) if with_metric else (loss,) for i, loss in enumerate(losses)]
    undisturbed = clr_core.RangeTest(num_steps=15)
    undisturbed.record_all(outcomes)
    assert undisturbed.done
    before = clr_core.RangeTest(num_steps=15)
    before.record_all(outcomes[:-1])
    pickled = pickle.dumps(before)
    instruction = 0
    while True:
        test = pickle.loads(pickled)

        def record(test: clr_core.RangeTest = test) -> None:
            test.record(*outcomes[-1])
            assert test.done

        interrupted = interrupted_at(instruction, record)
        assert len(test.curve) in (14, 15)
        test.record_all(outcomes[len(test.curve) :])
        assert repr(test.curve.losses) == repr(undisturbed.curve.losses)  # NaN is not equal to itself
        assert (test.curve.lrs, test.curve.metrics) == (undisturbed.curve.lrs, undisturbed.curve.metrics)
        assert test.stop_reason == undisturbed.stop_reason
        if not interrupted:
            break
        instruction += 1
    assert instruction > 50


def share(test: clr_core.RangeTest, generator: random.Random, errors: list[str]) -> None:
    """Record losses until the test is done, and keep what it says to one that comes too late."""
    while not test.done:
        try:
            test.record(generator.gauss(2.0, 0.1) if test.lr > 0 else math.nan)
        except RuntimeError as refusal:
            errors.append(refusal.args[0])


def test_one_test_in_two_threads_ends() -> None:
    """Threads that share a test end it with a curve that can be read, whichever of them comes first."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for seed in range(20):
            test, generator = clr_core.RangeTest(num_steps=50), random.Random(seed)
            errors: list[str] = []

            threads = [threading.Thread(target=share, args=(test, generator, errors), daemon=True) for _ in range(3)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(timeout=30)
            assert not any(thread.is_alive() for thread in threads)
            assert test.stop_reason in ("completed", "diverged")
            assert all("the range test is done" in error for error in errors)
            assert 10 < len(test.curve) <= 50
    finally:
        sys.setswitchinterval(interval)


@given(
    st.floats(5e-324, 1e308),
    st.floats(5e-324, 1e308) | st.just(math.nan),
    st.integers(2, 30),
    st.sampled_from(["exponential", "linear"]),
)
def test_every_range_there_is_can_be_tested_and_read(start_lr: float, end_lr: float, num_steps: int, mode: str) -> None:
    """From the smallest float to the largest, and where end_lr is next to start_lr."""
    end_lr = start_lr * 1.00001 if math.isnan(end_lr) else end_lr
    assume(start_lr * 1.000001 < end_lr <= min(start_lr * 1e300, 1e308))
    test = clr_core.RangeTest(start_lr, end_lr, num_steps, mode=mode, divergence=None)
    test.record_all((1.0,) for _ in range(num_steps))
    assert (test.curve.lrs[0], test.curve.lrs[-1], len(test.curve)) == (start_lr, end_lr, num_steps)
