"""The range test of a Keras model: the losses it records, the learning rates it uses, and that it leaves no trace."""

from __future__ import annotations

import functools
import random
from collections.abc import Iterator
from typing import Any

import frameworks
import numpy as np
import pytest

import clr_core

keras = frameworks.load("keras")
clr_keras = frameworks.load("clr_keras")

BACKEND = keras.backend.backend()
KNOWN = [1.0, 5.0, 100.0, 3.0]
SCHEDULE = clr_core.triangular(1e-3, 1e-2, step_size=3)


def known_loss_model(**compile_arguments: Any) -> Any:
    """A model whose loss is the mean of y, whatever its weights are."""
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile("sgd", lambda y, prediction: y + 0.0 * prediction, **compile_arguments)
    return model


class Parts(keras.utils.PyDataset):  # type: ignore[misc, name-defined]
    """The batches of arrays, by index."""

    def __init__(self, *arrays: Any, batch_size: int) -> None:
        super().__init__()
        self.arrays, self.batch_size = arrays, batch_size

    def __len__(self) -> int:
        return len(self.arrays[0]) // self.batch_size

    def __getitem__(self, index: int) -> Any:
        rows = slice(index * self.batch_size, (index + 1) * self.batch_size)
        return tuple(array[rows] for array in self.arrays)


def generator(*arrays: Any, batch_size: int) -> Iterator[Any]:
    parts = Parts(*arrays, batch_size=batch_size)
    while True:
        for index in range(len(parts)):
            yield parts[index]


def tf_dataset(*arrays: Any, batch_size: int) -> Any:
    tf = frameworks.load("tensorflow")
    return tf.data.Dataset.from_tensor_slices(arrays).batch(batch_size)


def torch_loader(*arrays: Any, batch_size: int) -> Any:
    torch = frameworks.load("torch")
    tensors = [torch.from_numpy(array) for array in arrays]
    return torch.utils.data.DataLoader(torch.utils.data.TensorDataset(*tensors), batch_size=batch_size)


KINDS = [Parts, generator, tf_dataset, torch_loader]


# The losses.


@pytest.mark.parametrize("kind", ["arrays", *KINDS], ids=lambda kind: getattr(kind, "__name__", kind))
def test_the_curve_has_the_true_loss_of_each_batch(kind: Any) -> None:
    """Not the running mean that fit reports, which would be 1, 3, 35.3 and 27.25."""
    x, y = np.zeros((12, 1), "float32"), np.repeat(KNOWN, 3).reshape(-1, 1).astype("float32")
    data = (x, y) if kind == "arrays" else (kind(x, y, batch_size=3),)
    curve = clr_keras.range_test(known_loss_model(), *data, batch_size=3, num_steps=4, divergence=None, shuffle=False)
    assert curve.losses == tuple(KNOWN)
    assert (curve.stop_reason, curve.optimizer, curve.momentum) == ("completed", "SGD", False)


@pytest.mark.skipif(BACKEND == "torch", reason="Keras on torch runs one step an execution")
def test_steps_per_execution_does_not_blur_the_losses() -> None:
    """A model compiled to run four steps at once is tested one step at a time."""
    x, y = np.zeros((4, 1)), np.array(KNOWN).reshape(-1, 1)
    model = known_loss_model(steps_per_execution=4)
    curve = clr_keras.range_test(model, x, y, batch_size=1, num_steps=4, divergence=None, shuffle=False)
    assert curve.losses == tuple(KNOWN)


def test_data_begin_again_when_they_run_out() -> None:
    """Four batches serve ten updates, whether arrays or a dataset."""
    x, y = np.zeros((4, 1), "float32"), np.array(KNOWN, "float32").reshape(-1, 1)
    for data in ((x, y), (Parts(x, y, batch_size=1),), (torch_loader(x, y, batch_size=1),)):
        curve = clr_keras.range_test(
            known_loss_model(), *data, batch_size=1, num_steps=10, divergence=None, shuffle=False
        )
        assert curve.losses == (*KNOWN, *KNOWN, 1.0, 5.0)


