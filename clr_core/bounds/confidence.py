"""How sure a suggestion is, and what there is to doubt in it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from clr_core.bounds.landmarks import Landmarks
from clr_core.bounds.rule import FAMILIES, LONGEST, Budget, inputs, log_epochs

USUAL_GAIN, MOST_GAIN = 0.4, 0.8
"""Of an accuracy: what is supposed where none was recorded, and the most that counts."""

CAUTION = 2.0
"""The power of the chance of a good suggestion that is the confidence. Above 0.8, 0.93 of the suggestions on tasks left
out of the fit were good; 0.9 is promised."""

LION = FAMILIES[3]

# The output of benchmarks/suggestion/fit.py: a logistic regression on what suggestions lose on tasks left out of it.
WEIGHTS, CONSTANT = (-0.34, -0.3, 0.37, 1.5, -1.22, -0.16, -0.49), 3.33


def evidence(marks: Landmarks, families: Sequence[str], budget: Budget) -> tuple[float, ...]:
    """What the confidence is read from: five of the rule's inputs, the gain in accuracy, and whether it is Lion."""
    gain = USUAL_GAIN if marks.accuracy is None else min(max(marks.accuracy.gain, 0.0), MOST_GAIN)
    return (*inputs(marks)[1:5], log_epochs(budget), gain, float(LION in families))


def confidence_of(marks: Landmarks, families: Sequence[str], budget: Budget) -> float:
    """How sure a suggestion is before there are doubts, 0 to 1."""
    log_odds = CONSTANT + sum(w * x for w, x in zip(WEIGHTS, evidence(marks, families, budget), strict=True))
    return math.pow(1 / (1 + math.exp(-log_odds)), CAUTION)


def doubts_of(
    marks: Landmarks, optimizer: str | None, families: Sequence[str], max_lrs: Sequence[float], total_steps: int
) -> Iterator[tuple[float, str]]:
    """What there is to doubt: the factor it puts on the confidence, and a sentence with the remedy."""
    if not marks.learned:
        yield 0.5, "The loss only dipped before it took off; nothing was learned yet: test with more steps."
    if not marks.rise_seen:
        yield 0.5, "The loss never rose again, so max_lr may be too low: raise end_lr and test again."
    if not marks.fall_start_seen:
        yield 0.8, "The loss was falling from the first update on: lower start_lr and test again."
    if marks.points < 50:
        yield 0.8, f"{marks.points} points are few: test with 100 steps or more."
    if max(max_lrs) > 3 * min(max_lrs):
        yield 0.7, "The curves disagree by more than a factor of 3: test more seeds, with more steps."
    if not families:
        known = "The optimizer is not known" if optimizer is None else f"Nothing is known of {optimizer}"
        yield 0.8, f"{known}: max_lr lies between what SGD and what an adaptive optimizer would get."
    if total_steps > LONGEST:
        yield (
            0.9,
            f"The rule was fitted to trainings of up to {LONGEST} updates and follows a trend from there: "
            "train with half and twice max_lr as well.",
        )
