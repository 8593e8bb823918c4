"""Batches, in whichever way they are given: stacked for a scan, or one after the other for a loop."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

_RULE = (
    "batches must be a list or another iterable of batches, or a tuple, dict or array that "
    "stacks them along the first axis"
)


def stack(batches: Any, num_steps: int) -> Any:
    """The batches stacked along the first axis of every array; None where they come one by one or differ.

    Args:
        batches: A list of batches; or an array, tuple, dict or other pytree that is stacked already; or
            any other iterable of batches.
        num_steps: How many will be used at most.
    """
    if isinstance(batches, list):
        return _stack_list(batches[:num_steps])
    if jax.tree_util.all_leaves([batches]) and not hasattr(batches, "ndim"):
        if not isinstance(batches, Iterable):
            raise TypeError(f"{_RULE}, got batches={batches!r}")
        return None
    shapes = [np.shape(leaf) for leaf in jax.tree.leaves(batches)]
    if not shapes or any(shape[:1] != shapes[0][:1] or not shape or not shape[0] for shape in shapes):
        raise ValueError(f"{_RULE}, whose length all its arrays share, got arrays of shapes {shapes}")
    return batches


def _stack_list(batches: list[Any]) -> Any:
    if not batches:
        raise ValueError(f"{_RULE}, and at least one batch, got batches=[]")
    structure: Any = jax.tree.structure(batches[0])
    if any(jax.tree.structure(batch) != structure for batch in batches):
        return None
    columns = list(zip(*map(jax.tree.leaves, batches), strict=True))
    if any(len({(np.shape(leaf), jnp.result_type(leaf)) for leaf in column}) > 1 for column in columns):
        return None
    # NumPy's stay on the host until the scan needs them: one transfer instead of one each.
    stacked = [
        (np if all(isinstance(leaf, np.ndarray) for leaf in column) else jnp).stack(column) for column in columns
    ]
    return jax.tree.unflatten(structure, stacked)


def number_of_batches(stacked: Any) -> int:
    """How many batches a stack holds."""
    return int(np.shape(jax.tree.leaves(stacked)[0])[0])


def one_by_one(batches: Iterable[Any], num_steps: int) -> Iterator[Any]:
    """``num_steps`` batches, beginning again where the iterable ends, if it can be iterated again."""
    drawn = 0
    while drawn < num_steps:
        before = drawn
        for batch in batches:
            yield batch
            drawn += 1
            if drawn == num_steps:
                return
        if drawn == before:
            raise ValueError(
                f"batches must last for num_steps={num_steps} updates, but they ended after {drawn}: give "
                "more, a list or another iterable that can be begun again, or a smaller num_steps"
            )
