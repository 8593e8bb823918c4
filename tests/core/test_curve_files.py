"""Curves in files: this library's own, and the logs of other programs as those write them."""

from __future__ import annotations

import json
import math
import pickle
import time
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
    label = st.sampled_from([None, "SGD", 'Adam"W, x', "two\n# lines; 1,5"]) if rates else st.none()
    momentum = st.sampled_from([None, False, True]) if rates else st.none()
    reason = st.sampled_from([None, "completed", "diverged"]) if rates else st.none()
    return LRCurve(
        rates,
        draw(column),
        draw(st.none() | column),
        optimizer=draw(label),
        momentum=draw(momentum),
        stop_reason=draw(reason),
        steps_per_point=draw(st.integers(1, 2**31 - 1)) if rates else 1,
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
    LRCurve([0.1], [1.5], steps_per_point=20).to_csv(path)
    assert path.read_text() == "lr,loss,steps_per_point\n0.1,1.5,20\n"


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
        ("lr,loss,momentum\n0.1,2,0.9\n0.2,1,0.85\n", LRCurve([0.1, 0.2], [2.0, 1.0], momentum=True)),
        ("lr,loss,momentum\n0.1,2,0\n", LRCurve([0.1], [2.0], momentum=False)),
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
        ("step,loss\n1,2\n", "no column named lr or learning_rate among step, loss"),
        ("lr,accuracy\n1,2\n", "no column named loss among lr, accuracy"),
        ("lr,loss\n0.1,2\n0.2,two\n", "line 3: loss must be a number, got loss='two'"),
        ("lr,loss\n0.1\n", "line 2: 1 columns where the header has 2"),
        (
            "lr,loss\n0.1,2\n0.05,2\n",
            r"line 3: lr must not fall, got lr=0\.05 after 0\.1: in a range test the LR only rises",
        ),
        ("lr,loss\n0,2\n", r"line 2: lr must be finite and > 0, got lr=0\.0"),
        ("lr,loss\nnan,2\n", "line 2: lr must be finite"),
        ("lr,loss,acc\n1,2,high\n", "line 2: accuracy must be a number, got accuracy='high'"),
        (
            "lr,loss,momentum\n1,2,yes\n",
            r"line 2: momentum must be true, false or a number in \[0, 1\), got momentum='yes'",
        ),
        (
            "lr,loss,momentum\n1,2,1.5\n",
            r"line 2: momentum must be true, false or a number in \[0, 1\), got momentum='1.5'",
        ),
        (
            "lr,loss,momentum\n1,2,true\n2,2,0\n",
            r"momentum must be one for the whole log, got True \(line 2\) and False \(line 3\)",
        ),
        (
            "lr,loss,optimizer\n1,2,SGD\n2,2,\n3,2,Adam\n",
            r"optimizer must be one for the whole log, got 'SGD' \(line 2\) and 'Adam' \(line 4\)",
        ),
        (
            "lr,loss,steps_per_point\n1,2,2.5\n",
            r"line 2: steps_per_point must be an int >= 1, got steps_per_point='2\.5'",
        ),
        ("lr,loss,steps_per_point\n1,2,0\n", "steps_per_point must be an int >= 1, got steps_per_point=0"),
        ("lr,loss\n0.1,2,3\n", "line 2: 3 columns where the header has 2"),
        ("lr;loss\n0,1;2.5\n", r"line 2: decimal points and commas in one log, '2\.5' and '0,1'"),
        ("lr,loss\n0.1,2\n0,3\n", r"line 3: lr must be finite and > 0, got lr=0\.0"),
        ("lr,loss\n0.1,2\n,3\n", "line 3: there is a loss but no lr, and no column named step to join rows by"),
        ("lr,train_loss,batch_loss\n1,2,2\n", "2 columns could be loss: train_loss, batch_loss; keep one of them"),
        ("a - lr,b - loss\n1,2\n", "the lr is of run a, the loss of run b: both must be of one"),
        ("a - lr,a - loss,b - train/lr,b - train/loss\n1,2,1,2\n", "lr and loss of 2 runs, a, b: keep the columns of"),
        ("run_id,lr,loss\na,1,2\nb,2,2\n", r"must be of one run, got 2: 'a' \(line 2\), 'b' \(line 3\)"),
        ("run,tag,step,value\na,lr,0,1\nb,loss,0,1\n", r"must be of one run, got 2: 'a' \(line 2\), 'b' \(line 3\)"),
        ("run,tag,step,value\nx,lr,0,1\nx,loss,0,1\ntest,loss,0,1\n", "must be of one run, got 2: 'x'"),
        ("step,lr,loss\n0,1,\n0,,2\n1,2,\n1,,2\n0,1,\n0,,3\n", r"line 7: step 0 has two losses, 2\.0 and 3\.0"),
        ("step,lr,loss\n0,1,2\n0,1,3\n1,2,2\n", r"line 3: step 0 has two losses, 2\.0 and 3\.0"),
        ("step,lr,loss\n0,1,\n0,,2\n0,2,\n", r"line 4: step 0 has two lrs, 1\.0 and 2\.0"),
        (
            "step,lr,loss\n0,1,\n1,,2\n2,1,\n3,,2\n4,1,\n6,1,\n",
            r"share no step \(lr at 0, 2, 4, \.\.\., loss at 1, 3\): log both in one call",
        ),
        ('lr,loss\n1E-06,"1,231"\n2E-06,"1,227"\n', "line 2: loss='1,231' may be 1231 or 1.231, and no other number"),
        ("lr,run-a - loss,run-b - loss\n1,2,2\n", "2 columns could be loss: run-a - loss, run-b - loss"),
        ("lr-Adam,lr-SGD,loss\n1,2,3\n", "the LRs of 2 optimizers, Adam, SGD: keep the column of one"),
        ("lr-Adam,lr-Adam-1,loss\n1,2,3\n", "the LRs of 2 optimizers, Adam, Adam-1: keep the column of one"),
        (
            "Wall time,Step,Value\n1700000000.1,0,2.3\n",
            "it holds one scalar, by wall time and step, and a curve needs two",
        ),
        ("lr,loss,stop_reason\n1,2,bored\n", "stop_reason must be one of"),
        ('{"lr": 1, "loss": 2}\n{"lr": 2, "loss": 2}\n', "not a CSV text file: it is JSON, which from_json reads"),
        ('[\n  {"lr": 1, "loss": 2}]\n', "not a CSV text file: it is JSON, which from_json reads"),
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


def read(tmp_path: Path, text: str, name: str = "log.csv", encoding: str = "utf-8") -> LRCurve:
    """The curve in a file with this text."""
    path = tmp_path / name
    path.write_bytes(text.encode(encoding))
    return LRCurve.from_json(path) if name.endswith("json") else LRCurve.from_csv(path)


HALF = LRCurve([1e-6, 1.5e-6, 2.25e-6], [2.5, 2.25, 2.125])
"""What most of the logs below hold."""

LOGS = {
    "Keras: CSVLogger": ("epoch,accuracy,learning_rate,loss\n0,,1e-6,2.5\n1,,1.5e-6,2.25\n2,,2.25e-6,2.125\n", {}),
    "Lightning: CSVLogger and LearningRateMonitor": (
        "epoch,lr-AdamW,step,train_loss,val_loss\n"
        ",1e-06,0,,\n0,,0,2.5,\n,1.5e-06,1,,\n0,,1,2.25,\n0,,1,,9.0\n,2.25e-06,2,,\n0,,2,2.125,\n,3e-06,3,,\n",
        {"optimizer": "AdamW"},
    ),
    "Lightning: two parameter groups, an SGD's momentum, every tenth update": (
        "epoch,lr-SGD/pg1,lr-SGD/pg1-momentum,lr-SGD/pg2,lr-SGD/pg2-momentum,step,train_loss_epoch,train_loss_step\n"
        ",1e-06,0.9,1e-05,0.9,9,,\n0,,,,,9,,2.5\n,1.5e-06,0.9,1.5e-05,0.9,19,,\n0,,,,,19,,2.25\n0,,,,,19,3.1,\n"
        ",2.25e-06,0.9,2.25e-05,0.9,29,,\n0,,,,,29,,2.125\n",
        {"optimizer": "SGD", "momentum": True, "steps_per_point": 10},
    ),
    "Weights & Biases: an export": (
        '"Step","run-7 - train/loss","run-7 - train/loss__MIN","run-7 - train/loss__MAX","run-7 - train/lr"\n'
        '"0","2.5","2.5","2.5","1e-06"\n"1","2.25","2.25","2.25","1.5e-06"\n"2","2.125","2.1","2.2","2.25e-06"\n',
        {},
    ),
    "Weights & Biases: the loss every second step": (
        '"Step","train/lr","train/loss"\n"0","1e-06","2.5"\n"1","1.2e-06",""\n"2","1.5e-06","2.25"\n"3","1.8e-06",""\n'
        '"4","2.25e-06","2.125"\n"5","2.5e-06",""\n',
        {"steps_per_point": 2},
    ),
    "TensorBoard: the long form of its data frames": (
        "run,tag,step,value\na,train/lr,0,1e-6\na,train/lr,5,1.5e-6\na,train/lr,10,2.25e-6\n"
        "a,Loss/train,0,2.5\na,Loss/train,5,2.25\na,Loss/train,10,2.125\n",
        {"steps_per_point": 5},
    ),
    "Excel: semicolons, decimal commas, an empty tail": (
        "\ufefflr;loss;;\r\n1e-06;2,5;;\r\n1,5e-06;2,25;;\r\n2,25e-06;2,125;;\r\n;;;\r\n;;;\r\n",
        {},
    ),
    "Excel: its own line about the delimiter": ("sep=;\nlr;loss\n1e-06;2,5\n1,5e-06;2,25\n2,25e-06;2,125\n", {}),
    "Excel: trailing columns left out": ("lr;loss;note\n1e-06;2,5;x\n1,5e-06;2,25\n2,25e-06;2,125\n", {}),
    "a spreadsheet with quoted decimal commas": (
        'lr,loss\n"1,0E-06","2,5"\n"1,5E-06","2,25"\n"2,25E-06","2,125"\n',
        {},
    ),
    "pandas: an index": (",lr,loss\n0,1e-06,2.5\n1,1.5e-06,2.25\n2,2.25e-06,2.125\n", {}),
    "NumPy: savetxt with a header": (
        "# lr loss\n1.0e-06 2.5e+00\n1.5e-06 2.25e+00\n2.25e-06 2.125e+00\n",
        {},
    ),
    "tabs": ("lr\tloss\n1e-06\t2.5\n1.5e-06\t2.25\n2.25e-06\t2.125\n", {}),
    "comments and blank lines": (
        '\n# "range test, digits\n\nlr,loss\n1e-06,2.5\n# half way\n1.5e-06,2.25\n\n2.25e-06,2.125\n# end\n',
        {},
    ),
    "a first row before the warm-up": ("step,lr,loss\n0,0.0,2.6\n1,1e-06,2.5\n2,1.5e-06,2.25\n3,2.25e-06,2.125\n", {}),
    "labels with spaces and blank cells": (
        "lr, loss, optimizer, momentum\n1e-06,2.5, SGD ,true\n1.5e-06,2.25,,\n2.25e-06,2.125,SGD,True\n",
        {"optimizer": "SGD", "momentum": True},
    ),
    "names of timm and Detectron2": (
        "iteration,total_loss,train_lr\n19,2.5,1e-6\n39,2.25,1.5e-6\n59,2.125,2.25e-6\n",
        {"steps_per_point": 20},
    ),
    "the validation loss where there is no other": ("lr,val_loss\n1e-06,2.5\n1.5e-06,2.25\n2.25e-06,2.125\n", {}),
    "two columns of steps": (
        "Step,_step,lr,loss\n0,0,1e-06,2.5\n1,1,1.5e-06,2.25\n2,2,2.25e-06,2.125\n",
        {},
    ),
    "a column named value": (
        "step,value,lr,loss\n0,9,1e-06,2.5\n1,9,1.5e-06,2.25\n2,9,2.25e-06,2.125\n",
        {},
    ),
    "irregular first step": (
        "global_step,lr,loss\n1,1e-06,2.5\n10,1.5e-06,2.25\n20,2.25e-06,2.125\n",
        {"steps_per_point": 10},
    ),
    "TensorBoard: a run of training and one of validation, with the same tags": (
        "run,tag,step,value\nfit/validation,epoch_loss,0,9\nfit/validation,epoch_loss,1,9\n"
        "fit/train,epoch_loss,0,2.5\nfit/train,epoch_loss,1,2.25\nfit/train,epoch_loss,2,2.125\n"
        "fit/metrics,lr,0,1e-6\nfit/metrics,lr,1,1.5e-6\nfit/metrics,lr,2,2.25e-6\nother,seconds,0,3\n",
        {},
    ),
    "MLflow: its table of metrics": (
        "key,value,timestamp,run_uuid,step,is_nan\nlr,1e-6,17,a1,0,0\nloss,2.5,17,a1,0,0\nlr,1.5e-6,18,a1,1,0\n"
        "loss,2.25,18,a1,1,false\nlr,2.25e-6,18,a1,2,0\nloss,2.125,18,a1,2,0\n",
        {},
    ),
    "Weights & Biases: the loss of another run": (
        '"Step","a - lr","a - train/loss","b - loss","b - step"\n"0","1e-06","2.5","9","7"\n'
        '"1","1.5e-06","2.25","9","14"\n"2","2.25e-06","2.125","9","21"\n',
        {},
    ),
    "names like that of a run": ("lr,train_loss,val - loss\n1e-06,2.5,9\n1.5e-06,2.25,9\n2.25e-06,2.125,9\n", {}),
    "sums and averages of losses": (
        "lr,total_loss,running_loss,batch_loss\n1e-06,5,2.5,2.5\n1.5e-06,5,5,2.25\n2.25e-06,5,6,2.125\n",
        {},
    ),
    "an LR with a number of its parameter group": (
        "lr-1,lr_0,lr/pg2,loss\n9,1e-06,9,2.5\n9,1.5e-06,9,2.25\n9,2.25e-06,9,2.125\n",
        {},
    ),
    "a scaled copy of the LR": ("lr (%),lr,loss\n1e-4,1e-06,2.5\n1.5e-4,1.5e-06,2.25\n2.25e-4,2.25e-06,2.125\n", {}),
    "an LR named like those of Lightning": (
        "lr-backbone,loss\n1e-06,2.5\n1.5e-06,2.25\n2.25e-06,2.125\n",
        {},
    ),
    "steps with fractions beside whole ones": (
        "update,num_updates,lr,loss\n0.017,50,1e-06,2.5\n0.033,100,1.5e-06,2.25\n0.05,150,2.25e-06,2.125\n",
        {"steps_per_point": 50},
    ),
    "steps that are whole numbers in one row and not in another": (
        "step,lr,loss\n5,1e-06,\n5.0,,2.5\n10,1.5e-06,\n10.0,,2.25\n15,2.25e-06,\n15.0,,2.125\n",
        {"steps_per_point": 5},
    ),
    "steps that say nothing": ("step,lr,loss\n7,1e-06,2.5\n7,1.5e-06,2.25\n0,2.25e-06,2.125\n", {}),
}


@pytest.mark.parametrize("program", LOGS)
def test_reads_logs_as_other_programs_write_them(tmp_path: Path, program: str) -> None:
    """LR, loss, labels and the updates between points come out of whatever a program writes beside them."""
    text, labels = LOGS[program]
    assert read(tmp_path, text) == LRCurve(HALF.lrs, HALF.losses, **labels)  # type: ignore[arg-type]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252"])
def test_reads_the_encodings_of_excel(tmp_path: Path, encoding: str) -> None:
    """UTF-8 with its mark, "Unicode text", and the plain CSV of a Western Windows."""
    assert read(tmp_path, "größe\tlr\tloss\n1\t0.1\t2\n", encoding=encoding) == LRCurve([0.1], [2.0])


RECORDS = [{"lr": lr, "loss": loss} for lr, loss in zip(HALF.lrs, HALF.losses, strict=True)]
STRIDED = [
    {"step": 10 * i, "epoch": i / 9, "learning_rate": r["lr"], "loss": r["loss"]} for i, r in enumerate(RECORDS, 1)
]

JSON = {
    "Hugging Face: trainer_state.json": (
        {"global_step": 30, "log_history": [{"eval_loss": 3.0, "step": 0}, *STRIDED, {"train_loss": 2.3, "step": 30}]},
        {"steps_per_point": 10},
    ),
    "torch-lr-finder: history": ({"lr": HALF.lrs, "loss": HALF.losses}, {}),
    "fastai: recorder": ({"lrs": HALF.lrs, "losses": HALF.losses, "iters": [0.0, 0.1, 0.2]}, {}),
    "Keras: history of CLR": (
        {"lr": HALF.lrs, "iterations": [5, 10, 15], "loss": HALF.losses, "epochs": [1]},
        {"steps_per_point": 5},
    ),
    "records": (RECORDS, {}),
    "pandas: to_json": (
        {name: {str(i): record[name] for i, record in enumerate(RECORDS)} for name in ("lr", "loss")},
        {},
    ),
    "a first LR of 0": ([{"lr": 0, "loss": 2.6}, *RECORDS], {}),
    "an object around it": ({"history": {"lr": HALF.lrs, "loss": HALF.losses}}, {}),
}


@pytest.mark.parametrize("program", JSON)
def test_reads_json_as_other_programs_write_it(tmp_path: Path, program: str) -> None:
    """Objects of lists and lists of objects, with the same names as in CSV."""
    content, labels = JSON[program]
    assert read(tmp_path, json.dumps(content), "log.json") == LRCurve(HALF.lrs, HALF.losses, **labels)  # type: ignore[arg-type]


def test_reads_json_lines(tmp_path: Path) -> None:
    """One object a line, as MMEngine and Detectron2 log."""
    text = "".join(json.dumps(record) + "\n" for record in RECORDS)
    assert read(tmp_path, text, "metrics.json") == HALF


def test_json_lines_end_with_a_newline_only(tmp_path: Path) -> None:
    """What else ends a line may stand in a string; a broken line is named by its number in the file."""
    lines = [json.dumps({**record, "text": "a\u2028b\x85c"}, ensure_ascii=False) for record in RECORDS]
    assert read(tmp_path, "\n".join(lines), "log.json") == HALF
    assert read(tmp_path, "\r\n\r\n".join(lines), "log.json") == HALF
    with pytest.raises(ValueError, match="line 5 column 11"):
        read(tmp_path, "\n".join([*lines, "", '{"lr": 1, "lo']), "log.json")
    with pytest.raises(ValueError, match=r"log\.json: not a curve: the file is empty"):
        read(tmp_path, "\n\n", "log.json")


@pytest.mark.parametrize("name", ["log.csv", "log.json"])
@pytest.mark.parametrize(
    ("losses", "steps", "expected"),
    [
        ([2.5, 2.0, None, None], None, [2.5, 2.0, "nan", "nan"]),
        ([2.5, 2.0, None, None], [10, 20, 30, 40], [2.5, 2.0, "nan", "nan"]),
        ([2.5, 2.0, None, None], [10, 20, 30, 35], [2.5, 2.0, "nan"]),
        ([2.5, 2.25, 2.0, None], [10, 20, 30, 500], [2.5, 2.25, 2.0]),
        ([2.5, 2.0, None], [10, 20, 500], [2.5, 2.0]),
        ([2.5, 2.25, 2.0, None], [10, 20, 30, None], [2.5, 2.25, 2.0]),
        ([2.5, None, 2.0, None, None, None], None, [2.5, 2.0]),
    ],
)
def test_a_loss_that_is_blank_only_at_the_end_is_nan(
    tmp_path: Path, name: str, losses: list[float | None], steps: list[int | None] | None, expected: list[object]
) -> None:
    """pandas and JavaScript write NaN so; elsewhere, and where the steps do not go on, it is a loss not logged."""
    rows = [
        {"lr": 0.5 * i, "loss": loss, **({"step": steps[i - 1]} if steps else {})} for i, loss in enumerate(losses, 1)
    ]
    table = [list(rows[0]), *(["" if cell is None else str(cell) for cell in row.values()] for row in rows)]
    text = json.dumps(rows) if name.endswith("json") else "".join(",".join(cells) + "\n" for cells in table)
    assert repr(read(tmp_path, text, name).losses) == repr(tuple(float(str(loss)) for loss in expected))


def test_a_row_that_is_written_twice_is_one_update(tmp_path: Path) -> None:
    """As by two processes, or two handlers of one logger; a step that is counted anew at another LR is another one."""
    text = "step,lr,loss\n0,1,2\n0,1,2\n1,2,3\n1,2,3\n1,3,3\n2,3,nan\n2,3,nan\n"
    curve = read(tmp_path, text)
    assert curve.lrs == (1.0, 2.0, 3.0, 3.0)
    assert curve.losses[:3] == (2.0, 3.0, 3.0)
    assert curve.steps_per_point == 1


@pytest.mark.parametrize("column", ["mode", "phase", "split"])
def test_rows_of_a_validation_are_no_training_rows(tmp_path: Path, column: str) -> None:
    """mmcv logs the LR with its validation, at whatever step."""
    rows = [{column: "train", "iter": i, **record} for i, record in enumerate(RECORDS, 1)]
    rows.append({column: "val", "iter": 4, "lr": HALF.lrs[-1], "mAP": 0.5})
    assert read(tmp_path, "\n".join(map(json.dumps, rows)), "log.json") == HALF


@given(
    start=st.integers(0, 3000),
    stride=st.integers(1, 3_000_000),
    mark=st.sampled_from([",", ".", " ", "'", ""]),
    odd=st.sampled_from(["none", "blank", "twice", "again from the start"]),
)
def test_the_stride_is_that_of_most_steps(
    tmp_path_factory: pytest.TempPathFactory, start: int, stride: int, mark: str, odd: str
) -> None:
    """Thousands are marked by what is no decimal mark; one odd step in ten changes nothing."""
    steps = [f"{start + stride * i:,}".replace(",", mark) for i in range(10)]
    if odd == "blank":
        steps[4] = ""
    elif odd == "twice":
        steps[5:] = steps[4:9]
    elif odd != "none":
        steps[5:] = steps[:5]
    decimal = "," if mark == "." else "."
    rows = [f"{step};1{decimal}{i};2{decimal}5" for i, step in enumerate(steps)]
    text = "step;lr;loss\n" + "\n".join(rows) + "\n"
    assert read(tmp_path_factory.mktemp("curve"), text).steps_per_point == stride


@pytest.mark.parametrize("header", ["iter,step", "step,iter", "iteration,num_updates", "batch_iter,global_step"])
def test_a_step_counts_updates_where_an_iteration_is_a_batch(tmp_path: Path, header: str) -> None:
    """With gradients accumulated over four batches, as LitGPT logs them."""
    names = header.split(",")
    rows = [(4 * i, i) if names[0].endswith(("iter", "iteration")) else (i, 4 * i) for i in range(5)]
    text = f"{header},lr,loss\n" + "".join(f"{a},{b},{i + 1},2\n" for i, (a, b) in enumerate(rows))
    assert read(tmp_path, text).steps_per_point == 1


def test_a_comma_is_decimal_where_the_file_says_so(tmp_path: Path) -> None:
    """Another number does, or semicolons between the columns."""
    assert read(tmp_path, 'lr,loss\n"0,5","1,231"\n') == LRCurve([0.5], [1.231])
    assert read(tmp_path, "lr;loss\n1E-06;1,231\n") == LRCurve([1e-6], [1.231])


def test_what_mlflow_marks_as_nan_is_nan(tmp_path: Path) -> None:
    """Its table has 0 in place of the value."""
    text = "key,value,step,is_nan\nlr,0.1,0,0\nloss,2,0,0\nlr,0.2,1,0\nloss,0,1,{}\n"
    for yes in ("1", "true", "t"):
        assert math.isnan(read(tmp_path, text.format(yes)).losses[1])


def test_a_loss_of_0_whose_gradient_is_not_finite_is_nan(tmp_path: Path) -> None:
    """Hugging Face writes 0 for a NaN, which would be the lowest loss of all; any other 0 is one."""
    norms = [0.0, math.nan, math.inf, None]
    entries = [
        {"learning_rate": 0.1, "loss": loss, "grad_norm": norm, "step": step}
        for step, (loss, norm) in enumerate(zip([0.0, 0.0, 0.0, 0.0], norms, strict=True), 1)
    ]
    path = tmp_path / "trainer_state.json"
    path.write_text(json.dumps({"log_history": [*entries, {"train_loss": 0.5, "step": 4}]}))
    assert list(map(math.isnan, LRCurve.from_json(path).losses)) == [False, True, True, False]
    text = "train/learning_rate,train/loss,train/grad_norm\n0.1,0,1e400\n0.2,0,NaN\n0.3,0,1\n0.4,1,NaN\n"
    assert list(map(math.isnan, read(tmp_path, text).losses)) == [True, True, False, False]


@pytest.mark.parametrize(
    "lr", ["lr (%)", "lr (*1000)", "lr [10^-3]", "LR / 1000", "lr x1000", "lr [1e-3]", "a - lr*10"]
)
def test_refuses_a_column_with_a_scale(tmp_path: Path, lr: str) -> None:
    """A number or a sign beside the name is no parameter group's, and what it does to the values is anybody's guess."""
    for header in (f"{lr},loss", f"lr,{lr.lower().replace('lr', 'loss')}"):
        with pytest.raises(ValueError, match=r"has a unit or scale: write plain (LRs|losses)"):
            read(tmp_path, f"{header}\n1,2\n")


@pytest.mark.parametrize(
    ("column", "optimizer"),
    [("lr-AdamW", "AdamW"), ("lr-FusedAdam-1", "FusedAdam"), ("lr-adamw", "adamw"), ("lr-lion", "lion")]
    + [(name, None) for name in ("lr-backbone", "lr-train", "lr-pg0", "lr-group1", "lr-lambda")],
)
def test_an_optimizer_is_named_like_one(tmp_path: Path, column: str, optimizer: str | None) -> None:
    """Whatever stands behind "lr-", the LR is read."""
    assert read(tmp_path, f"{column},loss\n0.1,2\n") == LRCurve([0.1], [2.0], optimizer=optimizer)


def test_an_accuracy_that_is_missing_somewhere_is_left_out(tmp_path: Path) -> None:
    """One logged once an epoch is no accuracy of each point; NaN that is written out is kept."""
    assert read(tmp_path, "lr,loss,acc\n0.1,2,0.5\n0.2,1,\n").metrics is None
    metrics = read(tmp_path, "lr,loss,acc\n0.1,2,0.5\n0.2,1,nan\n").metrics
    assert metrics is not None
    assert math.isnan(metrics[1])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([{"lr": 0.2, "loss": 1}, {"lr": 0.1, "loss": 1}], r"entry 2: lr must not fall, got lr=0\.1 after 0\.2"),
        ([[1700000000.0, 0, 2.5], [1700000001.0, 1, 2.4]], "it holds one scalar, by wall time and step"),
        ({"lr": [0.1, 0.2], "loss": [1]}, "there must be as many of each, got 2 lr, 1 loss"),
        ({"lr": [0.1], "loss": [True]}, "entry 1: loss must be a number, got loss=True"),
        ({"lr": [0.1], "loss": [10**400]}, "entry 1: loss must be a number"),
        ({"lr": [0.1], "loss": [{"a": 1}]}, "entry 1: loss must be a number"),
        ([{"lr": 0.1, "loss": 1, "optimizer": ["SGD"]}], r"entry 1: optimizer must be a name, got optimizer=\['SGD'\]"),
        ({"lrs": [0.1], "losses": [1], "steps_per_point": "2"}, "steps_per_point must be an int >= 1"),
        ({"log_history": []}, "no column named lr or learning_rate among none at all"),
    ],
)
def test_says_what_is_wrong_with_json_and_where(tmp_path: Path, content: object, message: str) -> None:
    """As for CSV, with the number of the entry."""
    with pytest.raises(ValueError, match=message):
        read(tmp_path, json.dumps(content), "log.json")


