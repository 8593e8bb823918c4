"""Scenes as matplotlib figures; matplotlib (the ``plot`` extra) is loaded when the first one is asked for."""

from __future__ import annotations

import io
import os
from os import PathLike
from typing import Any

from clr_core.atomic import write_bytes
from clr_core.views.scene import Scene

POINTS, LINE, BAND, WARNING, RIGHT = "#9aa5b1", "#1f4e79", "#e07a1f", "#b3261e", "#2e7d5b"


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
    """The figure, written to ``picture_path(path)`` where there is a path; its ending names the format."""
    if path is not None:
        data, path = io.BytesIO(), picture_path(path)
        figure.savefig(data, dpi=144, format=os.path.splitext(path)[1][1:])
        write_bytes(path, data.getvalue())
    return figure


def picture_path(path: str | PathLike[str]) -> str:
    """The path of a picture: as it is, or with ``.png`` if it has no ending.

    Raises:
        ValueError: It is empty, or a folder.
    """
    name = os.fspath(path)
    if not os.path.basename(name) or os.path.isdir(name):
        raise ValueError(f"the path of a picture must name a file, got {name!r}")
    root, ending = os.path.splitext(name)
    return root + (ending if len(ending) > 1 else ".png")


def figure_of(scene: Scene, path: str | PathLike[str] | None = None, ax: Any = None) -> Any:
    """The scene drawn into a new figure, or into ``ax``; the figure is saved where a path is given.

    Args:
        scene: What to draw.
        path: Where to save the figure; its ending names the format.
        ax: Matplotlib axes to draw into, which then have a legend of their own; a new figure has it below the axes.

    Returns:
        The matplotlib figure.

    Raises:
        ModuleNotFoundError: matplotlib is not installed.
    """
    if ax is not None:
        draw(scene, ax)
        ax.legend(frameon=False)
        return save(ax.figure, path)
    figure = new_figure()
    draw(scene, figure.subplots())
    figure.legend(loc="outside lower center", ncols=3, frameon=False)
    return save(figure, path)


def draw(scene: Scene, axes: Any) -> None:
    """Draw a scene into matplotlib axes, without a legend."""
    for band in scene.bands:
        if band.start == band.end:
            axes.axvline(band.start, color=BAND, linewidth=2, label=band.label)
        else:
            axes.axvspan(band.start, band.end, color=BAND, alpha=0.3, linewidth=0, label=band.label)
    labels = set()
    for series in scene.series:
        label = "_nolegend_" if series.label in labels else series.label
        labels.add(series.label)
        if series.is_line:
            axes.plot(series.x, series.y, color=LINE, label=label)
        else:
            axes.plot(series.x, series.y, ".", color=POINTS, markersize=4, label=label)
    for mark in scene.marks:
        style = ("--", WARNING) if mark.is_warning else (":", LINE)
        axes.axvline(mark.x, linestyle=style[0], color=style[1], label=mark.label)
    low, high = scene.y_limits
    margin = 0.1 * (high - low) or 1.0
    axes.set_ylim(low - margin, high + margin)
    axes.set_xscale("log" if scene.x_is_log else "linear")
    axes.set(xlabel=scene.x_label, ylabel=scene.y_label, title=scene.title)
    axes.grid(alpha=0.3)
    if scene.right is not None:
        right = axes.twinx()
        right.plot(scene.right.x, scene.right.y, color=RIGHT, label=scene.right.label)
        right.set_ylabel(scene.right.label, color=RIGHT)
        right.tick_params(axis="y", labelcolor=RIGHT)
