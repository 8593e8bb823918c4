"""Every bad argument of every public function is refused, with the rule, the argument and the value."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

import frameworks
import oracle
import pytest
import strategies

import clr_core

NOT_A_NUMBER: list[Any] = [True, None, "0.1", b"1", [0.1], (1,), 1j, math.sin]
NOT_FINITE: list[Any] = [math.nan, math.inf, -math.inf, -0.1, -5e-324, 10**400]
NOT_AN_INT: list[Any] = [True, False, None, "4", b"4", 4.0, 0.5, math.nan, [4], 1j]
NOT_A_CHOICE: list[Any] = [True, 0, 1.0, ["smith"]]

WAVE: dict[str, Any] = {"base_lr": 0.1, "max_lr": 1.0, "step_size": 4, "step_size_down": 5}
CYCLE: dict[str, Any] = {"base_lr": 0.1, "max_lr": 1.0, "total_steps": 100}
SCHEDULE = clr_core.triangular(0.1, 1.0, 4)

GOOD: dict[Callable[..., Any], dict[str, Any]] = {
    clr_core.triangular: WAVE,
    clr_core.triangular2: WAVE,
    clr_core.exp_range: WAVE | {"gamma": 0.5, "decay": "bounds"},
    clr_core.cyclic: WAVE | {"shape": "cosine", "scale_mode": "iterations"},
    clr_core.cosine_restarts: {"min_lr": 0.1, "max_lr": 1.0, "period": 4, "t_mult": 2.0, "decay": 0.5},
    clr_core.one_cycle: CYCLE | {"variant": "two_phase", "anneal": "linear", "rise_fraction": 0.3, "final_lr": 0.01},
    clr_core.step_decay: {"initial_lr": 0.1, "factor": 0.5, "every": 3},
    clr_core.linear_ramp: {"start_lr": 0.1, "end_lr": 1.0, "num_steps": 4},
    clr_core.exponential_ramp: {"start_lr": 0.1, "end_lr": 1.0, "num_steps": 4},
    clr_core.constant: {"lr": 0.1},
    clr_core.linear_decay: {"initial_lr": 0.1, "total_steps": 4, "final_lr": 0.01},
    clr_core.cosine_decay: {"initial_lr": 0.1, "total_steps": 4, "final_lr": 0.01},
    clr_core.warmup_stable_decay: {
        "peak_lr": 0.1,
        "total_steps": 9,
        "warmup_steps": 2,
        "decay_steps": 3,
        "final_lr": 0.01,
    },
    clr_core.with_warmup: {"schedule": SCHEDULE, "warmup_steps": 4, "start_lr": 0.1},
    clr_core.momentum_for: {"schedule": SCHEDULE, "low": 0.5, "high": 0.9},
    clr_core.plan_cycles: {"epochs": 9.5, "steps_per_epoch": 4, "cycles": 2},
    clr_core.join: {"schedules": [SCHEDULE, SCHEDULE], "boundaries": [4]},
}
"""Every public function of schedules, with a call that is right."""

OPTIONAL = {"step_size_down", "anneal", "final_lr", "epochs", "cycles"}
"""Arguments for which None means something."""

LIMITS: dict[str, list[Any]] = {
    "gamma": [0.0, 1.0000001, 2],
    "factor": [0.0, 1.5],
    "decay": [0.0, 1.5],
    "t_mult": [0.5, 0.999999, 0.0],
    "rise_fraction": [0.0, 1.0, 1.5],
    "low": [1.0, 1.5],
    "high": [1.0, 1.5],
    "epochs": [0.0, 1e300],
    "step_size": [0, -3, 2**31],
    "step_size_down": [0, -3, 2**31],
    "period": [0, -3, 2**31],
    "total_steps": [0, -3, 2**31],
    "every": [0, -3, 2**31],
    "num_steps": [1, 0, -3, 2**31],
    "warmup_steps": [-1, 2**31],
    "decay_steps": [0, -1, 2**31],
    "steps_per_epoch": [0, -1, 2**31],
    "cycles": [0, -1],
    "shape": ["Linear", "", "triangle"],
    "scale_mode": ["cycles", ""],
    "variant": ["Smith", "", "torch"],
    "anneal": ["cos", ""],
}
"""Values of the right kind that are out of range; bounds and rates are refused what is not finite or below 0."""


def bad_values(argument: str, good: Any) -> list[tuple[Any, type[Exception]]]:
    """Values the argument must refuse, each with the error it deserves, derived from a good one."""
    if isinstance(good, str):
        wrong_kind = NOT_A_CHOICE + ([] if argument in OPTIONAL else [None])
        wrong_range = LIMITS.get(argument, ["nonsense"])
        if argument == "decay":
            wrong_range = ["bound", "", "Amplitude"]
    elif isinstance(good, float):
        wrong_kind, wrong_range = NOT_A_NUMBER, NOT_FINITE + LIMITS.get(argument, [])
    elif isinstance(good, int):
        wrong_kind, wrong_range = NOT_AN_INT, LIMITS[argument]
    else:
        return []
    wrong_kind = [value for value in wrong_kind if not (value is None and argument in OPTIONAL)]
    return [(value, TypeError) for value in wrong_kind] + [(value, ValueError) for value in wrong_range]


CASES = [
    pytest.param(function, argument, value, error, id=f"{function.__name__}-{argument}-{str(value)[:20]}")
    for function, arguments in GOOD.items()
    for argument, good in arguments.items()
    for value, error in bad_values(argument, good)
]


def test_the_good_calls_are_good() -> None:
    """Else every bad one would be refused for the wrong reason; and no public function is left out."""
    for function, arguments in GOOD.items():
        function(**arguments)
    elsewhere = {"from_dict", "register_scale_fn"}
    policies = set(oracle.KINDS) | {"plan_cycles", "with_warmup"} | elsewhere
    assert {function.__name__ for function in GOOD} == policies - elsewhere
    assert len(CASES) > 500


@pytest.mark.parametrize(("function", "argument", "value", "error"), CASES)
def test_a_bad_argument_is_refused(
    function: Callable[..., Any], argument: str, value: Any, error: type[Exception]
) -> None:
    """TypeError for the kind, ValueError for the range; the message names argument, rule and value."""
    with pytest.raises(error) as caught:
        function(**GOOD[function] | {argument: value})
    message = str(caught.value)
    assert f"{argument} must be" in message
    assert f"{argument}={value!r}" in message
    assert "\n" not in message


ORDERS: list[tuple[Callable[[], Any], str]] = [
    (lambda: clr_core.triangular(1.0, 0.5, 4), "max_lr must be >= base_lr, got base_lr=1.0, max_lr=0.5"),
    (lambda: clr_core.cyclic(1.0, 0.5, 4), "max_lr must be >= base_lr, got base_lr=1.0, max_lr=0.5"),
    (lambda: clr_core.cosine_restarts(1.0, 0.5, 4), "max_lr must be >= min_lr, got min_lr=1.0, max_lr=0.5"),
    (lambda: clr_core.one_cycle(1.0, 0.5, 4), "max_lr must be >= base_lr, got base_lr=1.0, max_lr=0.5"),
    (
        lambda: clr_core.linear_decay(0.1, 4, final_lr=0.2),
        "initial_lr must be >= final_lr, got final_lr=0.2, initial_lr=0.1",
    ),
    (
        lambda: clr_core.warmup_stable_decay(0.1, 9, 1, 1, final_lr=0.2),
        "peak_lr must be >= final_lr, got final_lr=0.2, peak_lr=0.1",
    ),
    (lambda: clr_core.momentum_for(SCHEDULE, low=0.9, high=0.8), "high must be >= low, got low=0.9, high=0.8"),
    (
        lambda: clr_core.triangular(0.1, 1.0, 2**30),
        "step_size + step_size_down must be an int <= 2147483647, got step_size + step_size_down=2147483648",
    ),
    (
        lambda: clr_core.triangular(0.1, 1.0, 2**31 - 1, step_size_down=1),
        "step_size + step_size_down must be an int <= 2147483647, got step_size + step_size_down=2147483648",
    ),
    (
        lambda: clr_core.warmup_stable_decay(0.1, 9, 5, 5),
        "warmup_steps + decay_steps must be <= total_steps, got warmup_steps=5, decay_steps=5, total_steps=9",
    ),
    (lambda: clr_core.one_cycle(0.1, 1.0, 9), "total_steps must be even for variant='smith', got total_steps=9"),
    (lambda: clr_core.one_cycle(0.1, 1.0, 10, final_lr=0.2), "final_lr must be a finite number >= 0 and <= 0.1"),
    (
        lambda: clr_core.one_cycle(0.1, 1.0, 10, variant="three_phase", rise_fraction=0.6),
        "rise_fraction must leave at least one step to every phase, got rise_fraction=0.6 with total_steps=10",
    ),
    (
        lambda: clr_core.one_cycle(0.1, 1.0, 2, variant="two_phase", rise_fraction=0.5),
        "rise_fraction must leave at least one step to every phase, got rise_fraction=0.5 with total_steps=2",
    ),
    (lambda: clr_core.exponential_ramp(0.0, 1.0, 4), "start_lr must be a finite number > 0, got start_lr=0.0"),
    (lambda: clr_core.exponential_ramp(1.0, 0.0, 4), "end_lr must be a finite number > 0, got end_lr=0.0"),
    (
        lambda: clr_core.momentum_for(clr_core.constant(0.1)),
        "schedule must have two different bounds, got schedule=constant(lr=0.1)",
    ),
    (lambda: clr_core.join([], []), "boundaries must be one fewer than schedules, got 0 boundaries for 0 schedules"),
    (
        lambda: clr_core.join([SCHEDULE], [3]),
        "boundaries must be one fewer than schedules, got 1 boundaries for 1 schedules",
    ),
    (lambda: clr_core.join([SCHEDULE] * 3, [5, 5]), "boundaries must increase, got boundaries=(5, 5)"),
    (lambda: clr_core.join([SCHEDULE] * 3, [5, 4]), "boundaries must increase, got boundaries=(5, 4)"),
    (lambda: clr_core.join([SCHEDULE] * 2, [0]), "boundaries[0] must be an int >= 1, got boundaries[0]=0"),
    (
        lambda: clr_core.plan_cycles(epochs=1e9, steps_per_epoch=100),
        "epochs",
    ),
    (
        lambda: clr_core.plan_cycles(total_steps=100, steps_per_epoch=10**8, cycles=100),
        "total_steps must be an int <= 2147483647",
    ),
]


@pytest.mark.parametrize(("call", "message"), ORDERS, ids=range(len(ORDERS)))
def test_arguments_that_do_not_fit_together_are_refused(call: Callable[[], Any], message: str) -> None:
    """The sentence names all the arguments that take part."""
    with pytest.raises(ValueError, match=re.escape(message)):
        call()


KINDS: list[tuple[Callable[[], Any], str]] = [
    (lambda: clr_core.with_warmup("triangular", 4), "schedule must be a clr_core schedule, got schedule='triangular'"),  # type: ignore[arg-type]
    (lambda: clr_core.with_warmup(clr_core.triangular, 4), "schedule must be a clr_core schedule"),  # type: ignore[arg-type]
    (lambda: clr_core.momentum_for(0.9), "schedule must be a clr_core schedule, got schedule=0.9"),  # type: ignore[arg-type]
    (lambda: clr_core.join(SCHEDULE, []), "schedules must be a list or tuple, got schedules=triangular("),  # type: ignore[arg-type]
    (lambda: clr_core.join("ab", [1]), "schedules must be a list or tuple, got schedules='ab'"),  # type: ignore[arg-type]
    (lambda: clr_core.join([SCHEDULE, 0.1], [1]), "schedules[1] must be a clr_core schedule, got schedules[1]=0.1"),  # type: ignore[list-item]
    (lambda: clr_core.join([SCHEDULE] * 2, 5), "boundaries must be a list or tuple, got boundaries=5"),  # type: ignore[arg-type]
    (lambda: clr_core.join([SCHEDULE] * 2, [5.0]), "boundaries[0] must be an int >= 1, got boundaries[0]=5.0"),  # type: ignore[list-item]
    (lambda: clr_core.join([SCHEDULE] * 2, [True]), "boundaries[0] must be an int >= 1, got boundaries[0]=True"),
    (lambda: clr_core.cyclic(0.1, 1.0, 4, scale_fn=0.5), "scale_fn must be callable or None, got scale_fn=0.5"),  # type: ignore[arg-type]
    (lambda: clr_core.plan_cycles(steps_per_epoch=5), "exactly one of epochs and total_steps must be given"),
    (
        lambda: clr_core.plan_cycles(steps_per_epoch=5, epochs=1, total_steps=5),
        "exactly one of epochs and total_steps must be given, got epochs=1, total_steps=5",
    ),
]


@pytest.mark.parametrize(("call", "message"), KINDS, ids=range(len(KINDS)))
def test_arguments_of_a_wrong_kind_are_refused(call: Callable[[], Any], message: str) -> None:
    """What is no schedule, no list or no function is named as what it is."""
    with pytest.raises(TypeError, match=re.escape(message)):
        call()


@pytest.mark.parametrize("name", ["step_size_down", "gamma", "shape", "t_mult", "variant", "final_lr", "low"])
def test_arguments_with_a_default_have_to_be_named(name: str) -> None:
    """One positional argument too many is refused, so that no default is overruled by mistake."""
    for function, arguments in GOOD.items():
        if name in arguments:
            required = [arguments[key] for key in list(arguments)[: list(arguments).index(name)]]
            with pytest.raises(TypeError, match="positional argument"):
                function(*required, arguments[name])


def test_numpys_bool_is_no_number() -> None:
    """A comparison of arrays that slipped in as an argument is a mistake like any bool."""
    numpy = frameworks.load("numpy")
    with pytest.raises(TypeError, match=r"lr must be a finite number >= 0, got lr="):
        clr_core.constant(numpy.True_)
    with pytest.raises(TypeError, match=r"step_size must be an int >= 1, got step_size="):
        clr_core.triangular(0.1, 1.0, numpy.True_)


class Network:
    def __repr__(self) -> str:
        return "Network(\n" + "  layer\n" * 1000 + ")"


@pytest.mark.parametrize("value", [Network(), [Network()] * 50, [[1.0] * 50] * 50], ids=["network", "list", "numbers"])
def test_what_is_in_the_wrong_place_is_shown_in_one_line(value: Any) -> None:
    """A model, or the batches, for another argument: the rule stays in sight."""
    with pytest.raises(TypeError, match=r"^num_steps must be an int >= 2, got num_steps=[^\n]{5,210}$"):
        clr_core.RangeTest(num_steps=value)


def test_numbers_of_other_types_are_taken_for_what_they_are() -> None:
    """NumPy's numbers become plain ones, which JSON can write."""
    numpy = frameworks.load("numpy")
    schedule = clr_core.triangular(numpy.float32(0.5), numpy.float64(1.0), numpy.int64(4))
    assert schedule == clr_core.triangular(0.5, 1.0, 4)
    assert [type(value) for value in schedule.to_dict().values()] == [str, float, float, int, type(None)]


