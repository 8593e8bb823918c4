"""``clr_optax.range_test``: one scan, the same curve as a loop, and nothing passed in is changed."""

from __future__ import annotations

import functools
import itertools
import math
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import frameworks
import numpy as np
import pytest

import clr_core

jax = frameworks.load("jax")
optax = frameworks.load("optax")

import jax.numpy as jnp  # noqa: E402
from clr_optax import range_test  # noqa: E402

BATCHES = 8


def make_data() -> tuple[Any, Any]:
    """Eight batches of 64 examples, stacked; smaller ones are so noisy that chance can look like divergence."""
    random = np.random.default_rng(0)
    x = random.normal(size=(BATCHES, 64, 4)).astype(np.float32)
    return x, np.tanh(x @ random.normal(size=(4, 1))).astype(np.float32)


def init(key: Any) -> dict[str, Any]:
    below, above = jax.random.split(key)
    return {"below": jax.random.normal(below, (4, 8)) / 2, "above": jax.random.normal(above, (8, 1)) / 2}


def loss_fn(params: Any, batch: Any) -> Any:
    x, y = batch
    return jnp.mean((jnp.tanh(x @ params["below"]) @ params["above"] - y) ** 2)


X, Y = make_data()
PARAMS = jax.tree.map(
    jnp.float32,
    {
        "below": np.random.default_rng(1).normal(size=(4, 8)) / 2,
        "above": np.random.default_rng(2).normal(size=(8, 1)) / 2,
    },
)
SETTINGS: dict[str, Any] = {"start_lr": 1e-4, "end_lr": 100.0, "num_steps": 60}


def batches_again_and_again() -> Iterator[tuple[Any, Any]]:
    while True:
        yield from zip(X, Y, strict=True)


def hand_written(batches: Any, new_optimizer: Any = optax.sgd, **settings: Any) -> clr_core.LRCurve:
    """The protocol without the adapter: build, differentiate, update, record."""
    test = clr_core.RangeTest(**(SETTINGS | settings))
    params = PARAMS
    opt_state = new_optimizer(0.0).init(params)
    while not test.done:
        loss, grads = jax.value_and_grad(loss_fn)(params, next(batches))
        updates, opt_state = new_optimizer(test.lr).update(grads, opt_state, params)
        params = optax.apply_updates(params, updates)
        test.record(loss)
    return test.curve


def assert_same_curve(actual: clr_core.LRCurve, expected: clr_core.LRCurve, rtol: float = 1e-5) -> None:
    assert actual.lrs == expected.lrs
    assert actual.stop_reason == expected.stop_reason
    np.testing.assert_allclose(actual.losses, expected.losses, rtol=rtol)


