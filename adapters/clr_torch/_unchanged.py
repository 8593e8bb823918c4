"""What it changes to ask a trainer for its loader and its optimizer, put back."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any

from clr_core.range_test.interrupts import Gate, undisturbed
from clr_torch._restore import Snapshot


@contextmanager
def unchanged(*owners: Any, data: Collection[Any] = ()) -> Iterator[None]:
    """Afterwards the owners, and everything that can be reached from their attributes, are as they were.

    Same as ``restored``, but what is in the memory of tensors is not copied: this goes around a range test, which puts
    that back itself. ``data`` is which of the attributes are datasets.
    """
    attributes = [dict(vars(each)) for each in owners]
    examples = {id(each) for each in data}

    def noted(_: Gate) -> Snapshot:
        # In a list: they are found in their owners, and not named.
        state = [[value for each in attributes for value in each.values() if id(value) not in examples]]
        snapshot = Snapshot(state, data, copies_memory=False)
        snapshot.rehearse()
        return snapshot

    def put_back(_: Gate) -> None:
        for each, before in zip(owners, attributes, strict=True):
            vars(each).clear()
            vars(each).update(before)
        for failure in snapshot.put_back():
            warnings.warn(f"clr could not put everything back after the range test: {failure!r}", RuntimeWarning, 2)

    snapshot = undisturbed(noted)
    try:
        yield
    finally:
        undisturbed(put_back)
