"""Arrays of steps: widened before any formula sees them, and refused where a step in them can be seen to be wrong."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import frameworks
import pytest
import strategies

import clr_core
from clr_core import Schedule

LONG = clr_core.triangular(1e-3, 6e-3, step_size=20_000)
"""Its period, 40,000 updates, is negative as an int16."""


def numpy_array(values: list[int], dtype: str) -> Any:
    return frameworks.load("numpy").array(values, dtype=dtype)


def jax_array(values: list[int], dtype: str) -> Any:
    return frameworks.load("jax.numpy").array(values, dtype=dtype)


def torch_tensor(values: list[int], dtype: str) -> Any:
    torch = frameworks.load("torch")
    return torch.tensor(values, dtype=getattr(torch, dtype))


def keras_tensor(values: list[int], dtype: str) -> Any:
    return frameworks.load("keras").ops.convert_to_tensor(values, dtype=dtype)


def namespace(make: Callable[..., Any]) -> Any:
    if make is torch_tensor:
        return frameworks.load("torch")
    return frameworks.load("keras").ops if make is keras_tensor else None


EVERY_ARRAY = pytest.mark.parametrize("make", [numpy_array, jax_array, torch_tensor, keras_tensor])


@EVERY_ARRAY
@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "uint16"])
def test_narrow_integers_do_not_wrap(make: Callable[..., Any], dtype: str) -> None:
    """The LR of step 100 is that of step 100, not the negative one of a period that wrapped around."""
    values = LONG(make([0, 100], dtype), xp=namespace(make))
    values = values if hasattr(values, "tolist") else values.numpy()
    assert values.tolist() == pytest.approx([1e-3, 1.025e-3])


@pytest.mark.parametrize("schedule", strategies.corners(), ids=lambda schedule: type(schedule).__name__)
def test_every_width_gives_the_same_values(schedule: Schedule) -> None:
    """As wide as an int64 or as narrow as an int8: bit-identical values."""
    numpy = frameworks.load("numpy")
    steps = numpy.arange(128)
    for dtype in ("int8", "uint8", "int16", "uint16", "int32", "uint32", "uint64", ">i2"):
        assert numpy.array_equal(schedule(steps.astype(dtype)), schedule(steps)), dtype


@EVERY_ARRAY
@pytest.mark.parametrize(
    ("steps", "dtype", "found"),
    [([3, -5, -1], "int32", -5), ([0, -1], "int8", -1), (-7, "int16", -7)],
)
def test_a_step_out_of_range_is_refused(make: Callable[..., Any], steps: Any, dtype: str, found: int) -> None:
    """As it is alone, with the step that is out of range in the message."""
    with pytest.raises(ValueError, match=rf"step must be an int in 0\.\.2147483647, got an array with step={found}$"):
        LONG(make(steps, dtype), xp=namespace(make))


@pytest.mark.parametrize("make", [numpy_array, torch_tensor])
def test_a_step_past_the_last_is_refused(make: Callable[..., Any]) -> None:
    """An int64 can count further than every framework can."""
    with pytest.raises(ValueError, match=f"got an array with step={2**31}"):
        LONG(make([3, 2**31], "int64"), xp=namespace(make))


@EVERY_ARRAY
@pytest.mark.parametrize(
    ("large", "dtype"),
    [(2**31, "uint32"), (2**32 - 1, "uint32"), (2**31, "uint64"), (2**40 + 7, "uint64"), (2**64 - 1, "uint64")],
)
def test_an_unsigned_step_past_the_last_is_refused(make: Callable[..., Any], large: int, dtype: str) -> None:
    """By the number it is, not by the negative one that a signed int of that width makes of it."""
    if dtype == "uint64" and make in (jax_array, keras_tensor):
        pytest.skip("JAX has no uint64 here, and of Keras's backends one is JAX")
    with pytest.raises(ValueError, match=f"got an array with step={large}$"):
        LONG(make([3, large], dtype), xp=namespace(make))


@pytest.mark.parametrize("wrong", [2**31, 2**32 + 5, -(2**31) - 1, -(2**32) + 5])
def test_a_step_that_the_namespace_would_wrap_is_refused(wrong: int) -> None:
    """JAX turns NumPy's int64 into int32: what it is there is not what was asked for."""
    numpy, jax = frameworks.load("numpy"), frameworks.load("jax.numpy")
    for step in (wrong, numpy.int64(wrong), numpy.array([3, wrong])):
        with pytest.raises(ValueError, match=f"step must be an int .*step={wrong}$"):
            LONG(step, xp=jax)


