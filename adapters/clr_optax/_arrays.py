"""Arrays that JAX can compute with, and compute now."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
from jax.core import Tracer


def is_numeric(leaf: Any) -> bool:
    """Whether it is a number or an array of numbers to JAX."""
    if isinstance(leaf, np.ndarray | np.generic):
        return leaf.dtype.kind not in "OSUMm"
    return isinstance(leaf, jax.Array | bool | int | float | complex) or hasattr(leaf, "__jax_array__")


def check_values(name: str, tree: Any) -> None:
    """Refuse arrays without values: donated to a jitted function, which deletes them, or traced by one."""
    for path, leaf in jax.tree_util.tree_flatten_with_path(tree)[0]:
        where = f"{name}{jax.tree_util.keystr(path)}"
        if isinstance(leaf, Tracer):
            raise TypeError(f"{name} must have values, got a traced array at {where}: call range_test outside of jit")
        if isinstance(leaf, jax.Array) and leaf.is_deleted():
            raise ValueError(
                f"{name} must have values, got a deleted array at {where}: after a step with donate_argnums, pass what "
                "it returned, or a copy made before"
            )