# Steps.


@pytest.mark.parametrize("schedule", strategies.corners(), ids=lambda schedule: type(schedule).__name__)
def test_a_bad_step_is_refused(schedule: clr_core.Schedule) -> None:
    """By the value and by both questions about cycles, with the step in the message."""
    for method in (schedule, schedule.cycle, schedule.is_cycle_end):
        for step in NOT_AN_INT:
            with pytest.raises(TypeError, match=re.escape(f"got step={step!r}")):
                method(step)
        for step in (-1, -(10**9), 2**31, 10**20):
            with pytest.raises(ValueError, match=re.escape(f"got step={step}")):
                method(step)


@pytest.mark.parametrize("n", [*NOT_AN_INT, -1, 2**31])
def test_a_bad_count_of_values_is_refused(n: Any) -> None:
    """``values`` takes a whole number from 0."""
    with pytest.raises((TypeError, ValueError), match=re.escape(f"got n={n!r}")):
        SCHEDULE.values(n)


def test_a_numpy_scalar_is_checked_as_an_int_is() -> None:
    """A negative one has a value that can be seen, so it is refused."""
    numpy = frameworks.load("numpy")
    for step in (numpy.int64(-1), numpy.int32(-5), numpy.int64(2**31)):
        with pytest.raises(ValueError, match=f"got step={int(step)}"):
            SCHEDULE(step)
    for step in (numpy.float64(1.0), numpy.bool_(True)):
        with pytest.raises(TypeError, match="step must be an int"):
            SCHEDULE(step)


