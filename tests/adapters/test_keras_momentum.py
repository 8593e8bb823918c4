"""Momentum that follows a schedule in the compiled step, read back from weights and slots."""

from __future__ import annotations

from typing import Any

import frameworks
import numpy as np
import pytest

import clr_core

keras = frameworks.load("keras")
clr_keras = frameworks.load("clr_keras")

BACKEND = keras.backend.backend()
N = 12
LR = clr_core.triangular(0.1, 1.0, step_size=3)
MOMENTUM = clr_core.momentum_for(LR, low=0.5, high=0.9)
CELLS = [(jit, n) for jit in (False, True) for n in ((1,) if BACKEND == "torch" else (1, 4))]
if BACKEND == "torch":
    CELLS.remove((True, 1))  # torch.compile takes longer than the rest together; see the test beside it

OPTIMIZERS = {
    "SGD": lambda: keras.optimizers.SGD(0.5, momentum=0.5),
    "SGD, nesterov": lambda: keras.optimizers.SGD(0.5, momentum=0.5, nesterov=True),
    "Adam": lambda: keras.optimizers.Adam(0.5, beta_1=0.5),
    "AdamW": lambda: keras.optimizers.AdamW(0.5, beta_1=0.5),
    "Adamax": lambda: keras.optimizers.Adamax(0.5, beta_1=0.5),
    "Nadam": lambda: keras.optimizers.Nadam(0.5, beta_1=0.5),
    "Lamb": lambda: keras.optimizers.Lamb(0.5, beta_1=0.5),
    "Lion": lambda: keras.optimizers.Lion(0.5, beta_1=0.5, beta_2=0.5),
}


