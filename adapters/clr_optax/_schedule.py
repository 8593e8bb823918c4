"""A core schedule as an Optax schedule."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from clr_core import Schedule


def schedule_lr(schedule: Schedule) -> Callable[[Any], jax.Array]:
    """The Optax schedule, ``count -> value``, of a core schedule.

    Same as calling the schedule itself, which works under ``jit`` too, but the value is a float32 JAX
    array whatever ``jax_enable_x64`` and ``jax_numpy_dtype_promotion`` say, so that nothing around it
    changes its dtype or is traced anew. Put it wherever Optax takes a schedule: ``optax.adam(...)``,
    ``optax.inject_hyperparams``, ``optax.join_schedules``, inside ``optax.MultiSteps``.

    Args:
        schedule: Any ``clr_core`` schedule, of a learning rate, a momentum or another number.

    Returns:
        A pure function of the count, an int or an int32, uint32 or int64 array of any shape; traceable.

    Error: that of the schedule, with eps of float32, also under ``jit``.

    Raises:
        TypeError: ``schedule`` is not a core schedule; when called, the count is not an int.
        ValueError: When called with a Python int that is negative or above 2**31-1.

    Example:
        >>> import clr_core, clr_optax, jax, optax
        >>> lr = clr_optax.schedule_lr(clr_core.triangular(0.0, 1.0, step_size=4))
        >>> float(lr(0)), float(lr(4)), float(jax.jit(lr)(6))
        (0.0, 1.0, 0.5)
        >>> tx = optax.sgd(lr, momentum=0.9)

        Momentum that moves against the rate; in float32, since bfloat16 would make 1.0 of 0.999:

        >>> m = clr_optax.schedule_lr(clr_core.momentum_for(clr_core.triangular(0.0, 1.0, step_size=4)))
        >>> tx = optax.inject_hyperparams(optax.sgd, hyperparam_dtype=jax.numpy.float32)(lr, momentum=m)
    """
    if not isinstance(schedule, Schedule):
        raise TypeError(f"schedule must be a clr_core schedule, got schedule={schedule!r}")

    def lr(count: Any) -> jax.Array:
        if type(count) is int:
            return jnp.asarray(schedule(count), jnp.float32)
        # The core formulas multiply ints by floats, which strict promotion refuses.
        with jax.numpy_dtype_promotion("standard"):
            return jnp.asarray(schedule(count, xp=jnp), jnp.float32)

    return lr
