"""Ctrl-C, any number of times, without leaving anything half restored."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any


def then_restore(work: Callable[[], None], restore: Callable[[], None]) -> None:
    """Run ``work()``, then ``restore()``, whatever happens; the first Ctrl-C ends the work, later ones do nothing.

    Raises:
        KeyboardInterrupt: Ctrl-C was pressed during the work, also where a framework made another error of it.
    """
    keys = _FirstInterruptOnly()
    try:
        keys.install()
        work()
        keys.hold()
    except BaseException as error:
        keys.hold()
        if keys.is_pressed and not isinstance(error, KeyboardInterrupt):
            raise KeyboardInterrupt from error
        raise
    finally:
        # Every way here has gone through hold() or through an interrupt, after which there is no other.
        restore()
        keys.remove()


class _FirstInterruptOnly:
    """A handler of SIGINT that passes on the first signal alone, and none after ``hold()``.

    Signals come to the main thread only, so in any other there is nothing to handle.
    """

    def __init__(self) -> None:
        self._is_held = False
        self._previous: Any = None
        self.is_pressed = False

    def install(self) -> None:
        previous = signal.getsignal(signal.SIGINT)
        if callable(previous) and threading.current_thread() is threading.main_thread():
            self._previous = previous
            signal.signal(signal.SIGINT, self._on_interrupt)

    def hold(self) -> None:
        self._is_held = True

    def remove(self) -> None:
        if self._previous is not None:
            signal.signal(signal.SIGINT, self._previous)

    def _on_interrupt(self, number: int, frame: FrameType | None) -> None:
        if not self._is_held:
            self._is_held = self.is_pressed = True
            self._previous(number, frame)
