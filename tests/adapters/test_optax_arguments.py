"""Arguments that ``clr_optax.range_test`` refuses, each in clr's own words, before any update."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import frameworks
import numpy as np
import pytest

jax = frameworks.load("jax")
optax = frameworks.load("optax")

import jax.numpy as jnp  # noqa: E402
from clr_optax import range_test  # noqa: E402

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


def init(key: Any) -> dict[str, Any]:
    return jax.tree.map(lambda leaf: leaf + jax.random.uniform(key), PARAMS)  # type: ignore[no-any-return]


SCHEDULED = optax.inject_hyperparams(optax.adam)(learning_rate=optax.constant_schedule(0.1))


@pytest.mark.parametrize(
    ("change", "kind", "message"),
    [
        (
            {"tx": optax.adam(0.1)},
            TypeError,
            "tx must be a function from a learning rate.*this one's learning rate is fixed",
        ),
        ({"tx": 0.1}, TypeError, r"tx must be a function from a learning rate.*got tx=0\.1"),
        ({"tx": lambda lr: lr}, TypeError, r"tx must be a function from a learning rate.*got tx\(lr\)="),
        ({"tx": SCHEDULED}, ValueError, "tx must have a learning_rate that can be set"),
        ({"tx": optax.inject_hyperparams(optax.adam)(0.0)}, ValueError, "tx must have a first learning rate > 0"),
        ({"tx": lambda lr: optax.MultiSteps(optax.adam(lr), 2)}, ValueError, "tx must update at every batch"),
        (
            {"tx": lambda lr: optax.MultiSteps(optax.adam(lr), 2).gradient_transformation()},
            ValueError,
            "tx must update at every batch",
        ),
        ({"loss_fn": 3}, TypeError, "loss_fn must be a function"),
        (
            {"loss_fn": lambda p, b: loss_fn(p, b)[None]},
            ValueError,
            r"loss_fn must return loss here, .* one floating-point number, got an array of shape \(1,\): take its mean",
        ),
        (
            {"loss_fn": lambda p, b: (loss_fn(p, b), {})},
            TypeError,
            r"loss_fn must return loss here.*got a tuple: pass has_aux=True if it returns \(loss, aux\)",
        ),
        ({"loss_fn": lambda p, b: None}, TypeError, "loss_fn must return loss here.*got a NoneType"),
        ({"loss_fn": lambda p, b: 1}, TypeError, "one floating-point number, got dtype int32"),
        ({"loss_fn": lambda p, b: loss_fn(p, b) * 1j}, TypeError, "one floating-point number, got dtype complex64"),
        (
            {"has_aux": True, "loss_fn": lambda p, b: ((b[1] - 1) ** 2, b)},
            ValueError,
            r"loss_fn must return \(loss, aux\) here, .* got an array of shape \(64, 1\)",
        ),
        (
            {"state": np.zeros(2), "loss_fn": lambda p, b, state: (loss_fn(p, b), (state, {"accuracy": 1.0}))},
            ValueError,
            r"loss_fn must return a state .*pass has_aux=True if it returns \(loss, \(new_state, aux\)\)",
        ),
        (
            {"state": np.zeros(2), "loss_fn": lambda p, b, state: (loss_fn(p, b), "state")},
            ValueError,
            r"loss_fn must return a state .*got str for float32\[2\]",
        ),
        (
            {"evaluate": lambda p: (loss_fn(p, (X[0], Y[0])), {})},
            TypeError,
            "evaluate must return a loss that is one number, got a tuple: it returns an aux for a metric only",
        ),
        (
            {"evaluate": lambda p: p["above"]},
            ValueError,
            r"evaluate must return .* one number, got an array of shape \(8, 1\)",
        ),
        (
            {"has_aux": True, "metric": lambda aux: {"accuracy": aux}, "loss_fn": lambda p, b: (loss_fn(p, b), 1.0)},
            TypeError,
            "metric must return one number, got a dict",
        ),
        ({"params": init}, TypeError, "params must be .*, got a function of a key: call it, or say how many seeds"),
        ({"batches": []}, ValueError, "at least one batch"),
        ({"batches": (X, Y[:3])}, ValueError, r"whose length all its arrays share, got arrays of shapes \[\(8, 64"),
        ({"batches": np.float32(1.0)}, ValueError, "batches must be"),
        ({"batches": (X[:0], Y[:0])}, ValueError, "batches must be"),
        ({"batches": 3}, TypeError, "batches must be a list or another iterable of batches"),
        (
            {"batches": zip(X, Y, strict=True)},
            ValueError,
            "batches must give a batch to every update of the range test, got 8",
        ),
        ({"batches": iter(())}, ValueError, "batches must give .*, got 0"),
        ({"batches": zip(X, Y, strict=True), "seeds": 2}, ValueError, "batches must be stacked.* got seeds=2"),
        ({"seeds": 0}, ValueError, "seeds must be an int >= 1, got seeds=0"),
        ({"metric": float}, TypeError, "metric must come with has_aux=True or with evaluate"),
        ({"has_aux": True}, TypeError, r"loss_fn must return \(loss, aux\)"),
        ({"state": 1, "loss_fn": lambda p, b, state: loss_fn(p, b)}, TypeError, r"must return \(loss, new_state\)"),
        (
            {"state": np.zeros(2), "loss_fn": lambda p, b, state: (loss_fn(p, b), state[:1])},
            ValueError,
            r"same structure, shapes and dtypes as it is given, got float32\[1\] for float32\[2\]",
        ),
        (
            {"has_aux": True, "metric": lambda aux: aux, "loss_fn": lambda p, b: (loss_fn(p, b), b[1])},
            ValueError,
            r"metric must return one number, got an array of shape \(64, 1\)",
        ),
        ({"evaluate": lambda p: loss_fn(p, (X[0], Y[0])), "metric": float}, TypeError, "evaluate must return"),
        ({"start_lr": 0.0}, ValueError, "start_lr must be a finite number > 0"),
        ({"num_steps": 1}, ValueError, "num_steps must be an int >= 2"),
        ({"mode": "cosine"}, ValueError, "mode must be one of 'exponential', 'linear'"),
    ],
)
def test_bad_arguments_are_refused(change: dict[str, Any], kind: type[Exception], message: str) -> None:
    """The rule, then the value, before any update."""
    arguments = {"loss_fn": loss_fn, "params": PARAMS, "tx": optax.sgd, "batches": (X, Y)} | SETTINGS | change
    with pytest.raises(kind, match=f"(?s){message}"):
        range_test(**arguments)


def train_state() -> Any:
    training = frameworks.load("flax.training.train_state")
    return training.TrainState.create(apply_fn=loss_fn, params=PARAMS, tx=optax.sgd(0.1))


def linen_module() -> Any:
    return frameworks.load("flax.linen").Dense(3)


def nnx_module() -> Any:
    nnx = frameworks.load("flax.nnx")
    return nnx.Dropout(0.5, rngs=nnx.Rngs(0))


def equinox_module() -> Any:
    return frameworks.load("equinox").nn.MLP(4, 1, 8, 1, key=jax.random.key(0))


def torch_module() -> Any:
    return frameworks.load("torch").nn.Linear(4, 1)


@pytest.mark.parametrize(
    "make",
    [train_state, linen_module, nnx_module, equinox_module, torch_module, dict, lambda: {"a": np.arange(3)}],
)
@pytest.mark.parametrize("seeds", [None, 2])
def test_what_is_no_parameters_is_refused(make: Any, seeds: int | None) -> None:
    """A TrainState, a module or anything else: one sentence, with how to get the parameters out of it."""
    with pytest.raises(TypeError, match=r"params must be a pytree of floating-point arrays.*got") as caught:
        range_test(loss_fn, make(), optax.sgd, (X, Y), seeds=seeds, **SETTINGS)
    assert "state.params of a TrainState" in str(caught.value) or "function of a key" in str(caught.value)


def data_loader() -> Any:
    torch = frameworks.load("torch")
    data = torch.utils.data.TensorDataset(torch.zeros(8, 4), torch.zeros(8, 1))
    return torch.utils.data.DataLoader(data, batch_size=4)


@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (data_loader, "torch.Tensor at batch"),
        (lambda: list(data_loader()), "torch.Tensor at batch"),
        (lambda: [("a", "b")], "builtins.str at batch"),
        (lambda: (np.array(["a", "b"]),), "numpy.ndarray at batch"),
        (lambda: [{"x": X[0], "name": None, "label": object()}], r"builtins.object at batch\['label'\]"),
        (lambda: iter([X[0], np.array([None])]), "numpy.ndarray at batch"),
    ],
    ids=["DataLoader", "list of tensors", "strings", "array of strings", "object", "iterator"],
)
def test_batches_that_jax_cannot_compute_with_are_refused(make: Any, kind: str) -> None:
    """What it is, where it is, and how a DataLoader is made to give arrays."""
    with pytest.raises(TypeError, match=f"batches must hold NumPy or JAX arrays of numbers, got {kind}.*collate_fn"):
        range_test(lambda params, batch: params**2, 1.0, optax.sgd, make(), **SETTINGS)


def test_a_data_loader_that_gives_arrays_is_taken() -> None:
    """By the collate_fn of the message."""
    torch = frameworks.load("torch")
    loader = torch.utils.data.DataLoader(
        list(zip(X.reshape(-1, 4), Y.reshape(-1, 1), strict=True)),
        batch_size=64,
        collate_fn=lambda examples: jax.tree.map(lambda *leaves: np.stack(leaves), *examples),
    )
    looped = range_test(loss_fn, PARAMS, optax.sgd, loader, **SETTINGS)
    scanned = range_test(loss_fn, PARAMS, optax.sgd, (X, Y), **SETTINGS)
    assert looped.losses == pytest.approx(scanned.losses, rel=1e-5)


class Shuffling:
    """A loader of one's own: it draws from a generator, shuffles in place and counts its passes."""

    def __init__(self) -> None:
        self.generator = np.random.default_rng(1)
        self.order = np.arange(8)
        self.passes = 0

    def __iter__(self) -> Iterator[Any]:
        self.passes += 1
        self.generator.shuffle(self.order)
        for chosen in self.order:
            yield X[chosen], Y[chosen] + self.passes


