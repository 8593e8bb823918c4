"""The command line with its streams closed, full or gone, and interrupted: never a traceback."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

CLR = f"'{sys.executable}' -m clr_core"
SCHEDULE = f"{CLR} schedule constant --lr 1 --steps"


@pytest.mark.parametrize(
    ("command", "status", "error"),
    [
        (f"{SCHEDULE} 5 >&-", 0, ""),
        (f"{SCHEDULE} 5 --csv >&- 2>&-", 0, ""),
        (f"{SCHEDULE} -5 2>&-", 2, ""),
        (f"{SCHEDULE} x 2>&-", 2, ""),
        (f"{SCHEDULE} -5 2>/dev/full", 2, ""),
        (f"{SCHEDULE} 5 >/dev/full", 2, "clr: error: No space left on device\n"),
        (f"{SCHEDULE} 5 <&-", 0, ""),
        (f"{CLR} --help >&-", 0, ""),
        (f"{CLR} --help | true", 0, ""),
        (f"{SCHEDULE} 100000 --json | head -c 9 >/dev/null", 0, ""),
    ],
)
def test_streams_that_are_closed_or_full(command: str, status: int, error: str) -> None:
    """The exit status still says how it went, stderr has one line at most, and an error never lands on stdout."""
    done = subprocess.run(["bash", "-o", "pipefail", "-c", command], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (status, error)
    assert "clr:" not in done.stdout


@pytest.mark.parametrize("delay", [0.0, 0.05, 0.3])
def test_an_interrupted_command_says_so_in_one_line(delay: float) -> None:
    """Ctrl-C while it parses or prints: exit status 130."""
    script = (
        "import clr_core.cli, sys, signal, os; print('ready', flush=True);"
        "sys.exit(clr_core.cli.main('schedule constant --lr 1 --steps 2147483647 --csv'.split()))"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == "ready\n"
        assert process.stdout.readline() == "step,lr\n"
        time.sleep(delay)
        os.kill(process.pid, signal.SIGINT)
        try:
            _, error = process.communicate(timeout=60)
        finally:
            process.kill()
        assert (process.returncode, error) == (130, "clr: interrupted\n")
