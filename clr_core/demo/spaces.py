"""The demo's own problem: put the spaces back into Python's help texts. Standard library only."""

from __future__ import annotations

import random
from collections.abc import Iterator

from clr_core.demo.help_texts import ROWS, WINDOW, Gap, gaps, help_texts, sample, split
from clr_core.demo.network import HIDDEN, Network
from clr_core.demo.problem import Training
from clr_core.range_test.curve import LRCurve
from clr_core.range_test.machine import RangeTest
from clr_core.schedules.base import Schedule

BATCH = 32
SHOWN = slice(3, 12)
"""Words of the first held-out text that are shown, past its title."""


class Spaces:
    """A small network that reads three letters on either side of a gap and says whether a word ends there."""

    unit = "bits per gap"
    steps_per_epoch = 350
    epochs = 12
    test_steps = 700
    default_lr = 0.01
    default_origin = "that of Keras's SGD (PyTorch's is 0.001)"

    def __init__(self) -> None:
        learn, judge = split(help_texts())
        self._learn = sample(learn, BATCH * self.steps_per_epoch, seed=1)
        self._judge = sample(judge, 3000, seed=2)
        self._shown = judge[0][SHOWN]
        weights = ROWS * HIDDEN + HIDDEN + 1
        self.description: tuple[str, ...] = (
            "The problem: put the spaces back into Python's own help texts.",
            f"A network sees {WINDOW} letters on each side of a gap and says whether a word ends there.",
            f"It has {weights:,} weights, all in plain Python, and learns by SGD in batches of {BATCH}:",
            f"from {len(self._learn):,} gaps, to be judged on {len(self._judge):,} gaps of other help texts.",
        )

    def range_test(self) -> LRCurve:
        test = RangeTest(1e-5, 100.0, num_steps=self.test_steps, optimizer="SGD", momentum=False)
        network, batches = Network(seed=0), self._batches(seed=0)
        while not test.done:
            test.record(network.update(next(batches), test.lr))
        return test.curve

    def train(self, schedule: Schedule, steps: int, seed: int) -> Training:
        network, batches = Network(seed), self._batches(seed)
        trace = []
        for step in range(steps):
            network.update(next(batches), schedule(step))
            if (step + 1) % self.steps_per_epoch == 0 and step + 1 < steps:
                trace.append((step + 1, network.judge(self._judge)[0]))
        loss, accuracy = network.judge(self._judge)
        return Training(loss, accuracy, (*trace, (steps, loss)), self._respaced(network))

    def _batches(self, seed: int) -> Iterator[list[Gap]]:
        """Epoch after epoch, each in an order of its own."""
        shuffle = random.Random(f"batches {seed}").shuffle
        order = list(self._learn)
        while True:
            shuffle(order)
            for start in range(0, len(order), BATCH):
                yield order[start : start + BATCH]

    def _respaced(self, network: Network) -> str:
        """Some held-out words with the spaces that the network would put."""
        letters = "".join(self._shown)
        text = letters[:WINDOW]
        for at, (selected, _) in enumerate(gaps(self._shown), start=WINDOW):
            text += " " * (network.logit(selected) > 0) + letters[at : at + 1]
        return text + letters[len(letters) - WINDOW + 1 :]
