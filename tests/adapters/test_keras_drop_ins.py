"""The classes that stand in for TensorFlow Addons and bckenstler/CLR: their signatures, and their values."""

from __future__ import annotations

import inspect
import math
from contextlib import nullcontext
from typing import Any

import frameworks
import numpy as np
import oracle
import pytest

import clr_core

keras = frameworks.load("keras")
clr_keras = frameworks.load("clr_keras")

BACKEND = keras.backend.backend()
EPS = float(np.finfo(np.float32).eps)


# TensorFlow Addons.


def addons_value(step: int, low: float, high: float, size: float, scale: Any, mode: str = "cycle") -> float:
    """The formula of the Addons documentation, in double precision."""
    cycle = math.floor(1 + step / (2 * size))
    x = abs(step / size - 2 * cycle + 1)
    return float(low + (high - low) * max(0.0, 1 - x) * scale(cycle if mode == "cycle" else step))


LOW, HIGH, SIZE = 1e-4, 1e-2, 2000
ADDONS: dict[str, tuple[Any, Any, str]] = {
    "CyclicalLearningRate": (
        lambda: clr_keras.CyclicalLearningRate(LOW, HIGH, SIZE, lambda x: 1 / x),
        lambda x: 1 / x,
        "cycle",
    ),
    "CyclicalLearningRate, iterations": (
        lambda: clr_keras.CyclicalLearningRate(LOW, HIGH, SIZE, lambda x: 1 / (1 + 5e-4 * x), "iterations"),
        lambda x: 1 / (1 + 5e-4 * x),
        "iterations",
    ),
    "TriangularCyclicalLearningRate": (
        lambda: clr_keras.TriangularCyclicalLearningRate(LOW, HIGH, SIZE),
        lambda x: 1.0,
        "cycle",
    ),
    "Triangular2CyclicalLearningRate": (
        lambda: clr_keras.Triangular2CyclicalLearningRate(LOW, HIGH, SIZE),
        lambda x: 1 / 2.0 ** (x - 1),
        "cycle",
    ),
    "Triangular2CyclicalLearningRate, iterations": (
        lambda: clr_keras.Triangular2CyclicalLearningRate(LOW, HIGH, SIZE, "iterations"),
        lambda x: 2.0 ** (1 - x),
        "iterations",
    ),
    "ExponentialCyclicalLearningRate": (
        lambda: clr_keras.ExponentialCyclicalLearningRate(LOW, HIGH, SIZE, gamma=0.9999),
        lambda x: 0.9999**x,
        "iterations",
    ),
    "ExponentialCyclicalLearningRate, cycle": (
        lambda: clr_keras.ExponentialCyclicalLearningRate(LOW, HIGH, SIZE, "cycle", 0.96),
        lambda x: 0.96**x,
        "cycle",
    ),
}


@pytest.mark.parametrize(("make", "scale", "mode"), ADDONS.values(), ids=ADDONS)
def test_addons_values_are_reproduced(make: Any, scale: Any, mode: str) -> None:
    """To 1e-6 of the upper bound over two cycles, 8000 steps."""
    steps = np.arange(8000, dtype="int32")
    values = keras.ops.convert_to_numpy(make()(steps)).astype("float64")
    expected = [addons_value(int(step), LOW, HIGH, SIZE, scale, mode) for step in steps]
    assert np.abs(values - expected).max() <= 1e-6 * HIGH


@pytest.mark.parametrize("name", ["Triangular", "Triangular2", "Exponential"])
def test_addons_classes_are_right_at_a_thousand_million_steps(name: str) -> None:
    """Within 4 eps of the upper bound, where the originals, in float32, are 3 % off."""
    lr = getattr(clr_keras, f"{name}CyclicalLearningRate")(LOW, HIGH, SIZE)
    steps = [10**9 + offset for offset in (0, 1, 500, 1999, 2000, 2001, 3999)]
    values = keras.ops.convert_to_numpy(lr(np.array(steps, dtype="int32")))
    for step, value in zip(steps, values, strict=True):
        assert abs(float(value) - float(oracle.exact(lr.schedule.to_dict(), step))) <= 4 * EPS * HIGH
    if name == "Triangular":
        assert float(values[4]) == pytest.approx(HIGH, abs=4 * EPS * HIGH)  # 1e9 + 2000: a peak


