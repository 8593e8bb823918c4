"""How sure a suggestion is: a logistic regression, and the warnings that lower it.

    confidence = P(good) ** CAUTION * product of the factors of the warnings

A suggestion is good if it loses less than 0.05 of what the best LR gains.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

from clr_core.bounds.constants import CALIBRATION, CONFIDENCE_BIAS, CONFIDENCE_WEIGHTS, LONGEST
from clr_core.bounds.features import (
    FAMILIES,
    LEAST_FALL,
    is_smooth,
    landmark_features,
    log_epochs,
    log_passes,
    passes,
    relative_fall,
    unusual_features,
)
from clr_core.bounds.landmarks import Landmarks
from clr_core.bounds.refusals import Undetermined
from clr_core.schedules.plan import CyclePlan

USUAL_GAIN, MOST_GAIN = 0.4, 0.8
"""Of an accuracy: what is assumed where none was recorded, and the most that counts."""

MANY_PASSES = 10.0
"""Of the range test over the data. Of suggestions for small networks that were surer than 0.5 without them, 0.01 lost
more than 0.2 where no example was seen twice, 0.04 between eight and sixteen passes, 0.11 beyond."""

CAUTION = 2.0
"""Chosen such that above 0.8, 0.93 of the suggestions on tasks left out of the fit were good; 0.9 is promised."""

LION = FAMILIES[3]


def confidence_features(marks: Landmarks, families: Sequence[str], plan: CyclePlan) -> tuple[float, ...]:
    """What the regression reads: five features of the rule, the gain in accuracy, and whether it is Lion."""
    gain = USUAL_GAIN if marks.accuracy is None else min(max(marks.accuracy.gain, 0.0), MOST_GAIN)
    seen = (log_passes(marks, plan), log_epochs(plan))
    return (*landmark_features(marks)[1:4], *seen, gain, float(LION in families))


def confidence_of(marks: Landmarks, families: Sequence[str], plan: CyclePlan) -> float:
    """The confidence before warnings, 0 to 1."""
    x = confidence_features(marks, families, plan)
    log_odds = CONFIDENCE_BIAS + sum(weight * value for weight, value in zip(CONFIDENCE_WEIGHTS, x, strict=True))
    return math.pow(1 / (1 + math.exp(-log_odds)), CAUTION)


def share_good(confidence: float) -> float:
    """The fraction of held-out suggestions of about this confidence that were good."""
    return next(share for lowest, share in CALIBRATION if confidence >= lowest)


def warnings_of(
    marks: Landmarks,
    optimizer: str | None,
    families: Sequence[str],
    max_lrs: Sequence[float],
    first_lr: float,
    looks_smoothed: bool,
    is_interrupted: bool,
    plan: CyclePlan,
) -> Iterator[tuple[float, str]]:
    """Each warning: the factor it puts on the confidence, and a sentence with the remedy."""
    if not marks.learned:
        yield (
            0.5,
            "The loss only dipped before it diverged, so the model has not learned anything yet: run a longer test.",
        )
    if not marks.rise_seen and is_interrupted:
        yield 0.5, "The test was interrupted before the loss rose again, so max_lr may be too low: let it finish."
    elif not marks.rise_seen:
        yield 0.5, "The loss never rose again, so max_lr may be too low: raise end_lr and test again."
    if marks.ends_abruptly:
        yield (
            1.0,
            f"The loss diverged in a single update at lr {marks.last_lr:.3g}, without rising first: unless another "
            "seed ends there as well, it was a bad batch or an overflow and not the LR.",
        )
    if not marks.fall_start_seen:
        yield 0.8, "The loss was dropping from the first update on: lower start_lr and test again."
    if is_smooth(marks) and relative_fall(marks) < LEAST_FALL:
        yield (
            0.7,
            f"The loss drops by only {100 * relative_fall(marks):.1g} %, as in fine-tuning, which needs a low LR. If "
            "the loss includes a large constant, subtract it and call suggest_bounds again.",
        )
    if (seen := passes(marks, plan)) > MANY_PASSES:
        yield (
            0.7,
            f"The range test saw each example {seen:,.0f} times, so part of the drop may be memorization: test with "
            "the loss of a validation set.",
        )
    if marks.points < 50 and marks.rise_seen:
        yield (
            0.8,
            f"{marks.points} points up to lr {marks.last_lr:.3g}, where the curve ends, are few: test with more steps, "
            "and end the test near that LR.",
        )
    elif marks.points < 50:
        yield 0.8, f"{marks.points} points are few: test with 100 steps or more."
    if unusual := unusual_features(marks):
        yield (
            0.7,
            f"The curve is unlike those of the training runs that the rule was fitted to ({', '.join(unusual)}): "
            "compare with half and twice max_lr.",
        )
    if max(max_lrs) > 3 * min(max_lrs):
        yield 0.7, "The curves disagree by more than a factor of 3: test with more seeds and more steps."
    if marks.rise_seen and max(max_lrs) > marks.rise_lr:
        yield 1.0, f"max_lr lies above {marks.rise_lr:.3g}, where the loss rises again: start with half of it."
    if min(max_lrs) < first_lr:
        yield 0.5, f"max_lr lies below the lowest LR tested, {first_lr:.3g}: lower start_lr and test again."
    if looks_smoothed:
        yield (
            0.8,
            "The losses look smoothed (an EMA or a running mean), which shifts the curve to higher LRs: log the loss "
            "of each update.",
        )
    if not families:
        known = "The optimizer is unknown" if optimizer is None else f"{optimizer} is not among the known optimizers"
        yield 0.8, f"{known}: max_lr lies between the suggestions for SGD and for an adaptive optimizer."
    elif len(families) > 1:
        yield (
            0.9,
            f"It is unknown whether {optimizer} has momentum: max_lr lies between the suggestions with and without it. "
            "Say which, by momentum= of the curve or clr suggest --momentum or --no-momentum.",
        )
    if plan.total_steps > LONGEST:
        yield (
            0.9,
            f"The rule was fitted to training runs of up to {LONGEST:,} updates and takes a longer one for one of "
            "these: train with half and twice max_lr as well.",
        )


def warnings_of_refused(refusals: Mapping[int, Undetermined], count: int) -> Iterator[tuple[float, str]]:
    """The warning where some of several tests, the minority, were refused, by their numbers."""
    for number, refusal in refusals.items():
        yield 0.9, f"Range test {number} of {count} could not be used: {refusal}"
