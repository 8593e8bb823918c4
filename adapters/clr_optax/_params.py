"""Parameters: a pytree of floating-point arrays and nothing else, or a function from a key to one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

_RULE = "params must be a pytree of floating-point arrays"
_REMEDY = (
    "pass the parameters alone: state.params of a TrainState, model.init(key, x) of Flax Linen, "
    "nnx.split(model, nnx.Param, ...) of Flax NNX, eqx.partition(model, eqx.is_inexact_array) of Equinox"
)


def read_params(params: Any, *, several: bool) -> tuple[Callable[[Any], Any] | None, Any]:
    """The function that makes the parameters, if there is one, and their shapes and dtypes.

    Args:
        params: Parameters, or a function from a key to parameters.
        several: Whether there are several seeds, without which a function makes no sense.
    """
    if _is_function(params):
        if not several:
            raise TypeError(f"{_RULE}, got a function of a key: call it, or say how many seeds")
        try:
            shapes = jax.eval_shape(params, jax.random.key(0))
        except Exception as error:
            raise TypeError(f"{_RULE} or a function from a key to one, got params={params!r}: {_REMEDY}") from error
        _check_floating(shapes)
        return params, shapes
    for path, leaf in jax.tree_util.tree_flatten_with_path(params)[0]:
        if not isinstance(leaf, jax.Array | np.ndarray | np.generic | bool | int | float | complex):
            raise TypeError(f"{_RULE}, got {_kind(leaf)} at params{jax.tree_util.keystr(path)}: {_REMEDY}")
    shapes = jax.eval_shape(lambda: params)
    _check_floating(shapes)
    return None, shapes


def _is_function(params: Any) -> bool:
    """Whether it can be called and is no pytree, as some models are that can be called too."""
    return callable(params) and jax.tree_util.all_leaves([params])


def _check_floating(shapes: Any) -> None:
    leaves = jax.tree_util.tree_flatten_with_path(shapes)[0]
    if not leaves:
        raise TypeError(f"{_RULE}, got one without any array: {_REMEDY}")
    for path, leaf in leaves:
        if not jnp.issubdtype(leaf.dtype, jnp.inexact):
            raise TypeError(f"{_RULE}, got dtype {leaf.dtype} at params{jax.tree_util.keystr(path)}: {_REMEDY}")


def _kind(leaf: Any) -> str:
    return f"{type(leaf).__module__}.{type(leaf).__qualname__}"
