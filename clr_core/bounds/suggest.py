"""From the landmarks of a curve to base_lr and max_lr."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, fields
from os import PathLike
from typing import Any

from clr_core import _validation as check
from clr_core.bounds.landmarks import Landmarks, Undetermined, combine, read_landmarks
from clr_core.range_test.curve import LRCurve

SCHEDULES = ("constant", "cyclic", "one_cycle")


@dataclass(frozen=True)
class Rule:
    """How max_lr follows from the landmarks for one family of optimizers.

    Attributes:
        weight: Weight, 0 to 1, of the LR that the budget needs against the LR at which the loss rises.
        factors: For each schedule, what their weighted geometric mean is multiplied by.
        divisors: For each schedule, what the last LR is divided by where nothing was learned yet.
    """

    weight: float
    factors: dict[str, float]
    divisors: dict[str, float]

    def between(self, needed: float, rise: float) -> float:
        """The weighted geometric mean."""
        return math.pow(needed, self.weight) * math.pow(rise, 1 - self.weight)


def _rule(weight: float, factors: Sequence[float], divisors: Sequence[float]) -> Rule:
    return Rule(weight, dict(zip(SCHEDULES, factors, strict=True)), dict(zip(SCHEDULES, divisors, strict=True)))


# Fitted by benchmarks/suggestion/fit.py for the least regret on its 20 development tasks.
SGD = _rule(0.41, (1.8, 2.8, 3.4), (11.0, 8.6, 6.4))
ADAPTIVE = _rule(0.59, (3.3, 5.4, 7.8), (28.0, 19.0, 16.0))
LION = _rule(0.74, (2.8, 4.3, 4.9), (35.0, 14.0, 11.0))
UNKNOWN = _rule(0.5, (2.4, 3.9, 5.1), (17.0, 13.0, 10.0))
"""Between SGD and the adaptive optimizers."""

_ADAPTIVE = (
    "adabelief adadelta adafactor adagrad adam adamax adamaxw adamw adan adopt amsgrad lamb nadam nadamw "
    "novograd radam rmsprop yogi"
)
RULES = {"sgd": SGD, "lion": LION} | dict.fromkeys(_ADAPTIVE.split(), ADAPTIVE)
"""By the optimizer's class name in lower case."""

TYPICAL_STEPS = 500
"""The budget where none is given; those of the fit were 60 to 960 updates."""

MOST_STEPS = 10_000
"""A longer budget counts as this one: ten times the longest of the fit is as far as the rule is trusted."""

USUAL_GAIN, MOST_GAIN = 0.4, 0.8
"""Of an accuracy: what is supposed where none was recorded, and the most that counts."""

BASE_FRACTIONS = {"one_cycle": 1 / 10, "cyclic": 1 / 4, "constant": 1.0}
"""base_lr / max_lr: Smith 2015, section 3.3 (a third or a quarter), and Smith and Topin 2017 (a tenth)."""


@dataclass(frozen=True)
class Bounds:
    """Two learning rates for a schedule, and what they were read from; ``print`` it for the report.

    Attributes:
        base_lr: Lower bound of the schedule; equal to ``max_lr`` for a constant one.
        max_lr: Upper bound, its peak.
        lr: The LR for a training at one constant LR, whichever schedule was asked for.
        confidence: 0 to 1. It is set such that above 0.8 nine of ten suggestions lose less than 0.05 of what
            the best LR gains (benchmarks/suggestion says how often that held on tasks kept aside).
        evidence: The landmarks of the curve; of several curves, the median of each.
        schedule: The kind of schedule the bounds are for.
        total_steps: The updates of the training they are for, as they were counted.
        doubts: What lowers the confidence, each with what to do about it.
        curves: What was read.
    """

    base_lr: float
    max_lr: float
    lr: float
    confidence: float
    evidence: Landmarks
    schedule: str
    total_steps: int
    doubts: tuple[str, ...]
    curves: tuple[LRCurve, ...] = field(repr=False)

    def to_dict(self) -> dict[str, Any]:
        """Every field but the curves, as plain JSON values."""
        return {
            item.name: getattr(self, item.name)
            for item in fields(self)
            if item.name not in ("evidence", "curves", "doubts")
        } | {"doubts": list(self.doubts), "evidence": asdict(self.evidence)}

    def __str__(self) -> str:
        from clr_core.bounds.report import report

        return report(self)

    def _repr_html_(self) -> str:
        from clr_core.bounds.notebook import fragment

        return fragment(self)

    def plot(self, path: str | PathLike[str] | None = None) -> Any:
        """A matplotlib figure of the curve with the bounds shaded; saved where a path is given.

        Raises:
            ModuleNotFoundError: matplotlib is not installed.
        """
        from clr_core import _plot

        return _plot.bounds_figure(self, path)


