"""One training run: what it is known by, what came of it, and the file in which it is kept."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, NamedTuple

from clr_core.bounds.constants import VERSION


class Key(NamedTuple):
    """A run: the task, the method, its updates (those of a range test not among them) and the seed."""

    task: str
    method: str
    updates: int
    seed: int


@dataclass(frozen=True)
class Run:
    """A row of ``results/claims.csv``.

    Attributes:
        task, method, updates, seed: The key; ``updates`` are those asked for.
        made: Updates of training that were made: a plan of whole cycles may have a few more or fewer.
        tested: Updates of the range test, or of another library's finder, which come on top.
        base_lr, max_lr: The bounds, empty where there are none; equal for one fixed LR.
        rule: ``rule_version`` of the bounds; empty where nothing was suggested by this library.
        accuracy, loss: On the test data, after the last update.
        steps: Updates at which the accuracy was measured, space-separated; the last is ``made``.
        accuracies: And what it was.
    """

    task: str
    method: str
    updates: int
    seed: int
    made: int
    tested: int
    base_lr: float | None
    max_lr: float | None
    rule: str
    accuracy: float
    loss: float
    steps: tuple[int, ...] = ()
    accuracies: tuple[float, ...] = ()

    @property
    def key(self) -> Key:
        return Key(self.task, self.method, self.updates, self.seed)

    @property
    def is_current(self) -> bool:
        return self.rule in ("", VERSION)

    def to_row(self) -> dict[str, Any]:
        row: dict[str, Any] = asdict(self)
        row |= {name: "" if row[name] is None else f"{row[name]:.5g}" for name in ("base_lr", "max_lr", "loss")}
        row["accuracy"] = f"{self.accuracy:.5f}"
        row["steps"] = " ".join(map(str, self.steps))
        return row | {"accuracies": " ".join(f"{each:.4f}" for each in self.accuracies)}

    @classmethod
    def from_row(cls, row: dict[str, str]) -> Run:
        numbers: dict[str, Any] = {name: int(row[name]) for name in ("updates", "seed", "made", "tested")}
        lrs = {name: float(row[name]) if row[name] else None for name in ("base_lr", "max_lr")}
        return cls(
            task=row["task"],
            method=row["method"],
            rule=row["rule"],
            accuracy=float(row["accuracy"]),
            loss=float(row["loss"]),
            steps=tuple(map(int, row["steps"].split())),
            accuracies=tuple(map(float, row["accuracies"].split())),
            **numbers,
            **lrs,
        )


class Store:
    """The runs of a file: added to as they end, so that work that was interrupted goes on where it stopped."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self.runs: dict[Key, Run] = {}
        if path and path.exists():
            with path.open(newline="", encoding="utf-8") as file:
                found = map(Run.from_row, csv.DictReader(file))
                self.runs = {run.key: run for run in found if run.is_current}
        if path:
            self._write(self.runs.values(), "w")

    def add(self, runs: Iterable[Run]) -> None:
        found = list(runs)
        self.runs |= {run.key: run for run in found}
        if self._path:
            self._write(found, "a")

    def sort(self) -> None:
        """Write the file anew, in order."""
        self.runs = {key: self.runs[key] for key in sorted(self.runs)}
        if self._path:
            self._write(self.runs.values(), "w")

    def _write(self, runs: Iterable[Run], mode: str) -> None:
        assert self._path
        with self._path.open(mode, newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, [each.name for each in fields(Run)], lineterminator="\n")
            if mode == "w":
                writer.writeheader()
            writer.writerows(run.to_row() for run in runs)
