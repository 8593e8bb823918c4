"""``clr suggest``: bounds from the file of a range test."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace
from typing import Any

from clr_core.bounds.network import KINDS
from clr_core.bounds.refusals import Undetermined
from clr_core.bounds.suggest import suggest_bounds
from clr_core.range_test.curve import LRCurve
from clr_core.views.figure import picture_path


def add_parser(commands: Any) -> None:
    """Add the command to the parser's."""
    parser = commands.add_parser(
        "suggest",
        help="bounds from a recorded range test",
        description="Read a range test from a .csv or .json file (of this library, or a log of Lightning, Keras, "
        "Hugging Face, Weights & Biases, pandas, ... with the LR and the loss) and suggest bounds with the evidence.",
    )
    parser.add_argument("files", nargs="+", metavar="FILE", help="one range test, or several with different seeds")
    parser.add_argument(
        "--kind",
        choices=KINDS,
        default="cyclic",
        help="what the bounds are for (%(default)s)",
    )
    parser.add_argument("--total-steps", type=int, metavar="N", help="updates in the training run (default: 500)")
    parser.add_argument("--steps-per-epoch", type=float, metavar="N", help="how many of them make one epoch")
    parser.add_argument("--optimizer", metavar="NAME", help="SGD, AdamW, ...: if it is not in the file")
    parser.add_argument(
        "--momentum",
        action=argparse.BooleanOptionalAction,
        help="SGD with or without momentum: if it is not in the file",
    )
    parser.add_argument("--json", action="store_true", help="print the fields of the result as one JSON object")
    parser.add_argument("--plot", metavar="OUT.png", help="also write the picture (.png, .svg, .pdf)")
    parser.set_defaults(run=run)


def read(path: str) -> LRCurve:
    """The curve in a file, which is JSON if its name says so and CSV otherwise."""
    return LRCurve.from_json(path) if path.lower().endswith((".json", ".jsonl")) else LRCurve.from_csv(path)


def run(arguments: argparse.Namespace) -> None:
    """Print the suggestion."""
    path = None if arguments.plot is None else picture_path(arguments.plot)
    curves = [read(path) for path in arguments.files]
    if arguments.optimizer is not None:
        curves = [replace(curve, optimizer=arguments.optimizer) for curve in curves]
    if arguments.momentum is not None:
        curves = [replace(curve, momentum=arguments.momentum) for curve in curves]
    try:
        bounds = suggest_bounds(
            curves,
            kind=arguments.kind,
            total_steps=arguments.total_steps,
            steps_per_epoch=arguments.steps_per_epoch,
        )
    except Undetermined as refusal:
        raise Undetermined(refusal.reason, f"{', '.join(arguments.files)}: {refusal}") from refusal
    print(json.dumps(bounds.to_dict()) if arguments.json else bounds)
    if path is not None:
        bounds.plot(path)
        print(f"wrote {path}", file=sys.stderr if arguments.json else sys.stdout)
