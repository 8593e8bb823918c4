"""The networks: an MLP, a small CNN, a ResNet-18 of any width and a small GPT. All return logits along dimension 1."""

from __future__ import annotations

import torch
from data import CHARACTERS, CONTEXT
from torch import Tensor, nn
from torch.nn import functional


def mlp() -> nn.Module:
    """For the digits: 64-64-64-10."""
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))


def cnn() -> nn.Module:
    """For MNIST: two strided convolutions and two dense layers, 28,000 weights."""
    return nn.Sequential(
        nn.Conv2d(1, 8, 5, stride=3, padding=1),
        nn.ReLU(),
        nn.Conv2d(8, 16, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(16 * 25, 64),
        nn.ReLU(),
        nn.Linear(64, 10),
    )


class ResidualBlock(nn.Module):
    def __init__(self, below: int, width: int, stride: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(below, width, 3, stride, padding=1, bias=False)
        self.first_norm = nn.BatchNorm2d(width)
        self.second = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.second_norm = nn.BatchNorm2d(width)
        self.shortcut: nn.Module = nn.Identity()
        if stride > 1 or below != width:
            self.shortcut = nn.Sequential(nn.Conv2d(below, width, 1, stride, bias=False), nn.BatchNorm2d(width))

    def forward(self, x: Tensor) -> Tensor:
        out = self.second_norm(self.second(self.first_norm(self.first(x)).relu()))
        return (out + self.shortcut(x)).relu()


def resnet18(width: int) -> nn.Module:
    """ResNet-18 as torchvision has it, with one input channel; its width is 64."""
    layers: list[nn.Module] = [
        nn.Conv2d(1, width, 7, 2, padding=3, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU(),
        nn.MaxPool2d(3, 2, padding=1),
    ]
    below = width
    for stage in range(4):
        above = width * 2**stage
        layers += [ResidualBlock(below, above, 2 if stage else 1), ResidualBlock(above, above, 1)]
        below = above
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(below, 10))


class Block(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.attention_norm, self.mlp_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x: Tensor) -> Tensor:
        count, length, width = x.shape
        qkv = self.qkv(self.attention_norm(x)).view(count, length, 3, self.heads, width // self.heads)
        mixed = functional.scaled_dot_product_attention(*qkv.permute(2, 0, 3, 1, 4), is_causal=True)
        x = x + self.out(mixed.transpose(1, 2).reshape(x.shape))
        return x + self.mlp(self.mlp_norm(x))


class GPT(nn.Module):
    """Of characters: two layers of width 32."""

    def __init__(self, width: int = 32, depth: int = 2, heads: int = 2) -> None:
        super().__init__()
        self.characters, self.places = nn.Embedding(len(CHARACTERS), width), nn.Embedding(CONTEXT, width)
        nn.init.normal_(self.characters.weight, std=0.02)
        nn.init.normal_(self.places.weight, std=0.02)
        self.blocks = nn.Sequential(*(Block(width, heads) for _ in range(depth)))
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, len(CHARACTERS), bias=False)

    def forward(self, codes: Tensor) -> Tensor:
        x = self.characters(codes) + self.places(torch.arange(codes.shape[1]))
        logits: Tensor = self.head(self.norm(self.blocks(x)))
        return logits.transpose(1, 2)
