"""Range test, bounds and a cyclical schedule with JAX and Optax, on scikit-learn's handwritten digits.

Command:  pip install optax scikit-learn && python examples/optax_digits.py
"""

from __future__ import annotations

import functools
from typing import Any

import clr_optax
import jax
import jax.numpy as jnp
import optax
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import clr_core

BATCH, EPOCHS = 64, 12

digits: Any = load_digits()
x, x_test, y, y_test = train_test_split(digits.data / 16.0, digits.target, test_size=0.25, random_state=0)
num_batches = len(x) // BATCH
order = jax.random.permutation(jax.random.key(0), len(x))[: num_batches * BATCH].reshape(num_batches, BATCH)
batches = jnp.asarray(x)[order], jnp.asarray(y)[order]  # stacked: (batch, image, pixel) and (batch, image)


def init(key: jax.Array) -> dict[str, jax.Array]:
    below, above = jax.random.split(key)
    return {"below": jax.random.normal(below, (64, 32)) / 8, "above": jax.random.normal(above, (32, 10)) / 6}


def logits(params: dict[str, jax.Array], images: jax.Array) -> jax.Array:
    return jax.nn.relu(images @ params["below"]) @ params["above"]


def loss_fn(params: Any, batch: Any) -> jax.Array:
    images, labels = batch
    losses: jax.Array = optax.softmax_cross_entropy_with_integer_labels(logits(params, images), labels)
    return losses.mean()


def train(schedule: clr_core.Schedule, steps: int) -> tuple[float, float]:
    """The accuracy on the test set, and the last learning rate used."""
    tx = optax.inject_hyperparams(optax.adam, hyperparam_dtype=jnp.float32)(clr_optax.schedule_lr(schedule))

    @functools.partial(jax.jit, donate_argnums=(0, 1))
    def update(params: Any, opt_state: Any, batch: Any) -> tuple[Any, Any]:
        updates, opt_state = tx.update(jax.grad(loss_fn)(params, batch), opt_state, params)
        return optax.apply_updates(params, updates), opt_state

    params = init(jax.random.key(1))
    opt_state = tx.init(params)
    for step in range(steps):
        batch = jax.tree.map(lambda leaf: leaf[step % num_batches], batches)  # noqa: B023
        params, opt_state = update(params, opt_state, batch)
    is_correct = logits(params, jnp.asarray(x_test)).argmax(axis=1) == jnp.asarray(y_test)
    return float(is_correct.mean()), float(clr_optax.current_lr(opt_state))


# 1. The range test: three seeds in one compiled scan.
curves = clr_optax.range_test(loss_fn, init, optax.adam, batches, start_lr=1e-5, seeds=3)

# 2. The bounds for a training run of whole cycles, with their evidence.
plan = clr_core.plan_cycles(epochs=EPOCHS, steps_per_epoch=num_batches)
bounds = clr_core.suggest_bounds(curves, plan)
print(bounds)

# 3. Whole cycles between the bounds, and linear decay, the simple baseline, beside them.
print(plan)
for schedule in (bounds.schedule(), clr_core.linear_decay(bounds.max_lr, plan.total_steps)):
    accuracy, last_lr = train(schedule, plan.total_steps)
    print(f"{type(schedule).__name__}: accuracy {accuracy:.1%} after {plan.total_steps} updates, last LR {last_lr:.2g}")
