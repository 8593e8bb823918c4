"""From the landmarks of a curve to base_lr and max_lr."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields
from os import PathLike
from typing import Any

from clr_core import check
from clr_core.bounds.confidence import confidence_of, doubts_of
from clr_core.bounds.landmarks import Landmarks, Undetermined, combine, read_landmarks
from clr_core.bounds.rule import SCHEDULES, TYPICAL_STEPS, Budget, families_of, max_lr_of
from clr_core.range_test.curve import LRCurve

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
        total_steps: The updates of the training they are for.
        steps_per_epoch: How many of these see every example once; None where it was not said.
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
    steps_per_epoch: float | None
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
        from clr_core.views.html import fragment

        return fragment(self)

    def plot(self, path: str | PathLike[str] | None = None) -> Any:
        """A matplotlib figure of the curve with the bounds shaded; saved where a path is given.

        Raises:
            ModuleNotFoundError: matplotlib is not installed.
        """
        from clr_core.views import figure

        return figure.bounds_figure(self, path)


def suggest_bounds(
    curve: LRCurve | Sequence[LRCurve],
    *,
    schedule: str = "cyclic",
    total_steps: int | None = None,
    steps_per_epoch: float | None = None,
) -> Bounds:
    """The bounds that a range test suggests for a schedule, with the evidence and what is doubtful in it.

    The loss of a range test falls, rests, and takes off. ``max_lr`` is the LR at which it rises again, the onset of
    divergence, times a factor. The factor follows from six numbers read from the curve (how far it took to learn,
    how sharply the loss takes off, at which LR it rises, how large the fall is against the noise and against
    the loss, how long the test was), from the optimizer, the schedule, the updates and the epochs to come;
    ``clr_core.bounds.rule`` has the formula, fitted to 267 tasks that were trained to the end at many LRs. The
    accuracies, if there are any, do not move ``max_lr``; they tell how sure it is. ``base_lr`` is a quarter of
    ``max_lr`` for cycles, a tenth for one cycle.

    Args:
        curve: A recorded range test, or several of the same training with other seeds; then each gives its
            own bounds, and the result is their geometric mean. Losses of a validation set are read as well; as
            they have no noise of batches, a usual one is supposed.
        schedule: ``"cyclic"``, ``"one_cycle"`` or ``"constant"``: what the bounds are for.
        total_steps: Updates in the training to come, an int from 1 to 2**31 - 1; None stands for 500. More never
            raise max_lr. The rule was fitted to 64 to 1920: fewer count as 64, and beyond 1920 max_lr falls as
            ``total_steps**-0.4``, the trend of the fit, up to 10,000.
        steps_per_epoch: Updates that see every example once, > 0: examples / batch size, ``len(loader)``. None
            stands for a training of 10 epochs. Fewer never raise max_lr: the more often an example is seen, the
            sooner it is learned by heart.

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
    steps = TYPICAL_STEPS if total_steps is None else check.whole("total_steps", total_steps)
    epoch = None if steps_per_epoch is None else check.real("steps_per_epoch", steps_per_epoch, above=0.0)
    curves = (curve,) if isinstance(curve, LRCurve) else curve
    if not isinstance(curves, Sequence) or not all(isinstance(item, LRCurve) for item in curves):
        raise TypeError(f"curve must be an LRCurve or a list of them, got curve={curve!r}")
    if not curves:
        raise ValueError("curve must be at least one LRCurve, got an empty list")
    for name in ("optimizer", "momentum"):
        found = {getattr(item, name) for item in curves}
        if len(found) > 1:
            raise ValueError(f"curves must come from one optimizer, got {name} {sorted(map(str, found))}")
    return bounds_of(curves, most_of([reading_of(item) for item in curves]), schedule, Budget(steps, epoch))


def bounds_of(curves: Sequence[LRCurve], readings: Sequence[Landmarks], schedule: str, budget: Budget) -> Bounds:
    """The bounds that follow from the landmarks of some curves."""
    optimizer, families = curves[0].optimizer, families_of(curves[0])
    max_lrs = [max_lr_of(reading, families, schedule, budget) for reading in readings]
    max_lr, marks = _geometric_mean(max_lrs), combine(readings)
    doubts = list(doubts_of(marks, optimizer, families, max_lrs, budget.total_steps))
    return Bounds(
        base_lr=max_lr * BASE_FRACTIONS[schedule],
        max_lr=max_lr,
        lr=_geometric_mean([max_lr_of(reading, families, "constant", budget) for reading in readings]),
        confidence=math.prod((factor for factor, _ in doubts), start=confidence_of(marks, families, budget)),
        evidence=marks,
        schedule=schedule,
        total_steps=budget.total_steps,
        steps_per_epoch=budget.steps_per_epoch,
        doubts=tuple(sentence for _, sentence in doubts),
        curves=tuple(curves),
    )


def _geometric_mean(values: Sequence[float]) -> float:
    mean = math.exp(math.fsum(map(math.log, values)) / len(values))
    return min(max(mean, min(values)), max(values))  # rounding must not take it out of their range


def reading_of(curve: LRCurve) -> Landmarks | Undetermined:
    """The landmarks of a curve, or why there are none."""
    try:
        return read_landmarks(curve)
    except Undetermined as refusal:
        return refusal


def most_of(readings: Sequence[Landmarks | Undetermined]) -> list[Landmarks]:
    """Those that have landmarks; the first refusal is raised where half or more are refused."""
    known = [reading for reading in readings if isinstance(reading, Landmarks)]
    refusals = [reading for reading in readings if isinstance(reading, Undetermined)]
    if len(refusals) >= max(1, len(known)):
        raise refusals[0]
    return known
