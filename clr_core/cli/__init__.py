"""The command line: ``clr demo``, ``clr suggest``, ``clr schedule``; ``python -m clr_core`` is the same."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

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
        argv: The words after ``clr``; those of this process if left out.

    Returns:
        The exit status: 0, 2 for bad input (one line on stderr says what), 130 after Ctrl-C.
    """
    for stream in ("stdout", "stderr"):
        if getattr(sys, stream) is None:  # closed by the caller (``>&-``): what is written there is lost
            setattr(sys, stream, open(os.devnull, "w"))  # noqa: SIM115
    arguments = build_parser().parse_args(argv)
    try:
        arguments.run(arguments)
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader (``| head``) has seen enough; what is still in the buffer must not raise at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except KeyboardInterrupt:
        print("clr: interrupted", file=sys.stderr)
        return 130
    except OSError as error:
        print(f"clr: {error.filename or 'error'}: {error.strerror or error}", file=sys.stderr)
        return 2
    except (ValueError, TypeError, ModuleNotFoundError) as error:
        print(f"clr: {error}", file=sys.stderr)
        return 2
    return 0
