"""``clr demo``: real data, right gradients, an honest table, and nothing but the standard library."""

from __future__ import annotations

import io
import json
import math
import shutil
import subprocess
import sys
from pathlib import Path

import frameworks
import pytest

import clr_core
from clr_core import demo
from clr_core.demo import comparison, help_texts
from clr_core.demo.network import Network
from clr_core.demo.problem import Training
from clr_core.demo.spaces import Spaces
from clr_core.views.progress import progress


@pytest.fixture(scope="module")
def spaces():
    return Spaces()


SCRIPT = """
import json, sys
sys.path.insert(0, sys.argv[1])
from clr_core.demo import run
result = run(seeds=1)
known = sys.stdlib_module_names | {"__main__", "clr_core"}
foreign = {name.partition(".")[0] for name in sys.modules} - known
print(json.dumps([result, sorted(foreign)], allow_nan=False))
"""


def test_whole_demo_runs_on_the_standard_library_alone(tmp_path):
    """In a bare interpreter the demo prints both bounds, names the winner and loads no other module."""
    shutil.copytree(Path(clr_core.__file__).parent, tmp_path / "clr_core")
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-W", "error", "-c", SCRIPT, tmp_path],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    *text, last = done.stdout.splitlines()
    result, foreign = json.loads(last)
    assert foreign == []
    assert f"base_lr = {result['base_lr']:.4g}" in text
    assert f"max_lr = {result['max_lr']:.4g}" in text
    best = min(result["rows"], key=lambda row: row["mean_loss"])
    assert result["winner"] == best["name"]
    assert any(line.startswith(f"Winner: {best['name']}, ") for line in text)
    assert [row["name"].split()[0] for row in result["rows"]] == ["fixed", "fixed", "CLR,", "linear"]
    assert result["pictures"] == []
    assert result["framework"] is None
    assert 0 < result["base_lr"] < result["max_lr"]
    assert done.stderr.splitlines() == ["training 4 networks, 900 updates each ..."]


def test_gaps_are_numbered_by_letter_and_place():
    """The letters abc|def around the one gap of 'abc def' select rows 0, 26+1, 52+2, 78+3, 104+4, 130+5."""
    assert help_texts.gaps(["abc", "def"]) == [((0, 27, 54, 81, 108, 135), True)]
    assert help_texts.gaps(["ab", "cdef"]) == [((0, 27, 54, 81, 108, 135), False)]
    assert [ends for _, ends in help_texts.gaps(["aaa", "b", "ccc"])] == [True, True]
    assert help_texts.gaps(["abc", "de"]) == []


def test_help_texts_are_words_of_the_26_letters():
    """Python brings at least fifty topics, all of them small letters only."""
    texts = help_texts.help_texts()
    assert len(texts) > 50
    assert {letter for words in texts.values() for word in words for letter in word} == set(
        "abcdefghijklmnopqrstuvwxyz"
    )
    assert texts["assert"][:3] == ["the", "assert", "statement"]


def test_held_out_texts_are_not_trained_on():
    """Every topic is either for training or held out."""
    texts = {str(number): [str(number)] for number in range(9)}
    train, held_out = help_texts.split(texts)
    assert held_out == [["0"], ["4"], ["8"]]
    assert train == [["1"], ["2"], ["3"], ["5"], ["6"], ["7"]]


def test_sample_is_drawn_without_repeats_and_by_seed():
    """A sample as large as the texts is all of their gaps; the seed alone decides the order."""
    texts = [["abcdefg", "hijk"], ["lmnopq", "rstu"]]
    everything = [gap for words in texts for gap in help_texts.gaps(words)]
    drawn = help_texts.sample(texts, len(everything), seed=1)
    assert sorted(drawn) == sorted(everything)
    assert drawn == help_texts.sample(texts, len(everything), seed=1)
    assert drawn != help_texts.sample(texts, len(everything), seed=2)


def loss_in_nats(network, batch):
    return network.evaluate(batch)[0] * math.log(2)