def test_arrays_are_shuffled_by_the_seed() -> None:
    """The order of the samples follows from numpy's global seed, in each pass another, each sample once."""
    x, y = np.zeros((8, 1)), np.arange(8.0).reshape(-1, 1)

    def losses(seed: int) -> tuple[float, ...]:
        keras.utils.set_random_seed(seed)
        curve = clr_keras.range_test(known_loss_model(), x, y, batch_size=1, num_steps=16, divergence=None)
        return tuple(curve.losses)

    first = losses(1)
    assert first == losses(1) != losses(2)
    assert sorted(first[:8]) == sorted(first[8:]) == list(range(8))
    assert first[:8] != first[8:]


def test_sample_and_class_weights_count() -> None:
    """The loss recorded is the weighted one, as in fit."""
    x, y = np.zeros((4, 1)), np.array([[1.0], [3.0], [1.0], [3.0]])
    arguments = {"batch_size": 2, "num_steps": 2, "divergence": None, "shuffle": False}
    weighted = clr_keras.range_test(known_loss_model(), x, y, sample_weight=np.array([1.0, 0.0, 0.0, 2.0]), **arguments)
    assert weighted.losses == (0.5, 3.0)  # (1*1 + 0*3) / 2, (0*1 + 2*3) / 2
    classes = clr_keras.range_test(known_loss_model(), x, y, class_weight={1: 0.5, 3: 1.0}, **arguments)
    assert classes.losses == (1.75, 1.75)  # (0.5*1 + 1*3) / 2


@pytest.mark.parametrize("form", ["list", "dict"])
def test_a_model_may_have_several_inputs(form: str) -> None:
    """x as a list or a dict of arrays, as fit takes it."""
    inputs = [keras.Input((1,), name=name) for name in "ab"]
    model = keras.Model(inputs, keras.layers.Dense(1)(keras.layers.Add()(inputs)))
    model.compile("sgd", lambda y, prediction: y + 0.0 * prediction)
    a, b, y = np.zeros((4, 1)), np.ones((4, 1)), np.array(KNOWN).reshape(-1, 1)
    x: Any = [a, b] if form == "list" else {"a": a, "b": b}
    curve = clr_keras.range_test(model, x, y, batch_size=1, num_steps=4, divergence=None, shuffle=False)
    assert curve.losses == tuple(KNOWN)


@pytest.mark.parametrize("form", ["csr_matrix", "coo_array"])
def test_x_may_be_sparse(form: str) -> None:
    """A matrix of scipy.sparse in any of its forms gives the losses of the dense one."""
    sparse = frameworks.load("scipy.sparse")
    x, y = np.eye(4, 3, dtype="float32"), np.arange(4.0).reshape(-1, 1)
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    arguments = {"batch_size": 2, "num_steps": 4, "divergence": None}
    dense = clr_keras.range_test(model, x, y, **arguments)
    assert clr_keras.range_test(model, getattr(sparse, form)(x), y, **arguments) == dense


@pytest.mark.parametrize("x", [None, [], "data.csv"])
def test_x_must_be_data(x: Any) -> None:
    """With what it was given in the sentence."""
    with pytest.raises(TypeError, match="must be arrays, trees of arrays or a dataset, got"):
        clr_keras.range_test(known_loss_model(), x, np.zeros((4, 1)))


def test_the_validation_loss_is_recorded_where_validation_data_are_given() -> None:
    """evaluate after each update, with a metric of it."""
    model = known_loss_model(metrics=[keras.metrics.MeanMetricWrapper(lambda y, p: 2 * y, name="double")])
    x, y = np.zeros((4, 1)), np.ones((4, 1))
    validation = (np.zeros((3, 1)), np.full((3, 1), 7.0))
    curve = clr_keras.range_test(model, x, y, batch_size=1, num_steps=3, validation_data=validation, metric="double")
    assert curve.losses == (7.0, 7.0, 7.0)
    assert curve.metrics == (14.0, 14.0, 14.0)


def test_a_metric_is_that_of_each_batch() -> None:
    """The metrics of a batch begin anew with it."""
    model = known_loss_model(metrics=[keras.metrics.MeanMetricWrapper(lambda y, p: 2 * y, name="double")])
    x, y = np.zeros((4, 1)), np.array(KNOWN).reshape(-1, 1)
    curve = clr_keras.range_test(
        model, x, y, batch_size=1, num_steps=4, divergence=None, shuffle=False, metric="double"
    )
    assert curve.metrics == (2.0, 10.0, 200.0, 6.0)


