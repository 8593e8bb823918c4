"""Whether an optimizer uses the learning rate it is given: at twice the rate, the update must be about twice as large.

The probe has parameters that are zero, where weight decay adds nothing, and gradients of norm 1, where clipping
removes nothing. A parameter that does not move at all is frozen; if none moves, the rate is not used.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

LR = 2.0**-10
TOLERANCE = 0.4
"""Of the update. Most optimizers are within rounding; MADGRAD goes with LR ** (2/3), which is 0.26 off."""


def update_sizes(
    shapes: Any, init: Callable[[Any], Any], update: Callable[..., Any], number: int
) -> tuple[list[Any], list[Any]]:
    """For each parameter the size of an update at 2 * LR, and its distance from twice that at LR; traceable.

    Args:
        shapes: The parameters' shapes and dtypes.
        init: ``params -> opt_state``.
        update: ``(lr, grads, opt_state, params, loss, objective) -> (updates, opt_state)``.
        number: Which update, counted from 0. ADOPT, for one, moves nothing in its first.
    """
    params = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, _at_least_float32(leaf.dtype)), shapes)
    fast = params.fast if isinstance(params, optax.LookaheadParams) else params
    leaves, structure = jax.tree.flatten(fast)
    norm = sum(leaf.size for leaf in leaves) ** 0.5 or 1.0
    # Waves of different phases: no gradient is zero, and none is a multiple of another.
    waves = [jnp.cos(jnp.arange(leaf.size) + 0.1 + i).reshape(leaf.shape) for i, leaf in enumerate(leaves)]
    grads = jax.tree.unflatten(
        structure, [(wave / norm).astype(leaf.dtype) for wave, leaf in zip(waves, leaves, strict=True)]
    )

    def objective(params: Any) -> Any:
        products = jax.tree.map(lambda leaf, grad: jnp.sum((leaf * grad.conj()).real), params, grads)
        return 1.0 + sum(jax.tree.leaves(products))

    def updates(lr: float) -> Any:
        found, state = None, init(params)
        for _ in range(number + 1):
            found, state = update(jnp.float32(lr), grads, state, params, jnp.float32(1.0), objective)
        return found.fast if isinstance(found, optax.LookaheadParams) else found

    once, twice = updates(LR), updates(2 * LR)
    sizes = [jnp.max(jnp.abs(leaf), initial=0.0) for leaf in jax.tree.leaves(twice)]
    differences = [
        jnp.max(jnp.abs(late - 2 * early), initial=0.0)
        for early, late in zip(jax.tree.leaves(once), jax.tree.leaves(twice), strict=True)
    ]
    return sizes, differences


def nothing_moves(sizes: list[Any]) -> bool:
    """Whether every update is zero."""
    return not any(size > 0 or np.isnan(size) for size in sizes)


def not_following(shapes: Any, sizes: list[Any], differences: list[Any]) -> str | None:
    """The first parameter whose update does not scale with the learning rate; None if all do."""
    if nothing_moves(sizes):
        return "any parameter"
    fast = shapes.fast if isinstance(shapes, optax.LookaheadParams) else shapes
    paths = [jax.tree_util.keystr(path) for path, _ in jax.tree_util.tree_flatten_with_path(fast)[0]]
    for path, size, difference in zip(paths, sizes, differences, strict=True):
        # NaN: the optimizer cannot start from zeros, which says nothing about its rate.
        if difference > TOLERANCE * size:
            return f"params{path}"
    return None


def _at_least_float32(dtype: Any) -> Any:
    return jnp.promote_types(dtype, jnp.float32)
