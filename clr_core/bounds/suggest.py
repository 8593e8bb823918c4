"""The pipeline: curve -> landmarks -> features -> network -> ``Bounds``."""

from __future__ import annotations

import math
from collections.abc import Sequence

from clr_core import check
from clr_core.bounds.confidence import confidence_of, warnings_of, warnings_of_refused
from clr_core.bounds.constants import VERSION
from clr_core.bounds.features import TYPICAL_STEPS, families_of
from clr_core.bounds.landmarks import Landmarks, combine, read_landmarks
from clr_core.bounds.network import AS_ONE_CYCLE, KINDS, explain, suggested_max_lr
from clr_core.bounds.refusals import Undetermined, first_of
from clr_core.bounds.result import Bounds
from clr_core.range_test.curve import LRCurve
from clr_core.schedules.plan import CyclePlan, exact_plan

BASE_FRACTIONS = {"one_cycle": 1 / 10, "cyclic": 1 / 4, "constant": 1.0} | dict.fromkeys(AS_ONE_CYCLE, 0.0)
"""base_lr / max_lr: Smith 2015, section 3.3 (a third or a quarter), and Smith and Topin 2017 (a tenth)."""


def suggest_bounds(
    curve: LRCurve | Sequence[LRCurve],
    plan: CyclePlan | None = None,
    *,
    kind: str = "cyclic",
    total_steps: int | None = None,
    steps_per_epoch: float | None = None,
) -> Bounds:
    """The bounds that a range test suggests for a schedule, with the evidence and the warnings.

    The loss of a range test drops, plateaus and diverges. ``max_lr`` is the LR at which the loss rises again, the
    onset of divergence, times a factor. The factor follows from six features of the test (the distance it took to
    learn, how abruptly the loss diverges, how large the drop is against the noise and against the loss, how long the
    test was and how often it saw each example), from the optimizer and the kind of schedule, and from the updates and
    epochs of the run to come; ``clr_core.bounds.network`` has the formula, fitted to training runs that went to their
    end at many LRs. Accuracies, if recorded, do not change ``max_lr``, only the confidence. ``base_lr`` is
    a quarter of ``max_lr`` for cycles, a tenth for one cycle, and 0 for the schedules that decay to 0.

    Args:
        curve: A recorded range test, or several of the same run with other seeds; then each gives a suggestion of its
            own, and the result is their geometric mean. Validation losses work as well; because they lack the noise of
            batches, a typical noise is assumed.
        plan: The training run to come, from ``plan_cycles``.
        kind: The schedule that the bounds are for: ``"cyclic"``, ``"one_cycle"``, ``"constant"``, ``"linear_decay"``,
            ``"cosine_decay"`` or ``"warmup_stable_decay"``. The rule was fitted to the first three; the others get
            what one cycle gets, times a factor.
        total_steps: In place of a plan, the updates of the run, an int from 1 to 2**31 - 1; 500 if neither is given.
            More never raise max_lr. The rule was fitted to 28 to 20,000: fewer count as 28, more as 20,000.
        steps_per_epoch: In place of a plan, the updates in an epoch, > 0: ``len(loader)``. A run of 10 epochs is
            assumed if neither is given. Fewer never raise max_lr: the more epochs, the sooner a model overfits, and the
            more often the test has seen an example, the less its loss says about others.

    Raises:
        TypeError: An argument is of the wrong kind, or a budget is given beside a plan.
        ValueError: The kind is unknown, there is no curve, or the curves' optimizers differ.
        Undetermined: The curve (of several, at least half of them) does not show where the bounds are: it
            has too few points, is no range test, is flat, never falls, or diverges at once.

    Example:
        >>> import clr_core
        >>> test = clr_core.RangeTest(1e-4, 10.0, num_steps=100, optimizer="SGD", momentum=False)
        >>> weights = [1.0, 1.0]
        >>> while not test.done:  # a quadratic with curvatures 1 and 20: diverges above lr = 2/20
        ...     lr = test.lr
        ...     test.record(0.5 * (weights[0] ** 2 + 20 * weights[1] ** 2))
        ...     weights = [weights[0] * (1 - lr), weights[1] * (1 - 20 * lr)]
        >>> bounds = clr_core.suggest_bounds(test.curve, clr_core.plan_cycles(epochs=12, steps_per_epoch=50))
        >>> 0.001 < bounds.max_lr < 2 / 20
        True
        >>> bounds.schedule().step_size
        100

    Source: Smith 2015, section 3.3, for the range test and base_lr; the rule for max_lr is this library's,
    and benchmarks/suggestion measures how good it is.
    """
    check.choice("kind", kind, KINDS)
    plan = plan_of(plan, total_steps, steps_per_epoch)
    curves = (curve,) if isinstance(curve, LRCurve) else curve
    if not isinstance(curves, Sequence) or not all(isinstance(item, LRCurve) for item in curves):
        raise TypeError(f"curve must be an LRCurve or a list of them, got curve={curve!r}")
    if not curves:
        raise ValueError("curve must be at least one LRCurve, got an empty list")
    for name in ("optimizer", "momentum"):
        found = {getattr(item, name) for item in curves}
        if len(found) > 1:
            raise ValueError(f"curves must come from one optimizer, got {name} {sorted(map(str, found))}")
    return bounds_of(curves, [reading_of(item) for item in curves], kind, plan)


