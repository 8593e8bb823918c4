"""The check of the arguments that the range test of a trainer passes on."""

from __future__ import annotations

import inspect
from collections.abc import Collection
from typing import Any

import clr_torch
from clr_core import check

FROM_TRAINER = ("accumulation_steps", "clip_grad_norm", "autocast", "scaler", "loss_fn")
"""The arguments that a trainer has itself."""


def check_passed_on(arguments: dict[str, Any], owner: str, own: Collection[str]) -> None:
    """Raise unless ``clr_torch.range_test`` takes the keyword arguments, and none is the owner's to give."""
    parameters = inspect.signature(clr_torch.range_test).parameters
    names = [name for name, each in parameters.items() if each.kind is each.KEYWORD_ONLY and name not in own]
    for name, value in arguments.items():
        if name in own:
            raise TypeError(f"{name} must come from the {owner}, got {name}={check.shown(value)}: leave it out")
        if name not in names:
            raise TypeError(f"arguments must be among {', '.join(names)}, got {name}={check.shown(value)}")
