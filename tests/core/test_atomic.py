"""Files are replaced in one step: the old content or the new one, whatever happens meanwhile."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from clr_core.atomic import write_bytes

posix = pytest.mark.skipif(os.name != "posix", reason="signals, limits and links of POSIX")


def test_writes_and_replaces(tmp_path: Path) -> None:
    """A new file with the usual permissions, and later its whole new content; nothing beside it."""
    path = tmp_path / "curve.csv"
    write_bytes(path, b"first, and longer")
    with open(tmp_path / "usual", "wb"):
        pass
    assert path.stat().st_mode == (tmp_path / "usual").stat().st_mode
    write_bytes(str(path), b"second")
    assert path.read_bytes() == b"second"
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["curve.csv", "usual"]


@posix
def test_writes_to_what_is_no_regular_file() -> None:
    """A device is written to, not replaced by a file."""
    code = "from clr_core.atomic import write_bytes; write_bytes('/dev/stdout', b'here')"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout == b"here"


@pytest.mark.parametrize(("place", "problem"), [("no/where.csv", "No such file"), ("folder", "Is a directory")])
def test_an_error_names_the_file_that_was_asked_for(tmp_path: Path, place: str, problem: str) -> None:
    """The path in the error is the user's, not that of a file in between."""
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match=problem) as caught:
        write_bytes(tmp_path / place, b"data")
    assert caught.value.filename == str(tmp_path / place)
    assert str(caught.value).endswith(f": {str(tmp_path / place)!r}")  # and nothing after it
    assert [entry.name for entry in tmp_path.iterdir()] == ["folder"]


@posix
@pytest.mark.parametrize("file", ["curve.csv", "curve.json", "picture.png"])
def test_a_full_disk_leaves_the_old_file(tmp_path: Path, file: str) -> None:
    """Curves and pictures that do not fit raise an OSError with the name, and leave the old file and nothing else."""
    if file.endswith("png"):
        pytest.importorskip("matplotlib")
    path = tmp_path / file
    path.write_bytes(b"old")
    write = {"csv": "curve.to_csv(path)", "json": "curve.to_json(path)", "png": "curve.plot(path)"}[file.split(".")[1]]
    code = f"""
import resource, signal, clr_core
path = {str(path)!r}
curve = clr_core.LRCurve([0.1 + i for i in range(1000)], [1.0] * 1000)
{write if file.endswith("png") else ""}  # fonts and caches are written where there is room
open(path, "w").write("old")
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
try:
    {write}
except OSError as error:
    assert error.filename == path, error.filename
else:
    raise SystemExit("nothing was raised")
"""
    subprocess.run([sys.executable, "-c", code], check=True)
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == [file]


@posix
def test_a_killed_process_leaves_a_whole_file(tmp_path: Path) -> None:
    """At whatever instant it is killed, a reader finds one of the contents, complete."""
    path = tmp_path / "file"
    code = f"""
from clr_core.atomic import write_bytes
for i in range(10**9):
    write_bytes({str(path)!r}, bytes([i % 256]) * 100_000)
    print(flush=True)
"""
    for delay in range(10):
        process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
        assert process.stdout
        process.stdout.readline()
        time.sleep(delay / 3000)
        process.kill()
        process.stdout.close()
        process.wait()
        data = path.read_bytes()
        assert len(data) == 100_000
        assert len(set(data)) == 1
