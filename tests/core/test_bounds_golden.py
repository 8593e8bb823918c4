"""The fitted constants are guarded: by golden suggestions, a NumPy reference of the network, and their checksum."""

from __future__ import annotations

import hashlib
import json
import math
import random
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import frameworks
import pytest

import clr_core
from clr_core import LRCurve
from clr_core.bounds import confidence, constants, features, network
from clr_core.bounds.confidence import confidence_of, share_good
from clr_core.bounds.landmarks import Landmarks
from clr_core.bounds.network import FITTED, suggested_max_lr
from clr_core.bounds.suggest import bounds_of, reading_of
from clr_core.schedules.plan import exact_plan

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "suggestions.json").read_text())
PLANS = [exact_plan(*budget) for budget in GOLDEN["budgets"]]
CURVES = [
    LRCurve(
        clr_core.exponential_ramp(row["first_lr"], row["last_lr"], len(row["losses"])).values(len(row["losses"])),
        row["losses"],
        optimizer=row["optimizer"],
        momentum=row["momentum"],
    )
    for row in GOLDEN["curves"]
]
READINGS = [reading_of(curve) for curve in CURVES]
LANDMARKS = [Landmarks(**row["landmarks"]) for row in GOLDEN["landmarks"]]
EXACT = 1e-9
"""The relative difference that other processors may make in a sum of some twenty products."""


def suggested() -> Iterator[tuple[Any, Any]]:
    """What the rule says, beside what the golden file has, case by case."""
    for row, curve, reading in zip(GOLDEN["curves"], CURVES, READINGS, strict=True):
        cases = ((kind, plan) for kind in FITTED for plan in PLANS)
        for (kind, plan), expected in zip(cases, row["expected"], strict=True):
            found = bounds_of([curve], [reading], kind, plan)
            yield [found.base_lr, found.max_lr, found.lr, found.confidence], expected
    for row, marks in zip(GOLDEN["landmarks"], LANDMARKS, strict=True):
        cases = ((kind, plan) for kind in FITTED for plan in PLANS)
        for (kind, plan), expected in zip(cases, row["expected"], strict=True):
            families = [row["family"]]
            yield [suggested_max_lr(marks, families, kind, plan), confidence_of(marks, families, plan)], expected


def follows_golden() -> bool:
    """Whether every suggestion is as the golden file has it."""
    try:
        return all(found == pytest.approx(expected, rel=EXACT, abs=0.0) for found, expected in suggested())
    except (ArithmeticError, ValueError, IndexError):
        return False


def test_suggestions_are_those_of_the_golden_file() -> None:
    """The rule, as it was fitted, says of recorded curves and landmarks what it has said since."""
    assert GOLDEN["rule_version"] == constants.VERSION
    assert tuple(GOLDEN["features"]) == constants.FEATURES
    assert tuple(GOLDEN["kinds"]) == FITTED
    for found, expected in suggested():
        assert found == pytest.approx(expected, rel=EXACT, abs=0.0)


def test_the_network_is_its_formula() -> None:
    """The forward pass beside one of NumPy, written from the docstring of network.py."""
    np = frameworks.load("numpy")
    draw = np.random.default_rng(0)
    for family in features.FAMILIES:
        for kind in FITTED:
            x = draw.normal(size=len(constants.FEATURES))
            hidden = np.tanh(
                np.array(constants.HIDDEN_WEIGHTS) @ x
                + np.array(constants.FAMILY_BIASES[family])
                + np.array(constants.KIND_BIASES[kind])
            )
            expected = (
                constants.OUTPUT_BIASES[family][kind]
                + np.array(constants.SKIP_WEIGHTS) @ x
                + np.array(constants.OUTPUT_WEIGHTS) @ hidden
            )
            assert network.forward(x.tolist(), [family], kind) == pytest.approx(expected, rel=1e-12)


def test_an_unknown_optimizer_gets_the_mean_of_its_families() -> None:
    """In log LR: the geometric mean of the suggestions for each."""
    x = [0.1, 0.5, 1.0, -0.3, 1.3, 0.5, 0.6, 2.7]
    both = [network.forward(x, [family], "cyclic") for family in network.UNKNOWN]
    assert network.forward(x, network.UNKNOWN, "cyclic") == pytest.approx(math.fsum(both) / 2)


def numbers(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], float]]:
    """Every number inside nested tuples and dicts, with the path to it."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from numbers(item, (*path, key))
    elif isinstance(value, tuple):
        for index, item in enumerate(value):
            yield from numbers(item, (*path, index))
    elif isinstance(value, int | float):
        yield path, value


def replaced(value: Any, path: tuple[Any, ...], number: float) -> Any:
    """The nested tuples and dicts with one number replaced."""
    if not path:
        return number
    if isinstance(value, dict):
        return value | {path[0]: replaced(value[path[0]], path[1:], number)}
    return (*value[: path[0]], replaced(value[path[0]], path[1:], number), *value[path[0] + 1 :])


@contextmanager
def constant_changed(name: str, path: tuple[Any, ...], number: float) -> Iterator[None]:
    """A constant with one number replaced, in every module that has imported it."""
    old = getattr(constants, name)
    holders = [module for module in (constants, features, network, confidence) if hasattr(module, name)]
    new = replaced(old, path, number)
    try:
        for module in holders:
            setattr(module, name, new)
        yield
    finally:
        for module in holders:
            setattr(module, name, old)


def slip(number: float, draw: random.Random) -> float:
    """The number after one of the slips that a hand makes: 10 % off, the sign flipped, two digits swapped."""
    kind = draw.choice(("up", "down", "sign", "digits"))
    if kind == "digits":
        text = repr(number)
        digits = [place for place, letter in enumerate(text) if letter.isdigit()]
        pairs = [(a, b) for a, b in pairwise(digits) if text[a] != text[b]]
        if pairs:
            a, b = draw.choice(pairs)
            letters = list(text)
            letters[a], letters[b] = letters[b], letters[a]
            return type(number)("".join(letters))
    if kind == "sign" and number:
        return -number
    return number * (0.9 if kind == "down" else 1.1) or 0.1


def test_a_slip_in_a_constant_does_not_pass() -> None:
    """Of 200 random slips in the fitted constants, at least 195 change a suggestion of the golden file."""
    draw = random.Random(0)
    names = [name for name in vars(constants) if name.isupper() and name not in ("VERSION", "FEATURES", "PROVENANCE")]
    # What is typical only explains; the table of the calibration is only printed. The checksum guards both.
    names = [name for name in names if name not in ("TYPICAL", "CALIBRATION")]
    every = [(name, path, number) for name in names for path, number in numbers(getattr(constants, name))]
    caught = 0
    for name, path, number in draw.choices(every, k=200):
        with constant_changed(name, path, slip(number, draw)):
            caught += not follows_golden()
    assert follows_golden()
    assert caught >= 195


def test_the_constants_are_those_that_were_written() -> None:
    """The checksum in the provenance is that of the numbers: nobody has edited the generated file."""
    found = {name: value for name, value in sorted(vars(constants).items()) if name.isupper()}
    provenance = found.pop("PROVENANCE")
    del found["VERSION"]
    assert hashlib.sha256(repr(found).encode()).hexdigest() == provenance["numbers_sha256"]


@pytest.mark.parametrize("value", [0.0, 0.299, 0.3, 0.5, 0.79, 0.8, 1.0])
def test_every_confidence_has_a_share_of_good_suggestions(value: float) -> None:
    """The table of the calibration covers 0 to 1, and more confidence never means fewer good ones."""
    assert 0.0 < share_good(value) <= share_good(1.0) <= 1.0
