"""``clr schedule``: the values of a policy, as a picture in text, CSV, JSON or an image."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from typing import Any

from clr_core import check
from clr_core.schedules.base import POLICIES, Schedule
from clr_core.schedules.picture import scene_of_values
from clr_core.views.figure import figure_of, picture_path
from clr_core.views.text import picture

_TYPES = {"int": int, "float": float, "str": str}

MOST_DRAWN = 10_000_000
"""Values that a picture holds in memory; CSV and JSON are written as they are computed."""


def add_parser(commands: Any) -> None:
    """Add the command to the parser's, with one sub-command for each policy."""
    parser = commands.add_parser(
        "schedule",
        help="the values of a policy",
        description="Show what a schedule does before training with it.",
    )
    kinds: Any = parser.add_subparsers(metavar="KIND", required=True)
    for name, cls in sorted(POLICIES.items()):
        fields = dataclasses.fields(cls)  # type: ignore[arg-type]  # every policy is a dataclass
        types = {item.name: _argument_type(item) for item in fields}
        required = [item for item in fields if item.default is dataclasses.MISSING]
        if any(types[item.name] is None for item in required):
            continue  # a schedule made of schedules does not fit on a command line
        kind = kinds.add_parser(name, help=_summary(cls), description=_summary(cls))
        for item in fields:
            if (argument_type := types[item.name]) is None:
                continue
            kind.add_argument(
                f"--{item.name.replace('_', '-')}",
                type=argument_type,
                required=item in required,
                default=argparse.SUPPRESS,
                metavar=argument_type.__name__.upper(),
                help=None if item in required else f"default: {item.default}",
            )
        kind.add_argument("--steps", type=int, required=True, metavar="N", help="updates to show")
        output = kind.add_mutually_exclusive_group()
        output.add_argument("--csv", action="store_true", help="print step,lr lines")
        output.add_argument("--json", action="store_true", help="print the schedule and its values")
        output.add_argument("--plot", metavar="OUT.png", help="write a picture (.png or .svg)")
        kind.set_defaults(run=run, policy=cls, fields=[item.name for item in fields])


def run(arguments: argparse.Namespace) -> None:
    """Print or draw the schedule."""
    given = {name: getattr(arguments, name) for name in arguments.fields if hasattr(arguments, name)}
    schedule: Schedule = arguments.policy(**given)
    steps = check.whole("steps", arguments.steps)
    if arguments.csv:
        print("step,lr")
        for step in range(steps):
            print(f"{step},{schedule(step)!r}")
    elif arguments.json:
        _print_json(schedule, steps)
    elif steps > MOST_DRAWN:
        raise ValueError(f"steps must be an int <= {MOST_DRAWN} for a picture, got steps={steps}: add --csv or --json")
    elif arguments.plot is not None:
        path = picture_path(arguments.plot)
        figure_of(scene_of_values(repr(schedule), schedule.values(steps)), path)
        print(f"wrote {path}")
    else:
        print("\n".join(text_picture(schedule, steps)))


def _print_json(schedule: Schedule, steps: int) -> None:
    """What ``json.dumps`` would print, value by value."""
    sys.stdout.write(f'{{"schedule": {json.dumps(schedule.to_dict())}, "values": [{schedule(0)!r}')
    for step in range(1, steps):
        sys.stdout.write(f", {schedule(step)!r}")
    print("]}")


def text_picture(schedule: Schedule, steps: int) -> list[str]:
    """The schedule drawn in characters, with its lowest and highest value."""
    values = schedule.values(steps)
    return [
        repr(schedule),
        f"first {values[0]:.6g}, lowest {min(values):.6g}, highest {max(values):.6g}, last {values[-1]:.6g}",
        "",
        *picture(scene_of_values(repr(schedule), values)),
    ]


def _summary(cls: type[Schedule]) -> str:
    """The first line of the policy's docstring, fit for argparse."""
    return (cls.__doc__ or "").partition("\n")[0].replace("``", "").replace("%", "%%")


def _argument_type(item: dataclasses.Field[Any]) -> Any:
    """int, float or str as the field is annotated; None for what does not fit on a command line."""
    return _TYPES.get(str(item.type).removesuffix(" | None"))
