"""``clr suggest``: bounds from the CSV file of a range test."""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from typing import Any

from clr_core.bounds.network import KINDS
from clr_core.bounds.suggest import suggest_bounds
from clr_core.range_test.curve import LRCurve


def add_parser(commands: Any) -> None:
    """Add the command to the parser's."""
    parser = commands.add_parser(
        "suggest",
        help="bounds from a recorded range test",
        description="Read a range test from CSV (columns lr or learning_rate, loss; optionally an accuracy, "
        "optimizer, momentum, stop_reason) and suggest bounds with the evidence for them.",
    )
    parser.add_argument("files", nargs="+", metavar="FILE.csv", help="one range test, or several with other seeds")
    parser.add_argument(
        "--kind",
        choices=KINDS,
        default="cyclic",
        help="what the bounds are for (%(default)s)",
    )
    parser.add_argument(
        "--total-steps", type=int, metavar="N", help="updates of the training to come (500 where it is not said)"
    )
    parser.add_argument(
        "--steps-per-epoch", type=float, metavar="N", help="how many of these see every example once, where you know it"
    )
    parser.add_argument("--optimizer", metavar="NAME", help="SGD, AdamW, ...: where the file does not say")
    parser.add_argument(
        "--momentum",
        action=argparse.BooleanOptionalAction,
        help="SGD with or without momentum: where the file does not say",
    )
    parser.add_argument("--json", action="store_true", help="print the result's fields as one JSON object")
    parser.add_argument("--plot", metavar="OUT.png", help="write the picture too (.png or .svg)")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Print the suggestion."""
    curves = [LRCurve.from_csv(path) for path in arguments.files]
    if arguments.optimizer is not None:
        curves = [replace(curve, optimizer=arguments.optimizer) for curve in curves]
    if arguments.momentum is not None:
        curves = [replace(curve, momentum=arguments.momentum) for curve in curves]
    bounds = suggest_bounds(
        curves,
        kind=arguments.kind,
        total_steps=arguments.total_steps,
        steps_per_epoch=arguments.steps_per_epoch,
    )
    if arguments.plot:
        bounds.plot(arguments.plot)
    print(json.dumps(bounds.to_dict()) if arguments.json else bounds)
