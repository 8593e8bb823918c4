"""The problem of ``clr demo --framework optax``: scikit-learn's handwritten digits."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import optax

import clr_core
from clr_core.demo import Training
from clr_core.demo.digits import BATCH, load_digits
from clr_optax import range_test, schedule_lr


class Digits:
    """A network with one hidden layer, trained by Adam."""

    unit = "nats per image"
    epochs = 12
    test_steps = 100
    default_lr = 0.001
    default_origin = "the one that Adam's paper suggests (Optax has none)"

    def __init__(self) -> None:
        digits = load_digits()
        self._train = jnp.asarray(digits.train_x), jnp.asarray(digits.train_y)
        self._test = jnp.asarray(digits.test_x), jnp.asarray(digits.test_y)
        self.steps_per_epoch = digits.steps_per_epoch
        self.description = digits.description("JAX and Optax")

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
            return training, _loss(training[0], self._test)

        weights = _weights(key)
        training, trace = (weights, tx.init(weights)), []
        for epoch in range(1, steps // self.steps_per_epoch + 1):
            training, loss = train_epoch(training, epoch)
            trace.append((epoch * self.steps_per_epoch, float(loss)))
        images, labels = self._test
        is_correct = _logits(training[0], images).argmax(1) == labels
        return Training(trace[-1][1], float(is_correct.mean()), tuple(trace))

    def _epoch(self, key: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Every image once, in random order, in batches stacked along the first axis."""
        images, labels = self._train
        order = jax.random.permutation(key, len(images)).reshape(-1, BATCH)
        return images[order], labels[order]


def _weights(key: jax.Array) -> dict[str, jax.Array]:
    first, second = jax.random.split(key)
    draw = jax.nn.initializers.he_normal()
    return {
        "in": draw(first, (64, 32)),
        "in bias": jnp.zeros(32),
        "out": draw(second, (32, 10)),
        "out bias": jnp.zeros(10),
    }


def _logits(weights: dict[str, jax.Array], images: jax.Array) -> jax.Array:
    hidden = jax.nn.relu(images @ weights["in"] + weights["in bias"])
    return hidden @ weights["out"] + weights["out bias"]


def _loss(weights: dict[str, jax.Array], batch: tuple[jax.Array, jax.Array]) -> jax.Array:
    images, labels = batch
    losses: jax.Array = optax.softmax_cross_entropy_with_integer_labels(_logits(weights, images), labels)
    return losses.mean()


def problem() -> Digits:
    """The problem, under the name that the entry point ``clr.demos`` points to."""
    return Digits()
