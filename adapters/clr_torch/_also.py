"""The check of ``also``, the other objects that a step changes."""

from __future__ import annotations

from typing import Any

from clr_core import check
from clr_torch._notes import ATOMS, note


def checked_also(also: Any) -> list[Any]:
    """``also`` as a list, if something can be put back of each object in it."""
    if not isinstance(also, list | tuple):
        raise TypeError(f"also must be a list of objects that a step changes, got also={check.shown(also)}")
    for index, each in enumerate(also):
        if type(each) in ATOMS or note(each, False, None, is_named=True) is None:
            raise TypeError(
                "also must be a list of objects that a step changes, got "
                f"also[{index}]={check.shown(each)}, of which nothing can be put back"
            )
    return list(also)
