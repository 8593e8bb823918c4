"""Why a curve gives no bounds: the error, and the sentence for each reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from clr_core.range_test.curve import LRCurve

FEWEST_POINTS = 10
"""Fewer losses than this do not show where a drop ends."""

LEAST_DECADES = 1.0
"""A range test spans at least as many decades of LR."""


class Undetermined(ValueError):
    """The curve does not show where the bounds are.

    Attributes:
        reason: ``"too_few_points"``, ``"no_range_test"``, ``"flat"``, ``"never_falls"``, ``"diverged_at_once"`` or
            ``"not_finite"``.
    """

    def __init__(self, reason: str, sentence: str) -> None:
        super().__init__(reason, sentence)
        self.reason = reason

    def __str__(self) -> str:
        return str(self.args[1])


def first_of(refusals: Mapping[int, Undetermined], count: int) -> Undetermined:
    """The first refusal of so many curves, with its number."""
    number, first = next(iter(refusals.items()))
    if count == 1:
        return first
    return Undetermined(
        first.reason, f"{len(refusals)} of {count} range tests could not be used. The first of them, {number}: {first}"
    )


def too_few_points(curve: LRCurve, finite: int) -> Undetermined:
    """For a curve of fewer than ``FEWEST_POINTS`` finite losses."""
    if finite == len(curve):
        remedy = "it was interrupted, let it finish" if curve.stop_reason == "interrupted" else "run a longer test"
        return Undetermined(
            "too_few_points", f"The curve needs at least {FEWEST_POINTS} points and has {finite}: {remedy}."
        )
    loss = curve.losses[finite]
    if finite == 0:
        return Undetermined(
            "not_finite",
            f"The first loss was already {loss:g}, before any update was made: check the data for NaN, the loss "
            "function and the precision; the LR is not the cause.",
        )
    return Undetermined(
        "diverged_at_once",
        f"The loss was {loss:g} after {finite} update{'s' if finite > 1 else ''}, at lr {curve.lrs[finite]:.3g}: lower "
        "start_lr if every test ends there; if not, check the data for a bad batch.",
    )


def no_range_test(curve: LRCurve) -> Undetermined:
    """For a log in which the LR hardly moves."""
    low, high = curve.lrs[0], curve.lrs[-1]
    moved = f"stays at {low:.3g}" if low == high else f"only rises from {low:.3g} to {high:.3g}"
    return Undetermined(
        "no_range_test",
        f"This is not a range test: the LR {moved}, and it has to rise by a factor of 10 or more, such as "
        "from 1e-6 to 1.",
    )


def no_fall(
    lrs: Sequence[float],
    losses: Sequence[float],
    start: float,
    limit: float,
    *,
    diverges: bool,
    is_interrupted: bool,
    early: int,
) -> Undetermined:
    """For a curve whose loss never drops.

    Args:
        lrs: Of the curve, up to its divergence.
        losses: As many.
        start: The loss at the low end.
        limit: How far above the start a loss must be to count as risen.
        diverges: Whether the loss diverges within the test.
        is_interrupted: Whether the test was interrupted.
        early: Points within which a rise counts as immediate.
    """
    if not diverges:
        remedy = (
            "the test was interrupted there, let it finish"
            if is_interrupted
            else "raise end_lr, or check that the model trains at all"
        )
        return Undetermined("flat", f"The loss stayed at {start:.4g} from lr {lrs[0]:.3g} to {lrs[-1]:.3g}: {remedy}.")
    first_rise = next((i for i, loss in enumerate(losses) if loss - start > limit), len(losses))
    if first_rise < early or lrs[-1] < 10.0 * lrs[0]:  # a loss that explodes at once has no level to rise from
        return Undetermined(
            "diverged_at_once", f"The loss rose from the first updates on, at lr {lrs[0]:.3g}: lower start_lr."
        )
    return Undetermined(
        "never_falls",
        f"The loss never dropped below {start:.4g} before it diverged: run a longer test, or several with other seeds.",
    )
