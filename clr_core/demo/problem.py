"""What the demo asks of a learning problem, so that any framework can bring one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from clr_core.range_test.curve import LRCurve
from clr_core.schedules.base import Schedule


@dataclass(frozen=True)
class Training:
    """How one training went.

    Attributes:
        loss: Of the held-out data, after the last update.
        accuracy: Fraction of the held-out data that is judged rightly, after the last update.
        trace: Updates done and held-out loss, a few times on the way, the last being the end.
        sample: Something the trained network made, for a person to see; empty where there is nothing.
    """

    loss: float
    accuracy: float
    trace: tuple[tuple[int, float], ...]
    sample: str = ""


class Problem(Protocol):
    """Real data, a model, an optimizer; only the learning rate is left open.

    Attributes:
        description: What is learned, from what, by what: one line each.
        unit: Of the loss, for example "bits per gap".
        steps_per_epoch: Updates in an epoch.
        epochs: The budget of one training.
        test_steps: Updates in the range test.
        default_lr: The rate someone types who does not choose one.
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
