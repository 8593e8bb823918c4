"""Question: what does a scheduler's step() cost beside torch's own?

Command:  python benchmarks/torch_scheduler_step.py [--quick]
Method:   the same policy on SGD with 1, 4 and 1,000 parameter groups, with and without momentum: ScheduleLR beside
          torch's CyclicLR, and each drop-in beside the class of torch it replaces. Each round times a run of steps of
          both, in turn, which first changing from round to round; the ratio is taken within the round. Torch checks a
          scheduler's first two calls for their order, so both are stepped twice before. The time is the CPU time of the
          thread, which a busy machine distorts least.
Target:   a median ratio of at most 1.00 for ScheduleLR, 1.30 for the drop-ins, and 1.00 for all with 1,000 groups. The
          rows "a schedule each" do more than CyclicLR can: every group has a policy of its own.
"""

from __future__ import annotations

import argparse
import csv
import statistics
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import clr_torch
import torch
from torch.optim import lr_scheduler

import clr_core

RESULTS = Path(__file__).parent / "results" / "torch_scheduler_step.csv"
LR = clr_core.triangular(1e-3, 6e-3, step_size=2000)
MOMENTUM = clr_core.momentum_for(LR, low=0.8, high=0.9)
CYCLIC = {"base_lr": 1e-3, "max_lr": 6e-3, "step_size_up": 2000}
GROUPS = (1, 4, 1000)


def optimizer_with(groups: int) -> torch.optim.Optimizer:
    parameters = [torch.zeros(1, requires_grad=True) for _ in range(groups)]
    return torch.optim.SGD([{"params": [each]} for each in parameters], lr=1e-3, momentum=0.9)


def stepper(make: Callable[[Any], Any], groups: int) -> Callable[[int], float]:
    scheduler = make(optimizer_with(groups))
    scheduler.optimizer.step()
    scheduler.step()
    scheduler.step()

    def seconds(steps: int) -> float:
        step = scheduler.step
        start = time.thread_time()
        for _ in range(steps):
            step()
        return time.thread_time() - start

    return seconds


def pairs_to_compare() -> Iterator[tuple[str, int, bool, Any, Any]]:
    """What is compared, the number of groups, whether momentum moves, and how ours and theirs are made."""
    for groups in GROUPS:
        for moves in (False, True):
            momentum = MOMENTUM if moves else None
            cyclic = partial(lr_scheduler.CyclicLR, **CYCLIC, cycle_momentum=moves)
            one = partial(clr_torch.ScheduleLR, schedule=LR, momentum=momentum)
            each = partial(
                clr_torch.ScheduleLR, schedule=[LR] * groups, momentum=[momentum] * groups if moves else None
            )
            yield "ScheduleLR", groups, moves, one, cyclic
            yield "ScheduleLR, a schedule each", groups, moves, each, cyclic
    cases: list[tuple[str, dict[str, Any]]] = [
        ("CyclicLR", CYCLIC),
        ("OneCycleLR", {"max_lr": 1.0, "total_steps": 10**9}),
        ("CosineAnnealingWarmRestarts", {"T_0": 1000}),
        ("CosineAnnealingWarmRestarts, T_mult=2", {"T_0": 1000, "T_mult": 2}),
    ]
    for label, arguments in cases:
        name = label.split(",")[0]
        for groups in GROUPS:
            for moves in (False, True) if name.endswith("cleLR") or name == "CyclicLR" else (False,):
                options = arguments | ({"cycle_momentum": moves} if "Cosine" not in name else {})
                ours, theirs = getattr(clr_torch, name), getattr(lr_scheduler, name)
                yield label, groups, moves, partial(ours, **options), partial(theirs, **options)


def compare(name: str, groups: int, moves: bool, our: Any, their: Any, rounds: int, steps: int) -> dict[str, Any]:
    ours, theirs = stepper(our, groups), stepper(their, groups)
    if groups == GROUPS[-1]:
        rounds, steps = max(8, rounds // 4), max(2, steps // 100)
    pairs = []
    for turn in range(rounds):
        first, second = (ours, theirs) if turn % 2 else (theirs, ours)
        one, two = first(steps), second(steps)
        pairs.append((one, two) if turn % 2 else (two, one))
    low, middle, high = statistics.quantiles([our / their for our, their in pairs], n=4)
    return {
        "scheduler": name,
        "groups": groups,
        "momentum": moves,
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
    rounds, steps = (20, 200) if arguments.quick else (200, 500)
    rows = []
    for pair in pairs_to_compare():
        row = compare(*pair, rounds, steps)
        rows.append(row)
        print(
            f"{row['scheduler']:37} {row['groups']:4} group{'s' * (row['groups'] > 1):1} "
            f"{'with momentum' if row['momentum'] else 'LR only':13}  "
            f"clr {row['clr_us']:8.2f} us  torch {row['torch_us']:8.2f} us  "
            f"ratio {row['ratio']:.3f} (quartiles {row['quartiles']}, {row['rounds']} rounds)"
        )
    if not arguments.quick:
        with RESULTS.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, fieldnames=list(rows[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)


if __name__ == "__main__":
    main()
