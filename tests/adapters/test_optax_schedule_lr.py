"""``clr_optax.schedule_lr``: the core's values, as Optax wants them."""

from __future__ import annotations

import doctest
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import frameworks
import numpy as np
import pytest

import clr_core

jax = frameworks.load("jax")
optax = frameworks.load("optax")

import clr_optax  # noqa: E402
import clr_optax._current_lr  # noqa: E402
import clr_optax._range_test  # noqa: E402
import clr_optax._schedule  # noqa: E402
import jax.numpy as jnp  # noqa: E402

WAVE = clr_core.triangular(0.0, 1.0, 4)
GROWING = clr_core.cosine_restarts(0.0, 1.0, 10, t_mult=1.1, decay=0.5)
LAST_STEP = 2**31 - 1


@pytest.fixture(params=[False, True], ids=["x64 off", "x64 on"])
def x64(request: pytest.FixtureRequest) -> Iterator[bool]:
    jax.config.update("jax_enable_x64", request.param)
    yield request.param
    jax.config.update("jax_enable_x64", False)


@pytest.fixture(params=["standard", "strict"])
def promotion(request: pytest.FixtureRequest) -> Iterator[None]:
    jax.config.update("jax_numpy_dtype_promotion", request.param)
    yield
    jax.config.update("jax_numpy_dtype_promotion", "standard")


def test_a_jitted_wave_has_the_values_of_the_core() -> None:
    """Up in quarters and down in quarters, under jit as in plain Python."""
    lr = jax.jit(clr_optax.schedule_lr(WAVE))
    assert [float(lr(step)) for step in range(9)] == [0.0, 0.25, 0.5, 0.75, 1.0, 0.75, 0.5, 0.25, 0.0]


@pytest.mark.parametrize(
    "count",
    [21, np.int64(21), np.array([21, 2], np.int32), jnp.int32(21), jnp.uint32(21), jnp.arange(20, 23)],
    ids=lambda count: f"{type(count).__name__} {getattr(count, 'dtype', '')}",
)
@pytest.mark.parametrize("schedule", [WAVE, GROWING], ids=lambda schedule: type(schedule).__name__)
def test_every_count_gives_a_strong_float32(schedule: Any, count: Any, x64: bool, promotion: None) -> None:
    """The result is float32, not weakly typed, whatever the count's dtype and JAX's flags."""
    lr = clr_optax.schedule_lr(schedule)
    for value in (lr(count), jax.jit(lr)(count)):
        assert value.dtype == jnp.float32
        assert not value.weak_type
        assert value.shape == np.shape(count)
        expected = [schedule(int(step)) for step in np.ravel(count)]
        np.testing.assert_allclose(np.ravel(value), expected, rtol=0, atol=16 * 2**-23)


def test_int64_counts_work_where_x64_is_on(x64: bool) -> None:
    """An int64 array keeps its dtype under x64 only, and both ways the value is that of the step."""
    count = jnp.asarray(np.int64(LAST_STEP - 2))
    assert count.dtype == (jnp.int64 if x64 else jnp.int32)
    value = jax.jit(clr_optax.schedule_lr(WAVE))(count)
    assert (value.dtype, float(value)) == (jnp.float32, WAVE(LAST_STEP - 2))


def test_the_last_int32_step_is_exact() -> None:
    """2**31-1 is 7 modulo 8, which float32 arithmetic on the step itself could not know."""
    lr = jax.jit(clr_optax.schedule_lr(WAVE))
    assert [float(lr(jnp.int32(LAST_STEP - i))) for i in range(4)] == [0.25, 0.5, 0.75, 1.0]


def test_vmap_scan_and_cond_take_it() -> None:
    """A schedule is a pure function to every transformation."""
    lr = clr_optax.schedule_lr(WAVE)
    expected = WAVE.values(6)
    assert jax.vmap(lr)(jnp.arange(6)).tolist() == expected
    assert jax.lax.scan(lambda _, k: (None, lr(k)), None, jnp.arange(6))[1].tolist() == expected
    either = jax.jit(lambda k: jax.lax.cond(k < 3, lr, lambda count: jnp.float32(-1.0), k))
    assert [float(either(k)) for k in range(4)] == [0.0, 0.25, 0.5, -1.0]


