"""Training after a range test is training without one, bit for bit, whatever the model keeps its state in."""

from __future__ import annotations

import collections
import functools
import random
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any

import frameworks
import numpy as np
import pytest

import clr_core

keras = frameworks.load("keras")
clr_keras = frameworks.load("clr_keras")

BACKEND = keras.backend.backend()
SCHEDULE = clr_core.triangular(1e-3, 1e-2, step_size=3)
ROWS, COLUMNS, BATCH = 32, 4, 8
layers = keras.layers


def arrays() -> tuple[Any, Any]:
    generator = np.random.default_rng(0)
    x = generator.normal(size=(ROWS, COLUMNS)).astype("float32")
    return x, x.sum(1, keepdims=True).astype("float32")


class Remembering(layers.Layer):  # type: ignore[misc, name-defined]
    """A layer whose state is in everything but tracked variables."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0
        self.is_initialised = False
        self.recent: list[int] = []
        self.seen = {"rows": 0}
        self.counts = np.zeros(3)
        self.noise = random.Random(7)
        self.helper = Helper()

    def call(self, x: Any) -> Any:
        self.calls += 1
        self.is_initialised = True
        self.recent.append(self.calls)
        self.seen["rows"] += 1
        self.counts[0] += 1
        self.helper.used = self.calls
        return x * (1.0 + 0.01 * self.noise.random())

    def state(self) -> Any:
        own = self.calls, self.is_initialised, list(self.recent), dict(self.seen), self.counts.tobytes()
        return *own, self.noise.getstate(), self.helper.used


class Helper:
    """An object of no framework."""

    used = 0


class Counted:
    """An object that is held by one of its methods alone."""

    calls = 0

    def count(self) -> None:
        self.calls += 1


@dataclass(slots=True)
class Slotted:
    calls: int = 0


class Holding(layers.Layer):  # type: ignore[misc, name-defined]
    """A layer whose state is in ordinary objects, behind which it has to be looked for."""

    def __init__(self) -> None:
        super().__init__()
        self.namespace = types.SimpleNamespace(calls=0)
        self.slotted = Slotted()
        self.count = Counted().count
        self.record = functools.partial(self._record, {"calls": 0})
        self.user_dict = collections.UserDict(calls=0)
        self.elements = np.array([Counted()], object)
        self.cell = bytearray(1)
        self.entropy = random.SystemRandom()

    @staticmethod
    def _record(cell: dict[str, int]) -> None:
        cell["calls"] += 1

    def call(self, x: Any) -> Any:
        self.namespace.calls += 1
        self.slotted.calls += 1
        self.count()
        self.record()
        self.user_dict["calls"] += 1
        self.elements[0].count()
        self.cell[0] += 1
        self.entropy.random()
        return x

    def state(self) -> Any:
        objects = self.namespace.calls, self.slotted.calls, self.count.__self__.calls, self.elements[0].calls
        return *objects, self.record.args[0]["calls"], self.user_dict["calls"], self.cell[0]


class Masking(layers.Layer):  # type: ignore[misc, name-defined]
    """A layer with a torch tensor whose elements share their memory, and another that lies within it."""

    def __init__(self) -> None:
        super().__init__()
        torch = frameworks.load("torch")
        self.mask = torch.ones(1).expand(COLUMNS)
        self.first = self.mask[:1]

    def call(self, x: Any) -> Any:
        self.first *= 0.9
        return x * self.mask


class Drawing(layers.Layer):  # type: ignore[misc, name-defined]
    """A layer with a generator of TensorFlow's."""

    def __init__(self) -> None:
        super().__init__()
        self.noise = frameworks.load("tensorflow").random.Generator.from_seed(1)

    def call(self, x: Any) -> Any:
        return x + 0.1 * self.noise.normal(keras.ops.shape(x))


class Refusing(np.ndarray):  # type: ignore[type-arg]
    """An array that may refuse to be written to, as a file that another program has closed."""

    refuses = False

    def __setitem__(self, key: Any, value: Any) -> None:
        if type(self).refuses:
            raise OSError("closed")
        super().__setitem__(key, value)


class Unresettable(keras.metrics.Metric):  # type: ignore[misc, name-defined]
    """A metric of the whole run: what reset_state does is nothing."""

    def __init__(self) -> None:
        super().__init__(name="unresettable")
        self.total = self.add_variable((), "zeros", name="total")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        self.total.assign_add(1.0)

    def result(self) -> Any:
        return self.total * 1.0

    def reset_state(self) -> None:
        pass


