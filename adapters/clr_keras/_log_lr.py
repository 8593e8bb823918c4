"""The learning rate in the logs."""

from __future__ import annotations

from typing import Any

from clr_keras._callback import CountsTrainingSteps
from clr_keras._describe import training_steps
from clr_keras._schedule import ScheduleLR


class LogLR(CountsTrainingSteps):
    """A callback that adds ``"lr"``, the learning rate just used, to the logs of every batch and epoch.

    The value is the core schedule's, computed on the host: nothing is read from the device but the
    optimizer's step count, once an epoch. Put it *before* the callbacks that are to see it:
    ``[LogLR(lr), keras.callbacks.TensorBoard(...)]``; the progress bar and ``History`` come after all.

    Args:
        schedule_lr: The ``ScheduleLR`` the optimizer was given.

    Raises:
        TypeError: ``schedule_lr`` is not a ``ScheduleLR``.

    Example:
        >>> import clr_core, clr_keras, keras, numpy as np
        >>> lr = clr_keras.ScheduleLR(clr_core.triangular(0.0, 1.0, step_size=4))
        >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
        >>> model.compile(keras.optimizers.SGD(lr), "mse")
        >>> data = np.zeros((3, 1))
        >>> history = model.fit(data, data, batch_size=1, epochs=2, verbose=0, callbacks=[clr_keras.LogLR(lr)])
        >>> history.history["lr"]  # of updates 2 and 5
        [0.5, 0.75]
    """

    def __init__(self, schedule_lr: ScheduleLR) -> None:
        super().__init__()
        if not isinstance(schedule_lr, ScheduleLR):
            raise TypeError(f"schedule_lr must be the optimizer's ScheduleLR, got schedule_lr={schedule_lr!r}")
        self._schedule_lr = schedule_lr

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        if logs is not None:
            logs["lr"] = self._lr(self.steps_just_made()[-1])

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        if logs is not None:
            logs["lr"] = self._lr(training_steps(self.model.optimizer) - 1)

    def _lr(self, step: int) -> float:
        return self._schedule_lr.schedule(step // self._schedule_lr.steps_per_update)
