"""Several range tests, each what the refusal or the warnings of those before it ask for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import NamedTuple

from clr_core import check
from clr_core.bounds.confidence import warnings_of_refused
from clr_core.bounds.network import KINDS
from clr_core.bounds.refusals import Undetermined
from clr_core.bounds.result import Bounds
from clr_core.bounds.suggest import plan_of, suggest_bounds
from clr_core.range_test.curve import LRCurve
from clr_core.schedules.plan import CyclePlan

FIRST_LENGTH, LONGEST_LENGTH, LEAST_LENGTH = 100, 1000, 50
"""Updates of the first range test, and of any later one at most and at least."""

SURE = 0.8
"""The confidence from which on nothing more is tested, if there are no warnings."""

WIDER = 100.0
"""The factor by which an end of the range is moved where it cuts off what should be seen."""

LONGER = 3
"""A test that leaves doubt is followed by one of that many times the updates."""

FAR = 10.0
"""Two suggestions for max_lr that many times apart contradict one another."""

BEYOND_END = 3.0
"""A test that diverged within its first fifth is followed by one that ends at that many times its last LR."""

LOWEST_LR, HIGHEST_LR = 1e-20, 1e20


class _Range(NamedTuple):
    start_lr: float
    end_lr: float
    num_steps: int


def find_bounds(
    run_range_test: Callable[..., LRCurve],
    plan: CyclePlan | None = None,
    *,
    kind: str = "cyclic",
    total_steps: int | None = None,
    steps_per_epoch: float | None = None,
    max_updates: int = 1000,
) -> Bounds:
    """The bounds from a series of range tests, each chosen by the result of the one before.

    The first test has 100 updates from 1e-7 to 10. If it is refused, or does not show the whole drop (start, fall and
    rise), the next test follows the advice of the refusal or the warning: it is longer, over a wider range. If it shows
    the whole drop but its confidence is below 0.8, the next test is longer. The bounds are those of the last test that
    shows the whole drop, or else the geometric mean of all that give any. If an earlier test, which was not cut off
    before the rise, disagrees by more than a factor of 10, they are the lower ones, with a warning; another warning
    names later tests that were refused. The series ends with a confident test, with a longer one that shows the whole
    drop, or when ``max_updates`` are spent.

    Args:
        run_range_test: Runs one range test from the initial weights: called with ``start_lr``, ``end_lr`` and
            ``num_steps`` by keyword, as ``range_test`` of every adapter takes them, it returns the ``LRCurve``.
        plan: As the following, see ``suggest_bounds``.
        max_updates: Updates of all tests together, an int >= 100. A test that diverges spends only those it made.

    Returns:
        The bounds; ``bounds.test_updates`` is what they cost.

    Raises:
        TypeError: An argument is of the wrong kind, or ``run_range_test`` returns no curve.
        ValueError: The kind is unknown, or an argument is out of its range.
        Undetermined: No test showed where the bounds are; of the last one, with what was spent.

    Example:
        >>> import clr_core
        >>> def run_range_test(start_lr, end_lr, num_steps):  # a quadratic that diverges above lr = 0.1
        ...     test = clr_core.RangeTest(start_lr, end_lr, num_steps, optimizer="SGD")
        ...     weights = [1.0, 1.0]
        ...     while not test.done:
        ...         lr = test.lr
        ...         test.record(0.5 * (weights[0] ** 2 + 20 * weights[1] ** 2))
        ...         weights = [weights[0] * (1 - lr), weights[1] * (1 - 20 * lr)]
        ...     return test.curve
        >>> bounds = clr_core.find_bounds(run_range_test, clr_core.plan_cycles(epochs=12, steps_per_epoch=50))
        >>> 0.001 < bounds.max_lr < 0.1, bounds.test_updates <= 1000
        (True, True)

    In torch::

        bounds = clr_core.find_bounds(partial(clr_torch.range_test, model, optimizer, criterion, loader), plan)
    """
    if not callable(run_range_test):
        raise TypeError(f"run_range_test must be a function, got run_range_test={run_range_test!r}")
    check.choice("kind", kind, KINDS)
    plan = plan_of(plan, total_steps, steps_per_epoch)
    left = check.whole("max_updates", max_updates, minimum=FIRST_LENGTH)
    best: Bounds | None = None
    unclear: list[LRCurve] = []
    refused: dict[int, Undetermined] = {}
    wanted: _Range | None = _Range(1e-7, 10.0, FIRST_LENGTH)
    number = spent = 0
    while wanted is not None:
        made = wanted
        curve = run_range_test(start_lr=made.start_lr, end_lr=made.end_lr, num_steps=made.num_steps)
        if not isinstance(curve, LRCurve):
            raise TypeError(f"run_range_test must return an LRCurve, got {curve!r}")
        updates = len(curve) * curve.steps_per_point
        number, spent = number + 1, spent + updates
        try:
            bounds = suggest_bounds(curve, plan, kind=kind)
            if _is_clear(bounds):
                best, refused = bounds if best is None else _decided(best, bounds), {}
            elif best is None or not _is_clear(best):
                unclear.append(curve)
                best, refused = suggest_bounds(unclear, plan, kind=kind), {}
            wanted = None if _is_enough(bounds, made) else _after_bounds(bounds, made, left - spent)
        except Undetermined as found:
            refused[number] = found
            ended_early = curve.lrs[-1] if 0 < updates < made.num_steps / 5 else None
            wanted = _after_refusal(found, ended_early, made, left - spent)
        if curve.stop_reason == "interrupted" or not updates:
            break
    if best is not None:
        return _doubted(replace(best, test_updates=spent), refused, number)
    last = refused[number]
    tests = "1 range test" if number == 1 else f"{number} range tests"
    raise Undetermined(last.reason, f"{last} (After {tests}, {spent} updates in all.)")


def _is_clear(bounds: Bounds) -> bool:
    """Whether the test shows the whole of the drop."""
    marks = bounds.evidence
    return marks.learned and marks.fall_start_seen and marks.rise_seen


def _is_enough(bounds: Bounds, made: _Range) -> bool:
    """Whether nothing more is to be tested: a longer test that is clear decides, however sure it is."""
    return (bounds.confidence >= SURE and not bounds.doubts) or (made.num_steps > FIRST_LENGTH and _is_clear(bounds))


def _decided(before: Bounds, later: Bounds) -> Bounds:
    """The later, longer test decides; where it says something else altogether, the one that says less, with a doubt."""
    lower, higher = sorted((before, later), key=lambda bounds: bounds.max_lr)
    is_cut_off = lower is before and not before.evidence.rise_seen  # it says only that max_lr is at least so high
    if is_cut_off or higher.max_lr <= FAR * lower.max_lr:
        return later
    doubt = (
        f"Two range tests disagree: max_lr {before.max_lr:.3g}, then {later.max_lr:.3g}. These are the lower bounds: "
        "test with other seeds, or train a little with both."
    )
    return replace(lower, confidence=lower.confidence / 2, doubts=(*lower.doubts, doubt))


def _doubted(bounds: Bounds, refused: Mapping[int, Undetermined], count: int) -> Bounds:
    """Bounds after which some of the tests were refused."""
    for factor, doubt in warnings_of_refused(refused, count):
        bounds = replace(bounds, confidence=factor * bounds.confidence, doubts=(*bounds.doubts, doubt))
    return bounds


def _after_bounds(bounds: Bounds, made: _Range, left: int) -> _Range | None:
    """The test to run after one that gave bounds, if enough updates are left for one."""
    marks, start_lr, end_lr = bounds.evidence, made.start_lr, made.end_lr
    if marks.learned and not marks.fall_start_seen:
        start_lr /= WIDER
    if marks.learned and not marks.rise_seen:
        end_lr *= WIDER
    return _within(start_lr, end_lr, made.num_steps * LONGER, left)


def _after_refusal(refusal: Undetermined, ended_early: float | None, made: _Range, left: int) -> _Range | None:
    """The test to run after one that was refused, at the LR ``ended_early`` if it was within its first fifth.

    None where none would help.
    """
    if refusal.reason == "not_finite":
        return None
    if ended_early is not None:
        return _within(made.start_lr / WIDER**2, ended_early * BEYOND_END, made.num_steps, left)
    if refusal.reason == "flat":
        return _within(made.end_lr / WIDER, made.end_lr * WIDER**2, made.num_steps, left)
    return _within(made.start_lr, made.end_lr, made.num_steps * LONGER, left)


def _within(start_lr: float, end_lr: float, num_steps: int, left: int) -> _Range | None:
    """The range test, if enough updates are left for one."""
    num_steps = min(num_steps, LONGEST_LENGTH, left)
    if num_steps < LEAST_LENGTH or not LOWEST_LR <= start_lr < end_lr <= HIGHEST_LR:
        return None
    return _Range(start_lr, end_lr, num_steps)
