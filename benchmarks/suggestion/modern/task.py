"""One task-optimizer pair, and what the three kinds make their tasks of."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import data
import texts
from data import Data
from flax import linen as nn
from networks import Transformer
from optimizers import Optimizer

LARGER, PRETRAINED, LONG = "larger", "pretrained", "long"

CHARS, WORDS = texts.CHARACTER_COUNT, texts.WORD_COUNT
SOURCES = ("library", "docstrings", "manual", "perl", "commands", "licences")
MOTHERS = "boys2 girls2 boy1st multi2nd age agefstm black hispan educ nonmomi"
STUDENTS = "tothrs athlete hsize hsrank hsperc female white"

Make = Callable[[], Data]


@dataclass(frozen=True)
class Pretraining:
    """What a network was trained on before, with AdamW in one cycle."""

    name: str
    data: Make
    network: nn.Module
    steps: int
    batch: int = 16
    lr: float = 2e-3


@dataclass(frozen=True)
class Task:
    """One task-optimizer pair.

    Attributes:
        kind: ``"larger"``, ``"pretrained"`` or ``"long"``.
        family: What sort of network.
        budgets: Updates of a full training run, one or several.
        rows: How many runs train at a time; more only for small networks.
        seeds: Of full training runs.
        tests: Seeds of the range tests.
        warmup: Share of the updates in which the LR rises to that of a constant, linear or cosine schedule.
        smoothing: Of the labels.
        base: What the network was trained on before.
        new_head: Whether fine-tuning begins with a new head.
        body_ratio: LR of the body / LR of the head; 0 for a frozen body.
    """

    name: str
    kind: str
    family: str
    data: Make
    network: nn.Module
    optimizer: Optimizer
    budgets: tuple[int, ...]
    batch: int
    rows: int = 1
    seeds: int = 1
    tests: int = 2
    warmup: float = 0.0
    smoothing: float = 0.0
    base: Pretraining | None = None
    new_head: bool = True
    body_ratio: float = 1.0

    @property
    def user_range(self) -> tuple[float, float]:
        """Of one more range test, as a user might choose it."""
        return (1e-5, 100.0) if self.optimizer.name == "SGD" else (1e-6, 1.0)

    @property
    def slug(self) -> str:
        return re.sub("[^a-z0-9]+", "_", f"{self.kind} {self.name} {self.optimizer.text}".lower()).strip("_")


def characters(name: str, context: int = 64, count: int | None = None) -> Make:
    return lambda: data.language(texts.characters(name), context, count)


def words(name: str, context: int = 64, count: int | None = None) -> Make:
    return lambda: data.language(texts.words(name), context, count)


def masked(name: str, context: int = 64, count: int | None = None) -> Make:
    return lambda: data.language(texts.words(name), context, count, masked=WORDS)


def snippets(encode: Callable[[str], Any], names: Sequence[str], count: int = 4000, context: int = 64) -> Make:
    return lambda: data.snippets(encode, names, context, count)


def images(load: Callable[[], data.Pair], count: int | None = None, augment: Any = None) -> Make:
    return lambda: data.examples(*load(), count, augment)


def gpt(vocabulary: int, width: int, depth: int, **others: Any) -> Transformer:
    return Transformer(vocabulary, width, depth, max(2, width // 32), vocabulary, causal=True, **others)


def table(name: str, target: str, columns: str, count: int | None = None, **others: Any) -> Make:
    return lambda: data.examples(*data.survey(name, target, columns, **others), count)


def noisy_mnist() -> data.Pair:
    """Images of 12 by 12 with noise -> as they were."""
    return data.noisy(data.small_mnist()[0][:, 1:13, 1:13])


def noisy_photographs() -> data.Pair:
    """Squares of 16 by 16 with noise -> as they were."""
    return data.noisy(data.photographs(16)[0])
