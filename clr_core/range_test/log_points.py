"""From the rows of a training log to the points of a curve: rules for what trainers leave out and write twice."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from reprlib import repr  # cells of a JSON file can be anything
from typing import Any

from clr_core.check import MAX_STEP
from clr_core.range_test.log_columns import Columns, find_columns

_BLANK = {"", "na", "n/a", "#n/a", "null", "none", "-"}
_TRUTHS = {"true": True, "false": False}
_DECIMAL_COMMA = re.compile(r"[+-]?\d*,\d+(?:[eE][+-]?\d+)?")


ONE_SCALAR = (
    "it holds one scalar, by wall time and step, and a curve needs two: export the LR and the loss, and join them by "
    "their step into one table with the columns step, lr and loss"
)
"""What TensorBoard exports has only one of the two."""


@dataclass(frozen=True)
class Row:
    """One row of a log: where it stands, for messages, and its cells by column; a missing cell is None."""

    where: str
    cells: Sequence[Any]

    def __getitem__(self, place: int) -> Any:
        cell = self.cells[place] if place < len(self.cells) else None
        if isinstance(cell, str):
            cell = cell.strip()
            return None if cell.lower() in _BLANK else cell
        return cell


def curve_fields(header: Sequence[str], rows: Sequence[Row]) -> dict[str, Any]:
    """The arguments of ``LRCurve`` that a log holds.

    Raises:
        ValueError: A column is missing, a value is bad, there are two optimizers, or the LR falls.
    """
    header, rows = _wide(header, rows)
    columns = find_columns(header)
    for row in rows:
        if len(row.cells) <= max(columns.lr, columns.loss):
            raise ValueError(f"{row.where}: {len(row.cells)} columns where the header has {len(header)}")
    labels = {name: _label(name, [(row.where, row[place]) for row in rows]) for name, place in columns.labels.items()}
    points = _points(columns, rows)
    number = _Numbers()
    lrs = [number("lr", row.where, row[columns.lr]) for row in points]
    warming_up = next((index for index, lr in enumerate(lrs) if lr != 0.0), 0)
    points, lrs = points[warming_up:], lrs[warming_up:]
    _check_lrs(points, lrs)
    return {
        "lrs": lrs,
        "losses": [
            number("loss", row.where, math.nan if row[columns.loss] is None else row[columns.loss]) for row in points
        ],
        "metrics": _metrics(columns, points, number),
        "optimizer": labels.get("optimizer") or columns.optimizer,
        "momentum": labels.get("momentum"),
        "stop_reason": labels.get("stop_reason"),
        "steps_per_point": _stride(columns, points) if (given := labels.get("steps_per_point")) is None else given,
    }


def _wide(header: Sequence[str], rows: Sequence[Row]) -> tuple[Sequence[str], Sequence[Row]]:
    """A table with one scalar a row (tag, step, value) as one with a column for each tag; any other as it is."""
    names = [name.strip().lower() for name in header]
    if "value" not in names or "step" not in names or any("lr" in name for name in names):
        return header, rows
    tag = next((names.index(name) for name in ("tag", "key", "metric", "name") if name in names), None)
    if tag is None:
        raise ValueError(ONE_SCALAR)
    step, value = names.index("step"), names.index("value")
    columns = used_names(["step", *dict.fromkeys(str(row[tag]) for row in rows)])
    wide = []
    for row in rows:
        cells = {"step": row[step], str(row[tag]): row[value]}
        wide.append(Row(row.where, [cells.get(name) for name in columns]))
    return columns, wide


def used_names(names: Sequence[str]) -> list[str]:
    """Those columns that a curve is read from; a log may have very many others."""
    return [names[place] for place in find_columns(names).places]


def _points(columns: Columns, rows: Sequence[Row]) -> Sequence[Row]:
    """The rows with an LR and a loss, which may be blank at the end; where these come apart, they are joined."""
    rows = [row for row in rows if row[columns.lr] is not None or row[columns.loss] is not None]
    alone = next((row for row in rows if row[columns.lr] is None), None)
    if alone is None:
        return _without_gaps(columns, rows)
    if columns.step is None:
        raise ValueError(f"{alone.where}: there is a loss but no lr, and no column named step to join rows by")
    joined: dict[str, Row] = {}
    for row in rows:
        step = row[columns.step]
        if step is not None:
            first = joined.get(str(step), row)
            places = range(max(len(first.cells), len(row.cells)))
            joined[str(step)] = Row(row.where, [row[i] if first[i] is None else first[i] for i in places])
    return [row for row in joined.values() if row[columns.lr] is not None and row[columns.loss] is not None]


def _without_gaps(columns: Columns, rows: Sequence[Row]) -> Sequence[Row]:
    """The rows with a loss, and those at the end without one, if there are more than anywhere before.

    A log that has the LR more often than the loss leaves the loss blank throughout; pandas leaves a NaN blank.
    """
    gap = longest = 0
    for row in rows:
        longest = max(longest, gap)
        gap = gap + 1 if row[columns.loss] is None else 0
    end = len(rows) - gap if gap > longest else len(rows)
    return [row for index, row in enumerate(rows) if index >= end or row[columns.loss] is not None]


def _check_lrs(points: Sequence[Row], lrs: Sequence[float]) -> None:
    before = 0.0
    for row, lr in zip(points, lrs, strict=True):
        if not 0.0 < lr < math.inf:
            raise ValueError(f"{row.where}: lr must be finite and > 0, got lr={lr!r}")
        if lr < before:
            raise ValueError(
                f"{row.where}: lr must not fall, got lr={lr!r} after {before!r}: in a range test the LR only rises"
            )
        before = lr


def _metrics(columns: Columns, points: Sequence[Row], number: _Numbers) -> list[float] | None:
    """The accuracies, if there is one at every point."""
    if columns.metric is None or any(row[columns.metric] is None for row in points):
        return None
    return [number("accuracy", row.where, row[columns.metric]) for row in points]


def _stride(columns: Columns, points: Sequence[Row]) -> int:
    """The median distance from one step to the next; 1 where the steps are no whole numbers that rise."""
    if columns.step is None or len(points) < 2:
        return 1
    try:
        steps = [float(str(row[columns.step]).replace(",", ".")) for row in points]
    except ValueError:
        return 1
    distances = sorted(late - early for early, late in pairwise(steps))
    middle = distances[len(distances) // 2]
    return int(middle) if distances[0] >= 1 and middle <= MAX_STEP and middle.is_integer() else 1


def _label(name: str, cells: Sequence[tuple[str, Any]]) -> Any:
    """The one value of a column that is the same in every row; cells may be blank."""
    found: dict[Any, str] = {}
    for where, cell in cells:
        if cell is not None:
            found.setdefault(_label_value(name, where, cell), where)
    if len(found) > 1:
        (first, here), (second, there), *_ = found.items()
        raise ValueError(f"{name} must be one for the whole log, got {first!r} ({here}) and {second!r} ({there})")
    return next(iter(found), None)


def _label_value(name: str, where: str, cell: Any) -> Any:
    if name == "momentum":
        return _momentum(where, cell)
    if name == "steps_per_point":
        try:
            return int(str(cell))
        except ValueError:
            raise ValueError(f"{where}: {name} must be an int >= 1, got {name}={repr(cell)}") from None
    if not isinstance(cell, str):
        raise ValueError(f"{where}: {name} must be a name, got {name}={repr(cell)}")
    return cell


def _momentum(where: str, cell: Any) -> bool:
    text = str(cell).lower()
    if text in _TRUTHS:
        return _TRUTHS[text]
    value = float(text.replace(",", ".")) if is_number(text) else math.nan
    if not 0.0 <= value < 1.0:
        raise ValueError(f"{where}: momentum must be true, false or a number in [0, 1), got momentum={repr(cell)}")
    return value > 0.0


def is_number(text: str) -> bool:
    """Whether a cell holds a number, with a decimal point or a decimal comma."""
    try:
        float(text.replace(",", ".") if _DECIMAL_COMMA.fullmatch(text) else text)
    except ValueError:
        return False
    return True


class _Numbers:
    """Cells to floats; the numbers of one log have either decimal points or decimal commas."""

    def __init__(self) -> None:
        self._comma = self._point = ""

    def __call__(self, name: str, where: str, cell: Any) -> float:
        text = cell
        if isinstance(cell, str):
            if _DECIMAL_COMMA.fullmatch(cell):
                self._comma, text = cell, cell.replace(",", ".")
            elif "." in cell:
                self._point = cell
            if self._comma and self._point:
                raise ValueError(f"{where}: decimal points and commas in one log, {self._point!r} and {self._comma!r}")
        try:
            if isinstance(cell, bool) or cell is None:
                raise TypeError
            return float(text)
        except (ValueError, TypeError, OverflowError):
            raise ValueError(f"{where}: {name} must be a number, got {name}={repr(cell)}") from None
