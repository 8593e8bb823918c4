"""``clr demo --framework ...``: the same demo on scikit-learn's digits, trained by each framework."""

from __future__ import annotations

import json

import frameworks
import pytest

import clr_core
from clr_core import demo

OPTIMIZERS = {"torch": "Adam", "keras": "Adam", "optax": "adam"}


@pytest.fixture(scope="module", params=list(OPTIMIZERS))
def framework(request):
    frameworks.load(request.param)
    frameworks.load("sklearn")
    return request.param


@pytest.fixture(scope="module")
def problem(framework):
    return demo.load(framework)


def test_demo_runs_in_the_framework(framework, tmp_path):
    """The demo prints both bounds, compares four schedules, and names the row with the smallest loss."""
    text = []
    result = demo.run(framework, seeds=1, plot_dir=tmp_path, write=text.append)
    assert json.loads(json.dumps(result, allow_nan=False)) == result
    lines = "\n".join(text).splitlines()
    assert f"base_lr = {result['base_lr']:.4g}" in lines
    assert f"max_lr = {result['max_lr']:.4g}" in lines
    assert len(result["rows"]) == 4
    best = min(result["rows"], key=lambda row: row["mean_loss"])
    assert result["winner"] == best["name"]
    assert any(line.startswith(f"Winner: {best['name']}, ") for line in lines)
    assert result["framework"] == framework
    assert best["mean_accuracy"] > 0.9


def test_range_test_repeats_itself(framework, problem):
    """Two range tests give one curve, which says how many updates it had and whose optimizer they were."""
    curve = problem.range_test()
    assert curve == problem.range_test()
    assert curve.optimizer == OPTIMIZERS[framework]
    assert 50 < len(curve) <= problem.test_steps
    assert curve.lrs[0] == pytest.approx(1e-7, rel=1e-6)


def test_training_repeats_itself(problem):
    """The same seed gives the same training, another seed another one; the trace ends with the result."""
    schedule, steps = clr_core.constant(0.01), 2 * problem.steps_per_epoch
    first = problem.train(schedule, steps, seed=1)
    assert problem.train(schedule, steps, seed=1) == first
    assert problem.train(schedule, steps, seed=2).loss != first.loss
    assert [update for update, _ in first.trace] == [steps // 2, steps]
    assert first.trace[-1][1] == first.loss


def test_updates_use_the_schedule(problem):
    """Once the schedule is at zero the network no longer changes, and before that it does."""
    epoch = problem.steps_per_epoch
    stopped = clr_core.join([clr_core.constant(0.01), clr_core.constant(0.0)], [epoch])
    (_, early), (_, late) = problem.train(stopped, 2 * epoch, seed=1).trace
    assert late == early < 1.5
    (_, untrained) = problem.train(clr_core.constant(0.0), epoch, seed=1).trace[0]
    assert untrained > 2.0
