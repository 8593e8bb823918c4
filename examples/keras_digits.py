"""Range test, bounds and a cyclical schedule in Keras 3, on scikit-learn's handwritten digits.

Command:  pip install keras scikit-learn && python examples/keras_digits.py
          Keras needs a backend beside it: KERAS_BACKEND=tensorflow, jax or torch.
"""

from __future__ import annotations

from typing import Any

import clr_keras
import keras
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import clr_core

BATCH, EPOCHS = 32, 12

digits: Any = load_digits()
x, x_test, y, y_test = train_test_split(digits.data / 16.0, digits.target, test_size=453, random_state=0)


def new_model(learning_rate: Any, seed: int = 0) -> Any:
    keras.utils.set_random_seed(seed)
    layers = [keras.Input((64,)), keras.layers.Dense(32, activation="relu"), keras.layers.Dense(10)]
    model = keras.Sequential(layers)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(learning_rate), loss, metrics=["accuracy"])
    return model


# 1. The range test, with three seeds; it leaves a model as it was.
curves = [clr_keras.range_test(new_model(1e-3, seed), x, y, batch_size=BATCH, start_lr=1e-5) for seed in range(3)]

# 2. The bounds for a training of whole cycles, with their evidence.
plan = clr_core.plan_cycles(epochs=EPOCHS, steps_per_epoch=len(x) // BATCH)
bounds = clr_core.suggest_bounds(curves, total_steps=plan.total_steps, steps_per_epoch=plan.steps_per_epoch)
print(bounds)

# 3. Whole cycles between them, and today's simple baseline beside it.
print(plan)
for schedule in (
    clr_core.triangular2(bounds.base_lr, bounds.max_lr, plan.step_size),
    clr_core.linear_decay(bounds.max_lr, plan.total_steps),
):
    lr = clr_keras.ScheduleLR(schedule)
    model = new_model(lr)
    epochs = plan.total_steps // plan.steps_per_epoch
    history = model.fit(x, y, batch_size=BATCH, epochs=epochs, verbose=0, callbacks=[clr_keras.LogLR(lr)])
    accuracy = model.evaluate(x_test, y_test, verbose=0, return_dict=True)["accuracy"]
    print(f"{type(schedule).__name__}: {accuracy:.1%} right, the last update at {history.history['lr'][-1]:.2g}")
