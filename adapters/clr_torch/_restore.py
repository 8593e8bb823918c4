"""Everything that a training step may change: recorded, and restored bit for bit.

1. An object is its attributes, a container its items, a tensor the memory behind it. Whatever can be reached from what
   was handed over is noted once, wherever it is kept: parameters, buffers and optimizer state have no special place.
2. Everything is put back *in place*: the same objects hold the same content. Nothing is replaced by a copy.
3. Nothing is half done. What was handed over is put back once before the first update, so that what cannot be is an
   error before anything has changed; and while notes are taken or used no signal is handled
   (``clr_core.range_test.interrupts``).

``_notes`` says what is noted of which kind of object, and where the walk ends: at code, at data, and at objects that
other threads use.
"""

from __future__ import annotations

import random
import sys
import warnings
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import torch
from torch.utils.data import DataLoader, Dataset

from clr_core.range_test.interrupts import Gate
from clr_core.range_test.notes import PutBack
from clr_torch._notes import ATOMS, PLAIN, note

T = TypeVar("T")


def restored(gate: Gate, body: Callable[[], T], state: Iterable[Any], data: Iterable[Any] = ()) -> T:
    """What ``body`` returns; afterwards everything that can be reached from ``state`` and ``data`` is as it was.

    So are the random numbers of torch on every device in use, of Python and of NumPy, grad mode and autocast. Of
    ``data`` (loaders, datasets, samplers) tensors and long lists are left alone: they are examples. In ``body`` no
    parameter has a gradient, and no DataLoader an open iterator.

    The gate is closed, and is closed again at the end; ``body`` may open it.

    Raises:
        ValueError: Something cannot be put back; nothing has been changed.
    """
    snapshot = Snapshot(state, data)
    snapshot.rehearse()
    try:
        try:
            snapshot.clear()
            result = body()
        finally:
            gate.close()
    except BaseException as error:
        for failure in snapshot.put_back():
            error.add_note(f"clr could not put everything back: {failure!r}")
        raise
    for failure in snapshot.put_back():
        # The curve is complete, and after the rehearsal only a device that has failed comes to this.
        warnings.warn(f"clr could not put everything back after the range test: {failure!r}", RuntimeWarning, 2)
    return result


class Snapshot:
    """What objects hold now, by rule 1; without ``copies_memory`` all but the content of tensors."""

    def __init__(self, state: Iterable[Any], data: Iterable[Any] = (), *, copies_memory: bool = True) -> None:
        self._memory: dict[Any, PutBack] | None = {} if copies_memory else None
        self._holders: list[PutBack] = []
        self._noted: dict[int, Any] = {}
        self._loaders: list[Any] = []
        self._leaves: list[torch.Tensor] = []
        self._walk(state, is_data=False)
        self._walk(data, is_data=True)
        self._modes = modes_and_random_states()

    def _walk(self, roots: Iterable[Any], is_data: bool) -> None:
        waiting = [(root, is_data, True) for root in roots if type(root) not in ATOMS]
        while waiting:
            value, is_data, is_named = waiting.pop()
            if id(value) in self._noted:
                continue
            if type(value) in PLAIN and not value:  # nine of ten objects that a module has
                self._noted[id(value)] = value
                self._holders.append(value.clear)
                continue
            is_loader = isinstance(value, DataLoader)
            is_data = is_data or is_loader or (isinstance(value, Dataset) and not is_named)
            found = note(value, is_data, self._memory, is_named=is_named)
            if found is None:
                continue
            self._noted[id(value)] = value  # kept alive, so that no other object gets its id
            self._holders += found.put_back
            waiting += [(child, is_data, False) for child in found.children if type(child) not in ATOMS]
            if is_loader:
                self._loaders.append(value)
            elif isinstance(value, torch.Tensor) and value.is_leaf:
                self._leaves.append(value)

    def rehearse(self) -> None:
        """Put back what was handed over while it is still there."""
        for failure in _failures_of([*(self._memory or {}).values(), *self._holders]):
            raise ValueError(f"a range test must be able to put everything back, got {failure}") from failure

    def clear(self) -> None:
        """Set gradients and open iterators aside, which nothing then can use."""
        for leaf in self._leaves:
            leaf.grad = None
        for loader in self._loaders:
            if vars(loader).get("_iterator") is not None:
                loader._iterator = None

    def put_back(self) -> list[Exception]:
        """Put everything back, and return what went wrong."""
        # The modes last: what is put back before may use them.
        return _failures_of([*(self._memory or {}).values(), *self._holders, *self._modes])


def _failures_of(calls: Iterable[PutBack]) -> list[Exception]:
    """What went wrong in these calls: one device that has failed must not keep the rest."""
    failures: list[Exception] = []
    for each in calls:
        try:
            each()
        except Exception as failure:
            failures.append(failure)
    return failures


def modes_and_random_states() -> list[PutBack]:
    """How to put back grad mode, autocast and the random numbers of torch, Python and NumPy."""
    found: list[PutBack] = []

    def keep(state: Any, put_back: Callable[..., Any], *before: Any) -> None:
        found.append(lambda: put_back(*before, state))

    keep(torch.get_rng_state(), torch.set_rng_state)
    numbers = random.getstate()
    # Python checks each of its 625 numbers: to set them takes four times as long as to see that they are the same.
    found.append(lambda: None if random.getstate() == numbers else random.setstate(numbers))
    if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        keep(torch.cuda.get_rng_state_all(), torch.cuda.set_rng_state_all)
    if torch.xpu.is_initialized():  # type: ignore[no-untyped-call]
        keep(torch.xpu.get_rng_state_all(), torch.xpu.set_rng_state_all)
    if torch.backends.mps.is_available():
        keep(torch.mps.get_rng_state(), torch.mps.set_rng_state)
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        keep(numpy.random.get_state(), numpy.random.set_state)
    for device in ("cpu", *(each for each in ("cuda", "xpu", "mps") if _is_in_use(each))):
        keep(torch.is_autocast_enabled(device), torch.set_autocast_enabled, device)
        keep(torch.get_autocast_dtype(device), torch.set_autocast_dtype, device)
    keep(torch.is_grad_enabled(), torch.set_grad_enabled)
    return found


def _is_in_use(device: str) -> bool:
    if device == "mps":
        return torch.backends.mps.is_available()
    return bool(getattr(torch, device).is_initialized())
