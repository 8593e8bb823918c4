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

# The divisors come from benchmarks/suggested_bounds.py, which trains 45 small networks to the end at 24
# peak LRs each; they are those with the least mean loss of what could have been gained.

SCHEDULE_DIVISORS = {"one_cycle": 0.7, "cyclic": 1.0, "constant": 1.4}
"""How far below the end of the fall the best peak LR of each kind of schedule lies, for SGD."""

ADAPTIVE_DIVISOR = 4.0
"""How much further below it lies for optimizers that divide by the size of the gradient."""

_ADAPTIVE = (
    "adabelief adadelta adafactor adagrad adam adamax adamaxw adamw adan adopt amsgrad lamb nadam nadamw "
    "novograd radam rmsprop yogi"
)
OPTIMIZER_DIVISORS = {"sgd": 1.0, "lion": 10.0} | dict.fromkeys(_ADAPTIVE.split(), ADAPTIVE_DIVISOR)
"""By class name in lower case."""

UNKNOWN_DIVISOR = math.sqrt(ADAPTIVE_DIVISOR)
"""Between SGD and the adaptive optimizers, for one that is not known."""

BASE_FRACTIONS = {"one_cycle": 1 / 10, "cyclic": 1 / 4, "constant": 1.0}
"""base_lr / max_lr: Smith 2015, section 3.3 (a third or a quarter), and Smith and Topin 2017 (a tenth)."""

MOST_CONFIDENCE = 0.9
"""Nothing that one short run can say is certain."""


@dataclass(frozen=True)
class Bounds:
    """Two learning rates for a schedule, and what they were read from; ``print`` it for the report.

    Attributes:
        base_lr: Lower bound of the schedule; equal to ``max_lr`` for a constant one.
        max_lr: Upper bound, its peak.
        lr: The LR for a training at one constant LR, whichever schedule was asked for.
        confidence: 0 to 1: how little there is to doubt in the curve. A score, not a probability.
        evidence: The landmarks of the curve; of several curves, the median of each.
        schedule: The kind of schedule the bounds are for.
        doubts: What lowers the confidence, each with what to do about it.
        curves: What was read.
    """

    base_lr: float
    max_lr: float
    lr: float
    confidence: float
    evidence: Landmarks
    schedule: str
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

    def plot(self, path: str | PathLike[str] | None = None) -> Any:
        """A matplotlib figure of the curve with the bounds shaded; saved where a path is given.

        Raises:
            ModuleNotFoundError: matplotlib is not installed.
        """
        from clr_core import _plot

        return _plot.bounds_figure(self, path)


def suggest_bounds(curve: LRCurve | Sequence[LRCurve], *, schedule: str = "cyclic") -> Bounds:
    """The bounds that a range test suggests for a schedule, with the evidence and what is doubtful in it.

    The loss of a range test falls, rests, and takes off. ``max_lr`` is the LR at which nine tenths of
    the fall are done, divided by a number that depends on the schedule (0.7 for one cycle, 1 for
    cycles, 1.4 for a constant LR) and on the optimizer (1 for SGD, 4 for adaptive ones, 10 for
    Lion, 2 where it is not known). ``base_lr`` is a quarter of it for cycles, a tenth for one cycle.

    Args:
        curve: A recorded range test, or several of the same training with other seeds.
        schedule: ``"cyclic"``, ``"one_cycle"`` or ``"constant"``: what the bounds are for.

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

    Source: Smith 2015, section 3.3, for the range test and base_lr; the rule for max_lr is this library's.
    """
    check.choice("schedule", schedule, SCHEDULE_DIVISORS)
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
    reach = evidence.fall_end_lr / optimizer_divisor(optimizer)
    max_lr = reach / SCHEDULE_DIVISORS[schedule]
    doubts = list(_doubts(evidence, optimizer, [reading.fall_end_lr for reading in readings]))
    return Bounds(
        base_lr=max_lr * BASE_FRACTIONS[schedule],
        max_lr=max_lr,
        lr=reach / SCHEDULE_DIVISORS["constant"],
        confidence=math.prod((factor for factor, _ in doubts), start=MOST_CONFIDENCE),
        evidence=evidence,
        schedule=schedule,
        doubts=tuple(sentence for _, sentence in doubts),
        curves=tuple(curves),
    )


def optimizer_divisor(optimizer: str | None) -> float:
    """How far below SGD's the LRs of this optimizer lie."""
    return OPTIMIZER_DIVISORS.get((optimizer or "").lower(), UNKNOWN_DIVISOR)


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


def _doubts(marks: Landmarks, optimizer: str | None, fall_ends: Sequence[float]) -> Iterator[tuple[float, str]]:
    """What there is to doubt: the factor it puts on the confidence, and a sentence with the remedy."""
    if not marks.rise_seen:
        yield 0.5, "The loss never rose again, so max_lr may be too low: raise end_lr and test again."
    if not marks.fall_start_seen:
        yield 0.8, "The loss was falling from the first update on: lower start_lr and test again."
    if marks.rise_lr < 2 * marks.fall_end_lr:
        yield 0.8, "The loss rose almost as soon as it had fallen: test with more steps."
    if marks.start_loss - marks.best_loss < 5 * marks.noise:
        yield 0.8, "The fall is small for so much noise: test with more steps, or average several seeds."
    if marks.points < 50:
        yield 0.8, f"{marks.points} points are few: test with 100 steps or more."
    if max(fall_ends) > 3 * min(fall_ends):
        yield 0.7, "The curves disagree by more than a factor of 3: test more seeds, with more steps."
    if (optimizer or "").lower() not in OPTIMIZER_DIVISORS:
        known = "The optimizer is not known" if optimizer is None else f"Nothing is known of {optimizer}"
        yield 0.8, f"{known}: SGD wants twice these LRs, an adaptive optimizer half of them."