def test_a_loss_that_is_no_number_ends_the_test() -> None:
    """It is in the curve, as what happened."""
    x, y = np.zeros((4, 1)), np.array([[1.0], [np.nan], [1.0], [1.0]])
    curve = clr_keras.range_test(known_loss_model(), x, y, batch_size=1, num_steps=4, shuffle=False)
    assert curve.stop_reason == "non_finite"
    assert len(curve) == 2


def cycled(optimizer: Any) -> Any:
    return clr_keras.cycle_momentum(optimizer, clr_core.momentum_for(SCHEDULE))


def several(first: Any, second: Any) -> Any:
    if not hasattr(keras.optimizers, "MultiOptimizer"):
        pytest.skip("this Keras has no MultiOptimizer")
    return keras.optimizers.MultiOptimizer(keras.optimizers.OptimizerMap(second, {".*kernel": first}))


@pytest.mark.parametrize(
    ("new_optimizer", "name", "momentum"),
    [
        (lambda: keras.optimizers.SGD(0.1), "SGD", False),
        (lambda: keras.optimizers.SGD(0.1, momentum=0.9), "SGD", True),
        (lambda: cycled(keras.optimizers.SGD(0.1, momentum=0.9)), "SGD", True),
        (lambda: keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.1, momentum=0.9)), "SGD", True),
        (lambda: several(keras.optimizers.SGD(0.1), keras.optimizers.SGD(0.1, momentum=0.9)), "SGD", False),
        (lambda: several(keras.optimizers.SGD(0.1, momentum=0.9), keras.optimizers.Adam(0.1)), "SGD", True),
        (lambda: keras.optimizers.RMSprop(0.1, momentum=0.9), "RMSprop", None),
        (lambda: keras.optimizers.Adam(0.1), "Adam", None),
        (lambda: cycled(keras.optimizers.Adam(0.1)), "Adam", None),
    ],
    ids=["SGD", "momentum", "cycled", "loss scale", "several", "several, momentum", "RMSprop", "Adam", "cycled Adam"],
)
def test_the_curve_says_whether_sgd_has_momentum(new_optimizer: Any, name: str, momentum: bool | None) -> None:
    """True or False of SGD, also inside another optimizer or cycled; None of any other, whose momentum is its own."""
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile(new_optimizer(), "mse")
    curve = clr_keras.range_test(model, np.zeros((4, 1)), np.ones((4, 1)), num_steps=2)
    assert (curve.optimizer, curve.momentum) == (name, momentum)


# The learning rates.


