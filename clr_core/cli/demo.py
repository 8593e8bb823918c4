"""``clr demo``: the whole job on a small real problem."""

from __future__ import annotations

import argparse
from typing import Any


def add_parser(commands: Any) -> None:
    """Add the command to the parser's."""
    parser = commands.add_parser(
        "demo",
        help="range test, bounds and a comparison on a small real problem",
        description="Find bounds by a range test, then train with a default LR, with cycles between them "
        "and with linear decay, and say which won.",
    )
    parser.add_argument(
        "--framework",
        metavar="NAME",
        help="torch, keras or optax: train a network on scikit-learn's digits in it; without it, a character model "
        "in plain Python",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Run the demo."""
    from clr_core.demo import run as run_demo

    run_demo(arguments.framework)
