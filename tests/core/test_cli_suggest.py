"""``clr suggest`` with the files of other programs, and the picture it says it wrote."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path

import pytest

import clr_core


def suggest(*words: str | Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """``python -m clr_core suggest WORDS`` in a folder."""
    command = [sys.executable, "-m", "clr_core", "suggest", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, cwd=folder)


@pytest.fixture
def curve() -> clr_core.LRCurve:
    """A loss that drops, plateaus and diverges."""
    test = clr_core.RangeTest(1e-6, 10.0, 150, optimizer="AdamW")
    while not test.done:
        x = math.log10(test.lr)
        test.record(
            2.3 - 2.0 / (1.0 + math.exp(-3.0 * (x + 2.5))) + 10.0 ** (3.0 * (x - 0.2)) + 0.01 * (len(test.curve) % 3)
        )
    return test.curve


@pytest.mark.parametrize("name", ["run.csv", "run.json", "RUN.JSON", "trainer_state.json", "metrics.jsonl", "log"])
def test_reads_csv_and_json(tmp_path: Path, curve: clr_core.LRCurve, name: str) -> None:
    """The ending of a file says whether it is JSON; anything else is CSV."""
    path = tmp_path / name
    records = [
        {"step": i, "learning_rate": lr, "loss": loss}
        for i, (lr, loss) in enumerate(zip(curve.lrs, curve.losses, strict=True))
    ]
    if name == "trainer_state.json":
        path.write_text(json.dumps({"log_history": records}))
    elif name.endswith("jsonl"):
        path.write_text("\n".join(map(json.dumps, records)))
    elif name.lower().endswith("json"):
        curve.to_json(path)
    else:
        curve.to_csv(path)
    result = suggest(name, "--json", "--optimizer", "AdamW", folder=tmp_path)
    assert (result.returncode, result.stderr) == (0, "")
    assert json.loads(result.stdout) == clr_core.suggest_bounds(curve).to_dict()


@pytest.mark.parametrize(
    "values", [[0.1 / 1.01**i for i in range(100)], [0.01 + 0.001 * abs(i % 20 - 10) for i in range(100)]]
)
def test_says_that_a_training_log_is_no_range_test(tmp_path: Path, values: list[float]) -> None:
    """A log whose LR decays or cycles is refused in one line with what a range test has and the line of the log."""
    path = tmp_path / "training.csv"
    path.write_text("lr,loss\n" + "".join(f"{lr},{2.3 * 0.99**i}\n" for i, lr in enumerate(values)))
    result = suggest(path, folder=tmp_path)
    assert (result.returncode, result.stdout, result.stderr.count("\n")) == (2, "", 1)
    assert "line 3: lr must not fall" in result.stderr
    assert "in a range test the LR only rises" in result.stderr


@pytest.mark.parametrize(("asked", "written"), [("out", "out.png"), ("out.", "out.png"), ("my.run.svg", "my.run.svg")])
def test_says_which_picture_it_wrote(tmp_path: Path, curve: clr_core.LRCurve, asked: str, written: str) -> None:
    """Without an ending it is a PNG; the name is on stdout with a report, on stderr beside JSON."""
    pytest.importorskip("matplotlib")
    curve.to_csv(tmp_path / "run.csv")
    assert suggest("run.csv", "--plot", asked, folder=tmp_path).stdout.splitlines()[-1] == f"wrote {written}"
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(["run.csv", written])
    result = suggest("run.csv", "--json", "--plot", asked, folder=tmp_path)
    assert json.loads(result.stdout)["max_lr"] > 0
    assert result.stderr == f"wrote {written}\n"


def test_refuses_a_picture_of_no_known_format(tmp_path: Path, curve: clr_core.LRCurve) -> None:
    """One line on stderr, status 2 and no file."""
    pytest.importorskip("matplotlib")
    curve.to_csv(tmp_path / "run.csv")
    result = suggest("run.csv", "--plot", "out.xyz", folder=tmp_path)
    assert (result.returncode, result.stderr.count("\n")) == (2, 1)
    assert "xyz" in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["run.csv"]


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-"])
@pytest.mark.parametrize(("file", "status"), [("run.csv", 0), ("missing.csv", 2)])
def test_closed_streams_change_nothing_but_what_is_heard(
    tmp_path: Path, curve: clr_core.LRCurve, closed: str, file: str, status: int
) -> None:
    """Without a stdout or stderr the status is the same, no traceback appears, and no error goes to stdout."""
    curve.to_csv(tmp_path / "run.csv")
    command = f"'{sys.executable}' -m clr_core suggest {file} --plot out.svg {closed}"
    result = subprocess.run(
        ["sh", "-c", command], capture_output=True, text=True, timeout=120, check=False, cwd=tmp_path
    )
    assert result.returncode == status
    assert "Traceback" not in result.stderr
    assert "clr:" not in result.stdout
    assert (tmp_path / "run.csv").read_text().startswith("lr,loss")
