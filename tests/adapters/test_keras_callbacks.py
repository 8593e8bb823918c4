"""The callbacks: the range test in fit, the learning rate in the logs, and snapshots at the ends of cycles."""

from __future__ import annotations

from typing import Any

import frameworks
import numpy as np
import pytest

import clr_core

keras = frameworks.load("keras")
clr_keras = frameworks.load("clr_keras")

BACKEND = keras.backend.backend()
KNOWN = [1.0, 5.0, 100.0, 3.0]
SEVERAL = pytest.mark.skipif(BACKEND == "torch", reason="Keras on torch runs one step an execution")


def one_hot_model(n: int, optimizer: Any, **compile_arguments: Any) -> Any:
    """A model whose weight k moves by minus the learning rates of the updates that batch k makes."""
    model = keras.Sequential([keras.Input((n,)), keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros")])
    model.compile(optimizer, lambda y, prediction: keras.ops.mean(prediction), **compile_arguments)
    return model


def fit(model: Any, n: int, *callbacks: Any, epochs: int = 1, **arguments: Any) -> Any:
    return model.fit(
        np.eye(n),
        np.zeros((n, 1)),
        batch_size=1,
        shuffle=False,
        verbose=0,
        epochs=epochs,
        callbacks=list(callbacks),
        **arguments,
    )


def weights(model: Any) -> list[float]:
    return [float(value) for value in keras.ops.convert_to_numpy(model.trainable_variables[0].value)[:, 0]]


def values_of(model: Any) -> list[bytes]:
    variables = [*model.variables, *model.optimizer.variables]
    return [keras.ops.convert_to_numpy(variable.value).tobytes() for variable in variables]


class Watch(keras.callbacks.Callback):  # type: ignore[misc, name-defined]
    """Keeps the weights after each batch."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[list[float]] = []

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.seen.append(weights(self.model))


# LRFinder.


def test_the_finder_uses_the_learning_rates_it_records() -> None:
    """Decoded from the weights, over two epochs, on a straight line from min_lr to max_lr."""
    n = 5
    model = one_hot_model(n, keras.optimizers.SGD(0.1))
    finder = clr_keras.LRFinder(min_lr=0.125, max_lr=1.25, steps_per_epoch=n, epochs=2)
    watch = Watch()
    fit(model, n, finder, watch, epochs=2)
    ramp = [0.125 * k for k in range(1, 11)]
    assert finder.history["lr"] == pytest.approx(ramp)
    assert finder.history["iterations"] == list(range(1, 11))
    moved = [-watch.seen[k][k % n] for k in range(10)]
    assert moved == pytest.approx([*ramp[:5], *(ramp[k] + ramp[k + 5] for k in range(5))])
    assert finder.curve.lrs == pytest.approx(ramp)
    assert (finder.curve.optimizer, finder.curve.stop_reason) == ("SGD", "completed")


def test_the_finder_says_whether_sgd_has_momentum() -> None:
    """True or False of SGD, None of any other optimizer and before fit."""
    found = []
    for optimizer in (keras.optimizers.SGD(0.1), keras.optimizers.SGD(0.1, momentum=0.9), keras.optimizers.Adam(0.1)):
        finder = clr_keras.LRFinder(0.1, 1.0, steps_per_epoch=2, epochs=1)
        assert finder.curve.momentum is None
        fit(one_hot_model(2, optimizer), 2, finder)
        found.append((finder.curve.optimizer, finder.curve.momentum))
    assert found == [("SGD", False), ("SGD", True), ("Adam", None)]


def test_the_finder_records_the_true_loss_of_each_batch() -> None:
    """Where fit would report 1, 3, 35.3 and 27.25; metrics as well."""
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    double = keras.metrics.MeanMetricWrapper(lambda y, prediction: 2 * y, name="double")
    model.compile("sgd", lambda y, prediction: y + 0.0 * prediction, metrics=[double])
    finder = clr_keras.LRFinder(min_lr=1e-9, max_lr=1e-8, steps_per_epoch=2, epochs=1, mode="exponential")
    x, y = np.zeros((2, 1)), np.array(KNOWN[:2]).reshape(-1, 1)
    model.fit(x, y, batch_size=1, shuffle=False, verbose=0, callbacks=[finder])
    assert finder.history["loss"] == KNOWN[:2]
    assert finder.history["double"] == [2.0, 10.0]


def test_the_finder_leaves_the_model_as_it_was() -> None:
    """After fit, weights, optimizer and learning rate are those of before; and fit without it goes on as ever."""
    n = 4
    model = one_hot_model(n, keras.optimizers.Adam(0.5))
    fit(model, n)
    before = values_of(model)
    finder = clr_keras.LRFinder(0.1, 1.0, steps_per_epoch=n, epochs=3)
    fit(model, n, finder, epochs=3)
    assert values_of(model) == before
    fit(model, n)
    other = one_hot_model(n, keras.optimizers.Adam(0.5))
    fit(other, n)
    fit(other, n)
    assert values_of(model) == values_of(other)


def test_the_finder_stops_fit_when_the_loss_diverges() -> None:
    """Not after all of its updates but at the divergence; training again afterwards is not stopped."""
    x = np.linspace(-1.0, 1.0, 64).reshape(-1, 1)
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, kernel_initializer="zeros")])
    model.compile(keras.optimizers.SGD(0.01), "mse")
    finder = clr_keras.LRFinder(1e-3, 100.0, steps_per_epoch=64, epochs=2, mode="exponential")
    model.fit(x, 3 * x, batch_size=1, epochs=2, verbose=0, callbacks=[finder])
    assert finder.curve.stop_reason == "diverged"
    assert len(finder.history["lr"]) < 128
    assert not model.stop_training


def test_a_shorter_fit_gives_a_shorter_curve() -> None:
    """The finder says that it was interrupted, and keeps what it has."""
    finder = clr_keras.LRFinder(0.1, 1.0, steps_per_epoch=4, epochs=3)
    fit(one_hot_model(4, keras.optimizers.SGD(0.1)), 4, finder, epochs=1)
    assert (len(finder.curve), finder.curve.stop_reason) == (4, "interrupted")


def test_the_finder_can_restore_after_an_exception() -> None:
    """fit does not tell its callbacks that it failed: restore() puts the model back."""
    n = 4

    class Fail(keras.callbacks.Callback):  # type: ignore[misc, name-defined]
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            if batch == 2:
                raise ZeroDivisionError

    model = one_hot_model(n, keras.optimizers.SGD(0.5))
    fit(model, n)
    before = values_of(model)
    finder = clr_keras.LRFinder(0.1, 1.0, steps_per_epoch=n, epochs=1)
    with pytest.raises(ZeroDivisionError):
        fit(model, n, finder, Fail())
    finder.restore()
    assert values_of(model) == before


def test_the_finder_counts_updates_where_gradients_are_accumulated() -> None:
    """Three batches per update, starting inside one: each recorded learning rate moves the weights of its batches."""
    n = 11
    model = one_hot_model(n, keras.optimizers.SGD(0.1, gradient_accumulation_steps=3))
    model.fit(np.eye(n)[:1], np.zeros((1, 1)), batch_size=1, verbose=0)
    finder, watch = clr_keras.LRFinder(0.25, 1.0, steps_per_epoch=n, epochs=1), Watch()
    fit(model, n, finder, watch)
    assert finder.history["lr"] == pytest.approx([0.25, 0.5, 0.75, 1.0])
    assert finder.history["iterations"] == [1, 2, 3, 4]
    moved = [-3 * weight for weight in watch.seen[-1]]
    assert moved == pytest.approx([0.5, *[0.25], *[0.5] * 3, *[0.75] * 3, *[1.0] * 3], abs=1e-6)


def test_the_finder_averages_the_losses_of_an_update() -> None:
    """The loss recorded is that of all batches whose gradients the update has."""
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    optimizer = keras.optimizers.SGD(0.1, gradient_accumulation_steps=2)
    model.compile(optimizer, lambda y, prediction: y + 0.0 * prediction)
    finder = clr_keras.LRFinder(1e-9, 1e-8, steps_per_epoch=4, epochs=1)
    x, y = np.zeros((4, 1)), np.array(KNOWN).reshape(-1, 1)
    model.fit(x, y, batch_size=1, shuffle=False, verbose=0, callbacks=[finder])
    assert finder.history["loss"] == [3.0, 51.5]


class SetsLR(keras.callbacks.Callback):  # type: ignore[misc, name-defined]
    """A callback that sets a learning rate of its own before each batch, and the weights at the end."""

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        self.model.optimizer.learning_rate = 7.0

    def on_train_end(self, logs: Any = None) -> None:
        self.model.set_weights([np.full_like(w, 7.0) for w in self.model.get_weights()])


LISTS: dict[str, Any] = {
    "before it": lambda finder, other, model: [other, finder],
    "after it": lambda finder, other, model: [finder, other],
    "after it and a History": lambda finder, other, model: [keras.callbacks.History(), finder, other],
    "a list without a History": lambda finder, other, model: keras.callbacks.CallbackList([finder, other], model=model),
}


@pytest.mark.parametrize("callbacks", LISTS.values(), ids=LISTS)
def test_no_other_callback_gets_in_the_finders_way(callbacks: Any) -> None:
    """Whatever sets the learning rate or the weights, before it or after it, the finder's are used, then restored."""
    n = 4
    model, watch = one_hot_model(n, keras.optimizers.SGD(0.5)), Watch()
    fit(model, n)  # without which Keras has no use for a list without a History
    before, begun = values_of(model), weights(model)
    finder = clr_keras.LRFinder(0.25, 1.0, steps_per_epoch=n, epochs=1)
    given = callbacks(finder, keras.callbacks.CallbackList([SetsLR(), watch], model=model), model)
    model.fit(np.eye(n), np.zeros((n, 1)), batch_size=1, shuffle=False, verbose=0, callbacks=given)
    used = [old - new for old, new in zip(begun, watch.seen[-1], strict=True)]
    assert finder.history["lr"] == pytest.approx(used)
    assert values_of(model) == before
    assert float(model.optimizer.learning_rate) == 0.5
    kept = given.callbacks if isinstance(given, keras.callbacks.CallbackList) else given
    assert finder in kept
    assert len(kept) <= 3


class SetsLRItself(keras.Sequential):  # type: ignore[misc, name-defined]
    """A model that has a learning rate of its own for each step."""

    def train_step(self, *arguments: Any) -> Any:
        self.optimizer.learning_rate = 7.0
        return super().train_step(*arguments)


@pytest.mark.skipif(BACKEND == "jax", reason="on JAX what train_step assigns is dropped")
def test_a_learning_rate_that_train_step_sets_is_refused() -> None:
    """It would be used in the place of the one recorded."""
    model = SetsLRItself([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(0.1), "mse", run_eagerly=True)
    finder = clr_keras.LRFinder(0.25, 1.0, steps_per_epoch=2, epochs=1)
    with pytest.raises(ValueError, match=r"learning_rate must be left to LRFinder .* got 7.0 where 0.25 was set"):
        fit(model, 2, finder)
    assert not finder.history


class UpdatesOtherwise(keras.Sequential):  # type: ignore[misc, name-defined]
    """A model whose train_step leaves the compiled optimizer alone, as that of a GAN with two of its own."""

    def train_step(self, *arguments: Any) -> Any:
        logs = {"loss": keras.ops.ones(())}
        return (logs, arguments[0]) if len(arguments) > 1 else logs


@pytest.mark.parametrize(
    "run",
    [
        lambda model, x, y: clr_keras.range_test(model, x, y, num_steps=3),
        lambda model, x, y: model.fit(x, y, verbose=0, callbacks=[clr_keras.LRFinder(0.1, 1.0, 1, 3)]),
        lambda model, x, y: model.fit(x, y, verbose=0, callbacks=[clr_keras.CyclicLR(0.1, 1.0, 2)]),
    ],
    ids=["range_test", "LRFinder", "CyclicLR"],
)
def test_an_optimizer_that_makes_no_update_has_no_learning_rate(run: Any) -> None:
    """One that is set, or recorded, would not be used."""
    model = UpdatesOtherwise([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile(loss="mse")
    with pytest.raises(ValueError, match=r"must make one step of model.optimizer per batch, .* got 0 in 1 batches"):
        run(model, np.eye(2), np.zeros((2, 1)))


def test_two_finders_are_one_too_many() -> None:
    """The learning rates of one of them would not be used."""
    finders = [clr_keras.LRFinder(low, 1.0, steps_per_epoch=2, epochs=1) for low in (0.25, 0.5)]
    with pytest.raises(ValueError, match=r"learning_rate must be left to LRFinder .* got 0.5 where 0.25 was set"):
        fit(one_hot_model(2, keras.optimizers.SGD(0.1)), 2, *finders)


def test_the_finder_takes_floats_as_the_original_does() -> None:
    """np.ceil gives floats; a fraction of a batch is one more batch, as fit makes it."""
    for steps, epochs in ((np.ceil(4.0), 2), (3.2, 2.0), (np.float32(4), np.float64(2))):
        finder = clr_keras.LRFinder(0.25, 1.0, steps_per_epoch=steps, epochs=epochs)
        fit(one_hot_model(4, keras.optimizers.SGD(0.1)), 4, finder, epochs=2)
        assert (len(finder.curve), finder.curve.stop_reason) == (8, "completed")


def test_the_finder_plots_where_pyplot_is_looking() -> None:
    """In the current axes where they are empty, in a new figure that plt.show shows, in axes handed over."""
    matplotlib = frameworks.load("matplotlib")
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    finder = clr_keras.LRFinder(0.1, 1.0, steps_per_epoch=4, epochs=1)
    fit(one_hot_model(4, keras.optimizers.SGD(0.1)), 4, finder)
    plt.close("all")
    try:
        axes = finder.plot_loss()
        assert axes.figure.number in plt.get_fignums()
        assert finder.plot_lr().figure is not axes.figure
        plt.figure()
        left = plt.subplot(1, 2, 1)
        assert finder.plot_lr() is left
        right = plt.subplot(1, 2, 2)
        assert finder.plot_loss(ax=right) is right
        assert len(plt.get_fignums()) == 3
    finally:
        plt.close("all")


def test_the_finder_plots() -> None:
    """plot_lr and plot_loss draw what history has, with the learning rate on a logarithmic axis."""
    frameworks.load("matplotlib")
    finder = clr_keras.LRFinder(0.1, 1.0, steps_per_epoch=4, epochs=1)
    with pytest.raises(RuntimeError, match="nothing to plot before fit"):
        finder.plot_loss()
    fit(one_hot_model(4, keras.optimizers.SGD(0.1)), 4, finder)
    axes = finder.plot_lr()
    assert list(axes.lines[0].get_xdata()) == [1, 2, 3, 4]
    assert list(axes.lines[0].get_ydata()) == finder.history["lr"]
    assert (axes.get_xscale(), axes.get_yscale()) == ("linear", "log")
    axes = finder.plot_loss()
    assert list(axes.lines[0].get_ydata()) == finder.history["loss"]
    assert (axes.get_xscale(), axes.get_xlabel()) == ("log", "Learning rate")


def test_the_finder_refuses_what_it_cannot_do_right() -> None:
    """A schedule in the optimizer, several steps an execution, no length."""
    with pytest.raises(TypeError, match="steps_per_epoch must be an int >= 1, got steps_per_epoch=None"):
        clr_keras.LRFinder(1e-5, 1e-2)
    finder = clr_keras.LRFinder(0.1, 1.0, steps_per_epoch=4, epochs=1)
    lr = clr_keras.ScheduleLR(clr_core.constant(0.1))
    with pytest.raises(TypeError, match=r"for LRFinder to set it, got ScheduleLR\(.*use clr_keras.range_test"):
        fit(one_hot_model(4, keras.optimizers.SGD(lr)), 4, finder)
    with pytest.raises(ValueError, match="must be enough for two updates of 4 batches each, got 4 batches"):
        fit(one_hot_model(4, keras.optimizers.SGD(0.1, gradient_accumulation_steps=4)), 4, finder)
    if hasattr(keras.optimizers, "MultiOptimizer"):
        pairs = keras.optimizers.OptimizerMap(keras.optimizers.SGD(0.1), {".*bias": keras.optimizers.SGD(0.1)})
        with pytest.raises(TypeError, match="must be a single one for LRFinder to set its learning rate"):
            fit(one_hot_model(4, keras.optimizers.MultiOptimizer(pairs)), 4, finder)
    if BACKEND != "torch":
        with pytest.raises(ValueError, match="steps_per_execution must be 1 for LRFinder"):
            fit(one_hot_model(4, keras.optimizers.SGD(0.1), steps_per_execution=2), 4, finder)


# LogLR.


class Logged(keras.callbacks.Callback):  # type: ignore[misc, name-defined]
    """Keeps the lr of every batch's logs."""

    def __init__(self) -> None:
        super().__init__()
        self.lrs: list[float] = []

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.lrs.append(logs["lr"])


RISE = clr_core.linear_ramp(0.0, 100.0, 101)


def test_the_logs_have_the_learning_rate_just_used() -> None:
    """Of every batch, and of the last batch of every epoch; a second fit goes on counting."""
    lr = clr_keras.ScheduleLR(RISE)
    model, logged = one_hot_model(3, keras.optimizers.SGD(lr)), Logged()
    assert fit(model, 3, clr_keras.LogLR(lr), logged, epochs=2).history["lr"] == pytest.approx([2.0, 5.0])
    assert fit(model, 3, clr_keras.LogLR(lr), logged).history["lr"] == pytest.approx([8.0])
    assert logged.lrs == pytest.approx([0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0])


def test_the_logs_count_updates_where_gradients_are_accumulated() -> None:
    """Two training steps an update: the learning rate of the update each one belongs to."""
    lr = clr_keras.ScheduleLR(RISE, steps_per_update=2)
    model = one_hot_model(5, keras.optimizers.SGD(lr, gradient_accumulation_steps=2))
    logged = Logged()
    assert fit(model, 5, clr_keras.LogLR(lr), logged, epochs=2).history["lr"] == pytest.approx([2.0, 4.0])
    assert logged.lrs == pytest.approx([0.0, 0.0, 1.0, 1.0, 2.0, 2.0, 3.0, 3.0, 4.0, 4.0])


@SEVERAL
def test_the_logs_have_the_last_learning_rate_of_an_execution() -> None:
    """Ten batches in executions of four: batches 3, 7 and 9."""
    lr = clr_keras.ScheduleLR(RISE)
    model = one_hot_model(10, keras.optimizers.SGD(lr), steps_per_execution=4)
    logged = Logged()
    assert fit(model, 10, clr_keras.LogLR(lr), logged, epochs=2).history["lr"] == pytest.approx([9.0, 19.0])
    assert logged.lrs == pytest.approx([3.0, 7.0, 9.0, 13.0, 17.0, 19.0])


@pytest.mark.skipif(BACKEND == "torch", reason="Keras on torch runs one step an execution")
@pytest.mark.filterwarnings("ignore:Your input ran out of data")
@pytest.mark.parametrize("down", [2, 3, 4])
def test_data_of_unknown_length_may_end_within_an_execution(down: int, tmp_path: Any) -> None:
    """Five batches, two an execution: the logs and the snapshots are those of the steps that were made."""

    def batches() -> Any:
        for row in np.eye(5):
            yield row[None], np.zeros((1, 1))

    class Logged(keras.callbacks.Callback):  # type: ignore[misc, name-defined]
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            logged.append(logs["lr"])

    logged: list[float] = []
    schedule = clr_core.triangular(0.0, 1.0, step_size=2, step_size_down=down)
    model = one_hot_model(5, keras.optimizers.SGD(clr_keras.ScheduleLR(schedule)), steps_per_execution=2)
    snapshots = clr_keras.SnapshotEnsemble(schedule, tmp_path / "snapshots")
    model.fit(batches(), shuffle=False, verbose=0, callbacks=[clr_keras.LogLR(schedule), snapshots, Logged()])
    assert logged == pytest.approx([schedule(1), schedule(3), schedule(4)])
    assert len(snapshots.paths) == (down < 4)  # whose cycle has six steps


def test_the_logs_are_right_after_a_resume(tmp_path: Any) -> None:
    """BackupAndRestore moves the optimizer's counter; LogLR follows."""

    class Stop(keras.callbacks.Callback):  # type: ignore[misc, name-defined]
        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            if epoch == 2:
                raise RuntimeError("power cut")

    lr = clr_keras.ScheduleLR(RISE)
    backup = str(tmp_path / "backup")
    model = one_hot_model(3, keras.optimizers.SGD(lr))
    with pytest.raises(RuntimeError, match="power cut"):
        fit(model, 3, keras.callbacks.BackupAndRestore(backup), Stop(), epochs=4)
    model = one_hot_model(3, keras.optimizers.SGD(lr))
    history = fit(model, 3, clr_keras.LogLR(lr), keras.callbacks.BackupAndRestore(backup), epochs=4)
    assert history.history["lr"] == pytest.approx([8.0, 11.0])


def test_tensorboard_writes_the_learning_rate(tmp_path: Any) -> None:
    """As epoch_lr, where LogLR comes before TensorBoard."""
    pytest.importorskip("tensorboard")
    tf = frameworks.load("tensorflow")
    lr = clr_keras.ScheduleLR(RISE)
    board = keras.callbacks.TensorBoard(str(tmp_path), write_graph=False)
    fit(one_hot_model(3, keras.optimizers.SGD(lr)), 3, clr_keras.LogLR(lr), board, epochs=2)
    written = {}
    for path in (tmp_path / "train").glob("events*"):
        for record in tf.data.TFRecordDataset(str(path)):
            event = tf.compat.v1.Event.FromString(record.numpy())
            for value in event.summary.value:
                if value.tag == "epoch_lr":
                    written[event.step] = float(tf.make_ndarray(value.tensor))
    assert written == pytest.approx({0: 2.0, 1: 5.0})


def test_log_lr_takes_the_schedule_or_its_schedule_lr() -> None:
    """Also one that is equal, as in a loaded model; the optimizer's own says how many training steps an update has."""
    lr = clr_keras.ScheduleLR(RISE, steps_per_update=2)
    again = clr_core.from_dict(RISE.to_dict())
    for schedule in (RISE, again, lr, clr_keras.ScheduleLR(again, steps_per_update=2)):
        model = one_hot_model(5, keras.optimizers.SGD(lr, gradient_accumulation_steps=2))
        assert fit(model, 5, clr_keras.LogLR(schedule)).history["lr"] == pytest.approx([2.0])
    inner = keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(lr))
    assert fit(one_hot_model(5, inner), 5, clr_keras.LogLR(RISE)).history["lr"] == pytest.approx([2.0])


def log_lr(schedule: Any, tmp_path: Any) -> Any:
    return clr_keras.LogLR(schedule)


def snapshots(schedule: Any, tmp_path: Any) -> Any:
    return clr_keras.SnapshotEnsemble(schedule, tmp_path)


@pytest.mark.parametrize("new", [log_lr, snapshots])
@pytest.mark.parametrize(
    "lr", [0.1, clr_keras.ScheduleLR(clr_core.constant(9.0)), clr_keras.ScheduleLR(RISE, steps_per_update=2)]
)
def test_a_schedule_that_the_optimizer_does_not_have_is_refused(new: Any, lr: Any, tmp_path: Any) -> None:
    """Logging one and training with another would go unnoticed; a number, another schedule, other updates."""
    model = one_hot_model(3, keras.optimizers.SGD(lr))
    with pytest.raises(ValueError, match="schedule must be the one that the optimizer was given, got schedule="):
        fit(model, 3, new(clr_keras.ScheduleLR(RISE), tmp_path))


@pytest.mark.parametrize("new", [log_lr, snapshots])
def test_a_schedule_of_another_library_is_refused(new: Any, tmp_path: Any) -> None:
    """Keras's own is not computed on the host; a number is none."""
    for wrong in (keras.optimizers.schedules.CosineDecay(0.1, 10), 0.1):
        with pytest.raises(TypeError, match=r"schedule must be a clr_core schedule or its clr_keras.ScheduleLR, got"):
            new(wrong, tmp_path)


def test_a_core_schedule_given_to_an_optimizer_says_what_to_give_it() -> None:
    """Keras takes any function without arguments for a learning rate."""
    with pytest.raises(TypeError, match="give an optimizer ScheduleLR"):
        fit(one_hot_model(3, keras.optimizers.SGD(RISE)), 3)


# SnapshotEnsemble.

CYCLES = clr_core.triangular(0.5, 1.0, step_size=2)


def test_the_weights_are_saved_at_the_end_of_each_cycle(tmp_path: Any) -> None:
    """After updates 3, 7 and 11, as they were then, without the optimizer's state; loadable in Keras's own way."""
    lr, n = clr_keras.ScheduleLR(CYCLES), 6
    model, watch = one_hot_model(n, keras.optimizers.Adam(lr)), Watch()
    ensemble = clr_keras.SnapshotEnsemble(lr, tmp_path / "snapshots")
    fit(model, n, ensemble, watch, epochs=2)
    assert [path.name for path in ensemble.paths] == [f"cycle_{k:05d}.weights.h5" for k in range(3)]
    for path, update in zip(ensemble.paths, (3, 7, 11), strict=True):
        other = one_hot_model(n, keras.optimizers.Adam(lr))
        other.optimizer = None  # the file has nothing for it
        other.load_weights(path)
        assert weights(other) == watch.seen[update]


def test_the_last_snapshots_are_averaged_in_prediction(tmp_path: Any) -> None:
    """The mean of their predictions, in this process and through a new object; the model stays as it was."""
    lr, n = clr_keras.ScheduleLR(CYCLES), 6
    model, watch = one_hot_model(n, keras.optimizers.SGD(lr)), Watch()
    ensemble = clr_keras.SnapshotEnsemble(lr, tmp_path)
    fit(model, n, ensemble, watch, epochs=2)
    before = values_of(model)
    for last, updates in ((1, [11]), (2, [7, 11]), (None, [3, 7, 11])):
        expected = np.mean([watch.seen[update] for update in updates], axis=0)
        assert ensemble.predict(model, np.eye(n), last=last, verbose=0)[:, 0] == pytest.approx(expected)
    assert values_of(model) == before
    bare = keras.Sequential([keras.Input((n,)), keras.layers.Dense(1, use_bias=False)])
    again = clr_keras.SnapshotEnsemble(lr, tmp_path).predict(bare, np.eye(n), last=2, verbose=0)
    assert again[:, 0] == pytest.approx(np.mean([watch.seen[7], watch.seen[11]], axis=0))


def test_cycles_are_counted_in_updates_where_gradients_are_accumulated(tmp_path: Any) -> None:
    """Two training steps an update: the first cycle of four updates ends with step 7."""
    lr, n = clr_keras.ScheduleLR(CYCLES, steps_per_update=2), 10
    model = one_hot_model(n, keras.optimizers.SGD(lr, gradient_accumulation_steps=2))
    ensemble, watch = clr_keras.SnapshotEnsemble(lr, tmp_path), Watch()
    fit(model, n, ensemble, watch)
    (path,) = ensemble.paths
    other = keras.Sequential([keras.Input((n,)), keras.layers.Dense(1, use_bias=False)])
    other.load_weights(path)
    assert weights(other) == watch.seen[7] != watch.seen[9]


@SEVERAL
def test_a_cycle_must_end_with_an_execution(tmp_path: Any) -> None:
    """With four steps an execution, cycles of four are saved, and cycles of six refused."""
    lr = clr_keras.ScheduleLR(CYCLES)
    ensemble = clr_keras.SnapshotEnsemble(lr, tmp_path / "four")
    fit(one_hot_model(8, keras.optimizers.SGD(lr), steps_per_execution=4), 8, ensemble)
    assert len(ensemble.paths) == 2
    lr = clr_keras.ScheduleLR(clr_core.triangular(0.5, 1.0, step_size=3))
    model = one_hot_model(8, keras.optimizers.SGD(lr), steps_per_execution=4)
    with pytest.raises(ValueError, match="a cycle that ends after training step 5 with steps_per_execution=4"):
        fit(model, 8, clr_keras.SnapshotEnsemble(lr, tmp_path / "six"))


def test_the_snapshots_of_two_training_runs_are_not_mixed(tmp_path: Any) -> None:
    """A directory with snapshots is refused when a training run begins; one that goes on may use it."""
    lr, n = clr_keras.ScheduleLR(CYCLES), 4
    model, ensemble = one_hot_model(n, keras.optimizers.SGD(lr)), clr_keras.SnapshotEnsemble(lr, tmp_path)
    fit(model, n, ensemble)
    fit(model, n, ensemble)
    assert len(ensemble.paths) == 2
    with pytest.raises(ValueError, match="directory must be empty when a training run starts, got directory="):
        fit(one_hot_model(n, keras.optimizers.SGD(lr)), n, ensemble)


def test_prediction_needs_the_snapshots_it_is_asked_for(tmp_path: Any) -> None:
    """None in the directory, more than there are, a generator."""
    lr = clr_keras.ScheduleLR(CYCLES)
    model, ensemble = one_hot_model(4, keras.optimizers.SGD(lr)), clr_keras.SnapshotEnsemble(lr, tmp_path)
    with pytest.raises(ValueError, match=r"last must be at most the number of snapshots in .*, 0, got last=None"):
        ensemble.predict(model, np.eye(4))
    fit(model, 4, ensemble)
    with pytest.raises(ValueError, match=r"last must be at most the number of snapshots in .*, 1, got last=2"):
        ensemble.predict(model, np.eye(4), last=2)
    with pytest.raises(TypeError, match="x must be arrays or a dataset that can be iterated over again"):
        ensemble.predict(model, iter([np.eye(4)]))