def test_gradients_flow_through_the_value() -> None:
    """To a gradient the value is a constant factor."""
    lr = clr_optax.schedule_lr(WAVE)
    assert float(jax.jit(jax.grad(lambda x, k: lr(k) * x**2))(3.0, 2)) == 0.5 * 2 * 3.0


def test_a_schedule_of_ours_joins_one_of_theirs() -> None:
    """optax.join_schedules takes it after a warmup of Optax's own."""
    joined = optax.join_schedules([optax.linear_schedule(0.0, 1.0, 2), clr_optax.schedule_lr(WAVE)], [2])
    expected = [0.0, 0.5, 0.0, 0.25, 0.5, 0.75]
    assert jax.vmap(joined)(jnp.arange(6)).tolist() == expected
    # Previewed with ints, it calls every schedule at every count, also before that schedule's beginning.
    assert [float(joined(count)) for count in range(6)] == expected


@pytest.mark.parametrize("count", [-3, np.int64(-3), jnp.int32(-3), jnp.int8(-3)], ids=repr)
def test_before_its_beginning_a_schedule_has_its_first_value(count: Any) -> None:
    """Not a value that is extrapolated to a negative rate; the same under jit."""
    lr = clr_optax.schedule_lr(clr_core.linear_decay(0.5, 10))
    assert float(lr(count)) == float(jax.jit(lr)(count)) == 0.5


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "uint16"])
def test_narrow_counts_do_not_wrap(dtype: str) -> None:
    """The period of 40,000 updates does not fit the count's dtype; the value is right all the same."""
    schedule = clr_core.triangular(1e-3, 6e-3, 20_000)
    lr = clr_optax.schedule_lr(schedule)
    count = jnp.asarray(100, dtype)
    assert float(lr(count)) == float(jax.jit(lr)(count)) == pytest.approx(schedule(100), rel=1e-6)


def test_it_is_not_taken_for_a_stateful_schedule() -> None:
    """Optax asks for methods init and update to tell; a plain function has neither."""
    lr = clr_optax.schedule_lr(WAVE)
    assert not hasattr(lr, "init")
    assert not hasattr(lr, "update")


def constant_gradient_rates(tx: Any, updates: int, dtype: Any = jnp.float32) -> list[float]:
    """The rates an optimizer used: its updates under a gradient of 1."""
    params = jnp.zeros((), dtype)
    opt_state = tx.init(params)
    rates = []
    for _ in range(updates):
        change, opt_state = jax.jit(tx.update)(jnp.ones((), dtype), opt_state, params)
        rates.append(-float(change))
        params = optax.apply_updates(params, change)
    return rates


@pytest.mark.parametrize(
    "tx",
    [
        optax.sgd(clr_optax.schedule_lr(WAVE)),
        optax.chain(optax.clip(1.0), optax.sgd(clr_optax.schedule_lr(WAVE))),
        optax.inject_hyperparams(optax.sgd)(clr_optax.schedule_lr(WAVE)),
        optax.sgd(WAVE),
    ],
    ids=["plain", "chained", "injected", "without the adapter"],
)
def test_update_k_uses_the_rate_of_step_k(tx: Any) -> None:
    """With a gradient of 1 every update is the rate itself, first that of step 0."""
    assert constant_gradient_rates(tx, 6) == [0.0, 0.25, 0.5, 0.75, 1.0, 0.75]


def test_multi_steps_count_updates_not_batches() -> None:
    """With two batches an update the rate moves at every second batch."""
    tx = optax.MultiSteps(optax.sgd(clr_optax.schedule_lr(clr_core.linear_ramp(0.25, 1.0, 4))), 2)
    rates = constant_gradient_rates(tx.gradient_transformation(), 6)
    # Optax's running mean of two gradients of 1 is 1 to float32's last bit.
    assert rates == pytest.approx([0.0, 0.25, 0.0, 0.5, 0.0, 0.75], rel=2**-22)


