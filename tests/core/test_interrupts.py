"""The gate in front of signal handlers."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest
from interrupting import Interrupting

from clr_core.range_test import interrupts
from clr_core.range_test.interrupts import Gate, undisturbed


def press() -> None:
    signal.raise_signal(signal.SIGINT)


def test_behind_a_closed_gate_everything_is_done() -> None:
    """Ctrl-C is kept until the body has ended, and then comes once however often it was pressed."""
    done = []

    def body(gate: Gate) -> None:
        for number in range(3):
            press()
            done.append(number)

    with pytest.raises(KeyboardInterrupt):
        undisturbed(body)
    assert done == [0, 1, 2]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_what_is_let_through_can_be_interrupted_once() -> None:
    """A Ctrl-C that was kept, or that comes in the call, comes out of it; the gate is closed behind it."""
    done = []

    def body(gate: Gate) -> str:
        assert gate.let_through(lambda: 5) == 5
        press()
        for call in (lambda: None, press):
            with pytest.raises(KeyboardInterrupt):
                gate.let_through(call)
            press()
            done.append(call)
        assert gate.has_kept_interrupt
        gate.forget_interrupts()
        return "done"

    assert undisturbed(body) == "done"
    assert len(done) == 2


def test_an_error_made_of_ctrl_c_is_ctrl_c() -> None:
    """As a framework may do that runs Python code inside its own; another error stays what it is."""

    def fail(first: Callable[[], None]) -> None:
        try:
            first()
        finally:
            raise OSError("disk full")

    def body(gate: Gate) -> None:
        with pytest.raises(OSError, match="disk full"):
            gate.let_through(lambda: fail(lambda: None))
        with pytest.raises(KeyboardInterrupt):
            gate.let_through(lambda: fail(press))

    undisturbed(body)


def test_at_every_line_of_the_gate() -> None:
    """Handlers are back after Ctrl-C at any line, once or twice, and a body that was begun has ended."""
    begun: list[int] = []
    ended: list[int] = []

    def body(gate: Gate) -> None:
        try:
            begun.append(1)
            gate.let_through(lambda: None)
        finally:
            gate.close()
            ended.append(1)

    with Interrupting(interrupts.__file__, 10**9) as counter:
        undisturbed(body)
    assert counter.lines > 30
    for again in (0, 1, 5):
        for at in range(1, counter.lines + 1):
            with pytest.raises(KeyboardInterrupt), Interrupting(interrupts.__file__, at, again):
                undisturbed(body)
            sys.settrace(None)
            assert signal.getsignal(signal.SIGINT) is signal.default_int_handler, (at, again)
            assert len(begun) == len(ended), (at, again)


def test_a_handler_that_goes_through_a_gate_that_is_gone() -> None:
    """One that was installed meanwhile, and calls the one before it, as torch does for its worker processes."""
    heard: list[str] = []
    before = signal.signal(signal.SIGTERM, lambda *_: heard.append("first"))

    def body(gate: Gate) -> None:
        earlier: Any = signal.getsignal(signal.SIGTERM)

        def chained(number: int, frame: Any) -> None:
            heard.append("second")
            earlier(number, frame)

        signal.signal(signal.SIGTERM, chained)

    try:
        undisturbed(body)
        signal.raise_signal(signal.SIGTERM)
        assert heard == ["second", "first"]
    finally:
        signal.signal(signal.SIGTERM, before)


def test_in_another_thread_there_is_nothing_to_keep() -> None:
    """Signals come to the main thread only."""
    found = []
    thread = threading.Thread(target=lambda: found.append(undisturbed(lambda gate: gate.let_through(lambda: 3))))
    thread.start()
    thread.join()
    assert found == [3]
