"""Draws docs/clr.png, the README's picture: ``python docs/picture.py`` where clr and matplotlib are installed."""

from __future__ import annotations

from pathlib import Path

import clr_core
from clr_core.demo.spaces import Spaces
from clr_core.views import figure as _plot

BLUE, ORANGE, GREY = _plot.SMOOTH, _plot.ACCENT, _plot.RAW

problem = Spaces()
curve = problem.range_test()
steps = problem.epochs * problem.steps_per_epoch
bounds = clr_core.suggest_bounds(curve, total_steps=steps, steps_per_epoch=problem.steps_per_epoch)
schedule = clr_core.triangular2(bounds.base_lr, bounds.max_lr, step_size=2 * problem.steps_per_epoch)

figure = _plot.new_figure(11, 4)
left, right = figure.subplots(1, 2)
left.plot(curve.lrs, curve.losses, ".", color=GREY, markersize=3, label="loss of each update")
left.plot(curve.lrs, clr_core.smooth(curve.lrs, curve.losses), color=BLUE, linewidth=2, label="smoothed")
left.axvspan(bounds.base_lr, bounds.max_lr, color=ORANGE, alpha=0.3, label="suggested bounds")
left.set(xscale="log", ylim=(0.3, 1.3), xlabel="learning rate", ylabel="loss")
left.set_title(f"1. Range test: {problem.test_steps} updates while the LR rises")
left.legend(loc="upper left", frameon=False)
right.plot(range(steps + 1), schedule.values(steps + 1), color=BLUE, linewidth=2)
right.axhspan(bounds.base_lr, bounds.max_lr, color=ORANGE, alpha=0.3)
right.set(ylim=(0, 1.15 * bounds.max_lr), xlim=(0, steps), xlabel="step (optimizer updates)", ylabel="learning rate")
right.set_title("2. Schedule: triangular2 between the bounds")
for name, lr, offset in (("max_lr", bounds.max_lr, 4), ("base_lr", bounds.base_lr, -13)):
    right.annotate(f"{name} = {lr:.2g}", (steps, lr), xytext=(-4, offset), textcoords="offset points", ha="right")
for axes in (left, right):
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25)
figure.savefig(Path(__file__).with_name("clr.png"), dpi=110)
