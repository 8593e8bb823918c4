"""What the curve says about the optimizer: its name, and whether SGD has momentum."""

from __future__ import annotations

import functools
import inspect
from typing import Any

import optax

from clr_optax._current_lr import find

_NAMES = {
    optax.FactoredState: "adafactor",
    optax.ScaleByAdamState: "adam",
    optax.ScaleByLionState: "lion",
    optax.ScaleByRmsState: "rmsprop",
}
"""Adaptive optimizers can be recognized by their state; plain SGD has none to recognize it by."""


def name_of(tx: Any, opt_state: Any) -> str | None:
    """Optax's own name for ``tx``, or the optimizer whose state it has; None if neither is known.

    A function of Optax is known by name, also under ``functools.partial`` or ``inject_hyperparams``.
    """
    while isinstance(tx, functools.partial):
        tx = tx.func
    function = inspect.unwrap(tx) if callable(tx) else None
    name = getattr(function, "__name__", "")
    if function and function in (getattr(optax, name, None), getattr(optax.contrib, name, None)):
        return name
    known = find(opt_state, lambda node: type(node) in _NAMES)
    return _NAMES[type(known[0][1])] if known else None


def has_trace(opt_state: Any) -> bool:
    """Whether the state holds an ``optax.trace``, the momentum of SGD."""
    return bool(find(opt_state, lambda node: isinstance(node, optax.TraceState)))
