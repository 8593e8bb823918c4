"""The range test as a callback, for those who live in ``fit``."""

from __future__ import annotations

from typing import Any

from clr_core import LRCurve, RangeTest, check
from clr_keras._callback import Callback
from clr_keras._describe import check_lr_can_be_set, has_momentum, name_of
from clr_keras._restore import Snapshot


class LRFinder(Callback):
    """A callback that makes a range test of a call of ``fit``, and puts the model back at its end.

    The learning rate rises over ``steps_per_epoch * epochs`` updates; ``fit`` is stopped after them, and at
    divergence. The recorded loss and metrics are those of each batch (they are reset before it, so the
    epoch's own logs show its last batch). If ``fit`` raises, call ``restore()``; ``clr_keras.range_test`` does
    all of this by itself, and works with schedules and ``steps_per_execution`` as well.

    Args:
        min_lr: LR of the first update, > 0.
        max_lr: LR of the last update, > min_lr.
        steps_per_epoch: Batches in an epoch, an int >= 1.
        epochs: Epochs in the test, an int >= 1; 2 to 4 are usual.
        mode: ``"linear"`` or ``"exponential"``.

    Attributes:
        history: Lists under ``"lr"``, ``"iterations"`` (from 1), ``"loss"`` and the names of the metrics.
        curve: The ``clr_core.LRCurve``, for ``clr_core.suggest_bounds``.

    Raises:
        TypeError: An argument is of the wrong kind; in ``fit``, the optimizer's learning rate is a schedule.
        ValueError: An argument is out of its range; in ``fit``, ``steps_per_execution`` is above 1.

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
        steps_per_epoch: int | None = None,
        epochs: int | None = None,
        *,
        mode: str = "linear",
    ) -> None:
        super().__init__()
        steps = check.whole("steps_per_epoch", steps_per_epoch) * check.whole("epochs", epochs)
        self._arguments = (min_lr, max_lr, check.whole("steps_per_epoch * epochs", steps, minimum=2))
        self._mode = mode
        self._test = RangeTest(*self._arguments, mode=mode)
        self._before: Snapshot | None = None
        self.history: dict[str, list[Any]] = {}

    @property
    def curve(self) -> LRCurve:
        return self._test.curve

    def restore(self) -> None:
        """Put the model back as it was when ``fit`` began; done already at the end of ``fit``."""
        if self._before is not None:
            self._before.restore()
            self._before = None

    def on_train_begin(self, logs: Any = None) -> None:
        check_lr_can_be_set(self.model, "LRFinder", "use clr_keras.range_test")
        name, momentum = name_of(self.model.optimizer), has_momentum(self.model.optimizer)
        self._test = RangeTest(*self._arguments, mode=self._mode, optimizer=name, momentum=momentum)
        self._before = Snapshot(self.model)
        self.history = {}

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        # On JAX, reading the property brings the state that training works on back into the model.
        model = self.model
        model.reset_metrics()
        model.optimizer.learning_rate = self._test.lr

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        logs = logs or {}
        lr = self._test.lr
        self._test.record(logs["loss"])
        row = {"lr": lr, "iterations": len(self._test.curve), **logs}
        for name, value in row.items():
            self.history.setdefault(name, []).append(value)
        if self._test.done:
            self.model.stop_training = True

    def on_train_end(self, logs: Any = None) -> None:
        if not self._test.done:
            self._test.stop("interrupted")
        self.restore()

    def plot_lr(self) -> Any:
        """A matplotlib ``Axes``: the learning rate of each iteration."""
        return self._plot("iterations", "lr")

    def plot_loss(self) -> Any:
        """A matplotlib ``Axes``: the loss of each batch against its learning rate."""
        return self._plot("lr", "loss")

    def _plot(self, x: str, y: str) -> Any:
        if not self.history:
            raise RuntimeError("there is nothing to plot before fit has run with this callback")
        try:
            from matplotlib.figure import Figure
        except ModuleNotFoundError as error:
            raise ModuleNotFoundError(
                "plotting needs matplotlib, which is not installed: pip install matplotlib", name=error.name
            ) from error
        labels = {"iterations": "Iteration", "lr": "Learning rate", "loss": "Loss"}
        axes = Figure().subplots()
        axes.plot(self.history[x], self.history[y])
        axes.set(xlabel=labels[x], ylabel=labels[y])
        axes.set(**{f"{'x' if x == 'lr' else 'y'}scale": "log"})
        return axes
