"""The demo's two pictures, drawn with matplotlib."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from statistics import fmean

from clr_core.bounds.result import Bounds
from clr_core.demo.comparison import Row, winner
from clr_core.views.figure import new_figure, save

COLORS = ("#7f7f7f", "#0072b2", "#d55e00", "#009e73")
"""Grey for the default; colour-blind readers can tell the others apart (Okabe and Ito 2008)."""


def draw(bounds: Bounds, rows: Sequence[Row], steps: int, unit: str, directory: Path) -> list[str]:
    """Write the two pictures, the curve with its bounds and the training runs, and return their paths."""
    paths = [str(directory / "clr-demo-curve.png"), str(directory / "clr-demo-training.png")]
    bounds.plot(paths[0])
    draw_trainings(rows, steps, unit, paths[1])
    return paths


def draw_trainings(rows: Sequence[Row], steps: int, unit: str, path: str) -> None:
    """Write a picture of the held-out losses during the runs, above the LRs that led there."""
    from matplotlib.ticker import LogLocator, NullLocator

    figure = new_figure(9, 7)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=[3, 2])
    for row, color in zip(rows, COLORS, strict=True):
        for training in row.trainings:
            above.plot(*zip(*training.trace, strict=True), color=color, linewidth=0.8, alpha=0.35)
        updates = [update for update, _ in row.trainings[0].trace]
        means = [fmean(looks) for looks in zip(*([loss for _, loss in t.trace] for t in row.trainings), strict=True)]
        above.plot(updates, means, color=color, linewidth=2.2, label=f"{row.name}: {row.mean_loss:.4f}")
        below.plot(range(steps), row.schedule.values(steps), color=color, linewidth=1.6)
    count = len(rows[0].trainings)
    above.set_title(
        f"The same {steps:,} updates under each schedule. Winner: {winner(rows).name}\n"
        f"thick: mean of {count} seed{'s' * (count != 1)}, thin: each seed; in the legend: the last value",
        fontsize=11,
    )
    # On a log scale the small differences at the end remain visible.
    above.set_yscale("log")
    above.yaxis.set_major_locator(LogLocator(subs=(1, 1.5, 2, 3, 4, 5, 6, 8)))
    above.yaxis.set_major_formatter("{x:g}")
    above.yaxis.set_minor_locator(NullLocator())
    above.set_ylabel(f"held-out loss ({unit})")
    above.legend(frameon=False)
    below.set_ylabel("learning rate")
    below.set_xlabel("updates")
    below.set_xlim(0, steps)
    below.set_ylim(bottom=0)
    for axes in (above, below):
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(alpha=0.2)
    save(figure, path)
