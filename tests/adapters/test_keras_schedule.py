"""A core schedule in the compiled training step of Keras, on the backend that KERAS_BACKEND names."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from typing import Any

import frameworks
import numpy as np
import oracle
import pytest
import strategies

import clr_core

keras = frameworks.load("keras")
clr_keras = frameworks.load("clr_keras")

BACKEND = keras.backend.backend()
EPS = float(np.finfo(np.float32).eps)
TRIANGULAR2 = clr_core.triangular2(0.001, 0.006, step_size=3)

# Keras on torch runs one step an execution.
CELLS = [(jit, n) for jit in (False, True) for n in ((1,) if BACKEND == "torch" else (1, 4))]


def numbers(tensor: Any) -> list[float]:
    return [float(value) for value in np.ravel(keras.ops.convert_to_numpy(tensor))]


def one_hot_model(n: int, optimizer: Any, **compile_arguments: Any) -> Any:
    """A model whose weight k moves by minus the learning rate of the update that batch k makes."""
    model = keras.Sequential([keras.Input((n,)), keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros")])
    model.compile(optimizer, lambda y, prediction: keras.ops.mean(prediction), **compile_arguments)
    return model


def fit_one_hot(model: Any, n: int, **fit_arguments: Any) -> list[float]:
    """The sum, for each batch, of the learning rates its updates used."""
    fit_arguments = {"batch_size": 1, "shuffle": False, "verbose": 0} | fit_arguments
    model.fit(np.eye(n), np.zeros((n, 1)), **fit_arguments)
    return [-weight for weight in numbers(model.trainable_variables[0].value)]


def compiled(function: Any) -> Any:
    """The function compiled by the backend, as Keras compiles a training step."""
    if BACKEND == "tensorflow":
        import tensorflow as tf

        return tf.function(tf.autograph.experimental.do_not_convert(function), jit_compile=True)
    if BACKEND == "jax":
        import jax

        return jax.jit(function)
    return function


@pytest.mark.parametrize("schedule", strategies.corners(), ids=lambda s: type(s).__name__)
@pytest.mark.parametrize("compile_it", [False, True], ids=["eager", "compiled"])
def test_every_policy_keeps_the_error_contract_to_the_last_step(schedule: clr_core.Schedule, compile_it: bool) -> None:
    """Eager and compiled, the values are within the published bound of the exact ones, in float32."""
    if compile_it and BACKEND == "torch":
        pytest.skip("torch compiles whole training steps: see the learning rates used, below")
    lr = clr_keras.ScheduleLR(schedule)
    steps = strategies.boundary_steps(schedule)
    # The counter of an optimizer is int64 on TensorFlow, int32 elsewhere.
    counts = keras.ops.convert_to_tensor(np.array(steps), dtype="int64" if BACKEND == "tensorflow" else "int32")
    values = (compiled(lr) if compile_it else lr)(counts)
    assert keras.backend.standardize_dtype(values.dtype) == "float32"
    assert oracle.violations(schedule.to_dict(), steps, numbers(values), EPS) == []


@pytest.mark.parametrize("schedule", strategies.corners()[::5], ids=lambda s: type(s).__name__)
def test_the_counter_of_an_optimizer_is_a_scalar_variable(schedule: clr_core.Schedule) -> None:
    """A scalar variable gives a scalar, with the value of the vector."""
    step = keras.Variable(2**24 + 1, dtype="int", trainable=False)
    value = clr_keras.ScheduleLR(schedule)(step)
    assert tuple(value.shape) == ()
    assert oracle.violations(schedule.to_dict(), [2**24 + 1], numbers(value), EPS) == []


@pytest.mark.parametrize(("jit", "steps_per_execution"), CELLS)
@pytest.mark.parametrize(
    "schedule",
    [TRIANGULAR2, clr_core.cosine_restarts(0.0, 1.0, 4, t_mult=1.5), clr_core.exp_range(0.1, 1.0, 3, gamma=0.9)],
    ids=lambda s: type(s).__name__,
)
def test_the_learning_rates_used_are_those_of_the_schedule(
    schedule: clr_core.Schedule, jit: bool, steps_per_execution: int
) -> None:
    """Decoded from the weights of a model whose gradient is known: update k used schedule(k), in every cell."""
    if BACKEND == "torch" and jit:
        import torch

        torch.compiler.reset()  # past eight compiled models in a process, torch would run the next uncompiled
    n = 14
    optimizer = keras.optimizers.SGD(clr_keras.ScheduleLR(schedule))
    model = one_hot_model(n, optimizer, jit_compile=jit, steps_per_execution=steps_per_execution)
    used = fit_one_hot(model, n)
    assert oracle.violations(schedule.to_dict(), range(n), used, EPS) == []


def test_gradient_accumulation_moves_the_schedule_by_updates() -> None:
    """With steps_per_update equal to gradient_accumulation_steps, update k uses schedule(k)."""
    lr = clr_keras.ScheduleLR(TRIANGULAR2, steps_per_update=3)
    model = one_hot_model(12, keras.optimizers.SGD(lr, gradient_accumulation_steps=3))
    used = fit_one_hot(model, 12)
    expected = [TRIANGULAR2(k // 3) / 3 for k in range(12)]  # each batch gives a third of an update
    assert used == pytest.approx(expected, rel=8 * EPS)


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision_does_not_round_the_learning_rate(policy: str) -> None:
    """Weights are float32 there, and move by the float32 learning rate."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        model = one_hot_model(8, keras.optimizers.SGD(clr_keras.ScheduleLR(TRIANGULAR2)))
        used = fit_one_hot(model, 8)
    finally:
        keras.config.set_dtype_policy(before)
    # Dynamic loss scaling multiplies by a power of two and divides by it again.
    assert used == pytest.approx(TRIANGULAR2.values(8), rel=4 * EPS)


