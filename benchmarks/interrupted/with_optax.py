"""Optax range tests: a loop over batches that draw from the random states, one scan, and one for several seeds."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import clr_optax
import jax
import jax.numpy as jnp
import numpy as np
import optax
from interrupted.plain import of_the_process, plain

FIXED = {"num_steps": 12, "end_lr": 0.1, "has_aux": True, "metric": lambda aux: aux}


class Batches:
    """A data set that draws from the random states of Python and NumPy."""

    def __init__(self, x: Any, y: Any) -> None:
        self.x, self.y = x, y

    def __iter__(self) -> Iterator[Any]:
        for x, y in zip(self.x, self.y, strict=True):
            yield x + np.float32(random.random() * np.random.rand()), y


class Setting:
    name = "optax"

    def __init__(self) -> None:
        random.seed(0)
        np.random.seed(0)
        self.x = np.random.default_rng(0).normal(size=(4, 16, 8)).astype("float32")
        self.y = self.x.argmax(2).clip(max=2)
        self.batches = Batches(self.x, self.y)
        self.rng = jax.random.key(1)
        self.params = {"below": jax.random.normal(self.rng, (8, 16)) / 8.0, "above": jnp.ones((16, 3))}
        self.state = {"mean": jnp.zeros(8)}
        self.ways = {"loop": self._loop, "scan": self._scan, "seeds": self._seeds}
        self.turns = tuple(self.ways)

    def _loss(self, params: Any, batch: Any, state: Any, rng: Any) -> Any:
        x, y = batch
        mean = 0.9 * state["mean"] + 0.1 * x.mean(0)
        hidden = jnp.tanh((x - mean) @ params["below"]) * jax.random.bernoulli(rng, 0.5, (16,))
        logits = hidden @ params["above"]
        loss = optax.softmax_cross_entropy_with_integer_labels(logits, y).mean()
        return loss, ({"mean": mean}, (logits.argmax(1) == y).mean())

    def _test(self, batches: Any, **more: Any) -> Any:
        arguments = {"state": self.state, "rng": self.rng} | FIXED | more
        return clr_optax.range_test(self._loss, self.params, optax.adam, batches, **arguments)

    def _loop(self) -> Any:
        return self._test(self.batches)

    def _scan(self) -> Any:
        return self._test((self.x, self.y))

    def _seeds(self) -> Any:
        return self._test((self.x, self.y), seeds=2)[1]

    def after_ctrl_c(self) -> None:
        """There is nothing left to do."""

    def fingerprint(self) -> dict[str, Any]:
        leaves = jax.tree.leaves((self.params, self.state, self.x, self.y))
        return of_the_process() | {
            "arrays": [(id(leaf), leaf.is_deleted() if hasattr(leaf, "is_deleted") else None) for leaf in leaves],
            "values": [plain(np.array(leaf)) for leaf in leaves],
            "key": plain(np.array(jax.random.key_data(self.rng))),
            "batches": plain(vars(self.batches)),
            "JAX's trace": repr(jax.typeof(jax.numpy.add(1, 1))),
        }
