"""The base of this package's callbacks, typed."""

from __future__ import annotations

from typing import Any

import keras

from clr_keras._describe import training_steps

_KerasCallback: Any = keras.callbacks.Callback


class Callback(_KerasCallback):  # type: ignore[misc]  # untyped base
    """A Keras callback; ``model`` and ``params`` are there once ``fit`` has begun."""

    model: Any
    params: Any


class CountsTrainingSteps(Callback):
    """A callback that knows the number of the training step, counted on the host.

    It reads the optimizer's own count once at the beginning of each epoch, and so is right after
    ``BackupAndRestore``, in a second ``fit`` and where the data ended in the middle of an execution.
    """

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._epoch_start: int | None = None

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        if self._epoch_start is None:
            model = self.model
            self._epoch_start = training_steps(model.optimizer)
            self._steps_per_execution: int = model.steps_per_execution
        self._first_batch = batch

    def steps_just_made(self) -> range:
        """The training steps of the execution that ended: one, or up to ``steps_per_execution``."""
        batches = self._steps_per_execution
        if self.params.get("steps"):
            batches = min(batches, self.params["steps"] - self._first_batch)
        first = (self._epoch_start or 0) + self._first_batch
        return range(first, first + batches)
