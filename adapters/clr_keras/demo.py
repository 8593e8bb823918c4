"""The problem of ``clr demo --framework keras``: scikit-learn's handwritten digits."""

from __future__ import annotations

from typing import Any

import keras
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import clr_core
from clr_core.demo import Training
from clr_keras import ScheduleLR, range_test

BATCH = 32
HELD_OUT = 453
"""So that 1,344 images are left, 42 whole batches."""


class Digits:
    """A network with one hidden layer, trained by Adam."""

    unit = "nats per image"
    epochs = 12
    test_steps = 100
    default_lr = 0.001
    default_origin = "that of Keras's Adam"

    def __init__(self) -> None:
        digits: Any = load_digits()
        images = (digits.data / 16).astype("float32")
        parts: Any = train_test_split(images, digits.target, test_size=HELD_OUT, random_state=0)
        self._learn, self._held_out, self._answers, self._held_out_answers = parts
        self.steps_per_epoch = len(self._learn) // BATCH
        self.description: tuple[str, ...] = (
            f"The problem: read handwritten digits, {len(images):,} images of 8 x 8 pixels, "
            f"in Keras on {keras.config.backend()}.",
            f"A network with a hidden layer of 32 learns by Adam in batches of {BATCH}:",
            f"from {len(self._learn):,} images, to be judged on the other {HELD_OUT}.",
        )

    def range_test(self) -> clr_core.LRCurve:
        model = _begin(self.default_lr, seed=0)
        return range_test(model, self._learn, self._answers, batch_size=BATCH, num_steps=self.test_steps)

    def train(self, schedule: clr_core.Schedule, steps: int, seed: int) -> Training:
        history = _begin(ScheduleLR(schedule), seed).fit(
            self._learn,
            self._answers,
            batch_size=BATCH,
            epochs=steps // self.steps_per_epoch,
            validation_data=(self._held_out, self._held_out_answers),
            validation_batch_size=HELD_OUT,
            verbose=0,
        )
        losses = history.history["val_loss"]
        updates = range(self.steps_per_epoch, steps + 1, self.steps_per_epoch)
        accuracy = history.history["val_accuracy"][-1]
        return Training(losses[-1], accuracy, tuple(zip(updates, losses, strict=True)))


def _begin(learning_rate: Any, seed: int) -> Any:
    """A new compiled model; its weights and the order of its batches follow from the seed."""
    keras.utils.set_random_seed(seed)
    model = keras.Sequential([keras.Input((64,)), keras.layers.Dense(32, activation="relu"), keras.layers.Dense(10)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(learning_rate), loss, metrics=["accuracy"])
    return model


def problem() -> Digits:
    """The problem, by the name that ``clr demo`` asks every adapter for."""
    return Digits()
