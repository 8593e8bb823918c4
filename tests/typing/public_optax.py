"""The types a user of clr_optax sees, pinned; checked by mypy and pyright on the installed wheel, never run."""

from collections.abc import Callable
from typing import Any, assert_type

import clr_optax
import jax
import optax

import clr_core


def whole_job(loss_fn: Callable[..., Any], params: dict[str, jax.Array], x: jax.Array, y: jax.Array) -> None:
    """Every public call, with the arguments of its block in the guide."""
    assert_type(clr_optax.range_test(loss_fn, params, optax.adam, (x, y)), clr_core.LRCurve)
    assert_type(clr_optax.range_test(loss_fn, params, optax.adam, (x, y), seeds=3), list[clr_core.LRCurve])

    lr = clr_optax.schedule_lr(clr_core.triangular(1e-3, 6e-3, step_size=2000))
    assert_type(lr(3), jax.Array)
    tx = optax.adam(lr)
    assert_type(clr_optax.current_lr(tx.init(params), schedule=lr), jax.Array)
