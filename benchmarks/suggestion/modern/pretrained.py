"""Networks trained on one thing and fine-tuned on another: randomly sampled from what can follow what."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import data
import numpy as np
import optimizers as opt
import texts
from data import Data
from networks import LSTM, MLP, Mixer, ResNet, Transformer, UNet
from task import (
    CHARS,
    MOTHERS,
    PRETRAINED,
    SOURCES,
    STUDENTS,
    WORDS,
    Make,
    Pretraining,
    Task,
    characters,
    gpt,
    images,
    masked,
    noisy_mnist,
    noisy_photographs,
    snippets,
    table,
    words,
)

DRAW_SEED = 2101


@dataclass(frozen=True)
class _Next:
    """What a pretrained network can be fine-tuned on; without outputs, the same task with new data."""

    base: str
    name: str
    data: Callable[[int], Make]
    outputs: int | None = None
    most: int = 5000
    """Examples that there are."""


_WAGES = "educ south nonwhite female married exper union"


def _bases() -> dict[str, Pretraining]:
    """By name; two of texts predict the next token, one a hidden one."""
    small, old = partial(_classes, data.mnist, 0, 5), partial(_classes, data.digits, 0, 5)
    found = [
        Pretraining("gpt of library", characters("library"), gpt(CHARS, 96, 3), 1200, 8),
        Pretraining("gpt of docstrings", words("docstrings"), gpt(WORDS, 96, 3), 1000, 8),
        Pretraining(
            "encoder of docstrings", masked("docstrings"), Transformer(WORDS + 1, 96, 3, 3, WORDS + 1), 1500, 8
        ),
        Pretraining("lstm of commands", characters("commands", 32), LSTM(CHARS, CHARS, 160), 1500, 8, lr=5e-3),
        Pretraining("vit of mnist 0 to 4", images(small), Transformer(5, 96, 3, 3, pooled=True), 1000, 32),
        Pretraining("resnet of mnist 0 to 4", images(lambda: _half(small())), ResNet(5, (16, 32, 64), 1), 500, 32),
        Pretraining("mixer of digits 0 to 4", images(old, augment=data.shifted_little), Mixer(5, 96, 3, 2), 1000, 32),
        Pretraining("mlp of digits 0 to 4", images(old), MLP(5, (256, 256)), 600, 32),
        Pretraining("u-net of photographs", images(noisy_photographs), UNet(1, (16, 32, 64)), 600),
        Pretraining(
            "wages of 1978", table("cps78_85", "lwage", _WAGES, where="year == 78"), MLP(1, (128, 128)), 500, 32
        ),
        Pretraining("sat of students", table("gpa2", "sat", STUDENTS), MLP(1, (256, 256), normalised=True), 1500, 32),
        Pretraining("hours of mothers", table("labsup", "hours", MOTHERS), MLP(1, (128, 128, 128)), 3000, 32),
    ]
    return {base.name: base for base in found}


def _classes(load: Callable[[], data.Pair], low: int, high: int) -> data.Pair:
    return data.classes(load(), low, high)


def _half(pair: data.Pair) -> data.Pair:
    x, y = pair
    return x.reshape(-1, 14, 2, 14, 2, 1).mean((2, 4)), y


def _nexts() -> dict[str, list[_Next]]:
    """By what they are made of: the next token of a text, classes of texts, images, tables."""
    new_text = [
        _Next(base, name, lambda count, make=make, name=name, context=context: make(name, context, count))
        for base, make, context, names in (
            ("gpt of library", characters, 64, ("perl", "tests", "manual", "licences")),
            ("gpt of docstrings", words, 64, ("manual", "perl", "licences")),
            ("lstm of commands", characters, 32, ("administration", "manual", "library")),
        )
        for name in names
    ]
    encoders = (
        ("gpt of library", texts.characters, 64),
        ("lstm of commands", texts.characters, 32),
        ("encoder of docstrings", texts.words, 64),
        ("encoder of docstrings", texts.words, 64),
        ("gpt of docstrings", texts.words, 64),
    )
    questions = {"package": texts.PACKAGES, "source": SOURCES, "tests or library": ("library", "tests")} | {
        "section": ("commands", "administration")
    }
    text_classes = [
        _Next(
            base,
            question,
            lambda count, e=encode, n=names, c=context: snippets(e, n, count, c),
            len(names),
        )
        for base, encode, context in encoders
        for question, names in questions.items()
    ]
    new, new_digits = partial(_classes, data.mnist, 5, 10), partial(_classes, data.digits, 5, 10)
    pictures = [
        _Next(base, name, lambda count, load=load: images(load, count), outputs, most)
        for base, name, load, outputs, most in (
            ("vit of mnist 0 to 4", "5 to 9", new, 5, 1900),
            ("vit of mnist 0 to 4", "digits", data.large_digits, 10, 1300),
            ("vit of mnist 0 to 4", "photographs", data.photographs, 2, 1000),
            ("resnet of mnist 0 to 4", "5 to 9", lambda: _half(new()), 5, 1900),
            ("resnet of mnist 0 to 4", "digits", lambda: _half(data.large_digits()), 10, 1300),
            ("mixer of digits 0 to 4", "5 to 9", new_digits, 5, 600),
            ("mixer of digits 0 to 4", "mnist", lambda: _eight(data.small_mnist()), 10, 4400),
            ("mlp of digits 0 to 4", "5 to 9", new_digits, 5, 600),
            ("mlp of digits 0 to 4", "mnist", lambda: _eight(data.small_mnist()), 10, 4400),
            ("u-net of photographs", "mnist", noisy_mnist, None, 4400),
        )
    ]
    tables = [
        _Next(
            "wages of 1978", "wages of 1985", partial(table, "cps78_85", "lwage", _WAGES, where="year == 85"), most=400
        ),
        _Next("sat of students", "points", partial(table, "gpa2", "colgpa", STUDENTS), 1, 3600),
        _Next("hours of mothers", "works", partial(table, "labsup", "worked", MOTHERS, classes=True), 2),
        _Next("hours of mothers", "children", partial(table, "labsup", "morekids", MOTHERS, classes=True), 2),
        _Next("hours of mothers", "weeks", partial(table, "labsup", "weeks", MOTHERS)),
    ]
    return {"new text": new_text, "text classes": text_classes, "images": pictures, "tables": tables}


def _eight(pair: data.Pair) -> data.Pair:
    """Images of 14 by 14 without their edges, at half size and back: 8 by 8."""
    x, y = pair
    return np.pad(x[:, 1:13, 1:13].reshape(-1, 6, 2, 6, 2, 1).mean((2, 4)), ((0, 0), (1, 1), (1, 1), (0, 0))), y


_OF_EACH = {"new text": 9, "text classes": 10, "images": 11, "tables": 6}
_MOST_UPDATES = {"new text": 300, "text classes": 300, "images": 500, "tables": 1500}
_OPTIMIZERS = {
    "AdamW": opt.ADAMW,
    "AdamW of language": opt.ADAMW_LANGUAGE,
    "AdamW of images": opt.ADAMW_IMAGES,
    "Adam": opt.ADAM,
    "momentum": opt.MOMENTUM,
    "momentum, clipped": opt.MOMENTUM_CLIPPED,
}
_SHARES = (0.3, 0.2, 0.1, 0.15, 0.15, 0.1)
_BODIES = {"all layers": 1.0, "slow body": 0.1, "frozen body": 0.0}
_BODY_SHARES = (0.4, 0.35, 0.25)


def pretrained() -> list[Task]:
    generator = np.random.default_rng(DRAW_SEED)
    bases, found = _bases(), dict[str, Task]()
    for group, nexts in _nexts().items():
        end = len(found) + _OF_EACH[group]
        while len(found) < end:
            then = nexts[generator.integers(len(nexts))]
            count = int(generator.choice([100, 300, 1000, 3000, 5000]))
            epochs, batch = int(generator.choice([1, 2, 3, 5, 10])), int(generator.choice([8, 16, 32]))
            optimizer = _OPTIMIZERS[generator.choice(list(_OPTIMIZERS), p=_SHARES)]
            body = str(generator.choice(list(_BODIES), p=_BODY_SHARES)) if then.outputs else "all layers"
            steps = count * epochs // batch
            base = bases[then.base]
            network = base.network
            if then.outputs:
                more = {"pooled": True} if isinstance(network, Transformer | LSTM) else {}
                network = network.clone(outputs=then.outputs, **more)
            name = f"{then.base} to {then.name}, {count} examples, {epochs} epochs of {batch}, {body}"
            if count > then.most or not 24 <= steps <= _MOST_UPDATES[group] or name in found:
                continue
            found[name] = Task(
                name,
                PRETRAINED,
                group,
                then.data(count) if group != "tables" else partial(_limited, then.data, count),
                network,
                optimizer,
                (steps // 2 * 2,),  # one cycle needs an even number
                batch,
                rows=8 if isinstance(network, MLP) else 1,
                seeds=2 if isinstance(network, MLP) else 1,
                base=base,
                new_head=then.outputs is not None,
                body_ratio=_BODIES[body],
            )
    return list(found.values())


def _limited(make: Callable[..., Make], count: int) -> Data:
    return make(count=count)()
