"""The base of this package's callbacks, typed, and what they find out about a step from outside."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from functools import partial
from typing import Any

import keras

from clr_keras._describe import training_steps
from clr_keras._reach import value_of

_KerasCallback: Any = keras.callbacks.Callback


class Callback(_KerasCallback):  # type: ignore[misc]  # untyped base
    """A Keras callback; ``model`` and ``params`` are there once ``fit`` has begun."""

    model: Any
    params: Any


def callback_list_of_this_fit() -> Any:
    """The ``CallbackList`` that is telling the caller, a callback, of the beginning of ``fit``; None outside of it."""
    # Keras does not tell a callback of the others, and model.history may be that of an earlier fit.
    frame = inspect.currentframe()
    while frame is not None:
        told_by = frame.f_locals.get("self")
        if isinstance(told_by, keras.callbacks.CallbackList):
            return told_by
        frame = frame.f_back
    return None


class CountsTrainingSteps(Callback):
    """A callback that knows the number of the training step, counted on the host.

    It reads the optimizer's own count once at the beginning of each epoch, and so is right after
    ``BackupAndRestore``, in a second ``fit`` and where the data ended in the middle of an execution. Where nobody knows
    how long the data are, it reads the count after each execution of several steps.
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
        first = (self._epoch_start or 0) + self._first_batch
        batches = self._steps_per_execution
        if self.params.get("steps"):
            batches = min(batches, self.params["steps"] - self._first_batch)
        elif batches > 1:  # where the data ended in it, as only the optimizer knows
            return range(first, training_steps(self.model.optimizer))
        return range(first, first + batches)


class BatchMeans:
    """The loss and metrics of each batch, where the logs have running means of the epoch.

    Keras keeps a mean as a total and a count; the batch's own is the difference of the totals divided by that of the
    counts. A metric whose result is not that mean, such as an AUC or the root of one, has no value for one batch and
    stays as in the logs.
    """

    def __init__(self) -> None:
        self._means: dict[str, Any] | None = None
        self._before: dict[str, tuple[float, float]] = {}

    def begin_epoch(self) -> None:
        """To be called when Keras resets its metrics."""
        self._before = {}

    def of_batch(self, model: Any, logs: Mapping[str, Any]) -> dict[str, Any]:
        """The logs of the batch that ended, its means in the place of the running ones."""
        if self._means is None:
            self._means = _means_in_logs(model)
        values = dict(logs)
        for name in values.keys() & self._means.keys():
            mean = self._means[name]
            total, count = (float(value_of(variable)) for variable in (mean.total, mean.count))
            total_before, count_before = self._before.get(name, (0.0, 0.0))
            self._before[name] = (total, count)
            if count > count_before:
                values[name] = (total - total_before) / (count - count_before)
        return values


def _means_in_logs(model: Any) -> dict[str, Any]:
    """The metrics whose result is their mean, each under its name in the logs."""
    found: dict[str, Any] = {}
    for metric in model.metrics:
        # Those given to compile are one metric, whose result is a dict: what it calls each of them, it must be asked.
        inner = [one for one in getattr(metric, "metrics", ()) if _is_mean(one)]
        found |= _named_by(metric, inner) if inner else {metric.name: metric}
    return {name: one for name, one in found.items() if _is_mean(one)}


def _is_mean(metric: Any) -> bool:
    return getattr(type(metric), "result", None) is keras.metrics.Mean.result


def _named_by(compiled: Any, inner: list[Any]) -> dict[str, Any]:
    """The result of compiled metrics, where each of ``inner`` gives itself for its own."""
    try:
        for one in inner:
            vars(one)["result"] = partial(_same, one)
        return dict(compiled.result())
    finally:
        for one in inner:
            vars(one).pop("result", None)


def _same(one: Any) -> Any:
    return one


def mean_of(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """The mean of each figure over the batches of an update."""
    return {name: sum(row[name] for row in rows) / len(rows) for name in rows[-1]} if len(rows) > 1 else rows[0]
