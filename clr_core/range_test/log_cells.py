"""The cells of a training log and what they hold: numbers, steps and labels, however a program wrote them."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from reprlib import repr  # cells of a JSON file can be anything
from typing import Any

_BLANK = {"", "na", "n/a", "#n/a", "null", "none", "-"}
_TRUTHS = {"true": True, "false": False}
_DECIMAL_COMMA = re.compile(r"[+-]?\d*,\d+(?:[eE][+-]?\d+)?")
_GROUPED = re.compile(r"[+-]?[1-9]\d{0,2}(?P<mark>[., '\u2019\u00a0\u202f])\d{3}(?:(?P=mark)\d{3})*")


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


def is_number(text: str) -> bool:
    """Whether a cell holds a number, with a decimal point or a decimal comma."""
    try:
        float(text.replace(",", ".") if _DECIMAL_COMMA.fullmatch(text) else text)
    except ValueError:
        return False
    return True


class Numbers:
    """Cells to floats; the numbers of one log have either decimal points or decimal commas.

    Args:
        decimal_comma: Whether ``1,231`` can be nothing but a little more than 1; otherwise another number of the log
            must show it.
    """

    def __init__(self, *, decimal_comma: bool) -> None:
        self._comma = self._point = self._unclear = ""
        self._decimal_comma = decimal_comma

    def __call__(self, name: str, where: str, cell: Any) -> float:
        """The number in a cell that is not blank.

        Raises:
            ValueError: It is none, or is written otherwise than those before.
        """
        text = cell
        if isinstance(cell, str):
            if _DECIMAL_COMMA.fullmatch(cell):
                self._comma, text = cell, cell.replace(",", ".")
                if not _GROUPED.fullmatch(cell):
                    self._decimal_comma = True
                elif not self._unclear:
                    self._unclear = f"{where}: {name}={cell!r} may be {cell.replace(',', '')} or {text}"
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

    def refuse_unclear(self) -> None:
        """Raise if a comma was read as decimal that may be one between thousands, and no other number shows which."""
        if self._unclear and not self._decimal_comma:
            raise ValueError(f"{self._unclear}, and no other number shows which: write decimal points")

    def step(self, cell: Any) -> float | None:
        """A step, with or without marks between its thousands; None if it is no finite number.

        The mark of decimals, where the numbers read so far have one, is none of thousands.
        """
        text = "" if isinstance(cell, bool) else cell
        if isinstance(cell, str):
            match = _GROUPED.fullmatch(cell)
            if match and match["mark"] != ("," if self._comma else self._point and "."):
                text = cell.replace(match["mark"], "")
            text = text.replace(",", ".")
        try:
            step = float(text)
        except (ValueError, TypeError, OverflowError):
            return None
        return step if math.isfinite(step) else None


def is_not_finite(cell: Any) -> bool:
    """Whether a cell holds NaN or an infinity."""
    return cell is not None and is_number(str(cell)) and not math.isfinite(float(str(cell).replace(",", ".")))


def is_true(cell: Any) -> bool:
    """Whether a cell says yes, as one database or another writes it."""
    return str(cell).lower() in ("true", "t", "1", "1.0")


def the_label(name: str, cells: Sequence[tuple[str, Any]]) -> Any:
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
