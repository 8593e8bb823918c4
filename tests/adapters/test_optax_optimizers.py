"""The optimizers that ``clr_optax.range_test`` takes: what uses each learning rate once, and nothing else."""

from __future__ import annotations

import functools
from typing import Any

import frameworks
import numpy as np
import pytest

import clr_core

jax = frameworks.load("jax")
optax = frameworks.load("optax")

import jax.numpy as jnp  # noqa: E402
from clr_optax import range_test  # noqa: E402

contrib = optax.contrib

X = np.random.default_rng(0).normal(size=(8, 64, 4)).astype(np.float32)
Y = np.tanh(X @ np.random.default_rng(3).normal(size=(4, 1))).astype(np.float32)
PARAMS = {
    "below": jnp.float32(np.random.default_rng(1).normal(size=(4, 8)) / 2),
    "above": jnp.float32(np.random.default_rng(2).normal(size=(8, 1)) / 2),
}
SETTINGS: dict[str, Any] = {"start_lr": 1e-4, "end_lr": 100.0, "num_steps": 60}


def loss_fn(params: Any, batch: Any) -> Any:
    x, y = batch
    return jnp.mean((jnp.tanh(x @ params["below"]) @ params["above"] - y) ** 2)


def sam(optimizer: Any, **settings: Any) -> Any:
    return contrib.sam(optimizer, optax.chain(contrib.normalize(), optax.sgd(0.05)), **settings)


LABELS = {"below": "below", "above": "above"}

TAKEN: dict[str, Any] = {
    "adafactor": optax.adafactor,
    "adagrad": optax.adagrad,
    "adamw": optax.adamw,
    "lamb": optax.lamb,
    "lars": optax.lars,
    "lion": optax.lion,
    "polyak_sgd": optax.polyak_sgd,
    "schedule_free": contrib.schedule_free_sgd,
    "lbfgs": lambda lr: optax.lbfgs(lr, linesearch=None),
    "decoupled decay": lambda lr: optax.chain(optax.adam(lr), optax.add_decayed_weights(-1e-4)),
    "clipped": lambda lr: optax.chain(optax.clip(1e-3), optax.centralize(), optax.sgd(lr, momentum=0.9)),
    "clipped afterwards": lambda lr: optax.chain(optax.sgd(lr), optax.clip(1.0)),
    "frozen": lambda lr: optax.multi_transform({"below": optax.sgd(lr), "above": optax.set_to_zero()}, LABELS),
    "sam": lambda lr: sam(optax.sgd(lr), opaque_mode=True),
    "sam in a chain": lambda lr: optax.chain(optax.clip(1.0), sam(optax.adam(lr), opaque_mode=True)),
    "if finite": lambda lr: optax.apply_if_finite(optax.adam(lr), 3),
}
# Not all of them are in the oldest Optax that the extra admits.
for _name in ("adopt", "madgrad", "momo", "muon", "prodigy", "sophia"):
    if hasattr(contrib, _name):
        TAKEN[_name] = getattr(contrib, _name)


@pytest.mark.parametrize("name", TAKEN)
def test_optimizers_that_use_the_rate_are_taken(name: str) -> None:
    """Optax's own, wrapped, chained and partly frozen ones, and those that need the loss, a gradient or a function."""
    curve = range_test(loss_fn, PARAMS, TAKEN[name], (X, Y), start_lr=1e-4, end_lr=1e-3, num_steps=4)
    assert curve.losses[0] == pytest.approx(float(loss_fn(PARAMS, (X[0], Y[0]))), rel=1e-5)
    assert len(set(curve.losses)) == 4


FOLLOWS = "take the learning rate it is given, but it follows a schedule"
SEARCHES = "take the learning rate it is given, but a line search chooses its own"