@pytest.mark.parametrize("seed", [0, 1])
def test_update_follows_the_gradient(seed):
    """Every weight moves by -lr times the slope of the mean loss, also in rows used several times."""
    batch = help_texts.gaps(["banana", "bananas", "and", "ananas"])
    lr, h = 0.5, 1e-5
    before, after = Network(seed), Network(seed)
    assert after.update(batch, lr) == pytest.approx(before.evaluate(batch)[0], rel=1e-12)

    def slope(weights, index):
        value = weights[index]
        weights[index] = value + h
        up = loss_in_nats(before, batch)
        weights[index] = value - h
        down = loss_in_nats(before, batch)
        weights[index] = value
        return (up - down) / (2 * h)

    moved = []
    for old, new in zip([*before.rows, before.output], [*after.rows, after.output], strict=True):
        for index in range(len(old)):
            moved.append((new[index] - old[index], -lr * slope(old, index)))
    holder = before.__dict__
    moved.append((after.bias - before.bias, -lr * slope(holder, "bias")))
    for change, expected in moved:
        assert change == pytest.approx(expected, abs=1e-9)
    assert sum(change != 0 for change, _ in moved) > 100


def test_network_survives_absurd_learning_rates():
    """Weights in the millions give a large finite loss, not an overflow: the range test can go on."""
    network, batch = Network(0), help_texts.gaps(["spam", "and", "eggs"])
    losses = [network.update(batch, 1e6) for _ in range(5)]
    assert max(losses) > 1e3
    assert all(map(math.isfinite, losses))


def test_training_learns_and_repeats_itself(spaces):
    """One epoch beats the best constant answer on held-out text; the same seed repeats it to the bit."""
    schedule = clr_core.constant(0.5)
    first = spaces.train(schedule, 400, seed=1)
    ends = sum(ends for _, ends in spaces._held_out) / len(spaces._held_out)
    know_nothing = -ends * math.log2(ends) - (1 - ends) * math.log2(1 - ends)
    assert first.loss < 0.8 * know_nothing
    assert first.accuracy > 1 - ends
    assert [update for update, _ in first.trace] == [75, 150, 225, 300, 375, 400]
    assert first.trace[-1][1] == first.loss
    assert first.sample.replace(" ", "") == "".join(spaces._shown)
    assert spaces.train(schedule, 400, seed=1) == first
    assert spaces.train(schedule, 400, seed=2).loss != first.loss


def test_updates_use_the_schedule_step_by_step(spaces):
    """Training with the LR at zero from update 100 on is training for 100 updates."""
    stopped = clr_core.join([clr_core.constant(0.5), clr_core.constant(0.0)], [100])
    assert spaces.train(stopped, 150, seed=1).loss == spaces.train(clr_core.constant(0.5), 100, seed=1).loss


def test_range_test_has_a_flat_a_falling_and_a_rising_part(spaces):
    """The demo's own curve is repeatable, known to be SGD's, and goes up at its end until it is stopped."""
    curve = spaces.range_test()
    assert curve == spaces.range_test()
    assert (curve.optimizer, curve.stop_reason) == ("SGD", "diverged")
    bounds = clr_core.suggest_bounds(curve)
    assert bounds.evidence.fall_start_seen
    assert bounds.evidence.rise_seen
    assert 0.1 < bounds.max_lr < 10


def row(name, *losses):
    trainings = tuple(Training(loss, 0.5, ((1, loss),)) for loss in losses)
    return comparison.Row(name, clr_core.constant(0.1), trainings)


def test_winner_has_the_smallest_mean_loss():
    """The mean over the seeds decides, not the best seed, and a run that diverged counts as infinite."""
    rows = [row("lucky", 0.1, 0.9), row("steady", 0.4, 0.4), row("broken", 0.0, math.nan)]
    assert comparison.winner(rows).name == "steady"
    assert [line.split()[0] for line in comparison.table(rows).splitlines()] == [
        "schedule",
        "steady",
        "lucky",
        "broken",
    ]
    assert comparison.verdict(rows) == (
        "Winner: steady, with a mean loss of 0.4000.\n"
        "It beat the next best, lucky, at 1 of 2 seeds, too close to be sure."
    )
    assert rows[2].to_dict()["losses"] == [0.0, None]


def test_verdict_is_sure_of_what_every_seed_says():
    """Where each of several seeds agrees there is no caveat; one seed alone is never enough."""
    assert comparison.verdict([row("a", 0.1, 0.2), row("b", 0.2, 0.3)]).endswith("at 2 of 2 seeds.")
    assert comparison.verdict([row("a", 0.1), row("b", 0.2)]).endswith("at 1 of 1 seed, too close to be sure.")


