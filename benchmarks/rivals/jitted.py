"""Schedules as a compiled function of the step, in JAX: ours, Optax's and Keras's."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import clr_keras
import clr_optax
import jax
import jax.numpy as jnp
import keras
import optax

import clr_core

Call = Callable[[Any], Any]


def groups() -> Iterator[tuple[str, dict[str, Call]]]:
    """What is compared; the calls by name, Optax's first."""
    restarts = clr_core.cosine_restarts(0.0, 1e-3, 1000)
    cycle = {"init_value": 1e-3, "peak_value": 1e-3, "warmup_steps": 0, "decay_steps": 1000, "end_value": 0.0}
    rivals: dict[str, dict[str, Call]] = {
        "cosine restarts": {
            "optax, sgdr_schedule of 10 cycles": optax.sgdr_schedule([cycle] * 10),
            "clr_optax, schedule_lr": clr_optax.schedule_lr(restarts),
            "keras, CosineDecayRestarts": keras.optimizers.schedules.CosineDecayRestarts(1e-3, 1000, t_mul=1.0),
            "clr_keras, ScheduleLR": clr_keras.ScheduleLR(restarts),
        },
        "one cycle": {
            "optax, cosine_onecycle_schedule": optax.cosine_onecycle_schedule(10_000, 1.0),
            "clr_optax, schedule_lr": clr_optax.schedule_lr(
                clr_core.one_cycle(0.04, 1.0, total_steps=10_000, variant="two_phase")
            ),
        },
    }
    for name, calls in rivals.items():
        yield name, {rival: jax.jit(lambda step, call=call: call(step)) for rival, call in calls.items()}


def repeated(call: Call, count: int) -> Callable[[], None]:
    step = jnp.int32(4321)
    call(step)

    def calls() -> None:
        for _ in range(count):
            call(step).block_until_ready()

    return calls
