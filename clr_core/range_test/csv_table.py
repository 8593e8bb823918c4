"""The header and rows of a CSV text, whichever program wrote it."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence

from clr_core.range_test.log_cells import Row, is_number

_DELIMITERS = ",;\t|"
_SPACES = ""


def read_table(text: str) -> tuple[list[str], list[Row], str]:
    """The header, the rows that are neither blank nor a comment (``#``), and the delimiter.

    The delimiter is the one that cuts the first row into the most cells, or spaces. Where that row is all numbers the
    header is the comment before it, as in the files of ``numpy.savetxt``; ``sep=;`` before it is Excel's.

    Raises:
        ValueError: The text has no header, or a row has more cells.
    """
    lines = list(io.StringIO(text, newline=""))
    start, comment, delimiter = 0, "", None
    while start < len(lines):
        line = lines[start].strip()
        if line.lower().startswith("sep=") and len(line) == 5:
            delimiter = line[4]
        elif line.startswith("#"):
            comment = line.lstrip("#")
        elif line:
            break
        start += 1
    else:
        raise ValueError("the file is empty, it needs a header with lr and loss")
    if delimiter is None:
        delimiter = _delimiter(lines[start])
    numbered = _rows(lines, start, delimiter)
    if comment and all(map(is_number, _cells(lines[start], delimiter))):
        header = _cells(comment, _delimiter(comment))
    else:
        header = next(numbered)[1]
    rows = []
    for number, cells in numbered:
        if any(cell.strip() for cell in cells[len(header) :]):
            raise ValueError(f"line {number}: {len(cells)} columns where the header has {len(header)}")
        if any(cell.strip() for cell in cells):
            rows.append(Row(f"line {number}", cells))
    return header, rows, delimiter


def _delimiter(line: str) -> str:
    best = max(_DELIMITERS, key=lambda delimiter: len(_cells(line, delimiter)))
    return best if len(_cells(line, best)) > 1 else _SPACES


def _cells(line: str, delimiter: str) -> list[str]:
    return next(csv.reader([line.strip("\r\n")], delimiter=delimiter)) if delimiter else line.split()


def _rows(lines: Sequence[str], start: int, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Each row with the number of its last line; a ``#`` in a quoted cell begins no comment."""
    number, between_rows = start, True

    def rows_only() -> Iterator[str]:
        nonlocal number, between_rows
        for line in lines[start:]:
            number += 1
            if not (between_rows and line.lstrip().startswith("#")):
                between_rows = False
                yield line

    reader = csv.reader(rows_only(), delimiter=delimiter) if delimiter else map(str.split, rows_only())
    for cells in reader:
        yield number, cells
        between_rows = True
