"""The base of this package's callbacks, typed, and what they find out about a step from outside."""

from __future__ import annotations

from collections.abc import Mapping
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


class BatchMeans:
    """The loss and metrics of each batch, where the logs have running means of the epoch.

    Keras keeps a mean as a total and a count; the batch's own is the difference of the totals divided by that of the
    counts. A metric that is not a mean, such as an AUC, has no value for one batch and stays as in the logs.
    """

    def __init__(self) -> None:
        self._before: dict[int, tuple[float, float]] = {}

    def begin_epoch(self) -> None:
        """To be called when Keras resets its metrics."""
        self._before = {}

    def of_batch(self, model: Any, logs: Mapping[str, Any]) -> dict[str, Any]:
        """The logs of the batch that ended, its means in the place of the running ones."""
        values = dict(logs)
        for mean in _means(model):
            if mean.name not in values:
                continue
            both: Any = [keras.ops.convert_to_numpy(variable.value) for variable in (mean.total, mean.count)]
            total, count = map(float, both)
            total_before, count_before = self._before.get(id(mean), (0.0, 0.0))
            self._before[id(mean)] = (total, count)
            if count > count_before:
                values[mean.name] = (total - total_before) / (count - count_before)
        return values


def _means(model: Any) -> list[Any]:
    metrics = [inner for one in model.metrics for inner in getattr(one, "metrics", [one])]
    return [one for one in metrics if isinstance(one, keras.metrics.Mean)]


def mean_of(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """The mean of each figure over the batches of an update."""
    return {name: sum(row[name] for row in rows) / len(rows) for name in rows[-1]} if len(rows) > 1 else rows[0]
