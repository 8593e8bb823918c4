"""Batches, however they come: stacked for a scan, or one after the other for a loop."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from clr_core import check
from clr_core.range_test.batches import endless
from clr_core.range_test.interrupts import Gate
from clr_optax._arrays import check_values, is_numeric

_RULE = (
    "batches must be a list or another iterable of batches, or a tuple, dict or array that "
    "stacks them along the first axis"
)


def stack(batches: Any, num_steps: int) -> Any:
    """The batches stacked along the first axis of every array; None where they come one by one or differ in shape.

    Args:
        batches: A list of batches; or an array, tuple, dict or other pytree of stacked batches; or
            any other iterable of batches.
        num_steps: How many will be used at most.
    """
    if isinstance(batches, list):
        return _stack_list(batches[:num_steps])
    if jax.tree_util.all_leaves([batches]) and not hasattr(batches, "ndim"):
        if not isinstance(batches, Iterable) or isinstance(batches, str | bytes):
            raise TypeError(f"{_RULE}, got batches={check.shown(batches)}")
        return None
    _check_arrays(batches)
    shapes = [np.shape(leaf) for leaf in jax.tree.leaves(batches)]
    if not shapes or any(shape[:1] != shapes[0][:1] or not shape or not shape[0] for shape in shapes):
        raise ValueError(f"{_RULE}, whose length all its arrays share, got arrays of shapes {shapes}")
    return batches


def _stack_list(batches: list[Any]) -> Any:
    if not batches:
        raise ValueError(f"{_RULE}, and at least one batch, got batches=[]")
    for batch in batches:
        _check_arrays(batch)
    structure: Any = jax.tree.structure(batches[0])
    if any(jax.tree.structure(batch) != structure for batch in batches):
        return None
    columns = list(zip(*map(jax.tree.leaves, batches), strict=True))
    if any(len({(np.shape(leaf), jnp.result_type(leaf)) for leaf in column}) > 1 for column in columns):
        return None
    # NumPy arrays stay on the host until the scan needs them: one transfer in place of one each.
    stacked = [
        (np if all(isinstance(leaf, np.ndarray) for leaf in column) else jnp).stack(column) for column in columns
    ]
    return jax.tree.unflatten(structure, stacked)


def number_of_batches(stacked: Any) -> int:
    """How many batches a stack holds."""
    return int(np.shape(jax.tree.leaves(stacked)[0])[0])


def one_by_one(batches: Iterable[Any], num_steps: int, gate: Gate) -> Iterator[Any]:
    """``num_steps`` batches, from the beginning again where the iterable ends; signals are let through to it."""
    stream = endless("batches", batches)
    for _ in range(num_steps):
        batch = gate.let_through(lambda: next(stream))
        _check_arrays(batch)
        yield batch


def _check_arrays(batch: Any) -> None:
    """Refuse what JAX cannot compute with, such as the tensors of a DataLoader."""
    check_values("batches", batch)
    for path, leaf in jax.tree_util.tree_flatten_with_path(batch)[0]:
        if not is_numeric(leaf):
            kind = f"{type(leaf).__module__}.{type(leaf).__qualname__}"
            raise TypeError(
                f"batches must hold NumPy or JAX arrays of numbers, got {kind} at batch{jax.tree_util.keystr(path)}: "
                "convert them, in a DataLoader by collate_fn=lambda examples: "
                "jax.tree.map(lambda *leaves: np.stack(leaves), *examples)"
            )