def test_refuses_json_that_nests_without_end(tmp_path: Path) -> None:
    """A hostile file is a bad file, and no RecursionError."""
    for text in ("[" * 100_000, '{"lr":' * 100_000, "[" * 100_000 + "]" * 100_000):
        with pytest.raises(ValueError, match=r"log\.json: not a curve"):
            read(tmp_path, text, "log.json")


def test_a_log_of_very_many_names_is_read_in_no_time(tmp_path: Path) -> None:
    """What a hostile log has beside LR and loss does not multiply: 20,000 entries with 20,000 names take seconds."""
    start = time.perf_counter()
    extra = [{f"name {i}": i, "step": i} for i in range(20_000)]
    assert read(tmp_path, json.dumps([*RECORDS, *extra]), "log.json") == HALF
    rows = [f"{i},{name},{r[name]}\n" for i, r in enumerate(RECORDS) for name in r]
    text = "step,tag,value\n" + "".join(rows) + "".join(f"{i},name {i},1\n" for i in range(3, 20_000))
    assert read(tmp_path, text) == HALF
    assert time.perf_counter() - start < 30


def test_writing_follows_links_and_keeps_permissions(tmp_path: Path) -> None:
    """A curve written over another one leaves that file's mode, its links and nothing beside it."""
    path, link = tmp_path / "curve.csv", tmp_path / "latest.csv"
    HALF.to_csv(path)
    path.chmod(0o640)
    link.symlink_to(path)
    HALF.to_csv(link)
    HALF.to_json(tmp_path / "curve.json")
    assert link.is_symlink()
    assert path.stat().st_mode & 0o777 == 0o640
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["curve.csv", "curve.json", "latest.csv"]