def one_hot_model(n: int, optimizer: Any) -> Any:
    """A model whose weight k moves by minus the learning rate of the update that batch k makes."""
    model = keras.Sequential([keras.Input((n,)), keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros")])
    model.compile(optimizer, lambda y, prediction: keras.ops.mean(prediction))
    return model


@pytest.mark.parametrize("lr", [0.1, clr_keras.ScheduleLR(SCHEDULE)], ids=["constant", "schedule"])
@pytest.mark.parametrize("accumulate", [None, 2], ids=["plain", "accumulating"])
@pytest.mark.parametrize("fitted", [0, 3], ids=["new", "fitted"])
def test_the_learning_rates_recorded_are_those_used(lr: Any, accumulate: int | None, fitted: int) -> None:
    """Decoded from the weights, for an optimizer with a number or a schedule, begun in the middle of a group or not."""
    n = 12
    model = one_hot_model(n, keras.optimizers.SGD(lr, gradient_accumulation_steps=accumulate))
    if fitted:
        model.fit(np.eye(n)[-fitted:], np.zeros((fitted, 1)), batch_size=1, verbose=0)
    moved: list[Any] = []
    start = keras.ops.convert_to_numpy(model.trainable_variables[0].value).copy()

    def batches() -> Iterator[Any]:
        for row in np.eye(n, dtype="float32"):
            moved.append(start - keras.ops.convert_to_numpy(model.trainable_variables[0].value))
            yield row[None], np.zeros((1, 1), "float32")

    group = accumulate or 1
    first_group = group - fitted % group
    updates = 1 + (n - 1 - first_group) // group
    curve = clr_keras.range_test(model, batches(), num_steps=updates, divergence=None)
    assert curve.lrs[0] == 1e-7
    assert curve.lrs[-1] == 10.0
    ends = [first_group + group * k for k in range(updates) if first_group + group * k < len(moved)]
    for k, end in enumerate(ends):
        # The batch just before the end of a group has its share of the update's learning rate.
        assert moved[end][end - 1, 0] == pytest.approx(curve.lrs[k] / group, rel=1e-6)
    assert len(ends) >= updates - 1


def test_several_optimizers_keep_their_ratio() -> None:
    """The recorded learning rate is that of the first of optimizer.optimizers; the other is a tenth of it."""
    if not hasattr(keras.optimizers, "MultiOptimizer"):
        pytest.skip("this Keras has no MultiOptimizer")
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, name="a"), keras.layers.Dense(1, name="b")])
    first, second = keras.optimizers.SGD(0.1), keras.optimizers.Adam(clr_keras.ScheduleLR(clr_core.constant(0.01)))
    optimizers = keras.optimizers.OptimizerMap(second, {".*a/.*": first})
    model.compile(keras.optimizers.MultiOptimizer(optimizers), "mse")
    used: list[Any] = []

    def batches() -> Iterator[Any]:
        while True:
            used.append([float(one.learning_rate) for one in (first, second)])
            yield np.zeros((1, 1)), np.zeros((1, 1))

    curve = clr_keras.range_test(model, batches(), start_lr=1e-3, num_steps=6)
    # A batch is fetched after the learning rate is set, but for the first, which is looked at before.
    assert [pair[0] for pair in used[1:]] == pytest.approx(list(curve.lrs[1:]), rel=1e-6)
    assert [pair[1] for pair in used[1:]] == pytest.approx([lr / 10 for lr in curve.lrs[1:]], rel=1e-6)
    assert not model.optimizer.built


# No trace.


def dropout_model(optimizer: Any) -> Any:
    keras.utils.set_random_seed(3)
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((4,)),
            layers.Dense(8, activation="relu"),
            layers.BatchNormalization(),
            layers.Dropout(0.5),
            layers.Dense(2),
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer, loss, metrics=["accuracy"])
    return model


def data() -> tuple[Any, Any]:
    generator = np.random.default_rng(0)
    x = generator.random((96, 4)).astype("float32")
    return x, (x.sum(1) > 2).astype("int32")


def global_generator() -> Any:
    """What keras.random draws from without a seed."""
    from keras.src.random.seed_generator import global_seed_generator

    return global_seed_generator()


def state(model: Any) -> dict[str, Any]:
    """All that a range test could have changed, as bytes and identities."""
    optimizer = model.optimizer
    found: dict[str, Any] = {
        "values": [
            keras.ops.convert_to_numpy(v.value).tobytes()
            for v in [*model.variables, *optimizer.variables, *model.metrics_variables]
        ],
        "variables": [id(v) for v in [*model.variables, *optimizer.variables, *model.metrics_variables]],
        "optimizer": {name: id(value) for name, value in vars(optimizer).items()},
        "contents": {n: len(v) for n, v in vars(optimizer).items() if isinstance(v, list | dict)},
        "functions": (id(model.train_function), id(model.test_function), "train_step" in vars(model)),
        "stop_training": model.stop_training,
        "keras": keras.ops.convert_to_numpy(global_generator().state.value).tobytes(),
        "python": random.getstate(),
        "numpy": np.random.get_state(legacy=False)["state"]["key"].tobytes(),
    }
    if BACKEND == "torch":
        import torch

        found["torch"] = torch.get_rng_state().numpy().tobytes()
        layers = [module for module in model.modules() if isinstance(module, keras.layers.Layer)]
        found["modes"] = [layer.training for layer in layers]
        found["grads"] = [id(parameter.grad) for parameter in model.parameters()]
    return found


