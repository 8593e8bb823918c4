"""Ctrl-C at any instruction, without leaving anything half done.

Python runs a signal handler between any two instructions of the main thread, and a handler may raise, as that of
Ctrl-C does. ``finally`` alone is no protection: the next Ctrl-C may arrive in the middle of it. A ``Gate`` stands in
front of all handlers:

1. While it is closed no handler runs. A signal that arrives is kept, and handled once the gate has been removed.
2. While it is open a signal is handled at once, and if that raises, the gate has closed behind it. So at most one
   exception comes out of a block that ends by closing the gate, and what follows the block runs undisturbed.

So what runs behind a closed gate is done whole or not at all. Where a framework keeps states of its own, such as the
trace or the graph it is building, its calls belong there: an exception in the midst of one can leave them half changed.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any, TypeVar

T = TypeVar("T")

_SIGNALS = [
    getattr(signal, name)
    for name in "SIGINT SIGTERM SIGHUP SIGQUIT SIGBREAK SIGALRM SIGVTALRM SIGPROF SIGUSR1 SIGUSR2 SIGCHLD".split()
    if hasattr(signal, name)
]
"""Those that programs handle; to ask for the handlers of all 64 takes as long as an update of a small model."""


class Gate:
    """A gate in front of the signal handlers of the main thread; open until ``close``."""

    def __init__(self) -> None:
        self._handlers: dict[int, Callable[[int, FrameType | None], Any]] = {}
        self._is_closed = self._closes = False
        self._kept: list[int] = []
        self._in_hand: int | None = None

    def install(self) -> None:
        """Stand in front of every handler that is written in Python; other threads are not interrupted by signals."""
        if threading.current_thread() is not threading.main_thread():
            return
        found = {number: signal.getsignal(number) for number in _SIGNALS}
        self._handlers = {number: handler for number, handler in found.items() if callable(handler)}
        for number in self._handlers:
            signal.signal(number, self._handle)

    def close(self) -> None:
        """Keep signals from now on."""
        self._closes = self._is_closed = True

    def open(self) -> None:
        """Handle the signals that were kept, and others as they come."""
        self._is_closed = False
        while self._kept and not self._is_closed:
            self._handle(self._kept.pop(0), None)

    def let_through(self, call: Callable[[], T]) -> T:
        """What ``call`` returns, called with the gate open; the gate is closed afterwards.

        Raises:
            KeyboardInterrupt: Ctrl-C was pressed, also where a framework has made another error of it.
        """
        self._in_hand = None
        try:
            self.open()
            return call()
        except Exception as error:
            if self._in_hand == signal.SIGINT:
                raise KeyboardInterrupt from error
            raise
        finally:
            self.close()

    @property
    def has_kept_interrupt(self) -> bool:
        """Whether a Ctrl-C has been kept."""
        return signal.SIGINT in self._kept

    def forget_interrupts(self) -> None:
        """Drop every Ctrl-C that was kept: it has had its effect."""
        self._kept = [number for number in self._kept if number != signal.SIGINT]

    def remove(self) -> None:
        """Put the handlers back, that of Ctrl-C last, then handle the signals that were kept.

        A handler that was installed meanwhile, and calls the one before it, still comes through here: as if this were
        not there.
        """
        self.close()
        try:
            self._put_handlers_back()
        finally:
            # Where one of them has raised while others were still to be put back.
            self._put_handlers_back()
            self._closes = self._is_closed = False
        kept, self._kept = self._kept, []
        for number in kept:
            self._handlers[number](number, None)

    def _put_handlers_back(self) -> None:
        for number, handler in reversed(self._handlers.items()):
            if signal.getsignal(number) == self._handle:
                signal.signal(number, handler)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self._is_closed:
            self._kept.append(number)
            return
        self._is_closed, self._in_hand = self._closes, number
        self._handlers[number](number, frame)  # an exception leaves the gate closed
        self._in_hand = None
        if self._closes:
            self.open()


def undisturbed(body: Callable[[Gate], T]) -> T:
    """What ``body`` returns, called with a closed gate, which it may open and must have closed at its end."""
    gate = Gate()
    try:
        gate.install()
        gate.close()
        return body(gate)
    finally:
        gate.remove()
