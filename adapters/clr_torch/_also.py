"""The check of ``also``, the other objects that a step changes."""

from __future__ import annotations

from typing import Any

from torch import Tensor
from torch.utils.data.dataloader import _BaseDataLoaderIter

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
