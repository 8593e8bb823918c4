"""Draws the pictures of policies.md: ``python docs/gallery.py``; ``--check`` says whether all of them are there."""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import re
import shlex
import sys
import tempfile
from pathlib import Path

import matplotlib

import clr_core
from clr_core.cli import main as clr
from clr_core.schedules.picture import scene_of_values
from clr_core.views.figure import figure_of

HERE = Path(__file__).parent
CYCLES = clr_core.triangular(1e-3, 6e-3, step_size=2000)
COMPOSED = {
    "with_warmup": clr_core.with_warmup(CYCLES, 1000),
    "join": clr_core.join([CYCLES, clr_core.linear_decay(1e-3, 2000)], [8000]),
    "momentum_for": clr_core.momentum_for(CYCLES),
}
"""Those that no command line makes."""


def draw(folder: Path) -> None:
    """Run the commands of policies.md that draw, in the folder."""
    commands = re.findall(r"^clr (schedule .+ --plot .+)$", (HERE / "policies.md").read_text("utf-8"), re.MULTILINE)
    # The same bytes every time: no date, and no random ids.
    os.environ["SOURCE_DATE_EPOCH"] = "0"
    settings = {"svg.hashsalt": "clr", "svg.fonttype": "none", "font.size": 12, "axes.titlesize": 10}
    with contextlib.chdir(folder), contextlib.redirect_stdout(io.StringIO()), matplotlib.rc_context(settings):
        for command in commands:
            if clr(shlex.split(command)):
                raise SystemExit(f"clr {command} failed")
        for name, schedule in COMPOSED.items():
            figure_of(scene_of_values(name, schedule.values(10_001)), f"{name}.svg")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="draw into another folder and compare the names")
    pictures = HERE / "policies"
    if not parser.parse_args().check:
        pictures.mkdir(exist_ok=True)
        draw(pictures)
        return
    with tempfile.TemporaryDirectory() as folder:
        draw(Path(folder))
        drawn = {path.name for path in Path(folder).iterdir()}
    kept = {path.name for path in pictures.iterdir()}
    if drawn != kept:
        sys.exit(f"docs/policies has other pictures than docs/policies.md draws: {sorted(drawn ^ kept)}")


if __name__ == "__main__":
    main()
