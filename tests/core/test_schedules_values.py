"""Schedules are values: pure, equal, hashable, saved and read back, and nothing can change them."""

from __future__ import annotations

import copy
import dataclasses
import json
import pickle
import random
from typing import Any

import frameworks
import oracle
import pytest
import strategies
from hypothesis import given, settings

import clr_core
from clr_core import Schedule

CORNERS = strategies.corners()

repeatable = settings(max_examples=200, deadline=None, derandomize=True)


def test_the_fixed_list_has_every_kind() -> None:
    """A policy that is added must be added to the strategies and the oracle too."""
    kinds = {schedule.to_dict()["kind"] for schedule in CORNERS}
    exported = {
        name
        for name in clr_core.__all__
        if isinstance(value := getattr(clr_core, name), type) and issubclass(value, Schedule)
    }
    assert kinds == exported - {"Schedule"} == set(oracle.KINDS)


def round_trip(schedule: Schedule) -> None:
    text = json.dumps(schedule.to_dict(), allow_nan=False)
    again = clr_core.from_dict(json.loads(text))
    assert again == schedule
    assert type(again) is type(schedule)
    assert again.to_dict() == schedule.to_dict()
    assert again.values(9) == schedule.values(9)


@pytest.mark.parametrize("schedule", CORNERS, ids=lambda schedule: type(schedule).__name__)
def test_json_round_trip_gives_an_equal_schedule(schedule: Schedule) -> None:
    """What ``to_dict`` says survives JSON, and reads back as the same schedule with the same values."""
    round_trip(schedule)


@repeatable
@given(strategies.schedules)
def test_json_round_trip_of_any_schedule(schedule: Schedule) -> None:
    """The same, also of schedules within schedules."""
    round_trip(schedule)


@repeatable
@given(strategies.schedules)
def test_pickle_and_copies_give_an_equal_schedule(schedule: Schedule) -> None:
    """Also after it was called, which caches what it needs."""
    used = copy.deepcopy(schedule)
    used(10)
    for again in (pickle.loads(pickle.dumps(used)), copy.copy(used), copy.deepcopy(used)):
        assert again == schedule
        assert hash(again) == hash(schedule)
        assert again.values(9) == schedule.values(9)


@repeatable
@given(strategies.schedules.filter(lambda schedule: "<function" not in repr(schedule)))
def test_repr_evaluates_to_an_equal_schedule(schedule: Schedule) -> None:
    """What is printed can be pasted."""
    names = {name: getattr(clr_core, name) for name in clr_core.__all__}
    assert eval(repr(schedule), names) == schedule


def test_repr_names_the_policy_and_its_arguments() -> None:
    """The representation reads like the call that made it."""
    assert repr(clr_core.step_decay(0.1, factor=0.5, every=10)) == "step_decay(initial_lr=0.1, factor=0.5, every=10)"


def test_to_dict_says_the_kind_and_every_argument() -> None:
    """The saved form is plain and readable, defaults included."""
    assert clr_core.triangular(0.001, 0.006, 2000).to_dict() == {
        "kind": "triangular",
        "base_lr": 0.001,
        "max_lr": 0.006,
        "step_size": 2000,
        "step_size_down": None,
    }
    assert clr_core.with_warmup(clr_core.constant(1.0), 5).to_dict() == {
        "kind": "join",
        "schedules": [
            {"kind": "linear_ramp", "start_lr": 0.0, "end_lr": 1.0, "num_steps": 6},
            {"kind": "constant", "lr": 1.0},
        ],
        "boundaries": [5],
    }


def test_from_dict_leaves_its_argument_alone() -> None:
    """A configuration can be read twice."""
    config = clr_core.momentum_for(clr_core.with_warmup(CORNERS[0], 5)).to_dict()
    before = copy.deepcopy(config)
    assert clr_core.from_dict(config) == clr_core.from_dict(config)
    assert config == before


def test_equality_is_of_policy_and_arguments() -> None:
    """Each argument counts, and so does the policy; an int bound is the float it stands for."""
    assert len(set(CORNERS)) == len(CORNERS) == len({repr(schedule) for schedule in CORNERS})
    assert clr_core.triangular(0, 1, 4) == clr_core.triangular(0.0, 1.0, 4)
    assert hash(clr_core.triangular(0, 1, 4)) == hash(clr_core.triangular(0.0, 1.0, 4))
    others: list[object] = [clr_core.triangular2(0.0, 1.0, 4), clr_core.linear_ramp(0.0, 1.0, 4), "triangular", None]
    assert all(clr_core.triangular(0.0, 1.0, 4) != other for other in others)
    assert clr_core.join([CORNERS[0]], []) == clr_core.join((CORNERS[0],), ())


