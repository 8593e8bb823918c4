"""What going through batches uses up, put back after the range test.

JAX has no state to restore: parameters, optimizer state and keys are values. But a data set may draw from the
global generators of Python, NumPy and, where a program has imported it, torch; and a loader has generators, an order
of the examples and a position of its own.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from clr_core.range_test.notes import STATELESS, PutBack, contents, is_shared, ordinary


@contextmanager
def data_restored(batches: Any) -> Iterator[None]:
    """A context after which the batches and every generator are as before, also after an exception.

    It belongs behind a closed gate.

    Args:
        batches: Where a loader's own generators and orders are found.
    """
    python, numpy = random.getstate(), np.random.get_state()
    undo: list[PutBack] = [lambda: random.setstate(python), lambda: np.random.set_state(numpy)]
    undo += _noted([batches, getattr(sys.modules.get("torch"), "default_generator", None)])
    try:
        yield
    finally:
        for each in undo:
            each()


def _noted(waiting: list[Any]) -> list[PutBack]:
    """What puts back all that can be reached from these objects."""
    undo: list[PutBack] = []
    seen: dict[int, Any] = {}  # keeps them alive, so that no other object gets their ids
    while waiting:
        one = waiting.pop()
        if isinstance(one, STATELESS) or id(one) in seen or is_shared(one):
            continue
        seen[id(one)] = one
        found = contents(one, is_data=True) or ordinary(one)
        if found is not None:
            undo += found.put_back
            waiting += found.children
    return undo
