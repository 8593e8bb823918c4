"""Question: does the time to compile cosine restarts depend on how many there are, and is anything traced again?

Command:  python benchmarks/optax_schedule_compile.py [--quick]
Method:   optax.sgdr_schedule takes a list of cycles; clr_core.cosine_restarts through clr_optax.schedule_lr
          takes none and never ends. Each round builds both anew and times trace, lowering and compilation
          of count -> value, in turn, which first changing from round to round; the ratio is taken within the
          round. Optax's schedule is given cycles of 10 updates, so that 1000 of them last 10,000 updates.
          Then training steps are traced with a counter inside, over 1000 updates.
Target:   ours the same for every number of cycles; one trace in 1000 updates, plain, injected and in MultiSteps.
"""

from __future__ import annotations

import argparse
import csv
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import clr_optax
import jax
import jax.numpy as jnp
import optax

import clr_core

RESULTS = Path(__file__).parent / "results" / "optax_schedule_compile.csv"
PERIOD = 10


def ours(cycles: int) -> Callable[[Any], Any]:
    """The same whatever the number of cycles: it goes on for 2**31 updates."""
    return clr_optax.schedule_lr(clr_core.cosine_restarts(0.0, 0.1, PERIOD))


def growing(cycles: int) -> Callable[[Any], Any]:
    """Cycles that grow by a tenth each: a table of 175 restarts is part of the program."""
    return clr_optax.schedule_lr(clr_core.cosine_restarts(0.0, 0.1, PERIOD, t_mult=1.1))


def sgdr(cycles: int) -> Callable[[Any], Any]:
    cycle = {"init_value": 0.1, "peak_value": 0.1, "decay_steps": PERIOD, "warmup_steps": 0, "end_value": 0.0}
    schedule: Callable[[Any], Any] = optax.sgdr_schedule([cycle] * cycles)
    return schedule


WAYS = {"cosine_restarts": ours, "cosine_restarts, t_mult=1.1": growing, "optax.sgdr_schedule": sgdr}


def compile_seconds(new_schedule: Callable[[int], Any], cycles: int) -> float:
    start = time.perf_counter()
    schedule = new_schedule(cycles)
    # A new function every time: JAX keeps what it has traced for a function it knows.
    jax.jit(lambda count: schedule(count)).lower(jnp.int32(0)).compile()
    return time.perf_counter() - start


def compare(cycles: int, rounds: int) -> list[dict[str, Any]]:
    seconds: dict[str, list[float]] = {name: [] for name in WAYS}
    names = list(WAYS)
    for index in range(rounds + 1):
        for name in names[index % len(names) :] + names[: index % len(names)]:
            elapsed = compile_seconds(WAYS[name], cycles)
            if index > 0:  # the first round fills caches
                seconds[name].append(elapsed)
    rows = []
    for name in names:
        ratios = [one / other for one, other in zip(seconds[name], seconds["cosine_restarts"], strict=True)]
        low, middle, high = statistics.quantiles(ratios, n=4)
        rows.append(
            {
                "schedule": name,
                "cycles": cycles if name == "optax.sgdr_schedule" else "no end",
                "beside": cycles,
                "ratio_median": round(middle, 3),
                "ratio_q1": round(low, 3),
                "ratio_q3": round(high, 3),
                "compile_ms": round(statistics.median(seconds[name]) * 1e3, 1),
                "rounds": rounds,
            }
        )
    return rows


def traces(tx: Any, updates: int = 1000) -> int:
    """How often a jitted training step is traced in that many updates."""
    count = 0

    @jax.jit
    def update(params: Any, opt_state: Any) -> Any:
        nonlocal count
        count += 1
        changes, opt_state = tx.update(params, opt_state, params)
        return optax.apply_updates(params, changes), opt_state

    params = jnp.ones(8)
    opt_state = tx.init(params)
    for _ in range(updates):
        params, opt_state = update(params, opt_state)
    return count


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="few rounds and no 1000 cycles; writes nothing")
    quick = parser.parse_args().quick
    print(f"jax {jax.__version__}, optax {optax.__version__}, {len(os.sched_getaffinity(0))} cores")
    rows = []
    print(f"{'schedule':<28} {'cycles':>6} {'ratio':>7} {'quartiles':>15} {'compile':>11}")
    for cycles, rounds in ((10, 3), (100, 3)) if quick else ((10, 21), (100, 11), (1000, 5)):
        for row in compare(cycles, rounds):
            rows.append(row)
            print(
                f"{row['schedule']:<28} {row['cycles']:>6} {row['ratio_median']:>7.2f} {row['ratio_q1']:>7.2f} "
                f"{row['ratio_q3']:>7.2f} {row['compile_ms']:>8.1f} ms"
            )
    lr = ours(0)
    optimizers = {
        "optax.adam(schedule)": optax.adam(lr),
        "inject_hyperparams": optax.inject_hyperparams(optax.adam, hyperparam_dtype=jnp.float32)(lr),
        "MultiSteps": optax.MultiSteps(optax.adam(lr), 4),
    }
    for name, tx in optimizers.items():
        print(f"{name}: {traces(tx)} trace in 1000 updates")
    if not quick:
        with RESULTS.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)


if __name__ == "__main__":
    main()