def test_a_low_floatx_does_not_round_the_learning_rate() -> None:
    """The formula is computed in float32 also where Keras's default float is float16."""
    keras.config.set_floatx("float16")
    try:
        for schedule in strategies.corners()[::6]:
            values = clr_keras.ScheduleLR(schedule)(np.array([0, 1, 2001, 2**24 + 1], dtype="int32"))
            found = oracle.violations(schedule.to_dict(), [0, 1, 2001, 2**24 + 1], numbers(values), EPS)
            assert found == []
    finally:
        keras.config.set_floatx("float32")


def test_training_resumes_where_the_backup_was_made(tmp_path: Any) -> None:
    """Interrupted after two of four epochs and resumed by BackupAndRestore, training ends as if never stopped."""

    class Stop(keras.callbacks.Callback):  # type: ignore[misc, name-defined]
        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            if epoch == 2:
                raise RuntimeError("power cut")

    def model() -> Any:
        return one_hot_model(5, keras.optimizers.SGD(clr_keras.ScheduleLR(TRIANGULAR2), momentum=0.5))

    whole = fit_one_hot(model(), 5, epochs=4)
    backup = keras.callbacks.BackupAndRestore(str(tmp_path / "backup"))
    with pytest.raises(RuntimeError, match="power cut"):
        fit_one_hot(model(), 5, epochs=4, callbacks=[backup, Stop()])
    backup = keras.callbacks.BackupAndRestore(str(tmp_path / "backup"))
    resumed = fit_one_hot(model(), 5, epochs=4, callbacks=[backup])
    assert resumed == whole


LOADER = """
    import json, sys
    import keras, clr_keras
    import strategies  # registers the scale functions

    for path in sys.argv[1:]:
        optimizer = keras.models.load_model(path).optimizer
        lr = keras.ops.convert_to_numpy(keras.ops.convert_to_tensor(optimizer.learning_rate))
        print(json.dumps([type(optimizer._learning_rate).__name__, float(lr)]))
"""


def saved_models(folder: Any) -> dict[str, Any]:
    """Models saved after four updates, one for each policy and drop-in: path -> learning rate schedule."""
    kinds = {type(schedule).__name__: schedule for schedule in strategies.corners()}
    schedules: list[Any] = [clr_keras.ScheduleLR(schedule) for schedule in kinds.values()]
    schedules += [
        clr_keras.ScheduleLR(clr_core.cyclic(0.1, 1.0, 3, scale_fn=strategies.half), steps_per_update=2),
        clr_keras.CyclicalLearningRate(0.1, 1.0, 3, strategies.half, name="mine"),
        clr_keras.TriangularCyclicalLearningRate(0.1, 1.0, 3.0),
        clr_keras.Triangular2CyclicalLearningRate(0.1, 1.0, 3, "iterations"),
        clr_keras.ExponentialCyclicalLearningRate(0.1, 1.0, 3, gamma=0.5),
    ]
    models = {}
    for number, lr in enumerate(schedules):
        model = one_hot_model(4, keras.optimizers.SGD(lr))
        model.compile(model.optimizer, "mse")  # a lambda as the loss would not load
        fit_one_hot(model, 4)
        path = str(folder / f"{number}.keras")
        model.save(path)
        models[path] = lr
    return models


