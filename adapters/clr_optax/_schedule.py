"""A core schedule as an Optax schedule."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from clr_core import Schedule
from clr_core.schedules.arrays import check_range, whole_steps
from clr_core.schedules.base import check_schedule
from clr_optax._promotion import promoting


def schedule_lr(schedule: Schedule) -> Callable[[Any], jax.Array]:
    """The Optax schedule, ``count -> value``, of a core schedule.

    Same as calling the schedule itself, which works under ``jit`` too, but the value is a float32 JAX
    array whatever ``jax_enable_x64`` and ``jax_numpy_dtype_promotion`` are, so it neither changes a dtype
    around it nor causes another trace. Use it wherever Optax takes a schedule: in ``optax.adam(...)``,
    ``optax.inject_hyperparams``, ``optax.join_schedules`` or inside ``optax.MultiSteps``.

    Args:
        schedule: Any ``clr_core`` schedule, of a learning rate, a momentum or another number.

    Returns:
        A pure function of the count, an int or an array of ints of any width and shape; traceable. A
        negative count has the value of count 0: ``optax.join_schedules`` calls each of its schedules at
        every count and discards the values of those that have not begun.

    Error: that of the schedule, with eps of float32, also under ``jit``.

    Raises:
        TypeError: ``schedule`` is not a core schedule; when called, the count is not an int.
        ValueError: The schedule has values that overflow float32; when called, a count is above 2**31-1.
            Under ``jit`` that is not checked.

    Example:
        >>> import clr_core, clr_optax, jax, optax
        >>> lr = clr_optax.schedule_lr(clr_core.triangular(0.0, 1.0, step_size=4))
        >>> float(lr(0)), float(lr(4)), float(jax.jit(lr)(6))
        (0.0, 1.0, 0.5)
        >>> tx = optax.sgd(lr, momentum=0.9)

        Momentum that moves opposite to the learning rate; in float32, since bfloat16 rounds 0.999 to 1.0:

        >>> m = clr_optax.schedule_lr(clr_core.momentum_for(clr_core.triangular(0.0, 1.0, step_size=4)))
        >>> tx = optax.inject_hyperparams(optax.sgd, hyperparam_dtype=jax.numpy.float32)(lr, momentum=m)
    """
    highest = check_schedule("schedule", schedule).limits()[1]
    if highest > float(np.finfo(np.float32).max):
        raise ValueError(f"schedule must stay within float32, got one of up to {highest!r}")

    def lr(count: Any) -> jax.Array:
        if type(count) is int:
            return jnp.asarray(schedule(max(count, 0)), jnp.float32)
        if isinstance(count, np.ndarray | np.generic):
            # In NumPy: JAX would wrap an int64 around to an int32 before anything could be checked.
            steps = np.maximum(count, 0) if count.dtype.kind == "i" else count
            return jnp.asarray(schedule(steps), jnp.float32)
        return of_array(count)

    # The core formulas multiply ints by floats, which strict promotion refuses.
    @promoting("standard")
    def of_array(count: Any) -> jax.Array:
        steps = jnp.maximum(whole_steps(count, jnp), 0)
        if steps.dtype.itemsize > 4:  # Optax's own counts, int32, need not be waited for
            check_range(steps, jnp)
        return jnp.asarray(schedule.evaluate(steps, jnp), jnp.float32)

    return lr
