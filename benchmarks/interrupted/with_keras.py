"""Keras range tests on one backend: of an old and a new model, and in ``fit``."""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Iterator
from typing import Any

os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")

import clr_keras
import keras
import numpy as np
from interrupted.plain import of_the_process, plain
from keras import layers
from keras.src.backend.common import global_state

import clr_core

BACKEND = keras.backend.backend()
FIXED = {"num_steps": 4, "divergence": None}


class Batches:
    """A data set that draws from the random states of Python and NumPy."""

    def __init__(self, x: Any, y: Any) -> None:
        self.x, self.y = x, y

    def __iter__(self) -> Iterator[Any]:
        for start in range(0, len(self.x), 16):
            noise = np.float32(random.random() * np.random.rand())
            yield self.x[start : start + 16] + noise, self.y[start : start + 16]


def _compiled(optimizer: Any) -> Any:
    inner = layers.Dense(16, activation="relu"), layers.BatchNormalization(), layers.Dropout(0.5), layers.Dense(3)
    model = keras.Sequential([keras.Input((8,)), *inner])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer, loss, metrics=["accuracy"])
    return model


class Setting:
    name = f"keras on {BACKEND}"

    def __init__(self) -> None:
        keras.utils.set_random_seed(0)
        if "torch" in sys.modules:
            sys.modules["torch"].set_num_threads(1)
        self.x = np.random.default_rng(0).normal(size=(32, 8)).astype("float32")
        self.y = self.x.argmax(1).clip(max=2)
        self.batches = Batches(self.x, self.y)
        # Some updates old, with compiled functions that are kept.
        self.old = _compiled(keras.optimizers.Adam(0.01, amsgrad=True))
        self.old.fit(self.x, self.y, batch_size=16, epochs=2, verbose=0)
        self.old.evaluate(self.x, self.y, verbose=0)
        # Not built, and with a schedule, so that every test compiles.
        schedule = clr_keras.ScheduleLR(clr_core.triangular(1e-3, 1e-2, step_size=3))
        self.new = _compiled(keras.optimizers.SGD(schedule, momentum=0.9))
        self.finder = clr_keras.LRFinder(1e-5, 10.0, steps_per_epoch=2, epochs=3, mode="exponential")
        self.ways = {"range_test": self._range_test, "LRFinder": self._fit, "range_test, compiling": self._compiling}
        self.turns = ("range_test", "LRFinder") * 5 + ("range_test, compiling",)

    def _range_test(self) -> Any:
        validation = (self.x, self.y)
        return clr_keras.range_test(self.old, self.batches, validation_data=validation, metric="accuracy", **FIXED)

    def _compiling(self) -> Any:
        return clr_keras.range_test(self.new, self.batches, **FIXED)

    def _fit(self) -> Any:
        arguments = {"batch_size": 16, "epochs": 3, "shuffle": False, "verbose": 0}
        try:
            self.old.fit(self.x, self.y, callbacks=[self.finder], **arguments)
        except RuntimeError as error:
            if "REPLACED BY KeyboardInterrupt" not in str(error):  # which TensorFlow's C++ makes of it
                raise
            raise KeyboardInterrupt from error
        finally:
            self.finder.restore()
        return self.finder.curve

    def after_ctrl_c(self) -> None:
        """What LRFinder asks for where ``fit`` raises, and Ctrl-C may have come before it."""
        self.finder.restore()

    def fingerprint(self) -> dict[str, Any]:
        found = of_the_process() | {"Keras's global state": plain(dict(_global_state()))} | _modes()
        for name, model in (("old", self.old), ("new", self.new)):
            # fit makes a new History before any callback is asked.
            found[f"{name} model"] = plain({key: value for key, value in vars(model).items() if key != "history"})
            found[f"{name} compiled functions"] = repr((model.train_function, model.test_function))
            found[f"{name} optimizer"] = plain(vars(model.optimizer))
            parts = [*model._flatten_layers(include_self=False), *model.metrics]
            found[f"{name} layers and metrics"] = [plain(vars(one)) for one in parts]
            for kind, variables in (
                ("variables", model.variables),
                ("optimizer variables", model.optimizer.variables),
                ("metrics variables", model.metrics_variables),
            ):
                found[f"{name} {kind}"] = [_of_variable(one) for one in variables]
        return found


def _of_variable(variable: Any) -> Any:
    try:
        value = plain(np.array(keras.ops.convert_to_numpy(variable)))
    except Exception as error:
        value = f"{type(error).__name__}: {error}"
    gradient = getattr(variable._value, "grad", None) if BACKEND == "torch" else None
    return (id(variable), id(variable._value) if BACKEND != "jax" else None, value, plain(gradient))


def _global_state() -> Any:
    return vars(global_state.GLOBAL_STATE_TRACKER)


def _modes() -> dict[str, Any]:
    """What a framework is in the midst of: the graph, the trace, the scope."""
    if BACKEND == "tensorflow":
        import tensorflow as tf
        from tensorflow.python.eager import context
        from tensorflow.python.framework import ops

        inner = context.context()
        return {
            "TensorFlow's modes": (tf.executing_eagerly(), len(ops._default_graph_stack.stack), inner.device_name),
            "TensorFlow's random state": plain(inner._rng.getstate()) if getattr(inner, "_rng", None) else None,
            "TensorFlow's strategy": repr(tf.distribute.get_strategy()),
        }
    if BACKEND == "jax":
        import jax

        return {"JAX's trace": repr(jax.typeof(jax.numpy.add(1, 1)))}
    return {}