OPTIMIZERS = {
    "Adam": lambda: keras.optimizers.Adam(0.01),
    "Adam with a schedule": lambda: keras.optimizers.Adam(clr_keras.ScheduleLR(SCHEDULE)),
    "SGD, momentum, accumulating": lambda: keras.optimizers.SGD(0.01, momentum=0.9, gradient_accumulation_steps=3),
    "averaging": lambda: keras.optimizers.AdamW(0.01, use_ema=True),
    "a function": lambda: keras.optimizers.SGD(lambda: 0.01),
    "cycled momentum": lambda: clr_keras.cycle_momentum(
        keras.optimizers.SGD(clr_keras.ScheduleLR(SCHEDULE), momentum=0.9), clr_core.momentum_for(SCHEDULE)
    ),
}


@pytest.mark.parametrize(
    ("name", "fitted"),
    [
        ("Adam", False),
        ("Adam", True),
        ("Adam with a schedule", False),
        ("Adam with a schedule", True),
        ("SGD, momentum, accumulating", True),
        ("averaging", False),
        ("a function", False),
        ("cycled momentum", True),
    ],
)
def test_everything_is_as_before_the_second_time_too(name: str, fitted: bool) -> None:
    """Variables, dropout's seeds, optimizer, metrics, functions and random states; and fit goes on as without."""
    x, y = data()

    def begin() -> Any:
        model = dropout_model(OPTIMIZERS[name]())
        if fitted:
            model.fit(x, y, verbose=0)
        return model

    model = begin()
    before = state(model)
    curves = [clr_keras.range_test(model, x, y, num_steps=8, metric="accuracy") for _ in range(2)]
    assert state(model) == before
    assert curves[0] == curves[1]
    assert len(set(curves[0].losses)) > 1
    assert curves[0].optimizer in ("Adam", "AdamW", "SGD")
    assert model.optimizer.built == fitted
    model.fit(x, y, verbose=0)
    after = state(model)["values"]

    other = begin()
    other.fit(x, y, verbose=0)
    assert state(other)["values"] == after


@pytest.mark.parametrize("fitted", [False, True], ids=["new", "fitted"])
def test_an_interrupted_test_returns_what_it_has(fitted: bool) -> None:
    """On Ctrl-C in the fifth batch: four points, stop reason "interrupted", and everything as before."""
    x, y = data()

    def batches() -> Iterator[Any]:
        for _ in range(4):
            yield x, y
        raise KeyboardInterrupt

    model = dropout_model(keras.optimizers.Adam(clr_keras.ScheduleLR(SCHEDULE)))
    if fitted:
        model.fit(x, y, verbose=0)
    before = state(model)
    curve = clr_keras.range_test(model, batches(), num_steps=8)
    assert (len(curve), curve.stop_reason) == (4, "interrupted")
    assert state(model) == before


def test_an_exception_passes_after_everything_is_put_back() -> None:
    """An error in the data is the caller's, and the model is as before."""
    x, y = data()

    def batches() -> Iterator[Any]:
        yield x, y
        yield x, y
        raise ZeroDivisionError("in the data")

    model = dropout_model(keras.optimizers.Adam(0.01))
    before = state(model)
    with pytest.raises(ZeroDivisionError, match="in the data"):
        clr_keras.range_test(model, batches(), num_steps=8)
    assert state(model) == before


def test_dropout_is_at_work_in_the_test() -> None:
    """Its random state moves during the test, else that it is as before would say nothing."""
    x, y = data()
    seen: list[Any] = []
    model = dropout_model(keras.optimizers.Adam(0.01))
    (seed,) = (variable for variable in model.variables if "seed" in variable.path)

    def random_state() -> Any:
        if BACKEND == "torch":  # where Keras's dropout draws from torch's global generator
            return state(model)["torch"]
        return keras.ops.convert_to_numpy(seed.value).tobytes()

    def batches() -> Iterator[Any]:
        for _ in range(3):
            seen.append(random_state())
            yield x, y

    clr_keras.range_test(model, batches(), num_steps=3)
    assert len(set(seen[1:])) == 2
    assert random_state() == seen[0]


