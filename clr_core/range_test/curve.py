"""The record of a range test: what the loss was at each learning rate."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from os import PathLike
from typing import Any

from clr_core import check
from clr_core.range_test.picture import scene_of_losses
from clr_core.views.figure import figure_of
from clr_core.views.scene import Scene

STOP_REASONS = ("completed", "diverged", "non_finite", "interrupted")

_LR_COLUMNS = ("lr", "learning_rate")
_LOSS_COLUMNS = ("loss",)
_METRIC_COLUMNS = (
    "accuracy",
    "acc",
    "val_accuracy",
    "val_acc",
    "binary_accuracy",
    "categorical_accuracy",
    "sparse_categorical_accuracy",
)
_TRUTHS = {"true": True, "false": False, "": None}


@dataclass(frozen=True)
class LRCurve:
    """Loss (and optionally accuracy) against learning rate, one point an update, in the order they were run.

    Args:
        lrs: The LR of each update, finite and > 0, never falling.
        losses: The loss of each update, any float: a NaN or an infinity is part of what happened.
        metrics: A figure that is better when higher, accuracy as a rule, or None.
        optimizer: The optimizer's class name as its framework spells it ("SGD", "AdamW"), where known;
            the best bounds depend on it.
        momentum: Whether an optimizer that is SGD has momentum (True) or not (False), where known; None for
            any other. The best bounds depend on it too.
        stop_reason: ``"completed"``, ``"diverged"``, ``"non_finite"``, ``"interrupted"`` or None.

    Raises:
        TypeError: An argument is of the wrong kind.
        ValueError: The lengths differ, an LR is not > 0, or the LRs fall.

    Example:
        >>> import clr_core
        >>> curve = clr_core.LRCurve([0.001, 0.01, 0.1], [2.3, 1.7, 9.0], optimizer="SGD")
        >>> curve
        LRCurve(3 points, lr 0.001 to 0.1, optimizer='SGD')
    """

    lrs: tuple[float, ...]
    losses: tuple[float, ...]
    metrics: tuple[float, ...] | None = None
    optimizer: str | None = field(default=None, kw_only=True)
    momentum: bool | None = field(default=None, kw_only=True)
    stop_reason: str | None = field(default=None, kw_only=True)
    steps_per_point: int = field(default=1, kw_only=True)

    def __init__(
        self,
        lrs: Iterable[float],
        losses: Iterable[float],
        metrics: Iterable[float] | None = None,
        *,
        optimizer: str | None = None,
        momentum: bool | None = None,
        stop_reason: str | None = None,
        steps_per_point: int = 1,
    ) -> None:
        stored: dict[str, Any] = {
            "lrs": _floats("lrs", lrs),
            "losses": _floats("losses", losses),
            "metrics": None if metrics is None else _floats("metrics", metrics),
            "optimizer": optimizer,
            "momentum": momentum,
            "stop_reason": stop_reason,
            "steps_per_point": check.whole("steps_per_point", steps_per_point),
        }
        for name, value in stored.items():
            object.__setattr__(self, name, value)
        for name, values in (("losses", self.losses), ("metrics", self.metrics)):
            if values is not None and len(values) != len(self.lrs):
                raise ValueError(f"{name} must be as many as lrs, got {len(values)} {name} for {len(self.lrs)} lrs")
        before = 0.0
        for index, lr in enumerate(self.lrs):
            if not 0.0 < lr < math.inf:
                check.real(f"lrs[{index}]", lr, above=0.0)
            if lr < before:
                raise ValueError(f"lrs must not fall, got lrs[{index}]={lr!r} after {before!r}")
            before = lr
        if optimizer is not None and not isinstance(optimizer, str):
            raise TypeError(f"optimizer must be a str or None, got optimizer={optimizer!r}")
        if momentum is not None and not isinstance(momentum, bool):
            raise TypeError(f"momentum must be a bool or None, got momentum={momentum!r}")
        if stop_reason is not None:
            check.choice("stop_reason", stop_reason, STOP_REASONS)

    def __len__(self) -> int:
        return len(self.lrs)

    def __repr__(self) -> str:
        parts = [f"{len(self)} points"]
        if self.lrs:
            parts.append(f"lr {self.lrs[0]:.4g} to {self.lrs[-1]:.4g}")
        for name in ("optimizer", "momentum", "stop_reason"):
            if getattr(self, name) is not None:
                parts.append(f"{name}={getattr(self, name)!r}")
        if self.metrics is not None:
            parts.append("with metrics")
        return f"LRCurve({', '.join(parts)})"

    @property
    def finite_points(self) -> int:
        """How many points there are before the first loss that is not finite.

        A loss beyond 1e100 counts as infinite, so that sums and squares of the others are finite.
        """
        return next((i for i, loss in enumerate(self.losses) if not abs(loss) < 1e100), len(self))

    def to_csv(self, path: str | PathLike[str]) -> None:
        """Write a header and a line a point: ``lr,loss`` and, where known, accuracy, optimizer, momentum, stop_reason.

        Every float is written so that ``from_csv`` reads the same one back.
        """
        import csv

        columns: dict[str, Iterable[Any]] = {
            "lr": map(repr, self.lrs),
            "loss": map(repr, self.losses),
        }
        if self.metrics is not None:
            columns["accuracy"] = map(repr, self.metrics)
        momentum = None if self.momentum is None else str(self.momentum).lower()
        labels = {"optimizer": self.optimizer, "momentum": momentum, "stop_reason": self.stop_reason}
        columns |= {name: [label] * len(self) for name, label in labels.items() if label is not None}
        with open(path, "w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(columns)
            writer.writerows(zip(*columns.values(), strict=True))

    @classmethod
    def from_csv(cls, path: str | PathLike[str]) -> LRCurve:
        """The curve in a CSV file with a header: this library's or anybody's log.

        Columns are found by name, upper or lower case: ``lr`` or ``learning_rate``, ``loss``, and
        optionally an accuracy (``accuracy``, ``acc``, ``val_accuracy``, ``val_acc`` or one of Keras's
        names), ``optimizer``, ``momentum`` (true or false, upper or lower case, or empty) and ``stop_reason``.
        Other columns are left alone.

        Raises:
            OSError: The file cannot be read.
            ValueError: A column is missing or a value is bad; the message says which, on which line.
        """
        import csv

        with open(path, newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file)
            try:
                header = next(reader, None)
                if not header:
                    raise ValueError(f"{path}: the file is empty, it needs a header with lr and loss")
                table = _Table(str(path), header)
                for row in reader:
                    if row:
                        table.add(row, reader.line_num)
            except (csv.Error, UnicodeDecodeError) as error:
                raise ValueError(f"{path}: not a CSV text file: {error}") from error
        try:
            return cls(
                table.lrs,
                table.losses,
                table.metrics,
                optimizer=table.labels.get("optimizer"),
                momentum=table.momentum,
                stop_reason=table.labels.get("stop_reason"),
            )
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error

    def to_json(self, path: str | PathLike[str]) -> None:
        """Write the curve as one JSON object; NaN and infinities become the strings "nan" and "inf"."""
        import json

        fields: dict[str, Any] = {"lrs": self.lrs, "losses": [_json_float(x) for x in self.losses]}
        if self.metrics is not None:
            fields["metrics"] = [_json_float(x) for x in self.metrics]
        fields |= {"optimizer": self.optimizer, "momentum": self.momentum, "stop_reason": self.stop_reason}
        with open(path, "w", encoding="utf-8") as file:
            json.dump(fields, file)

    @classmethod
    def from_json(cls, path: str | PathLike[str]) -> LRCurve:
        """The curve that ``to_json`` wrote.

        Raises:
            OSError: The file cannot be read.
            ValueError: It holds no curve; the message says why.
        """
        import json

        with open(path, encoding="utf-8") as file:
            try:
                fields = json.load(file)
                return cls(
                    map(float, fields["lrs"]),
                    map(float, fields["losses"]),
                    None if fields.get("metrics") is None else map(float, fields["metrics"]),
                    optimizer=fields.get("optimizer"),
                    momentum=fields.get("momentum"),
                    stop_reason=fields.get("stop_reason"),
                )
            except KeyError as error:
                raise ValueError(f"{path}: no {error.args[0]!r} in it") from error
            except (ValueError, TypeError, AttributeError) as error:
                raise ValueError(f"{path}: not a curve: {error}") from error

    def scene(self) -> Scene:
        """What there is to draw: the finite losses, raw and smoothed, and the smoothed metric."""
        count = self.finite_points
        metrics = None if self.metrics is None else self.metrics[:count]
        return scene_of_losses(self.lrs[:count], self.losses[:count], metrics)

    def plot(self, path: str | PathLike[str] | None = None, *, ax: Any = None) -> Any:
        """A matplotlib figure of the loss, raw and smoothed, against the LR.

        Args:
            path: Where to save it; its ending names the format.
            ax: Axes to draw into, in place of a new figure.

        Raises:
            ModuleNotFoundError: matplotlib is not installed.
        """
        return figure_of(self.scene(), path, ax)


class _Table:
    """The columns of a CSV file that make a curve, filled line by line."""

    def __init__(self, path: str, header: list[str]) -> None:
        self.path = path
        self.width = len(header)
        names = [name.strip().lower() for name in header]
        self.lr = self._column(names, _LR_COLUMNS)
        self.loss = self._column(names, _LOSS_COLUMNS)
        self.metric = next((names.index(n) for n in _METRIC_COLUMNS if n in names), None)
        self.label_columns = {n: names.index(n) for n in ("optimizer", "stop_reason") if n in names}
        self.momentum_column = names.index("momentum") if "momentum" in names else None
        self.lrs: list[float] = []
        self.losses: list[float] = []
        self.metrics: list[float] | None = None if self.metric is None else []
        self.labels: dict[str, str | None] = {}
        self.momentum: bool | None = None

    def _column(self, names: list[str], wanted: tuple[str, ...]) -> int:
        for name in wanted:
            if name in names:
                return names.index(name)
        raise ValueError(f"{self.path}: no column named {' or '.join(wanted)}, the header has: {', '.join(names)}")

    def add(self, row: list[str], line: int) -> None:
        if len(row) != self.width:
            raise ValueError(f"{self.path}, line {line}: {len(row)} columns where the header has {self.width}")
        lr = self._number("lr", row[self.lr], line)
        if not (math.isfinite(lr) and lr > 0):
            raise ValueError(f"{self.path}, line {line}: lr must be finite and > 0, got lr={lr!r}")
        if self.lrs and lr < self.lrs[-1]:
            raise ValueError(f"{self.path}, line {line}: lr must not fall, got lr={lr!r} after {self.lrs[-1]!r}")
        self.lrs.append(lr)
        self.losses.append(self._number("loss", row[self.loss], line))
        if self.metrics is not None and self.metric is not None:
            self.metrics.append(self._number("accuracy", row[self.metric], line))
        self.labels |= {name: row[index] or None for name, index in self.label_columns.items()}
        if self.momentum_column is not None:
            self.momentum = self._truth("momentum", row[self.momentum_column], line)

    def _number(self, name: str, text: str, line: int) -> float:
        try:
            return float(text)
        except ValueError:
            raise ValueError(f"{self.path}, line {line}: {name} must be a number, got {name}={text!r}") from None

    def _truth(self, name: str, text: str, line: int) -> bool | None:
        try:
            return _TRUTHS[text.strip().lower()]
        except KeyError:
            raise ValueError(
                f"{self.path}, line {line}: {name} must be true, false or empty, got {name}={text!r}"
            ) from None


def _floats(name: str, values: Iterable[float]) -> tuple[float, ...]:
    if isinstance(values, str | bytes) or not isinstance(values, Iterable):
        raise TypeError(f"{name} must be numbers, got {name}={values!r}")
    result = []
    for index, value in enumerate(values):
        if type(value) is float:
            result.append(value)
            continue
        if isinstance(value, bool | str | bytes) or not hasattr(value, "__float__"):
            raise TypeError(f"{name} must be numbers, got {name}[{index}]={value!r}")
        result.append(float(value))
    return tuple(result)


def _json_float(value: float) -> float | str:
    return value if math.isfinite(value) else repr(value)
