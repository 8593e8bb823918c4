"""What generate.py recorded: range tests, and the loss at which full training runs ended."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

import clr_core

DATA = Path(__file__).parent / "data"
CHOSEN, DRAWN, HELD_OUT = "chosen", "drawn", "held_out"
"""Its folders: the tasks of tasks.py, those of drawn.py for development, and those on which nothing is fitted."""

DEVELOPMENT = (CHOSEN, DRAWN)

CLASSES = {"sgd": "SGD", "momentum": "SGD", "clipped": "SGD", "adam": "Adam", "adamw": "AdamW"} | {
    "rmsprop": "RMSprop",
    "lion": "Lion",
}
"""The optimizers, each with the class name that its framework would give it."""

MOMENTUM = {"sgd": False, "momentum": True, "clipped": True}
"""Of those that are SGD, whether they have momentum."""

SCHEDULES = ("constant", "cyclic", "one_cycle")
BUDGETS = ("full", "quarter")
LENGTHS = (100, 300, 1000)
MODES = ("exponential", "linear")
VALIDATED = (("exponential", 100), ("exponential", 300))
VALIDATED_EVERY = 4
"""The range tests that have the validation loss as well, before every fourth update."""

GRID_OPTIMIZERS = ("momentum", "adam")

APART = 1.75
"""The factor between the peaks of a grid."""

CLOSE = 1.1
"""A loss of up to that times the best is close to it."""


@dataclass(frozen=True)
class Truth:
    """How training runs ended, by their peak LR.

    Attributes:
        lrs: The peaks, a factor ``APART`` from one to the next.
        losses: Mean validation loss over three seeds; a run that ended worse than it began counts as not run.
        before: The validation loss before training.
    """

    lrs: Any
    losses: Any
    before: float

    @classmethod
    def of(cls, lrs: Any, losses: Any, before: Any) -> Truth:
        """From the losses at the end, (peaks, seeds), and before, (seeds,)."""
        return cls(lrs, np.fmin(losses, before).mean(1), float(before.mean()))

    @property
    def best_lr(self) -> float:
        return float(self.lrs[self.losses.argmin()])

    @property
    def gain(self) -> float:
        """What the best LR gains."""
        return float(self.before - self.losses.min())

    def loss(self, lr: float) -> float:
        """Linear in log LR between the peaks; below them the gain is in proportion to the LR."""
        if lr < self.lrs[0]:
            return float(self.before - (self.before - self.losses[0]) * lr / self.lrs[0])
        return float(np.interp(np.log(lr), np.log(self.lrs), self.losses))

    def regret(self, lr: float | None) -> float:
        """The share of the possible gain that is lost; without an LR there is no training, and all is."""
        return 1.0 if lr is None else (self.loss(lr) - self.losses.min()) / self.gain

    def is_close(self, lr: float | None) -> bool:
        """Whether the loss is within 10 % of the best."""
        return lr is not None and self.loss(lr) <= CLOSE * self.losses.min()


@dataclass(frozen=True)
class Pair:
    """One task with one optimizer."""

    task: str
    optimizer: str
    arrays: Any

    def __getitem__(self, name: str) -> Any:
        return self.arrays[name][list(self.arrays["optimizers"]).index(self.optimizer)].astype(float)

    def truth(self, schedule: str, budget: str = "full") -> Truth:
        lrs, losses = (
            np.concatenate([self[f"lower/{name}"], self[name]]) for name in ("grid", f"{schedule}/{budget}/loss")
        )
        trained = ~np.isnan(lrs)
        return Truth.of(lrs[trained], losses[trained], self["before"])

    def grid(self, schedule: str) -> tuple[Any, Any]:
        """Validation losses (fractions, peaks, seeds) and the fractions base_lr / max_lr; None for most pairs."""
        name = f"{schedule}/grid_loss"
        with_grid = list(GRID_OPTIMIZERS)
        if name not in self.arrays or self.optimizer not in with_grid:
            return None, None
        index = with_grid.index(self.optimizer)
        return self.arrays[name][index].astype(float), self.arrays[f"{schedule}/fractions"][index].astype(float)

    def total_steps(self, budget: str = "full") -> int:
        return int(self.arrays["total_steps"]) // {"full": 1, "quarter": 4}[budget]

    @property
    def steps_per_epoch(self) -> float:
        """Updates that see every training example once."""
        return float(self.arrays["examples"] / self.arrays["batch"])

    @cached_property
    def curves(self) -> dict[tuple[str, int], list[clr_core.LRCurve]]:
        """By mode and length, three seeds each; never stopped, whatever the loss."""
        result = {}
        for mode in MODES:
            for length in LENGTHS:
                name = f"{mode}/{length}"
                start, end = self[f"{name}/ends"]
                ramp = {"exponential": clr_core.exponential_ramp, "linear": clr_core.linear_ramp}[mode]
                lrs = ramp(start, end, length).values(length)
                losses = self[f"{name}/loss"] * self["before"].mean()
                accuracies = self[f"{name}/accuracy"] / self.arrays["batch"]
                result[mode, length] = [
                    clr_core.LRCurve(lrs, loss, accuracy if accuracy.any() else None, **self.curve_labels)
                    for loss, accuracy in zip(losses, accuracies, strict=True)
                ]
        return result

    @cached_property
    def validation_curves(self) -> dict[tuple[str, int], list[clr_core.LRCurve]]:
        """As ``curves``, of the validation loss, linear between the updates before which it was recorded."""
        result = {}
        for mode, length in VALIDATED:
            points, known = np.arange(length), np.arange(0, length, VALIDATED_EVERY)
            losses = self[f"{mode}/{length}/validation"] * self["before"].mean()
            result[mode, length] = [
                clr_core.LRCurve(training.lrs, np.interp(points, known, loss), **self.curve_labels)
                for training, loss in zip(self.curves[mode, length], losses, strict=True)
            ]
        return result

    @property
    def curve_labels(self) -> Any:
        """What an ``LRCurve`` of this pair says of its optimizer."""
        return {"optimizer": CLASSES[self.optimizer], "momentum": MOMENTUM.get(self.optimizer)}


def by_task(folder: str) -> dict[str, dict[str, Pair]]:
    """The pairs of one folder by their task, then by their optimizer."""
    found: dict[str, dict[str, Pair]] = {}
    for pair in pairs(folder):
        found.setdefault(pair.task, {})[pair.optimizer] = pair
    return found


def pairs(folder: str) -> Iterator[Pair]:
    """Every task of one folder with every optimizer.

    Raises:
        FileNotFoundError: There are no recordings: the repository has them, the sdist does not.
    """
    paths = sorted((DATA / folder).glob("*.npz"))
    if not paths:
        raise FileNotFoundError(f"no recordings in {DATA / folder}: take them from the repository, or run generate.py")
    for path in paths:
        with np.load(path) as file:
            arrays = dict(file)
        for optimizer in CLASSES:
            yield Pair(str(arrays["name"]), optimizer, arrays)
