"""``clr schedule`` of very many steps: written as it is computed, never held in memory."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

import clr_core
from clr_core.cli import main

TRIANGULAR = "schedule triangular --base-lr 0 --max-lr 1 --step-size 4 --steps".split()


@pytest.mark.parametrize("form", ["--csv", "--json"])
def test_the_first_lines_of_two_billion_come_at_once(form: str) -> None:
    """A reader that takes 200 characters of ``--steps 2147483647`` gets them, from a process of 200 MB at most."""
    limited = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_AS, (2 * 10**8,) * 2); from clr_core.cli import main;"
        f"sys.exit(main({[*TRIANGULAR, '2147483647', form]}))"
    )
    with subprocess.Popen([sys.executable, "-c", limited], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        first = process.stdout.read(200).decode()
        process.stdout.close()
        assert process.wait(60) == 0, process.stderr.read().decode()
        assert process.stderr.read() == b""
    assert "0.25" in first


@pytest.mark.parametrize("steps", [1, 2, 13])
def test_streamed_json_is_what_json_dumps_prints(steps: int, capsys: pytest.CaptureFixture[str]) -> None:
    """Character by character, though no list of values is ever made."""
    assert main([*TRIANGULAR, str(steps), "--json"]) == 0
    schedule = clr_core.triangular(0.0, 1.0, step_size=4)
    expected = json.dumps({"schedule": schedule.to_dict(), "values": schedule.values(steps)})
    assert capsys.readouterr().out == expected + "\n"


@pytest.mark.parametrize("form", [[], ["--plot", "never.png"]])
def test_a_picture_of_two_billion_values_is_refused(form: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """It would be held in memory; the message says what to ask for instead."""
    assert main([*TRIANGULAR, "2147483647", *form]) == 2
    error = capsys.readouterr().err
    assert error == ("clr: steps must be an int <= 10000000 for a picture, got steps=2147483647: add --csv or --json\n")
