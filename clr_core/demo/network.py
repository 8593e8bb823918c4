"""A small neural network that predicts whether a word ends at a gap, with gradients written by hand."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from operator import mul, sub

from clr_core.demo.help_texts import ROWS, WINDOW, Gap

HIDDEN = 8


class Network:
    """One hidden layer: ``h = tanh(sum of the rows the letters select)``, ``p = sigmoid(output . h + bias)``.

    The input is one letter of 26 at each of six positions, so the first layer is an embedding table of which a gap
    selects six rows, and an update changes only those: that makes plain Python fast enough. The hidden layer needs
    no bias, since the rows of any one position can represent it.

    Args:
        seed: Of the initial weights.
    """

    def __init__(self, seed: int) -> None:
        draw = random.Random(seed).gauss
        # Variance 1 / inputs keeps the first sums at a variance of one (LeCun et al. 1998).
        self.rows = [[draw(0.0, (2 * WINDOW) ** -0.5) for _ in range(HIDDEN)] for _ in range(ROWS)]
        self.output = [draw(0.0, HIDDEN**-0.5) for _ in range(HIDDEN)]
        self.bias = 0.0

    def hidden(self, selected: Sequence[int]) -> list[float]:
        """The hidden layer for a gap."""
        rows = self.rows
        a, b, c, d, e, f = selected
        return list(map(math.tanh, map(sum, zip(rows[a], rows[b], rows[c], rows[d], rows[e], rows[f], strict=True))))

    def logit(self, selected: Sequence[int]) -> float:
        """The log of the odds that a word ends in the gap."""
        weighted: float = sum(map(mul, self.output, self.hidden(selected)))
        return weighted + self.bias

    def evaluate(self, gaps: Sequence[Gap]) -> tuple[float, float]:
        """The mean loss in bits and the accuracy."""
        loss = right = 0.0
        for selected, ends in gaps:
            logit = self.logit(selected)
            loss += softplus(-logit if ends else logit)
            right += (logit > 0) == ends
        return loss / len(gaps) / math.log(2), right / len(gaps)

    def update(self, batch: Sequence[Gap], lr: float) -> float:
        """One update by gradient descent; returns the batch's loss in bits, from before the update.

        With ``d = p - (1 if a word ends else 0)``, the gradient of the loss in nats is ``d`` for the
        bias, ``d * h`` for the output and ``d * output * (1 - h**2)`` for each selected row.
        """
        rate = lr / len(batch)
        loss = bias_change = 0.0
        output, output_change = self.output, [0.0] * HIDDEN
        row_changes = []
        for selected, ends in batch:
            h = self.hidden(selected)
            logit = sum(map(mul, output, h)) + self.bias
            loss += softplus(-logit if ends else logit)
            d = rate * (sigmoid(logit) - ends)
            bias_change += d
            output_change = [change + d * x for change, x in zip(output_change, h, strict=True)]
            row_changes.append((selected, [d * w * (1.0 - x * x) for w, x in zip(output, h, strict=True)]))
        # Only now: every gradient of the batch is taken at the same weights.
        rows = self.rows
        for selected, change in row_changes:
            for row in selected:
                rows[row] = list(map(sub, rows[row], change))
        self.output = list(map(sub, output, output_change))
        self.bias -= bias_change
        return loss / len(batch) / math.log(2)


def softplus(x: float) -> float:
    """``log(1 + exp(x))``, for any finite x: the loss in nats of the odds ``exp(-x)``."""
    return max(x, 0.0) + math.log1p(math.exp(-abs(x)))


def sigmoid(x: float) -> float:
    """``1 / (1 + exp(-x))``, for any finite x."""
    small = math.exp(-abs(x))
    return (1.0 if x > 0 else small) / (1.0 + small)
