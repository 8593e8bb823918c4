"""Small networks, up to 20,000 updates, on data that never repeats or with regularisation: written by hand."""

from __future__ import annotations

from functools import partial

import data
import optimizers as opt
from flax import linen as nn
from networks import MLP, SmallConvolutional, Transformer
from task import CHARS, LONG, MOTHERS, STUDENTS, Make, Task, characters, images, table


def long() -> list[Task]:
    """Fourteen small tasks, each with momentum and AdamW."""
    small, digits = partial(images, data.small_mnist), partial(images, data.digits)
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
        ("library, small gpt", characters("library", 16), tiny_gpt(CHARS, vocabulary=CHARS), 16, 0.0),
        ("digits, noise", digits(augment=data.with_noise), MLP(10, (48, 48), normalised=True), 32, 0.0),
        ("mothers, dropout", table("labsup", "hours", MOTHERS), MLP(1, (48, 48), dropout=0.1), 32, 0.0),
        (
            "students, dropout",
            table("gpa2", "colgpa", STUDENTS),
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
        )
        for name, make, network, batch, smoothing in rows
        for optimizer in (opt.MOMENTUM_DECAY, opt.ADAMW_IMAGES)
    ]
