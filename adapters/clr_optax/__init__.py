"""clr for JAX and Optax: core schedules as Optax schedules, and the range test as one compiled scan.

>>> import clr_core, clr_optax, optax
>>> tx = optax.adam(clr_optax.schedule_lr(clr_core.triangular(1e-3, 6e-3, step_size=2000)))
"""

try:
    import jax as _jax  # noqa: F401
    import optax as _optax  # noqa: F401
except ModuleNotFoundError as error:
    if error.name not in ("jax", "optax"):
        raise
    raise ModuleNotFoundError(
        f"clr_optax needs {error.name}, which is not installed: pip install optax", name=error.name
    ) from error

from clr_optax._current_lr import current_lr
from clr_optax._range_test import range_test
from clr_optax._schedule import schedule_lr

__all__ = ["current_lr", "range_test", "schedule_lr"]
