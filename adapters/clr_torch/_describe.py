"""What an optimizer is, whatever it is called and wrapped in."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from torch.optim import Optimizer

from clr_core import check

_NAMES = {
    name.lower(): name
    for name in (
        "Adafactor Adagrad Adadelta Adam Adamax AdamW Adan ADOPT AdaBelief ASGD Lamb LARS LBFGS Lion Muon NAdam "
        "NovoGrad Prodigy RAdam RMSprop Rprop SGD Yogi"
    ).split()
}
"""Optimizers by the names that torch and their authors give them."""

_VARIANTS = re.compile(
    r"paged|fused|deepspeed|zero|cpu|offload|foreach|distributed|schedulefree|reference|closure|\d+bit|fp\d+|bf16|_",
    re.IGNORECASE,
)
"""What a name says of how an optimizer computes, keeps its state or averages, not of its update."""


def described(optimizer: Optimizer, name: str | None = None) -> dict[str, Any]:
    """The name of an optimizer and whether it has momentum, as arguments for a ``RangeTest``.

    Wrappers are looked through to the innermost optimizer. Its name is that of the first known class among its own and
    its bases: a subclass of AdamW is an AdamW, and so is AdamW8bit. One that is not known keeps its own name. Momentum
    is a question for SGD alone: whether any group has it.

    Args:
        optimizer: Any optimizer.
        name: What the user says it is, which settles the name; None where nothing was said.
    """
    if name is not None and not isinstance(name, str):
        raise TypeError(f"optimizer_name must be a str or None, got optimizer_name={check.shown(name)}")
    # Several inside one are one for each parameter, as with torchao's offloading, or really several.
    names = {_name(each) for each in with_inner(optimizer) if not any(_directly_inside(each))}
    name = name or (names.pop() if len(names) == 1 else _name(optimizer))
    momentum = None
    if name.lower() == "sgd":
        values = [group["momentum"] for group in optimizer.param_groups if "momentum" in group]
        momentum = any(value > 0 for value in values) if values else None
    return {"optimizer": name, "momentum": momentum}


def with_inner(optimizer: Optimizer) -> Iterator[Optimizer]:
    """The optimizer and those it wraps, as SAM, Lookahead, ZeRO and Accelerate's do."""
    seen: dict[int, Optimizer] = {}
    waiting = [optimizer]
    while waiting:
        each = waiting.pop(0)
        if id(each) not in seen:
            seen[id(each)] = each
            yield each
            waiting += _directly_inside(each)


def _directly_inside(optimizer: Optimizer) -> Iterator[Optimizer]:
    for value in vars(optimizer).values():
        several = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else (value,)
        yield from (each for each in several if isinstance(each, Optimizer) and each is not optimizer)


def _name(optimizer: Optimizer) -> str:
    for kind in type(optimizer).__mro__:
        name = _NAMES.get(_VARIANTS.sub("", kind.__name__).lower())
        if name is not None:
            return "AdamW" if name == "Adam" and _decays_weights_as_adamw(optimizer) else name
    return type(optimizer).__name__


def _decays_weights_as_adamw(optimizer: Optimizer) -> bool:
    """By the settings that torch, apex and DeepSpeed have for it."""
    settings = optimizer.defaults | vars(optimizer)
    return any(settings.get(key) in (True, 1) for key in ("decoupled_weight_decay", "adam_w_mode", "adamw_mode"))
