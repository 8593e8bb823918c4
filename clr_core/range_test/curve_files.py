"""Curves in files: CSV and JSON, this library's own and the logs of other programs.

A file becomes a header and rows, whatever its format, and ``log_points`` reads the curve from them. Nothing here knows
``LRCurve``: what is read are its arguments, what is written its fields.
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from os import PathLike
from typing import Any

from clr_core.atomic import write_bytes
from clr_core.range_test.csv_table import read_table
from clr_core.range_test.log_cells import Row
from clr_core.range_test.log_columns import LABELS
from clr_core.range_test.log_points import ONE_SCALAR, curve_fields, used_names

_HISTORIES = ("log_history", "history")
_NAMES = {"lrs": "lr", "losses": "loss", "metrics": "accuracy"}


def write_csv(path: str | PathLike[str], fields: Mapping[str, Any]) -> None:
    """Write the fields of a curve as columns; those that are None, and a usual steps_per_point, are left out."""
    columns: dict[str, Iterable[Any]] = {
        _NAMES[name]: map(repr, values) for name, values in fields.items() if name in _NAMES and values is not None
    }
    labels = {name: value for name, value in fields.items() if name not in _NAMES and value is not None}
    if labels.get("steps_per_point") == 1:
        del labels["steps_per_point"]
    for name, value in labels.items():
        columns[name] = [str(value).lower() if isinstance(value, bool) else value] * len(fields["lrs"])
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))
    write_bytes(path, text.getvalue().encode())


def read_csv(path: str | PathLike[str]) -> dict[str, Any]:
    """The arguments of the curve in a CSV file."""
    try:
        text = _text(path)
        if text.lstrip("[ \t\r\n").startswith("{"):
            raise csv.Error("it is JSON, which from_json reads, and clr suggest where the name ends in .json or .jsonl")
        header, rows, delimiter = read_table(text)
        return curve_fields(header, rows, decimal_comma=delimiter == ";")
    except csv.Error as error:
        raise ValueError(f"{path}: not a CSV text file: {error}") from error
    except ValueError as error:
        raise ValueError(f"{path}{', ' if str(error).startswith('line ') else ': '}{error}") from error


def write_json(path: str | PathLike[str], fields: Mapping[str, Any]) -> None:
    """Write the fields of a curve as one JSON object; NaN and infinities become strings."""
    plain = {
        name: [x if math.isfinite(x) else repr(x) for x in value] if name in _NAMES and value is not None else value
        for name, value in fields.items()
        if name != "metrics" or value is not None
    }
    write_bytes(path, json.dumps(plain).encode())


def read_json(path: str | PathLike[str]) -> dict[str, Any]:
    """The arguments of the curve in a JSON file."""
    try:
        content = _content(_text(path))
        for name in _HISTORIES:
            if isinstance(content, dict) and isinstance(content.get(name), (list, dict)):
                content = content[name]
        if isinstance(content, list):
            return curve_fields(*_records(content))
        if isinstance(content, dict):
            return curve_fields(*_columns(content)) | _labels(content)
        raise ValueError(f"it holds {content!r}")
    except RecursionError:
        raise ValueError(f"{path}: not a curve: nested too deeply") from None
    except (ValueError, csv.Error) as error:
        raise ValueError(f"{path}: not a curve: {error}") from error


def _content(text: str) -> Any:
    """What a JSON text holds; of JSON lines, the list of them."""
    if not text.strip():
        raise ValueError("the file is empty")
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        if error.msg != "Extra data":
            raise
    content, start = [], 0
    for line in text.split("\n"):  # the other ends of lines may be in a string
        try:
            if line.strip():
                content.append(json.loads(line))
        except json.JSONDecodeError as error:
            raise json.JSONDecodeError(error.msg, text, start + error.pos) from None
        start += len(line) + 1
    return content


def _text(path: str | PathLike[str]) -> str:
    """The text of a file: UTF-8, UTF-16 with its mark (Excel's Unicode text), or else Windows's own."""
    with open(path, "rb") as file:
        data = file.read()
    codecs = ("utf-16",) if data[:2] in (b"\xff\xfe", b"\xfe\xff") else ("utf-8-sig", "cp1252")
    for codec in codecs:
        try:
            text = data.decode(codec)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text
    raise csv.Error("it is binary")


def _labels(content: Mapping[str, Any]) -> dict[str, Any]:
    """The labels that are given once; ``LRCurve`` checks them."""
    given = {name: content[name] for name in LABELS if name in content}
    return {name: value for name, value in given.items() if value is not None and not isinstance(value, (list, dict))}


def _records(entries: Sequence[Any]) -> tuple[list[str], list[Row]]:
    """A list of objects as a table."""
    if entries and all(isinstance(entry, list) and len(entry) == 3 for entry in entries):
        raise ValueError(ONE_SCALAR)  # TensorBoard's [wall time, step, value]
    records = [(f"entry {number}", entry) for number, entry in enumerate(entries, 1) if isinstance(entry, dict)]
    names = used_names(list(dict.fromkeys(name for _, record in records for name in record)))
    return names, [Row(where, [record.get(name) for name in names]) for where, record in records]


def _columns(content: Mapping[str, Any]) -> tuple[list[str], list[Row]]:
    """An object of lists, or of objects with a value for each row as pandas writes it, as a table."""
    own = "lrs" in content and "losses" in content
    columns = {
        _NAMES.get(name, name) if own else name: list(values.values()) if isinstance(values, dict) else values
        for name, values in content.items()
        if isinstance(values, (list, dict))
    }
    header = used_names(list(columns))
    counts = {name: len(columns[name]) for name in header}
    if len(set(counts.values())) > 1:
        raise ValueError("there must be as many of each, got " + ", ".join(f"{n} {name}" for name, n in counts.items()))
    cells = zip(*(columns[name] for name in header), strict=True)
    return header, [Row(f"entry {number}", row) for number, row in enumerate(cells, 1)]
