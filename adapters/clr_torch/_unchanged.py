"""What it changes to ask a trainer for its loader and its optimizer, put back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from clr_core.range_test.interrupts import undisturbed
from clr_torch._restore import modes_and_random_states


@contextmanager
def unchanged(*objects: Any) -> Iterator[None]:
    """Afterwards the objects have the attributes they had, with the same items in lists; random states are put back.

    Same as ``restored``, but it copies no tensor: it goes around a range test, which puts the rest back itself.
    """
    attributes = [dict(vars(each)) for each in objects]
    lists = [(value, list(value)) for each in attributes for value in each.values() if type(value) is list]
    random_states = modes_and_random_states()

    def put_back(_: Any) -> None:
        for each, before in zip(objects, attributes, strict=True):
            vars(each).clear()
            vars(each).update(before)
        for value, items in lists:
            value[:] = items
        for random_state in random_states:
            random_state()

    try:
        yield
    finally:
        undisturbed(put_back)
