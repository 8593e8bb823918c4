"""Cross-validation in Keras 3: every fold starts its cycles, its weights and its optimizer anew.

Command:  pip install keras scikit-learn && python examples/keras_kfold.py
          Keras needs a backend as well: KERAS_BACKEND=tensorflow, jax or torch.

The position in the cycles is the optimizer's count of updates, which starts at 0 in a new optimizer. So build and
compile a new model for each fold, and there is nothing to reset. (The CyclicLR callback has a count of its own. If one
callback serves all folds, call its _reset() before each.)
"""

from __future__ import annotations

from typing import Any

import clr_keras
import keras
import numpy as np
from sklearn.model_selection import KFold

import clr_core
from clr_core.demo.digits import BATCH, load_digits

FOLDS = 3
digits = load_digits()
x, y = digits.train_x, digits.train_y


def new_model(learning_rate: Any, seed: int) -> Any:
    keras.utils.set_random_seed(seed)
    layers = [keras.Input((64,)), keras.layers.Dense(32, activation="relu"), keras.layers.Dense(10)]
    model = keras.Sequential(layers)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(learning_rate), loss, metrics=["accuracy"])
    return model


# The bounds, once for all folds, from the data of the first.
folds = list(KFold(FOLDS, shuffle=True, random_state=0).split(x))
first, _ = folds[0]
plan = clr_core.plan_cycles(epochs=12, examples=len(first), batch_size=BATCH)
curve = clr_keras.range_test(new_model(1e-3, seed=0), x[first], y[first], batch_size=BATCH, start_lr=1e-5)
schedule = clr_core.suggest_bounds(curve, plan).schedule()

accuracies = []
for number, (train, test) in enumerate(folds):
    model = new_model(clr_keras.ScheduleLR(schedule), seed=number)  # the schedule has no state: one serves all folds
    callbacks = [clr_keras.LogLR(schedule)]
    history = model.fit(x[train], y[train], batch_size=BATCH, epochs=plan.epochs, verbose=0, callbacks=callbacks)
    accuracies.append(model.evaluate(x[test], y[test], verbose=0, return_dict=True)["accuracy"])
    print(f"fold {number}: accuracy {accuracies[-1]:.1%}, lr of the last update {history.history['lr'][-1]:.2g}")
print(f"mean {np.mean(accuracies):.1%} +- {np.std(accuracies):.1%}")
