"""The pictures; matplotlib (the ``plot`` extra) is loaded when the first one is asked for."""

from __future__ import annotations

import math
from collections.abc import Sequence
from os import PathLike
from typing import TYPE_CHECKING, Any

from clr_core.bounds.report import NAMES, length, picture
from clr_core.range_test.smoothing import smooth

if TYPE_CHECKING:
    from clr_core.bounds.suggest import Bounds
    from clr_core.range_test.curve import LRCurve

RAW, SMOOTH, ACCENT = "#9aa5b1", "#1f4e79", "#e07a1f"
RISE, ACCURACY = "#b3261e", "#2e7d5b"


def new_figure(width: float = 7.5, height: float = 4.5) -> Any:
    """An empty figure, outside pyplot's state.

    Raises:
        ModuleNotFoundError: matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "plotting needs matplotlib, which is not installed: pip install matplotlib", name=error.name
        ) from error
    return Figure(figsize=(width, height), layout="constrained")


def save(figure: Any, path: str | PathLike[str] | None) -> Any:
    """The figure, written to the path where there is one; its ending names the format."""
    if path is not None:
        figure.savefig(path, dpi=144)
    return figure


def curve_figure(curve: LRCurve, path: str | PathLike[str] | None = None) -> Any:
    """Loss against LR, raw and smoothed."""
    figure = new_figure()
    _draw_curve(figure.subplots(), curve)
    _add_legend(figure)
    return save(figure, path)


def bounds_figure(bounds: Bounds, path: str | PathLike[str] | None = None) -> Any:
    """The curve, or the first of several, with the bounds shaded and the landmarks marked."""
    figure = new_figure(height=5.0)
    axes = figure.subplots()
    curve, marks = bounds.curves[0], bounds.evidence
    for other in bounds.curves[1:]:
        count = other.finite_points
        axes.plot(other.lrs[:count], other.losses[:count], ".", color=RAW, markersize=2)
    _draw_curve(axes, curve)
    if bounds.schedule == "constant":
        axes.axvline(bounds.lr, color=ACCENT, linewidth=2, label=f"lr {bounds.lr:.3g}")
    else:
        label = f"base_lr {bounds.base_lr:.3g} to max_lr {bounds.max_lr:.3g}"
        axes.axvspan(bounds.base_lr, bounds.max_lr, color=ACCENT, alpha=0.3, linewidth=0, label=label)
    axes.axvline(marks.steepest_lr, color=SMOOTH, linestyle=":", label=f"steepest at {marks.steepest_lr:.3g}")
    if marks.rise_seen:
        axes.axvline(marks.rise_lr, color=RISE, linestyle="--", label=f"rising at {marks.rise_lr:.3g}")
    _draw_accuracy(axes, curve)
    axes.set_title(f"Bounds for {NAMES[bounds.schedule]} over {length(bounds)}, confidence {bounds.confidence:.2f}")
    _add_legend(figure)
    return save(figure, path)


def schedule_figure(values: Sequence[float], title: str, path: str | PathLike[str] | None = None) -> Any:
    """Value against step."""
    figure = new_figure()
    axes = figure.subplots()
    axes.plot(range(len(values)), values, color=SMOOTH)
    axes.set(xlabel="step (optimizer updates)", ylabel="learning rate", title=title)
    axes.set_ylim(bottom=0)
    axes.grid(alpha=0.3)
    return save(figure, path)


def _draw_curve(axes: Any, curve: LRCurve) -> None:
    count = curve.finite_points
    axes.plot(curve.lrs[:count], curve.losses[:count], ".", color=RAW, markersize=4, label="loss of each update")
    if count:
        shown = picture(curve)
        axes.plot(curve.lrs[:count], shown.smoothed, color=SMOOTH, label="loss, smoothed")
        margin = 0.1 * (shown.high - shown.low) or 1.0
        axes.set_ylim(shown.low - margin, shown.high + margin)
    axes.set_xscale("log")
    axes.set(xlabel="learning rate", ylabel="loss")
    axes.grid(alpha=0.3)


def _draw_accuracy(axes: Any, curve: LRCurve) -> None:
    """The smoothed accuracy on an axis of its own, where one was recorded: Smith reads the bounds from it."""
    count = curve.finite_points
    known = () if curve.metrics is None else curve.metrics[:count]
    if not known or not all(math.isfinite(accuracy) for accuracy in known):
        return
    right = axes.twinx()
    right.plot(curve.lrs[:count], smooth(curve.lrs[:count], known), color=ACCURACY, label="accuracy, smoothed")
    right.set_ylabel("accuracy, smoothed", color=ACCURACY)
    right.tick_params(axis="y", labelcolor=ACCURACY)


def _add_legend(figure: Any) -> None:
    """Below the axes, where it covers nothing."""
    figure.legend(loc="outside lower center", ncols=3, frameon=False)