@pytest.mark.parametrize("used", [0, 1])
def test_the_data_come_as_without_the_test(used: int) -> None:
    """A loader's own generator, order and counters, also where it has been iterated over before."""
    tested, plain = Shuffling(), Shuffling()
    for _ in range(used):
        assert all(map(list, (tested, plain)))
    range_test(loss_fn, PARAMS, optax.sgd, tested, **SETTINGS)
    for batch, expected in zip(tested, plain, strict=True):
        assert all(map(np.array_equal, batch, expected))


@pytest.mark.parametrize("fails", [None, OSError, KeyboardInterrupt])
def test_random_states_are_restored(fails: type[BaseException] | None) -> None:
    """Python's, NumPy's and torch's generators, and a loader's own, are bit-identical; also after an exception."""
    torch = frameworks.load("torch")
    own = torch.Generator().manual_seed(5)

    def collate(examples: Any) -> Any:
        if fails is not None and random.random() < 0.2:
            raise fails
        return np.float32(len(examples) + np.random.rand() + float(torch.rand(())))

    loader = torch.utils.data.DataLoader(range(40), batch_size=4, shuffle=True, generator=own, collate_fn=collate)
    random.seed(0)

    def states() -> list[Any]:
        return [random.getstate(), str(np.random.get_state()), own.get_state().tolist(), torch.get_rng_state().tolist()]

    before = states()
    try:
        curve = range_test(lambda params, batch: params**2 * batch, 1.0, optax.sgd, loader, end_lr=1e-3)
        assert curve.stop_reason in ("completed", "interrupted")
    except OSError:
        assert fails is OSError
    assert states() == before


