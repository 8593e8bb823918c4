"""Range test and schedule with Flax NNX: a convolutional network with batch normalization and dropout.

Command:  pip install optax flax scikit-learn && python examples/flax_nnx_digits.py
"""

from __future__ import annotations

from typing import Any

import clr_optax
import jax
import jax.numpy as jnp
import optax
from flax import nnx
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import clr_core

BATCH, EPOCHS = 64, 8

digits: Any = load_digits()
images = (digits.images / 16.0).astype("float32")[..., None]
x, x_test, y, y_test = train_test_split(images, digits.target, test_size=0.25, random_state=0)
num_batches = len(x) // BATCH
batches = [(x[i : i + BATCH], y[i : i + BATCH]) for i in range(0, num_batches * BATCH, BATCH)]


class Network(nnx.Module):
    def __init__(self, rngs: nnx.Rngs) -> None:
        self.conv = nnx.Conv(1, 16, kernel_size=(3, 3), rngs=rngs)
        self.norm = nnx.BatchNorm(16, rngs=rngs)
        self.dropout = nnx.Dropout(0.2, rngs=rngs)
        self.out = nnx.Linear(16 * 16, 10, rngs=rngs)

    def __call__(self, images: jax.Array) -> jax.Array:
        hidden = nnx.relu(self.norm(self.conv(images)))
        hidden = nnx.max_pool(hidden, window_shape=(2, 2), strides=(2, 2))
        return self.out(self.dropout(hidden.reshape(len(images), -1)))


def loss_of(model: Network, batch: Any) -> jax.Array:
    losses: jax.Array = optax.softmax_cross_entropy_with_integer_labels(model(batch[0]), batch[1])
    return losses.mean()


# 1. The range test needs the model split: parameters, and a state of running means and random streams.
model = Network(nnx.Rngs(0))
graph, params, state = nnx.split(model, nnx.Param, ...)


def loss_fn(params: Any, batch: Any, *, state: Any) -> tuple[jax.Array, Any]:
    model = nnx.merge(graph, params, state)
    loss = loss_of(model, batch)
    return loss, nnx.state(model, nnx.Not(nnx.Param))


curve = clr_optax.range_test(loss_fn, params, optax.adamw, batches, state=state, start_lr=1e-5)

# 2. The bounds for one cycle, with their evidence.
steps = EPOCHS * num_batches
bounds = clr_core.suggest_bounds(curve, kind="one_cycle", total_steps=steps, steps_per_epoch=num_batches)
print(bounds)

# 3. One cycle over the whole training run, in Flax's own optimizer. The model is unchanged by the test.
schedule = bounds.schedule()
optimizer = nnx.Optimizer(model, optax.adamw(clr_optax.schedule_lr(schedule)), wrt=nnx.Param)


@nnx.jit
def update(model: Network, optimizer: nnx.Optimizer[Network], batch: Any) -> None:
    optimizer.update(model, nnx.grad(loss_of)(model, batch))


for step in range(steps):
    update(model, optimizer, batches[step % num_batches])
last_lr = float(clr_optax.current_lr(optimizer.opt_state, schedule=schedule))
model.eval()
is_correct = model(jnp.asarray(x_test)).argmax(axis=1) == jnp.asarray(y_test)
print(f"accuracy {float(is_correct.mean()):.1%} after {steps} updates, last LR {last_lr:.2g}")
