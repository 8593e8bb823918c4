"""From the features of a curve to max_lr: a small network with one hidden layer.

    max_lr = rise_lr * 10**(output_bias + skip_weights @ x + output_weights @ tanh(hidden_weights @ x + hidden_bias))

``x`` are the eight features. The hidden bias is that of the optimizer's family plus that of the kind of schedule, and
the output bias belongs to both together; of an optimizer that may be of several families, the outputs are averaged.
The constants were fitted to training runs that went to their end (``benchmarks/suggestion``, which says what else was
tried).

More passes over the data in the test, more epochs or more updates never raise ``max_lr``: in the fit, their skip
weights and their paths through each hidden unit are held at or below zero.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from clr_core.bounds.constants import (
    FAMILY_BIASES,
    FEATURES,
    HIDDEN_WEIGHTS,
    KIND_BIASES,
    OUTPUT_BIASES,
    OUTPUT_WEIGHTS,
    SKIP_WEIGHTS,
    TYPICAL,
)
from clr_core.bounds.features import FAMILIES, features_of
from clr_core.bounds.landmarks import Landmarks
from clr_core.schedules.plan import CyclePlan

FITTED = tuple(KIND_BIASES)
"""The kinds of schedules that the rule was fitted to."""

AS_ONE_CYCLE = dict.fromkeys(("linear_decay", "cosine_decay", "warmup_stable_decay"), 0.6)
"""The other kinds, each with its ``max_lr`` as a multiple of one cycle's. On 60 small tasks they lose least at 0.57
of its best peak (``benchmarks/suggestion/decays.py``); where pretrained and larger networks warm up, at 0.6 to 0.9."""

KINDS = (*FITTED, *AS_ONE_CYCLE)
"""The kinds of schedules that the rule knows bounds for."""

ADAPTIVE = FAMILIES[2]
CAP, CLEAR_SIGNAL = 0.5, 3.0
"""Of an adaptive optimizer ``max_lr`` is at most half the LR at which the loss rises, where that was seen and the drop
is at least three standard deviations of one loss. Their early rises are real in wide and pretrained networks, of which
the fit has seen few; on the recordings, the cap loses nothing."""

UNKNOWN = FAMILIES[1:3]
"""The families between which the output is averaged for an unknown optimizer."""


@dataclass(frozen=True)
class Effect:
    """What one feature of the curve or of the training run does to max_lr.

    Attributes:
        feature: Its name, one of ``clr_core.bounds.constants.FEATURES``; ``clr_core.bounds.features`` explains them.
        value: What it is here, in its own unit (not as a logarithm), within the range of the fit.
        typical: What it is on the average recording of the fit.
        factor: max_lr as a multiple of what it would be if this feature alone were typical.
    """

    feature: str
    value: float
    typical: float
    factor: float


def suggested_max_lr(marks: Landmarks, families: Sequence[str], kind: str, plan: CyclePlan) -> float:
    """The max_lr that the landmarks of one curve suggest, within ``highest``."""
    families = families or UNKNOWN
    fitted, factor = _fitted(kind)
    ratio = forward(features_of(marks, plan), families, fitted)
    return min(factor * marks.rise_lr * math.pow(10.0, ratio), highest(marks, families))


def highest(marks: Landmarks, families: Sequence[str]) -> float:
    """The highest LR that may be suggested: the last one tested, or ``CAP`` times the rise."""
    if tuple(families) == (ADAPTIVE,) and marks.rise_seen and marks.clarity >= CLEAR_SIGNAL:
        return min(CAP * marks.rise_lr, marks.last_lr)
    return marks.last_lr


def explain(marks: Landmarks, families: Sequence[str], kind: str, plan: CyclePlan) -> tuple[Effect, ...]:
    """What each feature does to max_lr, against a curve on which that feature alone is typical.

    The passes and the epochs are left out where they are not known.
    """
    x, families, kind = features_of(marks, plan), families or UNKNOWN, _fitted(kind)[0]
    output = forward(x, families, kind)
    found = []
    for place, (name, value, typical) in enumerate(zip(FEATURES, x, TYPICAL, strict=True)):
        if name in ("passes", "epochs") and plan.steps_per_epoch is None:
            continue
        change = output - forward((*x[:place], typical, *x[place + 1 :]), families, kind)
        found.append(Effect(name, math.pow(10.0, value), math.pow(10.0, typical), math.pow(10.0, change)))
    return tuple(found)


def forward(x: Sequence[float], families: Sequence[str], kind: str) -> float:
    """The output of the network, ``log10(max_lr / rise_lr)``."""
    hidden = [bias + _dot(weights, x) for bias, weights in zip(KIND_BIASES[kind], HIDDEN_WEIGHTS, strict=True)]
    outputs = [
        OUTPUT_BIASES[family][kind]
        + _dot(OUTPUT_WEIGHTS, [math.tanh(h + bias) for h, bias in zip(hidden, FAMILY_BIASES[family], strict=True)])
        for family in families
    ]
    return _dot(SKIP_WEIGHTS, x) + sum(outputs) / len(outputs)


def _fitted(kind: str) -> tuple[str, float]:
    """The kind of schedule whose constants are used, and the factor on their answer."""
    return ("one_cycle", AS_ONE_CYCLE[kind]) if kind in AS_ONE_CYCLE else (kind, 1.0)


def _dot(left: Sequence[float], right: Sequence[float]) -> float:
    return sum(a * b for a, b in zip(left, right, strict=True))