def suggest_bounds(
    curve: LRCurve | Sequence[LRCurve], *, schedule: str = "cyclic", total_steps: int | None = None
) -> Bounds:
    """The bounds that a range test suggests for a schedule, with the evidence and what is doubtful in it.

    The loss of a range test falls, rests, and takes off. Two LRs are read from that. The *needed* LR is the
    sum of the LRs of all updates until half of the fall was done, divided by the updates of the training
    to come: what it takes to learn within the budget. The *rise* LR is where a tenth of the fall was lost
    again: more than the network bears. ``max_lr = factor * needed**weight * rise**(1 - weight)``, with weight
    0.41 for SGD, 0.59 for adaptive optimizers and 0.74 for Lion, and a factor of the schedule. Where the loss
    only dipped and took off before anything was learned, ``max_lr`` is the last LR divided by 6 to 38, with
    little confidence. ``base_lr`` is a quarter of ``max_lr`` for cycles, a tenth for one cycle.

    Args:
        curve: A recorded range test, or several of the same training with other seeds; then each gives its
            own bounds, and the result is their geometric mean.
        schedule: ``"cyclic"``, ``"one_cycle"`` or ``"constant"``: what the bounds are for.
        total_steps: Updates in the training to come, an int from 1 to 2**31 - 1. None stands for 500; more than 10,000
            count as 10,000.

    Raises:
        TypeError: An argument is of the wrong kind.
        ValueError: The schedule is unknown, there is no curve, or the curves' optimizers differ.
        Undetermined: The curve (of several, more than half) does not say: too few points, flat, never
            falls, or diverged at once.

    Example:
        >>> import clr_core
        >>> test = clr_core.RangeTest(1e-4, 10.0, num_steps=100, optimizer="SGD")
        >>> weights = [1.0, 1.0]
        >>> while not test.done:  # a quadratic with curvatures 1 and 20: diverges above lr = 2/20
        ...     lr = test.lr
        ...     test.record(0.5 * (weights[0] ** 2 + 20 * weights[1] ** 2))
        ...     weights = [weights[0] * (1 - lr), weights[1] * (1 - 20 * lr)]
        >>> bounds = clr_core.suggest_bounds(test.curve)
        >>> 0.001 < bounds.max_lr < 2 / 20
        True

    Source: Smith 2015, section 3.3, for the range test and base_lr; the rule for max_lr is this library's,
    and benchmarks/suggestion says how well it does.
    """
    check.choice("schedule", schedule, SCHEDULES)
    budget = TYPICAL_STEPS if total_steps is None else min(check.whole("total_steps", total_steps), MOST_STEPS)
    curves = (curve,) if isinstance(curve, LRCurve) else curve
    if not isinstance(curves, Sequence) or not all(isinstance(item, LRCurve) for item in curves):
        raise TypeError(f"curve must be an LRCurve or a list of them, got curve={curve!r}")
    if not curves:
        raise ValueError("curve must be at least one LRCurve, got an empty list")
    optimizers = {item.optimizer for item in curves}
    if len(optimizers) > 1:
        raise ValueError(f"curves must come from one optimizer, got {sorted(map(str, optimizers))}")
    optimizer = optimizers.pop()
    readings = _readings(curves)
    evidence = combine(readings)
    rule = rule_for(optimizer)
    max_lrs = [max_lr_of(reading, rule, schedule, budget) for reading in readings]
    max_lr = _geometric_mean(max_lrs)
    doubts = list(_doubts(evidence, optimizer, max_lrs))
    return Bounds(
        base_lr=max_lr * BASE_FRACTIONS[schedule],
        max_lr=max_lr,
        lr=_geometric_mean([max_lr_of(reading, rule, "constant", budget) for reading in readings]),
        confidence=math.prod((factor for factor, _ in doubts), start=_confidence(evidence, rule)),
        evidence=evidence,
        schedule=schedule,
        total_steps=budget,
        doubts=tuple(sentence for _, sentence in doubts),
        curves=tuple(curves),
    )


def rule_for(optimizer: str | None) -> Rule:
    """The rule for an optimizer, by its class name."""
    return RULES.get((optimizer or "").lower(), UNKNOWN)


def max_lr_of(marks: Landmarks, rule: Rule, schedule: str, total_steps: int) -> float:
    """The upper bound that one curve suggests."""
    if not marks.learned:
        return marks.last_lr / rule.divisors[schedule]
    between = rule.between(marks.half_fall_sum / total_steps, marks.rise_lr)
    return min(rule.factors[schedule] * between, marks.last_lr)


def _geometric_mean(values: Sequence[float]) -> float:
    mean = math.exp(math.fsum(map(math.log, values)) / len(values))
    return min(max(mean, min(values)), max(values))  # rounding must not take it out of their range


def clarity_and_gain(marks: Landmarks) -> tuple[float, float]:
    """What the confidence is read from: log10 of the clarity, and the gain in accuracy, both within limits."""
    gain = USUAL_GAIN if marks.accuracy_gain is None else min(max(marks.accuracy_gain, 0.0), MOST_GAIN)
    return math.log10(min(max(marks.clarity, 1.0), 100.0)), gain


def _confidence(marks: Landmarks, rule: Rule) -> float:
    """How sure a clear curve with much learned in it is; logistic regression on the development tasks."""
    clarity, gain = clarity_and_gain(marks)
    odds = math.exp(0.6 * clarity + 3.5 * gain - (1.2 if rule is LION else 0.45))
    # Squared, since on tasks left out of the regression it is too sure: 0.9 of it came true for 0.9 to 1.
    return (odds / (1 + odds)) ** 2


def _readings(curves: Sequence[LRCurve]) -> list[Landmarks]:
    """The landmarks of the curves that have any; the refusal, where most have none."""
    readings: list[Landmarks] = []
    refusals: list[Undetermined] = []
    for curve in curves:
        try:
            readings.append(read_landmarks(curve))
        except Undetermined as refusal:
            refusals.append(refusal)
    if len(refusals) >= max(1, len(readings)):
        raise refusals[0]
    return readings


def _doubts(marks: Landmarks, optimizer: str | None, max_lrs: Sequence[float]) -> Iterator[tuple[float, str]]:
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
    if rule_for(optimizer) is UNKNOWN:
        known = "The optimizer is not known" if optimizer is None else f"Nothing is known of {optimizer}"
        yield 0.8, f"{known}: max_lr lies between what SGD and what an adaptive optimizer would get."
