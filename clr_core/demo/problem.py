"""What the demo needs of a learning problem, so that any framework can provide one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from clr_core.range_test.curve import LRCurve
from clr_core.schedules.base import Schedule


@dataclass(frozen=True)
class Training:
    """The outcome of one training run.

    Attributes:
        loss: On the held-out data, after the last update.
        accuracy: On the held-out data, after the last update, 0 to 1.
        trace: Updates so far and held-out loss, several times during the run and at its end.
        sample: Output of the trained network for a person to read; empty where there is none.
    """

    loss: float
    accuracy: float
    trace: tuple[tuple[int, float], ...]
    sample: str = ""


class Problem(Protocol):
    """Real data, a model and an optimizer; only the learning rate is open.

    Attributes:
        description: The task, the model and the data, one line each.
        unit: Of the loss, for example "bits per gap".
        steps_per_epoch: Updates in an epoch.
        epochs: The budget of one training run.
        test_steps: Updates in the range test.
        default_lr: The LR that people use who do not choose one.
        default_origin: Where that rate comes from.
    """

    description: tuple[str, ...]
    unit: str
    steps_per_epoch: int
    epochs: int
    test_steps: int
    default_lr: float
    default_origin: str

    def range_test(self) -> LRCurve:
        """The curve of one range test; the same every time."""
        ...

    def train(self, schedule: Schedule, steps: int, seed: int) -> Training:
        """Train a new model, update k at ``schedule(k)``; the same for the same seed."""
        ...
