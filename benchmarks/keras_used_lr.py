"""Question: which learning rates does Keras use, compiled or not, with one or four steps an execution?

Command:  KERAS_BACKEND=tensorflow|jax|torch python benchmarks/keras_used_lr.py [--quick]
Method:   in a model without bias whose loss is its output, fed with row k of the identity at step k, weight k
          moves by minus the learning rate of step k and by nothing else; so the weights after training are the
          learning rates used. Compared with the schedule in double precision, in units of eps * max_lr.
Target:   at most 4 (16 with a cosine or a power in it), in every cell.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path
from typing import Any

import clr_keras
import keras
import numpy as np

import clr_core

BACKEND = keras.backend.backend()
RESULTS = Path(__file__).parent / "results"
POLICIES = {
    "triangular": (clr_core.triangular(1e-3, 6e-3, step_size=7), 6e-3),
    "triangular2": (clr_core.triangular2(1e-3, 6e-3, step_size=7), 6e-3),
    "exp_range": (clr_core.exp_range(1e-3, 6e-3, step_size=7, gamma=0.99), 6e-3),
    "cosine_restarts": (clr_core.cosine_restarts(0.0, 1.0, 5, t_mult=1.5), 1.0),
    "one_cycle": (clr_core.one_cycle(0.1, 1.0, total_steps=40), 1.0),
    "with_warmup": (clr_core.with_warmup(clr_core.triangular(1e-3, 6e-3, step_size=7), 10), 6e-3),
}


def used_lrs(schedule: clr_core.Schedule, steps: int, **compile_arguments: Any) -> Any:
    """The learning rates of so many steps, read from the weights."""
    if BACKEND == "torch":
        import torch

        torch.compiler.reset()  # past eight compiled models in a process, torch would run the next uncompiled
    model = keras.Sequential([keras.Input((steps,)), keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros")])
    optimizer = keras.optimizers.SGD(clr_keras.ScheduleLR(schedule))
    model.compile(optimizer, lambda y, output: keras.ops.mean(output), **compile_arguments)
    model.fit(np.eye(steps), np.zeros((steps, 1)), batch_size=1, shuffle=False, verbose=0)
    return -keras.ops.convert_to_numpy(model.trainable_variables[0].value)[:, 0].astype("float64")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="two policies; writes nothing")
    quick = parser.parse_args().quick
    names = list(POLICIES)[: 2 if quick else None]
    steps = 40
    rows = []
    print("backend     jit    steps_per_execution  " + "  ".join(f"{name:>15}" for name in names))
    for jit_compile in (False, True):
        for steps_per_execution in (1,) if BACKEND == "torch" else (1, 4):
            errors = []
            for name in names:
                schedule, max_lr = POLICIES[name]
                used = used_lrs(schedule, steps, jit_compile=jit_compile, steps_per_execution=steps_per_execution)
                error = float(np.abs(used - schedule.values(steps)).max())
                errors.append(error / (float(np.finfo(np.float32).eps) * max_lr))
            rows.append([BACKEND, jit_compile, steps_per_execution, *(f"{error:.3f}" for error in errors)])
            print(
                f"{BACKEND:10}  {jit_compile!s:5}  {steps_per_execution:19}  "
                + "  ".join(f"{error:15.2f}" for error in errors)
            )
    if not quick:
        RESULTS.mkdir(exist_ok=True)
        with open(RESULTS / f"keras_used_lr_{BACKEND}.csv", "w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(["backend", "jit_compile", "steps_per_execution", *names])
            writer.writerows(rows)


if __name__ == "__main__":
    main()
