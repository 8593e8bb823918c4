"""Range test, bounds and a cyclical schedule in Keras 3, on scikit-learn's handwritten digits.

Command:  pip install keras scikit-learn && python examples/keras_digits.py
          Keras needs a backend as well: KERAS_BACKEND=tensorflow, jax or torch.
"""

from __future__ import annotations

from typing import Any

import clr_keras
import keras

import clr_core
from clr_core.demo.digits import BATCH, load_digits

digits = load_digits()


def new_model(learning_rate: Any, seed: int = 0) -> Any:
    keras.utils.set_random_seed(seed)
    layers = [keras.Input((64,)), keras.layers.Dense(32, activation="relu"), keras.layers.Dense(10)]
    model = keras.Sequential(layers)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(learning_rate), loss, metrics=["accuracy"])
    return model


# 1. The budget, in whole cycles.
plan = clr_core.plan_cycles(epochs=12, examples=len(digits.train_x), batch_size=BATCH)
print(plan)

# 2. The range test, three times, each with another order of the data; it leaves the model as it was.
model = new_model(1e-3)
curves = clr_keras.range_test(model, digits.train_x, digits.train_y, batch_size=BATCH, start_lr=1e-5, seeds=3)

# 3. The bounds, with their evidence.
bounds = clr_core.suggest_bounds(curves, plan)
print(bounds)

# 4. Train with whole cycles between them.
schedule = bounds.schedule()
model = new_model(clr_keras.ScheduleLR(schedule))
history = model.fit(
    digits.train_x,
    digits.train_y,
    batch_size=BATCH,
    epochs=plan.epochs,
    verbose=0,
    callbacks=[clr_keras.LogLR(schedule)],
)
accuracy = model.evaluate(digits.test_x, digits.test_y, verbose=0, return_dict=True)["accuracy"]
print(f"accuracy {accuracy:.1%}, lr of the last update {history.history['lr'][-1]:.2g}")
