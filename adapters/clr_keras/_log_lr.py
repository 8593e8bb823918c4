"""The learning rate in the logs."""

from __future__ import annotations

from typing import Any

from clr_core import Schedule
from clr_keras._callback import CountsTrainingSteps
from clr_keras._describe import training_steps
from clr_keras._schedule import ScheduleLR, given_schedule, schedule_of


class LogLR(CountsTrainingSteps):
    """A callback that adds ``"lr"``, the learning rate just used, to the logs of every batch and epoch.

    The value is the core schedule's, computed on the host: nothing is read from the device but the optimizer's step
    count, once an epoch, or once an execution of several steps on data of unknown length. Put it *before* the callbacks
    that use it: ``[LogLR(schedule), keras.callbacks.TensorBoard(...)]``; the progress bar and ``History`` come last
    anyway.

    Args:
        schedule: The schedule the optimizer was given, or its ``ScheduleLR``.

    Raises:
        TypeError: ``schedule`` is neither.
        ValueError: In ``fit``: the optimizer has another one.

    Example:
        >>> import clr_core, clr_keras, keras, numpy as np
        >>> schedule = clr_core.triangular(0.0, 1.0, step_size=4)
        >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
        >>> model.compile(keras.optimizers.SGD(clr_keras.ScheduleLR(schedule)), "mse")
        >>> data = np.zeros((3, 1))
        >>> callbacks = [clr_keras.LogLR(schedule)]
        >>> history = model.fit(data, data, batch_size=1, epochs=2, verbose=0, callbacks=callbacks)
        >>> history.history["lr"]  # of updates 2 and 5
        [0.5, 0.75]
    """

    def __init__(self, schedule: Schedule | ScheduleLR) -> None:
        super().__init__()
        self._schedule = given_schedule(schedule)

    def on_train_begin(self, logs: Any = None) -> None:
        self._schedule_lr = schedule_of(self.model.optimizer, self._schedule)

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        if logs is not None:
            logs["lr"] = self._lr(self.steps_just_made()[-1])

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        if logs is not None:
            logs["lr"] = self._lr(training_steps(self.model.optimizer) - 1)

    def _lr(self, step: int) -> float:
        return self._schedule_lr.schedule(step // self._schedule_lr.steps_per_update)
