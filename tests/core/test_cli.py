"""The command line, run as a person runs it: in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

import clr_core


def clr(*words: str | Path, **options: object) -> subprocess.CompletedProcess[str]:
    """``python -m clr_core WORDS``."""
    return subprocess.run(
        [sys.executable, "-m", "clr_core", *map(str, words)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        **options,  # type: ignore[call-overload]
    )


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    """A CSV file with the range test of a quadratic that diverges above lr = 0.1."""
    test = clr_core.RangeTest(1e-4, 10.0, 100, optimizer="SGD")
    weights = [1.0, 1.0]
    while not test.done:
        lr = test.lr
        test.record(0.5 * (weights[0] ** 2 + 20 * weights[1] ** 2))
        weights = [weights[0] * (1 - lr), weights[1] * (1 - 20 * lr)]
    path = tmp_path / "range test.csv"
    test.curve.to_csv(path)
    return path


def test_suggest_prints_the_report(recorded: Path) -> None:
    """The report on stdout, nothing on stderr, status 0."""
    result = clr("suggest", recorded)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout == f"{clr_core.suggest_bounds(clr_core.LRCurve.from_csv(recorded))}\n"


def test_suggest_prints_json(recorded: Path) -> None:
    """--json prints the fields of the result for the schedule asked for."""
    result = clr("suggest", recorded, recorded, "--kind", "one_cycle", "--json")
    curve = clr_core.LRCurve.from_csv(recorded)
    assert json.loads(result.stdout) == clr_core.suggest_bounds([curve, curve], kind="one_cycle").to_dict()


def test_suggest_takes_the_optimizer_from_the_command_line(recorded: Path) -> None:
    """--optimizer stands in for what the file does not say, and the bounds are those of that optimizer."""
    curve = clr_core.LRCurve.from_csv(recorded)
    answers = {
        name: json.loads(clr("suggest", recorded, "--json", "--optimizer", name).stdout) for name in ("SGD", "Adam")
    }
    assert answers["SGD"]["max_lr"] != answers["Adam"]["max_lr"]
    for name, answer in answers.items():
        assert answer == clr_core.suggest_bounds(replace(curve, optimizer=name)).to_dict()


def test_suggest_takes_the_momentum_from_the_command_line(recorded: Path) -> None:
    """--momentum and --no-momentum stand in for what the file does not say, and the bounds are those of that SGD."""
    curve = clr_core.LRCurve.from_csv(recorded)
    answers = {
        momentum: json.loads(clr("suggest", recorded, "--json", word).stdout)
        for momentum, word in ((True, "--momentum"), (False, "--no-momentum"))
    }
    assert answers[True]["max_lr"] != answers[False]["max_lr"]
    for momentum, answer in answers.items():
        assert answer == clr_core.suggest_bounds(replace(curve, momentum=momentum)).to_dict()


def test_suggest_takes_the_updates_of_the_training(recorded: Path) -> None:
    """--total-steps and --steps-per-epoch are those of suggest_bounds; a longer training gets a lower max_lr."""
    curve = clr_core.LRCurve.from_csv(recorded)
    short, long = (
        json.loads(clr("suggest", recorded, "--json", "--total-steps", steps, "--steps-per-epoch", "12.5").stdout)
        for steps in ("100", "4000")
    )
    assert short == clr_core.suggest_bounds(curve, total_steps=100, steps_per_epoch=12.5).to_dict()
    assert long == clr_core.suggest_bounds(curve, total_steps=4000, steps_per_epoch=12.5).to_dict()
    assert short["max_lr"] > long["max_lr"]


@pytest.mark.parametrize("ending", ["png", "svg"])
def test_plots_are_pictures(recorded: Path, ending: str) -> None:
    """--plot writes a picture of the format its ending names."""
    pytest.importorskip("matplotlib")
    start = {"png": b"\x89PNG", "svg": b"<?xml"}[ending]
    for number, words in enumerate((["suggest", recorded], ["schedule", "constant", "--lr", "0.1", "--steps", "10"])):
        path = recorded.with_name(f"{number}.{ending}")
        result = clr(*words, "--plot", path)
        assert (result.returncode, result.stderr) == (0, "")
        assert path.read_bytes().startswith(start)


@pytest.mark.parametrize("words", [["suggest"], ["schedule", "constant", "--lr", "0.1", "--steps", "10"]])
@pytest.mark.parametrize("path", ["", ".", "folder/"])
def test_a_picture_must_have_a_name(words: list[str], path: str, recorded: Path) -> None:
    """An empty one or a folder is refused before anything is printed, and nothing is written beside it."""
    pytest.importorskip("matplotlib")
    result = clr(*words, *([recorded] if words == ["suggest"] else []), "--plot", path)
    assert (result.returncode, result.stdout) == (2, "")
    assert f"the path of a picture must name a file, got {path!r}" in result.stderr
    assert not Path("..png").exists()


def test_schedule_prints_csv_and_json() -> None:
    """--csv prints step,lr lines and --json the schedule with its values, both exactly."""
    words = [
        "schedule",
        "triangular2",
        "--base-lr",
        "0.1",
        "--max-lr",
        "0.7",
        "--step-size",
        "3",
        "--steps",
        "13",
    ]
    schedule = clr_core.triangular2(0.1, 0.7, step_size=3)
    header, *lines = clr(*words, "--csv").stdout.splitlines()
    assert header == "step,lr"
    assert [float(line.split(",")[1]) for line in lines] == schedule.values(13)
    described = json.loads(clr(*words, "--json").stdout)
    assert clr_core.from_dict(described["schedule"]) == schedule
    assert described["values"] == schedule.values(13)


def test_schedule_draws_a_picture_in_text() -> None:
    """Without an output option the schedule is described and drawn."""
    text = clr(
        "schedule", "linear_ramp", "--start-lr", "0", "--end-lr", "1", "--num-steps", "64", "--steps", "64"
    ).stdout
    assert "first 0, lowest 0, highest 1, last 1" in text
    assert "        1 |                                                             ###" in text


EVERY_KIND = {
    "constant": "--lr 0.1",
    "cosine_decay": "--initial-lr 1 --total-steps 10",
    "cosine_restarts": "--min-lr 0 --max-lr 1 --period 5 --t-mult 1.5 --decay 0.9",
    "cyclic": "--base-lr 0 --max-lr 1 --step-size 5 --shape cosine",
    "exp_range": "--base-lr 0 --max-lr 1 --step-size 5 --gamma 0.99 --decay bounds",
    "exponential_ramp": "--start-lr 1e-5 --end-lr 1 --num-steps 10",
    "linear_decay": "--initial-lr 1 --total-steps 10",
    "linear_ramp": "--start-lr 0 --end-lr 1 --num-steps 10",
    "one_cycle": "--base-lr 0.1 --max-lr 1 --total-steps 10 --variant three_phase --rise-fraction 0.4",
    "step_decay": "--initial-lr 1 --factor 0.1 --every 3",
    "triangular": "--base-lr 0 --max-lr 1 --step-size 5 --step-size-down 2",
    "triangular2": "--base-lr 0 --max-lr 1 --step-size 5",
    "warmup_stable_decay": "--peak-lr 1 --total-steps 10 --warmup-steps 2 --decay-steps 3",
}


def test_schedule_knows_every_policy(capsys: pytest.CaptureFixture[str]) -> None:
    """Each policy that takes plain numbers has a sub-command, and none is untested here."""
    from clr_core.cli import main

    for kind, options in EVERY_KIND.items():
        assert main(["schedule", kind, *options.split(), "--steps", "12", "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["schedule"]["kind"] == kind
    with pytest.raises(SystemExit):
        main(["schedule", "--help"])
    listed = capsys.readouterr().out
    made_of_schedules = {"join", "momentum_for"}
    from clr_core.schedules.base import POLICIES

    assert {name for name in POLICIES if f"    {name}" in listed} == set(EVERY_KIND)
    assert set(POLICIES) == set(EVERY_KIND) | made_of_schedules


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "clr: the following arguments are required: COMMAND (see clr --help)"),
        (["sugest"], "clr: argument COMMAND: invalid choice: 'sugest'"),
        (["suggest", "missing.csv"], "clr: missing.csv: No such file or directory"),
        (["suggest", "."], "clr: .: Is a directory"),
        (["suggest", "bad.csv"], "clr: bad.csv, line 2: loss must be a number, got loss='two'"),
        (["suggest", "flat.csv"], "clr: flat.csv: The loss stayed at 2 from lr 1 to 20"),
        (["suggest", "flat.csv", "--total-steps", "0"], "clr: total_steps must be an int >= 1, got total_steps=0"),
        (["suggest", "flat.csv", "--total-steps", "1.5"], "clr suggest: argument --total-steps: invalid int value"),
        (["schedule", "triangular", "--steps", "5"], "clr schedule triangular: the following arguments"),
        (["schedule", "constant", "--lr", "x", "--steps", "5"], "clr schedule constant: argument --lr"),
        (["schedule", "constant", "--lr", "-1", "--steps", "5"], "clr: lr must be a finite number >= 0"),
        (
            ["schedule", "constant", "--lr", "1", "--steps", "0"],
            "clr: steps must be an int >= 1, got steps=0",
        ),
        (
            ["schedule", "constant", "--lr", "1", "--steps", "5", "--plot", "no/where.png"],
            "clr: no/where.png",
        ),
    ],
)
def test_bad_input_is_one_line_and_status_2(tmp_path: Path, words: list[str], message: str) -> None:
    """Whatever is wrong is said in one line on stderr, without a traceback, with status 2."""
    (tmp_path / "bad.csv").write_text("lr,loss\n1,two\n")
    (tmp_path / "flat.csv").write_text("lr,loss\n" + "".join(f"{lr},2\n" for lr in range(1, 21)))
    if "--plot" in words:
        pytest.importorskip("matplotlib")
    result = clr(*words, cwd=tmp_path)
    assert result.returncode == 2
    assert result.stdout == ""
    assert result.stderr.startswith(message)
    assert result.stderr.count("\n") == 1


def test_a_reader_that_stops_reading_is_no_error() -> None:
    """``clr schedule ... --csv | head -1`` ends quietly."""
    with subprocess.Popen(
        [sys.executable, "-m", "clr_core", *"schedule constant --lr 1 --steps 1000000 --csv".split()],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == b"step,lr\n"
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(60) == 0


def test_version() -> None:
    """--version names the version of the package."""
    assert clr("--version").stdout == f"clr {clr_core.__version__}\n"
