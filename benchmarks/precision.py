"""Question: how far from the exact value are schedules, ours and others', at any step to 2**31 - 1?

Command:  python benchmarks/precision.py [--quick]
Method:   each policy as every library has it, with the same arguments, at random steps (uniform in their logarithm) and
          at cycle ends and their neighbours. The exact value is that of tests/oracle.py, in fractions and mpmath.
          Errors are in units of eps(dtype) * max_lr: float64 in torch, timm and ignite, float32 in JAX and Keras. A
          restart is missed where the value at its step is not within 1 % of the peak. ignite cannot seek: it is stepped
          to 2**15.
Needs:    torch, keras, optax, mpmath; timm and pytorch-ignite, each left out where it is missing.
Target:   ours at most 4, or 16 with a cosine or a power, and no restart missed.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import math
import os
import random
import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "jax")
sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import numpy as np
import oracle
from rivals import seeking
from tqdm import tqdm

import clr_core

RESULTS = Path(__file__).parent / "results" / "precision.csv"
LAST = oracle.LAST_STEP


@dataclass(frozen=True)
class Policy:
    """A schedule of ours, the exact one, and the steps at which it is to be at its peak again."""

    name: str
    schedule: clr_core.Schedule
    contract: int
    restarts: Callable[[], Iterator[int]] = lambda: iter(())

    def steps(self, count: int) -> list[int]:
        generator = random.Random(0)
        drawn = [int(math.exp(generator.uniform(0, math.log(LAST)))) for _ in range(count)]
        ends = [end + near for end in self.some_restarts(count // 4) for near in (-1, 0, 1)]
        return sorted({step for step in [0, 2**24 + 1, LAST, *drawn, *ends] if 0 <= step <= LAST})

    def some_restarts(self, count: int) -> list[int]:
        found = list(itertools.islice(self.restarts(), 10**6))
        return random.Random(1).sample(found, min(count, len(found)))


def geometric(period: int, t_mult: int) -> Callable[[], Iterator[int]]:
    """The restarts of cycles that grow by a whole factor, or do not grow: then some million of them, spread out."""

    def every() -> Iterator[int]:
        if t_mult == 1:
            last = LAST // period
            return (period * (last * k // 10**5) for k in range(1, 10**5 + 1))
        ends = itertools.accumulate(period * t_mult**k for k in itertools.count())
        return itertools.takewhile(lambda end: end <= LAST, ends)

    return every


CYCLE = {"base_lr": 1e-3, "max_lr": 6e-3, "step_size": 2000}
POLICIES = [
    Policy("triangular", clr_core.triangular(**CYCLE), 4),
    Policy("triangular2", clr_core.triangular2(**CYCLE), 16),
    Policy("exp_range", clr_core.exp_range(**CYCLE, gamma=0.99994), 16),
    Policy("one cycle", clr_core.one_cycle(0.04, 1.0, total_steps=10**9, variant="two_phase", final_lr=4e-6), 16),
    Policy("cosine decay", clr_core.cosine_decay(1.0, total_steps=LAST), 16),
    *(
        Policy(f"restarts, {period} x {t_mult}", restarts, 16, geometric(period, t_mult))
        for period, t_mult in ((1000, 1), (10, 2), (10, 3))
        for restarts in [clr_core.cosine_restarts(0.0, 1.0, period, t_mult=t_mult)]
    ),
]


def measure(policy: Policy, rival: seeking.Rival, count: int) -> dict[str, Any]:
    """The worst error, where it is, and how many restarts are missed."""
    config, (_, max_lr) = policy.schedule.to_dict(), policy.schedule.limits()
    unit = float(np.finfo(rival.dtype).eps) * max_lr
    worst, at, failed = 0.0, 0, 0
    steps = [step for step in policy.steps(count) if step <= rival.last]
    for step in steps:
        try:
            value = rival.value(step)
        except (OverflowError, ZeroDivisionError, ValueError):
            failed += 1
            continue
        error = abs(value - float(oracle.exact(config, step))) / unit if math.isfinite(value) else math.inf
        if error > worst:
            worst, at = error, step
    restarts = [step for step in policy.some_restarts(count) if step <= rival.last]
    missed = sum(not abs(rival.value(step) - max_lr) < 0.01 * max_lr for step in restarts)
    return {
        "policy": policy.name,
        "rival": rival.name,
        "dtype": rival.dtype,
        "steps": len(steps),
        "last_step": max(steps),
        "worst_eps": f"{worst:.3g}",
        "at_step": at,
        "share_of_max_lr": f"{worst * unit / max_lr:.2g}",
        "exceptions": failed,
        "restarts": len(restarts),
        "missed": missed,
        "contract": policy.contract if "clr" in rival.name else "",
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer steps; writes nothing")
    quick = parser.parse_args().quick
    warnings.simplefilter("ignore")
    pairs = [(policy, rival) for policy in POLICIES for rival in seeking.rivals(policy.name, policy.schedule)]
    rows = []
    for policy, rival in tqdm(pairs, desc="schedules", disable=None):
        row = measure(policy, rival, 40 if quick else 1000)
        rows.append(row)
        missed = f"{row['missed']:4} of {row['restarts']} restarts missed" if row["restarts"] else ""
        raised = f"  {row['exceptions']} of {row['steps']} steps raise" if row["exceptions"] else ""
        tqdm.write(
            f"{policy.name:20} {rival.name:34} {row['worst_eps']:>9} eps of {rival.dtype} at step {row['at_step']:>10} "
            f"{missed}{raised}"
        )
    broken = [row for row in rows if row["contract"] and (float(row["worst_eps"]) > row["contract"] or row["missed"])]
    if not quick:
        with RESULTS.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
    if broken:
        sys.exit(f"outside of the contract: {broken}")


if __name__ == "__main__":
    main()
