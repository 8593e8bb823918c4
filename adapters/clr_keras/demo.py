"""The problem of ``clr demo --framework keras``: scikit-learn's handwritten digits."""

from __future__ import annotations

from typing import Any

import keras

import clr_core
from clr_core.demo import Training
from clr_core.demo.digits import BATCH, HELD_OUT, load_digits
from clr_keras import ScheduleLR, range_test


class Digits:
    """A network with one hidden layer, trained by Adam."""

    unit = "nats per image"
    epochs = 12
    test_steps = 100
    default_lr = 0.001
    default_origin = "that of Keras's Adam"

    def __init__(self) -> None:
        self._data = load_digits()
        self.steps_per_epoch = self._data.steps_per_epoch
        self.description = self._data.description(f"Keras on {keras.config.backend()}")

    def range_test(self) -> clr_core.LRCurve:
        model = _new_model(self.default_lr, seed=0)
        return range_test(model, self._data.train_x, self._data.train_y, batch_size=BATCH, num_steps=self.test_steps)

    def train(self, schedule: clr_core.Schedule, steps: int, seed: int) -> Training:
        history = _new_model(ScheduleLR(schedule), seed).fit(
            self._data.train_x,
            self._data.train_y,
            batch_size=BATCH,
            epochs=steps // self.steps_per_epoch,
            validation_data=(self._data.test_x, self._data.test_y),
            validation_batch_size=HELD_OUT,
            verbose=0,
        )
        losses = history.history["val_loss"]
        updates = range(self.steps_per_epoch, steps + 1, self.steps_per_epoch)
        accuracy = history.history["val_accuracy"][-1]
        return Training(losses[-1], accuracy, tuple(zip(updates, losses, strict=True)))


def _new_model(learning_rate: Any, seed: int) -> Any:
    """A new compiled model; the seed determines its weights and the order of its batches."""
    keras.utils.set_random_seed(seed)
    model = keras.Sequential([keras.Input((64,)), keras.layers.Dense(32, activation="relu"), keras.layers.Dense(10)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(learning_rate), loss, metrics=["accuracy"])
    return model


def problem() -> Digits:
    """The problem, under the name that ``clr demo`` looks for in every adapter."""
    return Digits()
