"""Question: what does a range test as one scan save over a Python loop, and eight seeds at once over eight scans?

Command:  python benchmarks/optax_range_test.py [--quick]
Method:   200 updates of Adam on the MLP of clr demo (64-32-10, batches of 32). Compiled functions are timed after
          a first call; how long they took to trace and compile is reported beside them. Each round times
          all ways in turn, which first changing from round to round; the ratio is taken within the round.
          All feed their losses to a clr_core.RangeTest. The scan and the first loop are given the same
          stack of batches, on the device; the other loops find them cut into a list, and the last one
          reads no loss before the end, so that it could not stop early.
          Then seeds, each with its own order of batches: eight vmapped against eight scans one after the
          other, on this MLP and on one of 64-256-256-10.
Target:   the scan at least 5 times as fast as the loop over the same stack, with the same curve to 1e-5;
          eight seeds at once for less than half of eight scans on two cores, or the figure as it is.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import os
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jax
import numpy as np
import optax
from clr_optax._run import scan_of, seeds_scan_of
from clr_optax._step import make_step
from clr_optax._sweep import sweep

import clr_core

RESULTS = Path(__file__).parent / "results" / "optax_range_test.csv"
STEPS, BATCHES, BATCH, SEEDS = 200, 50, 32, 8
START_LR, END_LR = 1e-5, 0.01
SMALL, LARGER = (64, 32, 10), (64, 256, 256, 10)


def init(key: Any, sizes: tuple[int, ...]) -> list[Any]:
    keys = jax.random.split(key, len(sizes) - 1)
    return [
        jax.random.normal(key, shape) / shape[0] ** 0.5
        for key, shape in zip(keys, itertools.pairwise(sizes), strict=True)
    ]


def loss_fn(params: Any, batch: Any) -> Any:
    hidden, labels = batch
    for weights in params[:-1]:
        hidden = jax.nn.relu(hidden @ weights)
    return optax.softmax_cross_entropy_with_integer_labels(hidden @ params[-1], labels).mean()


def make_batches() -> tuple[Any, Any]:
    """Ten noisy clusters, on the device."""
    random = np.random.default_rng(0)
    labels = random.integers(10, size=(BATCHES, BATCH))
    centres = random.normal(size=(10, 64))
    images = centres[labels] + 2 * random.normal(size=(BATCHES, BATCH, 64))
    return jax.device_put(images.astype(np.float32)), jax.device_put(labels.astype(np.int32))


LRS = np.array(clr_core.exponential_ramp(START_LR, END_LR, STEPS).values(STEPS), np.float32)
ORDER = np.arange(STEPS) % BATCHES


def compile_seconds(function: Any, *arguments: Any) -> float:
    start = time.perf_counter()
    function.lower(*arguments).compile()
    return time.perf_counter() - start


def our_scans(params: Any) -> tuple[Any, Any]:
    """What clr_optax.range_test compiles: for one test, and for several seeds."""
    swept = sweep(optax.adam, jax.eval_shape(lambda: params), START_LR)
    step = make_step(loss_fn, swept, has_state=False, has_aux=False, metric=None, evaluate=None)
    return jax.jit(scan_of(step, swept)), jax.jit(seeds_scan_of(step, swept, None))


@jax.jit
def user_step(params: Any, opt_state: Any, batch: Any, lr: Any) -> Any:
    loss, grads = jax.value_and_grad(loss_fn)(params, batch)
    updates, opt_state = optax.adam(lr).update(grads, opt_state, params)
    return optax.apply_updates(params, updates), opt_state, loss


def recorded(losses: Any) -> np.ndarray[Any, Any]:
    """The losses as the range test has them in the end; all of them, as nothing diverges here."""
    test = clr_core.RangeTest(START_LR, END_LR, STEPS)
    for loss in losses:
        test.record(loss)
    return np.array(test.curve.losses)


def scan_against_loops(rounds: int) -> list[dict[str, Any]]:
    stack = make_batches()
    cut = [(stack[0][i], stack[1][i]) for i in range(BATCHES)]
    params = init(jax.random.key(0), SMALL)
    opt_state = optax.adam(0.0).init(params)
    scan, _ = our_scans(params)

    def losses(batch: Callable[[int], Any]) -> Iterator[Any]:
        now = params, opt_state
        for k in range(STEPS):
            *now, loss = user_step(*now, batch(k % BATCHES), LRS[k])
            yield loss

    def from_stack(i: int) -> Any:
        return stack[0][i], stack[1][i]

    ways: dict[str, Callable[[], Any]] = {
        "one scan": lambda: recorded(jax.device_get(scan(params, None, None, LRS, ORDER, stack)[0])),
        "loop over the stack": lambda: recorded(losses(from_stack)),
        "loop, batches cut before": lambda: recorded(losses(cut.__getitem__)),
        "loop, cut before, losses read at the end": lambda: recorded(jax.device_get(list(losses(cut.__getitem__)))),
    }
    scan_seconds = compile_seconds(scan, params, None, None, LRS, ORDER, stack)
    step_seconds = compile_seconds(user_step, params, opt_state, cut[0], LRS[0])
    return compare(ways, [scan_seconds, *[step_seconds] * 3], rounds)


def seeds_against_scans(sizes: tuple[int, ...], rounds: int) -> list[dict[str, Any]]:
    stack = make_batches()
    params = init(jax.random.key(0), sizes)
    one, many = our_scans(params)
    orders = np.stack([np.random.default_rng(seed).permutation(BATCHES)[ORDER] for seed in range(SEEDS)])
    one_run = params, None, None, LRS, orders[0], stack
    all_runs = np.arange(SEEDS), params, None, None, LRS, orders, stack
    network = "-".join(map(str, sizes))
    ways: dict[str, Callable[[], Any]] = {
        f"{SEEDS} scans in turn, {network}": lambda: np.stack(
            [jax.device_get(one(params, None, None, LRS, order, stack)[0]) for order in orders]
        ),
        f"{SEEDS} seeds at once, {network}": lambda: jax.device_get(many(*all_runs)[0]),
    }
    return compare(ways, [compile_seconds(one, *one_run), compile_seconds(many, *all_runs)], rounds)


def compare(ways: dict[str, Callable[[], Any]], compile_times: list[float], rounds: int) -> list[dict[str, Any]]:
    """A row for each way, its time and its losses beside those of the first."""
    losses = [way() for way in ways.values()]
    seconds = list(timed(ways, rounds).values())
    return [
        {
            "what": name,
            **against(seconds[i], seconds[0]),
            "compile_ms": round(compile_times[i] * 1e3),
            "largest_difference": f"{np.max(np.abs(losses[i] / losses[0] - 1)):.1e}",
        }
        for i, name in enumerate(ways)
    ]


def timed(ways: dict[str, Callable[[], Any]], rounds: int) -> dict[str, list[float]]:
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    names = list(ways)
    for index in range(rounds):
        for name in names[index % len(names) :] + names[: index % len(names)]:
            start = time.perf_counter()
            ways[name]()
            seconds[name].append(time.perf_counter() - start)
    return seconds


def against(seconds: list[float], reference: list[float]) -> dict[str, Any]:
    ratios = [one / other for one, other in zip(seconds, reference, strict=True)]
    low, middle, high = statistics.quantiles(ratios, n=4)
    return {
        "ratio_median": round(middle, 3),
        "ratio_q1": round(low, 3),
        "ratio_q3": round(high, 3),
        "median_ms": round(statistics.median(seconds) * 1e3, 2),
        "rounds": len(seconds),
    }


def show(rows: list[dict[str, Any]]) -> None:
    print(f"{'':<40} {'ratio':>6} {'quartiles':>13} {'median':>9} {'compile':>8} {'differs by':>10}")
    for row in rows:
        print(
            f"{row['what']:<40} {row['ratio_median']:>6.2f} {row['ratio_q1']:>6.2f} {row['ratio_q3']:>6.2f} "
            f"{row['median_ms']:>6.1f} ms {row['compile_ms']:>5} ms {row['largest_difference']:>10}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a few rounds; writes nothing")
    quick = parser.parse_args().quick
    print(f"jax {jax.__version__} on {jax.devices()[0].platform}, {len(os.sched_getaffinity(0))} cores")
    rows = scan_against_loops(5 if quick else 101)
    show(rows)
    for sizes in (SMALL, LARGER):
        seeds = seeds_against_scans(sizes, (5 if quick else 51) if sizes == SMALL else (3 if quick else 11))
        show(seeds)
        rows += seeds
    if not quick:
        with RESULTS.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)


if __name__ == "__main__":
    main()
