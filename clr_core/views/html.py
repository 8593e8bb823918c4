"""Scenes and reports as fragments of HTML, which notebooks show; nothing but the standard library draws them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

from clr_core.views.report import Report, Section
from clr_core.views.scene import Scene, Series
from clr_core.views.text import decade_ticks, report_text

WIDTH, HEIGHT, MARGIN = 480, 200, 24
"""Of a drawing, in pixels; the margin is the room for the tick labels below it."""

MOST_POINTS = 300
"""Longer series are thinned: a notebook keeps every fragment in its file."""

POINT_COLOR, LINE_COLOR, BAND_COLOR = "#9aa5b1", "#3b7ab8", "#e07a1f"


def report_html(report: Report) -> str:
    """A table of the numbers, the sections above the picture, the picture, and the whole text folded away."""
    head = "".join(f"<th>{escape(name)}</th>" for name, _ in report.numbers)
    row = "".join(f"<td>{escape(value)}</td>" for _, value in report.numbers)
    return (
        f"<div><b>{escape(report.title)}</b><table><tr>{head}</tr><tr>{row}</tr></table>"
        f"<pre>{escape(report.code)}</pre>{''.join(map(_section, report.before))}{drawing(report.scene)}"
        f"<details><summary>Full report</summary><pre>{escape(report_text(report))}</pre></details></div>"
    )


def drawing(scene: Scene) -> str:
    """The scene as SVG; what has no colour of its own takes that of the surrounding text, light or dark."""
    axes = _Axes(scene)
    bands = "".join(
        f'<rect x="{axes.x(band.start)}" y="0" width="{axes.width(band.start, band.end)}" '
        f'height="{HEIGHT}" fill="{BAND_COLOR}" fill-opacity="0.3"><title>{escape(band.label)}</title></rect>'
        for band in scene.bands
    )
    marks = "".join(
        f'<path d="M{axes.x(mark.x)} 0V{HEIGHT}" stroke="currentColor" stroke-dasharray="2 4">'
        f"<title>{escape(mark.label)}</title></path>"
        for mark in scene.marks
    )
    labels = [series.label for series in scene.series] + [band.label for band in scene.bands]
    caption = "; ".join(dict.fromkeys([*labels, *(mark.label for mark in scene.marks)]))
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT + MARGIN}" width="{WIDTH}" height="{HEIGHT + MARGIN}" role="img" '
        f'aria-label="{escape(scene.title)}" font-size="11" fill="currentColor">{bands}{marks}'
        f"{''.join(map(axes.series, scene.series))}"
        f'<path d="M0 {HEIGHT}H{WIDTH}" stroke="currentColor"/>{axes.ticks()}</svg>'
        f"<br><small>{escape(f'{scene.y_label} against {scene.x_label}: {caption}')}</small>"
    )


def _section(section: Section) -> str:
    items = "".join(f"<li>{escape(sentence)}</li>" for sentence in section.sentences)
    return f"<p>{escape(section.heading)}</p><ul>{items}</ul>"


class _Axes:
    """From the numbers of a scene to pixels, written with one decimal."""

    def __init__(self, scene: Scene) -> None:
        self._is_log = scene.x_is_log
        self._left, self._right = map(self._across, scene.x_limits)
        self._low, self._high = scene.y_limits

    def x(self, value: float) -> str:
        return self._pixel(self._across(value))

    def width(self, start: float, end: float) -> str:
        """Of a band, at least two pixels."""
        return f"{max(2.0, float(self.x(end)) - float(self.x(start))):.1f}"

    def y(self, value: float) -> str:
        share = (self._high - min(max(value, self._low), self._high)) / ((self._high - self._low) or 1.0)
        return f"{4 + (HEIGHT - 8) * share:.1f}"

    def series(self, series: Series) -> str:
        kept: Sequence[int] = range(0, len(series.x), max(1, math.ceil(len(series.x) / MOST_POINTS)))
        places = [(self.x(series.x[i]), self.y(series.y[i])) for i in kept]
        if series.is_line:
            points = " ".join(f"{x},{y}" for x, y in places)
            return f'<polyline points="{points}" fill="none" stroke="{LINE_COLOR}" stroke-width="2"/>'
        dots = "".join(f"M{x} {y}h0" for x, y in places)
        return f'<path d="{dots}" stroke="{POINT_COLOR}" stroke-width="3" stroke-linecap="round"/>'

    def ticks(self) -> str:
        places = decade_ticks(self._left, self._right) if self._is_log else []
        return "".join(
            f'<text x="{self._pixel(place)}" y="{HEIGHT + 16}" text-anchor="{self._anchor(place)}">{name}</text>'
            for place, name in places
        )

    def _anchor(self, place: float) -> str:
        """Which end of a label lies on its place, so that the first and the last stay within the drawing."""
        share = self._share(place)
        return "start" if share < 0.05 else "end" if share > 0.95 else "middle"

    def _pixel(self, place: float) -> str:
        return f"{4 + (WIDTH - 8) * self._share(place):.1f}"

    def _share(self, place: float) -> float:
        return (place - self._left) / ((self._right - self._left) or 1.0)

    def _across(self, x: float) -> float:
        return math.log10(x) if self._is_log else x
