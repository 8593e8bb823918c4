"""What record.py recorded, in the form of recorded.py: range tests, how full training runs ended, and labels.

    from modern.pairs import DEVELOPMENT, pairs  # in a script beside score.py

Scripts other than the one that scores held-out pairs read ``DEVELOPMENT`` alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from recorded import Truth

import clr_core

RECORDINGS = Path(__file__).parent / "recordings"
DEVELOPMENT, HELD_OUT = "development", "held_out"
SCHEDULES = ("constant", "cyclic", "one_cycle", "linear_decay", "cosine_decay", "warmup_stable_decay")
USER = "user"
"""The mode of the range test, exponential as well, whose ends a user would choose; the others run from 1e-7 to 10."""


@dataclass(frozen=True)
class Labels:
    """What a user knows of a training run, beside its updates.

    Attributes:
        family: The sort of network; of a pretrained pair, what it learns from.
        optimizer: ``"SGD"``, ``"Adam"`` or ``"AdamW"``.
        momentum: Of SGD, else 0.
        beta2: Of Adam and AdamW, else nan.
        clip: The largest norm of the gradient, or nan.
        warmup: Share of the updates in which the LR rises to that of a constant, linear or cosine schedule.
        smoothing: Of the labels.
        examples: How many there are; 0 where none comes twice.
        weights: How many the network has.
        chance: Loss of a model that knows only how frequent the targets are.
        new_head: Whether a pretrained network began with a new head.
        body_ratio: LR of the body / LR of the head, 0 for a frozen body.
    """

    kind: str
    family: str
    optimizer: str
    momentum: float
    weight_decay: float
    beta2: float
    clip: float
    warmup: float
    smoothing: float
    dropout: float
    batch: int
    examples: int
    weights: int
    chance: float
    pretrained: bool
    new_head: bool
    body_ratio: float


@dataclass(frozen=True)
class Pair:
    """One task with one optimizer."""

    name: str
    arrays: Any

    @property
    def task(self) -> str:
        return str(self.arrays["name"])

    @cached_property
    def labels(self) -> Labels:
        return Labels(**{name: self.arrays[name].item() for name in Labels.__dataclass_fields__})

    @property
    def budgets(self) -> tuple[int, ...]:
        """Updates of full training runs, the shortest first."""
        return tuple(map(int, self.arrays["budgets"]))

    def total_steps(self, budget: int | None = None) -> int:
        """The budget, or else the longest."""
        return self.budgets[-1] if budget is None else budget

    @property
    def steps_per_epoch(self) -> float | None:
        """Updates that see every training example once; None where none comes twice."""
        steps = float(self.arrays["steps_per_epoch"])
        return steps if np.isfinite(steps) else None

    @property
    def before(self) -> float:
        """The validation loss before training."""
        return float(self.arrays["before"].mean())

    @property
    def schedules(self) -> tuple[str, ...]:
        """Those of ``SCHEDULES`` that were trained."""
        return tuple(s for s in SCHEDULES if f"truth/{s}/{self.budgets[0]}/trained" in self.arrays)

    def truth(self, schedule: str, budget: int | None = None) -> Truth:
        """Ends of full training runs by their peak LR; the peaks are powers of 2, not the same for all schedules."""
        name = f"truth/{schedule}/{self.total_steps(budget)}"
        trained = self.arrays[f"{name}/trained"]
        return Truth.of(
            self.arrays["lrs"][trained].astype(float),
            self.arrays[f"{name}/loss"][trained].astype(float),
            self.arrays["before"].astype(float),
        )

    @cached_property
    def curves(self) -> dict[tuple[str, int], list[clr_core.LRCurve]]:
        """By mode and length, one for each seed; never stopped, whatever the loss."""
        result = {}
        for key in self.arrays:
            if key.startswith("test/") and key.endswith("/loss"):
                _, mode, length, _ = key.split("/")
                start, end = map(float, self.arrays[f"test/{mode}/{length}/ends"])
                lrs = clr_core.exponential_ramp(start, end, int(length)).values(int(length))
                losses = self.arrays[key].astype(float) * self.before
                accuracies = self.arrays.get(f"test/{mode}/{length}/accuracy")
                result[mode, int(length)] = [
                    clr_core.LRCurve(
                        lrs, loss, None if accuracies is None else accuracies[seed].astype(float), **self.curve_labels
                    )
                    for seed, loss in enumerate(losses)
                ]
        return result

    @cached_property
    def validation_curves(self) -> dict[tuple[str, int], list[clr_core.LRCurve]]:
        """As ``curves``, of the validation loss, linear between the updates before which it was recorded."""
        result = {}
        for (mode, length), curves in self.curves.items():
            name = f"validation/{mode}/{length}/loss"
            if name not in self.arrays:
                continue
            losses = self.arrays[name]
            updates, known = np.arange(length), np.linspace(0, length, losses.shape[1], endpoint=False)
            result[mode, length] = [
                clr_core.LRCurve(curve.lrs, np.interp(updates, known, loss * self.before), **self.curve_labels)
                for curve, loss in zip(curves, losses, strict=True)
            ]
        return result

    @property
    def curve_labels(self) -> Any:
        """What an ``LRCurve`` of this pair says of its optimizer."""
        momentum = self.labels.momentum > 0 if self.labels.optimizer == "SGD" else None
        return {"optimizer": self.labels.optimizer, "momentum": momentum}


def pairs(folder: str) -> Iterator[Pair]:
    """Every pair of one folder that is recorded so far, but for those of which no LR lowers the loss: none is wrong."""
    for path in sorted((RECORDINGS / folder).glob("*.npz")):
        with np.load(path) as file:
            pair = Pair(path.stem, dict(file))
        if all(pair.truth(schedule, budget).gain > 0 for schedule in pair.schedules for budget in pair.budgets):
            yield pair
