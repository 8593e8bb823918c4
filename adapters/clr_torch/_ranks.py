"""One range test on many ranks: what each has seen is gathered, and every decision is made from the whole.

1. Each rank brings its losses to an exchange after the same updates, whatever happened on it: an error or a Ctrl-C is
   brought as well, and acted on by all.
2. What is decided follows from the gathered numbers alone. No clock and no loss of a single rank has a part in it.

The exchange has a process group of its own, on the CPU: it is never mistaken for a collective of the model, and an
accelerator need not be waited for. All tests share it, and it goes when the default group does: a rank that closed it
would close it on others that are still reading, and torch 2.4 may wait forever for a thread of a group it closes.
"""

from __future__ import annotations

import time
import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist

_PATIENCE = 10.0
"""Seconds that a rank that has failed waits for the others; they may be inside a collective that it never joins."""


_groups: weakref.WeakKeyDictionary[Any, Any] = weakref.WeakKeyDictionary()
"""The process group of the next exchange, by the default group."""


class Exchange:
    """Where the ranks meet; every rank must make one, and then meet the others equally often."""

    def __init__(self) -> None:
        self.updates = 16 if "nccl" in dist.get_backend() else 1
        """From one meeting to the next. Between them an accelerator need not be waited for."""
        self.has_met = False
        self._size = dist.get_world_size()
        self._group: Any = _groups.pop(dist.group.WORLD, None) or dist.new_group(backend="gloo")
        self._all_have_met = True

    def close(self) -> None:
        """Leave the process group to the next test, unless some rank may still be on its way to a meeting in it."""
        if self._all_have_met:
            _groups[dist.group.WORLD] = self._group

    def meet(
        self, outcomes: Sequence[tuple[float, ...]] = (), *, has_failed: bool = False, is_interrupted: bool = False
    ) -> Meeting:
        """Bring the outcomes of the updates since the last meeting, at most ``updates``, and get those of all."""
        self.has_met, self._all_have_met = True, False
        width = len(outcomes[0]) if outcomes else 0
        row = [float(has_failed), float(is_interrupted), float(len(outcomes)), float(width)]
        row += [value for outcome in outcomes for value in outcome]
        rows = self._gathered(row + [0.0] * (4 + 2 * self.updates - len(row)), has_failed)
        widths = {int(each[3]) for each in rows if each[2]}
        if len(widths) > 1:
            raise ValueError("metric must be given on every rank or on none")
        failed = [rank for rank, each in enumerate(rows) if each[0]]
        self._all_have_met = not failed
        width = max(widths, default=0)
        made = min(int(each[2]) for each in rows)
        return Meeting(
            [
                tuple(sum(each[place] for each in rows) / len(rows) for place in range(start, start + width))
                for start in range(4, 4 + made * width, max(width, 1))
            ],
            failed,
            any(each[1] for each in rows),
        )

    def _gathered(self, row: list[float], has_failed: bool) -> list[list[float]]:
        mine = torch.tensor(row, dtype=torch.float64)
        rows = [torch.empty_like(mine) for _ in range(self._size)]
        work: Any = dist.all_gather(rows, mine, group=self._group, async_op=True)
        deadline = time.monotonic() + _PATIENCE
        while has_failed and not work.is_completed():  # gloo's own wait does not keep to a shorter limit
            if time.monotonic() > deadline:
                return [row]
            time.sleep(0.01)
        work.wait()
        return [each.tolist() for each in rows]


@dataclass(frozen=True)
class Meeting:
    """What all ranks know after they have met."""

    outcomes: list[tuple[float, ...]]
    """The mean over the ranks for each update that all of them have made."""
    failed: list[int]
    is_interrupted: bool


def are_many() -> bool:
    """Whether this process is one of several ranks."""
    return dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1
