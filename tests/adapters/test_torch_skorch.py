"""skorch: ScheduleLR as the policy of its LRScheduler callback, and the range test of an initialized net."""

from __future__ import annotations

from typing import Any

import frameworks
import numpy as np

import clr_core

torch = frameworks.load("torch")
skorch = frameworks.load("skorch")
clr_torch = frameworks.load("clr_torch")

from skorch.callbacks import LRScheduler  # noqa: E402
from torch import nn  # noqa: E402

SCHEDULE = clr_core.triangular2(0.001, 0.1, step_size=3)
INPUTS = np.random.default_rng(1).normal(size=(64, 8)).astype(np.float32)
TARGETS = np.arange(64) % 3


class Noting(skorch.callbacks.Callback):  # type: ignore[misc, name-defined]
    def initialize(self) -> None:
        self.lrs: list[float] = []

    def on_batch_end(self, net: Any, training: bool = False, **_: Any) -> None:
        self.lrs.append(net.optimizer_.param_groups[0]["lr"])


def net() -> Any:
    torch.manual_seed(0)
    return skorch.NeuralNetClassifier(
        nn.Sequential(nn.Linear(8, 16), nn.Dropout(0.3), nn.Linear(16, 3)),
        criterion=nn.CrossEntropyLoss,
        optimizer=torch.optim.SGD,
        optimizer__momentum=0.9,
        lr=0.1,
        batch_size=16,
        max_epochs=3,
        iterator_train__shuffle=True,
        train_split=None,
        verbose=0,
        callbacks=[
            ("noting", Noting()),
            ("schedule", LRScheduler(clr_torch.ScheduleLR, schedule=SCHEDULE, step_every="batch", last_epoch=-1)),
        ],
    ).initialize()


def test_every_update_has_its_lr() -> None:
    """Stepped after each batch; it is built anew by every fit, and so starts at update 0."""
    made = net()
    for _ in range(2):
        made.fit(INPUTS, TARGETS)
        assert dict(made.callbacks_)["noting"].lrs == SCHEDULE.values(12)


def test_partial_fit_needs_the_update_it_goes_on_at() -> None:
    """skorch passes its count of epochs as last_epoch; where the step is a batch, last_epoch is given instead."""
    made = net()
    made.partial_fit(INPUTS, TARGETS, epochs=1)
    made.set_params(callbacks__schedule__last_epoch=3)
    made.partial_fit(INPUTS, TARGETS, epochs=2)
    assert dict(made.callbacks_)["noting"].lrs[-8:] == SCHEDULE.values(12)[4:]


def test_training_after_a_range_test_is_as_without() -> None:
    """With the parts of an initialized net; its iterator is the loader."""
    weights = []
    for has_test in (False, True):
        made = net()
        if has_test:
            loader = made.get_iterator(made.get_dataset(INPUTS, TARGETS), training=True)
            curve = clr_torch.range_test(
                made.module_, made.optimizer_, made.criterion_, loader, num_steps=12, progress=False
            )
            assert (len(curve), curve.momentum) == (12, True)
        made.partial_fit(INPUTS, TARGETS)
        weights.append([each.detach().clone() for each in made.module_.parameters()])
        assert dict(made.callbacks_)["noting"].lrs == SCHEDULE.values(12)
    assert all(map(torch.equal, *weights))
