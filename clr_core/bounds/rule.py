"""From the landmarks of a curve to max_lr: a small network, fitted to trainings that were run to the end.

    max_lr = rise_lr * 10**(offset + sum(slope_i * x_i) + sum(size_k * tanh(bias_k + sum(weight_ki * x_i))))

The eight inputs ``x`` are the six of ``inputs`` and, of the training to come, log10 of the epochs, all held within the
limits of the fit, and log10 of the updates. The optimizer's family has biases of its own and, for each schedule, an
offset of its own. Nothing simpler did as well: ``benchmarks/suggestion`` says what was tried.
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

LEAST_CLARITY, MOST_CLARITY, LEAST_SHARE = 0.3, 300.0, 0.03
"""Limits within which the fall counts, in standard deviations of one loss and as a share of the loss."""

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

# The output of benchmarks/suggestion/fit.py, from its 123 development tasks.
LOWEST = (-6.06, 0, -6.73, -0.523, -1.52, 0.308, -0.729)
HIGHEST = (2.08, 7.42, 2, 2.48, 0, 2.7, 2.48)
USUAL = (-0.19, 0.577, -0.818, 0.998, -0.301, 1.52, 0.673)
SLOPES = (0.111, 0.495, -0.599, 0.075, -0.069, -0.35, 0, 0)
SIZES = (-0.543, -0.811, -0.79, -0.349, -0.618, 0.571, 0.746, -0.742, 0.617)
WEIGHTS = (
    (0.52, 0.405, -0.346, -0.072, -0.202, -0.37, 0, 0),
    (-0.447, 0.241, -0.227, 0.076, 1.93, -0.051, 0.263, 0.632),
    (0.016, 0.235, 0.543, 1.24, -0.903, -0.386, 0, 0),
    (0.515, -0.063, 0.175, -0.158, -0.408, 0.15, 0, 0),
    (-0.199, -0.152, -0.57, -0.058, -0.056, -0.534, 0, 0),
    (-0.566, 0.141, 0.226, 0.354, -1.49, -0.016, 0, 0),
    (0.147, -0.424, -0.373, 0.054, 0.321, 0.185, 0, -0.203),
    (-0.341, -0.714, -0.324, -0.761, 1.36, 0.358, 0.006, 0),
    (0.291, -0.358, 0.285, 0.064, 1.68, -0.188, 0, -0.09),
)
BIASES = {
    "plain SGD": (0.131, -2.13, -0.779, -0.151, 0.305, -0.758, -0.75, 0.76, 1.16),
    "SGD with momentum": (0.276, -2.12, -1.28, 0.013, 0.805, -0.931, -0.274, 0.663, 1.23),
    "adaptive": (-0.224, -2.35, -0.77, 0.143, 0.911, -0.68, 0.388, 0.737, 1.36),
    "Lion": (0.092, -1.89, -0.512, 0.106, 0.641, -1.24, 0.114, 0.576, 1.8),
}
OFFSETS = {
    "plain SGD": {"constant": -0.74, "cyclic": -0.59, "one_cycle": -0.5},
    "SGD with momentum": {"constant": -1.19, "cyclic": -1.0, "one_cycle": -0.86},
    "adaptive": {"constant": -2.03, "cyclic": -1.78, "one_cycle": -1.64},
    "Lion": {"constant": -1.74, "cyclic": -1.52, "one_cycle": -1.42},
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
        math.log10(min(max(marks.clarity, LEAST_CLARITY), MOST_CLARITY)),
        math.log10(min(max(share, LEAST_SHARE), 1.0)),
        math.log10(marks.rise_sum / marks.rise_lr),
    )


def log_epochs(budget: Budget) -> float:
    """log10 of the epochs, within the limits of the fit."""
    return min(max(math.log10(budget.epochs), LOWEST[-1]), HIGHEST[-1])


def max_lr_of(marks: Landmarks, families: Sequence[str], schedule: str, budget: Budget) -> float:
    """The upper bound that one curve suggests, never beyond its last LR; of several families, the geometric mean."""
    families = families or UNKNOWN
    offset = sum(OFFSETS[family][schedule] for family in families) / len(families)
    ratio = offset + _shape(_limited(marks, budget), families)
    excess = max(min(budget.total_steps, MOST_STEPS) / LONGEST, 1.0)
    return min(marks.rise_lr * math.pow(10.0, ratio) * math.pow(excess, -TREND), marks.last_lr)


def effects(marks: Landmarks, families: Sequence[str], budget: Budget) -> dict[str, float]:
    """What each input changes max_lr by, as a factor, against a curve on which it alone is as usual."""
    x = _limited(marks, budget)
    shape = _shape(x, families or UNKNOWN)
    return {
        name: math.pow(10.0, shape - _shape([*x[:place], USUAL[place], *x[place + 1 :]], families or UNKNOWN))
        for place, name in enumerate(NAMES)
    }


def _limited(marks: Landmarks, budget: Budget) -> list[float]:
    """The eight inputs of the network."""
    limits = zip(inputs(marks), LOWEST, HIGHEST, strict=False)
    steps = min(max(budget.total_steps, SHORTEST), LONGEST)
    return [*(min(max(value, low), high) for value, low, high in limits), log_epochs(budget), math.log10(steps)]


def _shape(x: Sequence[float], families: Sequence[str]) -> float:
    """What depends on the curve and the budget, log10; of several families, the mean."""
    leaning = [_product(weights, x) for weights in WEIGHTS]
    bent = [
        _product(SIZES, [math.tanh(lean + bias) for lean, bias in zip(leaning, BIASES[family], strict=True)])
        for family in families
    ]
    return _product(SLOPES, x) + sum(bent) / len(bent)


def _product(left: Sequence[float], right: Sequence[float]) -> float:
    return sum(a * b for a, b in zip(left, right, strict=True))
