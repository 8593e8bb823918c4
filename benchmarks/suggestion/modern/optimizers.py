"""The optimizers, as optax transformations at LR 1, and what a user could say about them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import optax


@dataclass(frozen=True)
class Optimizer:
    """One of three classes with what a user sets; the decay of SGD is in the gradient, that of AdamW is not.

    Attributes:
        name: ``"SGD"``, ``"Adam"`` or ``"AdamW"``.
        momentum: Of SGD.
        decay: Weight decay, of all weights that are not vectors.
        beta2: Of Adam and AdamW.
        clip: The largest norm of the gradient, if any.
    """

    name: str
    momentum: float = 0.0
    decay: float = 0.0
    beta2: float = 0.999
    clip: float | None = None

    def transformation(self) -> optax.GradientTransformation:
        parts = [] if self.clip is None else [optax.clip_by_global_norm(self.clip)]
        decay = optax.add_decayed_weights(self.decay, mask=_not_vectors)
        if self.name == "SGD":
            parts += [decay, optax.trace(self.momentum)] if self.momentum else [decay]
        else:
            parts += [optax.scale_by_adam(0.9, self.beta2), decay]
        return optax.chain(*parts, optax.scale(-1.0))

    @property
    def text(self) -> str:
        parts = [self.name]
        parts += [f"momentum {self.momentum}"] if self.momentum else []
        parts += [f"decay {self.decay}"] if self.decay else []
        parts += [f"beta2 {self.beta2}"] if self.beta2 != 0.999 else []
        parts += [f"clip {self.clip}"] if self.clip else []
        return " ".join(parts)


def _not_vectors(parameters: Any) -> Any:
    return jax.tree.map(lambda leaf: leaf.ndim > 1, parameters)


SGD = Optimizer("SGD")
MOMENTUM = Optimizer("SGD", momentum=0.9)
MOMENTUM_DECAY = Optimizer("SGD", momentum=0.9, decay=5e-4)
MOMENTUM_CLIPPED = Optimizer("SGD", momentum=0.9, clip=1.0)
SGD_CLIPPED = Optimizer("SGD", clip=0.25)
ADAM = Optimizer("Adam")
ADAM_CLIPPED = Optimizer("Adam", clip=1.0)
ADAM_CLIPPED_LOW = Optimizer("Adam", clip=0.25)
ADAMW = Optimizer("AdamW", decay=0.01)
ADAMW_IMAGES = Optimizer("AdamW", decay=0.05)
ADAMW_LANGUAGE = Optimizer("AdamW", decay=0.1, beta2=0.95, clip=1.0)