SIGNATURES = {
    "CyclicalLearningRate": (
        "initial_learning_rate maximal_learning_rate step_size scale_fn scale_mode='cycle' name='CyclicalLearningRate'"
    ),
    "TriangularCyclicalLearningRate": (
        "initial_learning_rate maximal_learning_rate step_size scale_mode='cycle' name='TriangularCyclicalLearningRate'"
    ),
    "Triangular2CyclicalLearningRate": (
        "initial_learning_rate maximal_learning_rate step_size scale_mode='cycle' "
        "name='Triangular2CyclicalLearningRate'"
    ),
    "ExponentialCyclicalLearningRate": (
        "initial_learning_rate maximal_learning_rate step_size scale_mode='iterations' gamma=1.0 "
        "name='ExponentialCyclicalLearningRate'"
    ),
    "CyclicLR": (
        "base_lr=0.001 max_lr=0.006 step_size=2000.0 mode='triangular' gamma=1.0 scale_fn=None scale_mode='cycle'"
    ),
}


@pytest.mark.parametrize("name", SIGNATURES)
def test_the_signatures_are_those_of_the_originals(name: str) -> None:
    """Names, order and defaults."""
    parameters = inspect.signature(getattr(clr_keras, name)).parameters.values()
    empty = inspect.Parameter.empty
    spelled = [p.name if p.default is empty else f"{p.name}={p.default!r}" for p in parameters]
    assert " ".join(spelled) == SIGNATURES[name]
    assert all(p.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD for p in parameters)


@pytest.mark.parametrize("make", [make for make, _, _ in ADDONS.values()][2:], ids=list(ADDONS)[2:])
def test_an_addons_schedule_survives_its_config(make: Any) -> None:
    """from_config(get_config()) is the same schedule."""
    lr = make()
    again = type(lr).from_config(lr.get_config())
    steps = np.arange(0, 9000, 7, dtype="int32")
    assert again.get_config() == lr.get_config()
    assert (keras.ops.convert_to_numpy(again(steps)) == keras.ops.convert_to_numpy(lr(steps))).all()


def test_a_step_size_may_be_a_whole_float() -> None:
    """2000.0 is 2000, of any type; inside the compiled step 2000.5 is refused."""
    for size in (2000.0, np.float64(2000), np.float32(2000), np.int64(2000)):
        assert clr_keras.TriangularCyclicalLearningRate(0.0, 1.0, size).step_size == 2000
    with pytest.raises(ValueError, match=r"step_size must be a whole number, got step_size=2000.5"):
        clr_keras.TriangularCyclicalLearningRate(0.0, 1.0, 2000.5)
    with pytest.raises(ValueError, match="step_size must be an int >= 1, got step_size=0"):
        clr_keras.TriangularCyclicalLearningRate(0.0, 1.0, 0.0)
    for wrong in (0.0, -1.5, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="step_size must be a finite number > 0, got step_size="):
            clr_keras.CyclicLR(0.0, 1.0, wrong)
    with pytest.raises(TypeError, match="step_size must be an int >= 1, got step_size='4'"):
        clr_keras.CyclicLR(0.0, 1.0, "4")
    with pytest.raises(ValueError, match="scale_mode must be one of 'cycle', 'iterations', got scale_mode='epoch'"):
        clr_keras.TriangularCyclicalLearningRate(0.0, 1.0, 4, "epoch")


@clr_core.register_scale_fn("tests.keras.halving")
def halving(cycle: Any) -> Any:
    return 0.5 ** (cycle - 1)


@keras.saving.register_keras_serializable(package="tests")  # type: ignore[untyped-decorator]
def thirding(cycle: Any) -> Any:
    return 3.0 ** (1 - cycle)


def named(cycle: Any) -> Any:
    return 1 / cycle


