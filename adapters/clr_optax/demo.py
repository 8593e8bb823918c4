"""The problem of ``clr demo --framework optax``: scikit-learn's handwritten digits."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import optax
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import clr_core
from clr_core.demo import Training
from clr_optax import range_test, schedule_lr

BATCH = 32
HELD_OUT = 453
"""So that 1,344 images are left, 42 whole batches."""


class Digits:
    """A network with one hidden layer, trained by Adam."""

    unit = "nats per image"
    epochs = 12
    test_steps = 100
    default_lr = 0.001
    default_origin = "the one that Adam's paper suggests (Optax has none)"

    def __init__(self) -> None:
        digits: Any = load_digits()
        images = (digits.data / 16).astype("float32")
        parts: Any = train_test_split(images, digits.target, test_size=HELD_OUT, random_state=0)
        self._learn, self._held_out, self._answers, self._held_out_answers = map(jnp.asarray, parts)
        self.steps_per_epoch = len(self._learn) // BATCH
        self.description: tuple[str, ...] = (
            f"The problem: read handwritten digits, {len(images):,} images of 8 x 8 pixels, in JAX.",
            f"A network with a hidden layer of 32 learns by Optax's Adam in batches of {BATCH}:",
            f"from {len(self._learn):,} images, to be judged on the other {HELD_OUT}.",
        )

    def range_test(self) -> clr_core.LRCurve:
        key = jax.random.key(0)
        batches = jax.tree.map(jnp.concatenate, [self._epoch(jax.random.fold_in(key, n)) for n in range(3)])
        return range_test(_loss, _weights(key), optax.adam, batches, num_steps=self.test_steps)

    def train(self, schedule: clr_core.Schedule, steps: int, seed: int) -> Training:
        tx = optax.adam(schedule_lr(schedule))
        key = jax.random.key(seed)

        def update(training: Any, batch: Any) -> Any:
            weights, state = training
            changes, state = tx.update(jax.grad(_loss)(weights, batch), state)
            return (optax.apply_updates(weights, changes), state), None

        @jax.jit
        def train_epoch(training: Any, epoch: Any) -> Any:
            training, _ = jax.lax.scan(update, training, self._epoch(jax.random.fold_in(key, epoch)))
            return training, _loss(training[0], (self._held_out, self._held_out_answers))

        weights = _weights(key)
        training, trace = (weights, tx.init(weights)), []
        for epoch in range(1, steps // self.steps_per_epoch + 1):
            training, loss = train_epoch(training, epoch)
            trace.append((epoch * self.steps_per_epoch, float(loss)))
        right = _scores(training[0], self._held_out).argmax(1) == self._held_out_answers
        return Training(trace[-1][1], float(right.mean()), tuple(trace))

    def _epoch(self, key: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Every image once, in batches stacked along the first axis, in an order of the key's."""
        order = jax.random.permutation(key, len(self._learn)).reshape(-1, BATCH)
        return self._learn[order], self._answers[order]


def _weights(key: jax.Array) -> dict[str, jax.Array]:
    first, second = jax.random.split(key)
    draw = jax.nn.initializers.he_normal()
    return {
        "in": draw(first, (64, 32)),
        "in bias": jnp.zeros(32),
        "out": draw(second, (32, 10)),
        "out bias": jnp.zeros(10),
    }


def _scores(weights: dict[str, jax.Array], images: jax.Array) -> jax.Array:
    hidden = jax.nn.relu(images @ weights["in"] + weights["in bias"])
    return hidden @ weights["out"] + weights["out bias"]


def _loss(weights: dict[str, jax.Array], batch: tuple[jax.Array, jax.Array]) -> jax.Array:
    images, answers = batch
    losses: jax.Array = optax.softmax_cross_entropy_with_integer_labels(_scores(weights, images), answers)
    return losses.mean()


def problem() -> Digits:
    """The problem, by the name that ``clr demo`` asks every adapter for."""
    return Digits()