def test_a_schedule_compiled_before_does_not_hide_the_test() -> None:
    """After fit with a schedule, the test uses its own learning rates, and fit after it the schedule's again."""
    n = 6
    schedule = clr_core.triangular(0.25, 1.0, step_size=3)
    model = one_hot_model(n, keras.optimizers.SGD(clr_keras.ScheduleLR(schedule)))

    def fit() -> list[float]:
        before = keras.ops.convert_to_numpy(model.trainable_variables[0].value).copy()
        model.fit(np.eye(n), np.zeros((n, 1)), batch_size=1, shuffle=False, verbose=0)
        moved = before - keras.ops.convert_to_numpy(model.trainable_variables[0].value)
        return [float(value) for value in moved[:, 0]]

    assert fit() == pytest.approx(schedule.values(6))
    for _ in range(2):
        curve = clr_keras.range_test(
            model,
            np.eye(n)[:1],
            np.zeros((1, 1)),
            batch_size=1,
            start_lr=1.0,
            end_lr=2.0,
            num_steps=3,
            mode="linear",
            divergence=None,
        )
        # The one sample's loss is its weight, which falls by the learning rate: -0.25, then 1.0 and 1.5 less.
        assert curve.losses == (-0.25, -1.25, -2.75)
    assert fit() == pytest.approx(schedule.values(12)[6:])


def test_a_model_without_weights_stays_without() -> None:
    """It is built for the test, by the weights that fit would have given it, and is not built afterwards."""
    x = np.linspace(0.0, 1.0, 32).reshape(-1, 1)

    def begin() -> Any:
        keras.utils.set_random_seed(1)
        model = keras.Sequential([keras.layers.Dense(3), keras.layers.Dropout(0.5), keras.layers.Dense(1)])
        model.compile("sgd", "mse")
        return model

    model, plain = begin(), begin()
    curve = clr_keras.range_test(model, x, x, num_steps=5)
    assert (len(curve), model.built, model.optimizer.built) == (5, False, False)
    for one in (model, plain):
        keras.utils.set_random_seed(2)
        one.fit(x, x, verbose=0)
    assert all((a == b).all() for a, b in zip(model.get_weights(), plain.get_weights(), strict=True))


# Refusals.


def test_what_cannot_be_right_is_refused() -> None:
    """A model that is not compiled, data that end, weights beside a dataset, an unknown metric, and more."""
    model, x, y = known_loss_model(), np.zeros((4, 1)), np.ones((4, 1))
    with pytest.raises(ValueError, match="model must be compiled with an optimizer"):
        clr_keras.range_test(keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)]), x, y)
    with pytest.raises(ValueError, match="x must give a batch to every update of the range test, got 2"):
        clr_keras.range_test(model, iter([(x, y), (x, y)]), num_steps=3)
    with pytest.raises(ValueError, match="x must give a batch to every update of the range test, got 0"):
        clr_keras.range_test(model, iter([]), num_steps=3)
    with pytest.raises(ValueError, match="y and sample_weight must come with each batch of x"):
        clr_keras.range_test(model, Parts(x, y, batch_size=1), y)
    with pytest.raises(ValueError, match=r"metric must be one of 'loss', got metric='accuracy'"):
        clr_keras.range_test(model, x, y, metric="accuracy")
    with pytest.raises(TypeError, match="validation_data must be arrays or a dataset"):
        clr_keras.range_test(model, x, y, validation_data=iter([(x, y)]))
    with pytest.raises(ValueError, match=r"x, y and sample_weight must have the same number of samples, got \[3, 4\]"):
        clr_keras.range_test(model, x, y[:3])
    with pytest.raises(TypeError, match="x, y and sample_weight must be arrays, trees of arrays or a dataset"):
        clr_keras.range_test(model, [1.0, 2.0], y)
    with pytest.raises(ValueError, match="num_steps must be an int >= 2, got num_steps=1"):
        clr_keras.range_test(model, x, y, num_steps=1)


def test_find_bounds_takes_it_as_it_is() -> None:
    """With the arguments of the test bound, and no glue; the model is as before, whatever was tested."""
    x = np.random.default_rng(0).normal(size=(256, 4)).astype("float32")
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.Adam(), "mse")
    before = model.get_weights()
    run = functools.partial(clr_keras.range_test, model, x, x @ np.array([[1.0], [-2.0], [0.5], [0.1]], "float32"))
    bounds = clr_core.find_bounds(run, total_steps=200)
    assert 1e-4 < bounds.max_lr < bounds.evidence.rise_lr * 10
    assert len(bounds.curves[0]) <= bounds.test_updates <= 1000
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))
