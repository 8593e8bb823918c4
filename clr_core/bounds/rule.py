"""From the landmarks of a curve to max_lr: a small network, fitted to trainings that were run to the end.

    max_lr = rise_lr * 10**(offset + sum(slope_i * x_i) + sum(size_k * tanh(bias_k + leaning_k + sum(weight_ki * x_i))))

The eight inputs ``x`` are the six of ``inputs`` and, of the training to come, log10 of the epochs, all held within the
limits of the fit, and log10 of the updates. The optimizer's family has biases of its own, the schedule leanings, and
both together an offset. Nothing simpler did as well: ``benchmarks/suggestion`` says what was tried.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from clr_core.bounds.landmarks import Landmarks
from clr_core.range_test.curve import LRCurve

SCHEDULES = ("constant", "cyclic", "one_cycle")
FAMILIES = ("plain SGD", "SGD with momentum", "adaptive", "Lion")

_ADAPTIVE = (
    "adabelief adadelta adafactor adagrad adam adamax adamaxw adamw adan adopt amsgrad lamb nadam nadamw "
    "novograd radam rmsprop yogi"
)
KNOWN = {"sgd": FAMILIES[:2], "lion": FAMILIES[3:]} | dict.fromkeys(_ADAPTIVE.split(), FAMILIES[2:3])
"""By the optimizer's class name in lower case; both of SGD's where nothing is known of its momentum."""

UNKNOWN = FAMILIES[1:3]
"""What an optimizer of which nothing is known is taken for: something between these two."""

TYPICAL_STEPS, TYPICAL_EPOCHS = 500, 10.0
"""The updates and the epochs of a training where nothing is said of them."""

LEAST_CLARITY, LEAST_SHARE = 0.3, 0.03
"""Smaller falls, in standard deviations of one loss and as a share of the loss, count as these."""

MOST_CLARITY, USUAL_CLARITY = 60.0, 10.0
"""A loss that falls further than 60 standard deviations has hardly any noise: it is no batch's but that of a validation
set or of all examples. The noise of a batch is then unknown, and the usual clarity is supposed."""

USUAL_SHARE = 0.5
"""What is supposed of the fall as a share of the loss where the loss does not begin above zero."""

SHORTEST, LONGEST = 64, 1920
"""The budgets of the fit. A shorter one counts as the shortest."""

TREND, MOST_STEPS = 0.4, 10_000
"""Beyond the longest, max_lr falls as ``total_steps**-0.4``: so the best LR moved, in the median of the development
tasks, from the quarter to the full budget. Trusted up to there; more counts as that."""

NAMES = (
    "how far it took to learn",
    "how sharply the loss takes off",
    "the LR at which it rises",
    "the fall against the noise",
    "the fall against the loss",
    "the length of the test",
    "the epochs to come",
)
"""The inputs, for a report."""

# The output of benchmarks/suggestion/fit.py, from its 267 development tasks.
LOWEST = (-6.54, 0, -7, -0.523, -1.52, 0.308, -1.08)
HIGHEST = (2.07, 7.42, 3, 1.78, 0, 2.7, 2.56)
USUAL = (-0.252, 0.68, -0.885, 0.952, -0.311, 1.31, 0.65)
SLOPES = (0.318, 0.824, -0.107, -0.035, 0.052, 0.02, 0, 0)
SIZES = (0.513, 0.723, -0.467, 0.332, -0.389, -0.434, 0.488, -0.566, -0.446, -0.652)
WEIGHTS = (
    (0.565, 0.298, 0.466, 1.27, -2.61, -0.501, -0.021, 0),
    (-0.324, -0.396, -0.967, 0.349, -0.491, -0.286, -0.007, -0.042),
    (-0.429, 0.614, -0.051, -0.257, -1.05, 0.489, 0, 0.001),
    (-0.689, -0.525, 0.179, 0.146, 0.432, 0.267, -0.001, -0.366),
    (-0.497, 0.145, -0.484, -0.15, -1.65, 0.281, 0.001, 0.01),
    (0.162, 0.02, -0.469, -0.091, 1.38, 0.206, 0, 0),
    (-0.009, 0.045, 0.756, -0.199, -0.061, 0.883, 0, -0.191),
    (0.137, 0.432, 0.893, 0.885, -0.49, -0.534, 0.005, 0.013),
    (0.85, -0.417, -0.222, 0.44, -0.251, -0.098, 0, 0.001),
    (-0.157, 0.397, 0.223, 0.442, 0.167, -0.204, 0.96, 0.808),
)
BIASES = {
    "plain SGD": (-1.17, -0.315, -0.835, 1.03, -1.32, -0.276, 0.777, 0.116, 0.017, -3.66),
    "SGD with momentum": (-0.88, -0.48, -1.3, 0.622, -1.52, -0.137, -0.354, -0.17, 0.215, -3.31),
    "adaptive": (-0.921, -1.01, -1.46, 1.12, -1.2, 0.649, -0.169, 0.229, -0.459, -2.85),
    "Lion": (-0.804, -1.29, -1.68, 0.994, -1.12, 0.068, 0.15, 0.695, -0.278, -2.08),
}
LEANINGS = {
    "constant": (-0.035, -0.304, 0.084, 0.329, 0.302, 0.64, -0.159, -0.149, -0.454, -1.41),
    "cyclic": (0.012, -0.335, 0.053, 0.292, 0.366, 0.67, -0.275, -0.176, -0.44, -1.45),
    "one_cycle": (0.111, -0.241, 0.021, 0.163, 0.395, 0.756, -0.306, -0.106, -0.425, -1.5),
}
OFFSETS = {
    "plain SGD": {"constant": -1.43, "cyclic": -1.21, "one_cycle": -1.13},
    "SGD with momentum": {"constant": -1.62, "cyclic": -1.31, "one_cycle": -1.15},
    "adaptive": {"constant": -1.59, "cyclic": -1.29, "one_cycle": -1.12},
    "Lion": {"constant": -1.5, "cyclic": -1.24, "one_cycle": -1.16},
}


class Budget(NamedTuple):
    """The training to come: its updates, and how many of them see every example once, where that is known."""

    total_steps: int
    steps_per_epoch: float | None = None

    @property
    def epochs(self) -> float:
        """How often each example is seen."""
        return TYPICAL_EPOCHS if self.steps_per_epoch is None else self.total_steps / self.steps_per_epoch


def families_of(curve: LRCurve) -> tuple[str, ...]:
    """The families that the optimizer of a curve may belong to; none where nothing is known of it."""
    families = KNOWN.get((curve.optimizer or "").lower(), ())
    if len(families) > 1 and curve.momentum is not None:
        return families[1:] if curve.momentum else families[:1]
    return families


def inputs(marks: Landmarks) -> tuple[float, ...]:
    """What the rule reads from a curve, each a log10.

    How far it took to learn against the LR at which the loss rises (half_fall_sum / rise_lr); how much further
    the loss took off (last_lr / rise_lr); that LR itself; the fall in standard deviations of one loss; the fall
    as a share of the loss; the updates it took to get to the rise, were all of them made at its LR.
    """
    fall = marks.start_loss - marks.best_loss
    share = fall / marks.start_loss if marks.start_loss > 0 else USUAL_SHARE
    return (
        math.log10(marks.half_fall_sum / marks.rise_lr),
        math.log10(marks.last_lr / marks.rise_lr),
        math.log10(marks.rise_lr),
        math.log10(_clarity(marks)),
        math.log10(min(max(share, LEAST_SHARE), 1.0)),
        math.log10(marks.rise_sum / marks.rise_lr),
    )


def _clarity(marks: Landmarks) -> float:
    """The fall in standard deviations of one loss; beyond ``MOST_CLARITY`` it comes down to the usual one."""
    if marks.clarity > MOST_CLARITY:
        return max(MOST_CLARITY * (MOST_CLARITY / marks.clarity) ** 2, USUAL_CLARITY)
    return max(marks.clarity, LEAST_CLARITY)


def log_epochs(budget: Budget) -> float:
    """log10 of the epochs, within the limits of the fit."""
    return min(max(math.log10(budget.epochs), LOWEST[-1]), HIGHEST[-1])


def max_lr_of(marks: Landmarks, families: Sequence[str], schedule: str, budget: Budget) -> float:
    """The upper bound that one curve suggests, never beyond its last LR; of several families, the geometric mean."""
    families = families or UNKNOWN
    offset = sum(OFFSETS[family][schedule] for family in families) / len(families)
    ratio = offset + _shape(_limited(marks, budget), families, schedule)
    excess = max(min(budget.total_steps, MOST_STEPS) / LONGEST, 1.0)
    return min(marks.rise_lr * math.pow(10.0, ratio) * math.pow(excess, -TREND), marks.last_lr)


def effects(marks: Landmarks, families: Sequence[str], schedule: str, budget: Budget) -> dict[str, float]:
    """What each input changes max_lr by, as a factor, against a curve on which it alone is as usual.

    The epochs are among them where they are known.
    """
    families = families or UNKNOWN
    x = _limited(marks, budget)
    shape = _shape(x, families, schedule)
    known = NAMES[:-1] if budget.steps_per_epoch is None else NAMES
    return {
        name: math.pow(10.0, shape - _shape([*x[:place], USUAL[place], *x[place + 1 :]], families, schedule))
        for place, name in enumerate(known)
    }


def _limited(marks: Landmarks, budget: Budget) -> list[float]:
    """The eight inputs of the network."""
    limits = zip(inputs(marks), LOWEST, HIGHEST, strict=False)
    steps = min(max(budget.total_steps, SHORTEST), LONGEST)
    return [*(min(max(value, low), high) for value, low, high in limits), log_epochs(budget), math.log10(steps)]


def _shape(x: Sequence[float], families: Sequence[str], schedule: str) -> float:
    """What depends on the curve and the budget, log10; of several families, the mean."""
    leanings = [leaning + _product(weights, x) for leaning, weights in zip(LEANINGS[schedule], WEIGHTS, strict=True)]
    bent = [
        _product(SIZES, [math.tanh(leaning + bias) for leaning, bias in zip(leanings, BIASES[family], strict=True)])
        for family in families
    ]
    return _product(SLOPES, x) + sum(bent) / len(bent)


def _product(left: Sequence[float], right: Sequence[float]) -> float:
    return sum(a * b for a, b in zip(left, right, strict=True))
