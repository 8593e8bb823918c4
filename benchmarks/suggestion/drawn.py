"""Tasks randomly sampled from the data, networks and budgets there are, three of each of eleven kinds at a time.

Nobody chose them, so they are as hard as tasks of their kinds are. Four draws are for development, two of them
without the kinds that take longest to train. The last is held out: none of its tasks was trained before this file was
committed, and nothing is fitted on them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import jax.numpy as jnp
import numpy as np
import sources
from flax import linen as nn
from networks import Characters, Convolutional, Dense, Residual
from sklearn import datasets
from tasks import Task

OF_EACH_KIND = 3

Data = Callable[[], sources.Pair]
Rng = np.random.Generator
Drawn = tuple[str, Data, nn.Module]
"""A name, data and a network."""

_ANSWERS = {
    "work": ("cps91", "inlf", "husage huseduc hushrs kidge6 kidlt6 age educ black hispanic exper"),
    "work of mothers": ("labsup", "worked", "kids multi2nd age agefstm black hispan educ nonmomi"),
    "happiness": ("happiness", "vhappy", "prestige educ babies preteen teens black female occattend regattend"),
    "degrees": ("twoyear", "BA", "female phsrank black hispanic exper lwage smcity medcity lgcity south"),
    "prison again": ("recid", "cens", "black alcohol drugs super married felon workprg priors educ rules age tserved"),
    "family planning": ("fertil2", "usemeth", "age educ children electric radio tv bicycle urban catholic"),
}
_CLASSES: dict[str, Data] = {name: sources.survey(*of, classes=True) for name, of in _ANSWERS.items()} | {
    "wine": sources.table(datasets.load_wine),
    "breast cancer": sources.table(datasets.load_breast_cancer),
}
"""Each with up to four classes."""

_REGRESSIONS = {
    "points at college": ("gpa2", "colgpa", "sat hsize hsrank hsperc female white black athlete"),
    "wages and schools": ("card", "wage", "educ age nearc4 black smsa south exper momdad14"),
    "salaries of teachers": ("benefits", "avgsal", "lunch enroll staff exppp math4 story4"),
    "schools of a state": ("meap01", "math4", "lunch enroll expend exppp read4"),
    "schools in seven years": ("mathpnl", "math4", "lunch enrol expp avgsal drop grad year"),
    "incomes": ("census2000", "lweekinc", "educ exper"),
    "wages and ability": ("htv", "wage", "abil educ exper motheduc fatheduc sibs urban south"),
    "deaths on the road": ("driving", "totfatrte", "unem perc14_24 vehicmilespc sl70plus bac08 minage seatbelt year"),
    "spent on food": ("expendshares", "sfood", "income age kids totexpend"),
    "weight and parents": ("bwght2", "bwght", "mage meduc npvis fage feduc cigs drink male"),
    "murders": ("countymurders", "murdrate", "density perc1019 perc2029 percblack percmale year"),
    "exam": ("econmath", "score", "colgpa hsgpa act age work study calculus male"),
}
_IMAGES = {
    "digits": (sources.digits, sources.digit_labels, 8),
    "mnist": (sources.mnist, sources.mnist_labels, 14),
}
_PLATEAUS: dict[str, Data] = {
    "two spirals": lambda: sources.spirals(2),
    "four spirals": lambda: sources.spirals(4),
    "checkerboard": sources.checkerboard,
    "rings": sources.rings,
    "parity of two": lambda: sources.parity(2, 12),
    "parity of three": lambda: sources.parity(3, 6),
    "multiplexer": sources.multiplexer,
    "moons": sources.moons,
    "shells": sources.shells,
    "xor": sources.xor,
}
"""Each with up to four classes."""

_TEXTS: dict[str, Data] = {
    "manual": sources.text(sources.manual),
    "program": sources.text(sources.program),
    "arithmetic": sources.text(sources.arithmetic),
    "echo of one": lambda: sources.echo(1),
    "echo of two": lambda: sources.echo(2),
    "highest so far": sources.highest_so_far,
}
_ACTIVATIONS: dict[str, Callable[[Any], Any]] = {"relu": nn.relu, "tanh": jnp.tanh, "gelu": nn.gelu}


def _one(rng: Rng, of: Iterable[Any]) -> Any:
    choices = list(of)
    return choices[rng.integers(len(choices))]


def _dense(rng: Rng, outputs: int) -> tuple[str, Dense]:
    layers, width, activation = _one(rng, (1, 2, 3)), _one(rng, (16, 32, 48, 64)), _one(rng, _ACTIVATIONS)
    return f"{layers} of {width} {activation}", Dense([width] * layers, outputs, _ACTIVATIONS[activation])


def _labels(rng: Rng) -> tuple[str, Callable[[], Any], Callable[[], Any], int]:
    """Images, and one of three questions about them."""
    image = _one(rng, _IMAGES)
    inputs, labels, side = _IMAGES[image]
    question, answer = _one(
        rng,
        {
            "which": labels,
            "odd or even": lambda: labels() % 2,
            "above four": lambda: (labels() > 4).astype(int),
        }.items(),
    )
    return f"{image}, {question}", inputs, answer, side


def _tabular(rng: Rng) -> Drawn:
    data = _one(rng, _CLASSES)
    name, network = _dense(rng, 4)
    return f"{data}, {name}", _CLASSES[data], network


def _image(rng: Rng) -> Drawn:
    data, inputs, answer, side = _labels(rng)
    if _one(rng, (True, False)):
        name, network = _dense(rng, 10)
        return f"{data}, {name}", lambda: (inputs(), answer()), network
    channels = _one(rng, ([8], [8, 16], [6, 12, 24]))
    return f"{data}, {len(channels)} convolutions", lambda: (inputs(), answer()), Convolutional(side, channels, 10)


def _regression(rng: Rng, *, scaled: bool) -> Drawn:
    data = _one(rng, _REGRESSIONS)
    name, network = _dense(rng, 1)
    return f"{data}, {name}", sources.survey(*_REGRESSIONS[data], targets=scaled), network


def _autoencoder(rng: Rng) -> Drawn:
    image, noise = _one(rng, _IMAGES), _one(rng, (True, False))
    inputs, _, side = _IMAGES[image]
    narrow, activation = _one(rng, (8, 16, 32)), _one(rng, _ACTIVATIONS)
    hidden = _one(rng, ([narrow], [32, narrow, 32]))
    name = f"{image}, {'noise removed' if noise else 'autoencoder'}, {len(hidden)} layers, {narrow} {activation}"
    data = (lambda: sources.noisy(inputs())) if noise else (lambda: (inputs(), inputs()))
    return name, data, Dense(hidden, side**2, _ACTIVATIONS[activation])


def _residual(rng: Rng, *, norms: tuple[str | None, ...]) -> Drawn:
    data, inputs, answer, _ = _labels(rng)
    blocks, width, norm = _one(rng, (2, 4, 6)), _one(rng, (16, 24, 32)), _one(rng, norms)
    name = f"{data}, {blocks} blocks of {width}, {norm or 'no'} norm"
    return name, lambda: (inputs(), answer()), Residual(blocks, width, 10, norm)


def _wrong_labels(rng: Rng) -> Drawn:
    image, share = _one(rng, _IMAGES), _one(rng, (0.1, 0.3, 0.5))
    inputs, labels, _ = _IMAGES[image]
    name, network = _dense(rng, 10)
    return f"{image}, {share:.0%} wrong, {name}", lambda: (inputs(), sources.wrong(labels(), share)), network


def _plateau(rng: Rng) -> Drawn:
    data = _one(rng, _PLATEAUS)
    name, network = _dense(rng, 4)
    return f"{data}, {name}", _PLATEAUS[data], network


def _characters(rng: Rng, *, bodies: tuple[str, ...]) -> Drawn:
    data, body, width = _one(rng, _TEXTS), _one(rng, bodies), _one(rng, (12, 16, 20))
    return f"{data}, {body} {width}", _TEXTS[data], Characters(body, width)


_KINDS: dict[str, Callable[[Rng], Drawn]] = {
    "tabular classes": _tabular,
    "image classes": _image,
    "regression, scaled": lambda rng: _regression(rng, scaled=True),
    "regression, not scaled": lambda rng: _regression(rng, scaled=False),
    "autoencoder": _autoencoder,
    "residual, normalised": lambda rng: _residual(rng, norms=("layer", "batch")),
    "residual, not normalised": lambda rng: _residual(rng, norms=(None,)),
    "label noise": _wrong_labels,
    "plateau": _plateau,
    "recurrent": lambda rng: _characters(rng, bodies=("simple", "gru", "lstm")),
    "transformer": lambda rng: _characters(rng, bodies=("norm first", "norm last")),
}
_OF_TEXT = ("recurrent", "transformer")
"""Of these each update takes several times as long; so the training runs have fewer."""


_SLOW = (*_OF_TEXT, "residual, normalised", "residual, not normalised")


def draw(seed: int, taken: Iterable[str] = ()) -> dict[str, Task]:
    """By name; what is drawn twice, or was taken before, counts once, and another is drawn."""
    rng = np.random.default_rng(seed)
    found: dict[str, Task] = {}
    for kind, drawn in _KINDS.items():
        while sum(task.kind == kind for task in found.values()) < OF_EACH_KIND:
            name, data, network = drawn(rng)
            steps, batch = _one(rng, (192, 256) if kind in _OF_TEXT else (320, 640, 960)), _one(rng, (16, 32, 64))
            name = f"{kind}: {name}, {steps} updates of {batch}"
            if name not in taken:
                found[name] = Task(kind, data, network, steps, batch=batch)
    return found


_FIRST = draw(2028)
_SECOND = draw(2029, _FIRST)
_THIRD = draw(2030, _FIRST | _SECOND)
_FOURTH = draw(2031, _FIRST | _SECOND | _THIRD)
_QUICK = {name: task for name, task in (_SECOND | _THIRD).items() if task.kind not in _SLOW}
DEVELOPMENT = _FIRST | _QUICK | _FOURTH
HELD_OUT = draw(2032, _FIRST | _SECOND | _THIRD | _FOURTH)
