"""What an optimizer is, whatever it is called and wrapped in."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from torch.optim import Optimizer

_NAMES = {
    name.lower(): name
    for name in (
        "Adafactor Adagrad Adadelta Adam Adamax AdamW Adan ADOPT AdaBelief ASGD Lamb LARS LBFGS Lion Muon NAdam NovoGrad "
        "Prodigy RAdam RMSprop Rprop SGD Yogi"
    ).split()
}
"""Optimizers by the names that torch and their authors give them."""

_VARIANTS = re.compile(
    "paged|fused|deepspeed|zero|cpu|offload|stochastic|bnb|hybrid|foreach|distributed|fabric|lightning|"
    r"\d+bit|fp\d+|bf16|schedulefree|reference|closure|dp|_",
    re.IGNORECASE,
)
"""What a name says of how an optimizer computes, keeps its state or finds its LR, not of its update."""


def described(optimizer: Optimizer, name: str | None = None) -> dict[str, Any]:
    """The name of an optimizer and, of SGD, whether any group has momentum, as arguments for a ``RangeTest``.

    Wrappers are looked through to the innermost optimizer. Its name is that of the first known class among its own and
    its bases, so a subclass of AdamW is an AdamW, and AdamW8bit as well; one that is not known keeps its own name.
    """
    if name is not None and not isinstance(name, str):
        raise TypeError(f"optimizer_name must be a str or None, got optimizer_name={name!r}")
    inner = innermost(optimizer)
    name = name or _name(inner)
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
            waiting += [inner for inner in vars(each).values() if isinstance(inner, Optimizer)]


def innermost(optimizer: Optimizer) -> Optimizer:
    """The optimizer at the core of those that wrap it; itself where there are several in it."""
    inner = [each for each in with_inner(optimizer) if not any(each is not other for other in _inside(each))]
    return inner[0] if len(inner) == 1 else optimizer


def _inside(optimizer: Optimizer) -> list[Optimizer]:
    return list(with_inner(optimizer))[1:]


def _name(optimizer: Optimizer) -> str:
    for kind in type(optimizer).__mro__:
        bare = _VARIANTS.sub("", kind.__name__).lower()
        if bare in _NAMES:
            is_decoupled = bare == "adam" and any(_is_decoupled(group) for group in (optimizer.defaults, vars(optimizer)))
            return "AdamW" if is_decoupled else _NAMES[bare]
    return type(optimizer).__name__


def _is_decoupled(settings: dict[str, Any]) -> bool:
    """Whether an Adam decays its weights as AdamW does, by the names of torch, apex and DeepSpeed."""
    return any(settings.get(key) is True for key in ("decoupled_weight_decay", "adam_w_mode", "adamw_mode"))