def test_calls_leave_no_trace() -> None:
    """Values do not depend on what was asked before: any order, twice, or on a fresh copy."""
    for schedule in CORNERS:
        steps = strategies.boundary_steps(schedule)
        expected = dict(zip(steps, map(schedule, steps), strict=True))
        shuffled = steps * 2
        random.Random(0).shuffle(shuffled)
        fresh = clr_core.from_dict(schedule.to_dict())
        for step in shuffled:
            schedule.cycle(step), schedule.is_cycle_end(step)
            assert schedule(step) == fresh(step) == expected[step]


@pytest.mark.parametrize("schedule", CORNERS, ids=lambda schedule: type(schedule).__name__)
def test_nothing_can_be_changed(schedule: Schedule) -> None:
    """Setting or deleting an argument raises, and so does adding an attribute."""
    name = dataclasses.fields(schedule)[0].name  # type: ignore[arg-type]
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(schedule, name, 1.0)
    with pytest.raises(dataclasses.FrozenInstanceError):
        delattr(schedule, name)
    with pytest.raises(dataclasses.FrozenInstanceError):
        schedule.another = 1.0  # type: ignore[attr-defined]


def test_join_keeps_a_copy_of_its_lists() -> None:
    """A list that grows afterwards changes nothing."""
    pieces: list[Schedule] = [clr_core.constant(1.0), clr_core.constant(2.0)]
    boundaries = [3]
    schedule = clr_core.join(pieces, boundaries)
    pieces.clear()
    boundaries[0] = 1
    assert schedule.values(5) == [1.0, 1.0, 1.0, 2.0, 2.0]


def test_values_lists_the_first_n() -> None:
    """As many as asked, from step 0; none is none."""
    schedule = clr_core.linear_decay(1.0, 4)
    assert schedule.values(0) == []
    assert schedule.values(3) == [schedule(0), schedule(1), schedule(2)]
    assert all(type(value) is float for value in schedule.values(6))


def test_every_value_of_an_int_is_a_float() -> None:
    """Not an int where a bound was given as one, at turning points too."""
    for schedule in [*CORNERS, clr_core.triangular(0, 1, 2), clr_core.constant(1), clr_core.linear_decay(1, 2)]:
        assert {type(schedule(step)) for step in strategies.boundary_steps(schedule)} == {float}


def test_registered_scale_functions_are_saved_by_name() -> None:
    """The name is all that is written, and the function itself is found again."""
    schedule = clr_core.cyclic(0.0, 1.0, step_size=3, scale_fn=strategies.half)
    assert schedule.to_dict()["scale_fn"] == {"scale_fn": "tests.half"}
    again: Any = clr_core.from_dict(schedule.to_dict())
    assert again.scale_fn is strategies.half


def test_a_scale_function_defined_again_replaces_itself() -> None:
    """As a notebook cell that is run twice does."""

    def define() -> Any:
        @clr_core.register_scale_fn("tests.again")
        def again(cycle: float) -> float:
            return 1.0

        return again

    first, second = define(), define()
    config = clr_core.cyclic(0.0, 1.0, 3, scale_fn=second).to_dict()
    found: Any = clr_core.from_dict(config)
    assert found.scale_fn is second is not first


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "int32", "uint32", "int64", "uint64"])
def test_numpy_integers_are_steps(dtype: str) -> None:
    """A NumPy scalar gives the float of the int it stands for, wherever the period fits its dtype."""
    numpy = frameworks.load("numpy")
    schedule = clr_core.triangular(1e-3, 6e-3, step_size=10)
    for step in (0, 1, 10, 19, 20, 127):
        value = schedule(numpy.dtype(dtype).type(step))
        assert isinstance(value, float)
        assert value == schedule(step)
        assert schedule.cycle(numpy.dtype(dtype).type(step)) == schedule.cycle(step)


@pytest.mark.parametrize("schedule", CORNERS, ids=lambda schedule: type(schedule).__name__)
def test_arrays_keep_their_shape(schedule: Schedule) -> None:
    """A NumPy array of steps gives a float64 array of the same shape, by itself or with ``xp=``."""
    numpy = frameworks.load("numpy")
    steps = numpy.array([[0, 1, 2], [2000, 2**24 + 1, 2**31 - 1]], dtype="int32")
    values = schedule(steps, xp=numpy)
    assert values.shape == (2, 3)
    assert values.dtype == numpy.float64
    assert numpy.array_equal(values, schedule(steps))
    assert schedule(numpy.array(5)).shape == ()
    assert schedule(steps[:0]).shape == (0, 3)
