"""From the landmarks of a curve to max_lr: a small network, fitted to trainings that were run to the end.

    max_lr = rise_lr * 10**(offset + sum(slope_i * x_i) + sum(size_k * tanh(bias_k + sum(weight_ki * x_i))))

The seven inputs ``x`` are the six of ``inputs``, held within the limits of the fit, and log10 of the updates of the
training to come. The optimizer's family has biases of its own and, for each schedule, an offset of its own. Nothing
simpler did as well: ``benchmarks/suggestion`` says what was tried.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

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

TYPICAL_STEPS = 500
"""The budget where none is given."""

LEAST_CLARITY, MOST_CLARITY, LEAST_SHARE = 0.3, 300.0, 0.03
"""Limits within which the fall counts, in standard deviations of one loss and as a share of the loss."""

USUAL_SHARE = 0.5
"""What is supposed of the fall as a share of the loss where the loss does not begin above zero."""

SHORTEST, LONGEST = 60, 960
"""The budgets of the fit. A shorter one counts as the shortest."""

TREND, MOST_STEPS = 0.4, 10_000
"""Beyond the longest, max_lr falls as ``total_steps**-0.4``: so the best LR moved, in the median of the development
tasks, from the quarter to the full budget. Trusted for ten times the longest; more counts as that."""

NAMES = (
    "how far it took to learn",
    "how sharply the loss takes off",
    "the LR at which it rises",
    "the fall against the noise",
    "the fall against the loss",
    "the length of the test",
)
"""The inputs, for a report."""

# The output of benchmarks/suggestion/fit.py, from its 63 development tasks.
LOWEST = (-6.07, 0, -6.42, -0.523, -1.52, 0.308)
HIGHEST = (2.04, 6.93, 2, 2.48, 0, 2.7)
USUAL = (-0.215, 0.526, -0.728, 1.06, -0.28, 1.52)
SLOPES = (0.045, 0.483, -0.571, -0.052, -0.113, -0.001, 0)
SIZES = (0.644, -0.917, 0.788, 0.722, -0.621, 0.638)
WEIGHTS = (
    (-0.328, -0.36, 0.315, 0.158, 1.05, -0.502, 0),
    (-0.431, -0.047, -0.282, 0.068, 1.7, -0.088, 0.939),
    (-0.007, -0.367, -0.604, -0.681, 0.337, 0.321, 0),
    (-0.46, 0.227, 0.411, -0.053, -0.087, 0.231, 0),
    (-0.46, -0.718, -0.29, -0.561, 1.53, 0.125, 0),
    (0.167, -0.611, -0.037, 0.53, 0.63, 0.159, 0),
)
BIASES = {
    "plain SGD": (0.985, -2.41, -0.345, -0.12, 0.968, -0.847),
    "SGD with momentum": (0.926, -2.55, 0.489, -0.41, 0.76, -0.457),
    "adaptive": (1.48, -2.74, 0.1, -0.846, 0.874, -0.381),
    "Lion": (1.82, -2.21, -0.221, -0.702, 0.576, -0.381),
}
OFFSETS = {
    "plain SGD": {"constant": -0.8, "cyclic": -0.65, "one_cycle": -0.56},
    "SGD with momentum": {"constant": -1.76, "cyclic": -1.59, "one_cycle": -1.43},
    "adaptive": {"constant": -2.06, "cyclic": -1.82, "one_cycle": -1.66},
    "Lion": {"constant": -2.17, "cyclic": -1.95, "one_cycle": -1.84},
}


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


def max_lr_of(marks: Landmarks, families: Sequence[str], schedule: str, total_steps: int) -> float:
    """The upper bound that one curve suggests, never beyond its last LR; of several families, the geometric mean."""
    families = families or UNKNOWN
    offset = sum(OFFSETS[family][schedule] for family in families) / len(families)
    ratio = offset + _shape(_limited(marks, total_steps), families)
    excess = max(min(total_steps, MOST_STEPS) / LONGEST, 1.0)
    return min(marks.rise_lr * math.pow(10.0, ratio) * math.pow(excess, -TREND), marks.last_lr)


def effects(marks: Landmarks, families: Sequence[str], total_steps: int) -> dict[str, float]:
    """What each input changes max_lr by, as a factor, against a curve on which it alone is as usual."""
    x = _limited(marks, total_steps)
    shape = _shape(x, families or UNKNOWN)
    return {
        name: math.pow(10.0, shape - _shape([*x[:place], USUAL[place], *x[place + 1 :]], families or UNKNOWN))
        for place, name in enumerate(NAMES)
    }


def _limited(marks: Landmarks, total_steps: int) -> list[float]:
    """The seven inputs of the network."""
    limits = zip(inputs(marks), LOWEST, HIGHEST, strict=True)
    steps = min(max(total_steps, SHORTEST), LONGEST)
    return [*(min(max(value, low), high) for value, low, high in limits), math.log10(steps)]


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
