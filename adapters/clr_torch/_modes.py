"""A model in the other mode for a while."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn


@contextmanager
def in_mode(model: nn.Module, *, training: bool) -> Iterator[None]:
    """The whole model in training or eval mode; afterwards every module in its own.

    By ``train()``, which some modules define themselves: LoRA layers merge their weights in eval mode and split them
    again.
    """
    modes = [(module, module.training) for module in model.modules()]
    try:
        if training:
            model.train()
        else:
            model.eval()
        yield
    finally:
        for module, before in modes:  # parents come first
            if module.training != before:
                module.train(before)
