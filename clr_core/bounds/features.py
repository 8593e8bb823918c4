"""The features that the rule reads, all log10: five of the curve's landmarks, one that tells how far to trust these,
and two of the training run to come.

1. ``half_fall``: ``half_fall_sum / rise_lr``, the distance it took to learn, in steps at the LR where the loss rises.
2. ``divergence``: ``last_lr / rise_lr``, how far beyond the rise the loss diverged: near 1 where it diverges abruptly.
3. ``signal_to_noise``: the drop in the loss, in standard deviations of one loss.
4. ``relative_fall``: the drop as a fraction of the loss.
5. ``test_length``: ``rise_sum / rise_lr``, the updates it took to get to the rise, were all of them made at its LR.
6. ``passes``: how often the test saw each example, 1 at least; what it has memorized, it has not learned. Of a
   validation loss 1, since that drops for what is learned alone.
7. ``epochs``: how often the run to come sees each example.
8. ``total_steps``: its updates.

All but the last are held within the ranges that the rule was fitted to, and the last within the budgets. None of them
is an LR: a network whose weights are stored in other units has all its LRs times a constant, and must get the bounds
times that constant. A rule that reads ``rise_lr`` itself learns which LRs are usual, and is wrong where they are not.
"""

from __future__ import annotations

import math

from clr_core.bounds.constants import FEATURES, HIGHEST, LONGEST, LOWEST, SHORTEST
from clr_core.bounds.landmarks import Landmarks
from clr_core.range_test.curve import LRCurve
from clr_core.schedules.plan import CyclePlan

FAMILIES = ("plain SGD", "SGD with momentum", "adaptive", "Lion")
"""Kinds of optimizers. Relative to the same landmarks their best LRs differ, those of one family hardly."""

_ADAPTIVE = (
    "adabelief adadelta adafactor adagrad adam adamax adamaxw adamw adan adopt amsgrad lamb nadam nadamw "
    "novograd radam rmsprop yogi"
)
KNOWN = {"sgd": FAMILIES[:2], "lion": FAMILIES[3:]} | dict.fromkeys(_ADAPTIVE.split(), FAMILIES[2:3])
"""By the optimizer's class name in lower case; both of SGD's where it is not known whether it has momentum."""

TYPICAL_STEPS, TYPICAL_EPOCHS, TYPICAL_PASSES = 500, 10.0, 2.0
"""The updates, the epochs and the passes over the data in the test, where they are not given."""

LEAST_SIGNAL, LEAST_FALL, LEAST_SMOOTH_FALL = 0.3, 0.03, 0.001
"""Smaller drops, in standard deviations of one loss and as a fraction of the loss, count as these; the last one without
noise. A validation loss shows that fine-tuning gains a thousandth."""

MOST_SIGNAL, USUAL_SIGNAL = 60.0, 10.0
"""A loss that drops by more than 60 standard deviations has hardly any noise: it is not of batches but of a validation
set or of all examples. The noise of a batch is then unknown, and the usual ratio is assumed."""

USUAL_FALL = 0.5
"""The relative drop that is assumed where the loss does not start above zero."""


def families_of(curve: LRCurve) -> tuple[str, ...]:
    """The families that the optimizer of a curve may belong to; none where it is unknown."""
    families = KNOWN.get((curve.optimizer or "").lower(), ())
    if len(families) > 1 and curve.momentum is not None:
        return families[1:] if curve.momentum else families[:1]
    return families


def relative_fall(marks: Landmarks) -> float:
    """The drop as a fraction of the loss, not above 1; where the loss does not start above zero, the usual one."""
    fall = marks.start_loss - marks.best_loss
    return min(fall / marks.start_loss, 1.0) if marks.start_loss > 0 else USUAL_FALL


def is_smooth(marks: Landmarks) -> bool:
    """Whether the loss has hardly any noise: it is not of batches."""
    return marks.clarity > MOST_SIGNAL


def landmark_features(marks: Landmarks) -> tuple[float, ...]:
    """The first five features, as they are."""
    least = LEAST_SMOOTH_FALL if is_smooth(marks) else LEAST_FALL
    return (
        math.log10(marks.half_fall_sum / marks.rise_lr),
        math.log10(marks.last_lr / marks.rise_lr),
        math.log10(_signal(marks)),
        math.log10(max(relative_fall(marks), least)),
        math.log10(marks.rise_sum / marks.rise_lr),
    )


def passes(marks: Landmarks, plan: CyclePlan) -> float:
    """How often the losses that were read had seen each example, 1 at least; 1 for those of a validation set."""
    if is_smooth(marks):
        return 1.0
    return TYPICAL_PASSES if plan.steps_per_epoch is None else max(marks.updates / plan.steps_per_epoch, 1.0)


def log_passes(marks: Landmarks, plan: CyclePlan) -> float:
    """The sixth feature, within the range of the fit."""
    return _held(math.log10(passes(marks, plan)), FEATURES.index("passes"))


def log_epochs(plan: CyclePlan) -> float:
    """The seventh feature, within the range of the fit."""
    epochs = TYPICAL_EPOCHS if plan.steps_per_epoch is None else plan.total_steps / plan.steps_per_epoch
    return _held(math.log10(epochs), FEATURES.index("epochs"))


def features_of(marks: Landmarks, plan: CyclePlan) -> tuple[float, ...]:
    """The eight features, each within the range of the fit."""
    of_landmarks = (_held(value, place) for place, value in enumerate(landmark_features(marks)))
    steps = min(max(plan.total_steps, SHORTEST), LONGEST)
    return (*of_landmarks, log_passes(marks, plan), log_epochs(plan), math.log10(steps))


def unusual_features(marks: Landmarks) -> list[str]:
    """The features of the curve that lie beyond the range of the fit."""
    values = zip(FEATURES, landmark_features(marks), LOWEST, HIGHEST, strict=False)
    return [name for name, value, low, high in values if not low - 0.01 <= value <= high + 0.01]


def _signal(marks: Landmarks) -> float:
    """The drop in standard deviations of one loss; beyond ``MOST_SIGNAL`` it goes back to the usual one."""
    if is_smooth(marks):
        return max(MOST_SIGNAL * (MOST_SIGNAL / marks.clarity) ** 2, USUAL_SIGNAL)
    return max(marks.clarity, LEAST_SIGNAL)


def _held(value: float, place: int) -> float:
    return min(max(value, LOWEST[place]), HIGHEST[place])
