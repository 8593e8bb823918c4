"""Question: what does ScheduleLR.step() cost beside torch's own CyclicLR.step()?

Command:  python benchmarks/torch_scheduler_step.py [--quick]
Method:   the same triangular policy on SGD, 1 and 4 parameter groups, with and without momentum. Each
          round times a run of steps of both, in turn, which first changing from round to round; the
          ratio is taken within the round. Torch checks a scheduler's first two calls for their order,
          so both are stepped twice before.
Target:   a median ratio of at most 1.00 in the first four rows. The rows "a schedule each" do more than
          CyclicLR can: every group has a policy of its own.
"""

from __future__ import annotations

import argparse
import csv
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import clr_torch
import torch
from torch.optim.lr_scheduler import CyclicLR

import clr_core

RESULTS = Path(__file__).parent / "results" / "torch_scheduler_step.csv"
LR = clr_core.triangular(1e-3, 6e-3, step_size=2000)
MOMENTUM = clr_core.momentum_for(LR, low=0.8, high=0.9)


def optimizer_with(groups: int) -> torch.optim.Optimizer:
    parameters = [torch.zeros(1, requires_grad=True) for _ in range(groups)]
    return torch.optim.SGD([{"params": [each]} for each in parameters], lr=1e-3, momentum=0.9)


def stepper(scheduler: Any) -> Callable[[int], float]:
    scheduler.optimizer.step()
    scheduler.step()
    scheduler.step()

    def seconds(steps: int) -> float:
        step = scheduler.step
        start = time.perf_counter()
        for _ in range(steps):
            step()
        return time.perf_counter() - start

    return seconds


def compare(groups: int, has_momentum: bool, is_list: bool, rounds: int, steps: int) -> dict[str, Any]:
    theirs = stepper(
        CyclicLR(
            optimizer_with(groups),
            1e-3,
            6e-3,
            step_size_up=2000,
            cycle_momentum=has_momentum,
            base_momentum=0.8,
            max_momentum=0.9,
        )
    )
    momentum = MOMENTUM if has_momentum else None
    ours = stepper(
        clr_torch.ScheduleLR(
            optimizer_with(groups),
            [LR] * groups if is_list else LR,
            momentum=[momentum] * groups if is_list and momentum else momentum,
        )
    )
    pairs = []
    for turn in range(rounds):
        first, second = (ours, theirs) if turn % 2 else (theirs, ours)
        one, two = first(steps), second(steps)
        pairs.append((one, two) if turn % 2 else (two, one))
    ratios = [our / their for our, their in pairs]
    low, middle, high = statistics.quantiles(ratios, n=4)
    return {
        "groups": groups,
        "momentum": has_momentum,
        "schedules": "a schedule each" if is_list else "one schedule",
        "clr_us": round(statistics.median(our for our, _ in pairs) / steps * 1e6, 2),
        "torch_us": round(statistics.median(their for _, their in pairs) / steps * 1e6, 2),
        "ratio": round(middle, 3),
        "quartiles": f"{low:.3f}..{high:.3f}",
        "rounds": rounds,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer rounds, nothing written")
    arguments = parser.parse_args()
    rounds, steps = (20, 200) if arguments.quick else (300, 500)
    rows = [
        compare(groups, has_momentum, is_list, rounds, steps)
        for is_list in (False, True)
        for groups in (1, 4)
        for has_momentum in (False, True)
    ]
    for row in rows:
        print(
            f"{row['groups']} group{'s' * (row['groups'] > 1):1} "
            f"{'with momentum' if row['momentum'] else 'LR only':13}  {row['schedules']:15}  "
            f"clr {row['clr_us']:5.2f} us  torch {row['torch_us']:5.2f} us  "
            f"ratio {row['ratio']:.3f} (quartiles {row['quartiles']}, {row['rounds']} rounds)"
        )
    if not arguments.quick:
        with RESULTS.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, fieldnames=list(rows[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)


if __name__ == "__main__":
    main()
