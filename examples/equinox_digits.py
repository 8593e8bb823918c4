"""Range test and schedule with Equinox: a model is a pytree, of which the arrays are the parameters.

Command:  pip install optax equinox scikit-learn && python examples/equinox_digits.py
"""

from __future__ import annotations

from typing import Any

import clr_optax
import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import clr_core

BATCH, EPOCHS = 64, 12

digits: Any = load_digits()
images = (digits.data / 16.0).astype("float32")
x, x_test, y, y_test = train_test_split(images, digits.target, test_size=0.25, random_state=0)
num_batches = len(x) // BATCH
batches = [(x[i : i + BATCH], y[i : i + BATCH]) for i in range(0, num_batches * BATCH, BATCH)]


class Network(eqx.Module):
    below: eqx.nn.Linear
    dropout: eqx.nn.Dropout
    above: eqx.nn.Linear

    def __init__(self, key: jax.Array) -> None:
        below, above = jax.random.split(key)
        self.below = eqx.nn.Linear(64, 32, key=below)
        self.dropout = eqx.nn.Dropout(0.1)
        self.above = eqx.nn.Linear(32, 10, key=above)

    def __call__(self, image: jax.Array, *, key: jax.Array | None = None) -> jax.Array:
        return self.above(self.dropout(jax.nn.relu(self.below(image)), key=key))


params, static = eqx.partition(Network(jax.random.key(0)), eqx.is_inexact_array)


def loss_fn(params: Any, batch: Any, *, rng: jax.Array) -> jax.Array:
    images, labels = batch
    model = eqx.combine(params, static)
    scores = jax.vmap(model)(images, key=jax.random.split(rng, len(images)))
    losses: jax.Array = optax.softmax_cross_entropy_with_integer_labels(scores, labels)
    return losses.mean()


# 1. The range test, with gradients clipped as in training.
def new_optimizer(lr: Any) -> optax.GradientTransformation:
    return optax.chain(optax.clip_by_global_norm(1.0), optax.adam(lr))


rng = jax.random.key(1)
curve = clr_optax.range_test(loss_fn, params, new_optimizer, batches, rng=rng, start_lr=1e-5)

# 2. The bounds for a training run of whole cycles, with their evidence.
plan = clr_core.plan_cycles(epochs=EPOCHS, steps_per_epoch=num_batches)
bounds = clr_core.suggest_bounds(curve, plan)
print(bounds)

# 3. Whole cycles between the bounds.
schedule = bounds.schedule()
tx = new_optimizer(clr_optax.schedule_lr(schedule))


@jax.jit
def update(params: Any, opt_state: Any, batch: Any, rng: jax.Array) -> tuple[Any, Any]:
    updates, opt_state = tx.update(jax.grad(loss_fn)(params, batch, rng=rng), opt_state, params)
    return optax.apply_updates(params, updates), opt_state


opt_state = tx.init(params)
for step in range(plan.total_steps):
    params, opt_state = update(params, opt_state, batches[step % num_batches], jax.random.fold_in(rng, step))
model = eqx.nn.inference_mode(eqx.combine(params, static))
is_correct = jax.vmap(model)(jnp.asarray(x_test)).argmax(axis=1) == jnp.asarray(y_test)
last_lr = float(clr_optax.current_lr(opt_state, schedule=schedule))
print(f"accuracy {float(is_correct.mean()):.1%} after {plan.total_steps} updates, last LR {last_lr:.2g}")