def test_an_array_of_anything_but_ints_is_refused() -> None:
    """A float array would lose steps above 2**24 or 2**53 in silence."""
    numpy = frameworks.load("numpy")
    for dtype in ("float32", "float64", "bool", "complex64"):
        for xp in (None, numpy):
            with pytest.raises(TypeError, match=f"step must be an int or an array of ints, got dtype {dtype}"):
                SCHEDULE(numpy.array([0, 1], dtype=dtype), xp=xp)


# from_dict and register_scale_fn.


@pytest.mark.parametrize(
    ("config", "error", "message"),
    [
        (None, TypeError, "config must be a dict made by to_dict(), got config=None"),
        ("triangular", TypeError, "config must be a dict made by to_dict(), got config='triangular'"),
        ([], TypeError, "config must be a dict made by to_dict(), got config=[]"),
        ({}, TypeError, "kind must be one of "),
        ({"kind": None}, TypeError, "got kind=None"),
        ({"kind": ["triangular"]}, TypeError, "got kind=['triangular']"),
        ({"kind": "square"}, ValueError, "got kind='square'"),
        ({"kind": "_Cycle"}, ValueError, "got kind='_Cycle'"),
        ({"kind": "constant"}, TypeError, "lr"),
        ({"kind": "constant", "lr": 0.1, "min_lr": 0.0}, TypeError, "min_lr"),
        ({"kind": "constant", "lr": -0.1}, ValueError, "lr must be a finite number >= 0, got lr=-0.1"),
        ({"kind": "constant", "lr": "0.1"}, TypeError, "lr must be a finite number >= 0, got lr='0.1'"),
        (SCHEDULE.to_dict() | {"step_size": 4.0}, TypeError, "step_size must be an int >= 1, got step_size=4.0"),
        ({"kind": "join", "schedules": [{"kind": "square"}], "boundaries": []}, ValueError, "got kind='square'"),
        ({"kind": "join", "schedules": {"kind": "constant", "lr": 1.0}, "boundaries": []}, TypeError, "schedules"),
        ({"kind": "momentum_for", "schedule": None, "low": 0.1, "high": 0.2}, TypeError, "got schedule=None"),
        (
            clr_core.cyclic(0.1, 1.0, 4).to_dict() | {"scale_fn": {"scale_fn": "unheard-of"}},
            ValueError,
            "scale_fn must be a registered name, got scale_fn='unheard-of': import the module that registers it",
        ),
        (clr_core.cyclic(0.1, 1.0, 4).to_dict() | {"scale_fn": {"scale_fn": []}}, ValueError, "got scale_fn=[]"),
        (clr_core.cyclic(0.1, 1.0, 4).to_dict() | {"scale_fn": "tests.half"}, TypeError, "got scale_fn='tests.half'"),
    ],
)
def test_a_bad_configuration_is_refused(config: Any, error: type[Exception], message: str) -> None:
    """As the constructor would, or with what is wrong with the dict; nested ones too."""
    with pytest.raises(error, match=re.escape(message)):
        clr_core.from_dict(config)


