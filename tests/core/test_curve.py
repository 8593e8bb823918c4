"""The record of a range test as a value; tests/core/test_curve_files.py has the files."""

from __future__ import annotations

import copy
import math
import pickle
from dataclasses import replace

import pytest

from clr_core import LRCurve


class Several:
    """What an array or a tensor of several numbers says to ``float``."""

    def __float__(self) -> float:
        raise TypeError("only 0-dimensional arrays can be converted to Python scalars")

    def __repr__(self) -> str:
        return "<several>"


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (([0.1], [1.0, 2.0]), ValueError, "losses must have the length of lrs, got 2 losses for 1 lrs"),
        (([0.1], [1.0], []), ValueError, "metrics must have the length of lrs, got 0 metrics for 1 lrs"),
        (
            ([0.1, 0.05], [1.0, 2.0]),
            ValueError,
            r"lrs must not fall, got lrs\[1\]=0\.05 after 0\.1: in a range test the LR only rises",
        ),
        (([0.0], [1.0]), ValueError, r"lrs\[0\] must be a finite number > 0, got lrs\[0\]=0\.0"),
        (([math.inf], [1.0]), ValueError, r"lrs\[0\]"),
        (("0.1", [1.0]), TypeError, "lrs must be numbers, got lrs='0.1'"),
        (([0.1], ["1.0"]), TypeError, r"losses must be numbers, got losses\[0\]='1.0'"),
        (([0.1], 1.0), TypeError, r"losses must be numbers, got losses=1\.0"),
        (([True], [1.0]), TypeError, r"lrs\[0\]=True"),
        (([0.1], [Several()]), TypeError, r"losses must be numbers, got losses\[0\]=<several>"),
        (([0.1], [10**400]), ValueError, r"losses must be within the range of a float, losses\[0\] is not"),
        (([10**5000], [1.0]), ValueError, r"lrs must be within the range of a float, lrs\[0\] is not"),
    ],
)
def test_refuses_bad_arguments(arguments: tuple[object, ...], error: type[Exception], message: str) -> None:
    """Bad input is refused at construction, naming the argument and the value."""
    with pytest.raises(error, match=message):
        LRCurve(*arguments)  # type: ignore[arg-type]


@pytest.mark.parametrize("momentum", [0.9, 0, 1, "true"])
def test_momentum_is_a_yes_or_no(momentum: object) -> None:
    """Neither the number itself nor a text is taken for an answer."""
    with pytest.raises(TypeError, match=f"momentum must be a bool or None, got momentum={momentum!r}"):
        LRCurve([0.1], [1.0], optimizer="SGD", momentum=momentum)  # type: ignore[arg-type]


def test_is_immutable_and_readable() -> None:
    """A curve cannot be changed, and its repr is short."""
    curve = LRCurve([1e-3, 1e-2], [2.0, 1.0], [0.1, 0.5], optimizer="Adam", stop_reason="completed")
    assert repr(curve) == (
        "LRCurve(2 points, lr 0.001 to 0.01, optimizer='Adam', stop_reason='completed', with metrics)"
    )
    assert hash(curve) == hash(
        LRCurve(curve.lrs, curve.losses, curve.metrics, optimizer="Adam", stop_reason="completed")
    )
    with pytest.raises(AttributeError):
        curve.lrs = ()  # type: ignore[misc]
    plain = LRCurve([1e-3], [2.0], optimizer="SGD", momentum=False, stop_reason="completed")
    assert repr(plain) == (
        "LRCurve(1 point, lr 0.001 to 0.001, optimizer='SGD', momentum=False, stop_reason='completed')"
    )
    assert plain != LRCurve([1e-3], [2.0], optimizer="SGD", stop_reason="completed")


def test_refuses_what_contains_itself() -> None:
    """Nesting without end is refused like anything else that is no number."""
    endless: list[object] = []
    endless.append(endless)
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]
    for hostile in (endless, deep):
        for arguments in ((hostile, [1.0]), ([0.1], hostile), ([0.1], [hostile])):
            with pytest.raises((TypeError, ValueError)):
                LRCurve(*arguments)  # type: ignore[arg-type]
        for label in ("optimizer", "momentum"):
            with pytest.raises(TypeError, match=label):
                LRCurve([0.1], [1.0], **{label: hostile})  # type: ignore[arg-type]


def test_knows_how_many_updates_lie_between_points() -> None:
    """steps_per_point is part of the value: of its repr, equality, copies and pickles; 1 is not shown."""
    curve = LRCurve([0.1, 0.2], [2.0, 1.0], steps_per_point=10)
    assert repr(curve) == "LRCurve(2 points, lr 0.1 to 0.2, steps_per_point=10)"
    assert curve != LRCurve([0.1, 0.2], [2.0, 1.0])
    assert repr(replace(curve, steps_per_point=1)) == "LRCurve(2 points, lr 0.1 to 0.2)"
    assert copy.deepcopy(curve) == pickle.loads(pickle.dumps(curve)) == curve


@pytest.mark.parametrize(
    ("steps", "error"), [(0, ValueError), (-1, ValueError), (2**31, ValueError), (1.0, TypeError), (True, TypeError)]
)
def test_refuses_bad_steps_per_point(steps: object, error: type[Exception]) -> None:
    """An int from 1 to 2**31-1, nothing else."""
    with pytest.raises(error, match=r"steps_per_point must be an int"):
        LRCurve([0.1], [1.0], steps_per_point=steps)  # type: ignore[arg-type]


def test_measures_its_range_in_decades() -> None:
    """log10 of the last LR over the first, also where their ratio is no float; 0 for a constant LR or no points."""
    assert LRCurve([1e-3, 1e-2, 10.0], [1.0] * 3).decades == pytest.approx(4.0)
    assert LRCurve([5e-324, 1e308], [1.0] * 2).decades == pytest.approx(631.3, abs=0.1)
    assert LRCurve([0.01] * 5, [1.0] * 5).decades == 0.0
    assert LRCurve([], []).decades == 0.0
