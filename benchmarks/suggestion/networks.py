"""The networks of the tasks, small enough that forty-eight of them train at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax.numpy as jnp
from flax import linen as nn
from sources import ALPHABET, CONTEXT


class Dense(nn.Module):
    """Fully connected layers; with no hidden ones, a linear model. Weights begin with variance ``scale / inputs``."""

    hidden: Sequence[int]
    outputs: int
    activation: Callable[[Any], Any] = nn.relu
    scale: float = 1.0

    @nn.compact
    def __call__(self, x: Any) -> Any:
        initial = nn.initializers.variance_scaling(self.scale, "fan_in", "truncated_normal")
        for width in self.hidden:
            x = self.activation(nn.Dense(width, kernel_init=initial)(x))
        return nn.Dense(self.outputs, kernel_init=initial)(x)


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


_CELLS = {"simple": nn.SimpleCell, "gru": nn.GRUCell, "lstm": nn.OptimizedLSTMCell}


class Characters(nn.Module):
    """The next character from those before: embedded, then through ``body``, at every position or once."""

    body: str
    width: int

    @nn.compact
    def __call__(self, x: Any) -> Any:
        x = nn.Embed(len(ALPHABET) + 1, self.width)(x)
        if self.body == "dense":
            x = nn.relu(nn.Dense(2 * self.width)(x.reshape(len(x), -1)))
        elif self.body in _CELLS:
            x = nn.RNN(_CELLS[self.body](self.width))(x)
        else:
            x = x + self.param("position", nn.initializers.normal(0.1), (CONTEXT, self.width))
            x = self._block(x, first=self.body == "norm first")
        return nn.Dense(len(ALPHABET) + 1)(x)

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