def reading_of(curve: LRCurve) -> Landmarks | Undetermined:
    """The landmarks of a curve, or why there are none."""
    try:
        return read_landmarks(curve)
    except Undetermined as refusal:
        return refusal


def bounds_of(
    curves: Sequence[LRCurve], readings: Sequence[Landmarks | Undetermined], kind: str, plan: CyclePlan
) -> Bounds:
    """The bounds that follow from the readings of some curves.

    Raises:
        Undetermined: At least half of the curves were refused; it has the first refusal.
    """
    read = [(each, marks) for each, marks in zip(curves, readings, strict=True) if isinstance(marks, Landmarks)]
    refusals = {number: each for number, each in enumerate(readings, 1) if isinstance(each, Undetermined)}
    if len(refusals) >= max(1, len(read)):
        raise first_of(refusals, len(curves))
    used = tuple(each for each, _ in read)
    each_marks = [marks for _, marks in read]
    families, marks = families_of(used[0]), combine(each_marks)
    max_lrs = [suggested_max_lr(each, families, kind, plan) for each in each_marks]
    max_lr = _geometric_mean(max_lrs)
    warnings = [
        *warnings_of(
            marks,
            used[0].optimizer,
            families,
            max_lrs,
            first_lr=min(each.lrs[0] for each in used),
            looks_smoothed=any(each.looks_smoothed for each in used),
            is_interrupted=any(each.stop_reason == "interrupted" for each in used),
            plan=plan,
        ),
        *warnings_of_refused(refusals, len(curves)),
    ]
    return Bounds(
        base_lr=max_lr * BASE_FRACTIONS[kind],
        max_lr=max_lr,
        lr=_geometric_mean([suggested_max_lr(each, families, "constant", plan) for each in each_marks]),
        confidence=math.prod((factor for factor, _ in warnings), start=confidence_of(marks, families, plan)),
        kind=kind,
        plan=plan,
        evidence=marks,
        explanation=explain(marks, families, kind, plan),
        doubts=tuple(sentence for _, sentence in warnings),
        rule_version=VERSION,
        curves=used,
        test_updates=sum(len(each) * each.steps_per_point for each in curves),
    )


def plan_of(plan: CyclePlan | None, total_steps: int | None, steps_per_epoch: float | None) -> CyclePlan:
    if plan is not None:
        if not isinstance(plan, CyclePlan):
            raise TypeError(f"plan must be a CyclePlan, from clr_core.plan_cycles, got plan={plan!r}")
        if total_steps is not None or steps_per_epoch is not None:
            raise TypeError(
                "total_steps and steps_per_epoch must not be given beside a plan, got "
                f"{total_steps=}, {steps_per_epoch=}"
            )
        return plan
    epoch = None if steps_per_epoch is None else check.real("steps_per_epoch", steps_per_epoch, above=0.0)
    return exact_plan(TYPICAL_STEPS if total_steps is None else total_steps, epoch)


def _geometric_mean(values: Sequence[float]) -> float:
    mean = math.exp(math.fsum(map(math.log, values)) / len(values))
    return min(max(mean, min(values)), max(values))  # rounding must not take it out of their range