class Subclassed(keras.Model):  # type: ignore[misc, name-defined]
    """A model that builds its layers when first called."""

    def build(self, shape: Any) -> None:
        self.hidden = [layers.Dense(5, activation="tanh"), layers.Dropout(0.3)]
        self.out = layers.Dense(1)
        self.built = True

    def call(self, x: Any, training: bool = False) -> Any:
        for layer in self.hidden:
            x = layer(x, training=training) if isinstance(layer, layers.Dropout) else layer(x)
        return self.out(x)


class OwnStep(keras.Model):  # type: ignore[misc, name-defined]
    """A model whose train_step takes the pairs that fit gives."""

    def train_step(self, *arguments: Any) -> Any:
        x, y = arguments[-1]
        return super().train_step(*arguments[:-1], (x, y))


def compiled(model: Any, optimizer: Any = None, **arguments: Any) -> Any:
    optimizer = keras.optimizers.Adam(0.01) if optimizer is None else optimizer
    model.compile(optimizer, "mse", **({"metrics": ["mae"]} | arguments))
    return model


def sequential(*inner: Any, optimizer: Any = None, **arguments: Any) -> Any:
    return compiled(keras.Sequential([keras.Input((COLUMNS,)), *inner, layers.Dense(1)]), optimizer, **arguments)


def dropout(optimizer: Any = None, **arguments: Any) -> Any:
    inner = layers.Dense(6, activation="relu"), layers.BatchNormalization(), layers.Dropout(0.5)
    return sequential(*inner, optimizer=optimizer, **arguments)


def recurrent() -> Any:
    inner = layers.Reshape((2, 2)), layers.SimpleRNN(3, stateful=True), layers.Dense(1)
    return compiled(keras.Sequential([keras.Input(batch_shape=(BATCH, COLUMNS)), *inner]))


def own_step() -> Any:
    inputs = keras.Input((COLUMNS,))
    return compiled(OwnStep(inputs, layers.Dense(1)(layers.Dropout(0.5)(inputs))))


def step_of_the_instance() -> Any:
    model = dropout()
    class_step = model.train_step

    def train_step(*arguments: Any) -> Any:
        x, y = arguments[-1]
        return class_step(*arguments[:-1], (x, y))

    model.train_step = train_step
    return model


def nested() -> Any:
    inner = keras.Sequential([keras.Input((COLUMNS,)), layers.Dense(3), layers.BatchNormalization()])
    return sequential(inner, layers.GaussianNoise(0.1))


def several() -> Any:
    if not hasattr(keras.optimizers, "MultiOptimizer"):
        pytest.skip("this Keras has no MultiOptimizer")
    first, second = keras.optimizers.SGD(0.01, 0.9, name="first"), keras.optimizers.Adam(0.001, name="second")
    pairs = keras.optimizers.OptimizerMap(second, {".*kernel": first})
    return dropout(keras.optimizers.MultiOptimizer(pairs))


def torch_module() -> Any:
    torch = frameworks.load("torch")
    inner = torch.nn.Sequential(torch.nn.Linear(COLUMNS, 5), torch.nn.BatchNorm1d(5), torch.nn.Dropout(0.5))
    return sequential(layers.TorchModuleWrapper(inner))


def mirrored() -> Any:
    import tensorflow as tf

    with tf.distribute.MirroredStrategy(["CPU:0"]).scope():
        return dropout()


def cycled() -> Any:
    sgd = keras.optimizers.SGD(clr_keras.ScheduleLR(SCHEDULE), momentum=0.9)
    return dropout(clr_keras.cycle_momentum(sgd, clr_core.momentum_for(SCHEDULE)))


SETUPS: dict[str, Callable[[], Any]] = {
    "Adam, dropout, batch norm": dropout,
    "SGD": lambda: dropout(keras.optimizers.SGD(0.01)),
    "SGD, accumulating": lambda: dropout(keras.optimizers.SGD(0.01, momentum=0.9, gradient_accumulation_steps=3)),
    "RMSprop with a schedule": lambda: dropout(keras.optimizers.RMSprop(clr_keras.ScheduleLR(SCHEDULE))),
    "AdamW, averaging": lambda: dropout(keras.optimizers.AdamW(0.01, use_ema=True)),
    "Lion with a function": lambda: dropout(keras.optimizers.Lion(lambda: 0.001)),
    "loss scale": lambda: dropout(keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam(0.01))),
    "several optimizers": several,
    "cycled momentum": cycled,
    "eager": lambda: dropout(run_eagerly=True),
    "several steps an execution": lambda: dropout(steps_per_execution=2),
    "weighted metrics": lambda: dropout(weighted_metrics=["mse"]),
    "an unresettable metric": lambda: dropout(metrics=[Unresettable()]),
    "an AUC": lambda: dropout(metrics=[keras.metrics.R2Score()]),
    "stateful recurrent": recurrent,
    "attributes": lambda: sequential(Remembering(), layers.Dropout(0.5), run_eagerly=True),
    "ordinary objects": lambda: sequential(Holding(), run_eagerly=True),
    "attributes, compiled": lambda: sequential(Remembering(), layers.Dropout(0.5)),
    "subclassed, not built": lambda: compiled(Subclassed()),
    "a train_step of its own": own_step,
    "a train_step of the instance": step_of_the_instance,
    "nested": nested,
    "spectral norm": lambda: sequential(layers.SpectralNormalization(layers.Dense(3))),
}
if BACKEND == "torch":
    del SETUPS["several steps an execution"]  # which Keras does not have on torch
    SETUPS["a torch module"] = torch_module
    SETUPS["overlapping memory"] = lambda: sequential(Masking())