def trained(optimizer: Any, rows: Any, **compile_arguments: Any) -> Any:
    """A model after one epoch in which the gradient at batch k was row k."""
    model = keras.Sequential(
        [keras.Input((rows.shape[1],)), keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros")]
    )
    model.compile(optimizer, lambda y, prediction: keras.ops.mean(prediction), **compile_arguments)
    model.fit(rows, np.zeros((len(rows), 1)), batch_size=1, shuffle=False, verbose=0)
    return model


def numbers(variable: Any) -> Any:
    return keras.ops.convert_to_numpy(variable.value).astype("float64").ravel()


def momentum_of_sgd(model: Any, lr: float) -> list[float]:
    """Of updates 1 to N - 1: weight j moved by lr * (1 + m[j+1] * (1 + m[j+2] * (...)))."""
    sums = numbers(model.trainable_variables[0]) / -lr
    return list((sums[:-1] - 1) / sums[1:])


def beta_1_of_adam(model: Any) -> list[float]:
    """Of updates 0 to N - 1: slot j is (1 - b[j]) * b[j+1] * ... * b[N-1]."""
    (slots,) = (v for v in model.optimizer.variables if v.path.endswith("momentum"))
    betas: list[float] = []
    product = 1.0
    for slot in numbers(slots)[::-1]:
        betas.insert(0, 1 - slot / product)
        product *= betas[0]
    return betas


@pytest.mark.parametrize(("jit", "steps_per_execution"), CELLS)
def test_the_momentum_of_sgd_is_the_schedules(jit: bool, steps_per_execution: int) -> None:
    """Decoded from the weights, in every cell of compilation and steps_per_execution."""
    optimizer = clr_keras.cycle_momentum(keras.optimizers.SGD(0.5, momentum=0.9), MOMENTUM)
    model = trained(optimizer, np.eye(N), jit_compile=jit, steps_per_execution=steps_per_execution)
    assert momentum_of_sgd(model, 0.5) == pytest.approx(MOMENTUM.values(N)[1:], abs=1e-5)


@pytest.mark.parametrize(("jit", "steps_per_execution"), CELLS)
def test_the_beta_1_of_adam_is_the_schedules(jit: bool, steps_per_execution: int) -> None:
    """Decoded from the first moments, in every cell, beside a learning rate that follows its own schedule."""
    optimizer = clr_keras.cycle_momentum(keras.optimizers.Adam(clr_keras.ScheduleLR(LR)), MOMENTUM)
    model = trained(optimizer, np.eye(N), jit_compile=jit, steps_per_execution=steps_per_execution)
    assert beta_1_of_adam(model) == pytest.approx(MOMENTUM.values(N), abs=1e-5)


@pytest.mark.skipif(BACKEND != "torch", reason="in the cells above")
def test_torch_compile_keeps_the_schedule() -> None:
    """The same two through torch.compile, for a few updates."""
    import torch

    torch.compiler.reset()  # past eight compiled models in a process, torch would run the next uncompiled
    sgd = clr_keras.cycle_momentum(keras.optimizers.SGD(0.5, momentum=0.9), MOMENTUM)
    model = trained(sgd, np.eye(4), jit_compile=True)
    assert momentum_of_sgd(model, 0.5) == pytest.approx(MOMENTUM.values(4)[1:], abs=1e-5)
    adam = clr_keras.cycle_momentum(keras.optimizers.Adam(0.5), MOMENTUM)
    model = trained(adam, np.eye(4), jit_compile=True)
    assert beta_1_of_adam(model) == pytest.approx(MOMENTUM.values(4), abs=1e-5)


def test_the_momentum_is_counted_in_updates() -> None:
    """Where gradients are accumulated, batches 2k and 2k + 1 make update k, which has momentum k."""
    optimizer = keras.optimizers.SGD(0.5, momentum=0.9, gradient_accumulation_steps=2)
    model = trained(clr_keras.cycle_momentum(optimizer, MOMENTUM), np.repeat(np.eye(6), 2, axis=0))
    assert momentum_of_sgd(model, 0.5) == pytest.approx(MOMENTUM.values(6)[1:], abs=1e-5)


@pytest.mark.parametrize("optimizer", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_a_constant_schedule_changes_nothing(optimizer: Any) -> None:
    """Every optimizer moves the weights as it does with the number itself."""
    rows = np.random.default_rng(0).normal(size=(6, 3))
    plain = numbers(trained(optimizer(), rows).trainable_variables[0])
    same = clr_keras.cycle_momentum(optimizer(), clr_core.constant(0.5))
    assert numbers(trained(same, rows).trainable_variables[0]) == pytest.approx(plain, rel=1e-5)


@pytest.mark.parametrize("optimizer", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_a_moving_schedule_changes_the_second_update(optimizer: Any) -> None:
    """No optimizer ignores it: momentum 0.9 carries on after the gradient has turned, momentum 0.2 less so."""
    rows = np.array([[1.0], [-1.0]])
    ends = []
    for second in (0.2, 0.9):
        schedule = clr_core.join([clr_core.constant(0.5), clr_core.constant(second)], [1])
        ends.append(numbers(trained(clr_keras.cycle_momentum(optimizer(), schedule), rows).trainable_variables[0])[0])
    assert ends[1] < ends[0] - 0.01


@pytest.mark.parametrize("name", ["SGD", "Adam"])
def test_the_schedule_is_saved_with_the_model(tmp_path: Any, name: str) -> None:
    """The loaded optimizer goes on as the saved one does."""
    optimizer = clr_keras.cycle_momentum(OPTIMIZERS[name](), MOMENTUM)
    model = trained(optimizer, np.eye(4))
    model.compile(optimizer, "mse")
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert loaded.optimizer.momentum_schedule == MOMENTUM
    for one in (model, loaded):
        one.fit(np.eye(4), np.ones((4, 1)), batch_size=1, shuffle=False, verbose=0)
    assert (model.get_weights()[0] == loaded.get_weights()[0]).all()
    assert optimizer.get_config()["momentum" if name == "SGD" else "beta_1"] == 0.5


def test_an_optimizer_without_such_a_momentum_is_refused() -> None:
    """The error says which optimizers work; so do SGD without momentum and a schedule that leaves [0, 1)."""
    with pytest.raises(TypeError, match=r"one of Keras's own SGD, Adam, .*, got RMSprop: the momentum of any other"):
        clr_keras.cycle_momentum(keras.optimizers.RMSprop(momentum=0.9), MOMENTUM)
    with pytest.raises(TypeError, match="of a LossScaleOptimizer, cycle the inner optimizer"):
        clr_keras.cycle_momentum(keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam()), MOMENTUM)
    with pytest.raises(ValueError, match="optimizer must have a momentum > 0 to begin with"):
        clr_keras.cycle_momentum(keras.optimizers.SGD(), MOMENTUM)
    with pytest.raises(ValueError, match=r"schedule must stay in \[0, 1\)"):
        clr_keras.cycle_momentum(keras.optimizers.Adam(), LR)
    with pytest.raises(TypeError, match=r"schedule must be a clr_core schedule, got schedule=0.9"):
        clr_keras.cycle_momentum(keras.optimizers.Adam(), 0.9)
