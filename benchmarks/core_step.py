"""Question: what does triangular(...)(step) cost beside the formula written by hand?

Command:  python benchmarks/core_step.py [--quick]
Method:   five lines a user might write, without checks, and the schedule, on the same ints. Each round
          times a run of calls of both, in turn, which first changing from round to round; the ratio is
          taken within the round, in CPU time. The cost of the loop itself is measured and taken off both.
Target:   a median ratio of at most 4.00 for triangular. The other policies are there to be seen.
"""

from __future__ import annotations

import argparse
import csv
import statistics
import time
import timeit
from collections.abc import Callable
from pathlib import Path

import clr_core

RESULTS = Path(__file__).parent / "results" / "core_step.csv"
SCHEDULES: list[clr_core.Schedule] = [
    clr_core.triangular(1e-3, 6e-3, step_size=2000),
    clr_core.triangular2(1e-3, 6e-3, step_size=2000),
    clr_core.exp_range(1e-3, 6e-3, step_size=2000, gamma=0.99994),
    clr_core.cosine_restarts(1e-3, 6e-3, 2000),
    clr_core.cosine_restarts(1e-3, 6e-3, 2000, t_mult=1.5),
    clr_core.one_cycle(1e-3, 6e-3, total_steps=100_000),
    clr_core.with_warmup(clr_core.triangular(1e-3, 6e-3, step_size=2000), 500),
]


def by_hand(step: int) -> float:
    base_lr, max_lr, step_size = 1e-3, 6e-3, 2000
    position = step % (2 * step_size)
    if position > step_size:
        position = 2 * step_size - position
    return base_lr + (max_lr - base_lr) * position / step_size


def timer(call: Callable[[int], object] | None, steps: range) -> timeit.Timer:
    """A loop of its own for each function, since the interpreter specializes a loop for what it calls."""
    body = "call(step)" if call else "pass"
    code = f"for step in steps: {body}"
    return timeit.Timer(code, timer=time.process_time, globals={"call": call, "steps": steps})


def compare(schedule: clr_core.Schedule, rounds: int, calls: int) -> dict[str, object]:
    steps = range(10_000, 10_000 + calls)
    timers = {"ours": timer(schedule, steps), "theirs": timer(by_hand, steps), "loop": timer(None, steps)}
    ratios, ours, theirs = [], [], []
    for index in range(rounds + 1):
        order = list(timers) if index % 2 else list(timers)[::-1]
        seconds = {name: timers[name].timeit(1) for name in order}
        if index == 0:
            continue  # caches fill
        ours.append((seconds["ours"] - seconds["loop"]) / calls * 1e9)
        theirs.append((seconds["theirs"] - seconds["loop"]) / calls * 1e9)
        ratios.append(ours[-1] / theirs[-1])
    low, middle, high = statistics.quantiles(ratios, n=4)
    return {
        "schedule": type(schedule).__name__,
        "arguments": repr(schedule),
        "ratio_median": round(middle, 3),
        "ratio_q1": round(low, 3),
        "ratio_q3": round(high, 3),
        "schedule_ns": round(statistics.median(ours), 1),
        "by_hand_ns": round(statistics.median(theirs), 1),
        "rounds": rounds,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a few rounds; writes nothing")
    quick = parser.parse_args().quick
    rounds, calls = (41, 2_000) if quick else (401, 5_000)
    print(f"{'schedule':<16} {'ratio':>6} {'quartiles':>13} {'schedule':>10} {'by hand':>9}")
    rows = []
    for schedule in SCHEDULES:
        row = compare(schedule, rounds, calls)
        rows.append(row)
        print(
            f"{row['schedule']:<16} {row['ratio_median']:>6.2f} {row['ratio_q1']:>6.2f} {row['ratio_q3']:>6.2f} "
            f"{row['schedule_ns']:>7.0f} ns {row['by_hand_ns']:>6.0f} ns"
        )
    if not quick:
        with RESULTS.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)


if __name__ == "__main__":
    main()