if BACKEND != "tensorflow":
    del SETUPS["stateful recurrent"]  # which Keras cannot train on torch, and whose state JAX loses between steps
if BACKEND == "tensorflow":
    SETUPS["a distribution strategy"] = mirrored
    SETUPS["a generator of TensorFlow"] = lambda: sequential(Drawing())


NOT_SETTABLE = (
    "several optimizers",
    "RMSprop with a schedule",
    "Lion with a function",
    "cycled momentum",
    "several steps an execution",
)
"""Where a callback cannot set the learning rate of each batch, and the finder says so."""


@dataclass
class Trained:
    """What training left: values by the path of their variable, plain attributes, and the logs."""

    values: list[bytes]
    attributes: list[Any]
    history: Any


def trained(model: Any, **fit: Any) -> Trained:
    x, y = arrays()
    fit = {"epochs": 2, "batch_size": BATCH, "verbose": 0} | fit
    stop = keras.callbacks.EarlyStopping("loss", patience=5, restore_best_weights=True)
    callbacks: list[Any] = [stop]
    if isinstance(vars(model.optimizer).get("_learning_rate"), keras.Variable):
        callbacks.append(keras.callbacks.ReduceLROnPlateau("loss", patience=1))
    history = model.fit(x, y, callbacks=callbacks, **fit).history
    states = [keras.tree.flatten(layer.states) for layer in model.layers if getattr(layer, "stateful", False)]
    variables = [*model.variables, *model.optimizer.variables, *model.metrics_variables, *chain(*states)]
    values = [keras.ops.convert_to_numpy(keras.ops.convert_to_tensor(v)).tobytes() for v in variables]
    attributes = [layer.state() for layer in model.layers if isinstance(layer, Remembering | Holding)]
    return Trained(values, attributes, dict(history))


def begin(name: str, *, fitted: bool) -> Any:
    if BACKEND == "jax" and fitted and name == "AdamW, averaging":
        pytest.skip("on JAX, Keras itself cannot train a second time after a fit that ended with averaged weights")
    keras.utils.set_random_seed(3)
    model = SETUPS[name]()
    if fitted:
        x, y = arrays()
        model.fit(x, y, batch_size=BATCH, verbose=0)
    return model


@pytest.mark.parametrize("fitted", [False, True], ids=["new", "fitted"])
@pytest.mark.parametrize("name", SETUPS)
def test_training_after_a_range_test_is_training_without_one(name: str, fitted: bool) -> None:
    """Shuffled, for two epochs, with callbacks: the same values, attributes and logs."""
    x, y = arrays()
    tested, plain = begin(name, fitted=fitted), None
    curve = clr_keras.range_test(tested, x, y, batch_size=BATCH, num_steps=6)
    assert len(set(curve.losses)) > 1
    after = trained(tested)
    plain = trained(begin(name, fitted=fitted))
    assert after == plain


