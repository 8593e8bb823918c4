"""The range test of a compiled Keras model."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, overload

from clr_core import LRCurve, RangeTest, check
from clr_core.range_test.interrupts import Gate, undisturbed
from clr_keras._batches import batches
from clr_keras._describe import has_momentum, name_of, updaters
from clr_keras._restore import Snapshot
from clr_keras._step import Step


@overload
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
    seeds: None = None,
) -> LRCurve: ...
@overload
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
    seeds: int,
) -> list[LRCurve]: ...
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
    seeds: int | None = None,
) -> LRCurve | list[LRCurve]:
    """The loss against the learning rate, from a short training run of ``model`` in which the learning rate rises.

    Same as driving a ``clr_core.RangeTest`` with ``model.train_on_batch``. The loss is that of each batch, not the
    running mean that ``fit`` reports. Afterwards the model is as before, bit for bit: variables, the seeds of dropout,
    the attributes of its layers, the optimizer (not built, if it was not), metrics, the compiled functions, and the
    random states of Keras, Python, NumPy, TensorFlow and torch; also after an exception or any number of Ctrl-C; so are
    the generators, attributes and order of the examples of what the data come from. Ctrl-C takes effect when the update
    at hand has been made, and returns what is recorded, with stop reason ``"interrupted"``. Out of reach is where
    TensorFlow keeps the order of a ``tf.data.Dataset`` that shuffles: ``fit`` sees another than without the test,
    unless the dataset has a ``seed`` and is made anew after the test.

    Args:
        model: A compiled model. Its learning rate may be a number or a schedule. A ``MultiOptimizer`` keeps the
            ratios of its learning rates; the recorded one is that of the first of ``optimizer.optimizers``.
        x, y, sample_weight, class_weight, shuffle: Data as ``fit`` takes it: arrays (one, or a list, tuple or
            dict; rows of a ``scipy.sparse`` matrix become dense), a ``tf.data.Dataset``, a ``PyDataset``, a generator,
            any other iterable of batches. Data that runs out is iterated over again. ``shuffle`` is for arrays and
            ``PyDataset``.
        batch_size: Samples in a batch, for arrays.
        start_lr, end_lr, num_steps, mode, divergence: As in ``clr_core.RangeTest``. Where the optimizer
            accumulates gradients, each of the ``num_steps`` updates takes that many batches and records their mean
            loss.
        validation_data: If given, the recorded loss is that of ``model.evaluate`` on it after each update:
            ``(x, y)`` or ``(x, y, sample_weight)`` arrays, or a dataset that can be iterated over again.
        metric: The name of a metric the model was compiled with, such as "accuracy", to record as
            ``LRCurve.metrics``; of the validation data where given.
        seeds: Run that many tests, an int >= 1, and return a list of curves for ``suggest_bounds``. Each starts from
            the same weights and goes on in the data where the last one stopped, so each sees another order. Ctrl-C
            ends the list with the test it interrupts.

    Raises:
        TypeError: An argument is of the wrong kind.
        ValueError: An argument is out of its range, the model is not compiled, the data runs out, there is no
            such metric, something cannot be put back, or the model's own ``train_step`` does not update the weights by
            ``model.optimizer``.

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
            "validation_data must be arrays or a dataset that can be iterated over after every update, got "
            f"validation_data={validation_data!r}"
        )
    tests = [
        RangeTest(
            start_lr,
            end_lr,
            num_steps,
            mode=mode,
            divergence=divergence,
            optimizer=name_of(model.optimizer),
            momentum=has_momentum(model.optimizer),
        )
        for _ in range(1 if seeds is None else check.whole("seeds", seeds))
    ]
    batch_size = check.whole("batch_size", batch_size)
    stream = batches(x, y, sample_weight, batch_size=batch_size, shuffle=shuffle)
    begun: list[RangeTest] = []

    def run(gate: Gate) -> None:
        step = Step(model, stream, class_weight, validation_data, metric, gate)
        for test in tests:
            begun.append(test)
            weights = Snapshot(model) if seeds is not None else None
            step.prepare()
            while not test.done:
                test.record(*step(test.lr))
            if weights is not None:
                weights.restore()

    def run_and_restore(gate: Gate) -> None:
        before = Snapshot(model, x, validation_data)
        before.rehearse()
        try:
            run(gate)
        except KeyboardInterrupt:
            for test in begun or tests[:1]:
                test.stop("interrupted")
        finally:
            before.restore()

    undisturbed(run_and_restore)
    curves = [test.curve for test in begun or tests[:1]]
    return curves if seeds is not None else curves[0]
