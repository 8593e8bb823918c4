"""One update of a range test.

Signals are handled where data come from and between batches, not inside a call of Keras: an exception there, at any
instruction, could leave the framework in the middle of a graph, a trace or a scope.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any

import keras

from clr_core.range_test.interrupts import Gate
from clr_keras._batches import Batch
from clr_keras._callback import Callback
from clr_keras._describe import (
    CHECKED,
    check_count,
    current_lr,
    has_variable_lr,
    steps_per_update,
    training_steps,
    updaters,
)


class Step:
    """One update at a given learning rate; returns its loss and metric, None where no metric is asked for."""

    def __init__(
        self,
        model: Any,
        stream: Iterator[Batch],
        class_weight: dict[int, float] | None,
        validation_data: Any,
        metric: str | None,
        gate: Gate,
    ) -> None:
        self._model = model
        self._class_weight = class_weight
        self._validation_data = validation_data
        self._metric = metric
        self._gate = gate
        first = gate.let_through(lambda: next(stream))
        self._stream = itertools.chain([first], stream)
        # A Sequential model is built once its input is known, with layers that are not.
        if not all(layer.built for layer in model._flatten_layers()):
            model(first[0])
        optimizers = updaters(model.optimizer)
        lrs = [current_lr(optimizer) for optimizer in optimizers]
        if len(lrs) > 1 and not lrs[0]:
            raise ValueError(
                f"the first optimizer must have a learning rate > 0, to which the others keep their ratio, got {lrs}: "
                "give it one, or list another optimizer first"
            )
        self._multipliers = [
            (optimizer, lr / lrs[0] if len(lrs) > 1 else 1.0) for optimizer, lr in zip(optimizers, lrs, strict=True)
        ]

    def prepare(self) -> None:
        """Get the model ready for the first update of a test."""
        model = self._model
        optimizers = [optimizer for optimizer, _ in self._multipliers]
        self._per_update = steps_per_update(model.optimizer)
        self._until_update = self._per_update - training_steps(model.optimizer) % self._per_update
        self._to_check = CHECKED
        has_own_step = getattr(model.train_step, "__func__", None) is not keras.Model.train_step
        if model.optimizer.built and all(map(has_variable_lr, optimizers)) and not has_own_step:
            return
        strategy = getattr(model, "_distribute_strategy", None)  # of tf.distribute
        with nullcontext() if strategy is None else strategy.scope():
            if not model.optimizer.built:
                model.optimizer.build(model.trainable_variables)
            for optimizer in optimizers:
                if not has_variable_lr(optimizer):
                    optimizer._learning_rate = keras.Variable(
                        0.0, dtype="float32", trainable=False, name="learning_rate"
                    )
        # JAX finds a compiled step by the function it was made from, and equal methods are one function to
        # it: a new function, so that the step with the schedule compiled in is not found.
        own = model.train_step
        model.train_step = functools.partial(_with_data_of_fit, own) if has_own_step else functools.partial(own)
        model.train_function = None

    def __call__(self, lr: float) -> tuple[float, float | None]:
        for optimizer, multiplier in self._multipliers:
            optimizer.learning_rate = lr * multiplier
        before = training_steps(self._model.optimizer) if self._to_check else 0
        logs = [self._train_on_batch() for _ in range(self._until_update)]
        if self._to_check:
            self._to_check -= 1
            check_count(self._model, self._until_update, training_steps(self._model.optimizer) - before)
        self._until_update = self._per_update
        if self._validation_data is not None:
            logs = [self._evaluate()]
        metric = None if self._metric is None else self._mean(self._metric, logs)
        return self._mean("loss", logs), metric

    def _train_on_batch(self) -> dict[str, Any]:
        x, y, sample_weight = self._gate.let_through(lambda: next(self._stream))
        # Not before Keras 3.13 or so does train_on_batch do this itself.
        self._model.reset_metrics()
        logs: dict[str, Any] = self._model.train_on_batch(
            x, y, sample_weight=sample_weight, class_weight=self._class_weight, return_dict=True
        )
        return logs

    def _evaluate(self) -> dict[str, Any]:
        data = self._validation_data
        arguments = {"x": data}
        if isinstance(data, list | tuple):
            x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
            arguments = {"x": x, "y": y, "sample_weight": sample_weight}
        between = _BetweenBatches(self._gate)
        logs: dict[str, Any] = self._model.evaluate(**arguments, verbose=0, return_dict=True, callbacks=[between])
        return logs

    def _mean(self, name: str, logs: list[dict[str, Any]]) -> float:
        if name not in logs[0]:
            known = ", ".join(map(repr, logs[0])) or "none"
            if name == "loss":
                raise ValueError(
                    f"train_step and test_step must return the loss under 'loss', got {known}: add it to the dict"
                )
            raise ValueError(f"metric must be one of {known}, got metric={name!r}")
        return sum(float(one[name]) for one in logs) / len(logs)


class _BetweenBatches(Callback):
    """Lets signals through between the batches of an evaluation."""

    def __init__(self, gate: Gate) -> None:
        super().__init__()
        self._gate = gate

    def on_test_batch_begin(self, batch: int, logs: Any = None) -> None:
        self._gate.let_through(lambda: None)


def _with_data_of_fit(train_step: Any, *arguments: Any) -> Any:
    """Call a model's own ``train_step`` with a pair where ``fit`` does: ``train_on_batch`` always passes three."""
    *state, (x, y, sample_weight) = arguments
    return train_step(*state, keras.utils.pack_x_y_sample_weight(x, y, sample_weight))
