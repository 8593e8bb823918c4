"""Ctrl-C at chosen lines of a package."""

from __future__ import annotations

import signal
import sys
from typing import Any


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
