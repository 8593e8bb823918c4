"""Question: what does a schedule inside the compiled training step cost, and what a callback that sets the LR?

Command:  KERAS_BACKEND=tensorflow|jax|torch python benchmarks/keras_step_cost.py [--quick]
Method:   three copies of a network (Adam, batches of 128) differ in the learning rate alone: a number;
          ScheduleLR(triangular); a number that the CyclicLR callback sets. The first two have a callback that
          does nothing, since Keras goes another way without one. Each round trains all three for a while by
          fit, which first changing from round to round; ratios are taken within the round, in CPU time of the
          process. The first round, which compiles, is not counted. Three times over, the networks are made
          anew, each kind once the first: torch.compile makes a later one of two equal networks 2 % slower. On
          torch, steps run eagerly, as Keras has them by default, and once more compiled.
Target:   a median ratio of at most 1.02 for ScheduleLR where the step is compiled. The small network, whose
          steps take a millisecond, is there to be seen: what any schedule costs, Keras's own as well, is
          microseconds a step whatever the network.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import clr_keras
import keras
import numpy as np

import clr_core

BACKEND = keras.backend.backend()
RESULTS = Path(__file__).parent / "results"
SCHEDULE = clr_core.triangular(1e-4, 1e-3, step_size=2000)
BATCH = 128
WIDTHS = {"small": (64, 256, 256), "medium": (784, 1024, 1024)}
KINDS = ("constant", "ScheduleLR", "callback")


class Nothing(keras.callbacks.Callback):  # type: ignore[misc]  # untyped base
    """A callback after each batch that does nothing."""

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        pass


def trainer(kind: str, size: str, steps: int, jit_compile: bool | str) -> Callable[[], None]:
    """A function that trains a network for so many steps."""
    keras.utils.set_random_seed(0)
    inputs, *hidden = WIDTHS[size]
    layers: list[Any] = [keras.layers.Dense(width, activation="relu") for width in hidden]
    model = keras.Sequential([keras.Input((inputs,)), *layers, keras.layers.Dense(10)])
    lr = clr_keras.ScheduleLR(SCHEDULE) if kind == "ScheduleLR" else 1e-3
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(lr), loss, jit_compile=jit_compile)
    random = np.random.default_rng(0)
    x = random.normal(size=(BATCH * steps, inputs)).astype("float32")
    y = random.integers(10, size=BATCH * steps)
    callback = clr_keras.CyclicLR(1e-4, 1e-3, 2000) if kind == "callback" else Nothing()

    def train() -> None:
        model.fit(x, y, batch_size=BATCH, shuffle=False, verbose=0, callbacks=[callback])

    return train


def measure(size: str, rounds: int, steps: int, jit_compile: bool | str) -> list[dict[str, float]]:
    """Milliseconds a step of each kind, round by round."""
    taken = []
    for turn in range(len(KINDS)):
        if BACKEND == "torch":
            import torch

            torch.compiler.reset()
        trainers = {kind: trainer(kind, size, steps, jit_compile) for kind in rotated(turn)}
        for train in trainers.values():
            train()
        for number in range(rounds // len(KINDS)):
            row = {}
            for kind in rotated(number):
                before = time.process_time()
                trainers[kind]()
                row[kind] = (time.process_time() - before) / steps * 1e3
            taken.append(row)
    return taken


def rotated(turn: int) -> tuple[str, ...]:
    """The kinds, beginning with another one each turn."""
    first = turn % len(KINDS)
    return KINDS[first:] + KINDS[:first]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a few rounds; writes nothing")
    quick = parser.parse_args().quick
    rounds = 6 if quick else 30
    ways: dict[str, bool | str] = {"eager": False, "compiled": True} if BACKEND == "torch" else {"compiled": "auto"}
    rows: list[list[Any]] = []
    for (way, jit_compile), size in itertools.product(ways.items(), ["small"] if quick else WIDTHS):
        steps = 200 if size == "small" and not quick else 40
        taken = measure(size, rounds, steps, jit_compile)
        rows += [[BACKEND, way, size, number, *(row[kind] for kind in KINDS)] for number, row in enumerate(taken)]
        constant = statistics.median(row["constant"] for row in taken)
        print(
            f"{BACKEND}, {way}, {size}: {constant:.3f} ms a step with a constant LR, {rounds} rounds of {steps} steps"
        )
        for kind in KINDS[1:]:
            ratios = sorted(row[kind] / row["constant"] for row in taken)
            low, _, high = statistics.quantiles(ratios, n=4)
            more = statistics.median((row[kind] - row["constant"]) * 1e3 for row in taken)
            print(
                f"  {kind:11s}{statistics.median(ratios):6.3f} x   quartiles {low:.3f} to {high:.3f}   {more:+6.1f} us"
            )
    if not quick:
        RESULTS.mkdir(exist_ok=True)
        with open(RESULTS / f"keras_step_cost_{BACKEND}.csv", "w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(["backend", "way", "network", "round", *(f"{kind}_ms" for kind in KINDS)])
            writer.writerows([[*row[:4], *(f"{ms:.5f}" for ms in row[4:])] for row in rows])


if __name__ == "__main__":
    main()
