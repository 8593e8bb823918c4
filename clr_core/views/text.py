"""A picture made of characters, for a terminal, a log file or a screen reader's line by line."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

WIDTH, HEIGHT = 64, 12
_MARGIN = 10


class TextChart:
    """Marks on a canvas of ``WIDTH`` x ``HEIGHT`` characters, with labelled axes.

    Args:
        x_range: The left and right edge, in the units of the x values.
        y_range: The bottom and top edge; marks beyond them are drawn on them.
    """

    def __init__(self, x_range: tuple[float, float], y_range: tuple[float, float]) -> None:
        self._left, self._right = x_range
        self._low, self._high = y_range
        self._rows = [[" "] * WIDTH for _ in range(HEIGHT)]

    def draw(self, points: Iterable[tuple[float, float]], mark: str) -> None:
        """Put a mark at each (x, y); later ones cover earlier ones."""
        for x, y in points:
            share = (self._high - y) / ((self._high - self._low) or 1.0)
            row = round(min(max(share, 0.0), 1.0) * (HEIGHT - 1))
            self._rows[row][self._column(x)] = mark

    def lines(self, title: str, ticks: Sequence[tuple[float, str]]) -> list[str]:
        """The chart, with the names of the ticks that find room below it."""
        axis, names, free = ["-"] * WIDTH, [" "] * (WIDTH + _MARGIN), 0
        for x, name in ticks:
            place = self._column(x)
            axis[place] = "+"
            if place >= free:
                names[place : place + len(name)] = name
                free = place + len(name) + 2
        labels = {0: f"{self._high:.3g}", HEIGHT - 1: f"{self._low:.3g}"}
        return [
            title,
            *(f"{labels.get(i, ''):>9} |{''.join(row).rstrip()}" for i, row in enumerate(self._rows)),
            f"{'':>9} +{''.join(axis)}",
            f"{'':>9}  {''.join(names).rstrip()}",
        ]

    def bar(self, name: str, start: float, end: float) -> str:
        """A line for below the chart that marks a stretch of the x axis."""
        first, last = self._column(start), self._column(end)
        return f"{name:>9}  {' ' * first}{'=' * (last - first + 1)}"

    def _column(self, x: float) -> int:
        share = (x - self._left) / ((self._right - self._left) or 1.0)
        return round(min(max(share, 0.0), 1.0) * (WIDTH - 1))


def decade_ticks(low: float, high: float) -> list[tuple[float, str]]:
    """Ticks at the powers of ten between two log10 values."""
    return [(float(n), f"1e{n}") for n in range(math.ceil(low), math.floor(high) + 1)]
