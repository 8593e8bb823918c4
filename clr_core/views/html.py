"""A suggestion as a fragment of HTML, which notebooks show; nothing but the standard library draws it."""

from __future__ import annotations

import math
from html import escape
from typing import TYPE_CHECKING

from clr_core.views.text import decade_ticks
from clr_core.bounds.report import NAMES, length, picture, report

if TYPE_CHECKING:
    from clr_core.bounds.suggest import Bounds

WIDTH, HEIGHT, MARGIN = 480, 200, 24
"""Of the drawing, in pixels; the margin is the room for the numbers below it."""

MOST_DOTS = 300
"""More losses than this are thinned: a notebook keeps every fragment in its file."""


def fragment(bounds: Bounds) -> str:
    """A table of the numbers, the doubts, the curve as SVG, and the printed report folded away."""
    numbers = {
        "base_lr": f"{bounds.base_lr:.3g}",
        "max_lr": f"{bounds.max_lr:.3g}",
        "lr": f"{bounds.lr:.3g}",
        "confidence": f"{bounds.confidence:.2f}",
    }
    head = "".join(f"<th>{name}</th>" for name in numbers)
    row = "".join(f"<td>{number}</td>" for number in numbers.values())
    marks = bounds.evidence
    rising = f" and was rising again ({marks.rise_lr:.3g})" if marks.rise_seen else ""
    caption = (
        f"Loss against LR. Shaded: base_lr to max_lr; dotted: where it fell fastest ({marks.steepest_lr:.3g}){rising}."
    )
    doubts = "".join(f"<li>{escape(doubt)}</li>" for doubt in bounds.doubts)
    return (
        f"<div><b>Bounds for {NAMES[bounds.schedule]} over {length(bounds)}</b>"
        f"<table><tr>{head}</tr><tr>{row}</tr></table>{f'<ul>{doubts}</ul>' if doubts else ''}{_drawing(bounds)}<br>"
        f"<small>{caption}</small>"
        f"<details><summary>Report</summary><pre>{escape(report(bounds))}</pre></details></div>"
    )


def _drawing(bounds: Bounds) -> str:
    """The first curve; what has no colour of its own takes that of the notebook's text, light or dark."""
    logs, raw, smoothed, low, high = picture(bounds.curves[0])
    base, peak = math.log10(bounds.base_lr), math.log10(bounds.max_lr)
    left, right = min(logs[0], base), max(logs[-1], peak)

    def across(log: float) -> str:
        return f"{4 + (WIDTH - 8) * (log - left) / ((right - left) or 1.0):.1f}"

    def down(loss: float) -> str:
        return f"{4 + (HEIGHT - 8) * (high - min(max(loss, low), high)) / ((high - low) or 1.0):.1f}"

    kept = range(0, len(logs), math.ceil(len(logs) / MOST_DOTS))
    dots = "".join(f"M{across(logs[i])} {down(raw[i])}h0" for i in kept)
    line = " ".join(f"{across(logs[i])},{down(smoothed[i])}" for i in kept)
    width = max(2.0, float(across(peak)) - float(across(base)))
    landmarks = [bounds.evidence.steepest_lr] + [bounds.evidence.rise_lr] * bounds.evidence.rise_seen
    marks = "".join(
        f'<path d="M{across(math.log10(lr))} 0V{HEIGHT}" stroke="currentColor" stroke-dasharray="2 4"/>'
        for lr in landmarks
    )
    ticks = "".join(
        f'<text x="{across(log)}" y="{HEIGHT + 16}" text-anchor="{_anchor(log, left, right)}">{name}</text>'
        for log, name in decade_ticks(left, right)
    )
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT + MARGIN}" width="{WIDTH}" height="{HEIGHT + MARGIN}" role="img" '
        'aria-label="Loss against learning rate, the bounds shaded" font-size="11" fill="currentColor">'
        f'<rect x="{across(base)}" width="{width:.1f}" height="{HEIGHT}" fill="#e07a1f" fill-opacity="0.3"/>'
        f'{marks}<path d="{dots}" stroke="#9aa5b1" stroke-width="3" stroke-linecap="round"/>'
        f'<polyline points="{line}" fill="none" stroke="#3b7ab8" stroke-width="2"/>'
        f'<path d="M0 {HEIGHT}H{WIDTH}" stroke="currentColor"/>{ticks}</svg>'
    )


def _anchor(log: float, left: float, right: float) -> str:
    """Which end of a name lies on its place, so that the first and the last stay within the drawing."""
    share = (log - left) / ((right - left) or 1.0)
    return "start" if share < 0.05 else "end" if share > 0.95 else "middle"
