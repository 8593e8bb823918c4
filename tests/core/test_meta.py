"""The guards guard: wrong formulas are caught, right ones are not, and the oracle is independent."""

from __future__ import annotations

import ast
import importlib.util
import math
import struct
import subprocess
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import oracle
import pytest
import strategies

import clr_core
from clr_core import Schedule

TESTS = Path(oracle.__file__).parent
DOUBLE, SINGLE = 2.0**-52, 2.0**-23

CYCLE = clr_core.triangular(1e-3, 6e-3, 2000)


def single(x: float) -> float:
    """Rounded to float32."""
    return float(struct.unpack("f", struct.pack("f", x))[0])


def wave(position: float) -> float:
    """The height at a position in a cycle of 2 x 2000."""
    return min(position / 2000, (4000 - position) / 2000)


# The oracle.


def test_the_oracle_imports_nothing_it_judges() -> None:
    """Neither in its source nor, when it is loaded, through anything else."""
    imported = set()
    for node in ast.walk(ast.parse(Path(oracle.__file__).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            imported |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add(str(node.module).partition(".")[0])
    assert imported - sys.stdlib_module_names == {"mpmath"}
    code = f"import sys; sys.path.insert(0, {str(TESTS)!r}); import oracle; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert "oracle" in run.stdout.split()
    assert not [name for name in run.stdout.split() if name.startswith("clr_core")]


@pytest.mark.parametrize(
    ("schedule", "step", "exact"),
    [
        (clr_core.triangular(0.0, 1.0, 3), 1, Fraction(1, 3)),
        (clr_core.triangular(0.0, 1.0, 3, step_size_down=7), 5, Fraction(5, 7)),
        (clr_core.triangular(0.0, 1.0, 3), 6 * 10**8 + 4, Fraction(2, 3)),
        (clr_core.triangular2(1.0, 2.0, 3), 6 * 3 + 1, 1 + Fraction(1, 24)),
        (clr_core.exp_range(0.0, 1.0, 2, gamma=0.5), 5, Fraction(1, 64)),
        (clr_core.exp_range(1.0, 2.0, 2, gamma=0.5, decay="bounds"), 1, Fraction(3, 4)),
        (clr_core.cyclic(0.0, 1.0, 3, shape="parabolic"), 1, Fraction(5, 9)),
        (clr_core.cyclic(0.0, 1.0, 3, scale_fn=strategies.reciprocal), 6 + 3, Fraction(1, 3)),
        (clr_core.cosine_restarts(0.0, 1.0, 4), 6, Fraction(1, 2)),
        (clr_core.cosine_restarts(0.0, 1.0, 3), 1, Fraction(3, 4)),
        (clr_core.one_cycle(0.0, 1.0, 6, final_lr=0.0), 5, Fraction(1, 3)),
        (clr_core.step_decay(1.0, factor=0.25, every=3), 7, Fraction(1, 16)),
        (clr_core.linear_ramp(0.0, 1.0, 8), 3, Fraction(3, 7)),
        (clr_core.exponential_ramp(1.0, 8.0, 4), 2, Fraction(4)),
        (clr_core.linear_decay(1.0, 3), 1, Fraction(2, 3)),
        (clr_core.warmup_stable_decay(1.0, 9, 3, 3), 7, Fraction(2, 3)),
        (clr_core.join([CYCLE, clr_core.linear_decay(1.0, 3)], [10]), 11, Fraction(2, 3)),
        (clr_core.momentum_for(clr_core.triangular(0.0, 1.0, 4), low=0.25, high=0.75), 1, Fraction(5, 8)),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Schedule) else "",
)
def test_the_oracle_is_exact(schedule: Schedule, step: int, exact: Fraction) -> None:
    """Fractions worked out by hand; cosines and powers to far more digits than a float has."""
    assert abs(oracle.exact(schedule.to_dict(), step) - exact) < Fraction(1, 2**250)


def test_the_oracle_takes_floats_for_what_they_are() -> None:
    """0.1 is the double nearest to a tenth, not a tenth."""
    assert oracle.exact(clr_core.constant(0.1).to_dict(), 0) == Fraction(0.1) != Fraction(1, 10)


# The bound.


@pytest.mark.parametrize("schedule", strategies.corners(), ids=lambda schedule: type(schedule).__name__)
def test_the_nearest_double_is_within_the_bound_and_twice_the_bound_is_not(schedule: Schedule) -> None:
    """At its highest value: rounding is allowed, a slip in the last two digits is not, and neither is NaN."""
    config = schedule.to_dict()
    steps = strategies.boundary_steps(schedule)
    step = max(steps, key=lambda step: oracle.exact(config, step))
    rounded = float(oracle.exact(config, step))
    assert oracle.violations(config, [step], [rounded], DOUBLE) == []
    off = float(oracle.allowed(config, step, DOUBLE)) * 1.01 + 5e-324
    for wrong in (rounded + 2 * off, rounded - 2 * off, math.nan, math.inf, -math.inf):
        assert len(oracle.violations(config, [step], [wrong], DOUBLE)) == 1


def test_the_bound_is_what_is_published() -> None:
    """Four eps of the maximum for straight lines, sixteen where there is a cosine or a power."""
    for schedule, rounded in (
        (CYCLE, 4),
        (clr_core.triangular2(1e-3, 6e-3, 5), 4),
        (clr_core.cyclic(1e-3, 6e-3, 5, shape="parabolic"), 4),
        (clr_core.cyclic(1e-3, 6e-3, 5, shape="cosine"), 16),
        (clr_core.exp_range(1e-3, 6e-3, 5, gamma=0.9), 16),
        (clr_core.cosine_restarts(1e-3, 6e-3, 5), 16),
        (clr_core.one_cycle(1e-3, 6e-3, 10), 4),
        (clr_core.one_cycle(1e-3, 6e-3, 10, variant="two_phase"), 16),
        (clr_core.linear_ramp(6e-3, 1e-3, 10), 4),
        (clr_core.exponential_ramp(6e-3, 1e-3, 10), 16),
        (clr_core.step_decay(6e-3, factor=0.5, every=3), 16),
        (clr_core.linear_decay(6e-3, 10), 4),
        (clr_core.warmup_stable_decay(6e-3, 10, 1, 1), 4),
        (clr_core.constant(6e-3), 4),
    ):
        assert oracle.allowed(schedule.to_dict(), 1, DOUBLE) == rounded * Fraction(DOUBLE) * Fraction(6e-3)
        assert f"at most {rounded} eps(dtype)" in (type(schedule).__doc__ or "") or f", {rounded} " in (
            type(schedule).__doc__ or ""
        )


def slipped_by_100_ulps(step: int) -> float:
    return CYCLE(step) * (1 + 100 * DOUBLE)


def without_the_upper_half(step: int) -> float:
    return 1e-3 + 5e-3 * min(step % 4000 / 2000, 1.0)


def one_step_late(step: int) -> float:
    return CYCLE(max(step - 1, 0))


def one_based(step: int) -> float:
    return CYCLE((step + 1) % 4000)


def a_period_of_one_less(step: int) -> float:
    return 1e-3 + 5e-3 * wave(step % 3999)


def modulo_in_float32(step: int) -> float:
    return 1e-3 + 5e-3 * wave(math.fmod(single(step), 4000.0))


def fraction_of_a_cycle_in_float32(step: int) -> float:
    cycles = single(single(step) / 4000.0)
    return 1e-3 + 5e-3 * wave((cycles - math.floor(cycles)) * 4000)


@pytest.mark.parametrize(
    "wrong",
    [
        slipped_by_100_ulps,
        without_the_upper_half,
        one_step_late,
        one_based,
        a_period_of_one_less,
        modulo_in_float32,
        fraction_of_a_cycle_in_float32,
    ],
)
def test_a_wrong_formula_is_caught(wrong: Callable[[int], float]) -> None:
    """On the steps the conformance test looks at anyway, and the right one is not."""
    steps = strategies.boundary_steps(CYCLE)
    eps = SINGLE if "float32" in wrong.__name__ else DOUBLE
    assert oracle.violations(CYCLE.to_dict(), steps, map(wrong, steps), eps)
    assert not oracle.violations(CYCLE.to_dict(), steps, map(CYCLE, steps), eps)


def restart_by_logarithm(period: int, t_mult: int, step: int) -> float:
    """The formula other libraries use, which misses restarts by a rounding."""
    cycle = int(math.log(step / period * (t_mult - 1) + 1, t_mult))
    start = period * (t_mult**cycle - 1) / (t_mult - 1)
    return (1 + math.cos(math.pi * (step - start) / (period * t_mult**cycle))) / 2


def test_a_restart_found_by_a_logarithm_is_caught() -> None:
    """As it is at step 121 of cycles of 1, 3, 9, 27 and 81 updates."""
    config = clr_core.cosine_restarts(0.0, 1.0, 1, t_mult=3.0).to_dict()
    assert not oracle.violations(config, [5], [restart_by_logarithm(1, 3, 5)], DOUBLE)
    assert oracle.violations(config, [121], [restart_by_logarithm(1, 3, 121)], DOUBLE)


def test_a_line_that_goes_on_past_its_end_is_caught() -> None:
    """An LR below zero one update after the last."""
    schedule = clr_core.one_cycle(0.1, 1.0, 10)
    steps = strategies.boundary_steps(schedule)
    assert 10 in steps
    assert 11 in steps
    endless = [schedule(step) if step <= 10 else schedule(10) - 0.18 * (step - 10) for step in steps]
    assert oracle.violations(schedule.to_dict(), steps, endless, DOUBLE)


# The conformance test.


def conformance() -> Any:
    """The module of the conformance test."""
    path = TESTS / "adapters" / "test_conformance.py"
    spec = importlib.util.spec_from_file_location("conformance_under_test", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def test_the_conformance_test_fails_for_a_wrong_row() -> None:
    """A row whose values are a hundred ulps off does not pass, for any schedule; a right one does."""
    module = conformance()
    right = module.python_ints()

    def wrong(schedule: Schedule, steps: list[int]) -> list[float]:
        return [value * (1 + 100 * DOUBLE) for value in right(schedule, steps)]

    module.test_every_way_of_computing_keeps_the_error_bound(module.Row("right", lambda: right, DOUBLE, examples=5))
    with pytest.raises(AssertionError, match="bounds off"):
        module.test_every_way_of_computing_keeps_the_error_bound(module.Row("wrong", lambda: wrong, DOUBLE, examples=5))


def test_the_conformance_test_looks_at_every_corner() -> None:
    """Each row sees every schedule of the fixed list, at the last step too, and draws others beside them."""
    module = conformance()
    seen: dict[Schedule, set[int]] = {}

    def watch(schedule: Schedule, steps: list[int]) -> list[float]:
        seen.setdefault(schedule, set()).update(steps)
        return [schedule(step) for step in steps]

    module.test_every_way_of_computing_keeps_the_error_bound(module.Row("watch", lambda: watch, DOUBLE, examples=20))
    assert set(strategies.corners()) < set(seen)
    for steps in seen.values():
        assert {0, 1, 2**24 + 1, 2**31 - 2, 2**31 - 1} <= steps
    assert {1999, 2000, 2001, 3999, 4000} <= seen[CYCLE]


def test_every_way_of_computing_has_a_row() -> None:
    """A framework that lost its row would pass unseen."""
    names = [row.name for row in conformance().ROWS]
    assert len(set(names)) == len(names)
    for part in ("python", "numpy int64", "numpy int32", "torch int64", "torch int32", "clr_torch", "clr_optax"):
        assert any(part in name for name in names)
    assert sum("compiled" in name for name in names if "clr_optax" in name) == 3
    assert sum("clr_keras" in name for name in names) == 2
