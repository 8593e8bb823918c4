"""The range test of a compiled Keras model."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator
from typing import Any

import keras

from clr_core import LRCurve, RangeTest, check
from clr_keras._batches import Batch, batches
from clr_keras._describe import current_lr, has_momentum, has_variable_lr, name_of, training_steps, updaters
from clr_keras._restore import Snapshot, keep_random_state


def range_test(
    model: Any,
    x: Any,
    y: Any = None,
    *,
    batch_size: int = 32,
    start_lr: float = 1e-7,
    end_lr: float = 10.0,
    num_steps: int = 100,
    mode: str = "exponential",
    divergence: float | None = 1.0,
    shuffle: bool = True,
    sample_weight: Any = None,
    class_weight: dict[int, float] | None = None,
    validation_data: Any = None,
    metric: str | None = None,
) -> LRCurve:
    """The curve of a short training of ``model`` while the learning rate rises: loss against LR.

    Same as driving a ``clr_core.RangeTest`` with ``model.train_on_batch``. The loss is that of each batch,
    not the running mean that ``fit`` reports. Afterwards the model is as before, bit for bit: variables,
    the seeds of dropout, the optimizer (not built, if it was not), metrics, the compiled functions, and
    the random states of Keras, Python, NumPy and torch; also after an exception. On Ctrl-C what was recorded so
    far is returned, with stop reason ``"interrupted"``. A model without weights is built first, and
    stays so.

    Args:
        model: A compiled model. Its learning rate may be a number or a schedule. A ``MultiOptimizer`` keeps the
            ratios of its learning rates; the recorded one is that of the first of ``optimizer.optimizers``.
        x, y, sample_weight, class_weight, shuffle: Data as ``fit`` takes it: arrays (one, or a list, tuple or
            dict), a ``tf.data.Dataset``, a ``PyDataset``, a generator, any other iterable of batches. What
            can be gone through again is, when it runs out. ``shuffle`` is for arrays and ``PyDataset``.
        batch_size: Samples in a batch, for arrays.
        start_lr, end_lr, num_steps, mode, divergence: As in ``clr_core.RangeTest``. Where the optimizer
            accumulates gradients, each of the ``num_steps`` updates takes that many batches; their mean loss counts.
        validation_data: If given, the loss recorded is that of ``model.evaluate`` on it after each update:
            ``(x, y)`` or ``(x, y, sample_weight)`` arrays, or a dataset that can be gone through again.
        metric: The name of a metric the model was compiled with, "accuracy" for one, to be recorded as
            ``LRCurve.metrics``; on the validation data where those are given.

    Raises:
        TypeError: An argument is of the wrong kind.
        ValueError: An argument is out of its range, the model is not compiled, the data run out, or there is no
            such metric.

    Example:
        >>> import clr_keras, keras, numpy as np
        >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> x = np.linspace(-1.0, 1.0, 64).reshape(-1, 1)
        >>> curve = clr_keras.range_test(model, x, 3.0 * x, start_lr=1e-3, num_steps=50)
        >>> curve.optimizer, curve.stop_reason
        ('SGD', 'diverged')
    """
    if not getattr(model, "compiled", False) or model.optimizer is None:
        raise ValueError(f"model must be compiled with an optimizer, got model={model!r}")
    if not updaters(model.optimizer):
        raise ValueError(
            "a MultiOptimizer that is a function of the variable must be built, got one that is not: "
            "call optimizer.build(model.trainable_variables) first"
        )
    if validation_data is not None and isinstance(validation_data, Iterator):
        raise TypeError(
            "validation_data must be arrays or a dataset that can be gone through after every update, got "
            f"validation_data={validation_data!r}"
        )
    test = RangeTest(
        start_lr,
        end_lr,
        num_steps,
        mode=mode,
        divergence=divergence,
        optimizer=name_of(model.optimizer),
        momentum=has_momentum(model.optimizer),
    )
    batch_size = check.whole("batch_size", batch_size)
    stream = batches(x, y, sample_weight, batch_size=batch_size, shuffle=shuffle)
    undo_peek = keep_random_state()
    first = next(stream, None)
    undo_peek()
    if first is not None and not model.built:
        model(first[0])
    before = Snapshot(model)
    try:
        stream = itertools.chain([first], stream) if first is not None else stream
        step = _Step(model, stream, class_weight, validation_data, metric)
        while not test.done:
            test.record(*step(test.lr))
    except KeyboardInterrupt:
        test.stop("interrupted")
    finally:
        before.restore()
    return test.curve


class _Step:
    """One update at a given learning rate; returns its loss and metric."""

    def __init__(
        self,
        model: Any,
        stream: Iterator[Batch],
        class_weight: dict[int, float] | None,
        validation_data: Any,
        metric: str | None,
    ) -> None:
        self._model = model
        self._stream = stream
        self._batches = 0
        self._class_weight = class_weight
        self._validation_data = validation_data
        self._metric = metric
        optimizers = updaters(model.optimizer)
        lrs = [current_lr(optimizer) for optimizer in optimizers]
        if len(lrs) > 1 and not lrs[0]:
            raise ValueError(f"the first learning rate must be > 0 for the others to keep their ratio to it, got {lrs}")
        self._multipliers = [
            (optimizer, lr / lrs[0] if len(lrs) > 1 else 1.0) for optimizer, lr in zip(optimizers, lrs, strict=True)
        ]
        self._per_update = optimizers[0].gradient_accumulation_steps or 1
        self._until_update = self._per_update - training_steps(model.optimizer) % self._per_update
        self._prepare(optimizers)

    def _prepare(self, optimizers: list[Any]) -> None:
        """Make the learning rate a variable of the compiled step, where it is not one."""
        model = self._model
        if model.optimizer.built and all(map(has_variable_lr, optimizers)):
            return
        if not model.optimizer.built:
            model.optimizer.build(model.trainable_variables)
        for optimizer in optimizers:
            if not has_variable_lr(optimizer):
                optimizer._learning_rate = keras.Variable(0.0, dtype="float32", trainable=False, name="learning_rate")
        # JAX finds a compiled step by the function it was made from, and equal methods are one function to
        # it: a new function, so that the step with the schedule compiled in is not found.
        model.train_step = functools.partial(model.train_step)
        model.train_function = None

    def __call__(self, lr: float) -> tuple[float, float | None]:
        for optimizer, multiplier in self._multipliers:
            optimizer.learning_rate = lr * multiplier
        logs = [self._train_on_batch() for _ in range(self._until_update)]
        self._until_update = self._per_update
        if self._validation_data is not None:
            logs = [self._evaluate()]
        metric = None if self._metric is None else self._mean(self._metric, logs)
        return self._mean("loss", logs), metric

    def _train_on_batch(self) -> dict[str, Any]:
        batch = next(self._stream, None)
        if batch is None:
            raise ValueError(
                f"x must give a batch to every training step of the test, got {self._batches}: give more, "
                "or pass arrays or a dataset, which are gone through again, or a smaller num_steps"
            )
        self._batches += 1
        x, y, sample_weight = batch
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
        logs: dict[str, Any] = self._model.evaluate(**arguments, verbose=0, return_dict=True)
        return logs

    def _mean(self, name: str, logs: list[dict[str, Any]]) -> float:
        if name not in logs[0]:
            raise ValueError(f"metric must be one of {', '.join(map(repr, logs[0]))}, got metric={name!r}")
        return sum(float(one[name]) for one in logs) / len(logs)
