"""Draws the pictures of the documents: ``python docs/picture.py`` where clr and matplotlib are installed."""

from __future__ import annotations

from pathlib import Path

import clr_core
from clr_core.demo.spaces import Spaces
from clr_core.schedules.picture import scene_of_values
from clr_core.views.figure import draw, new_figure, save

HERE = Path(__file__).parent

problem = Spaces()
plan = clr_core.plan_cycles(epochs=problem.epochs, steps_per_epoch=problem.steps_per_epoch)
bounds = clr_core.suggest_bounds(problem.range_test(), plan)
bounds.plot(HERE / "landmarks.png")

figure = new_figure(11, 4)
left, right = figure.subplots(1, 2)
draw(bounds.scene(), left)
left.set_title(f"1. Range test: {problem.test_steps} updates while the LR rises")
left.legend(loc="upper left", frameon=False, fontsize=8)
draw(scene_of_values("2. Cycles between the bounds", bounds.schedule().values(plan.total_steps + 1)), right)
for name, lr, offset in (("max_lr", bounds.max_lr, 4), ("base_lr", bounds.base_lr, -13)):
    place = (plan.total_steps, lr)
    right.annotate(f"{name} = {lr:.2g}", place, xytext=(-4, offset), textcoords="offset points", ha="right")
save(figure, HERE / "clr.png")
