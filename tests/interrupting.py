"""Ctrl-C at chosen lines of a package."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterable, Iterator
from typing import Any


def press_ctrl_c(presses: int) -> None:
    """Ctrl-C, and again while the one before is on its way out."""
    try:
        signal.raise_signal(signal.SIGINT)
    finally:
        for _ in range(presses - 1):
            signal.raise_signal(signal.SIGINT)


class PressingAfterOne:
    """Batches, in each pass over which Ctrl-C is pressed once the first has been used."""

    def __init__(self, batches: Iterable[Any], presses: int) -> None:
        self.batches, self.presses = batches, presses

    def __iter__(self) -> Iterator[Any]:
        first, second, *_ = self.batches
        yield first
        press_ctrl_c(self.presses)
        yield second


class Interrupting:
    """A trace function that presses Ctrl-C at one of the lines that are run in a folder, and again some lines later.

    Attributes:
        lines: How many lines were run there.
    """

    def __init__(self, folder: str, at: int, again: int = 0, signal_number: int = signal.SIGINT) -> None:
        self.folder, self.signal_number = folder, signal_number
        self.lines, self.presses = 0, (at, at + again)

    def __enter__(self) -> Interrupting:
        sys.settrace(self.trace)
        return self

    def __exit__(self, *_: object) -> None:
        sys.settrace(None)

    def trace(self, frame: Any, event: str, argument: Any) -> Any:
        if not frame.f_code.co_filename.startswith(self.folder):
            return None
        self.lines += event == "line"
        if event == "line" and self.lines in self.presses:
            signal.raise_signal(self.signal_number)
        return self.trace
