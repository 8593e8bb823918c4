"""The learning rate inside an Optax state."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax

_INJECTED = (optax.InjectHyperparamsState, optax.InjectStatefulHyperparamsState)

Found = list[tuple[str, Any]]
"""Paths into a state, as code, and the nodes they lead to."""


def current_lr(opt_state: Any, *, schedule: Callable[[Any], Any] | None = None) -> jax.Array:
    """The learning rate that the last update used; before the first update, the one it will use.

    A state holds the learning rate only if ``optax.inject_hyperparams`` made the optimizer. The state of
    ``optax.adam(some_schedule)`` has only a count: pass the schedule too. That of ``optax.adam(1e-3)``, with
    a fixed learning rate, has neither.

    Args:
        opt_state: An optimizer's state, or a part of one. The learning rate is found at any depth: in
            ``chain``, ``multi_transform``, ``masked`` and ``MultiSteps``, or in ``opt_state`` of a Flax
            ``nnx.Optimizer``.
        schedule: The schedule the optimizer was built with, from this library or from Optax.

    Returns:
        A scalar array, so a jitted step can return it; ``float`` converts it. It is the learning rate
        passed to the optimizer, before any factor from a later transformation.

    Raises:
        LookupError: The state holds no learning rate, or several; the message says what to do.
        TypeError: The schedule is not callable.

    Example:
        >>> import clr_core, clr_optax, jax.numpy as jnp, optax
        >>> s = clr_core.triangular(0.25, 1.0, step_size=3)
        >>> params = {"w": jnp.ones(2)}
        >>> tx = optax.chain(optax.clip(1.0), optax.sgd(clr_optax.schedule_lr(s)))
        >>> state = tx.init(params)
        >>> for _ in range(2):
        ...     _, state = tx.update(params, state)
        >>> float(clr_optax.current_lr(state, schedule=s))  # of update 1, the second
        0.5
    """
    if schedule is not None and not callable(schedule):
        raise TypeError(f"schedule must be a schedule or None, got schedule={schedule!r}")
    counts = find(opt_state, lambda node: isinstance(node, optax.ScaleByScheduleState))
    if schedule is not None:
        state = _only(counts, "count of a learning rate schedule", "Leave schedule out if it has none.")
        return jnp.asarray(schedule(jnp.maximum(_array(state.count) - 1, 0)))
    remedy = (
        "The state has the count of a schedule: pass that schedule too, current_lr(opt_state, schedule=...)."
        if counts
        else "Build the optimizer with optax.inject_hyperparams(optax.adam, hyperparam_dtype=jnp.float32)"
        "(learning_rate=...), which keeps it there."
    )
    return _array(_only(injected_lrs(opt_state), "learning rate", remedy).hyperparams["learning_rate"])


def injected_lrs(opt_state: Any) -> Found:
    """The states of ``inject_hyperparams`` with a learning rate; the outermost of nested ones, whose rate is used."""
    return find(opt_state, is_injected_lr)


def is_injected_lr(node: Any) -> bool:
    """Whether this is a state of ``inject_hyperparams`` with a learning rate."""
    return isinstance(node, _INJECTED) and "learning_rate" in node.hyperparams


def find(tree: Any, is_wanted: Callable[[Any], bool]) -> Found:
    """The nodes of a state that are wanted, with their paths; none inside another."""
    leaves, _ = jax.tree_util.tree_flatten_with_path(tree, is_leaf=is_wanted)
    return [(jax.tree_util.keystr(path), leaf) for path, leaf in leaves if is_wanted(leaf)]


def _only(found: Found, what: str, remedy: str) -> Any:
    if not found:
        raise LookupError(f"opt_state holds no {what}. {remedy}")
    if len(found) > 1:
        parts = ", ".join(f"opt_state{path}" for path, _ in found)
        raise LookupError(f"opt_state holds more than one {what}: pass the part you mean, one of {parts}")
    return found[0][1]


def _array(node: Any) -> jax.Array:
    """The array in a node of a state, which Flax NNX wraps in a variable."""
    (array,) = jax.tree.leaves(node)
    return jnp.asarray(array)
