"""Every way of computing a schedule keeps the published error bound, against the exact value.

One property, one row for each way. Rows that compile share a fixed list of schedules; the others take any
schedule. The steps are those around all turning points and a few random ones, as far as the row's dtype can count.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import fewer
import frameworks
import oracle
import pytest
import strategies
from hypothesis import given, settings
from hypothesis import strategies as st

import clr_core
from clr_core import Schedule

DOUBLE, SINGLE = 2.0**-52, 2.0**-23
"""The eps of float64 and float32."""

Compute = Callable[[Schedule, list[int]], list[float]]


@dataclass(frozen=True)
class Row:
    """A way of computing."""

    name: str
    load: Callable[[], Compute]
    """Import the framework, or skip, and return the function that computes."""
    eps: float
    examples: int = 300
    is_compiled: bool = False
    last_step: int = oracle.LAST_STEP
    """The largest step that the dtype can hold."""


def python_ints() -> Compute:
    return lambda schedule, steps: [schedule(step) for step in steps]


def numpy_scalars() -> Compute:
    numpy = frameworks.load("numpy")
    return lambda schedule, steps: [float(schedule(numpy.int64(step))) for step in steps]


def numpy_array(dtype: str) -> Compute:
    numpy = frameworks.load("numpy")
    return lambda schedule, steps: list(schedule(numpy.array(steps, dtype=dtype)).tolist())


def torch_tensor(dtype: str, floats: str = "float32") -> Compute:
    torch = frameworks.load("torch")

    def compute(schedule: Schedule, steps: list[int]) -> list[float]:
        default = torch.get_default_dtype()
        torch.set_default_dtype(getattr(torch, floats))
        try:
            values = schedule(torch.tensor(steps, dtype=getattr(torch, dtype)), xp=torch)
        finally:
            torch.set_default_dtype(default)
        return list(values.tolist())

    return compute


def torch_scheduler() -> Compute:
    """The LR in the optimizer, at each position the scheduler is moved to."""
    torch = frameworks.load("torch")
    clr_torch = frameworks.load("clr_torch")

    def compute(schedule: Schedule, steps: list[int]) -> list[float]:
        optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)
        scheduler = clr_torch.ScheduleLR(optimizer, schedule)
        lrs = []
        for step in steps:
            scheduler.load_state_dict(scheduler.state_dict() | {"last_epoch": step, "is_in_charge": True})
            lrs.append(optimizer.param_groups[0]["lr"])
        return lrs

    return compute


def optax_schedule(dtype: str, *, is_compiled: bool) -> Compute:
    jax = frameworks.load("jax")
    clr_optax = frameworks.load("clr_optax")

    @cache
    def function(schedule: Schedule) -> Any:
        lr = clr_optax.schedule_lr(schedule)
        return jax.jit(jax.vmap(lr)) if is_compiled else lr

    def compute(schedule: Schedule, steps: list[int]) -> list[float]:
        values = function(schedule)(jax.numpy.asarray(_padded(steps), dtype=dtype))
        return list(values.tolist()[: len(steps)])

    return compute


def keras_schedule(dtype: str, *, is_compiled: bool) -> Compute:
    keras = frameworks.load("keras")
    clr_keras = frameworks.load("clr_keras")
    compiled = _keras_compiler(keras) if is_compiled else lambda function: function

    @cache
    def function(schedule: Schedule) -> Any:
        return compiled(clr_keras.ScheduleLR(schedule))

    def compute(schedule: Schedule, steps: list[int]) -> list[float]:
        values = function(schedule)(keras.ops.convert_to_tensor(_padded(steps), dtype=dtype))
        # Not keras.ops.convert_to_numpy: with NumPy 2 and torch it warns.
        array = values.numpy() if hasattr(values, "numpy") else values
        return list(array.tolist()[: len(steps)])

    return compute


def keras_ops(dtype: str) -> Compute:
    keras = frameworks.load("keras")

    def compute(schedule: Schedule, steps: list[int]) -> list[float]:
        values = schedule(keras.ops.convert_to_tensor(_padded(steps), dtype=dtype), xp=keras.ops)
        array = values.numpy() if hasattr(values, "numpy") else values
        return list(array.tolist()[: len(steps)])

    return compute


def _keras_compiler(keras: Any) -> Callable[[Any], Any]:
    backend = keras.backend.backend()
    if backend == "jax":
        jax = frameworks.load("jax")
        return lambda function: jax.jit(function)
    if backend == "tensorflow":
        tensorflow = frameworks.load("tensorflow")
        return lambda function: tensorflow.function(function.__call__, autograph=False, jit_compile=True)
    pytest.skip(f"Keras compiles nothing by itself on the {backend} backend")


def _padded(steps: list[int]) -> list[int]:
    """The steps and zeros up to a multiple of 64, so that few shapes are compiled."""
    return steps + [0] * (-len(steps) % 64)


NARROW = {"int8": 2**7 - 1, "uint8": 2**8 - 1, "int16": 2**15 - 1, "uint16": 2**16 - 1}
"""Dtypes that cannot hold the period of most schedules, and the largest step that each can hold."""


def narrow_rows() -> list[Row]:
    rows = []
    for dtype, last in NARROW.items():
        rows += [
            Row(f"numpy {dtype}", partial(numpy_array, dtype), DOUBLE, 100, last_step=last),
            Row(f"torch {dtype}", partial(torch_tensor, dtype), SINGLE, 100, last_step=last),
            Row(f"clr_optax {dtype}", partial(optax_schedule, dtype, is_compiled=False), SINGLE, 10, last_step=last),
            Row(f"keras.ops {dtype}", partial(keras_ops, dtype), SINGLE, 10, last_step=last),
        ]
    compiled = partial(optax_schedule, "int16", is_compiled=True)
    return [*rows, Row("clr_optax int16 compiled", compiled, SINGLE, 5, is_compiled=True, last_step=NARROW["int16"])]


ROWS = [
    Row("python ints", python_ints, DOUBLE, examples=1000),
    Row("numpy int64 scalars", numpy_scalars, DOUBLE),
    Row("numpy int64", lambda: numpy_array("int64"), DOUBLE),
    Row("numpy int32", lambda: numpy_array("int32"), DOUBLE),
    Row("numpy uint32", lambda: numpy_array("uint32"), DOUBLE, examples=100),
    Row("numpy uint64", lambda: numpy_array("uint64"), DOUBLE, examples=100),
    Row("numpy big-endian int32", lambda: numpy_array(">i4"), DOUBLE, examples=100),
    Row("torch int64", lambda: torch_tensor("int64"), SINGLE, examples=1000),
    Row("torch int32", lambda: torch_tensor("int32"), SINGLE),
    Row("torch uint32", lambda: torch_tensor("uint32"), SINGLE, examples=100),
    Row("torch int32 to float64", lambda: torch_tensor("int32", "float64"), DOUBLE),
    Row("clr_torch.ScheduleLR", torch_scheduler, DOUBLE),
    Row("clr_optax int32", lambda: optax_schedule("int32", is_compiled=False), SINGLE, examples=150),
    Row(
        "clr_optax int32 compiled",
        lambda: optax_schedule("int32", is_compiled=True),
        SINGLE,
        examples=20,
        is_compiled=True,
    ),
    Row(
        "clr_optax uint32 compiled",
        lambda: optax_schedule("uint32", is_compiled=True),
        SINGLE,
        examples=20,
        is_compiled=True,
    ),
    Row("clr_keras int32", lambda: keras_schedule("int32", is_compiled=False), SINGLE, examples=150),
    Row(
        "clr_keras int32 compiled",
        lambda: keras_schedule("int32", is_compiled=True),
        SINGLE,
        examples=20,
        is_compiled=True,
    ),
    Row("keras.ops int32", lambda: keras_ops("int32"), SINGLE, examples=50),
    *narrow_rows(),
]


def conform(compute: Compute, row: Row, schedule: Schedule, steps: list[int]) -> None:
    """Fail where a value lies outside the published error bound."""
    steps = [step for step in steps if step <= row.last_step]
    wrong = oracle.violations(schedule.to_dict(), steps, compute(schedule, steps), row.eps)
    assert not wrong, "\n".join([f"{schedule!r}, {len(wrong)} of {len(steps)} steps:", *wrong[:5]])


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_every_way_of_computing_keeps_the_error_bound(row: Row) -> None:
    """Each value, at every step to 2**31-1, is within the published bound of the exact one."""
    compute = row.load()
    corners = strategies.corners()
    for schedule in corners:
        conform(compute, row, schedule, strategies.boundary_steps(schedule))
    drawn = strategies.schedules.map(lambda schedule: [schedule])

    # Derandomized: a suite that fails must fail again, and for everybody.
    @settings(max_examples=fewer.examples(row.examples), deadline=None, derandomize=True)
    @given(strategies.any_steps(8), drawn if not row.is_compiled else st.just(corners))
    def keeps_the_bound(steps: list[int], schedules: list[Schedule]) -> None:
        for schedule in schedules:
            conform(compute, row, schedule, [*steps, *strategies.boundary_steps(schedule)])

    keeps_the_bound()


@pytest.mark.parametrize("row", [row for row in ROWS if row.last_step > 2 * 10**9], ids=lambda row: row.name)
def test_neighbouring_steps_stay_apart_at_a_billion(row: Row) -> None:
    """The 2001 updates of half a cycle are 2001 values, bit-identical early and late in a training run."""
    compute = row.load()
    schedule = clr_core.triangular(1e-3, 6e-3, step_size=2000)
    early = compute(schedule, list(range(2001)))
    late = compute(schedule, list(range(10**9, 10**9 + 2001)))
    assert len(set(late)) == 2001
    assert late == early
