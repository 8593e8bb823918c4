"""JAX's dtype promotion: standard in clr's own arithmetic and in Optax's, the user's mode in the user's functions.

Optax is not written for strict promotion: its Adam raises a float to an int32. And the range test gives it a float32
learning rate where training gives it a Python number, which goes with every dtype.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

import jax

P = ParamSpec("P")
R = TypeVar("R")


def current_promotion() -> str:
    """The mode in force: ``"standard"`` or ``"strict"``."""
    return str(jax.config.jax_numpy_dtype_promotion)  # type: ignore[attr-defined]


def promoting(mode: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """A decorator: the function runs under that mode wherever it is called."""

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        @wraps(function)
        def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
            if current_promotion() == mode:  # entering it all the same would make JAX trace its functions again
                return function(*args, **kwargs)
            with jax.numpy_dtype_promotion(mode):
                return function(*args, **kwargs)

        return wrapped

    return decorate
