"""Checks of arguments that more than one range test takes."""

from __future__ import annotations

import inspect
from collections.abc import Collection
from typing import Any

from torch import Tensor
from torch.utils.data.dataloader import _BaseDataLoaderIter

import clr_torch
from clr_torch._notes import ATOMS, note


def checked_also(also: Any) -> list[Any]:
    """``also`` as a list, if something can be put back of each object in it."""
    if not isinstance(also, list | tuple):
        raise TypeError(f"also must be a list of objects that a step changes, got also={also!r}")
    for index, each in enumerate(also):
        if not _can_be_put_back(each):
            raise TypeError(
                f"also must be a list of objects that a step changes, got also[{index}]={each!r}, of which nothing can "
                "be put back"
            )
    return list(also)


def _can_be_put_back(value: Any) -> bool:
    if isinstance(value, Tensor):  # whose memory is not to be copied here
        return True
    if type(value) in ATOMS or isinstance(value, _BaseDataLoaderIter):
        return False
    return note(value, False, {}) is not None


def check_passed_on(arguments: dict[str, Any], owner: str, own: Collection[str]) -> None:
    """Raise unless ``clr_torch.range_test`` takes the keyword arguments, and none is the owner's to give."""
    parameters = inspect.signature(clr_torch.range_test).parameters
    names = [name for name, each in parameters.items() if each.kind is each.KEYWORD_ONLY and name not in own]
    for name, value in arguments.items():
        if name in own:
            raise TypeError(f"{name} must come from the {owner}, got {name}={value!r}: leave it out")
        if name not in names:
            raise TypeError(f"arguments must be among {', '.join(names)}, got {name}={value!r}")
