"""``clr_optax.current_lr``: the learning rate of the last update, at any depth of a state."""

from __future__ import annotations

from typing import Any

import frameworks
import pytest

import clr_core

jax = frameworks.load("jax")
optax = frameworks.load("optax")

import clr_optax  # noqa: E402
import jax.numpy as jnp  # noqa: E402
from clr_optax import current_lr  # noqa: E402

WAVE = clr_core.triangular(0.25, 1.0, 3)
PARAMS = {"body": jnp.ones(2), "head": jnp.ones(3)}
LABELS = {"body": "body", "head": "head"}


def injected(lr: Any) -> Any:
    return optax.inject_hyperparams(optax.adam, hyperparam_dtype=jnp.float32)(lr)


def rates(tx: Any, updates: int, **settings: Any) -> list[float]:
    """What ``current_lr`` says before the first update and after each of them."""
    opt_state = tx.init(PARAMS)
    seen = [float(current_lr(opt_state, **settings))]
    for _ in range(updates):
        _, opt_state = tx.update(PARAMS, opt_state, PARAMS)
        seen.append(float(current_lr(opt_state, **settings)))
    return seen


NESTED = {
    "bare": lambda tx: tx,
    "chained": lambda tx: optax.chain(optax.clip(1.0), optax.chain(tx, optax.identity())),
    "multi_transform": lambda tx: optax.multi_transform({"body": optax.sgd(0.5), "head": tx}, LABELS),
    "masked": lambda tx: optax.masked(tx, {"body": True, "head": False}),
    "apply_if_finite": lambda tx: optax.apply_if_finite(tx, 3),
}


@pytest.mark.parametrize("where", NESTED)
def test_an_injected_rate_is_found(where: str) -> None:
    """Before the first update it is the rate of that update, afterwards that of the last one."""
    tx = NESTED[where](injected(clr_optax.schedule_lr(WAVE)))
    assert rates(tx, 4) == [0.25, 0.25, 0.5, 0.75, 1.0]


@pytest.mark.parametrize("where", NESTED)
def test_with_the_schedule_a_count_is_enough(where: str) -> None:
    """optax.sgd(schedule) keeps only a count, from which the schedule computes the rate."""
    tx = NESTED[where](optax.sgd(clr_optax.schedule_lr(WAVE)))
    assert rates(tx, 4, schedule=WAVE) == [0.25, 0.25, 0.5, 0.75, 1.0]
    assert rates(tx, 4, schedule=clr_optax.schedule_lr(WAVE)) == [0.25, 0.25, 0.5, 0.75, 1.0]


def test_multi_steps_have_the_rate_of_the_last_update_made() -> None:
    """With two batches an update the rate changes after every second batch."""
    tx = optax.MultiSteps(injected(clr_optax.schedule_lr(WAVE)), 2)
    assert rates(tx, 6) == [0.25, 0.25, 0.25, 0.25, 0.5, 0.5, 0.75]
    tx = optax.MultiSteps(optax.sgd(clr_optax.schedule_lr(WAVE)), 2)
    assert rates(tx, 6, schedule=WAVE) == [0.25, 0.25, 0.25, 0.25, 0.5, 0.5, 0.75]


def test_it_is_the_rate_that_was_used() -> None:
    """Under a gradient of 1, plain SGD moves a parameter by the rate."""
    tx = optax.inject_hyperparams(optax.sgd)(clr_optax.schedule_lr(WAVE))
    opt_state = tx.init(jnp.float32(0.0))
    for _ in range(5):
        change, opt_state = tx.update(jnp.float32(1.0), opt_state)
        assert float(current_lr(opt_state)) == -float(change)


def test_a_rate_set_by_hand_is_found() -> None:
    """A number in the state that the next update will use is the current one."""
    opt_state = injected(0.5).init(PARAMS)
    assert float(current_lr(opt_state)) == 0.5
    opt_state.hyperparams["learning_rate"] = jnp.float32(0.125)
    assert float(current_lr(opt_state)) == 0.125


def test_a_jitted_step_can_return_it() -> None:
    """Under jit there are no values, and it needs none."""
    tx = optax.chain(optax.clip(1.0), injected(clr_optax.schedule_lr(WAVE)))
    opt_state = tx.init(PARAMS)
    update = jax.jit(lambda opt_state: (lambda new: (new, current_lr(new)))(tx.update(PARAMS, opt_state)[1]))
    for k in range(4):
        opt_state, lr = update(opt_state)
        assert float(lr) == WAVE(k)


def test_a_flax_optimizer_shows_its_rate() -> None:
    """NNX wraps the arrays of a state in variables; the rate is found in them too."""
    nnx = frameworks.load("flax.nnx")
    model = nnx.Linear(2, 3, rngs=nnx.Rngs(0))
    optimizer = nnx.Optimizer(model, optax.chain(optax.clip(1.0), injected(0.5)), wrt=nnx.Param)
    assert float(current_lr(optimizer.opt_state)) == 0.5
    optimizer = nnx.Optimizer(model, optax.adam(clr_optax.schedule_lr(WAVE)), wrt=nnx.Param)
    assert float(current_lr(optimizer.opt_state, schedule=WAVE)) == 0.25


def test_a_parameter_of_that_name_is_no_rate() -> None:
    """Only what inject_hyperparams keeps is a learning rate, not momentum of a parameter called so."""
    tx = optax.sgd(0.5, momentum=0.9)
    with pytest.raises(LookupError, match="opt_state holds no learning rate"):
        current_lr(tx.init({"learning_rate": jnp.ones(2)}))


def test_of_two_rates_the_part_meant_must_be_passed() -> None:
    """The message names the parts, and each of them works."""
    tx = optax.multi_transform({"body": injected(0.5), "head": injected(0.25)}, LABELS)
    opt_state = tx.init(PARAMS)
    with pytest.raises(LookupError, match=r"more than one learning rate: .*\['body'\].*\['head'\]"):
        current_lr(opt_state)
    assert float(current_lr(opt_state.inner_states["head"])) == 0.25


def test_a_count_without_its_schedule_asks_for_it() -> None:
    """The state of optax.adam(schedule) says nothing about the rate; the message says what is missing."""
    opt_state = optax.adam(clr_optax.schedule_lr(WAVE)).init(PARAMS)
    with pytest.raises(LookupError, match=r"pass that schedule too, current_lr\(opt_state, schedule="):
        current_lr(opt_state)


def test_a_fixed_rate_is_not_in_the_state() -> None:
    """optax.adam(0.1) keeps its rate to itself; the message says how to build one that does not."""
    opt_state = optax.adam(0.1).init(PARAMS)
    with pytest.raises(LookupError, match=r"Build the optimizer with optax\.inject_hyperparams"):
        current_lr(opt_state)


def test_a_schedule_for_a_state_without_a_count_is_refused() -> None:
    """The rate of a schedule needs a count."""
    with pytest.raises(LookupError, match="opt_state holds no count of a learning rate schedule"):
        current_lr(injected(0.5).init(PARAMS), schedule=WAVE)


def test_a_schedule_must_be_callable() -> None:
    """A number in its place is refused."""
    with pytest.raises(TypeError, match=r"schedule must be a schedule or None, got schedule=0\.1"):
        current_lr(optax.adam(0.1).init(PARAMS), schedule=0.1)  # type: ignore[arg-type]