REFUSED: dict[str, tuple[Any, type[Exception], str]] = {
    "ignores": (lambda lr: optax.sgd(0.03), TypeError, "updates of params.* do not scale with that learning rate"),
    "momentum": (functools.partial(optax.sgd, 1e-3), TypeError, "do not scale"),
    "nesterov": (functools.partial(optax.sgd, 1e-3, nesterov=True), TypeError, "do not scale"),
    "b1": (functools.partial(optax.adam, 1e-3), TypeError, "do not scale"),
    "decay": (functools.partial(optax.rmsprop, 1e-3), TypeError, "do not scale"),
    "one group": (
        lambda lr: optax.multi_transform({"below": optax.sgd(lr), "above": optax.sgd(0.1)}, LABELS),
        TypeError,
        r"updates of params\['above'\] do not scale",
    ),
    "injected but ignored": (
        optax.inject_hyperparams(lambda learning_rate: optax.sgd(0.1))(learning_rate=0.3),
        TypeError,
        "do not scale",
    ),
    "first step only": (optax.rprop, TypeError, "do not scale"),
    "normalized": (lambda lr: optax.chain(optax.sgd(lr), optax.normalize_by_update_norm()), TypeError, "do not scale"),
    "zero": (lambda lr: optax.set_to_zero(), TypeError, "updates of any parameter do not scale"),
    "bounded": (lambda lr: optax.sgd(jnp.minimum(lr, 1e-4)), TypeError, "do not scale"),
    "squared": (lambda lr: optax.sgd(lr**2), TypeError, "do not scale"),
    "float": (
        lambda lr: optax.adam(float(lr)),
        TypeError,
        "update params when it is traced.*Concretiz",
    ),
    "schedule": (lambda lr: optax.adam(optax.cosine_decay_schedule(lr, 100)), ValueError, FOLLOWS),
    "scheduled": (optax.adam(optax.constant_schedule(0.1)), ValueError, FOLLOWS),
    "plateau": (lambda lr: optax.chain(optax.adam(lr), contrib.reduce_on_plateau()), ValueError, "reduce_on_plateau"),
    "accumulates": (lambda lr: optax.chain(optax.adam(lr), optax.apply_every(4)), ValueError, "apply_every out"),
    "zoom": (optax.lbfgs, ValueError, SEARCHES),
    "backtracking": (
        lambda lr: optax.chain(optax.sgd(lr), optax.scale_by_backtracking_linesearch(15)),
        ValueError,
        SEARCHES,
    ),
    "sam": (lambda lr: sam(optax.sgd(lr)), ValueError, r"sam uses it at every sync_period-th: .*opaque_mode=True"),
    "lookahead": (
        lambda lr: optax.lookahead(optax.sgd(lr), 5, 0.5),
        TypeError,
        r"be optax\.LookaheadParams\.init_synced\(params\) for a tx with lookahead",
    ),
}


@pytest.mark.filterwarnings("ignore:.*no attribute `fast`")
@pytest.mark.parametrize("name", REFUSED)
def test_what_does_not_use_the_rate_is_refused(name: str) -> None:
    """A rate that is fixed, scheduled, searched for, applied now and then or passed as something else."""
    tx, kind, message = REFUSED[name]
    with pytest.raises(kind, match=f"(?s)^(tx|params) must .*{message}"):
        range_test(loss_fn, PARAMS, tx, (X, Y), **SETTINGS)


def test_an_unknown_extra_argument_is_named() -> None:
    """What an optimizer wants and cannot get is in the message."""

    def update(updates: Any, state: Any, params: Any = None, *, temperature: Any, **_: Any) -> Any:
        return updates, state

    tx = lambda lr: optax.chain(  # noqa: E731
        optax.sgd(lr), optax.GradientTransformationExtraArgs(lambda params: optax.EmptyState(), update)
    )
    with pytest.raises(TypeError, match=r"no more extra arguments than value.*'temperature'"):
        range_test(loss_fn, PARAMS, tx, (X, Y), **SETTINGS)


@pytest.mark.parametrize("form", ["scan", "loop"])
def test_lookahead_trains_the_fast_parameters(form: str) -> None:
    """The curve of plain SGD until the first synchronization, and another one afterwards; slow ones are evaluated."""
    batches = (X, Y) if form == "scan" else iter(list(zip(X, Y, strict=True)) * 8)
    tx = lambda lr: optax.lookahead(optax.sgd(lr), 5, 0.5)  # noqa: E731
    params = optax.LookaheadParams.init_synced(PARAMS)
    settings: dict[str, Any] = {"start_lr": 0.01, "end_lr": 0.1, "num_steps": 8}
    ahead = range_test(loss_fn, params, tx, batches, **settings)
    plain = range_test(loss_fn, PARAMS, optax.sgd, (X, Y), **settings)
    assert ahead.losses[:5] == pytest.approx(plain.losses[:5], rel=1e-5)
    assert all(a != pytest.approx(b, rel=1e-5) for a, b in zip(ahead.losses[5:], plain.losses[5:], strict=True))
    slow = range_test(loss_fn, params, tx, (X, Y), evaluate=lambda now: jnp.sum(now["above"]), **settings)
    assert len(set(slow.losses[:4])) == 1 != len(set(slow.losses))


