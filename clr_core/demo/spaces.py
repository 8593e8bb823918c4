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

BATCH = 64
SHOWN = slice(3, 12)
"""Words of the first held-out text that are printed, past its title."""


class Spaces:
    """A small network that sees three letters on either side of a gap and predicts whether a word ends there."""

    unit = "bits per gap"
    steps_per_epoch = 75
    epochs = 12
    test_steps = 400
    default_lr = 0.01
    default_origin = "that of Keras's SGD (PyTorch's is 0.001)"

    def __init__(self) -> None:
        train, held_out = split(help_texts())
        self._train = sample(train, BATCH * self.steps_per_epoch, seed=1)
        self._held_out = sample(held_out, 2000, seed=2)
        self._shown = held_out[0][SHOWN]
        weights = ROWS * HIDDEN + HIDDEN + 1
        self.description: tuple[str, ...] = (
            "The problem: put the spaces back into Python's own help texts.",
            f"A network sees {WINDOW} letters on each side of a gap and predicts whether a word ends there.",
            f"It has {weights:,} weights, is written in plain Python and trained by SGD in batches of {BATCH}:",
            f"{len(self._train):,} gaps for training, {len(self._held_out):,} of other help texts held out.",
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
                trace.append((step + 1, network.evaluate(self._held_out)[0]))
        loss, accuracy = network.evaluate(self._held_out)
        return Training(loss, accuracy, (*trace, (steps, loss)), self._respaced(network))

    def _batches(self, seed: int) -> Iterator[list[Gap]]:
        """Epoch after epoch, each in a new random order."""
        shuffle = random.Random(f"batches {seed}").shuffle
        order = list(self._train)
        while True:
            shuffle(order)
            for start in range(0, len(order), BATCH):
                yield order[start : start + BATCH]

    def _respaced(self, network: Network) -> str:
        """Some held-out words with the spaces that the network puts between them."""
        letters = "".join(self._shown)
        text = letters[:WINDOW]
        for at, (selected, _) in enumerate(gaps(self._shown), start=WINDOW):
            text += " " * (network.logit(selected) > 0) + letters[at : at + 1]
        return text + letters[len(letters) - WINDOW + 1 :]
