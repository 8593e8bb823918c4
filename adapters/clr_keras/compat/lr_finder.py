"""The range test as a callback of ``fit``."""

from __future__ import annotations

import math
import sys
from numbers import Real
from typing import Any

import keras

from clr_core import LRCurve, RangeTest, check
from clr_core.range_test.interrupts import undisturbed
from clr_core.views.figure import new_figure
from clr_keras._callback import Callback, callback_list_of_this_fit, mean_of
from clr_keras._describe import (
    CHECKED,
    check_count,
    check_lr_can_be_set,
    current_lr,
    has_momentum,
    name_of,
    steps_per_update,
    training_steps,
)
from clr_keras._restore import Snapshot
from clr_keras.compat.floats import whole


class LRFinder(Callback):
    """A callback that turns a call of ``fit`` into a range test, and restores the model at its end.

    The learning rate rises over ``steps_per_epoch * epochs`` batches; ``fit`` is stopped after them, and when the loss
    diverges. The recorded loss and metrics are those of each batch (metrics are reset before it, so the
    epoch's own logs show its last batch). Where the optimizer accumulates gradients, the learning rate rises with each
    update, and the recorded loss is the mean over its batches.

    Wherever the finder stands in the list, no other callback sets the learning rate of a batch, and the model is as
    before afterwards, whatever others do at the end of training; if ``fit`` raises, call ``restore()``. What others
    write or remember is theirs: leave ``ModelCheckpoint`` and loggers out of this ``fit``. It may
    have drawn from the random state before its callbacks begin, so that a training run that shuffles sees another
    order than without the test. ``clr_keras.range_test`` leaves the random state alone, restores by itself, and works
    with schedules and ``steps_per_execution`` as well.

    Args:
        min_lr: LR of the first update, > 0.
        max_lr: LR of the last update, > min_lr.
        steps_per_epoch: Batches in an epoch, >= 1; a fraction is one more batch, as in ``fit``.
        epochs: Epochs in the test, an int or a whole float >= 1; 2 to 4 are usual.
        mode: ``"linear"`` or ``"exponential"``.

    Attributes:
        history: Lists under ``"lr"``, ``"iterations"`` (from 1), ``"loss"`` and the names of the metrics.
        curve: The ``clr_core.LRCurve``, for ``clr_core.suggest_bounds``.

    Raises:
        TypeError: An argument is of the wrong kind; in ``fit``, the optimizer's learning rate is a schedule.
        ValueError: An argument is out of its range; in ``fit``, ``steps_per_execution`` is above 1, there are fewer
            than two updates, or ``train_step`` sets the learning rate or does not update the weights by
            ``model.optimizer``.

    Example:
        >>> import clr_keras, keras, numpy as np
        >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> data = np.zeros((10, 1))
        >>> finder = clr_keras.LRFinder(min_lr=0.25, max_lr=0.75, steps_per_epoch=5, epochs=1)
        >>> _ = model.fit(data, data, batch_size=2, verbose=0, callbacks=[finder])
        >>> finder.history["lr"]
        [0.25, 0.375, 0.5, 0.625, 0.75]

    Source: J. Jordan, Setting the learning rate of your neural network, 2018.
    """

    def __init__(
        self,
        min_lr: float = 1e-5,
        max_lr: float = 1e-2,
        steps_per_epoch: float | None = None,
        epochs: float | None = None,
        *,
        mode: str = "linear",
    ) -> None:
        super().__init__()
        if isinstance(steps_per_epoch, Real) and not hasattr(steps_per_epoch, "__index__"):
            steps_per_epoch = math.ceil(check.real("steps_per_epoch", steps_per_epoch, above=0.0))
        batches = whole("steps_per_epoch", steps_per_epoch) * whole("epochs", epochs)
        self._batches = check.whole("steps_per_epoch * epochs", batches, minimum=2)
        self._bounds, self._mode = (min_lr, max_lr), mode
        self._test = RangeTest(min_lr, max_lr, self._batches, mode=mode)
        self._before: Snapshot | None = None
        self.history: dict[str, list[Any]] = {}

    @property
    def curve(self) -> LRCurve:
        return self._test.curve

    def restore(self) -> None:
        """Restore the model to what it was when ``fit`` began; ``fit`` does this at its end.

        Ctrl-C takes effect afterwards. To call it once more changes nothing.
        """
        if self._before is not None:
            before = self._before
            undisturbed(lambda gate: before.restore())

    def on_train_begin(self, logs: Any = None) -> None:
        model = self.model
        check_lr_can_be_set(model, "LRFinder", "use clr_keras.range_test")
        per_update = steps_per_update(model.optimizer)
        begun = training_steps(model.optimizer) % per_update
        updates = (begun + self._batches) // per_update
        if updates < 2:
            raise ValueError(
                f"steps_per_epoch * epochs must be enough for two updates of {per_update} batches each, "
                f"got {self._batches} batches: raise epochs"
            )
        name, momentum = name_of(model.optimizer), has_momentum(model.optimizer)
        self._test = RangeTest(*self._bounds, updates, mode=self._mode, optimizer=name, momentum=momentum)
        self._until_update, self._per_update = per_update - begun, per_update
        self._rows: list[dict[str, Any]] = []
        self._batches_made = 0
        self.history = {}
        self._before = Snapshot(model)
        self._before.rehearse()
        # Others may set the learning rate before a batch, and the weights at the end, as EarlyStopping does.
        self._fit = callback_list_of_this_fit()
        if self._fit is not None:
            first = keras.callbacks.LambdaCallback(on_train_batch_end=self._check_lr)
            last = keras.callbacks.LambdaCallback(on_train_batch_begin=self._set_lr, on_train_end=self._finish)
            self._others = self._fit.callbacks
            self._fit.callbacks = [first, *self._others, last]

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        self.model.reset_metrics()
        self._set_lr(batch)

    def _set_lr(self, batch: int, logs: Any = None) -> None:
        # On JAX, reading the property brings the state that training works on back into the model.
        optimizer = self.model.optimizer
        optimizer.learning_rate = self._test.lr
        self._lr_set = current_lr(optimizer)
        if self._batches_made < CHECKED:
            self._count = training_steps(optimizer)

    def _check_lr(self, batch: int, logs: Any = None) -> None:
        got = current_lr(self.model.optimizer)
        if got != self._lr_set:
            raise ValueError(
                f"the optimizer's learning_rate must be left to LRFinder until the batch has ended, got {got} where "
                f"{self._lr_set} was set: leave out the callback, or the line of train_step, that sets it"
            )

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        if self._batches_made < CHECKED:
            check_count(self.model, 1, training_steps(self.model.optimizer) - self._count)
        self._batches_made += 1
        self._rows.append(dict(logs or {}))
        if len(self._rows) < self._until_update:
            return
        row = mean_of(self._rows)
        if "loss" not in row:
            raise ValueError(f"the logs must have the loss under 'loss', got {', '.join(map(repr, row)) or 'none'}")
        self._until_update, self._rows = self._per_update, []
        lr = self._test.lr
        self._test.record(row["loss"])
        for name, value in ({"lr": lr, "iterations": len(self._test.curve)} | row).items():
            self.history.setdefault(name, []).append(value)
        if self._test.done:
            self.model.stop_training = True

    def on_train_end(self, logs: Any = None) -> None:
        self._test.stop("interrupted")
        if self._fit is None:
            self._finish()

    def _finish(self, logs: Any = None) -> None:
        if self._fit is not None:
            self._fit.callbacks = self._others
        self.restore()
        self._before = None

    def plot_lr(self, ax: Any = None) -> Any:
        """A matplotlib ``Axes``: the learning rate of each iteration, drawn into ``ax`` if given."""
        return self._plot("iterations", "lr", ax)

    def plot_loss(self, ax: Any = None) -> Any:
        """A matplotlib ``Axes``: the loss of each batch against its learning rate, drawn into ``ax`` if given."""
        return self._plot("lr", "loss", ax)

    def _plot(self, x: str, y: str, ax: Any) -> Any:
        if not self.history:
            raise RuntimeError("there is nothing to plot before fit has run with this callback")
        axes = _empty_axes() if ax is None else ax
        labels = {"iterations": "Iteration", "lr": "Learning rate", "loss": "Loss"}
        axes.plot(self.history[x], self.history[y])
        axes.set(xlabel=labels[x], ylabel=labels[y])
        axes.set(**{f"{'x' if x == 'lr' else 'y'}scale": "log"})
        return axes


def _empty_axes() -> Any:
    """Where pyplot is in use, its current axes if nothing is drawn there, else those of a new figure."""
    pyplot: Any = sys.modules.get("matplotlib.pyplot")
    if pyplot is None:
        return new_figure().subplots()
    if pyplot.get_fignums() and not pyplot.gca().has_data():
        return pyplot.gca()
    return pyplot.figure(layout="constrained").subplots()
