"""Scenes and reports in characters, for a terminal, a log file or a screen reader's line by line."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from textwrap import wrap

from clr_core.views.report import Report, Section
from clr_core.views.scene import Mark, Scene, Series

WIDTH, HEIGHT = 64, 12
"""Of a picture, in characters."""

LINE_WIDTH = 100
"""Of a report, in characters."""

POINT, JOINED = ".", "#"
_MARGIN = 10


def report_text(report: Report) -> str:
    """The whole report."""
    widest = max(len(name) for name, _ in report.numbers)
    lines = [report.title, "", *(f"  {name.ljust(widest)} = {value}" for name, value in report.numbers)]
    lines += ["", f"  {report.code}"]
    for section in report.before:
        lines += ["", *_section(section)]
    lines += ["", *picture(report.scene)]
    for section in report.after:
        lines += ["", *_section(section)]
    return "\n".join(lines)


def picture(scene: Scene) -> list[str]:
    """The scene drawn in characters: dots for points, ``#`` for lines, letters for marks, a bar for each band."""
    canvas = _Canvas(scene)
    for series in scene.series:
        canvas.draw(zip(series.x, series.y, strict=True), JOINED if series.is_line else POINT)
    line = next((series for series in reversed(scene.series) if series.is_line), None)
    for mark in scene.marks:
        canvas.draw([(mark.x, _height_at(line, mark) if line else scene.y_limits[0])], mark.letter)
    shown = dict.fromkeys((series.label, series.is_line) for series in scene.series)
    legend = [f"{JOINED if is_line else POINT} {label}" for label, is_line in shown]
    legend += [f"{mark.letter} {mark.label}" for mark in scene.marks]
    return [
        *_legend(scene.y_label, legend if len(legend) > 1 else []),
        *canvas.lines(),
        *(canvas.bar(band.start, band.end, band.label) for band in scene.bands),
        f"{'':>9}  {scene.x_label}",
    ]


def _section(section: Section) -> Iterator[str]:
    yield from wrap(section.heading, LINE_WIDTH)
    first = "  - " if section.is_list else "  "
    for sentence in section.sentences:
        rest = " " * len(first)
        yield from wrap(sentence, LINE_WIDTH, initial_indent=first, subsequent_indent=rest, break_on_hyphens=False)


def _legend(label: str, entries: list[str]) -> Iterator[str]:
    """The label of the y axis and, beside it, the entries, on as many lines as they need."""
    line = f"{label:>9}"
    for entry in entries:
        if len(line) + len(entry) + 3 > LINE_WIDTH:
            yield line
            line = " " * 9
        line += f"   {entry}"
    yield line


def _height_at(line: Series, mark: Mark) -> float:
    nearest = min(range(len(line.x)), key=lambda index: abs(line.x[index] - mark.x))
    return line.y[nearest]


class _Canvas:
    """``WIDTH`` x ``HEIGHT`` characters with labelled axes; what lies beyond the limits is drawn on them."""

    def __init__(self, scene: Scene) -> None:
        self._is_log = scene.x_is_log
        self._left, self._right = map(self._across, scene.x_limits)
        self._low, self._high = scene.y_limits
        self._rows = [[" "] * WIDTH for _ in range(HEIGHT)]

    def draw(self, points: Iterable[tuple[float, float]], mark: str) -> None:
        for x, y in points:
            share = (self._high - y) / ((self._high - self._low) or 1.0)
            row = round(min(max(share, 0.0), 1.0) * (HEIGHT - 1))
            self._rows[row][self._column(self._across(x))] = mark

    def lines(self) -> list[str]:
        """The rows, the axis, and the names of the ticks that have room."""
        axis, names, free = ["-"] * WIDTH, [" "] * (WIDTH + _MARGIN), 0
        for place, name in self._ticks():
            column = self._column(place)
            axis[column] = "+"
            if column >= free:
                names[column : column + len(name)] = name
                free = column + len(name) + 2
        labels = {0: f"{self._high:.3g}", HEIGHT - 1: f"{self._low:.3g}"}
        return [
            *(f"{labels.get(i, ''):>9} |{''.join(row).rstrip()}" for i, row in enumerate(self._rows)),
            f"{'':>9} +{''.join(axis)}",
            f"{'':>9}  {''.join(names).rstrip()}",
        ]

    def bar(self, start: float, end: float, label: str) -> str:
        """A line for below the axis that marks a stretch of it."""
        first, last = (self._column(self._across(x)) for x in (start, end))
        bar = "=" * (last - first + 1)
        # The label goes on the side that has room for it.
        if first > WIDTH - 1 - last:
            return f"{'':>9}  {f'{label} {bar}':>{last + 1}}"
        return f"{'':>9}  {' ' * first}{bar} {label}"

    def _ticks(self) -> list[tuple[float, str]]:
        if self._is_log:
            return decade_ticks(self._left, self._right)
        places = [self._left + (self._right - self._left) * quarter / 4 for quarter in range(5)]
        return [(place, f"{place:.10g}") for place in dict.fromkeys(map(float, map(round, places)))]

    def _across(self, x: float) -> float:
        return math.log10(x) if self._is_log else x

    def _column(self, place: float) -> int:
        share = (place - self._left) / ((self._right - self._left) or 1.0)
        return round(min(max(share, 0.0), 1.0) * (WIDTH - 1))


def decade_ticks(low: float, high: float) -> list[tuple[float, str]]:
    """Ticks at the powers of ten between two log10 values."""
    return [(float(n), f"1e{n}") for n in range(math.ceil(low), math.floor(high) + 1)]