OPTIMIZERS = {
    "sgd": optax.sgd,
    "momentum": lambda lr: optax.sgd(lr, momentum=0.9),
    "chain": lambda lr: optax.chain(optax.clip_by_global_norm(1.0), optax.adamw(lr)),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_scan_loop_and_hand_written_loop_agree(name: str) -> None:
    """One scan, a loop over an iterator and the hand-written protocol give the same curve and stop alike."""
    new_optimizer = OPTIMIZERS[name]
    scanned = range_test(loss_fn, PARAMS, new_optimizer, (X, Y), **SETTINGS)
    looped = range_test(loss_fn, PARAMS, new_optimizer, batches_again_and_again(), **SETTINGS)
    assert scanned.stop_reason == "diverged"
    assert 10 < len(scanned) < 60
    assert_same_curve(scanned, looped)
    # Compiled and uncompiled arithmetic differ in the last bit, which divergence magnifies.
    assert_same_curve(scanned, hand_written(batches_again_and_again(), new_optimizer), rtol=1e-3)


def test_ragged_batches_take_the_loop() -> None:
    """A last batch that is smaller than the others is a batch like any other."""
    x, y = X.reshape(-1, 4), Y.reshape(-1, 1)
    ragged = [(x[i : i + 200], y[i : i + 200]) for i in (0, 200, 400)]
    assert [len(batch) for batch, _ in ragged] == [200, 200, 112]
    curve = range_test(loss_fn, PARAMS, optax.sgd, ragged, **SETTINGS)
    assert_same_curve(curve, hand_written(iter(ragged * 20)), rtol=1e-3)


@pytest.mark.parametrize(
    "batches",
    [
        list(zip(X, Y, strict=True)),
        list(zip(jnp.asarray(X), jnp.asarray(Y), strict=True)),
        (jnp.asarray(X), jnp.asarray(Y)),
        (np.concatenate([X, X]), np.concatenate([Y, Y])),
    ],
    ids=["list", "list of JAX arrays", "JAX arrays", "twice as many"],
)
def test_batches_are_the_same_however_they_are_stacked(batches: Any) -> None:
    """A list, arrays of either kind, enough batches or too few: bit-identical curves."""
    assert range_test(loss_fn, PARAMS, optax.sgd, batches, **SETTINGS) == range_test(
        loss_fn, PARAMS, optax.sgd, (X, Y), **SETTINGS
    )


def test_an_array_or_a_dict_is_a_stack() -> None:
    """A single array is iterated over along its first axis, a dict along that of each of its arrays."""

    def mean(params: Any, batch: Any) -> Any:
        return params * 0.0 + jnp.mean(batch["x"] if isinstance(batch, dict) else batch)

    expected = [float(value) for value in X.mean(axis=(1, 2))]
    for batches in (X, {"x": X}):
        curve = range_test(mean, 1.0, optax.sgd, batches, num_steps=BATCHES, divergence=None)
        assert curve.losses == pytest.approx(expected, rel=1e-5)


POWERS: dict[str, Any] = {"start_lr": 2.0**-9, "end_lr": 1.0, "num_steps": 10}
"""A ramp that doubles at every update, so that the rates add up without rounding errors."""


def descend(params: Any, batch: Any) -> Any:
    """A loss whose gradient is 1 for every parameter: it drops by the sum of their rates."""
    return sum(jax.tree.leaves(params))


ONES = np.ones(3, np.float32)


@pytest.mark.parametrize("batches", [ONES, iter(np.ones(10, np.float32))], ids=["scan", "loop"])
@pytest.mark.parametrize(
    "tx",
    [
        optax.sgd,
        lambda lr: optax.chain(optax.clip(1.0), optax.sgd(lr)),
        optax.inject_hyperparams(optax.sgd)(learning_rate=0.3),
        optax.inject_hyperparams(optax.sgd, hyperparam_dtype=jnp.float32)(learning_rate=0.3),
        optax.inject_hyperparams(optax.sgd),
        lambda lr: optax.chain(optax.clip(1.0), optax.inject_hyperparams(optax.sgd)(lr)),
        functools.partial(optax.sgd, momentum=None),
    ],
    ids=["function", "chain", "injected", "injected float32", "injecting", "chain injecting", "partial"],
)
def test_the_rate_recorded_is_the_rate_used(tx: Any, batches: Any) -> None:
    """With a gradient of 1 the loss drops by exactly the recorded rate, from the first update on."""
    if isinstance(batches, Iterator):
        batches = iter(np.ones(10, np.float32))
    curve = range_test(descend, jnp.float32(0.0), tx, batches, **POWERS)
    assert curve.lrs == pytest.approx([2.0**k for k in range(-9, 1)], rel=1e-15)
    fallen = [early - late for early, late in zip(curve.losses, curve.losses[1:], strict=False)]
    assert fallen == [2.0**k for k in range(-9, 0)]


@pytest.mark.parametrize("batches", [ONES, [np.ones(n, np.float32) for n in (1, 2)]], ids=["scan", "loop"])
def test_groups_keep_their_ratios(batches: Any) -> None:
    """Of rates 0.5 and 0.125 the first is swept and the second stays a quarter of it."""
    tx = optax.multi_transform(
        {name: optax.inject_hyperparams(optax.sgd)(lr) for name, lr in (("a", 0.5), ("b", 0.125))},
        {"a": "a", "b": "b"},
    )
    params = {"a": jnp.float32(0.0), "b": jnp.float32(0.0)}
    curve = range_test(
        lambda params, batch: (descend(params, batch), params),
        params,
        tx,
        batches,
        has_aux=True,
        metric=lambda aux: aux["b"],
        **POWERS,
    )
    assert curve.metrics is not None
    fallen = [early - late for early, late in zip(curve.metrics, curve.metrics[1:], strict=False)]
    assert fallen == [lr / 4 for lr in curve.lrs[:-1]] == [2.0**k for k in range(-11, -2)]


def test_half_precision_parameters_are_tested_at_full_rates() -> None:
    """bfloat16 parameters keep their dtype, also in states that follow the rate, as RMSprop's momentum."""
    params = jax.tree.map(lambda leaf: leaf.astype(jnp.bfloat16), PARAMS)
    seen = []

    def watched(params: Any, batch: Any) -> Any:
        seen.append({leaf.dtype for leaf in jax.tree.leaves(params)})
        return loss_fn(params, batch)

    curve = range_test(watched, params, lambda lr: optax.rmsprop(lr, momentum=0.9), (X, Y), **SETTINGS)
    assert len(curve) > 10
    assert all(dtypes == {jnp.dtype(jnp.bfloat16)} for dtypes in seen)


@pytest.mark.parametrize("form", ["scan", "loop"])
def test_a_loss_that_is_not_finite_ends_the_curve(form: str) -> None:
    """The NaN is the last point, with its stop reason; updates after it are dropped."""
    factors = np.ones(20, np.float32)
    factors[12] = math.nan
    batches = factors if form == "scan" else iter(factors)
    curve = range_test(lambda p, factor: p**2 * factor, 1.0, optax.sgd, batches, end_lr=1e-3, num_steps=20)
    assert (len(curve), curve.stop_reason) == (13, "non_finite")
    assert math.isnan(curve.losses[-1])
    assert all(map(math.isfinite, curve.losses[:-1]))


def test_the_loop_stops_when_the_test_does() -> None:
    """An iterator is asked for no more than ten batches past the end of the curve."""
    drawn = 0

    def counted() -> Iterator[Any]:
        nonlocal drawn
        for batch in batches_again_and_again():
            drawn += 1
            yield batch

    curve = range_test(loss_fn, PARAMS, optax.sgd, counted(), start_lr=1e-4, end_lr=1e4, num_steps=200)
    assert curve.stop_reason == "diverged"
    assert len(curve) <= drawn < len(curve) + 10 < 200


def test_an_iterator_need_not_last_longer_than_the_test() -> None:
    """One that ends with the update at which the test diverges is long enough."""
    expected = range_test(loss_fn, PARAMS, optax.sgd, (X, Y), **SETTINGS)
    assert len(expected) < SETTINGS["num_steps"]
    just_enough = itertools.islice(batches_again_and_again(), len(expected))
    assert_same_curve(range_test(loss_fn, PARAMS, optax.sgd, just_enough, **SETTINGS), expected)


def opaque_sam(lr: Any) -> Any:
    ascent = optax.chain(optax.contrib.normalize(), optax.sgd(0.05))
    return optax.contrib.sam(optax.sgd(lr), ascent, opaque_mode=True)


@pytest.mark.parametrize(
    "mode", [lambda: jax.numpy_dtype_promotion("strict"), jax.disable_jit], ids=["strict", "no jit"]
)
@pytest.mark.parametrize(
    ("form", "tx", "dtype"),
    [
        ("scan", optax.sgd, jnp.float32),
        ("loop", optax.adamw, jnp.float32),
        ("seeds", optax.inject_hyperparams(optax.sgd)(learning_rate=0.3), jnp.float32),
        ("scan", opaque_sam, jnp.bfloat16),
    ],
    ids=["scan", "loop", "seeds", "bfloat16"],
)
def test_the_curve_is_the_same_in_every_mode_of_jax(mode: Any, form: str, tx: Any, dtype: Any) -> None:
    """Strict promotion, which Optax's Adam is not written for, and no compilation at all."""
    params = jax.tree.map(lambda leaf: leaf.astype(dtype), PARAMS)

    def cast(params: Any, batch: Any) -> Any:
        return loss_fn(params, jax.tree.map(lambda leaf: leaf.astype(dtype), batch))

    def curve() -> clr_core.LRCurve:
        batches = batches_again_and_again() if form == "loop" else (X, Y)
        seeds: Any = 2 if form == "seeds" else None
        found: Any = range_test(cast, params, tx, batches, start_lr=1e-3, end_lr=0.1, num_steps=4, seeds=seeds)
        return found[1] if seeds else found

    expected = curve()
    with mode():
        assert_same_curve(curve(), expected, rtol=1e-5 if dtype == jnp.float32 else 2**-6)


def test_functions_of_the_user_keep_their_promotion() -> None:
    """Strict where the caller is strict: the loss, also where the optimizer calls it, the metric and evaluate."""
    seen = []

    def watch(value: Any) -> Any:
        seen.append(jax.config.jax_numpy_dtype_promotion)
        return value

    with jax.numpy_dtype_promotion("strict"):
        curve = range_test(
            lambda params, batch: watch(loss_fn(params, batch)),
            lambda key: watch(init(key)),
            opaque_sam,
            (X, Y),
            evaluate=lambda params: watch((loss_fn(params, (X[0], Y[0])), params["above"])),
            metric=lambda aux: watch(jnp.sum(aux)),
            num_steps=2,
            seeds=1,
        )[0]
        assert len(curve) == 2
        with pytest.raises(Exception, match="promotion"):
            range_test(lambda params, batch: jnp.float16(0) + loss_fn(params, batch), PARAMS, optax.sgd, (X, Y))
    assert set(seen) == {"strict"}
    assert len(seen) >= 5


@pytest.mark.parametrize("form", ["scan", "loop"])
def test_to_diverge_is_no_error_while_looking_for_nans(form: str) -> None:
    """``jax.debug_nans`` is for training: updates past the end of the test overflow as they are meant to."""
    batches = (X, Y) if form == "scan" else batches_again_and_again()
    with jax.debug_nans(True), jax.debug_infs(True):
        curve = range_test(loss_fn, PARAMS, optax.sgd, batches, start_lr=1e-4, end_lr=1e30, num_steps=60)
        assert jax.config.jax_debug_nans
    assert curve.stop_reason == "diverged"


@pytest.mark.parametrize("form", ["scan", "loop"])
def test_training_steps_are_traced_once(form: str) -> None:
    """Sixty updates at sixty rates: one trace of the loss function to differentiate it, no more."""
    traces = 0

    def counted(params: Any, batch: Any) -> Any:
        nonlocal traces
        traces += 1
        return loss_fn(params, batch)

    batches = (X, Y) if form == "scan" else batches_again_and_again()
    # Python numbers as parameters are weakly typed before the first update and not after it.
    range_test(lambda p, b: counted(p["net"], b) + p["bias"] ** 2, {"net": PARAMS, "bias": 1.0}, optax.adam, batches)
    assert traces == 1


@pytest.mark.parametrize("form", ["scan", "loop"])
@pytest.mark.parametrize("fails", [False, True], ids=["after a test", "after an exception"])
def test_nothing_handed_in_is_changed(form: str, fails: bool) -> None:
    """Parameters, model state, key and batches are not deleted and bit-identical, also after an exception."""
    given = {
        "params": PARAMS,
        "state": {"mean": jnp.ones(3)},
        "rng": jax.random.key_data(jax.random.key(1)),
        "batches": (jnp.asarray(X), jnp.asarray(Y)),
    }
    before = jax.tree.map(np.array, given)

    def broken(params: Any, batch: Any, *, state: Any, rng: Any) -> Any:
        if fails:
            raise OSError("no more disk")
        return loss_fn(params, batch), jax.tree.map(lambda leaf: leaf + 1, state)

    stacked = given["batches"]
    ragged = [*zip(*stacked, strict=True), (stacked[0][0, :4], stacked[1][0, :4])]
    batches = stacked if form == "scan" else ragged
    run = functools.partial(
        range_test, broken, given["params"], optax.adam, batches, state=given["state"], rng=given["rng"]
    )
    if fails:
        with pytest.raises(OSError, match="no more disk"):
            run()
    else:
        assert run() == run()
    assert jax.tree.all(jax.tree.map(np.array_equal, before, given))


@pytest.mark.parametrize("form", ["scan", "loop"])
def test_a_key_reaches_every_update(form: str) -> None:
    """Each update has its own key; the same key gives the same curve, another key another one."""

    def noisy(params: Any, batch: Any, *, rng: Any) -> Any:
        return params**2 + jax.random.uniform(rng)

    def losses(seed: int) -> tuple[float, ...]:
        batches = ONES if form == "scan" else iter(np.ones(10, np.float32))
        return range_test(noisy, 1.0, optax.sgd, batches, end_lr=1e-6, num_steps=10, rng=jax.random.key(seed)).losses

    assert len(set(losses(0))) == 10
    assert losses(0) == losses(0)
    assert not set(losses(0)) & set(losses(1))


@pytest.mark.parametrize("form", ["scan", "loop"])
def test_state_and_metric_are_handed_through(form: str) -> None:
    """The state counts the updates, the metric is read from aux; both are those of each update."""

    def counting(params: Any, batch: Any, *, state: Any) -> Any:
        return params * 0.0 + 10.0 - state["updates"], ({"updates": state["updates"] + 1}, batch * 2)

    numbers = np.arange(5, dtype=np.float32)
    curve = range_test(
        counting,
        1.0,
        optax.sgd,
        numbers if form == "scan" else iter(numbers),
        num_steps=5,
        state={"updates": 0},
        has_aux=True,
        metric=lambda aux: aux,
    )
    assert curve.losses == (10.0, 9.0, 8.0, 7.0, 6.0)
    assert curve.metrics == (0.0, 2.0, 4.0, 6.0, 8.0)


@pytest.mark.parametrize("form", ["scan", "loop"])
def test_a_validation_loss_can_be_recorded(form: str) -> None:
    """``evaluate`` sees the parameters and the state after each update; its loss and metric are the curve's."""

    def train(params: Any, batch: Any, *, state: Any) -> Any:
        return descend(params, batch), state + 1

    curve = range_test(
        train,
        jnp.float32(0.0),
        optax.sgd,
        ONES if form == "scan" else iter(np.ones(10, np.float32)),
        state=jnp.int32(0),
        evaluate=lambda params, state: (params, state),
        metric=lambda aux: aux,
        **POWERS,
    )
    assert curve.losses == tuple(-sum(2.0**k for k in range(-9, last)) for last in range(-8, 2))
    assert curve.metrics == tuple(range(1, 11))


def test_batch_norm_and_dropout_of_flax_train_in_it() -> None:
    """A network with both, split by NNX: scan and loop update its running means alike."""
    nnx = frameworks.load("flax.nnx")

    class Network(nnx.Module):  # type: ignore[misc, name-defined]
        def __init__(self, rngs: Any) -> None:
            self.below = nnx.Linear(4, 8, rngs=rngs)
            self.norm = nnx.BatchNorm(8, rngs=rngs)
            self.dropout = nnx.Dropout(0.5, rngs=rngs)
            self.above = nnx.Linear(8, 1, rngs=rngs)

        def __call__(self, x: Any) -> Any:
            return self.above(self.dropout(self.norm(self.below(x))))

    graph, params, state = nnx.split(Network(nnx.Rngs(0)), nnx.Param, ...)

    def train(params: Any, batch: Any, *, state: Any) -> Any:
        model = nnx.merge(graph, params, state)
        loss = jnp.mean((model(batch[0]) - batch[1]) ** 2)
        return loss, (nnx.state(model, nnx.Not(nnx.Param)), jnp.mean(model.norm.mean[...]))

    curves = [
        range_test(
            train,
            params,
            optax.sgd,
            batches,
            state=state,
            has_aux=True,
            metric=lambda aux: aux,
            end_lr=0.1,
            num_steps=20,
            divergence=None,
        )
        for batches in ((X, Y), batches_again_and_again())
    ]
    assert_same_curve(curves[0], curves[1])
    assert curves[0].metrics is not None
    # The running mean moved at every update, and every update had its own dropout.
    assert len(set(curves[0].metrics)) == 20
    assert not jnp.any(nnx.state(nnx.merge(graph, params, state), nnx.BatchStat)["norm"]["mean"][...])


def test_an_equinox_model_is_parameters_though_it_can_be_called() -> None:
    """A model with __call__ is not mistaken for a function that makes parameters; batch norm's state is passed on."""
    eqx = frameworks.load("equinox")

    class Network(eqx.Module):  # type: ignore[misc, name-defined]
        below: Any
        norm: Any
        above: Any

        def __init__(self, key: Any) -> None:
            below, above = jax.random.split(key)
            self.below = eqx.nn.Linear(4, 8, key=below)
            self.norm = eqx.nn.BatchNorm(8, "batch", mode="batch")
            self.above = eqx.nn.Linear(8, 1, key=above)

        def __call__(self, x: Any, state: Any) -> Any:
            hidden, state = self.norm(self.below(x), state)
            return self.above(jax.nn.relu(hidden)), state

    def parameters(key: Any) -> Any:
        return eqx.partition(eqx.nn.make_with_state(Network)(key)[0], eqx.is_inexact_array)[0]

    model, state = eqx.nn.make_with_state(Network)(jax.random.key(0))
    params, static = eqx.partition(model, eqx.is_inexact_array)
    assert callable(params)

    def train(params: Any, batch: Any, *, state: Any) -> Any:
        model = jax.vmap(eqx.combine(params, static), axis_name="batch", in_axes=(0, None), out_axes=(0, None))
        out, state = model(batch[0], state)
        return jnp.mean((out - batch[1]) ** 2), state

    settings: dict[str, Any] = {"state": state, "end_lr": 0.1, "num_steps": 20, "divergence": None}
    single = range_test(train, params, optax.sgd, (X, Y), **settings)
    assert_same_curve(single, range_test(train, params, optax.sgd, batches_again_and_again(), **settings))
    assert len(range_test(train, parameters, optax.sgd, (X, Y), seeds=2, **settings)) == 2


def test_every_seed_has_a_curve() -> None:
    """Test i equals a single test with the parameters, order of batches and key of seed i."""
    seen = range_test(loss_fn, init, optax.sgd, (X, Y), seeds=3, **(SETTINGS | {"end_lr": 0.1}))
    assert len({curve.losses for curve in seen}) == 3
    for seed, curve in enumerate(seen):
        order = np.random.default_rng(seed).permutation(BATCHES)
        single = range_test(
            loss_fn, init(jax.random.key(seed)), optax.sgd, (X[order], Y[order]), **(SETTINGS | {"end_lr": 0.1})
        )
        assert_same_curve(curve, single)


def test_seeds_share_parameters_that_are_given() -> None:
    """From one set of parameters the seeds differ by the order of batches and by the key."""
    noisy: Any = lambda params, batch, rng: loss_fn(params, batch) + jax.random.uniform(rng)  # noqa: E731
    curves = range_test(noisy, PARAMS, optax.sgd, (X, Y), seeds=2, rng=jax.random.key(7), num_steps=20, end_lr=1e-6)
    order = np.random.default_rng(1).permutation(BATCHES)
    key = jax.random.fold_in(jax.random.key(7), 1)
    single = range_test(noisy, PARAMS, optax.sgd, (X[order], Y[order]), rng=key, num_steps=20, end_lr=1e-6)
    assert_same_curve(curves[1], single)
    assert curves[0].losses != curves[1].losses


def test_each_seed_stops_for_itself() -> None:
    """One seed's divergence does not end the tests of the others."""
    curves = range_test(loss_fn, lambda key: jax.tree.map(lambda leaf: leaf * 3, init(key)), optax.sgd, (X, Y), seeds=4)
    assert len({len(curve) for curve in curves}) > 1


SHARDED = """
import numpy as np, jax, jax.numpy as jnp, optax
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from clr_optax import range_test
assert jax.device_count() == 4
random = np.random.default_rng(0)
x = random.normal(size=(8, 16, 4)).astype(np.float32)
y = np.tanh(x @ random.normal(size=(4, 1))).astype(np.float32)
params = {"below": random.normal(size=(4, 8)) / 2, "above": random.normal(size=(8, 1)) / 2}
params = jax.tree.map(jnp.float32, params)

def loss_fn(params, batch):
    x, y = batch
    return jnp.mean((jnp.tanh(x @ params["below"]) @ params["above"] - y) ** 2)

mesh = Mesh(np.array(jax.devices()), ("data",))
stack = jax.device_put((x, y), NamedSharding(mesh, PartitionSpec(None, "data")))
each = [jax.device_put(batch, NamedSharding(mesh, PartitionSpec("data"))) for batch in zip(x, y)]
assert len(stack[0].sharding.device_set) == 4
forms = ((x, y), stack, each, iter(each * 10))
one, *others = (range_test(loss_fn, params, optax.sgd, batches, start_lr=1e-4, num_steps=60) for batches in forms)
for other in others:
    assert (other.lrs, other.stop_reason) == (one.lrs, one.stop_reason), other
    np.testing.assert_allclose(other.losses, one.losses, rtol=1e-5)
print(len(one), one.stop_reason)
"""


def test_four_devices_give_the_curve_of_one() -> None:
    """A batch sharded over a mesh of four is data-parallel training: stacked, in a list, one by one."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", SHARDED],
        capture_output=True,
        text=True,
        env={**os.environ, "XLA_FLAGS": "--xla_force_host_platform_device_count=4"},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[1] in ("diverged", "completed")


def test_ctrl_c_keeps_what_was_recorded() -> None:
    """In the loop, an interruption after 25 batches leaves a curve of 25 points that says so."""

    def interrupted() -> Iterator[Any]:
        for number, batch in enumerate(batches_again_and_again()):
            if number == 25:
                raise KeyboardInterrupt
            yield batch

    curve = range_test(loss_fn, PARAMS, optax.sgd, interrupted(), **SETTINGS)
    assert (len(curve), curve.stop_reason) == (25, "interrupted")
    whole = range_test(loss_fn, PARAMS, optax.sgd, (X, Y), **SETTINGS)
    assert curve.losses == pytest.approx(whole.losses[:25], rel=1e-5)


def test_settings_reach_the_machine() -> None:
    """Mode, number of steps and divergence are those of clr_core.RangeTest."""
    curve = range_test(
        loss_fn, PARAMS, optax.sgd, (X, Y), start_lr=0.25, end_lr=100.0, num_steps=4, mode="linear", divergence=None
    )
    assert curve.lrs == (0.25, 33.5, 66.75, 100.0)


def test_find_bounds_takes_it_as_it_is() -> None:
    """With the arguments of the test bound, and no glue; the bounds are those of the last test it ran."""
    run = functools.partial(range_test, loss_fn, PARAMS, optax.sgd, (X, Y))
    bounds = clr_core.find_bounds(run, total_steps=200)
    assert 1e-3 < bounds.max_lr < bounds.evidence.rise_lr * 10
    assert len(bounds.curves[0]) <= bounds.test_updates <= 1000
