"""Draws the pictures of the documents: ``python docs/picture.py`` where clr and matplotlib are installed.

That of the README is drawn from benchmarks/results, which ``python benchmarks/front_page.py`` writes.
"""

from __future__ import annotations

import csv
import statistics
from collections import defaultdict
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.ticker import PercentFormatter

import clr_core
from clr_core.demo.spaces import Spaces
from clr_core.views.figure import new_figure, save

HERE = Path(__file__).parent
RESULTS = HERE.parent / "benchmarks/results"
COLORS = {"cycles": "#e8590c", "linear decay": "#2f9e44", "default LR": "#4c8dd6"}
LABELS = {
    "cycles": "cycles between suggested bounds",
    "linear decay": "linear decay from the same max_lr",
    "default LR": "Adam's default LR, 1e-3",
}
INK = {"": ("white", "#24292f"), "-dark": ("#0d1117", "#d0d7de")}
"""Paper and ink of each version: those of the page that shows it."""


def read(name: str) -> list[dict[str, str]]:
    with open(RESULTS / name, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def draw_range_test(axes: Any, ink: str) -> None:
    rows = [row for row in read("front_page_range_tests.csv") if row["seed"] == "0"]
    curve = clr_core.LRCurve([float(row["lr"]) for row in rows], [float(row["loss"]) for row in rows])
    base_lr, max_lr = float(rows[0]["base_lr"]), float(rows[0]["max_lr"])
    count = curve.finite_points
    lrs, losses = curve.lrs[:count], curve.losses[:count]
    top = 1.5 * losses[0]
    axes.axvspan(base_lr, max_lr, color=COLORS["cycles"], alpha=0.35, linewidth=0)
    axes.plot(lrs, [min(loss, top) for loss in losses], ".", color=ink, alpha=0.45, markersize=5)
    axes.plot(lrs, clr_core.smooth(lrs, [min(loss, top) for loss in losses]), color=ink, linewidth=1.8)
    middle = (base_lr * max_lr) ** 0.5
    axes.annotate(
        f"base_lr {base_lr:.2g}\nto max_lr {max_lr:.2g}",
        (middle, 0.97),
        xycoords=("data", "axes fraction"),
        xytext=(-38, 0),
        textcoords="offset points",
        ha="right",
        va="top",
        color=COLORS["cycles"],
        arrowprops={"arrowstyle": "-", "color": COLORS["cycles"]},
    )
    axes.set(xscale="log", xlabel="learning rate", ylabel="loss of the update")
    axes.set_title(f"1. Range test: {len(rows)} updates while the LR rises")


def draw_accuracies(axes: Any, ink: str) -> None:
    found: dict[str, dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    for row in read("front_page.csv"):
        found[row["run"]][int(row["updates"])].append(float(row["accuracy"]))
    medians = {run: {x: statistics.median(values) for x, values in points.items()} for run, points in found.items()}
    goal = list(medians["default LR"].values())[-1]
    axes.axhline(goal, color=COLORS["default LR"], linestyle=":", linewidth=1)
    for run, color in COLORS.items():
        x, ends = list(medians[run]), list(found[run].values())[-1]
        label, diverged = LABELS[run], sum(accuracy < 0.5 for accuracy in ends)
        if diverged:
            verb = "diverges" if diverged == 1 else "diverge"
            label += f"\n({diverged} of {len(ends)} seeds {verb})"
        else:
            quartiles = [statistics.quantiles(found[run][at], n=4, method="inclusive") for at in x]
            low, _, high = zip(*quartiles, strict=True)
            axes.fill_between(x, low, high, color=color, alpha=0.18, linewidth=0)
        axes.plot(x, list(medians[run].values()), color=color, linewidth=1.8, label=label)
    reached = next(x for x, value in medians["cycles"].items() if value >= goal)
    total = list(medians["default LR"])[-1]
    axes.annotate(
        f"as good after {reached} updates as\nthe default LR after {total}",
        (reached, goal),
        xytext=(0.5, 0.5),
        textcoords="axes fraction",
        color=ink,
        arrowprops={"arrowstyle": "->", "color": ink},
    )
    axes.set(ylim=(0.8, 0.98), xlim=(0, total), xlabel="updates made, those of the range test counted in")
    axes.set_ylabel("test accuracy")
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    axes.set_title("2. Training on 4,000 images of MNIST: median of 8 seeds")
    axes.legend(loc="lower right", frameon=False, labelcolor=ink)


def draw_front_page() -> None:
    for version, (paper, ink) in INK.items():
        settings = {"axes.spines.top": False, "axes.spines.right": False, "grid.alpha": 0.2, "axes.grid": True}
        settings |= {"figure.facecolor": paper, "axes.facecolor": paper, "savefig.facecolor": paper}
        settings |= dict.fromkeys(
            ("text.color", "axes.labelcolor", "xtick.color", "ytick.color", "axes.edgecolor"), ink
        )
        with matplotlib.rc_context(settings):
            figure = new_figure(11, 4.2)
            left, right = figure.subplots(1, 2, width_ratios=(1, 1.25))
            draw_range_test(left, ink)
            draw_accuracies(right, ink)
            save(figure, HERE / f"front-page{version}.png")


def draw_landmarks() -> None:
    problem = Spaces()
    plan = clr_core.plan_cycles(epochs=problem.epochs, steps_per_epoch=problem.steps_per_epoch)
    clr_core.suggest_bounds(problem.range_test(), plan).plot(HERE / "landmarks.png")


if __name__ == "__main__":
    draw_front_page()
    draw_landmarks()
