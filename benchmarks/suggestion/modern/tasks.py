"""The task-optimizer pairs of three kinds, and which of them are held out.

* ``larger``: networks of 0.3 to 11 million weights, from scratch. Written by hand.
* ``pretrained``: trained on one thing, fine-tuned on another. Randomly sampled from what can follow what.
* ``long``: small networks, up to 20,000 updates, on data that never repeats or with regularisation. Written by hand.

The held-out pairs were sampled with the seeds below before any pair was trained. Nothing may be fitted to them, and
nobody looks at them before the rule is committed. Of a long task, both optimizers are held out or none.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import data
import numpy as np
import optimizers as opt
import texts
from data import Data
from flax import linen as nn
from networks import LSTM, MLP, Mixer, ResNet, SmallConvolutional, Transformer, UNet
from optimizers import Optimizer

LARGER, PRETRAINED, LONG = "larger", "pretrained", "long"
DRAW_SEED, HELD_OUT_SEED = 2101, 2102
HELD_OUT_COUNTS = {LARGER: 11, PRETRAINED: 13, LONG: 4}
"""Of larger and pretrained pairs, and of long tasks."""

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
        user_range: Of one more range test, as a user might choose it.
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
    user_range: tuple[float, float] = field(default=(1e-6, 1.0))

    @property
    def slug(self) -> str:
        return re.sub("[^a-z0-9]+", "_", f"{self.kind} {self.name} {self.optimizer.text}".lower()).strip("_")


CHARS, WORDS = texts.CHARACTER_COUNT, texts.WORD_COUNT


def _characters(name: str, context: int = 64, count: int | None = None) -> Make:
    return lambda: data.language(texts.characters(name), context, count)


def _words(name: str, context: int = 64, count: int | None = None) -> Make:
    return lambda: data.language(texts.words(name), context, count)


def _masked(name: str, context: int = 64, count: int | None = None) -> Make:
    return lambda: data.language(texts.words(name), context, count, masked=WORDS)


def _snippets(encode: Callable[[str], Any], names: Sequence[str], count: int = 4000, context: int = 64) -> Make:
    return lambda: data.snippets(encode, names, context, count)


def _images(load: Callable[[], data.Pair], count: int | None = None, augment: Any = None) -> Make:
    return lambda: data.examples(*load(), count, augment)


def _gpt(vocabulary: int, width: int, depth: int, **others: Any) -> Transformer:
    return Transformer(vocabulary, width, depth, max(2, width // 32), vocabulary, causal=True, **others)


PACKAGES = texts.PACKAGES
SOURCES = ("library", "docstrings", "manual", "perl", "commands", "licences")


def _larger() -> list[Task]:
    library, docstrings = _characters("library"), _words("docstrings")
    mnist, small, digits = data.mnist, data.small_mnist, data.digits
    vit, small_resnet = partial(Transformer, pooled=True), partial(ResNet, 10, (32, 64, 128))
    resnet_18, unet = ResNet(10, (64, 128, 256, 512)), UNet(1, (32, 64, 128))
    one_lstm = LSTM(CHARS, CHARS, 256)
    tiles = lambda: data.examples(*data.noisy(data.small_mnist()[0][:, 1:13, 1:13]))  # noqa: E731
    squares = lambda: data.examples(*data.noisy(data.photographs(16)[0]))  # noqa: E731
    source_encoder = Transformer(6, 192, 3, 6, CHARS, pooled=True, dropout=0.1)
    moved = partial(_images, augment=data.shifted)
    moved_little = partial(_images, digits, augment=data.shifted_little)
    # Name, family, data, network, optimizer, updates, batch, share of warmup.
    rows: list[tuple[str, str, Make, nn.Module, Optimizer, int, int, float]] = [
        ("gpt 128x4, library", "gpt", library, _gpt(CHARS, 128, 4), opt.ADAMW_LANGUAGE, 300, 6, 0.1),
        ("resnet 32-64-128, mnist", "resnet", _images(small), small_resnet(), opt.MOMENTUM_DECAY, 150, 16, 0.0),
        ("vit 128x4, mnist", "vit", _images(mnist), vit(10, 128, 4, 4), opt.ADAMW_IMAGES, 300, 16, 0.1),
        ("lstm 256, library", "lstm", _characters("library", 32), one_lstm, opt.SGD_CLIPPED, 300, 12, 0.0),
        ("gpt 96x3, docstrings", "gpt", docstrings, _gpt(WORDS, 96, 3), opt.ADAMW_LANGUAGE, 300, 6, 0.05),
        ("gpt 192x3, docstrings", "gpt", docstrings, _gpt(WORDS, 192, 3), opt.ADAMW_LANGUAGE, 250, 4, 0.05),
        (
            "encoder 128x3, package",
            "encoder",
            _snippets(texts.words, PACKAGES),
            Transformer(8, 128, 3, 4, WORDS, pooled=True),
            opt.ADAM,
            300,
            6,
            0.0,
        ),
        ("mixer 128x4, mnist", "mixer", moved(mnist), Mixer(10, 128, 4), opt.ADAMW_IMAGES, 300, 16, 0.0),
        ("u-net, noisy mnist", "unet", tiles, unet, opt.ADAM, 150, 12, 0.0),
        ("gpt 128x4, sgd", "gpt", _characters("docstrings"), _gpt(CHARS, 128, 4), opt.MOMENTUM_CLIPPED, 300, 6, 0.0),
        ("gpt 384x3, docstrings", "gpt", docstrings, _gpt(WORDS, 384, 3), opt.ADAMW_LANGUAGE, 150, 3, 0.05),
        (
            "masked 128x4, library",
            "encoder",
            _masked("library"),
            Transformer(WORDS + 1, 128, 4, 4, WORDS + 1),
            opt.ADAMW,
            300,
            6,
            0.0,
        ),
        ("vit 192x6, mnist", "vit", moved(mnist), vit(10, 192, 6, 6), opt.MOMENTUM_CLIPPED, 200, 8, 0.0),
        ("resnet, group norm, mnist", "resnet", _images(small), small_resnet(norm="group"), opt.ADAMW, 150, 16, 0.0),
        ("lstm 256, commands", "lstm", _characters("commands", 32), one_lstm, opt.ADAM_CLIPPED_LOW, 300, 12, 0.0),
        ("gpt 128x3, commands", "gpt", _characters("commands"), _gpt(CHARS, 128, 3), opt.ADAM, 400, 6, 0.0),
        (
            "gpt 160x3, perl",
            "gpt",
            _characters("perl"),
            _gpt(CHARS, 160, 3, dropout=0.1),
            opt.ADAM_CLIPPED,
            250,
            6,
            0.0,
        ),
        (
            "encoder 192x3, source",
            "encoder",
            _snippets(texts.characters, SOURCES, 2000),
            source_encoder,
            opt.ADAMW_LANGUAGE,
            200,
            6,
            0.1,
        ),
        ("vit 128x3, digits", "vit", _images(digits), vit(10, 128, 3, 4, patch=2), opt.ADAM, 400, 16, 0.0),
        (
            "vit 256x4, photographs",
            "vit",
            _images(data.photographs),
            vit(2, 256, 4, 8),
            opt.ADAMW_LANGUAGE,
            200,
            8,
            0.1,
        ),
        ("mixer 192x4, digits", "mixer", moved_little(), Mixer(10, 192, 4, patch=2), opt.MOMENTUM, 300, 16, 0.0),
        ("resnet-18, digits", "resnet", moved_little(), resnet_18, opt.MOMENTUM_DECAY, 150, 8, 0.0),
        ("resnet-18, adaptive, digits", "resnet", _images(digits), resnet_18, opt.ADAMW, 150, 8, 0.0),
        ("u-net, noisy photographs", "unet", squares, unet, opt.MOMENTUM, 150, 8, 0.0),
        (
            "lstm 192x2, docstrings",
            "lstm",
            _words("docstrings", 32),
            LSTM(WORDS, WORDS, 192, 2),
            opt.ADAM_CLIPPED,
            300,
            8,
            0.0,
        ),
        (
            "lstm 256, package",
            "lstm",
            _snippets(texts.characters, PACKAGES, context=32),
            LSTM(8, CHARS, 256, pooled=True),
            opt.MOMENTUM_CLIPPED,
            300,
            12,
            0.0,
        ),
        ("gpt 384x6, library", "gpt", _characters("library", 48), _gpt(CHARS, 384, 6), opt.ADAMW_LANGUAGE, 120, 3, 0.1),
    ]
    return [
        Task(
            name, LARGER, family, make, network, optimizer, (steps,), batch, warmup=warmup, user_range=_range(optimizer)
        )
        for name, family, make, network, optimizer, steps, batch, warmup in rows
    ]


def _range(optimizer: Optimizer) -> tuple[float, float]:
    """Of the range test that a user would choose."""
    return (1e-5, 100.0) if optimizer.name == "SGD" else (1e-6, 1.0)


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
_STUDENTS = "tothrs athlete hsize hsrank hsperc female white"
_MOTHERS = "boys2 girls2 boy1st multi2nd age agefstm black hispan educ nonmomi"
_LENDING = "loanamt appinc unit married dep emp self atotinc price obrat"


def _bases() -> dict[str, Pretraining]:
    """By name; two of texts predict the next token, one a hidden one."""
    small, old = partial(_classes, data.mnist, 0, 5), partial(_classes, data.digits, 0, 5)
    squares = lambda: data.examples(*data.noisy(data.photographs(16)[0]))  # noqa: E731
    found = [
        Pretraining("gpt of library", _characters("library"), _gpt(CHARS, 96, 3), 1200, 8),
        Pretraining("gpt of docstrings", _words("docstrings"), _gpt(WORDS, 96, 3), 1000, 8),
        Pretraining(
            "encoder of docstrings", _masked("docstrings"), Transformer(WORDS + 1, 96, 3, 3, WORDS + 1), 1500, 8
        ),
        Pretraining("lstm of commands", _characters("commands", 32), LSTM(CHARS, CHARS, 160), 1500, 8, lr=5e-3),
        Pretraining("vit of mnist 0 to 4", _images(small), Transformer(5, 96, 3, 3, pooled=True), 1000, 32),
        Pretraining("resnet of mnist 0 to 4", _images(lambda: _half(small())), ResNet(5, (16, 32, 64), 1), 500, 32),
        Pretraining("mixer of digits 0 to 4", _images(old, augment=data.shifted_little), Mixer(5, 96, 3, 2), 1000, 32),
        Pretraining("mlp of digits 0 to 4", _images(old), MLP(5, (256, 256)), 600, 32),
        Pretraining("u-net of photographs", squares, UNet(1, (16, 32, 64)), 600),
        Pretraining(
            "wages of 1978", _table("cps78_85", "lwage", _WAGES, where="year == 78"), MLP(1, (128, 128)), 500, 32
        ),
        Pretraining("sat of students", _table("gpa2", "sat", _STUDENTS), MLP(1, (256, 256), normalised=True), 1500, 32),
        Pretraining("hours of mothers", _table("labsup", "hours", _MOTHERS), MLP(1, (128, 128, 128)), 3000, 32),
    ]
    return {base.name: base for base in found}


def _classes(load: Callable[[], data.Pair], low: int, high: int) -> data.Pair:
    return data.classes(load(), low, high)


def _half(pair: data.Pair) -> data.Pair:
    x, y = pair
    return x.reshape(-1, 14, 2, 14, 2, 1).mean((2, 4)), y


def _table(name: str, target: str, columns: str, count: int | None = None, **others: Any) -> Make:
    return lambda: data.examples(*data.survey(name, target, columns, **others), count)


def _nexts() -> dict[str, list[_Next]]:
    """By what they are made of: the next token of a text, classes of texts, images, tables."""
    new_text = [
        _Next(base, name, lambda count, make=make, name=name, context=context: make(name, context, count))
        for base, make, context, names in (
            ("gpt of library", _characters, 64, ("perl", "tests", "manual", "licences")),
            ("gpt of docstrings", _words, 64, ("manual", "perl", "licences")),
            ("lstm of commands", _characters, 32, ("administration", "manual", "library")),
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
    questions = {"package": PACKAGES, "source": SOURCES, "tests or library": ("library", "tests")} | {
        "section": ("commands", "administration")
    }
    text_classes = [
        _Next(
            base,
            question,
            lambda count, e=encode, n=names, c=context: _snippets(e, n, count, c),
            len(names),
        )
        for base, encode, context in encoders
        for question, names in questions.items()
    ]
    new, new_digits = partial(_classes, data.mnist, 5, 10), partial(_classes, data.digits, 5, 10)
    tiles = lambda: data.noisy(data.small_mnist()[0][:, 1:13, 1:13])  # noqa: E731
    images = [
        _Next(base, name, lambda count, load=load: _images(load, count), outputs, most)
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
            ("u-net of photographs", "mnist", tiles, None, 4400),
        )
    ]
    tables = [
        _Next(
            "wages of 1978", "wages of 1985", partial(_table, "cps78_85", "lwage", _WAGES, where="year == 85"), most=400
        ),
        _Next("sat of students", "points", partial(_table, "gpa2", "colgpa", _STUDENTS), 1, 3600),
        _Next("hours of mothers", "works", partial(_table, "labsup", "worked", _MOTHERS, classes=True), 2),
        _Next("hours of mothers", "children", partial(_table, "labsup", "morekids", _MOTHERS, classes=True), 2),
        _Next("hours of mothers", "weeks", partial(_table, "labsup", "weeks", _MOTHERS)),
    ]
    return {"new text": new_text, "text classes": text_classes, "images": images, "tables": tables}


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


def _pretrained() -> list[Task]:
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
                (steps,),
                batch,
                rows=8 if isinstance(network, MLP) else 1,
                seeds=2 if isinstance(network, MLP) else 1,
                base=base,
                new_head=then.outputs is not None,
                body_ratio=_BODIES[body],
                user_range=_range(optimizer),
            )
    return list(found.values())


def _limited(make: Callable[..., Make], count: int) -> Data:
    return make(count=count)()


def _long() -> list[Task]:
    """Fourteen small tasks, each with momentum and AdamW."""
    small, digits = partial(_images, data.small_mnist), partial(_images, data.digits)
    moved = small(augment=data.shifted)
    tiny_gpt = partial(Transformer, width=24, depth=1, heads=2, causal=True)
    rows: list[tuple[str, Make, nn.Module, int, float]] = [
        ("teacher, endless", lambda: data.generated(data.teacher, 32), MLP(1, (48, 48)), 32, 0.0),
        ("spirals, endless", lambda: data.generated(data.spirals, 32), MLP(3, (32, 32)), 32, 0.0),
        ("mnist, dropout", small(), MLP(10, (64,), dropout=0.3), 32, 0.0),
        ("mnist, augmented", moved, MLP(10, (64,)), 32, 0.0),
        ("wrong labels, endless", lambda: data.generated(data.noisy_labels, 32), MLP(10, (48,)), 32, 0.0),
        ("digits, smoothed labels", digits(), MLP(10, (48,), dropout=0.1), 32, 0.1),
        ("mnist, convolutions, augmented", moved, SmallConvolutional(10, (8, 16)), 32, 0.0),
        ("shapes, endless", lambda: data.generated(data.shapes, 32), SmallConvolutional(4, (8, 16)), 32, 0.0),
        ("echoes, endless", lambda: data.generated(data.echoes, 16), tiny_gpt(12, vocabulary=12), 16, 0.0),
        ("sums, endless", lambda: data.generated(data.sums, 16), tiny_gpt(10, vocabulary=10), 16, 0.0),
        ("library, small gpt", _characters("library", 16), tiny_gpt(CHARS, vocabulary=CHARS), 16, 0.0),
        ("digits, noise", digits(augment=data.with_noise), MLP(10, (48, 48), normalised=True), 32, 0.0),
        ("mothers, dropout", _table("labsup", "hours", _MOTHERS), MLP(1, (48, 48), dropout=0.1), 32, 0.0),
        (
            "students, dropout",
            _table("gpa2", "colgpa", _STUDENTS),
            MLP(1, (64, 64), dropout=0.3, normalised=True),
            32,
            0.0,
        ),
    ]
    return [
        Task(
            name,
            LONG,
            "transformer" if isinstance(network, Transformer) else "small",
            make,
            network,
            optimizer,
            (1000, 5000, 20000) if not isinstance(network, Transformer) else (1000, 4000, 12000),
            batch,
            rows=12,
            tests=3,
            smoothing=smoothing,
            user_range=_range(optimizer),
        )
        for name, make, network, batch, smoothing in rows
        for optimizer in (opt.MOMENTUM_DECAY, opt.ADAMW_IMAGES)
    ]


def _held_out(tasks: Sequence[Task], generator: np.random.Generator, count: int) -> set[str]:
    """Names in random order, but at most half of those of a family."""
    families = {task.name: task.family for task in tasks}
    sizes, chosen = Counter(families.values()), list[str]()
    for place in generator.permutation(len(families)):
        name = list(families)[place]
        taken = sum(families[other] == families[name] for other in chosen)
        if len(chosen) < count and taken < sizes[families[name]] // 2:
            chosen.append(name)
    return {task.slug for task in tasks if task.name in chosen}


_BY_KIND = {LARGER: _larger(), PRETRAINED: _pretrained(), LONG: _long()}
_GENERATOR = np.random.default_rng(HELD_OUT_SEED)
HELD_OUT = frozenset[str]().union(*(_held_out(_BY_KIND[kind], _GENERATOR, n) for kind, n in HELD_OUT_COUNTS.items()))
"""The slugs of the pairs held out."""

TASKS: dict[str, Task] = {task.slug: task for tasks in _BY_KIND.values() for task in tasks}


def queue() -> list[Task]:
    """All pairs in the order of recording: the kinds in turn, those held out last of each."""
    groups: dict[tuple[str, bool, str], list[Task]] = {}
    for task in TASKS.values():
        family = task.family if task.kind == PRETRAINED else ""
        groups.setdefault((task.kind, task.slug in HELD_OUT, family), []).append(task)
    sizes = {kind: len(of_kind) for kind, of_kind in _BY_KIND.items()}
    held = Counter(task.kind for task in TASKS.values() if task.slug in HELD_OUT)
    places = []
    for (kind, is_held_out, _), members in groups.items():
        # Each kind advances by the same share of itself, and so does each family of pretrained networks.
        share = held[kind] / sizes[kind]
        first, length = (1 - share, share) if is_held_out else (0.0, 1 - share)
        places += [(first + length * (n + 0.5) / len(members), len(places) + n, task) for n, task in enumerate(members)]
    return [task for _, _, task in sorted(places, key=lambda place: place[:2])]
