"""The record of a range test, in memory and in files."""

from __future__ import annotations

import math
import pickle
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clr_core import LRCurve

lrs = st.lists(st.floats(1e-300, 1e300, exclude_min=True), max_size=20).map(sorted)
any_float = st.floats(allow_nan=False)


@st.composite
def curves(draw: st.DrawFn) -> LRCurve:
    """Any curve without NaN, which would not equal itself."""
    rates = draw(lrs)
    column = st.lists(any_float, min_size=len(rates), max_size=len(rates))
    label = st.sampled_from([None, "SGD", 'Adam"W, x']) if rates else st.none()
    momentum = st.sampled_from([None, False, True]) if rates else st.none()
    reason = st.sampled_from([None, "completed", "diverged"]) if rates else st.none()
    return LRCurve(
        rates,
        draw(column),
        draw(st.none() | column),
        optimizer=draw(label),
        momentum=draw(momentum),
        stop_reason=draw(reason),
    )


@given(curves())
def test_survives_files_and_pickle(tmp_path_factory: pytest.TempPathFactory, curve: LRCurve) -> None:
    """CSV, JSON and pickle give back an equal curve, every float to the bit."""
    folder = tmp_path_factory.mktemp("curve")
    curve.to_csv(folder / "curve.csv")
    curve.to_json(folder / "curve.json")
    if len(curve) or curve.metrics is None:
        assert LRCurve.from_csv(folder / "curve.csv") == curve
    assert LRCurve.from_json(folder / "curve.json") == curve
    assert pickle.loads(pickle.dumps(curve)) == curve


def test_csv_is_what_a_person_expects(tmp_path: Path) -> None:
    """A header and one line a point, nothing else."""
    path = tmp_path / "curve.csv"
    LRCurve([0.1, 0.2], [1.5, math.nan], optimizer="SGD", stop_reason="non_finite").to_csv(path)
    assert path.read_text() == "lr,loss,optimizer,stop_reason\n0.1,1.5,SGD,non_finite\n0.2,nan,SGD,non_finite\n"
    for momentum, text in ((True, "true"), (False, "false")):
        LRCurve([0.1], [1.5], [0.5], optimizer="SGD", momentum=momentum).to_csv(path)
        assert path.read_text() == f"lr,loss,accuracy,optimizer,momentum\n0.1,1.5,0.5,SGD,{text}\n"


def test_json_says_true_false_or_null(tmp_path: Path) -> None:
    """The momentum is JSON's own; a file from before there was one has none."""
    path = tmp_path / "curve.json"
    for momentum, text in ((True, "true"), (False, "false"), (None, "null")):
        curve = LRCurve([0.1], [1.5], momentum=momentum)
        curve.to_json(path)
        assert f'"momentum": {text}' in path.read_text()
        assert LRCurve.from_json(path) == curve
    path.write_text('{"lrs": [0.1], "losses": [1.5]}')
    assert LRCurve.from_json(path) == LRCurve([0.1], [1.5])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("lr,loss\n0.1,2\n", LRCurve([0.1], [2.0])),
        ("\ufeffLearning_Rate , LOSS\r\n0.1,2\r\n\r\n", LRCurve([0.1], [2.0])),
        ("step,loss,lr,val_acc\n0,2,0.1,0.5\n1,1,0.1,0.6\n", LRCurve([0.1, 0.1], [2.0, 1.0], [0.5, 0.6])),
        ("loss,acc,learning_rate\n2,0.5,1e-3\n", LRCurve([1e-3], [2.0], [0.5])),
        ("lr,loss,Momentum\n0.1,2,TRUE\n", LRCurve([0.1], [2.0], momentum=True)),
        ("lr,momentum,loss\n0.1,False,2\n", LRCurve([0.1], [2.0], momentum=False)),
        ("lr,loss,momentum\n0.1,2,\n", LRCurve([0.1], [2.0])),
        ("lr,loss\n", LRCurve([], [])),
    ],
)
def test_reads_anybodys_log(tmp_path: Path, text: str, expected: LRCurve) -> None:
    """Columns are found by their usual names, in any order and case; others are left alone."""
    path = tmp_path / "log.csv"
    path.write_text(text, newline="")
    assert LRCurve.from_csv(path) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the file is empty"),
        ("step,loss\n1,2\n", "no column named lr or learning_rate, the header has: step, loss"),
        ("lr,accuracy\n1,2\n", "no column named loss, the header has: lr, accuracy"),
        ("lr,loss\n0.1,2\n0.2,two\n", "line 3: loss must be a number, got loss='two'"),
        ("lr,loss\n0.1\n", "line 2: 1 columns where the header has 2"),
        ("lr,loss\n0.1,2\n0.05,2\n", r"line 3: lr must not fall, got lr=0\.05 after 0\.1"),
        ("lr,loss\n0,2\n", r"line 2: lr must be finite and > 0, got lr=0\.0"),
        ("lr,loss\nnan,2\n", "line 2: lr must be finite"),
        ("lr,loss,acc\n1,2,high\n", "line 2: accuracy must be a number, got accuracy='high'"),
        (
            "lr,loss,momentum\n1,2,true\n2,2,0.9\n",
            r"line 3: momentum must be true, false or empty, got momentum='0\.9'",
        ),
        ("lr,loss,momentum\n1,2,yes\n", "line 2: momentum must be true, false or empty, got momentum='yes'"),
        ("lr,loss,stop_reason\n1,2,bored\n", "stop_reason must be one of"),
    ],
)
def test_says_what_is_wrong_with_a_csv_and_where(tmp_path: Path, text: str, message: str) -> None:
    """A bad file is refused with its name, the line and the value."""
    path = tmp_path / "bad.csv"
    path.write_text(text)
    with pytest.raises(ValueError, match=message) as caught:
        LRCurve.from_csv(path)
    assert str(path) in str(caught.value)


