"""``clr demo``: a range test, its bounds, and what they are worth, on a small real problem."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from os import PathLike
from pathlib import Path
from typing import Any

from clr_core import check
from clr_core.bounds.suggest import suggest_bounds
from clr_core.demo.comparison import compare, schedules, table, verdict, winner
from clr_core.demo.problem import Problem, Training
from clr_core.schedules.plan import plan_cycles

GROUP = "clr.demos"
"""The entry points under which packages register a function that makes a ``Problem``; ours: torch, keras, optax."""


def run(
    framework: str | None = None,
    *,
    seeds: int = 3,
    plot_dir: str | PathLike[str] = ".",
    write: Callable[[str], Any] = print,
) -> dict[str, Any]:
    """The result of the demo as plain JSON values; the text goes to ``write`` along the way.

    One range test, ``suggest_bounds``, then the same number of updates with a fixed default LR, the suggested
    fixed LR, CLR between the bounds and linear decay to zero. Where matplotlib is installed, two pictures are
    drawn as well.

    Args:
        framework: ``"torch"``, ``"keras"`` or ``"optax"``, on scikit-learn's digits; None for Python's help texts
            in plain Python, which needs nothing installed.
        seeds: Training runs under each schedule, an int >= 1.
        plot_dir: Directory for the pictures; it must exist.
        write: Called with the text, a paragraph at a time.

    Returns:
        A dict with framework, base_lr, max_lr, lr, confidence, step_size, total_steps, rows (name, schedule,
        mean_loss, losses, mean_accuracy), winner (a row's name) and pictures (paths).

    Raises:
        TypeError: An argument is of the wrong kind.
        ValueError: The framework is unknown or ``seeds`` is less than 1.
        ModuleNotFoundError: The framework, or scikit-learn for its data, is not installed.
        clr_core.Undetermined: The range test does not show where the bounds are.
        OSError: A picture cannot be written.
    """
    seeds = check.whole("seeds", seeds)
    problem = load(framework)
    plan = plan_cycles(epochs=problem.epochs, steps_per_epoch=problem.steps_per_epoch)
    write("\n".join(problem.description))

    write(f"\n1. Range test: one short run of {problem.test_steps} updates while the learning rate (LR) rises.\n")
    curve = problem.range_test()
    bounds = suggest_bounds(curve, plan)
    write(str(bounds))

    write(
        f"\n2. Training: the same {plan.total_steps:,} updates ({problem.epochs} epochs) under each schedule,"
        f" {seeds} seed{'s' * (seeds != 1)} each.\n"
        f"CLR: {plan}.\n"
        f"The default LR, {problem.default_lr:g}, is {problem.default_origin}.\n"
    )
    rows = compare(problem, schedules(problem, bounds), plan.total_steps, range(1, seeds + 1))
    best = winner(rows)
    write(f"Loss on the held-out data after the last update, in {problem.unit}; the lowest wins:\n")
    write(table(rows))
    if best.trainings[0].sample:
        width = max(len(row.name) for row in rows)
        write("\nHeld-out text, with the spaces that the first network of each schedule puts back:\n")
        write("\n".join(f"{row.name.ljust(width)}   {row.trainings[0].sample}" for row in rows))
    write(f"\nbase_lr = {bounds.base_lr:.4g}\nmax_lr = {bounds.max_lr:.4g}\n{verdict(rows)}\n")

    pictures: list[str] = []
    if importlib.util.find_spec("matplotlib"):
        from clr_core.demo.pictures import draw

        pictures = draw(bounds, rows, plan.total_steps, problem.unit, Path(plot_dir))
        write("Pictures: " + " and ".join(pictures))
    else:
        write("No pictures: they need matplotlib (python -m pip install matplotlib).")
    return {
        "framework": framework,
        "base_lr": bounds.base_lr,
        "max_lr": bounds.max_lr,
        "lr": bounds.lr,
        "confidence": bounds.confidence,
        "step_size": plan.step_size,
        "total_steps": plan.total_steps,
        "rows": [row.to_dict() for row in rows],
        "winner": best.name,
        "pictures": pictures,
    }


def load(framework: str | None) -> Problem:
    """The problem of a framework, which is imported only now.

    Raises:
        TypeError: ``framework`` is not a str.
        ValueError: No installed package registers a demo of that name.
        ModuleNotFoundError: The framework, or something else the demo needs, is not installed.
    """
    if framework is None:
        from clr_core.demo.spaces import Spaces

        return Spaces()
    found = registered()
    problem: Problem = found[check.choice("framework", framework, found)].load()()
    return problem


def registered() -> dict[str, Any]:
    """The entry points of the demos that installed packages have registered, by framework."""
    from importlib.metadata import entry_points

    return {entry.name: entry for entry in sorted(entry_points(group=GROUP), key=lambda entry: entry.name)}


__all__ = ["Problem", "Training", "load", "registered", "run"]
