"""The command line: ``clr demo``, ``clr suggest``, ``clr schedule``; ``python -m clr_core`` is the same."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Sequence
from typing import Any, NoReturn, TextIO

from clr_core import __version__
from clr_core.cli import demo, schedule, suggest


class _Parser(argparse.ArgumentParser):
    """A parser that says what is wrong in one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message} (see {self.prog} --help)\n")


def build_parser() -> argparse.ArgumentParser:
    """The parser of the whole command line."""
    parser = _Parser(prog="clr", description="Cyclical learning rates: range test, bounds, schedule.")
    parser.add_argument("--version", action="version", version=f"clr {__version__}")
    commands: Any = parser.add_subparsers(metavar="COMMAND", required=True)
    for command in (demo, suggest, schedule):
        command.add_parser(commands)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        argv: The words after ``clr``; by default those of this process.

    Returns:
        The exit status: 0, 2 for bad input (one line on stderr says what), 130 after Ctrl-C.
    """
    try:
        _replace_closed_streams()
        try:
            arguments = build_parser().parse_args(argv)
            arguments.run(arguments)
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        pass  # the reader (``| head``) has seen enough
    except KeyboardInterrupt:
        _complain("interrupted")
        return 130
    except OSError as error:
        _complain(f"{error.filename or 'error'}: {error.strerror or error}")
        return 2
    except (ValueError, TypeError, ModuleNotFoundError) as error:
        _complain(str(error))
        return 2
    finally:
        for stream in (sys.stdout, sys.stderr):
            _settle(stream)
    return 0


def _complain(message: str) -> None:
    """One line on stderr, unless nobody reads it any more."""
    with contextlib.suppress(OSError, KeyboardInterrupt):
        print(f"clr: {message}", file=sys.stderr, flush=True)


def _settle(stream: TextIO) -> None:
    """Write what is in the buffer, or give up: what is still there must not raise at exit."""
    try:
        stream.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _replace_closed_streams() -> None:
    """Write to nowhere where the shell has closed a stream (``>&-``), for which Python has None."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115