def test_refuses_a_binary_file(tmp_path: Path) -> None:
    """A picture is not a CSV file, and the message says so."""
    path = tmp_path / "picture.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n\x00\xff\xfe")
    with pytest.raises(ValueError, match="not a CSV text file"):
        LRCurve.from_csv(path)


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        "{}",
        '{"lrs": [1]}',
        '{"lrs": [1], "losses": ["x"]}',
        '{"lrs": [1], "losses": [1], "momentum": "true"}',
        "nonsense",
        "3",
    ],
)
def test_refuses_json_without_a_curve(tmp_path: Path, text: str) -> None:
    """JSON that holds no curve is refused with the file's name."""
    path = tmp_path / "bad.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"bad\.json"):
        LRCurve.from_json(path)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (([0.1], [1.0, 2.0]), ValueError, "losses must be as many as lrs, got 2 losses for 1 lrs"),
        (([0.1], [1.0], []), ValueError, "metrics must be as many as lrs, got 0 metrics for 1 lrs"),
        (([0.1, 0.05], [1.0, 2.0]), ValueError, r"lrs must not fall, got lrs\[1\]=0\.05 after 0\.1"),
        (([0.0], [1.0]), ValueError, r"lrs\[0\] must be a finite number > 0, got lrs\[0\]=0\.0"),
        (([math.inf], [1.0]), ValueError, r"lrs\[0\]"),
        (("0.1", [1.0]), TypeError, "lrs must be numbers, got lrs='0.1'"),
        (([0.1], ["1.0"]), TypeError, r"losses must be numbers, got losses\[0\]='1.0'"),
        (([0.1], 1.0), TypeError, r"losses must be numbers, got losses=1\.0"),
        (([True], [1.0]), TypeError, r"lrs\[0\]=True"),
    ],
)
def test_refuses_bad_arguments(arguments: tuple[object, ...], error: type[Exception], message: str) -> None:
    """Bad input is refused at construction, naming the argument and the value."""
    with pytest.raises(error, match=message):
        LRCurve(*arguments)  # type: ignore[arg-type]


@pytest.mark.parametrize("momentum", [0.9, 0, 1, "true"])
def test_momentum_is_a_yes_or_no(momentum: object) -> None:
    """Neither the number itself nor a text is taken for an answer."""
    with pytest.raises(TypeError, match=f"momentum must be a bool or None, got momentum={momentum!r}"):
        LRCurve([0.1], [1.0], optimizer="SGD", momentum=momentum)  # type: ignore[arg-type]


def test_is_immutable_and_readable() -> None:
    """A curve cannot be changed, and its repr is short."""
    curve = LRCurve([1e-3, 1e-2], [2.0, 1.0], [0.1, 0.5], optimizer="Adam", stop_reason="completed")
    assert repr(curve) == (
        "LRCurve(2 points, lr 0.001 to 0.01, optimizer='Adam', stop_reason='completed', with metrics)"
    )
    assert hash(curve) == hash(
        LRCurve(curve.lrs, curve.losses, curve.metrics, optimizer="Adam", stop_reason="completed")
    )
    with pytest.raises(AttributeError):
        curve.lrs = ()  # type: ignore[misc]
    plain = LRCurve([1e-3], [2.0], optimizer="SGD", momentum=False, stop_reason="completed")
    assert repr(plain) == (
        "LRCurve(1 points, lr 0.001 to 0.001, optimizer='SGD', momentum=False, stop_reason='completed')"
    )
    assert plain != LRCurve([1e-3], [2.0], optimizer="SGD", stop_reason="completed")
