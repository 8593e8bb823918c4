"""Question: what do our schedules and range tests cost beside those of other libraries?

Command:  python benchmarks/overhead.py [--quick]
Method:   groups of rivals, each with a base. Every round times all rivals of a group in turn, which first changing from
          round to round; a ratio is taken within the round, in CPU time of the process. Shown are the median of the
          ratios and their quartiles.
          Schedulers: a run of steps on SGD with 1, 4 and 1,000 parameter groups. Torch checks a scheduler's first two
          calls for their order, so all are stepped twice before. "A schedule each" does more than torch's can.
          Compiled: calls of a jitted function of the step, in JAX.
          Range tests: 100 updates of Adam on batches from a DataLoader, none of which stops early, with all that a test
          does: setting LRs, reading losses, putting the state back. The bare steps do none of that.
Needs:    torch, keras, optax; torch-lr-finder, pytorch-ignite, lightning, timm and fastai, each left out where it is
          missing. timm and fastai want torchvision, which what is measured here does not need: --no-deps.
Target:   ScheduleLR 1.00 of torch's CyclicLR, drop-ins 1.30 of what they replace, all 1.00 with 1,000 groups; a range
          test 0.90 of torch-lr-finder's on small steps and 1.05 of the bare ones.
"""

from __future__ import annotations

import argparse
import csv
import os
import statistics
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "jax")

from rivals import finders, jitted, schedulers
from tqdm import tqdm

RESULTS = Path(__file__).parent / "results" / "overhead.csv"
Work = Callable[[], object]


@dataclass(frozen=True)
class Group:
    """What is compared: the rivals by name, the bases among them, and how many units one call of each does."""

    name: str
    bases: tuple[str, ...]
    rivals: dict[str, Work]
    units: int
    rounds: int

    def measure(self) -> list[dict[str, Any]]:
        """All rivals beside the first base; beside another one, ours."""
        names = list(self.rivals)
        seconds: dict[str, list[float]] = {name: [] for name in names}
        for turn in range(self.rounds + 1):
            first = turn % len(names)
            for name in names[first:] + names[:first]:
                start = time.process_time()
                self.rivals[name]()
                if turn:  # the first round fills caches
                    seconds[name].append(time.process_time() - start)
        base, *more = self.bases
        compared = [(name, base) for name in names if name != base] + [("clr", other) for other in more]
        return [self._row(name, base, seconds[name], seconds[base]) for name, base in compared]

    def _row(self, name: str, base: str, seconds: list[float], of_base: list[float]) -> dict[str, Any]:
        low, middle, high = statistics.quantiles([one / two for one, two in zip(seconds, of_base, strict=True)], n=4)
        return {
            "compared": self.name,
            "rival": name,
            "us": round(statistics.median(seconds) / self.units * 1e6, 3),
            "base": base,
            "base_us": round(statistics.median(of_base) / self.units * 1e6, 3),
            "ratio": round(middle, 3),
            "q1": round(low, 3),
            "q3": round(high, 3),
            "rounds": self.rounds,
        }


def groups(quick: bool) -> Iterator[Group]:
    for (name, parameter_groups), steppers in schedulers.groups():
        many = parameter_groups > 100
        steps, rounds = (5, 12) if many else (200, 12 if quick else 80)
        repeated = {rival: schedulers.repeated(step, steps) for rival, step in steppers.items()}
        words = f"step of {name}, {parameter_groups} group{'s' * (parameter_groups > 1)}"
        yield Group(words, (next(iter(steppers)),), repeated, steps, rounds)
    for name, calls in jitted.groups():
        repeated = {rival: jitted.repeated(call, 200) for rival, call in calls.items()}
        yield Group(f"compiled {name}", (next(iter(calls)),), repeated, 200, 12 if quick else 60)
    for name, tests in finders.groups(quick):
        bases = tuple(base for base in ("torch-lr-finder", "bare steps") if base in tests)
        yield Group(f"range test, {name}", bases, tests, finders.STEPS, 4 if quick else 60)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer rounds; writes nothing")
    quick = parser.parse_args().quick
    warnings.simplefilter("ignore")
    rows: list[dict[str, Any]] = []
    for group in tqdm(list(groups(quick)), desc="groups", disable=None):
        for row in group.measure():
            rows.append(row)
            tqdm.write(
                f"{row['compared']:45} {row['rival']:33} {row['us']:>8.2f} us  {row['ratio']:6.3f} of {row['base']} "
                f"({row['q1']:.3f} to {row['q3']:.3f})"
            )
        if not quick:
            with RESULTS.open("w", newline="", encoding="utf-8") as file:
                writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
                writer.writeheader()
                writer.writerows(rows)


if __name__ == "__main__":
    main()
