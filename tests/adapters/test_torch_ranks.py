"""A range test on two ranks is one test: one curve, one end, an error or a Ctrl-C of one is that of all."""

from __future__ import annotations

import pathlib
import socket
import subprocess
import sys

import frameworks
import pytest

torch = frameworks.load("torch")
frameworks.load("clr_torch")


@pytest.fixture(scope="module")
def said() -> dict[str, list[str]]:
    """What each rank said in each scene of ``torch_ranks.py``."""
    if not torch.distributed.is_available() or not torch.distributed.is_gloo_available():
        pytest.skip("this torch has no gloo")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    script = pathlib.Path(__file__).with_name("torch_ranks.py")
    done = subprocess.run([sys.executable, str(script), port], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return {scene: each for scene, *each in (line.split(" | ") for line in done.stdout.splitlines())}


@pytest.mark.parametrize("scene", ["one_curve", "seeds", "ctrl_c_on_one_rank", "a_nan_on_one_rank"])
def test_all_ranks_get_the_same_curve(scene: str, said: dict[str, list[str]]) -> None:
    """The losses are the means over the ranks, and all stop after the same update for the same reason."""
    one, other = said[scene]
    assert one == other
    assert "Error" not in one


def test_the_ends(said: dict[str, list[str]]) -> None:
    """One rank's Ctrl-C is everybody's after the update at hand; one rank's NaN makes the mean a NaN."""
    assert "diverged" in said["one_curve"][0]
    assert said["ctrl_c_on_one_rank"][0].startswith("5 interrupted")
    assert said["a_nan_on_one_rank"][0].startswith("3 non_finite")


@pytest.mark.parametrize(
    ("scene", "error"),
    [
        ("an_error_on_one_rank", "LookupError: a bad batch"),
        ("an_error_before_the_first_update", "ValueError: the model must have all its parameters"),
        ("an_empty_loader", "ValueError: train_loader must give a batch"),
    ],
)
def test_an_error_on_one_rank_ends_all(scene: str, error: str, said: dict[str, list[str]]) -> None:
    """The rank that failed raises its own error, the others say which rank it was; all are as before."""
    assert said[scene][0].startswith("RuntimeError: a range test must succeed on every rank, got an error on rank 1")
    assert said[scene][1].startswith(error)
    assert "CHANGED" not in said[scene][1]


def test_a_rank_that_failed_does_not_wait_for_ever(said: dict[str, list[str]]) -> None:
    """With the other rank inside DDP's own collective, the one that failed raises after ten seconds."""
    assert said["an_error_inside_a_collective"] == ["LookupError: a bad batch", "True"]
