"""A few of the cases of tests/fuzz.py, which runs 400,000, and a check that it can fail."""

from __future__ import annotations

import random
import warnings
from pathlib import Path

import fuzz
import pytest

import clr_core


@pytest.mark.parametrize("family", fuzz.CASES)
def test_random_input_gives_documented_errors_only(family: str) -> None:
    """Curves, files and dicts of all kinds: no failure among the quick cases."""
    assert list(fuzz.failures(family, iter(range(fuzz.QUICK[family])), seed=1)) == []


def test_the_fuzzer_sees_failures(monkeypatch: pytest.MonkeyPatch) -> None:
    """An undocumented error, a warning and a wrong result each count as one, with the place in the code."""

    def fails(generator: random.Random, folder: Path) -> None:
        number = generator.randrange(3)
        if number == 0:
            clr_core.triangular(0.1, 0.2, 5).__getattribute__("nothing")
        elif number == 1:
            warnings.warn("a warning", stacklevel=1)
        else:
            raise AssertionError

    monkeypatch.setitem(fuzz.CASES, "curves", fails)
    found = list(fuzz.failures("curves", iter(range(20)), seed=0))
    assert [number for _, number, _ in found] == list(range(20))
    assert {place.rpartition(" ")[2] for place, _, _ in found} == {"AttributeError", "UserWarning", "AssertionError"}
