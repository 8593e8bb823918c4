"""The edges: schedules within schedules without end, whole numbers beyond every float, the largest and smallest LR."""

from __future__ import annotations

import functools
import json
import math
import random
import re
from typing import Any

import pytest
import strategies

import clr_core
from clr_core import Schedule

LAST_STEP = strategies.LAST_STEP


def nested(levels: int) -> dict[str, Any]:
    """A configuration of joins within joins."""
    config: dict[str, Any] = {"kind": "constant", "lr": 0.1}
    for _ in range(levels - 1):
        config = {"kind": "join", "schedules": [config, {"kind": "constant", "lr": 0.1}], "boundaries": [5]}
    return config


def contains_itself() -> dict[str, Any]:
    config: dict[str, Any] = {"kind": "join", "boundaries": [5]}
    config["schedules"] = [config, config]
    return config


def list_in_itself() -> dict[str, Any]:
    items: list[Any] = [5]
    items.append(items)
    return {"kind": "join", "schedules": [], "boundaries": items}


def deep_list(levels: int) -> list[Any]:
    items: list[Any] = []
    for _ in range(levels):
        items = [items]
    return items


def test_lists_that_hold_one_another_twice_are_refused_at_once() -> None:
    """What YAML's anchors make of a few lines has more items than could be visited in years."""
    shared: list[Any] = []
    for _ in range(60):
        shared = [shared, shared]
    for config in ({"kind": "join", "schedules": shared, "boundaries": [1]}, shared):
        with pytest.raises((TypeError, ValueError), match="config must") as refused:
            clr_core.from_dict(config)  # type: ignore[arg-type]
        assert len(str(refused.value)) < 2000


@pytest.mark.parametrize("levels", [51, 1000, 100_000])
def test_deep_configurations_are_refused(levels: int) -> None:
    """However deep: a ValueError, not the end of Python's stack."""
    with pytest.raises(ValueError, match="must be nested at most"):
        clr_core.from_dict(nested(levels))


@pytest.mark.parametrize(
    "config",
    [
        contains_itself(),
        list_in_itself(),
        {"kind": deep_list(10**5)},
        {"kind": "constant", "lr": deep_list(10**5)},
        {"kind": "cyclic", "base_lr": 0.1, "max_lr": 1.0, "step_size": 4, "scale_fn": {"scale_fn": deep_list(10**5)}},
    ],
    ids=["dict in itself", "list in itself", "kind", "argument", "scale_fn"],
)
def test_hostile_configurations_are_refused(config: dict[str, Any]) -> None:
    """Self-reference and depth in any place give the documented error, which can be printed."""
    with pytest.raises(ValueError, match="config must be nested at most 100 dicts and lists deep"):
        clr_core.from_dict(config)


def test_fifty_schedules_deep_is_deep_enough() -> None:
    """At the limit everything works: values, repr, equality, hashing, JSON; one deeper is refused at construction."""
    schedule: Schedule = clr_core.constant(0.1)
    while schedule.depth < 50:
        schedule = clr_core.join([schedule, clr_core.constant(0.1)], [5])
    assert schedule(7) == 0.1
    again = clr_core.from_dict(json.loads(json.dumps(schedule.to_dict())))
    assert again == schedule == clr_core.from_dict(nested(50))
    assert hash(again) == hash(schedule)
    assert repr(again) == repr(schedule)
    deeper: list[Any] = [
        lambda: clr_core.join([schedule], []),
        lambda: clr_core.with_warmup(schedule, 5),
        lambda: clr_core.momentum_for(clr_core.join([clr_core.linear_decay(0.1, 5), schedule], [5])),
    ]
    for make in deeper:
        with pytest.raises(ValueError, match="schedules must be nested at most 50 schedules deep, got 51"):
            make()


def test_momentum_counts_as_a_level() -> None:
    """``momentum_for`` of a schedule that is 50 deep would be 51 deep."""
    schedule: Schedule = clr_core.linear_decay(0.1, 5)
    while schedule.depth < 50:
        schedule = clr_core.join([schedule], [])
    with pytest.raises(ValueError, match="schedule must be nested at most 50 schedules deep, got 51"):
        clr_core.momentum_for(schedule)


HUGE = 10**5000
"""Python refuses to print it."""


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: clr_core.constant(HUGE), "lr must be a finite number >= 0, got lr=<int>"),
        (lambda: clr_core.constant(10**400), f"lr must be a finite number >= 0, got lr={10**400}"),
        (lambda: clr_core.triangular(0.1, 1.0, HUGE), "step_size must be an int <= 2147483647, got step_size=<int>"),
        (lambda: clr_core.triangular(0.1, 1.0, -HUGE), "step_size must be an int >= 1, got step_size=<int>"),
        (lambda: clr_core.constant(0.1)(HUGE), "step must be an int in 0..2147483647, got step=<int>"),
        (lambda: clr_core.constant(0.1).values(HUGE), "n must be an int <= 2147483647, got n=<int>"),
        (lambda: clr_core.constant(0.1).cycle(-HUGE), "step must be an int >= 0, got step=<int>"),
    ],
)
def test_ints_beyond_every_float_are_refused(call: Any, message: str) -> None:
    """The rule and the argument are named, also where the value itself cannot be printed."""
    with pytest.raises(ValueError, match=re.escape(message)):
        call()


EXTREMES = [0.0, 5e-324, 2.3e-308, 1e-45, 1e38, 1e308, math.nextafter(math.inf, 0)]


def test_the_largest_and_the_smallest_lr_give_finite_values() -> None:
    """Between bounds of 0, 5e-324 and 1.8e308, and with factors as small, no value overflows or leaves the bounds."""
    random_ = random.Random(0)
    checked = 0
    for schedule in strategies.corners():
        config = schedule.to_dict()
        names = [name for name in config if name.endswith(("_lr", "gamma", "factor"))] + ["lr"] * ("lr" in config)
        for _ in range(60):
            values = sorted(random_.choices(EXTREMES, k=len(names)))
            low_first = sorted(
                names, key=lambda name: (name not in ("final_lr", "min_lr", "base_lr", "start_lr"), name)
            )
            try:
                extreme = clr_core.from_dict(config | dict(zip(low_first, values, strict=True)))
            except ValueError:
                continue  # a factor above 1, a ramp from 0: refused, as documented
            checked += 1
            for step in strategies.boundary_steps(extreme):
                assert 0.0 <= extreme(step) <= extreme.limits()[1] * (1 + 2**-50), (extreme, step)
    assert checked > 500


def test_a_partial_can_be_registered() -> None:
    """A scale function need not be defined by ``def``: an object without a name of its own is compared by identity."""
    first, second = functools.partial(pow, 0.5), functools.partial(pow, 0.25)
    clr_core.register_scale_fn("tests.partial")(first)
    clr_core.register_scale_fn("tests.partial")(first)
    with pytest.raises(ValueError, match="name must not be taken by another scale_fn"):
        clr_core.register_scale_fn("tests.partial")(second)
    schedule = clr_core.cyclic(0.0, 1.0, 2, scale_fn=first)
    assert clr_core.from_dict(schedule.to_dict()) == schedule
