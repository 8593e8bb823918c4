"""Random states that going through batches uses up, put back after the range test.

JAX has no state to restore: parameters, optimizer state and keys are values. But a data set may draw from the
global generators of Python, NumPy and, where a program has imported it, torch, and a torch DataLoader from its own.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable
from types import TracebackType
from typing import Any

import numpy as np


class RestoreRandomStates:
    """A context after which every generator is as it was, also after an exception or Ctrl-C.

    Args:
        batches: Where a loader's own generators are found.
    """

    def __init__(self, batches: Any) -> None:
        self._batches = batches
        self._undo: list[Callable[[], None]] = []

    def __enter__(self) -> None:
        python, numpy = random.getstate(), np.random.get_state()
        undo: list[Callable[[], None]] = [lambda: random.setstate(python), lambda: np.random.set_state(numpy)]
        for generator in _torch_generators(self._batches):
            undo.append(_setter(generator, generator.get_state()))
        self._undo = undo

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        interrupted: KeyboardInterrupt | None = None
        while self._undo:
            try:
                self._undo[-1]()
                self._undo.pop()
            except KeyboardInterrupt as another:
                interrupted = another
        if interrupted is not None:
            raise interrupted


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