def test_a_number_with_a_namespace_is_checked() -> None:
    """``schedule(-5, xp=numpy)`` is refused as ``schedule(-5)`` is."""
    numpy = frameworks.load("numpy")
    for step in (-5, numpy.int64(-5), [0, -5]):
        with pytest.raises(ValueError, match="step=-5"):
            clr_core.linear_decay(0.1, 1000)(step, xp=numpy)


@pytest.mark.parametrize("make", [torch_tensor, keras_tensor])
def test_a_tensor_without_its_namespace_is_told_the_remedy(make: Callable[..., Any]) -> None:
    """Not that it is no index, as its framework would say."""
    with pytest.raises(TypeError, match=r"steps in a \w*Tensor must come with xp=, such as xp=torch, got step="):
        LONG(make([1, 2], "int32"))


@pytest.mark.parametrize("name", [None, "jax", "keras", "tensorflow"])
def test_what_is_no_namespace_is_refused(name: str | None) -> None:
    """A name, or the module above the one that has the functions."""
    xp = frameworks.load(name) if name else "numpy"
    with pytest.raises(TypeError, match=r"xp must be numpy, .* or another array-API namespace, got xp="):
        LONG(5, xp=xp)


def test_traced_steps_have_no_values_to_look_at() -> None:
    """jit, vmap and torch.func.vmap compute; a negative step inside is the caller's business."""
    jax, torch = frameworks.load("jax"), frameworks.load("torch")
    steps = jax.numpy.arange(5)
    assert jax.jit(LONG)(steps).tolist() == jax.vmap(LONG)(steps).tolist() == LONG(steps).tolist()
    mapped = torch.func.vmap(lambda step: LONG(step, xp=torch))(torch.arange(5))
    assert mapped.tolist() == LONG(torch.arange(5), xp=torch).tolist()
    jax.jit(LONG)(jax.numpy.array([-5]))


COMPILED = """
import torch, clr_core
schedule = clr_core.cosine_restarts(0.0, 1.0, 10, t_mult=1.5)
compiled = torch.compile(lambda step: schedule(step, xp=torch), fullgraph=True, backend="aot_eager")
print(torch.equal(compiled(torch.arange(100)), schedule(torch.arange(100), xp=torch)))
"""


def test_torch_compile_keeps_one_graph() -> None:
    """Looking at the steps would break the graph, which ``fullgraph=True`` refuses."""
    frameworks.load("torch")
    done = subprocess.run([sys.executable, "-c", COMPILED], capture_output=True, text=True, check=False)
    assert done.stdout == "True\n", done.stderr[-2000:]


def test_tensorflow_graphs_compute() -> None:
    """In a graph there are no values yet; eagerly there are, and they are checked."""
    keras = frameworks.load("keras")
    if keras.backend.backend() != "tensorflow":
        pytest.skip("the Keras backend is not tensorflow")
    tensorflow = frameworks.load("tensorflow")
    compiled = tensorflow.function(lambda step: LONG(step, xp=keras.ops), autograph=False)
    assert compiled(tensorflow.constant([0, 100], "int16")).numpy().tolist() == pytest.approx([1e-3, 1.025e-3])


def test_empty_arrays_are_no_error() -> None:
    """No step is out of range."""
    numpy = frameworks.load("numpy")
    assert LONG(numpy.zeros((0, 3), "int8")).shape == (0, 3)
