"""One update of the range test, as a pure function that a scan or a loop can run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import lax

from clr_optax._arrays import is_numeric
from clr_optax._promotion import current_promotion, promoting
from clr_optax._sweep import Sweep

apply_updates = promoting("standard")(optax.apply_updates)


class Training(NamedTuple):
    """What one update passes to the next."""

    params: Any
    opt_state: Any
    state: Any


Step = Callable[[Training, Any, Any, Any, Any], tuple[Training, tuple[jax.Array, Any]]]
"""``(training, batch, lr, rng, number of the update) -> (training, (loss, metric))``"""


def begin(optimizer: Sweep, params: Any, state: Any) -> Training:
    """The state of training before the first update; traceable."""
    params, state = jax.tree.map(_strong, (params, state))
    return Training(params, jax.tree.map(_strong, optimizer.init(params)), state)


def make_step(
    loss_fn: Callable[..., Any],
    optimizer: Sweep,
    *,
    has_state: bool,
    has_aux: bool,
    metric: Callable[[Any], Any] | None,
    evaluate: Callable[..., Any] | None,
) -> Step:
    """The update: loss and gradient, then the optimizer at the given learning rate."""
    returns = {
        (False, False): "loss",
        (True, False): "(loss, new_state)",
        (False, True): "(loss, aux)",
        (True, True): "(loss, (new_state, aux))",
    }[has_state, has_aux]

    aux_remedy = f"pass has_aux=True if it returns {'(loss, (new_state, aux))' if has_state else '(loss, aux)'}"

    def pair(value: Any) -> tuple[Any, Any]:
        return _pair(value, f"loss_fn must return {returns} here")

    def loss_of(value: Any) -> jax.Array:
        rule = f"loss_fn must return {returns} here, with a loss that is one floating-point number"
        loss = _number(rule, value, "" if has_aux else f": {aux_remedy}")
        if not jnp.issubdtype(loss.dtype, jnp.floating):
            raise TypeError(f"{rule}, got dtype {loss.dtype}")
        return loss

    def objective(params: Any, state: Any, batch: Any, keywords: dict[str, Any]) -> tuple[Any, Any]:
        if not has_state and not has_aux:
            return loss_of(loss_fn(params, batch, **keywords)), (None, None)
        if not has_state:
            loss, aux = pair(loss_fn(params, batch, **keywords))
            return loss_of(loss), (None, aux)
        # Rebuilt in this trace: Flax NNX refuses to write into variables that were made in another.
        own_state = jax.tree.map(lambda leaf: leaf, state)
        loss, rest = pair(loss_fn(params, batch, state=own_state, **keywords))
        new_state, aux = pair(rest) if has_aux else (rest, None)
        is_pair = isinstance(new_state, tuple) and len(new_state) == 2
        _check_state(state, new_state, f": {aux_remedy}" if is_pair and not has_aux else "")
        return loss_of(loss), (new_state, aux)

    def step(training: Training, batch: Any, lr: Any, rng: Any, number: Any) -> tuple[Training, tuple[jax.Array, Any]]:
        params, opt_state, state = training
        keywords = {} if rng is None else {"rng": jax.random.fold_in(rng, number)}
        gradient = jax.value_and_grad(objective, has_aux=True)
        (loss, (new_state, aux)), grads = gradient(trained(params), state, batch, keywords)

        @promoting(current_promotion())
        def loss_at(params: Any) -> Any:
            return objective(params, state, batch, keywords)[0]

        updates, new_opt_state = optimizer.update(lr, grads, opt_state, params, loss, loss_at)
        after = Training(apply_updates(params, updates), new_opt_state, new_state)
        # A float32 rate turns some half-precision states into float32; a Python number, as in training, would not.
        after = jax.tree.map(lambda new, old: lax.convert_element_type(new, old.dtype), after, training)
        if evaluate is not None:
            evaluated = evaluate(evaluated_params(after.params), **({"state": after.state} if has_state else {}))
            value, aux = (evaluated, None) if metric is None else _pair(evaluated, _EVALUATE_RETURNS)
            loss = _number(
                "evaluate must return a loss that is one number", value, ": it returns an aux for a metric only"
            )
        return after, (loss, None if metric is None else _number("metric must return one number", metric(aux)))

    return step


def trained(params: Any) -> Any:
    """The parameters that the loss is differentiated for: with ``optax.lookahead`` the fast ones."""
    return params.fast if isinstance(params, optax.LookaheadParams) else params


def evaluated_params(params: Any) -> Any:
    """The parameters to evaluate: with ``optax.lookahead`` the slow ones."""
    return params.slow if isinstance(params, optax.LookaheadParams) else params


_EVALUATE_RETURNS = "evaluate must return (loss, aux) for metric to read"


def _pair(value: Any, rule: str) -> tuple[Any, Any]:
    if not isinstance(value, tuple) or len(value) != 2:
        raise TypeError(f"{rule}, got a {type(value).__name__}")
    return value


def _strong(leaf: Any) -> Any:
    """The array without JAX's weak type, which the first update would remove, at the cost of a second trace."""
    array = jnp.asarray(leaf)
    return lax.convert_element_type(array, array.dtype)


def _number(rule: str, value: Any, remedy: str = "") -> jax.Array:
    """The value as an array of one real number; the remedy is for what is no array at all."""
    if not is_numeric(value):
        raise TypeError(f"{rule}, got a {type(value).__name__}{remedy}")
    if jnp.shape(value):
        raise ValueError(f"{rule}, got an array of shape {jnp.shape(value)}: take its mean or its sum")
    array = jnp.asarray(value)
    if jnp.iscomplexobj(array):
        raise TypeError(f"{rule}, got dtype {array.dtype}")
    return array


def _check_state(before: Any, after: Any, remedy: str) -> None:
    def kind(leaf: Any) -> str:
        return f"{jnp.result_type(leaf)}{list(jnp.shape(leaf))}" if is_numeric(leaf) else type(leaf).__name__

    given, returned = (jax.tree.map(kind, tree) for tree in (before, after))
    if jax.tree.flatten(given) != jax.tree.flatten(returned):
        raise ValueError(
            "loss_fn must return a state of the same structure, shapes and dtypes as it is given, "
            f"got {returned} for {given}{remedy}"
        )
