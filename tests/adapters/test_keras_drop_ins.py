"""The classes that stand in for TensorFlow Addons and bckenstler/CLR: their signatures, and their values."""

from __future__ import annotations

import inspect
import math
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
    """2000.0 is 2000; 2000.5 is refused, by both families."""
    assert clr_keras.TriangularCyclicalLearningRate(0.0, 1.0, 2000.0).step_size == 2000
    assert clr_keras.CyclicLR(0.0, 1.0, 4.0).clr() == 0.0
    for make in (clr_keras.TriangularCyclicalLearningRate, clr_keras.CyclicLR):
        with pytest.raises(ValueError, match=r"step_size must be a whole number of updates, got step_size=2000.5"):
            make(0.0, 1.0, 2000.5)
        with pytest.raises(ValueError, match="step_size must be an int >= 1, got step_size=0"):
            make(0.0, 1.0, 0.0)
    with pytest.raises(ValueError, match="scale_mode must be one of 'cycle', 'iterations', got scale_mode='epoch'"):
        clr_keras.TriangularCyclicalLearningRate(0.0, 1.0, 4, "epoch")


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
