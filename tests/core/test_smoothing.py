"""Whether losses are running averages already; tests/core/test_bounds.py has ``smooth`` and ``steepest_descent``."""

from __future__ import annotations

import importlib.util
import math
import random
import sys
from pathlib import Path

import pytest

from clr_core import LRCurve, RangeTest
from clr_core.range_test.smoothing import looks_smoothed

RECORDINGS = Path(__file__).parents[2] / "benchmarks" / "suggestion"


def averages(losses: list[float], decay: float) -> list[float]:
    """The usual running average, corrected for its start."""
    total, result = 0.0, []
    for count, loss in enumerate(losses, 1):
        total = decay * total + (1 - decay) * loss
        result.append(total / (1 - decay**count))
    return result


def recorded(noise: float, seed: int = 0) -> LRCurve:
    """A range test whose loss drops from 2.3 to 0.3 and diverges."""
    generator, test = random.Random(seed), RangeTest(1e-6, 10.0, 200)
    while not test.done:
        x = math.log10(test.lr)
        test.record(
            2.3 - 2.0 / (1.0 + math.exp(-3.0 * (x + 2.5))) + 10.0 ** (3.0 * (x - 0.2)) + generator.gauss(0, noise)
        )
    return test.curve


@pytest.mark.parametrize("seed", range(5))
def test_knows_averages_from_losses(seed: int) -> None:
    """Noisy losses look raw, their averages smoothed, and a loss without noise (validation) does not."""
    curve = recorded(0.2, seed)
    assert not curve.looks_smoothed
    assert LRCurve(curve.lrs, averages(list(curve.losses), 0.95)).looks_smoothed
    assert not recorded(0.0, seed).looks_smoothed


@pytest.mark.parametrize(
    "losses", [[], [1.0] * 100, [1.0, 2.0] * 100, [float(i) for i in range(100)], [-1e99, 1e99] * 50]
)
def test_takes_any_finite_losses(losses: list[float]) -> None:
    """Too few, constant, alternating or rising without noise: none looks smoothed but what never reverses."""
    assert looks_smoothed(losses) == (losses == sorted(set(losses)) != [])


def test_a_nan_ends_what_is_looked_at() -> None:
    """Losses after the first that is not finite do not count."""
    curve = recorded(0.2)
    assert not LRCurve([*curve.lrs, 10.0], [*curve.losses, math.nan]).looks_smoothed


def test_is_seldom_wrong_on_recorded_range_tests() -> None:
    """On the held-out tasks of benchmarks/suggestion at most 3 % of raw and validation losses look smoothed."""
    pytest.importorskip("numpy")
    if not (RECORDINGS / "data").exists():
        pytest.skip("the recordings are in the repository only")
    spec = importlib.util.spec_from_file_location("recorded_tasks", RECORDINGS / "recorded.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    seen: dict[str, list[bool]] = {"raw": [], "averages": [], "validation": []}
    for number, pair in enumerate(module.pairs(module.HELD_OUT)):
        if number % 3 == 0:
            losses = list(pair.curves["exponential", 300][0].losses)
            validation = list(pair.validation_curves["exponential", 300][0].losses)[:: module.VALIDATED_EVERY]
            for kind, values in (("raw", losses), ("averages", averages(losses, 0.95)), ("validation", validation)):
                finite = next((i for i, value in enumerate(values) if not abs(value) < 1e100), len(values))
                seen[kind].append(looks_smoothed(values[:finite]))
    assert len(seen["raw"]) > 70
    assert sum(seen["raw"]) <= 0.03 * len(seen["raw"])
    assert sum(seen["validation"]) <= 0.03 * len(seen["validation"])
    assert sum(seen["averages"]) >= 0.5 * len(seen["averages"])