class Parabola:
    """A problem that can be worked out by hand: ``w -> w * (1 - lr)`` from ``w = seed``, loss ``w**2``."""

    description = ("A parabola.",)
    unit = "squares"
    steps_per_epoch = 1
    epochs = 12
    test_steps = 100
    default_lr = 0.5
    default_origin = "made up"

    def range_test(self):
        test, weight = clr_core.RangeTest(1e-4, 100.0, num_steps=self.test_steps), 1.0
        while not test.done:
            loss = weight**2
            weight *= 1 - test.lr
            test.record(loss)
        return test.curve

    def train(self, schedule, steps, seed):
        weight = float(seed)
        for step in range(steps):
            weight *= 1 - schedule(step)
        return Training(weight**2, 1.0, ((steps, weight**2),))


def test_every_schedule_gets_the_same_updates_and_seeds(capsys):
    """A fixed LR of 0.5 halves the weight at each of 12 updates; all schedules train from seeds 1 and 2."""
    problem = Parabola()
    plan = clr_core.plan_cycles(epochs=12, steps_per_epoch=1)
    bounds = clr_core.suggest_bounds(problem.range_test(), plan)
    candidates = comparison.schedules(problem, bounds)
    assert list(candidates.values()) == [
        clr_core.constant(0.5),
        clr_core.constant(bounds.lr),
        clr_core.triangular(bounds.base_lr, bounds.max_lr, 2),
        clr_core.linear_decay(bounds.max_lr, 12),
    ]
    rows = comparison.compare(problem, candidates, plan.total_steps, [1, 2])
    assert rows[0].losses == [0.25**12, 4 * 0.25**12]
    for each, schedule in zip(rows, candidates.values(), strict=True):
        assert each.trainings == tuple(problem.train(schedule, 12, seed) for seed in (1, 2))
    assert capsys.readouterr().err == "training 8 networks, 12 updates each ...\n"


def test_run_refuses_bad_arguments():
    """An unknown framework or no seed at all is refused before anything is trained."""
    with pytest.raises(ValueError, match=r"framework must be one of .*, got framework='mxnet'"):
        demo.run("mxnet")
    with pytest.raises(TypeError, match="framework must be one of"):
        demo.run(3)
    with pytest.raises(ValueError, match="seeds must be an int >= 1, got seeds=0"):
        demo.run(seeds=0)


@pytest.mark.parametrize("framework", ["torch", "keras", "optax"])
def test_missing_framework_is_named_with_the_command_that_installs_it(framework, monkeypatch):
    """Without the framework the error says what is missing and how to get it."""
    assert framework in demo.registered()
    for name in [name for name in sys.modules if name.startswith(f"clr_{framework}")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, framework, None)
    with pytest.raises(
        ModuleNotFoundError,
        match=rf"clr_{framework} needs \w+, which is not installed: pip install {framework}",
    ) as caught:
        demo.load(framework)
    assert caught.value.name


def test_pictures_are_written(tmp_path, spaces):
    """With matplotlib, the curve and the training runs become two PNG files."""
    frameworks.load("matplotlib")
    from clr_core.demo.pictures import draw

    bounds = clr_core.suggest_bounds(spaces.range_test(), total_steps=400)
    rows = comparison.compare(spaces, comparison.schedules(spaces, bounds), 400, [1])
    paths = draw(bounds, rows, 400, spaces.unit, tmp_path)
    assert paths == [str(tmp_path / "clr-demo-curve.png"), str(tmp_path / "clr-demo-training.png")]
    for path in paths:
        assert Path(path).read_bytes().startswith(b"\x89PNG")


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_progress_writes_one_line_where_nobody_watches(capsys):
    """Every item comes through, and stderr says once what is being done."""
    assert list(progress(iter("abc"), total=3, description="spelling")) == ["a", "b", "c"]
    assert capsys.readouterr() == ("", "spelling ...\n")


def test_progress_is_a_bar_on_a_terminal(monkeypatch):
    """On a terminal tqdm draws the bar with the description and the total."""
    frameworks.load("tqdm")
    monkeypatch.setattr(sys, "stderr", Terminal())
    assert list(progress("abc", total=3, description="spelling")) == ["a", "b", "c"]
    assert "spelling:   0%|" in sys.stderr.getvalue()
    assert "| 0/3 [" in sys.stderr.getvalue()


def test_progress_does_without_tqdm(monkeypatch):
    """On a terminal without tqdm it is the plain line again."""
    monkeypatch.setitem(sys.modules, "tqdm", None)
    monkeypatch.setattr(sys, "stderr", Terminal())
    assert list(progress("abc", total=3, description="spelling")) == ["a", "b", "c"]
    assert sys.stderr.getvalue() == "spelling ...\n"