def test_sam_is_the_gradient_at_the_ascended_parameters() -> None:
    """One opaque update, written out: a step of 0.05 up the normalized gradient, and the gradient from there."""
    curve = range_test(
        loss_fn, PARAMS, lambda lr: sam(optax.sgd(lr), opaque_mode=True), [(X[0], Y[0])], start_lr=0.1, num_steps=2
    )
    batch = (X[0], Y[0])
    grads = jax.grad(loss_fn)(PARAMS, batch)
    norm = sum(jnp.sum(grad**2) for grad in jax.tree.leaves(grads)) ** 0.5
    ascended = jax.tree.map(lambda leaf, grad: leaf + 0.05 * grad / norm, PARAMS, grads)
    updated = jax.tree.map(lambda leaf, grad: leaf - 0.1 * grad, PARAMS, jax.grad(loss_fn)(ascended, batch))
    assert curve.losses[1] == pytest.approx(float(loss_fn(updated, batch)), rel=1e-5)


@pytest.mark.parametrize(
    ("tx", "name"),
    [
        (optax.adam, "adam"),
        (functools.partial(optax.adamw, weight_decay=0.1), "adamw"),
        (optax.inject_hyperparams(optax.lion), "lion"),
        (optax.contrib.acprop, "acprop"),
        (lambda lr: optax.chain(optax.clip(1.0), optax.lamb(lr)), "adam"),
        (optax.inject_hyperparams(optax.rmsprop)(learning_rate=0.1), "rmsprop"),
        (lambda lr: optax.sgd(lr, momentum=0.9), None),
    ],
    ids=["adam", "partial adamw", "injecting lion", "acprop", "lambda lamb", "injected rmsprop", "lambda sgd"],
)
def test_the_optimizer_is_named_where_it_is_known(tx: Any, name: str | None) -> None:
    """Optax's own functions are known by name, others by an adaptive state; the caller can name it."""
    settings: dict[str, Any] = {"num_steps": 2, "end_lr": 1e-6}
    assert range_test(loss_fn, PARAMS, tx, (X, Y), **settings).optimizer == name
    assert range_test(loss_fn, PARAMS, tx, (X, Y), optimizer="LAMB", **settings).optimizer == "LAMB"


@pytest.mark.parametrize(
    ("tx", "name", "momentum"),
    [
        (optax.sgd, None, False),
        (functools.partial(optax.sgd, momentum=0.9), None, True),
        (lambda lr: optax.sgd(lr, momentum=0.9), None, None),
        (lambda lr: optax.sgd(lr, momentum=0.9), "SGD", True),
        (lambda lr: optax.chain(optax.clip(1.0), optax.sgd(lr)), "sgd", False),
        (optax.inject_hyperparams(optax.sgd)(learning_rate=0.1, momentum=0.9), "SGD", True),
        (functools.partial(optax.sgd, momentum=0.9), "mine", None),
        (optax.adam, None, None),
    ],
    ids=["sgd", "partial", "lambda", "named lambda", "named chain", "injected", "renamed", "adam"],
)
@pytest.mark.parametrize("seeds", [None, 2])
def test_the_curve_says_whether_sgd_has_momentum(
    tx: Any, name: str | None, momentum: bool | None, seeds: int | None
) -> None:
    """From the state of an optimizer that Optax or the caller names SGD; None for all others."""
    curves = range_test(loss_fn, PARAMS, tx, (X, Y), optimizer=name, num_steps=2, end_lr=1e-6, seeds=seeds)
    for curve in [curves] if isinstance(curves, clr_core.LRCurve) else curves:
        assert curve.momentum is momentum
