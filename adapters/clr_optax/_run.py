"""A whole range test on the device: as one scan, as one scan for many seeds, or update by update."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import jax
import numpy as np
from jax import lax

from clr_optax._step import Step, Training, begin
from clr_optax._sweep import Sweep

READ_EVERY = 10
"""Updates of the loop between two looks at its losses; each look waits for the device."""


def scan_of(step: Step, swept: Sweep) -> Callable[..., tuple[Any, Any]]:
    """A traceable function: ``(params, state, rng, lrs, order, stacked) -> (losses, metrics)``."""

    def run(params: Any, state: Any, rng: Any, lrs: Any, order: Any, stacked: Any) -> tuple[Any, Any]:
        def body(training: Any, now: Any) -> Any:
            number, lr, index = now
            batch = jax.tree.map(lambda leaf: lax.dynamic_index_in_dim(leaf, index, keepdims=False), stacked)
            return step(training, batch, lr, rng, number)

        updates = (np.arange(len(lrs)), lrs, order)
        _, (losses, metrics) = lax.scan(body, begin(swept, params, state), updates)
        return losses, metrics

    return run


def seeds_scan_of(step: Step, swept: Sweep, init: Callable[[Any], Any] | None) -> Callable[..., tuple[Any, Any]]:
    """As ``scan_of``, but for ``(seeds, params, ...)``: each seed has its own order of batches, parameters and rng.

    Without ``init``, which makes parameters from a key, all seeds begin with the parameters given.
    """
    run = scan_of(step, swept)

    def run_seed(seed: Any, params: Any, state: Any, rng: Any, lrs: Any, order: Any, stacked: Any) -> tuple[Any, Any]:
        own_params = params if init is None else init(jax.random.key(seed))
        own_rng = None if rng is None else jax.random.fold_in(rng, seed)
        return run(own_params, state, own_rng, lrs, order, stacked)

    return jax.vmap(run_seed, in_axes=(0, None, None, None, None, 0, None))


def outcomes(losses: Any, metrics: Any) -> list[tuple[Any, ...]]:
    """``(loss,)`` or ``(loss, metric)`` of each update of a scan, as ``RangeTest.record_all`` takes them."""
    losses, metrics = jax.device_get((losses, metrics))
    return [(loss,) for loss in losses] if metrics is None else list(zip(losses, metrics, strict=True))


def loop(step: Step, training: Training, batches: Iterable[Any], rng: Any, lrs: Any) -> Iterator[list[Any]]:
    """The ``(loss, metric)`` of one update after the other, in groups of ``READ_EVERY``."""
    step = jax.jit(step)
    waiting: list[Any] = []
    try:
        for number, batch in enumerate(batches):
            training, recorded = step(training, batch, lrs[number], rng, np.int32(number))
            waiting.append(recorded)
            if len(waiting) == READ_EVERY:
                ready, waiting = waiting, []
                yield jax.device_get(ready)
    except (Exception, KeyboardInterrupt):
        # The updates before it count, and may even complete the test.
        yield jax.device_get(waiting)
        raise
    yield jax.device_get(waiting)
