"""A Keras range test is restored, or was not begun, wherever Ctrl-C arrives and however often."""

from __future__ import annotations

import contextlib
import gc
import os
import random
import signal
import sys
from collections.abc import Callable, Iterator
from typing import Any

import frameworks
import numpy as np
import pytest
from interrupting import Interrupting, PressingAfterOne

keras = frameworks.load("keras")
clr_keras = frameworks.load("clr_keras")

FOLDERS = {"adapter": os.path.dirname(clr_keras.__file__), "keras": os.path.dirname(keras.__file__)}
PLACES = 4


class Batches:
    """A data set that draws from the random states of Python and NumPy."""

    def __iter__(self) -> Iterator[Any]:
        for _ in range(2):
            yield np.full((4, 2), random.random(), "float32"), np.full((4, 1), np.random.rand(), "float32")


@pytest.fixture(scope="module")
def model() -> Any:
    keras.utils.set_random_seed(0)
    layers = keras.layers
    inner = layers.Dense(3, activation="relu"), layers.BatchNormalization(), layers.Dropout(0.5), layers.Dense(1)
    made = keras.Sequential([keras.Input((2,)), *inner])
    made.compile(keras.optimizers.Adam(0.01), "mse", metrics=["mae"])
    x, y = next(iter(Batches()))
    made.fit(x, y, epochs=2, verbose=0)
    return made


def content(model: Any) -> dict[str, Any]:
    values = [*model.variables, *model.optimizer.variables, *model.metrics_variables]
    return {
        "values": [keras.ops.convert_to_numpy(keras.ops.convert_to_tensor(each)).tobytes() for each in values],
        "variables": [id(each) for each in values],
        "attributes": {name: id(each) for name, each in vars(model).items() if name != "history"},
        "optimizer": {name: id(each) for name, each in vars(model.optimizer).items()},
        "random states": (random.getstate(), str(np.random.get_state())),
        "handlers": [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)],
    }


def run(model: Any) -> Any:
    x, y = np.ones((8, 2), "float32"), np.ones((8, 1), "float32")
    return clr_keras.range_test(model, Batches(), num_steps=3, end_lr=1e-3, validation_data=(x, y))


@pytest.mark.parametrize(("where", "again"), [("adapter", 0), ("adapter", 1), ("keras", 200)])
def test_at_lines_of_the_adapter_and_of_keras(model: Any, where: str, again: int) -> None:
    """Ctrl-C at a line of either, once or twice, leaves every bit, object and handler as it was."""
    before, whole = content(model), run(model)
    assert content(model) == before
    with Interrupting(FOLDERS[where], 10**9) as counter:
        run(model)
    assert counter.lines > 300
    for at in range(1 + again, counter.lines, counter.lines // PLACES):
        outcome: Any = KeyboardInterrupt
        try:
            with Interrupting(FOLDERS[where], at, again):
                outcome = run(model).stop_reason
        except KeyboardInterrupt:
            pass
        sys.settrace(None)
        assert content(model) == before, at
        assert outcome in (KeyboardInterrupt, "interrupted", "completed")
    gc.collect()
    assert content(model) == before
    assert run(model) == whole


@pytest.mark.skipif(not hasattr(signal, "SIGUSR1"), reason="Windows has no SIGUSR1")
def test_a_handler_of_another_signal_that_raises(model: Any) -> None:
    """An alarm that ends a job, for one: it is handled after everything has been put back, if not before."""
    before = content(model)
    old = signal.signal(signal.SIGUSR1, signal.default_int_handler)
    try:
        with Interrupting(FOLDERS["adapter"], 10**9) as counter:
            run(model)
        for at in range(counter.lines // 2, counter.lines, counter.lines // (2 * PLACES)):
            with contextlib.suppress(KeyboardInterrupt), Interrupting(FOLDERS["adapter"], at, 1, signal.SIGUSR1):
                run(model)
            assert content(model) == before, at
    finally:
        signal.signal(signal.SIGUSR1, old)


def test_one_ctrl_c_returns_the_curve_two_end_the_program(model: Any) -> None:
    """Either once the update at hand has been made and everything is back."""
    before = content(model)
    for presses in (1, 2, 5):
        pressing = PressingAfterOne(Batches(), presses)
        if presses == 1:
            curve = clr_keras.range_test(model, pressing, num_steps=3)
            assert (len(curve), curve.stop_reason) == (1, "interrupted")
        else:
            with pytest.raises(KeyboardInterrupt):
                clr_keras.range_test(model, pressing, num_steps=3)
        assert content(model) == before


def interrupted_fit(model: Any, before: Callable[[], Any] = lambda: None) -> Any:
    """A finder whose ``fit`` was left in the third batch."""

    class Pressing(keras.callbacks.Callback):  # type: ignore[misc, name-defined]
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            if batch == 2:
                before()
                signal.raise_signal(signal.SIGINT)

    finder = clr_keras.LRFinder(1e-3, 1.0, steps_per_epoch=4, epochs=1)
    x = np.ones((8, 2), "float32")
    with pytest.raises(KeyboardInterrupt):
        model.fit(x, x[:, :1], batch_size=2, shuffle=False, verbose=0, callbacks=[finder, Pressing()])
    return finder


@pytest.mark.parametrize("again", [1, 20])
def test_restore_of_the_finder_is_whole(model: Any, again: int) -> None:
    """``restore()`` is done, or not begun, when Ctrl-C comes out of it; and can be called once more."""
    before = content(model)
    finder = interrupted_fit(model)
    trained = content(model)
    assert trained["values"] != before["values"]
    with Interrupting(FOLDERS["adapter"], 10**9) as counter:
        finder.restore()
    restored_at: list[int] = []
    for at in range(1, counter.lines, counter.lines // PLACES):
        finder = interrupted_fit(model)
        trained = content(model)
        with pytest.raises(KeyboardInterrupt), Interrupting(FOLDERS["adapter"], at, again):
            finder.restore()
        sys.settrace(None)
        found = content(model)
        assert found in (before, trained), at
        restored_at += [at] * (found == before)
        finder.restore()
        assert content(model) == before
    assert len(restored_at) >= PLACES - 1


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="a mode of TensorFlow")
def test_the_finder_puts_tensorflow_back_on_its_device(model: Any) -> None:
    """As where Ctrl-C came after a device was entered, and before the statement that would have left it began."""
    import tensorflow as tf
    from tensorflow.python.eager import context

    device = context.context().device_name
    finder = interrupted_fit(model, lambda: tf.device("/CPU:0").__enter__())
    assert context.context().device_name != device
    finder.restore()
    assert context.context().device_name == device