@pytest.mark.parametrize("argument", ["params", "state", "rng", "stack", "list", "iterator"])
def test_donated_arrays_are_refused(argument: str) -> None:
    """A step with donate_argnums deletes what it is given; where it is, and what to pass in its place."""
    array = jnp.ones(4)
    given: dict[str, Any] = {"params": 1.0, "batches": np.ones(4, np.float32)}
    given |= {
        "params": {"params": {"w": array}},
        "state": {"state": [array]},
        "rng": {"rng": (array := jax.random.key(0))} if argument == "rng" else {},
        "stack": {"batches": array},
        "list": {"batches": [(array, array)]},
        "iterator": {"batches": iter([array])},
    }[argument]
    array.delete()
    name = "batches" if argument in ("stack", "list", "iterator") else argument
    with pytest.raises(ValueError, match=f"{name} must have values, got a deleted array at {name}.*donate_argnums"):
        range_test(lambda params, batch: params**2, tx=optax.sgd, **given)


def test_inside_of_jit_it_is_refused() -> None:
    """A curve is made of numbers, which a function under jit has none of."""
    with pytest.raises(
        TypeError, match=r"params must have values.* at params\['above'\]: call range_test outside of jit"
    ):
        jax.jit(lambda params: range_test(loss_fn, params, optax.sgd, (X, Y)))(PARAMS)


@pytest.mark.parametrize("make", [lambda: jax.random.split(jax.random.key(0), 3), lambda: np.zeros(3, np.uint32)])
def test_several_keys_are_no_key(make: Any) -> None:
    """Nor is a vector that no generator takes for its state."""
    with pytest.raises(ValueError, match=r"rng must be a key made by .*, got an array of shape \(3,\) and dtype"):
        range_test(lambda p, b, rng: loss_fn(p, b), PARAMS, optax.sgd, (X, Y), rng=make(), **SETTINGS)


@pytest.mark.parametrize("rng", [0, 1.5, "key", np.zeros(2)])
def test_a_seed_is_no_key(rng: Any) -> None:
    """``jax.random.key(0)`` is meant; keys of either style are taken."""
    noisy: Any = lambda params, batch, rng: loss_fn(params, batch) + jax.random.uniform(rng)  # noqa: E731
    with pytest.raises(TypeError, match=r"rng must be a key made by jax\.random\.key, or None, got rng="):
        range_test(noisy, PARAMS, optax.sgd, (X, Y), rng=rng, **SETTINGS)
    for key in (jax.random.key(0), jax.random.PRNGKey(0)):
        assert len(range_test(noisy, PARAMS, optax.sgd, (X, Y), rng=key, num_steps=2)) == 2