def test_momentum_moves_against_the_rate() -> None:
    """The documented recipe: both numbers injected, in float32 even where the parameters are bfloat16."""
    schedule = clr_core.triangular(0.1, 1.0, 2)
    tx = optax.inject_hyperparams(optax.sgd, hyperparam_dtype=jnp.float32)(
        learning_rate=clr_optax.schedule_lr(schedule),
        momentum=clr_optax.schedule_lr(clr_core.momentum_for(schedule, low=0.85, high=0.95)),
    )
    params = jnp.zeros(2, jnp.bfloat16)
    opt_state = tx.init(params)
    seen = []
    for _ in range(3):
        _, opt_state = jax.jit(tx.update)(params, opt_state, params)
        seen.append([float(opt_state.hyperparams[name]) for name in ("learning_rate", "momentum")])
    np.testing.assert_allclose(seen, [[0.1, 0.95], [0.55, 0.9], [1.0, 0.85]], rtol=1e-6)


def injected(optimizer: Any, **settings: Any) -> Any:
    return optax.inject_hyperparams(optimizer, hyperparam_dtype=jnp.float32, **settings)


@pytest.mark.parametrize(
    ("new_optimizer", "dtype"),
    [
        (optax.adam, jnp.float32),
        (optax.adam, jnp.bfloat16),
        (injected(optax.adam), jnp.float32),
        # Injected float32 betas would turn bfloat16 moments into float32 at the first update.
        (injected(optax.adam, static_args=("b1", "b2", "eps", "eps_root")), jnp.bfloat16),
        (lambda lr: optax.MultiSteps(optax.adam(lr), 4), jnp.float32),
        (lambda lr: optax.MultiSteps(optax.adam(lr), 4), jnp.bfloat16),
    ],
    ids=["plain", "plain bf16", "injected", "injected bf16", "MultiSteps", "MultiSteps bf16"],
)
def test_a_thousand_updates_are_traced_once(new_optimizer: Any, dtype: Any, x64: bool) -> None:
    """Nothing about the rate, not even the first count, makes JAX trace the training step again."""
    tx = new_optimizer(clr_optax.schedule_lr(GROWING))
    traces = 0

    @jax.jit
    def update(params: Any, opt_state: Any) -> Any:
        nonlocal traces
        traces += 1
        change, opt_state = tx.update(params, opt_state, params)
        return optax.apply_updates(params, change), opt_state

    params = jnp.ones(2, dtype)
    opt_state = tx.init(params)
    for _ in range(1000):
        params, opt_state = update(params, opt_state)
    assert traces == 1


def test_the_counter_of_traces_can_count() -> None:
    """A meta-test: a Python float in the state, set at every step, causes another trace, which is counted."""
    tx = optax.inject_hyperparams(optax.sgd)(0.5)
    traces = 0

    @jax.jit
    def update(params: Any, opt_state: Any) -> Any:
        nonlocal traces
        traces += 1
        return tx.update(params, opt_state, params)[1]

    params = jnp.ones(2)
    opt_state = update(params, tx.init(params))
    opt_state.hyperparams["learning_rate"] = 0.25
    update(params, opt_state)
    assert traces == 2


def test_unbounded_restarts_compile_to_the_same_size_however_long_the_training() -> None:
    """The program holds a formula, not a list of cycles: 3 restarts or 300 million, it has as many lines."""
    lines = {
        len(jax.make_jaxpr(clr_optax.schedule_lr(clr_core.cosine_restarts(0.0, 1.0, period)))(0).eqns)
        for period in (7, 700, 700_000_000)
    }
    assert len(lines) == 1