def test_an_unregistered_scale_function_cannot_be_saved() -> None:
    """The message says what to write, and where."""
    schedule = clr_core.cyclic(0.1, 1.0, 4, scale_fn=lambda cycle: 1.0)
    with pytest.raises(ValueError, match=r"scale_fn must be registered .*@clr_core\.register_scale_fn"):
        schedule.to_dict()
    with pytest.raises(ValueError, match="scale_fn must be registered"):
        clr_core.with_warmup(schedule, 5).to_dict()


@pytest.mark.parametrize(("name", "error"), [("", ValueError), (None, TypeError), (5, TypeError), (len, TypeError)])
def test_a_bad_name_of_a_scale_function_is_refused(name: Any, error: type[Exception]) -> None:
    """Also the function itself, where the decorator was written without its parentheses."""
    with pytest.raises(error, match=r"name must be a non-empty str, got name="):
        clr_core.register_scale_fn(name)


def test_a_name_belongs_to_one_scale_function() -> None:
    """A second function of that name would change what saved schedules mean."""
    with pytest.raises(ValueError, match=r"name must not be taken by another scale_fn, got name='tests\.half'"):
        clr_core.register_scale_fn("tests.half")(strategies.reciprocal)
    clr_core.register_scale_fn("tests.half")(strategies.half)
    assert clr_core.cyclic(0.0, 1.0, 4, scale_fn=strategies.half).to_dict()["scale_fn"] == {"scale_fn": "tests.half"}


@pytest.mark.parametrize("function", [None, 5, "half"])
def test_what_is_no_function_is_not_registered(function: Any) -> None:
    """The decorator stands above a function and nothing else."""
    with pytest.raises(TypeError, match="scale_fn must be"):
        clr_core.register_scale_fn("tests.no function")(function)
