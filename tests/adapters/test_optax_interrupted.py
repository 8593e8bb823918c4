"""A range test in JAX is restored, or was not begun, wherever Ctrl-C arrives and however often."""

from __future__ import annotations

import contextlib
import gc
import os
import random
import signal
import sys
from collections.abc import Iterator
from typing import Any

import frameworks
import pytest
from interrupting import Interrupting, PressingAfterOne

jax = frameworks.load("jax")
np = frameworks.load("numpy")
optax = frameworks.load("optax")
clr_optax = frameworks.load("clr_optax")

FOLDERS = {"adapter": os.path.dirname(clr_optax.__file__), "jax": os.path.dirname(jax.__file__)}
PLACES = 3
PARAMS = np.ones(2, np.float32)


class Batches:
    """A data set that draws from the random states of Python and NumPy."""

    def __iter__(self) -> Iterator[Any]:
        for _ in range(4):
            yield np.full((3, 2), random.random() + np.random.rand(), np.float32)


def content() -> list[Any]:
    handlers = [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)]
    return [PARAMS.tobytes(), random.getstate(), str(np.random.get_state()), handlers]


def run(batches: Any) -> Any:
    def loss_fn(params: Any, batch: Any) -> Any:
        return ((batch @ params) ** 2).mean()

    return clr_optax.range_test(loss_fn, PARAMS, optax.adam, batches, num_steps=4, end_lr=1e-3)


WAYS = {"loop": Batches(), "scan": np.ones((4, 3, 2), np.float32)}


@pytest.mark.parametrize(
    ("way", "where", "again"),
    [("loop", "adapter", 0), ("loop", "adapter", 1), ("loop", "jax", 200), ("scan", "jax", 1)],
)
def test_at_lines_of_the_adapter_and_of_jax(way: str, where: str, again: int) -> None:
    """Ctrl-C at a line of either, once or twice, leaves random states and handlers as they were, and JAX usable."""
    before, whole = content(), run(WAYS[way])
    with Interrupting(FOLDERS[where], 10**9) as counter:
        assert run(WAYS[way]) == whole
    assert counter.lines > 100
    for at in range(1 + again, counter.lines, counter.lines // PLACES):
        outcome: Any = KeyboardInterrupt
        with contextlib.suppress(KeyboardInterrupt), Interrupting(FOLDERS[where], at, again):
            outcome = run(WAYS[way]).stop_reason
        sys.settrace(None)
        assert content() == before, at
        assert outcome in (KeyboardInterrupt, "interrupted", "completed")
    gc.collect()
    assert content() == before
    assert run(WAYS[way]) == whole


@pytest.mark.parametrize("presses", [1, 2, 5])
def test_one_ctrl_c_returns_the_curve_two_end_the_program(presses: int) -> None:
    """In the loop, either once everything is back."""
    before, pressing = content(), PressingAfterOne(Batches(), presses)
    if presses == 1:
        curve = run(pressing)
        assert (len(curve), curve.stop_reason) == (1, "interrupted")
    else:
        with pytest.raises(KeyboardInterrupt):
            run(pressing)
    assert content() == before