@pytest.mark.parametrize("fitted", [BACKEND != "tensorflow"], ids=["fitted" if BACKEND != "tensorflow" else "new"])
@pytest.mark.parametrize("name", [name for name in SETUPS if name not in NOT_SETTABLE])
def test_training_after_a_finder_is_training_without_one(name: str, fitted: bool) -> None:
    """As above, in the order of the data: fit has drawn from the random state before any callback is asked."""
    x, y = arrays()
    tested = begin(name, fitted=fitted)
    finder = clr_keras.LRFinder(1e-4, 1.0, steps_per_epoch=ROWS // BATCH, epochs=3, mode="exponential")
    best = keras.callbacks.EarlyStopping("loss", restore_best_weights=True)
    tested.fit(x, y, batch_size=BATCH, epochs=3, verbose=0, shuffle=False, callbacks=[finder, best])
    keras.utils.set_random_seed(4)
    after = trained(tested, shuffle=False)
    plain = begin(name, fitted=fitted)
    plain.fit(x, y, batch_size=BATCH, epochs=0)  # builds what fit builds before its callbacks begin
    keras.utils.set_random_seed(4)
    assert after == trained(plain, shuffle=False)


@pytest.mark.skipif(BACKEND != "tensorflow", reason="a generator of TensorFlow")
def test_the_global_generator_of_tensorflow_is_restored() -> None:
    """Which no attribute of the model leads to."""
    import tensorflow as tf

    generator = tf.random.get_global_generator()
    before = generator.state.numpy().tolist()
    model = sequential(layers.Lambda(lambda x: x + tf.random.get_global_generator().normal(tf.shape(x))))
    clr_keras.range_test(model, *arrays(), num_steps=3)
    assert generator.state.numpy().tolist() == before


class Shuffling:
    """A loader of one's own: it draws from a generator, shuffles in place and counts its passes."""

    def __init__(self) -> None:
        self.generator = np.random.default_rng(1)
        self.order = np.arange(ROWS)
        self.pairs = [*range(ROWS)]
        self.passes = 0

    def __iter__(self) -> Iterator[Any]:
        self.passes += 1
        self.generator.shuffle(self.order)
        self.pairs.reverse()
        x, y = arrays()
        for chosen in self.order.reshape(-1, BATCH):
            yield x[chosen] + self.passes + self.pairs[0], y[chosen]


def data_loader() -> Any:
    torch = frameworks.load("torch")
    data = torch.utils.data.TensorDataset(*map(torch.tensor, arrays()))
    own = torch.Generator().manual_seed(1)
    return torch.utils.data.DataLoader(data, batch_size=BATCH, shuffle=True, generator=own)


@pytest.mark.parametrize("new", [Shuffling, data_loader])
@pytest.mark.parametrize("used", [0, 1])
def test_the_data_come_as_without_the_test(new: Any, used: int) -> None:
    """A loader's own generator, order and counters, also where it has been iterated over before."""
    tested, plain = new(), new()
    for _ in range(used):
        assert all(map(list, (tested, plain)))
    clr_keras.range_test(begin("Adam, dropout, batch norm", fitted=False), tested, num_steps=6)
    for batch, expected in zip(tested, plain, strict=True):
        assert all(map(np.array_equal, batch, expected))


@pytest.mark.skipif(BACKEND != "tensorflow", reason="an export of TensorFlow's")
@pytest.mark.parametrize("fitted", [False, True], ids=["new", "fitted"])
def test_a_model_can_be_exported_after_a_range_test(fitted: bool, tmp_path: Any) -> None:
    """TensorFlow refuses one with a dict that was changed otherwise than through its wrapper."""
    model = begin("Adam, dropout, batch norm", fitted=fitted)
    clr_keras.range_test(model, *arrays(), num_steps=3)
    model.export(tmp_path, verbose=False)


class Refuse(keras.callbacks.Callback):  # type: ignore[misc, name-defined]
    """Closes the file of every ``Refusing`` array once weights have changed."""

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        Refusing.refuses = True


def run_range_test(model: Any) -> None:
    x, y = arrays()

    def batches() -> Iterator[Any]:
        for batch in range(4):
            Refusing.refuses |= batch == 2
            yield x, y

    clr_keras.range_test(model, batches(), num_steps=4)


def run_finder(model: Any) -> None:
    finder = clr_keras.LRFinder(1e-3, 1.0, steps_per_epoch=4, epochs=1)
    model.fit(*arrays(), batch_size=BATCH, verbose=0, callbacks=[finder, Refuse()])


@pytest.mark.parametrize("run", [run_range_test, run_finder])
@pytest.mark.parametrize(
    ("refuses", "error", "message"),
    [(True, ValueError, "must be able to put everything back, got closed"), (False, OSError, "closed")],
    ids=["before", "later"],
)
def test_one_object_that_cannot_be_put_back_does_not_keep_the_rest(
    refuses: bool, error: Any, message: str, run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is an error before the first update; where it comes to that later, after everything else is back."""
    monkeypatch.setattr(Refusing, "refuses", refuses)
    model = begin("Adam, dropout, batch norm", fitted=True)
    model.layers[0].table = np.zeros(2).view(Refusing)
    variables = [*model.variables, *model.optimizer.variables]
    before = [keras.ops.convert_to_numpy(one.value).tobytes() for one in variables]
    with pytest.raises(error, match=message):
        run(model)
    assert [keras.ops.convert_to_numpy(one.value).tobytes() for one in variables] == before
