"""How the range test's learning rate gets into an Optax optimizer."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from clr_optax._current_lr import find, injected_lrs, is_injected_lr

_RULE = (
    "tx must be a function from a learning rate to an optimizer, such as optax.adam or "
    "lambda lr: optax.chain(optax.clip(1.0), optax.adam(lr)), or an optimizer made by "
    "optax.inject_hyperparams with a learning_rate"
)

_NAMES = {
    optax.FactoredState: "adafactor",
    optax.ScaleByAdamState: "adam",
    optax.ScaleByLionState: "lion",
    optax.ScaleByRmsState: "rmsprop",
}
"""What is divided by the size of the gradient can be told from its state; plain SGD leaves none to tell."""


class Sweep(NamedTuple):
    """An optimizer whose learning rate is an argument of every update."""

    init: Callable[[Any], Any]
    update: Callable[[jax.Array, Any, Any, Any, jax.Array], tuple[Any, Any]]
    """``(lr, grads, opt_state, params, loss) -> (updates, opt_state)``"""
    name: str | None
    has_trace: bool
    """Whether its state holds an ``optax.trace``, the momentum of SGD."""


def sweep(tx: Any, shapes: Any, start_lr: float) -> Sweep:
    """``tx`` with the learning rate as an argument; several rates in its state keep their ratios.

    Args:
        tx: A function from a learning rate to an optimizer, or one made by ``inject_hyperparams``.
        shapes: The parameters' shapes and dtypes.
        start_lr: A learning rate to build it with.
    """
    first = jnp.float32(start_lr)
    build = _builder(tx, first)

    def new_state() -> Any:
        return build(first).init(jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shapes))

    opt_state = jax.eval_shape(new_state)
    _check(opt_state)
    # Constants of tx: the compiler leaves out the rest of its state.
    rates = jax.jit(lambda: [node.hyperparams["learning_rate"] for _, node in injected_lrs(new_state())])
    ratios = _ratios([float(rate) for rate in rates()], None if build is not tx else float(first))

    def with_lr(state: Any, lr: jax.Array) -> Any:
        remaining = iter(ratios)

        def replace(node: Any) -> Any:
            if not is_injected_lr(node):
                return node
            return node._replace(hyperparams=node.hyperparams | {"learning_rate": lr * next(remaining)})

        return jax.tree.map(replace, state, is_leaf=is_injected_lr)

    def init(params: Any) -> Any:
        return with_lr(build(first).init(params), first)

    def update(lr: jax.Array, grads: Any, state: Any, params: Any, loss: jax.Array) -> tuple[Any, Any]:
        optimizer = optax.with_extra_args_support(build(lr))
        updates, state = optimizer.update(grads, with_lr(state, lr), params, value=loss)
        return updates, state

    return Sweep(init, update, _name(tx, opt_state), _has_trace(opt_state))


def _name(tx: Any, opt_state: Any) -> str | None:
    """What Optax calls ``tx``, or the optimizer whose state it has; None if neither is known.

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


def _has_trace(opt_state: Any) -> bool:
    return bool(find(opt_state, lambda node: isinstance(node, optax.TraceState)))


def _builder(tx: Any, lr: jax.Array) -> Callable[[Any], Any]:
    """``tx`` if it is a function of the learning rate; else one that gives it back."""
    made = tx(lr) if callable(tx) else tx
    if isinstance(made, optax.MultiSteps):
        raise _accumulates()
    if not isinstance(made, optax.GradientTransformation):
        raise TypeError(f"{_RULE}, got {'tx(lr)' if callable(tx) else 'tx'}={made!r}")
    return tx if callable(tx) else lambda lr: made


def _check(opt_state: Any) -> None:
    """Refuse an optimizer that would not use each learning rate once."""
    if find(opt_state, lambda node: isinstance(node, optax.MultiStepsState)):
        raise _accumulates()
    for path, node in injected_lrs(opt_state):
        if "learning_rate" in getattr(node, "hyperparams_states", ()):
            raise ValueError(
                f"tx must have a learning_rate that can be set, but the one at opt_state{path} follows a "
                "schedule, which would overwrite the range test's: build tx with a number instead"
            )


def _ratios(rates: list[float], built_with: float | None) -> list[float]:
    """Each learning rate in a state as a multiple of the test's: the one it was built with, or its first."""
    if built_with is None and not rates:
        raise TypeError(f"{_RULE}; this one's learning rate is fixed or follows a schedule")
    unit = rates[0] if built_with is None else built_with
    if not unit > 0:
        raise ValueError(f"tx must have a first learning rate > 0, got learning_rate={unit!r}")
    return [rate / unit for rate in rates]


def _accumulates() -> ValueError:
    return ValueError(
        "tx must update at every batch, since each is one learning rate of the test: leave MultiSteps out "
        "and give batches as large as those it would add up"
    )
