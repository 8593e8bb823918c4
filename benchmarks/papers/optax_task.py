"""The digits again in JAX: the same MLP with Optax's Adam, each run one compiled scan."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import clr_optax
import data
import jax
import jax.numpy as jnp
import numpy as np
import optax
import torch
from tasks import DIGIT_EPOCHS, DIGIT_SEEDS, TEST_UPDATES, Evaluation, Task, of_epochs

import clr_core

SIZES = (64, 64, 64, 10)
ADAM = optax.inject_hyperparams(optax.adam, hyperparam_dtype=jnp.float32)(learning_rate=1.0)


def init(key: Any) -> list[Any]:
    """Weights and biases, uniform within the root of 1/inputs, as torch has them."""
    layers = zip(jax.random.split(key, len(SIZES) - 1), SIZES, SIZES[1:], strict=False)
    return [
        jax.random.uniform(each, (below + 1, above), minval=-1, maxval=1) / below**0.5 for each, below, above in layers
    ]


def logits(params: list[Any], images: Any) -> Any:
    for layer, weights in enumerate(params):
        images = (jax.nn.relu(images) if layer else images) @ weights[:-1] + weights[-1]
    return images


def loss_fn(params: Any, batch: Any) -> Any:
    return optax.softmax_cross_entropy_with_integer_labels(logits(params, batch[0]), batch[1]).mean()


@jax.jit
def run(params: Any, opt_state: Any, lrs: Any, batches: Any) -> Any:
    def update(carry: Any, inputs: Any) -> Any:
        params, opt_state = carry
        lr, batch = inputs
        opt_state.hyperparams["learning_rate"] = lr
        changes, opt_state = ADAM.update(jax.grad(loss_fn)(params, batch), opt_state, params)
        return (optax.apply_updates(params, changes), opt_state), None

    return jax.lax.scan(update, (params, opt_state), (lrs, batches))[0]


@cache
def arrays() -> tuple[Any, Any, Any, Any]:
    found = data.digits()
    return tuple(jnp.asarray(each.flatten(1) if each.dim() > 1 else each) for each in (*found.train, *found.test))


class OptaxTask(Task):
    """Whole batches only, so that they can be stacked; an epoch leaves out what is over."""

    def stacked(self, seed: int, updates: int) -> Any:
        x, y, _, _ = arrays()
        generator = np.random.default_rng(1000 + seed)
        whole = len(x) // self.size * self.size
        epochs = -(-updates * self.size // whole)
        order = np.concatenate([generator.permutation(len(x))[:whole] for _ in range(epochs)])
        order = order.reshape(-1, self.size)[:updates]
        return x[order], y[order]

    def range_test(self, seed: int, num_steps: int = TEST_UPDATES) -> clr_core.LRCurve:
        if (seed, num_steps) not in self.curves:
            stack = self.stacked(seed, num_steps)
            self.curves[seed, num_steps] = clr_optax.range_test(
                loss_fn, init(jax.random.key(seed)), optax.adam, stack, num_steps=num_steps
            )
        return self.curves[seed, num_steps]

    def train(
        self,
        schedule: clr_core.Schedule,
        updates: int,
        seed: int,
        *,
        every: int | None = None,
        after: Callable[..., None] | None = None,
    ) -> list[Evaluation]:
        assert after is None, "Optax has no snapshots here"
        params = init(jax.random.key(seed))
        opt_state = ADAM.init(params)
        x, y = self.stacked(seed, updates)
        lrs = jnp.asarray(schedule.values(updates), jnp.float32)
        evaluations = []
        for start in range(0, updates, every or updates):
            piece = slice(start, start + (every or updates))
            params, opt_state = run(params, opt_state, lrs[piece], (x[piece], y[piece]))
            _, _, inputs, targets = arrays()
            is_correct = logits(params, inputs).argmax(1) == targets
            loss = float(loss_fn(params, (inputs, targets)))
            evaluations.append((min(piece.stop, updates), float(is_correct.mean()), loss))
        return evaluations


TASK = OptaxTask(
    "digits, MLP, Optax", data.digits, torch.nn.Identity, 64, seeds=DIGIT_SEEDS, **of_epochs(20, *DIGIT_EPOCHS)
)
