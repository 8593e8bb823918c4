"""A picture as numbers: series of points, bands and marks, with labels. Whatever shows one computes nothing again.

``clr_core.views.text``, ``.html`` and ``.figure`` show scenes; curves, bounds and schedules make them.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Series:
    """Points (x, y) in the order they are drawn.

    Attributes:
        label: For the legend.
        x: As many finite numbers as ``y``; > 0 on a logarithmic axis.
        y: Finite numbers, within the limits of the scene.
        is_line: Whether the points are joined.
    """

    label: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    is_line: bool


@dataclass(frozen=True)
class Band:
    """A shaded stretch of the x axis; one of no width is a line."""

    label: str
    start: float
    end: float


@dataclass(frozen=True)
class Mark:
    """A place on the x axis.

    Attributes:
        label: For the legend.
        x: Where it is.
        letter: What stands for it in a picture made of characters.
        is_warning: Whether it marks something to stay away from.
    """

    label: str
    x: float
    letter: str
    is_warning: bool = False


@dataclass(frozen=True)
class Scene:
    """Everything there is to draw of one picture.

    Attributes:
        title: Above the picture.
        x_label: Of the x axis.
        y_label: Of the y axis.
        x_is_log: Whether the x axis is logarithmic.
        y_limits: Lowest and highest y.
        series: Drawn in this order, later ones on top.
        bands: Drawn below everything else.
        marks: Drawn on top.
        right: A series with an axis of its own on the right, and its label for that axis; None for no such axis.
    """

    title: str
    x_label: str
    y_label: str
    x_is_log: bool
    y_limits: tuple[float, float]
    series: tuple[Series, ...]
    bands: tuple[Band, ...] = ()
    marks: tuple[Mark, ...] = ()
    right: Series | None = None

    @property
    def x_limits(self) -> tuple[float, float]:
        """The lowest and highest x of the series and bands."""
        places = [x for each in self.series if each.x for x in (min(each.x), max(each.x))]
        places += [x for band in self.bands for x in (band.start, band.end)]
        return (min(places), max(places)) if places else (1.0, 1.0)
