"""Random states that going through batches uses up, put back after the range test.

JAX has no state to restore: parameters, optimizer state and keys are values. But a data set may draw from the
global generators of Python, NumPy and, where a program has imported it, torch, and a torch DataLoader from its own.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np


@contextmanager
def random_states_restored(batches: Any) -> Iterator[None]:
    """A context after which every generator is as it was, also after an exception; behind a closed gate.

    Args:
        batches: Where a loader's own generators are found.
    """
    python, numpy = random.getstate(), np.random.get_state()
    undo: list[Callable[[], None]] = [lambda: random.setstate(python), lambda: np.random.set_state(numpy)]
    for generator in _torch_generators(batches):
        undo.append(_setter(generator, generator.get_state()))
    try:
        yield
    finally:
        for each in undo:
            each()


def _setter(generator: Any, state: Any) -> Callable[[], None]:
    return lambda: generator.set_state(state)


def _torch_generators(batches: Any) -> list[Any]:
    """torch's global generator, if torch is imported, and those of a DataLoader and its samplers."""
    torch = sys.modules.get("torch")
    if torch is None or not hasattr(torch, "default_generator"):
        return []
    owners = [batches, getattr(batches, "sampler", None), getattr(batches, "batch_sampler", None)]
    owners.append(getattr(owners[-1], "sampler", None))
    found = [torch.default_generator, *(getattr(owner, "generator", None) for owner in owners)]
    return [generator for generator in found if isinstance(generator, torch.Generator)]