@pytest.mark.parametrize("scale_fn", [halving, thirding, named], ids=["core's", "Keras's", "custom_objects"])
def test_a_scale_fn_is_saved_in_either_registrys_way(scale_fn: Any, tmp_path: Any) -> None:
    """Registered with clr_core, with Keras, or named in custom_objects when the model is loaded."""
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(clr_keras.CyclicalLearningRate(0.1, 1.0, 3, scale_fn)), "mse")
    model.fit(np.eye(2), np.zeros((2, 1)), verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras", custom_objects={"named": named})
    assert loaded.optimizer._learning_rate.schedule.scale_fn is scale_fn


def test_a_config_can_be_read_whatever_the_scale_fn() -> None:
    """Loggers ask for it; a function that is registered nowhere is in it as it is."""
    scale_fn = lambda cycle: 1 / cycle  # noqa: E731
    lr = clr_keras.CyclicalLearningRate(0.1, 1.0, 3, scale_fn)
    assert lr.get_config()["scale_fn"] is scale_fn
    assert clr_keras.CyclicalLearningRate.from_config(lr.get_config()).schedule == lr.schedule


# The bckenstler/CLR callback.


def one_hot_model(n: int, optimizer: Any, **compile_arguments: Any) -> Any:
    """A model whose weight k moves by minus the learning rates of the updates that batch k makes."""
    model = keras.Sequential([keras.Input((n,)), keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros")])
    model.compile(optimizer, lambda y, prediction: keras.ops.mean(prediction), **compile_arguments)
    return model


def fit(model: Any, n: int, callback: Any, epochs: int = 1) -> list[float]:
    """The weights after training, with their sign changed: the sums of the learning rates used."""
    model.fit(np.eye(n), np.zeros((n, 1)), batch_size=1, shuffle=False, verbose=0, epochs=epochs, callbacks=[callback])
    return [-float(value) for value in keras.ops.convert_to_numpy(model.trainable_variables[0].value)[:, 0]]


MODES = {
    "triangular": ({}, [0.0, 0.5, 1.0, 0.5, 0.0, 0.5, 1.0, 0.5]),
    "triangular2": ({"mode": "triangular2"}, [0.0, 0.5, 1.0, 0.5, 0.0, 0.25, 0.5, 0.25]),
    "exp_range": ({"mode": "exp_range", "gamma": 0.5}, [0, 0.25, 0.25, 0.0625, 0, 0.5**6, 0.5**6, 0.5**8]),
    "scale_fn": ({"scale_fn": lambda x: 1 / x}, [0.0, 0.5, 1.0, 0.5, 0.0, 0.25, 0.5, 0.25]),
    "iterations": (
        {"scale_fn": lambda x: x / 4, "scale_mode": "iterations"},
        [0.0, 0.125, 0.5, 0.375, 0.0, 0.625, 1.5, 0.875],
    ),
}


@pytest.mark.parametrize(("arguments", "expected"), MODES.values(), ids=MODES)
def test_the_callback_sets_the_learning_rates_of_the_formula(arguments: Any, expected: list[float]) -> None:
    """Decoded from the weights, over two epochs: what history has is what was used."""
    callback = clr_keras.CyclicLR(0.0, 1.0, 2.0, **arguments)
    n = 4
    used = fit(one_hot_model(n, keras.optimizers.SGD(0.1)), n, callback, epochs=2)
    assert used == pytest.approx([expected[k] + expected[k + n] for k in range(n)], abs=1e-6)
    assert callback.history["lr"] == pytest.approx(expected)
    assert callback.history["iterations"] == [1, 2, 3, 4, 5, 6, 7, 8]
    assert len(callback.history["loss"]) == 8
    assert (callback.clr_iterations, callback.trn_iterations) == (8, 8)


def test_the_callback_serves_all_folds_of_a_cross_validation() -> None:
    """_reset begins the cycles anew, with other bounds if asked; without it, they go on; the history goes on anyway."""
    callback = clr_keras.CyclicLR(0.0, 1.0, 4)
    assert fit(one_hot_model(3, keras.optimizers.SGD(0.1)), 3, callback) == [0.0, 0.25, 0.5]
    assert fit(one_hot_model(3, keras.optimizers.SGD(0.1)), 3, callback) == [0.75, 1.0, 0.75]
    callback._reset(new_base_lr=0.5, new_max_lr=2.5, new_step_size=2.0)
    assert (callback.clr_iterations, callback.clr()) == (0, 0.5)
    assert fit(one_hot_model(3, keras.optimizers.SGD(0.1)), 3, callback) == [0.5, 1.5, 2.5]
    assert callback.history["lr"] == [0.0, 0.25, 0.5, 0.75, 1.0, 0.75, 0.5, 1.5, 2.5]
    assert callback.trn_iterations == 9


def original(step: int, size: float, scale: Any, mode: str = "cycle") -> float:
    """The formula of bckenstler/CLR, between 0 and 1."""
    return addons_value(step, 0.0, 1.0, size, scale, mode)


@pytest.mark.parametrize("size", [2.5, 3.75, 468.75, 1 / 3, np.float64(7.1)])
@pytest.mark.parametrize(
    ("arguments", "scale", "mode"),
    [
        ({}, lambda x: 1.0, "cycle"),
        ({"mode": "triangular2"}, lambda x: 0.5 ** (x - 1), "cycle"),
        ({"mode": "exp_range", "gamma": 0.99}, lambda x: 0.99**x, "iterations"),
        ({"scale_fn": lambda x: 1 / x}, lambda x: 1 / x, "cycle"),
        ({"scale_fn": lambda x: 1 / (1 + x), "scale_mode": "iterations"}, lambda x: 1 / (1 + x), "iterations"),
    ],
    ids=["triangular", "triangular2", "exp_range", "cycle", "iterations"],
)
def test_a_step_size_of_the_callback_may_be_any_float(size: float, arguments: Any, scale: Any, mode: str) -> None:
    """len(x) / batch_size is a fraction: the values are those of the original to 1e-9 over a thousand updates."""
    callback = clr_keras.CyclicLR(0.0, 1.0, size, **arguments)
    for step in range(1000):
        callback.clr_iterations = step
        assert callback.clr() == pytest.approx(original(step, size, scale, mode), abs=1e-9)


def test_attributes_of_the_callback_may_be_changed() -> None:
    """Between fits or within one, as the original reads them anew for every update."""
    n = 3
    callback = clr_keras.CyclicLR(0.0, 1.0, 4)
    assert fit(one_hot_model(n, keras.optimizers.SGD(0.1)), n, callback) == [0.0, 0.25, 0.5]
    callback.max_lr, callback.base_lr, callback.mode = 2.0, 1.0, "triangular2"
    assert fit(one_hot_model(n, keras.optimizers.SGD(0.1)), n, callback) == [1.75, 2.0, 1.75]
    callback.step_size, callback.clr_iterations = 2, 1
    assert fit(one_hot_model(n, keras.optimizers.SGD(0.1)), n, callback) == [1.5, 2.0, 1.5]
    callback.mode = "sawtooth"
    with pytest.raises(ValueError, match="mode must be one of"):
        fit(one_hot_model(n, keras.optimizers.SGD(0.1)), n, callback)


def test_the_callback_counts_updates_where_gradients_are_accumulated() -> None:
    """Two batches an update: one learning rate, one row of history, the mean of their losses."""
    n = 7
    callback = clr_keras.CyclicLR(0.0, 1.0, 2)
    model = one_hot_model(n, keras.optimizers.SGD(0.1, gradient_accumulation_steps=2))
    used = fit(model, n, callback)
    assert [2 * lr for lr in used] == pytest.approx([0.0, 0.0, 0.5, 0.5, 1.0, 1.0, 0.0])
    assert callback.history["lr"] == [0.0, 0.5, 1.0]
    assert callback.history["iterations"] == [1, 2, 3]
    assert (callback.clr_iterations, len(callback.history["loss"])) == (3, 3)


@pytest.mark.parametrize("has_new_model", [True, False], ids=["new model", "same model"])
@pytest.mark.parametrize("has_new_callback", [True, False], ids=["new callback", "same callback"])
@pytest.mark.parametrize("is_first", [True, False], ids=["first", "second"])
def test_the_callback_goes_on_where_a_backup_resumes(
    is_first: bool, has_new_callback: bool, has_new_model: bool, tmp_path: Any
) -> None:
    """In another process or in the same one, before BackupAndRestore or behind it."""

    class PowerCut(keras.callbacks.Callback):  # type: ignore[misc, name-defined]
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            if float(self.model.optimizer.iterations) == 5:
                raise RuntimeError("power cut")

    n = 3

    def new_model() -> Any:
        return one_hot_model(n, keras.optimizers.SGD(0.1))

    def train(model: Any, callback: Any, *more: Any) -> None:
        backup = keras.callbacks.BackupAndRestore(str(tmp_path / "backup"))
        both = [callback, backup] if is_first else [backup, callback]
        arguments: Any = {"batch_size": 1, "shuffle": False, "verbose": 0, "epochs": 3}
        model.fit(np.eye(n), np.zeros((n, 1)), callbacks=[*both, *more], **arguments)

    model, callback = new_model(), clr_keras.CyclicLR(0.0, 1.0, 10)
    with pytest.raises(RuntimeError, match="power cut"):
        train(model, callback, PowerCut())
    if has_new_callback:
        callback = clr_keras.CyclicLR(0.0, 1.0, 10)
    train(new_model() if has_new_model else model, callback)
    assert callback.history["lr"][-6:] == pytest.approx([0.3, 0.4, 0.5, 0.6, 0.7, 0.8])
    assert callback.history["iterations"][-6:] == [4, 5, 6, 7, 8, 9]


def mirrored() -> Any:
    import tensorflow as tf

    return tf.distribute.MirroredStrategy(["CPU:0"]).scope()


@pytest.mark.parametrize(
    "scope",
    [nullcontext, pytest.param(mirrored, marks=pytest.mark.skipif(BACKEND != "tensorflow", reason="TensorFlow's"))],
)
def test_the_history_has_the_loss_of_each_update(scope: Any) -> None:
    """Not the running means that Keras logs, over epochs whose last batch is smaller; the epoch's logs stay Keras's."""
    known = [1.0, 5.0, 100.0, 3.0, 7.0]
    with scope():
        model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
        double = keras.metrics.MeanMetricWrapper(lambda y, prediction: 2 * y, name="double")
        model.compile("sgd", lambda y, prediction: y + 0.0 * prediction, metrics=[double])
    callback = clr_keras.CyclicLR(1e-9, 1e-8, 2)
    y = np.array(known).reshape(-1, 1)
    history = model.fit(np.zeros((5, 1)), y, batch_size=2, shuffle=False, verbose=0, epochs=2, callbacks=[callback])
    assert callback.history["loss"] == pytest.approx([3.0, 51.5, 7.0] * 2, rel=1e-5)
    assert callback.history["double"] == pytest.approx([6.0, 103.0, 14.0] * 2, rel=1e-5)
    assert history.history["loss"] == pytest.approx([sum(known) / 5] * 2, rel=1e-5)
    assert history.history["lr"] == pytest.approx([callback.history["lr"][2], callback.history["lr"][5]])


def with_one_output() -> Any:
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    metrics = ["mae", "mae", keras.metrics.RootMeanSquaredError(name="root")]
    model.compile(keras.optimizers.SGD(0.0), "mse", metrics=metrics, weighted_metrics=["mae", "mse"])
    return model


def with_two_outputs() -> Any:
    inputs = keras.Input((1,))
    model = keras.Model(inputs, [keras.layers.Dense(1, name=name)(inputs) for name in ("a", "b")])
    metrics = [["mae", keras.metrics.RootMeanSquaredError(name="root")], ["mae"]]
    model.compile(keras.optimizers.SGD(0.0), ["mse", "mae"], metrics=metrics, weighted_metrics=[["mae"], ["mae"]])
    return model


@pytest.mark.parametrize(("new_model", "outputs"), [(with_one_output, 1), (with_two_outputs, 2)])
def test_the_history_has_each_metric_under_its_own_name(new_model: Any, outputs: int) -> None:
    """Means are those of the batch, as evaluate finds them, whatever other metrics are called; others stay running."""

    class Logs(keras.callbacks.Callback):  # type: ignore[misc, name-defined]
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            running.append(dict(logs))

    running: list[Any] = []
    model, callback = new_model(), clr_keras.CyclicLR(0.0, 0.0, 2)
    x = np.linspace(-1, 2, 6).reshape(-1, 1)
    y, weights = [x**2, x - 1][:outputs], [np.linspace(0.1, 5, 6), np.linspace(2, 0.3, 6)][:outputs]
    callbacks = [callback, Logs()]
    model.fit(x, y, batch_size=2, sample_weight=weights, shuffle=False, verbose=0, callbacks=callbacks)
    for batch in range(3):
        rows = slice(2 * batch, 2 * batch + 2)
        here = [part[rows] for part in (*y, *weights)]
        alone = model.evaluate(x[rows], here[:outputs], sample_weight=here[outputs:], verbose=0, return_dict=True)
        expected = {name: running[batch][name] if "root" in name else value for name, value in alone.items()}
        assert {name: callback.history[name][batch] for name in alone} == pytest.approx(expected, rel=1e-4)


def test_the_callback_reaches_the_inner_optimizer_of_a_loss_scale() -> None:
    """In mixed_float16 the optimizer is wrapped; the learning rate is that of the one inside."""
    optimizer = keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.1))
    assert fit(one_hot_model(3, optimizer), 3, clr_keras.CyclicLR(0.0, 1.0, 4)) == [0.0, 0.25, 0.5]


def test_the_callback_refuses_what_it_cannot_do_right() -> None:
    """A schedule in the optimizer, several steps an execution, an unknown mode."""
    with pytest.raises(ValueError, match="mode must be one of 'triangular', 'triangular2', 'exp_range'"):
        clr_keras.CyclicLR(mode="sawtooth")
    lr = clr_keras.ScheduleLR(clr_core.constant(0.1))
    with pytest.raises(TypeError, match="learning_rate must be a number for CyclicLR to set it, got ScheduleLR"):
        fit(one_hot_model(3, keras.optimizers.SGD(lr)), 3, clr_keras.CyclicLR())
    if BACKEND != "torch":
        model = one_hot_model(4, keras.optimizers.SGD(0.1), steps_per_execution=2)
        with pytest.raises(ValueError, match=r"steps_per_execution must be 1 for CyclicLR .*ScheduleLR"):
            fit(model, 4, clr_keras.CyclicLR())
