"""Trains a task at given LRs, several at once where the network is small, and pretrains its network once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from data import Data
from flax import linen as nn
from flax import serialization
from optimizers import ADAMW_LANGUAGE, Optimizer
from task import Pretraining, Task

import clr_core

CHUNK = 50
"""Updates in one call of the compiled program."""

BLOCK = 64
"""Validation examples in one."""


class Run(NamedTuple):
    """What is to be trained: which seed, and the LR of every update."""

    seed: int
    lrs: Any


class Outcome(NamedTuple):
    """Of a run: loss and accuracy of every update's batch, and those of the validation examples at the end."""

    losses: Any
    accuracies: Any
    loss: float
    accuracy: float


class Trainer:
    """Trains runs of one network with one optimizer, ``rows`` of them at a time in one vectorised program."""

    def __init__(
        self,
        data: Data,
        network: nn.Module,
        optimizer: Optimizer,
        batch: int,
        *,
        rows: int = 1,
        smoothing: float = 0.0,
        start: Any = None,
        new_head: bool = True,
        body_ratio: float = 1.0,
    ) -> None:
        self._data, self._network, self._batch, self._rows = data, network, batch, rows
        self._start, self._new_head = start, new_head
        self._transformation = optimizer.transformation()

        def ratios(parameters: Any) -> Any:
            return {
                name: jax.tree.map(lambda _, r=1.0 if name == "head" else body_ratio: r, part)
                for name, part in parameters.items()
            }

        def update(arrays: Any, state: Any, step: Any) -> Any:
            lr, index, key = step
            parameters, memory = state
            first, second = jax.random.split(key)
            x, y = data.batch(arrays, index, first)

            def loss_of(parameters: Any) -> Any:
                outputs = network.apply({"params": parameters}, x, training=True, rngs={"dropout": second})
                return _loss_and_accuracy(outputs, y, smoothing)

            seen, gradient = jax.value_and_grad(loss_of, has_aux=True)(parameters)
            ratio = ratios(parameters)
            gradient = jax.tree.map(lambda leaf, r: leaf if r else jnp.zeros_like(leaf), gradient, ratio)
            change, memory = self._transformation.update(gradient, memory, parameters)
            change = jax.tree.map(lambda leaf, r: lr * r * leaf, change, ratio)
            return (optax.apply_updates(parameters, change), memory), seen

        def step(arrays: Any, state: Any, lr: Any, index: Any, seed: Any, number: Any) -> Any:
            key = jax.random.fold_in(jax.random.key(seed), number)
            return update(arrays, state, (lr, index, key))

        def scan(arrays: Any, state: Any, lrs: Any, indexes: Any, seed: Any, numbers: Any) -> Any:
            def one(state: Any, of_step: Any) -> Any:
                lr, index, number = of_step
                return step(arrays, state, lr, index, seed, number)

            return jax.lax.scan(one, state, (lrs, indexes, numbers))

        def judge(state: Any, x: Any, y: Any) -> Any:
            return jnp.stack(_loss_and_accuracy(network.apply({"params": state[0]}, x), y, 0.0))

        # Convolutions are twenty times slower inside of a scan on CPU; for small networks the calls would take longer.
        if rows > 1:
            scan, judge = jax.vmap(scan, (None, 0, 0, 0, 0, None)), jax.vmap(judge, (0, None, None))
        self._step, self._scan = jax.jit(step, donate_argnums=1), jax.jit(scan, donate_argnums=1)
        self._judge = jax.jit(judge)
        size = min(BLOCK, len(data.validation[0]))
        count = len(data.validation[0]) // size
        self._validation = tuple(
            jnp.asarray(a[: count * size].reshape(count, size, *a.shape[1:])) for a in data.validation
        )
        self._arrays = jax.tree.map(jnp.asarray, data.arrays)

    @classmethod
    def of(cls, task: Task, work: Path) -> Trainer:
        start = None if task.base is None else pretrained(task.base, work)
        return cls(
            task.data(),
            task.network,
            task.optimizer,
            task.batch,
            rows=task.rows,
            smoothing=task.smoothing,
            start=start,
            new_head=task.new_head,
            body_ratio=task.body_ratio,
        )

    @property
    def chance(self) -> float:
        return self._data.chance

    @property
    def examples(self) -> int | None:
        return self._data.examples

    @property
    def weights(self) -> int:
        return sum(leaf.size for leaf in jax.tree.leaves(self.parameters(0)))

    def parameters(self, seed: int) -> Any:
        """Those before training: of the network pretrained, with a new head or the old one, or all new."""
        fresh = self._network.init(jax.random.key(seed), self._validation[0][0, :2])["params"]
        if self._start is None:
            return fresh
        if jax.tree.structure(self._start) != jax.tree.structure(fresh):
            raise ValueError("the pretrained network must have the layers of the task's")
        return self._start | ({"head": fresh["head"]} if self._new_head else {})

    def before(self, seed: int) -> tuple[float, float]:
        """Validation loss and accuracy before training."""
        loss, accuracy = self._judged(self._packed([self._state(seed)] * self._rows))[0]
        return float(loss), float(accuracy)

    def run(self, runs: Sequence[Run]) -> list[Outcome]:
        """Trains all, to the end, or until all that train together are at nan."""
        return [outcome for some, count in self._groups(runs) for outcome in self._run_together(some)[:count]]

    def validated(self, runs: Sequence[Run], every: int) -> list[Any]:
        """Of each run, the validation loss of the first block, before every so many updates."""
        found = []
        for some, count in self._groups(runs):
            state, lrs, indexes, seeds = self._begin(some, len(some[0].lrs))
            losses = []
            for first in range(0, lrs.shape[1], every):
                part = slice(first, first + every)
                losses.append(self._judged(state, 1)[:, 0])
                state, _ = self._chunk(state, lrs[:, part], indexes[:, part], seeds, first)
            found += list(np.array(losses).T[:count])
        return found

    def _groups(self, runs: Sequence[Run]) -> Iterator[tuple[list[Run], int]]:
        """As many runs as train together, the last ones repeated, and how many of them are wanted."""
        for first in range(0, len(runs), self._rows):
            some = list(runs[first : first + self._rows])
            yield some + [some[-1]] * (self._rows - len(some)), len(some)

    def _begin(self, runs: Sequence[Run], length: int) -> tuple[Any, Any, Any, Any]:
        """The state before the first update, the LRs, padded with zeros, and the examples of the batches; the seeds."""
        lrs = np.zeros((len(runs), length), np.float32)
        lrs[:, : len(runs[0].lrs)] = [run.lrs for run in runs]
        indexes = np.stack([self._indexes(run.seed, length) for run in runs])
        return self._packed([self._state(run.seed) for run in runs]), lrs, indexes, np.array([r.seed for r in runs])

    def _run_together(self, runs: Sequence[Run]) -> list[Outcome]:
        steps = len(runs[0].lrs)
        length = -(-steps // CHUNK) * CHUNK
        state, lrs, indexes, seeds = self._begin(runs, length)
        parts = []
        for first in range(0, length, CHUNK):
            part = slice(first, first + CHUNK)
            state, seen = self._chunk(state, lrs[:, part], indexes[:, part], seeds, first)
            parts.append(seen)
            if np.isnan(seen[0, :, -1]).all():
                parts.append(np.full((2, len(runs), length - first - CHUNK), np.nan))
                break
        losses, accuracies = np.concatenate(parts, -1)[:, :, :steps]
        ends = self._judged(state)
        return [Outcome(*of, *map(float, end)) for *of, end in zip(losses, accuracies, ends, strict=True)]

    def trained(self, run: Run) -> tuple[Any, float]:
        """The parameters after one run, where one trains at a time, and the validation loss."""
        state, seeds = self._state(run.seed), np.array([run.seed])
        lrs, indexes = np.array([run.lrs], np.float32), self._indexes(run.seed, len(run.lrs))[None]
        for first in range(0, len(run.lrs), CHUNK):
            part = slice(first, first + CHUNK)
            state, _ = self._chunk(state, lrs[:, part], indexes[:, part], seeds, first)
        return state[0], float(self._judged(state)[0, 0])

    def _chunk(self, state: Any, lrs: Any, indexes: Any, seeds: Any, first: int) -> tuple[Any, Any]:
        """Some updates; the new state, and loss and accuracy of each, (2, rows, updates)."""
        numbers = np.arange(first, first + lrs.shape[1])
        if self._rows > 1:
            state, seen = self._scan(self._arrays, state, lrs, indexes, seeds, numbers)
            return state, np.array(seen)
        found = []
        for lr, index, number in zip(lrs[0], indexes[0], numbers, strict=True):
            state, seen = self._step(self._arrays, state, lr, index, seeds[0], number)
            found.append(seen)
        return state, np.array(found, np.float32).T[:, None]

    def _judged(self, state: Any, count: int | None = None) -> Any:
        """Validation loss and accuracy, (rows, 2), of some or all blocks."""
        blocks = [self._judge(state, x, y) for x, y in islice(zip(*self._validation, strict=True), count)]
        return np.mean(blocks, axis=0).reshape(-1, 2)

    def _packed(self, states: Sequence[Any]) -> Any:
        return states[0] if self._rows == 1 else jax.tree.map(lambda *leaves: jnp.stack(leaves), *states)

    def _state(self, seed: int) -> Any:
        # The program takes the memory over, so it must not be that of the pretrained parameters.
        parameters = jax.tree.map(jnp.array, self.parameters(seed))
        return parameters, self._transformation.init(parameters)

    def _indexes(self, seed: int, steps: int) -> Any:
        """Which examples are in the batches: all in a new order in each epoch."""
        if self._data.examples is None:
            return np.zeros((steps, self._batch), np.int32)
        generator = np.random.default_rng(seed)
        epochs = -(-steps * self._batch // self._data.examples)
        stream = np.concatenate([generator.permutation(self._data.examples) for _ in range(epochs)])
        return stream[: steps * self._batch].reshape(steps, self._batch).astype(np.int32)


def _loss_and_accuracy(outputs: Any, y: Any, smoothing: float) -> tuple[Any, Any]:
    """Mean loss, and share of right answers (0 for a regression); targets of -1 do not count."""
    if not jnp.issubdtype(y.dtype, jnp.integer):
        return ((outputs - y) ** 2).mean(), jnp.zeros(())
    counted = (y >= 0).astype(jnp.float32)
    logarithms = jax.nn.log_softmax(outputs)
    right = jnp.take_along_axis(logarithms, jnp.maximum(y, 0)[..., None], -1)[..., 0]
    losses = -(1 - smoothing) * right - smoothing * logarithms.mean(-1)
    total = jnp.maximum(counted.sum(), 1.0)
    return (losses * counted).sum() / total, ((outputs.argmax(-1) == y) * counted).sum() / total


def pretrained(base: Pretraining, work: Path) -> Any:
    """The parameters of a network trained before, from the work folder if they are there."""
    file = work / "pretrained" / f"{base.name.replace(' ', '_').replace(',', '')}.msgpack"
    trainer = Trainer(base.data(), base.network, ADAMW_LANGUAGE, base.batch)
    if not file.exists():
        lrs = clr_core.one_cycle(base.lr / 10, base.lr, total_steps=base.steps).values(base.steps)
        parameters, loss = trainer.trained(Run(0, lrs))
        print(f"  pretrained {base.name}: {trainer.before(0)[0]:.3f} to {loss:.3f}", flush=True)
        write(file, serialization.to_bytes(parameters))
    return serialization.from_bytes(trainer.parameters(0), file.read_bytes())


def write(file: Path, content: bytes) -> None:
    """All of the file or nothing."""
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_name(file.name + ".part")
    part.write_bytes(content)
    part.replace(file)
