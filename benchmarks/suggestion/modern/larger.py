"""Networks of 0.5 to 11 million weights, from scratch, written by hand."""

from __future__ import annotations

from functools import partial

import data
import optimizers as opt
import texts
from flax import linen as nn
from networks import LSTM, Mixer, ResNet, Transformer, UNet
from optimizers import Optimizer
from task import (
    CHARS,
    LARGER,
    SOURCES,
    WORDS,
    Make,
    Task,
    characters,
    gpt,
    images,
    masked,
    noisy_mnist,
    noisy_photographs,
    snippets,
    words,
)


def larger() -> list[Task]:
    library, docstrings = characters("library"), words("docstrings")
    mnist, small, digits = data.mnist, data.small_mnist, data.digits
    vit, small_resnet = partial(Transformer, pooled=True), partial(ResNet, 10, (32, 64, 128))
    resnet_18, unet = ResNet(10, (64, 128, 256, 512)), UNet(1, (32, 64, 128))
    one_lstm = LSTM(CHARS, CHARS, 256)
    source_encoder = Transformer(6, 192, 3, 6, CHARS, pooled=True, dropout=0.1)
    moved = partial(images, augment=data.shifted)
    moved_little = partial(images, digits, augment=data.shifted_little)
    # Name, family, data, network, optimizer, updates, batch, share of warmup.
    rows: list[tuple[str, str, Make, nn.Module, Optimizer, int, int, float]] = [
        ("gpt 128x4, library", "gpt", library, gpt(CHARS, 128, 4), opt.ADAMW_LANGUAGE, 300, 6, 0.1),
        ("resnet 32-64-128, mnist", "resnet", images(small), small_resnet(), opt.MOMENTUM_DECAY, 150, 16, 0.0),
        ("vit 128x4, mnist", "vit", images(mnist), vit(10, 128, 4, 4), opt.ADAMW_IMAGES, 300, 16, 0.1),
        ("lstm 256, library", "lstm", characters("library", 32), one_lstm, opt.SGD_CLIPPED, 300, 12, 0.0),
        ("gpt 96x3, docstrings", "gpt", docstrings, gpt(WORDS, 96, 3), opt.ADAMW_LANGUAGE, 300, 6, 0.05),
        ("gpt 192x3, docstrings", "gpt", docstrings, gpt(WORDS, 192, 3), opt.ADAMW_LANGUAGE, 250, 4, 0.05),
        (
            "encoder 128x3, package",
            "encoder",
            snippets(texts.words, texts.PACKAGES),
            Transformer(8, 128, 3, 4, WORDS, pooled=True),
            opt.ADAM,
            300,
            6,
            0.0,
        ),
        ("mixer 128x4, mnist", "mixer", moved(mnist), Mixer(10, 128, 4), opt.ADAMW_IMAGES, 300, 16, 0.0),
        ("u-net, noisy mnist", "unet", images(noisy_mnist), unet, opt.ADAM, 150, 12, 0.0),
        ("gpt 128x4, sgd", "gpt", characters("docstrings"), gpt(CHARS, 128, 4), opt.MOMENTUM_CLIPPED, 300, 6, 0.0),
        ("gpt 384x3, docstrings", "gpt", docstrings, gpt(WORDS, 384, 3), opt.ADAMW_LANGUAGE, 150, 3, 0.05),
        (
            "masked 128x4, library",
            "encoder",
            masked("library"),
            Transformer(WORDS + 1, 128, 4, 4, WORDS + 1),
            opt.ADAMW,
            300,
            6,
            0.0,
        ),
        ("vit 192x6, mnist", "vit", moved(mnist), vit(10, 192, 6, 6), opt.MOMENTUM_CLIPPED, 200, 8, 0.0),
        ("resnet, group norm, mnist", "resnet", images(small), small_resnet(norm="group"), opt.ADAMW, 150, 16, 0.0),
        ("lstm 256, commands", "lstm", characters("commands", 32), one_lstm, opt.ADAM_CLIPPED_LOW, 300, 12, 0.0),
        ("gpt 128x3, commands", "gpt", characters("commands"), gpt(CHARS, 128, 3), opt.ADAM, 400, 6, 0.0),
        (
            "gpt 160x3, perl",
            "gpt",
            characters("perl"),
            gpt(CHARS, 160, 3, dropout=0.1),
            opt.ADAM_CLIPPED,
            250,
            6,
            0.0,
        ),
        (
            "encoder 192x3, source",
            "encoder",
            snippets(texts.characters, SOURCES, 2000),
            source_encoder,
            opt.ADAMW_LANGUAGE,
            200,
            6,
            0.1,
        ),
        ("vit 128x3, digits", "vit", images(digits), vit(10, 128, 3, 4, patch=2), opt.ADAM, 400, 16, 0.0),
        (
            "vit 256x4, photographs",
            "vit",
            images(data.photographs),
            vit(2, 256, 4, 8),
            opt.ADAMW_LANGUAGE,
            200,
            8,
            0.1,
        ),
        ("mixer 192x4, digits", "mixer", moved_little(), Mixer(10, 192, 4, patch=2), opt.MOMENTUM, 300, 16, 0.0),
        ("resnet-18, digits", "resnet", moved_little(), resnet_18, opt.MOMENTUM_DECAY, 150, 8, 0.0),
        ("resnet-18, adaptive, digits", "resnet", images(digits), resnet_18, opt.ADAMW, 150, 8, 0.0),
        ("u-net, noisy photographs", "unet", images(noisy_photographs), unet, opt.MOMENTUM, 150, 8, 0.0),
        (
            "lstm 192x2, docstrings",
            "lstm",
            words("docstrings", 32),
            LSTM(WORDS, WORDS, 192, 2),
            opt.ADAM_CLIPPED,
            300,
            8,
            0.0,
        ),
        (
            "lstm 256, package",
            "lstm",
            snippets(texts.characters, texts.PACKAGES, context=32),
            LSTM(8, CHARS, 256, pooled=True),
            opt.MOMENTUM_CLIPPED,
            300,
            12,
            0.0,
        ),
        ("gpt 384x6, library", "gpt", characters("library", 48), gpt(CHARS, 384, 6), opt.ADAMW_LANGUAGE, 120, 3, 0.1),
    ]
    return [
        Task(name, LARGER, family, make, network, optimizer, (steps,), batch, warmup=warmup)
        for name, family, make, network, optimizer, steps, batch, warmup in rows
    ]
