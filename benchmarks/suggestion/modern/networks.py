"""The networks: transformers, mixers, residual networks, U-Nets, LSTMs and plain layers.

The layer that gives the outputs is called ``head`` in all of them, so that fine-tuning can replace it and can give the
rest, the body, an LR of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
from flax import linen as nn


class _Block(nn.Module):
    """Attention and a layer of four times the width, each added to its normalised input."""

    heads: int
    causal: bool
    dropout: float

    @nn.compact
    def __call__(self, x: Any, *, training: bool) -> Any:
        width = x.shape[-1]
        mask = nn.make_causal_mask(jnp.zeros(x.shape[:2])) if self.causal else None
        drop = nn.Dropout(self.dropout, deterministic=not training)
        x = x + drop(nn.MultiHeadDotProductAttention(num_heads=self.heads)(nn.LayerNorm()(x), mask=mask))
        return x + drop(nn.Dense(width)(nn.gelu(nn.Dense(4 * width)(nn.LayerNorm()(x)))))


class Transformer(nn.Module):
    """Of tokens or of image patches; one output at each place, or one for all.

    Attributes:
        outputs: How many the head has.
        vocabulary: Of how many tokens; None for images, (height, width, channels).
        causal: Whether a place sees only those before it.
        pooled: Whether there is one output for all places, from their mean.
    """

    outputs: int
    width: int
    depth: int
    heads: int
    vocabulary: int | None = None
    causal: bool = False
    pooled: bool = False
    patch: int = 7
    dropout: float = 0.0

    @nn.compact
    def __call__(self, x: Any, *, training: bool = False) -> Any:
        if self.vocabulary is None:
            x = nn.Dense(self.width)(_patches(x, self.patch))
        else:
            x = nn.Embed(self.vocabulary, self.width, embedding_init=nn.initializers.normal(0.02))(x)
        x = x + self.param("position", nn.initializers.normal(0.02), x.shape[1:])
        for _ in range(self.depth):
            x = _Block(self.heads, self.causal, self.dropout)(x, training=training)
        x = nn.LayerNorm()(x)
        return nn.Dense(self.outputs, name="head")(x.mean(1) if self.pooled else x)


class Mixer(nn.Module):
    """An MLP-mixer of image patches: layers across the places and across the channels in turn."""

    outputs: int
    width: int
    depth: int
    patch: int = 7
    dropout: float = 0.0

    @nn.compact
    def __call__(self, x: Any, *, training: bool = False) -> Any:
        x = nn.Dense(self.width)(_patches(x, self.patch))
        drop = nn.Dropout(self.dropout, deterministic=not training)
        for _ in range(self.depth):
            y = nn.LayerNorm()(x).swapaxes(1, 2)
            y = nn.Dense(x.shape[1])(nn.gelu(nn.Dense(self.width // 2)(y)))
            x = x + drop(y.swapaxes(1, 2))
            x = x + drop(nn.Dense(self.width)(nn.gelu(nn.Dense(4 * self.width)(nn.LayerNorm()(x)))))
        return nn.Dense(self.outputs, name="head")(nn.LayerNorm()(x).mean(1))


def _patches(x: Any, side: int) -> Any:
    count, height, width, channels = x.shape
    x = x.reshape(count, height // side, side, width // side, side, channels).swapaxes(2, 3)
    return x.reshape(count, -1, side * side * channels)


class _BatchNorm(nn.Module):
    """Batch normalisation that always uses the batch it sees."""

    @nn.compact
    def __call__(self, x: Any) -> Any:
        scale = self.param("scale", nn.initializers.ones, x.shape[-1:])
        bias = self.param("bias", nn.initializers.zeros, x.shape[-1:])
        axes = tuple(range(x.ndim - 1))
        return (x - x.mean(axes)) / jnp.sqrt(x.var(axes) + 1e-5) * scale + bias


def _norm(kind: str) -> nn.Module:
    return _BatchNorm() if kind == "batch" else nn.GroupNorm(8)


class ResNet(nn.Module):
    """A residual network of images: two blocks of two convolutions for each number of channels."""

    outputs: int
    channels: Sequence[int]
    blocks: int = 2
    norm: str = "batch"

    @nn.compact
    def __call__(self, x: Any, *, training: bool = False) -> Any:
        x = nn.relu(_norm(self.norm)(nn.Conv(self.channels[0], (3, 3), use_bias=False)(x)))
        for stage, channels in enumerate(self.channels):
            for block in range(self.blocks):
                stride = 2 if stage and not block else 1
                y = nn.Conv(channels, (3, 3), strides=stride, use_bias=False)(x)
                y = nn.Conv(channels, (3, 3), use_bias=False)(nn.relu(_norm(self.norm)(y)))
                y = _norm(self.norm)(y)
                if x.shape != y.shape:
                    x = _norm(self.norm)(nn.Conv(channels, (1, 1), strides=stride, use_bias=False)(x))
                x = nn.relu(x + y)
        return nn.Dense(self.outputs, name="head")(x.mean((1, 2)))


class UNet(nn.Module):
    """A U-Net from images to images of the same size."""

    outputs: int
    channels: Sequence[int]

    @nn.compact
    def __call__(self, x: Any, *, training: bool = False) -> Any:
        def twice(x: Any, channels: int) -> Any:
            for _ in range(2):
                x = nn.relu(nn.GroupNorm(8)(nn.Conv(channels, (3, 3))(x)))
            return x

        down = []
        for channels in self.channels[:-1]:
            x = twice(x, channels)
            down.append(x)
            x = nn.max_pool(x, (2, 2), (2, 2))
        x = twice(x, self.channels[-1])
        for channels, left in zip(self.channels[-2::-1], down[::-1], strict=True):
            x = jnp.repeat(jnp.repeat(x, 2, 1), 2, 2)
            x = twice(jnp.concatenate([x, left], -1), channels)
        return nn.Conv(self.outputs, (1, 1), name="head")(x)


class LSTM(nn.Module):
    """Of tokens, with an output at each place or one from the last."""

    outputs: int
    vocabulary: int
    width: int
    layers: int = 1
    pooled: bool = False
    dropout: float = 0.0

    @nn.compact
    def __call__(self, x: Any, *, training: bool = False) -> Any:
        drop = nn.Dropout(self.dropout, deterministic=not training)
        x = nn.Embed(self.vocabulary, self.width, embedding_init=nn.initializers.normal(0.1))(x)
        for _ in range(self.layers):
            x = nn.RNN(nn.OptimizedLSTMCell(self.width))(drop(x))
        return nn.Dense(self.outputs, name="head")(drop(x[:, -1] if self.pooled else x))


class MLP(nn.Module):
    """Fully connected layers with relu, normalised or not."""

    outputs: int
    hidden: Sequence[int]
    dropout: float = 0.0
    normalised: bool = False

    @nn.compact
    def __call__(self, x: Any, *, training: bool = False) -> Any:
        x = x.reshape(len(x), -1)
        for width in self.hidden:
            x = nn.Dense(width)(x)
            x = nn.relu(nn.LayerNorm()(x) if self.normalised else x)
            x = nn.Dropout(self.dropout, deterministic=not training)(x)
        return nn.Dense(self.outputs, name="head")(x)


class SmallConvolutional(nn.Module):
    """3x3 convolutions of stride 2 as products, which train fast many at a time."""

    outputs: int
    channels: Sequence[int]
    dropout: float = 0.0

    @nn.compact
    def __call__(self, x: Any, *, training: bool = False) -> Any:
        for channels in self.channels:
            height, width = x.shape[1:3]
            padded = jnp.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
            shifted = [padded[:, i : i + height : 2, j : j + width : 2] for i in range(3) for j in range(3)]
            x = nn.relu(nn.Dense(channels)(jnp.concatenate(shifted, -1)))
        x = nn.Dropout(self.dropout, deterministic=not training)(x.reshape(len(x), -1))
        return nn.Dense(self.outputs, name="head")(x)
