"""Question: does anything but a documented error come out of random curves, broken files and hostile dicts?

Command:  python tests/fuzz.py [--quick] [--seed N]
Method:   three families, each case made from its own seed, so that `--family files --only 4711` runs one again.
          curves: losses and LRs of every kind (drops, spikes, NaN, infinity, 1e308, denormals, ints beyond float)
          into LRCurve, RangeTest and suggest_bounds, and the result into its text, HTML, JSON, scene and schedule;
          files: logs of many programs with bytes changed, cut out and doubled, and JSON of any shape, into from_csv and
          from_json; dicts: descriptions of schedules with anything inside, into from_dict.
          A case passes if it raises nothing, or TypeError or ValueError from the call that takes the input, without a
          warning and within ten seconds of CPU time.
Target:   300,000 curves and 100,000 files or dicts without a failure; exit status 1 if there is one.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import clr_core
from clr_core.bounds.network import KINDS
from clr_core.views.progress import progress

FULL = {"curves": 300_000, "files": 70_000, "dicts": 30_000}
QUICK = {"curves": 300, "files": 1_000, "dicts": 1_000}
SLOWEST = 10.0
"""Seconds of CPU time that a case may take."""

EXTREMES = [
    0.0,
    -0.0,
    1.0,
    -1.0,
    math.nan,
    math.inf,
    -math.inf,
    1e308,
    -1e308,
    5e-324,
    -5e-324,
    1e-300,
    1e100,
    1e101,
    2.0**53,
]
HOSTILE: list[Any] = [
    None,
    True,
    "",
    "1",
    "nan",
    b"1",
    10**400,
    -(10**400),
    1j,
    [],
    [[]],
    {},
    object,
    math.nan,
    2**31,
    0,
    -1,
]


def losses_of(generator: random.Random, xs: list[float]) -> list[Any]:
    """Losses over log10(lr): a clean shape, a random walk or nonsense, with noise, spikes and extremes."""
    kind = generator.choice(
        ["drop", "drop", "drop", "constant", "falling", "rising", "walk", "extremes", "ints", "repeated"]
    )
    size, offset = (
        10.0 ** generator.uniform(-20, 20) if generator.random() < 0.3 else 1.0,
        generator.choice([0.0, 0.0, -3.0, 1e6]),
    )
    middle = generator.uniform(min(xs, default=0.0) - 1, max(xs, default=0.0) + 1)
    if kind == "extremes":
        return [generator.choice(EXTREMES) for _ in xs]
    if kind == "ints":
        return [generator.choice([0, 1, 2, 10**30, -5]) for _ in xs]
    if kind == "constant":
        losses = [1.0] * len(xs)
    elif kind in ("falling", "rising"):
        sign = -1.0 if kind == "falling" else 1.0
        losses = [sign * i / len(xs) for i in range(len(xs))]
    elif kind == "walk":
        total, losses = 0.0, []
        for _ in xs:
            total += generator.gauss(0, 1)
            losses.append(total)
    elif kind == "repeated":
        losses = [float(generator.randrange(3)) for _ in xs]
    else:
        steep, blow = generator.uniform(0.3, 8), generator.uniform(0.5, 30)
        at = middle + generator.uniform(0.2, 4)
        losses = [
            2.3 - 2.0 / (1.0 + math.exp(min(700.0, -steep * (x - middle)))) + 10.0 ** min(300.0, blow * (x - at))
            for x in xs
        ]
    noise = generator.choice([0.0, 0.0, 1e-6, 0.01, 0.1, 1.0])
    losses = [size * (loss + generator.gauss(0, 1) * noise + offset) for loss in losses]
    for _ in range(generator.choice([0, 0, 0, 1, 3])):
        if losses:
            losses[generator.randrange(len(losses))] = generator.choice([*EXTREMES, 1e4, -1e4])
    return losses


def lrs_of(generator: random.Random, count: int) -> list[Any]:
    """LRs that rise, as a rule: exponentially, linearly, by chance, by nothing, over all floats."""
    kind = generator.choice(["exponential"] * 5 + ["linear", "linear", "sorted", "constant", "wide", "narrow", "bad"])
    start = 10.0 ** generator.uniform(-9, -1)
    decades = generator.uniform(0.1, 9)
    if kind == "linear":
        return [start + 10.0 ** generator.uniform(-3, 2) * start * i for i in range(count)]
    if kind == "sorted":
        return sorted(10.0 ** generator.uniform(-8, 2) for _ in range(count))
    if kind == "constant":
        return [start] * count
    if kind == "wide":
        return [10.0 ** (-323 + 630 * i / max(count - 1, 1)) for i in range(count)]
    if kind == "narrow":
        return [start * (1 + 1e-15 * i) for i in range(count)]
    if kind == "bad":
        return [generator.choice([start, *EXTREMES, *HOSTILE]) for _ in range(count)]
    return [start * 10.0 ** (decades * i / max(count - 1, 1)) for i in range(count)]


def documented(function: Callable[[], Any]) -> Any:
    """What the function returns, or None where it refuses its input."""
    try:
        return function()
    except (TypeError, ValueError):
        return None


def random_curve(generator: random.Random) -> clr_core.LRCurve | None:
    """A curve from arguments that may be refused."""
    count = generator.choice([0, 1, 2, 3, 5, 9, 10, 11, 15, 20, 30, 50, 100])
    lrs = lrs_of(generator, count)
    xs = [math.log10(lr) if isinstance(lr, float) and 0 < lr < math.inf else 0.0 for lr in lrs]
    losses = losses_of(generator, xs)
    metrics: Any = None
    if generator.random() < 0.2:
        metrics = [generator.choice([generator.random(), generator.random(), generator.choice(EXTREMES)]) for _ in lrs]
    if generator.random() < 0.05:
        losses = [generator.choice(HOSTILE) if generator.random() < 0.2 else loss for loss in losses]
    return documented(
        lambda: clr_core.LRCurve(
            lrs,
            losses,
            metrics,
            optimizer=generator.choice([None, "SGD", "AdamW", "Adam", "Lion", "RMSprop", "", "\n<b>&", "x" * 1000]),
            momentum=generator.choice([None, None, True, False]),
            stop_reason=generator.choice([None, "completed", "diverged", "non_finite", "interrupted"]),
            steps_per_point=generator.choice([1, 1, 1, 2, 50, 2**31 - 1]),
        )
    )


def curve_case(generator: random.Random, folder: Path) -> None:
    """One curve, or several, to bounds and everything that shows them; sometimes a range test or a file as well."""
    curves = [random_curve(generator) for _ in range(generator.choice([1, 1, 1, 1, 2, 3]))]
    known = [curve for curve in curves if curve is not None]
    if not known:
        return
    curve = known[0]
    repr(curve), hash(curve), curve.decades, curve.looks_smoothed, curve.finite_points, curve.scene()
    documented(lambda: clr_core.smooth(curve.lrs, curve.losses))
    documented(lambda: clr_core.steepest_descent(curve.lrs, curve.losses))
    if generator.random() < 0.1:
        range_test_case(generator, list(curve.losses))
    if generator.random() < 0.05:
        curve.to_csv(folder / "own.csv")
        curve.to_json(folder / "own.json")
        for copy in (clr_core.LRCurve.from_csv(folder / "own.csv"), clr_core.LRCurve.from_json(folder / "own.json")):
            assert repr(copy.losses) == repr(curve.losses)
            assert copy.lrs == curve.lrs
    steps = generator.choice([None, None, 1, 100, 1920, 2**31 - 1, 10**400, 0, True, 5.0])
    epoch = generator.choice([None, None, 1.0, 12.5, 1e-300, 1e308, math.nan, 10**400])
    kind = generator.choice(KINDS)
    bounds = documented(
        lambda: clr_core.suggest_bounds(
            known if len(known) > 1 else curve, kind=kind, total_steps=steps, steps_per_epoch=epoch
        )
    )
    if bounds is None:
        return
    assert 0.0 <= bounds.base_lr <= bounds.max_lr < math.inf
    assert 0.0 < bounds.lr < math.inf
    assert 0.0 <= bounds.confidence <= 1.0
    str(bounds), bounds._repr_html_(), repr(bounds)
    json.loads(json.dumps(bounds.to_dict()))
    assert clr_core.from_dict(bounds.schedule().to_dict()) == bounds.schedule()


def range_test_case(generator: random.Random, losses: list[Any]) -> None:
    """A range test over any range that is given any losses."""
    ends = [generator.choice([1e-7, 1e-3, 10.0, 5e-324, 1e308, 0.0, math.nan, 10**400]) for _ in range(2)]
    mode = generator.choice(["exponential", "linear", None])
    divergence = generator.choice([1.0, None, 1e-300, 1e308, 0])
    test = documented(lambda: clr_core.RangeTest(*ends, len(losses), mode=mode, divergence=divergence))
    for loss in losses:
        if test is None or test.done:
            break
        assert test.lr > 0.0
        documented(lambda loss=loss: test.record(generator.choice([loss, loss, loss, generator.choice(HOSTILE)])))
    if test is not None:
        assert len(test.curve) <= test.num_steps


WORDS = """lr loss learning_rate train_loss val_loss accuracy step Step global_step optimizer momentum stop_reason epoch
value tag steps_per_point lr-AdamW lr-SGD/pg1 lr-SGD-momentum train/lr log_history history lrs losses metrics Value run
run_id mode is_nan iter
""".split()

LOGS = [
    "lr,loss\n" + "".join(f"{10 ** (i / 5 - 6)!r},{2.0 - i / 20!r}\n" for i in range(30)),
    "lr,loss,accuracy,optimizer,momentum,stop_reason,steps_per_point\n0.1,2,0.1,SGD,true,completed,3\n0.2,1,0.2,SGD,true,completed,3\n",
    "epoch,lr-SGD,lr-SGD-momentum,step,train_loss\n,1e-06,0.9,0,\n0,,,0,2.5\n,1.5e-06,0.9,1,\n0,,,1,2.25\n",
    '"Step","run - train/loss","run - train/loss__MIN","run - train/lr"\n"0","2.5","2","1e-6"\n"1","2.4","2","2e-6"\n',
    "\ufefflr;loss;;\r\n1e-06;2,5;;\r\n1,5e-06;2,25;;\r\n;;;\r\n",
    "# lr loss\n1.0e-06 2.5e+00\n1.5e-06 2.25e+00\n",
    'key,value,run_uuid,step,is_nan\nlr,1e-6,a,"1,000",0\nloss,2.5,a,"1,000",0\nlr,2e-6,a,"1,050",0\nloss,0,a,"1,050",1\n',
    '"Step","a - lr","a - loss","b - loss","test - lr"\n"0","1e-6","2.5","2","1e-6"\n"1","2e-6","2.4","2","2e-6"\n',
    "mode,iter,update,lr (%),lr/0,loss\ntrain,5,0.1,1,0.01,2\ntrain,10,0.2,2,0.02,1.9\nval,300,0.3,2,0.02,\n",
    "run,tag,step,value\na,lr,0,1e-6\na,lr,5,2e-6\na,loss,0,2.5\na,loss,5,2.4\n",
    json.dumps({"log_history": [{"step": i, "learning_rate": 1e-6 * 1.2**i, "loss": 2.5} for i in range(5)]}),
    json.dumps(
        {"lrs": [0.1, 0.2], "losses": [2.0, "nan"], "metrics": [0.1, 0.2], "optimizer": "SGD", "momentum": True}
    ),
    json.dumps({"lr": [0.1, 0.2], "loss": [2.0, 1.0]}),
    '{"lr": 0.1, "loss": 1}\n{"lr": 0.2, "loss": 2}\n',
]


def broken(generator: random.Random, data: bytes) -> bytes:
    """The bytes with a few changes of all kinds."""
    for _ in range(generator.choice([0, 1, 1, 2, 5, 20])):
        place, length = generator.randrange(len(data) + 1), generator.choice([1, 1, 2, 10, 100])
        piece = generator.choice(
            [
                b"",
                bytes(generator.randrange(256) for _ in range(length)),
                generator.choice(b",;\t|\n\r\"'#-+.eE0123456789{}[]:\0 ".decode()).encode()
                * generator.choice([1, 1, 2, 5]),
                generator.choice(WORDS).encode(),
                generator.choice(
                    [b"nan", b"inf", b"null", b"1e400", b"9" * 400, b"9" * 5000, b"1_0", b"sep=;\n", b"\xff\xfe"]
                ),
                data[place : place + length] * 2,
            ]
        )
        data = data[:place] + piece + data[place + generator.choice([0, length]) :]
    return data


def any_json(generator: random.Random, depth: int) -> Any:
    """A value of JSON, with names that logs have."""
    kind = generator.randrange(8 if depth else 5)
    if kind < 2:
        return generator.choice([*EXTREMES, generator.random(), generator.randrange(100), 10**400])
    if kind < 5:
        return generator.choice([None, True, False, "", "nan", "SGD", "completed", "1e-3", "0,5", *WORDS[:3]])
    size = generator.choice([0, 1, 2, 3, 10])
    if kind < 7:
        return {generator.choice(WORDS): any_json(generator, depth - 1) for _ in range(size)}
    return [any_json(generator, depth - 1) for _ in range(size)]


def file_case(generator: random.Random, folder: Path) -> None:
    """A file that began as a log, or as JSON of any shape, read as CSV and as JSON."""
    path = folder / "log"
    if generator.random() < 0.4:
        content = any_json(generator, generator.choice([1, 2, 3]))
        if generator.random() < 0.5:
            content = {generator.choice(WORDS): [any_json(generator, 0) for _ in range(3)] for _ in range(4)}
        data = json.dumps(content).encode()
        if generator.random() < 0.01:
            data = generator.choice([b"[", b'{"lr":', b'{"log_history":[']) * 200_000
    else:
        data = broken(generator, generator.choice(LOGS).encode())
    path.write_bytes(data)
    for read in (clr_core.LRCurve.from_csv, clr_core.LRCurve.from_json):
        try:
            repr(read(path))
        except ValueError as refusal:
            if str(path) not in str(refusal):
                raise AssertionError("the message lacks the path") from refusal


ARGUMENTS = """kind base_lr max_lr step_size step_size_down gamma decay shape scale_fn scale_mode min_lr first_cycle
t_mult total_steps variant anneal rise_fraction final_lr initial_lr factor every start_lr end_lr num_steps lr schedules
boundaries schedule low high steps warmup_steps stable_steps decay_steps""".split()


def any_dict(generator: random.Random, depth: int) -> dict[str, Any]:
    """The description of a schedule, with some of it replaced by anything."""
    examples = [
        clr_core.triangular(1e-3, 6e-3, 2000),
        clr_core.exp_range(1e-3, 6e-3, 20, gamma=0.9),
        clr_core.cosine_restarts(0.0, 1.0, 10, t_mult=1.5),
        clr_core.one_cycle(0.1, 1.0, 10, variant="three_phase"),
        clr_core.step_decay(1.0, factor=0.5, every=3),
        clr_core.linear_ramp(0.0, 1.0, 5),
        clr_core.warmup_stable_decay(1.0, 100, 10, 20),
        clr_core.with_warmup(clr_core.constant(0.1), 5),
        clr_core.momentum_for(clr_core.triangular(0.1, 1.0, 5)),
        clr_core.join([clr_core.constant(0.1), clr_core.constant(0.2)], [5]),
    ]
    config: dict[str, Any] = generator.choice(examples).to_dict()
    for _ in range(generator.choice([0, 1, 1, 2, 4])):
        name = generator.choice([*config, *config, generator.choice(ARGUMENTS)])
        value: Any = generator.choice([*HOSTILE, *EXTREMES, generator.choice(examples).to_dict()["kind"]])
        if depth and generator.random() < 0.4:
            value = any_dict(generator, depth - 1)
            value = generator.choice([value, [value, value], [value], {"kind": value}])
        config[name] = value
    if generator.random() < 0.02:
        config["schedules"] = [config]
    if generator.random() < 0.01:
        for _ in range(100_000):
            config = {"kind": "join", "schedules": [config], "boundaries": []}
    return config


def dict_case(generator: random.Random, folder: Path) -> None:
    """A dict to a schedule; one that is taken has values and describes itself."""
    config = any_dict(generator, 2)
    schedule = documented(lambda: clr_core.from_dict(config))
    if schedule is None:
        return
    for step in (0, 1, 7, 2**31 - 1):
        value = schedule(step)
        assert not math.isnan(value)
        assert value >= 0.0
    documented(lambda: clr_core.from_dict(schedule.to_dict()) == schedule)
    repr(schedule), hash(schedule)


CASES: dict[str, Callable[[random.Random, Path], None]] = {"curves": curve_case, "files": file_case, "dicts": dict_case}


def failures(family: str, numbers: Iterator[int], seed: int) -> Iterator[tuple[str, int, str]]:
    """Where cases of a family fail: the place in the code and the error, and the case."""
    with tempfile.TemporaryDirectory() as folder:
        for number in numbers:
            start = time.process_time()
            try:
                CASES[family](random.Random(f"{seed}/{family}/{number}"), Path(folder))
            except BaseException as error:
                if isinstance(error, KeyboardInterrupt):
                    raise
                frames = traceback.extract_tb(error.__traceback__)
                last = next((f for f in reversed(frames) if "clr_core" in f.filename), frames[-1])
                place = f"{os.path.basename(last.filename)}:{last.lineno} {last.name}: {type(error).__name__}"
                yield place, number, str(error)[:150]
            if time.process_time() - start > SLOWEST:
                yield "slow", number, f"{time.process_time() - start:.1f} s"


def main() -> None:
    """Run all families, or one case."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="seconds")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--family", choices=CASES)
    parser.add_argument("--only", type=int, metavar="N", help="one case of a family, with its traceback")
    arguments = parser.parse_args()
    warnings.simplefilter("error")
    if arguments.only is not None:
        with tempfile.TemporaryDirectory() as folder:
            CASES[arguments.family](
                random.Random(f"{arguments.seed}/{arguments.family}/{arguments.only}"), Path(folder)
            )
        return
    counts = {name: n for name, n in (QUICK if arguments.quick else FULL).items() if arguments.family in (None, name)}
    failed: Counter[str] = Counter()
    for family, count in counts.items():
        numbers = progress(range(count), total=count, description=f"{count} {family}")
        for place, number, message in failures(family, iter(numbers), arguments.seed):
            failed[place] += 1
            if failed[place] == 1:
                print(f"{family} {number}: {place}: {message}", flush=True)
    for place, count in failed.most_common():
        print(f"{count:>8}  {place}")
    print(f"{sum(counts.values())} cases, {sum(failed.values())} failures")
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
