"""An optimizer whose learning rate is an argument of every update.

Two ways lead there: a function from a learning rate to an optimizer, built anew inside each traced update, or the
states of ``inject_hyperparams``, overwritten before it. What would not use each learning rate once is refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from clr_optax._current_lr import find, injected_lrs, is_injected_lr
from clr_optax._describe import has_trace, name_of
from clr_optax._probe import not_following, nothing_moves, update_sizes
from clr_optax._promotion import promoting

RULE = (
    "tx must be a function from a learning rate to an optimizer, such as optax.adam or "
    "lambda lr: optax.chain(optax.clip(1.0), optax.adam(lr)), or an optimizer made by "
    "optax.inject_hyperparams with a learning_rate"
)

Objective = Callable[[Any], Any]
"""``params -> loss`` on the batch of the update."""


class Sweep(NamedTuple):
    """What ``sweep`` returns."""

    init: Callable[[Any], Any]
    update: Callable[[jax.Array, Any, Any, Any, jax.Array, Objective], tuple[Any, Any]]
    """``(lr, grads, opt_state, params, loss, objective) -> (updates, opt_state)``"""
    name: str | None
    has_trace: bool
    """Whether its state holds an ``optax.trace``, the momentum of SGD."""


@promoting("standard")
def sweep(tx: Any, shapes: Any, start_lr: float) -> Sweep:
    """``tx`` with the learning rate as an argument; several rates in its state keep their ratios.

    Args:
        tx: A function from a learning rate to an optimizer, or one made by ``inject_hyperparams``.
        shapes: The parameters' shapes and dtypes.
        start_lr: A learning rate to build it with.
    """
    first = jnp.float32(start_lr)
    build = _builder(tx, first)
    is_function = build is tx

    def new_state() -> Any:
        return build(first).init(jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shapes))

    opt_state = _traced(partial(jax.eval_shape, new_state))
    _check(opt_state, shapes)
    ignored: set[str] = set()

    @promoting("standard")
    def init(params: Any, ratios: Any) -> Any:
        return _with_lr(build(first).init(params), first, ratios)

    @promoting("standard")
    def update(
        lr: jax.Array, grads: Any, state: Any, params: Any, loss: jax.Array, objective: Objective, ratios: Any
    ) -> tuple[Any, Any]:
        extra = {
            "value": loss,
            "grad": grads,
            "value_fn": lambda params, **_: objective(params),
            "obj_fn": objective,
            "grad_fn": lambda params, _=0: jax.grad(objective)(params),
        }
        extra = {name: value for name, value in extra.items() if name not in ignored}
        optimizer = optax.with_extra_args_support(build(lr))
        return optimizer.update(grads, _with_lr(state, lr, ratios), params, **extra)  # type: ignore[no-any-return]

    def probe(number: int = 0) -> tuple[list[Any], list[Any], list[Any]]:
        rates = [node.hyperparams["learning_rate"] for _, node in injected_lrs(new_state())]
        ratios = [rate / (first if is_function else rates[0]) for rate in rates]
        return rates, *update_sizes(shapes, partial(init, ratios=ratios), partial(update, ratios=ratios), number)

    # Some optimizers take any extra argument, some only their own.
    while isinstance(probed := _probed(probe), str):
        ignored.add(probed)
    rates, sizes, differences = jax.device_get(probed)
    if nothing_moves(sizes):
        rates, sizes, differences = jax.device_get(jax.jit(partial(probe, 1))())
    if not is_function and not rates:
        raise TypeError(f"{RULE}; this one's learning rate is fixed")
    unit = float(first) if is_function else float(rates[0])
    if not unit > 0:
        raise ValueError(f"tx must have a first learning rate > 0, got learning_rate={unit!r}")
    ratios = [float(rate) / unit for rate in rates]
    if parameter := not_following(shapes, sizes, differences):
        raise TypeError(
            f"{RULE}, got one whose updates of {parameter} do not scale with that learning rate: pass it on, as the "
            "learning rate, to every optimizer in tx"
        )
    return Sweep(
        partial(init, ratios=ratios),
        partial(update, ratios=ratios),
        name_of(tx, opt_state),
        has_trace(opt_state),
    )


def _builder(tx: Any, lr: jax.Array) -> Callable[[Any], Any]:
    """``tx`` if it is a function of the learning rate; else a function that returns it."""
    made = tx(lr) if callable(tx) else tx
    if isinstance(made, optax.MultiSteps):
        raise ValueError(f"tx must {_ACCUMULATES}")
    if not isinstance(made, optax.GradientTransformation):
        raise TypeError(f"{RULE}, got {'tx(lr)' if callable(tx) else 'tx'}={made!r}")
    return tx if callable(tx) else lambda lr: made


def _with_lr(state: Any, lr: jax.Array, ratios: Any) -> Any:
    """The state with the learning rate in it, wherever ``inject_hyperparams`` keeps one."""
    remaining = iter(ratios)

    def replace(node: Any) -> Any:
        if not is_injected_lr(node):
            return node
        return node._replace(hyperparams=node.hyperparams | {"learning_rate": lr * next(remaining)})

    return jax.tree.map(replace, state, is_leaf=is_injected_lr)


_ACCUMULATES = (
    "update at every batch, since each batch has its own learning rate: leave MultiSteps and apply_every out, "
    "and pass batches as large as those they would add up"
)
_SEARCHES = "take the learning rate it is given, but a line search chooses its own: build it with linesearch=None"

_REFUSED: dict[type, str] = {
    optax.MultiStepsState: _ACCUMULATES,
    optax.ApplyEvery: _ACCUMULATES,
    optax.ScaleByScheduleState: "take the learning rate it is given, but it follows a schedule: build it with a number",
    optax.ScaleByBacktrackingLinesearchState: _SEARCHES,
    optax.ScaleByZoomLinesearchState: _SEARCHES,
    optax.contrib.ReduceLROnPlateauState: "take the learning rate it is given: leave reduce_on_plateau out",
}
"""States of optimizers that would not use each learning rate once, and what ``tx`` must do instead."""


def _check(opt_state: Any, shapes: Any) -> None:
    for _, node in find(opt_state, lambda node: type(node) in _REFUSED):
        raise ValueError(f"tx must {_REFUSED[type(node)]}")
    for _, node in find(opt_state, lambda node: isinstance(node, optax.contrib.SAMState)):
        if jax.tree.leaves(node.cache):
            raise ValueError(
                "tx must use the learning rate at every update, but sam uses it at every sync_period-th: "
                "build it with optax.contrib.sam(..., opaque_mode=True)"
            )
    for path, node in injected_lrs(opt_state):
        if "learning_rate" in getattr(node, "hyperparams_states", ()):
            raise ValueError(
                f"tx must have a learning_rate that can be set, but the one at opt_state{path} follows a "
                "schedule, which would overwrite the range test's: build tx with a number instead"
            )
    if find(opt_state, lambda node: isinstance(node, optax.LookaheadState)) and not is_lookahead(shapes):
        raise TypeError("params must be optax.LookaheadParams.init_synced(params) for a tx with lookahead")


def is_lookahead(params: Any) -> bool:
    """Whether these are the fast and slow parameters of ``optax.lookahead``."""
    return isinstance(params, optax.LookaheadParams)


def _traced(trace: Callable[[], Any]) -> Any:
    """What tracing an optimizer gives; its errors as one of ours that quotes them."""
    try:
        return trace()
    except Exception as error:
        text = str(error).strip().partition("\n")[0]
        raise TypeError(
            "tx must be able to update params when it is traced, with no more extra arguments than value, grad, "
            f"value_fn, grad_fn and obj_fn, got {type(error).__name__}: {text}"
        ) from error


def _probed(probe: Callable[[], Any]) -> Any:
    """What the probe finds, or the name of an extra argument that the optimizer does not take."""
    try:
        return _traced(jax.jit(probe))
    except TypeError as error:
        found = re.search(r"unexpected keyword argument '(value|grad|value_fn|obj_fn|grad_fn)'", str(error))
        if found is None:
            raise
        return found[1]