def test_a_checkpoint_continues_with_the_next_rate(tmp_path: Path) -> None:
    """An optimizer's state saved and restored by orbax continues at the right step of the schedule."""
    checkpoint = frameworks.load("orbax.checkpoint")
    tx = optax.inject_hyperparams(optax.sgd)(clr_optax.schedule_lr(WAVE))
    params = jnp.zeros(2)
    opt_state = tx.init(params)
    for _ in range(3):
        _, opt_state = tx.update(params, opt_state)
    with checkpoint.StandardCheckpointer() as checkpointer:
        checkpointer.save(tmp_path / "state", opt_state)
        checkpointer.wait_until_finished()
        restored = checkpointer.restore(tmp_path / "state", tx.init(params))
    assert jax.tree.all(jax.tree.map(jnp.array_equal, restored, opt_state))
    _, restored = tx.update(params, restored)
    assert float(clr_optax.current_lr(restored)) == WAVE(3)


@pytest.mark.parametrize("schedule", [0.1, None, lambda count: 0.1, optax.constant_schedule(0.1)])
def test_only_core_schedules_are_taken(schedule: Any) -> None:
    """A number or a function is refused at once, not at the first update."""
    with pytest.raises(TypeError, match="schedule must be a clr_core schedule, got schedule="):
        clr_optax.schedule_lr(schedule)


@pytest.mark.parametrize("count", [1.0, True, np.float32(1.0), jnp.ones(2)], ids=repr)
def test_counts_that_are_not_whole_are_refused(count: Any) -> None:
    """A float count would lose steps above 2**24."""
    with pytest.raises(TypeError, match="step must be an int"):
        clr_optax.schedule_lr(WAVE)(count)


@pytest.mark.parametrize(("large", "dtype"), [(2**31 + 653, "int64"), (2**31, "uint32"), (2**40 + 7, "uint64")])
@pytest.mark.parametrize("make", [np.array, np.atleast_2d, jnp.array], ids=["NumPy", "NumPy 2d", "JAX"])
def test_a_count_past_int32_is_refused(make: Any, large: int, dtype: str, x64: bool, promotion: None) -> None:
    """By the number it is, not by what an int32 would make of it; a Python int and a NumPy scalar as well."""
    if make is jnp.array and not x64 and dtype != "uint32":
        pytest.skip("without x64 JAX has no int of 64 bits")
    lr = clr_optax.schedule_lr(WAVE)
    for count in (large, np.dtype(dtype).type(large), make(np.array([3, large], dtype))):
        with pytest.raises(ValueError, match=rf"step must be an int .*2147483647, got .*step={large}$"):
            lr(count)


@pytest.mark.parametrize("count", [-(2**31) - 1, -(2**40)], ids=str)
def test_a_count_below_int32_is_before_the_beginning(count: int, x64: bool) -> None:
    """It does not come back as a large one."""
    lr = clr_optax.schedule_lr(clr_core.linear_decay(0.5, 10))
    assert float(lr(count)) == float(lr(np.int64(count))) == float(lr(np.array(count))) == 0.5


def test_a_schedule_that_overflows_float32_is_refused() -> None:
    """Its values would be infinite or NaN in JAX."""
    with pytest.raises(ValueError, match=r"schedule must stay within float32, got one of up to 1e\+308"):
        clr_optax.schedule_lr(clr_core.triangular(0.0, 1e308, 4))


@pytest.mark.parametrize("missing", ["jax", "optax"])
def test_a_missing_framework_is_named_with_its_remedy(missing: str) -> None:
    """Importing the adapter without its framework says which one and how to install it."""
    script = (
        f"import sys; sys.modules[{missing!r}] = None\n"
        "try:\n    import clr_optax\n"
        "except ModuleNotFoundError as error:\n    print(error.name, '|', error)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == f"{missing} | clr_optax needs {missing}, which is not installed: pip install optax\n"


@pytest.mark.parametrize(
    "module",
    [clr_optax, clr_optax._schedule, clr_optax._current_lr, clr_optax._range_test],
    ids=lambda module: module.__name__,
)
def test_the_examples_in_the_docstrings_run(module: Any) -> None:
    """Every documented example prints what the docstring shows."""
    result = doctest.testmod(module)
    assert result.attempted > 0
    assert result.failed == 0


def test_public_names_are_listed() -> None:
    """``__all__`` lists the public names."""
    assert clr_optax.__all__ == ["current_lr", "range_test", "schedule_lr"]
    assert all(callable(getattr(clr_optax, name)) for name in clr_optax.__all__)