def test_a_saved_model_loads_in_another_process(tmp_path: Any) -> None:
    """For every policy, a registered scale_fn and the drop-ins, the next learning rate is the same there."""
    models = saved_models(tmp_path)
    assert len(models) == len(oracle.KINDS) + 5
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    output = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(LOADER), *models],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )
    assert output.returncode == 0, output.stderr
    for line, lr in zip(output.stdout.splitlines(), models.values(), strict=True):
        assert json.loads(line) == [type(lr).__name__, float(lr(4))]


def test_an_unregistered_scale_fn_fails_when_saved(tmp_path: Any) -> None:
    """Saving says how to register the function; training does not need it."""
    lr = clr_keras.ScheduleLR(clr_core.cyclic(0.1, 1.0, 3, scale_fn=lambda cycle: 1 / cycle))
    model = one_hot_model(4, keras.optimizers.SGD(lr))
    fit_one_hot(model, 4)
    with pytest.raises(ValueError, match=r"@clr_core.register_scale_fn"):
        model.save(tmp_path / "model.keras")


def test_the_config_is_plain_json() -> None:
    """get_config survives json, and from_config gives an equal schedule back."""
    lr = clr_keras.ScheduleLR(clr_core.with_warmup(TRIANGULAR2, 5), steps_per_update=2)
    again = clr_keras.ScheduleLR.from_config(json.loads(json.dumps(lr.get_config())))
    assert (again.schedule, again.steps_per_update) == (lr.schedule, 2)


def test_a_wrong_argument_is_refused() -> None:
    """A schedule that is none, steps_per_update below 1 and a step that is not whole."""
    with pytest.raises(TypeError, match=r"schedule must be a clr_core schedule, got schedule=0.1"):
        clr_keras.ScheduleLR(0.1)
    with pytest.raises(ValueError, match="steps_per_update must be an int >= 1, got steps_per_update=0"):
        clr_keras.ScheduleLR(TRIANGULAR2, steps_per_update=0)
    with pytest.raises(TypeError, match="step must be an int or a tensor of ints, got dtype"):
        clr_keras.ScheduleLR(TRIANGULAR2)(1.0)


@pytest.mark.parametrize(
    "step",
    [-1, 2**31, np.int64(-1), np.int64(2**31 + 653), np.array([0, -1]), np.array([2**31], np.uint32)],
    ids=lambda step: f"{type(step).__name__} {step}",
)
@pytest.mark.parametrize("steps_per_update", [1, 4])
def test_a_step_that_is_visibly_out_of_range_is_refused(step: Any, steps_per_update: int) -> None:
    """As core does, before a cast to int32 makes another step of it."""
    lr = clr_keras.ScheduleLR(TRIANGULAR2, steps_per_update=steps_per_update)
    with pytest.raises(ValueError, match="step must be an int"):
        lr(step)
    tensor = keras.ops.convert_to_tensor(np.asarray(step))
    if keras.backend.standardize_dtype(tensor.dtype) != "int32":  # which JAX has made of an int64
        with pytest.raises(ValueError, match="step must be an int"):
            lr(tensor)


def test_every_public_name_is_listed() -> None:
    """__all__ has what the package gives out, and nothing else."""
    public = {name for name, value in vars(clr_keras).items() if not name.startswith("_") and callable(value)}
    assert public == set(clr_keras.__all__)


def test_a_missing_keras_is_named_with_the_command_that_installs_it() -> None:
    """Importing clr_keras without keras raises ModuleNotFoundError."""
    code = "import sys; sys.modules['keras'] = None; import clr_keras"
    output = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert "ModuleNotFoundError: clr_keras needs keras, which is not installed: pip install keras" in output.stderr


@pytest.mark.skipif(BACKEND != "torch", reason="about torch.compile")
def test_the_schedule_does_not_cut_the_compiled_step_in_pieces() -> None:
    """torch.compile makes as many graphs of it as of a step with a schedule of Keras's own."""
    import torch
    from torch._dynamo.utils import counters

    graphs = []
    theirs = keras.optimizers.schedules.CosineDecay(0.1, 100)
    for lr in (theirs, clr_keras.ScheduleLR(clr_core.triangular(0.1, 1.0, step_size=3))):
        torch.compiler.reset()
        counters.clear()
        fit_one_hot(one_hot_model(3, keras.optimizers.SGD(lr), jit_compile=True), 3)
        graphs.append(counters["stats"]["unique_graphs"])
    assert graphs[0] == graphs[1] > 0
