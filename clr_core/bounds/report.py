"""A suggestion as text: the bounds, what was seen, a picture of it, and what to do next."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from clr_core._text_chart import TextChart, decade_ticks
from clr_core.bounds.landmarks import without_spikes
from clr_core.bounds.smoothing import smooth

if TYPE_CHECKING:
    from clr_core.bounds.suggest import Bounds
    from clr_core.range_test.curve import LRCurve

_NAMES = {"cyclic": "a cyclical schedule", "one_cycle": "one cycle", "constant": "a constant LR"}


def report(bounds: Bounds) -> str:
    """The whole report; ``str(bounds)`` is this."""
    marks = bounds.evidence
    optimizer = bounds.curves[0].optimizer
    lines = [
        f"Bounds for {_NAMES[bounds.schedule]}, confidence {bounds.confidence:.2f} of 1",
        "",
        f"  base_lr = {bounds.base_lr:.3g}",
        f"  max_lr  = {bounds.max_lr:.3g}",
    ]
    if bounds.schedule != "constant":
        lines.append(f"  lr      = {bounds.lr:.3g}  (for a training at one constant LR instead)")
    tests = "" if len(bounds.curves) == 1 else f"in each of {len(bounds.curves)} range tests (medians), "
    rise = (
        f"It was rising again at lr {marks.rise_lr:.3g}."
        if marks.rise_seen
        else f"It had not risen again at lr {marks.rise_lr:.3g}, where the test ended."
    )
    lines += [
        "",
        f"Seen {tests}over {marks.points} updates{f' with {optimizer}' if optimizer else ''}:",
        f"  The loss began at {marks.start_loss:.4g} and started to fall at lr {marks.fall_start_lr:.3g}.",
        f"  It fell fastest at lr {marks.steepest_lr:.3g}, and nine tenths of the fall were done at lr "
        f"{marks.fall_end_lr:.3g}.",
        f"  It was lowest, {marks.best_loss:.4g}, at lr {marks.best_lr:.3g}.",
        f"  {rise}",
        f"  max_lr is {marks.fall_end_lr:.3g} {_over(marks.fall_end_lr / bounds.max_lr)}, "
        f"base_lr is max_lr {_over(bounds.max_lr / bounds.base_lr)}.",
        "",
        *chart(bounds.curves[0], bounds.base_lr, bounds.max_lr),
    ]
    if bounds.doubts:
        lines += ["", "To doubt, and what to do about it:", *(f"  - {doubt}" for doubt in bounds.doubts)]
    return "\n".join(lines)


def _over(ratio: float) -> str:
    return "itself" if abs(ratio - 1) < 1e-9 else f"divided by {ratio:.3g}"


def height_of_interest(losses: Sequence[float]) -> tuple[float, float]:
    """The lowest and highest loss a picture should show: a blow-up would press everything else flat."""
    low, start = min(without_spikes(losses)), losses[0]
    return low, start + 0.5 * (start - low) if start > low else max(losses)


def chart(curve: LRCurve, base_lr: float, max_lr: float) -> list[str]:
    """The losses as a picture in text: dots for the raw loss, ``#`` for the smoothed one.

    The LR runs to the right in decades; a bar below marks base_lr to max_lr.
    """
    count = curve.finite_points
    lrs, losses = curve.lrs[:count], curve.losses[:count]
    low, high = height_of_interest(losses)
    clipped = [min(loss, high) for loss in losses]
    logs = [math.log10(lr) for lr in lrs]
    edges = min(logs[0], math.log10(base_lr)), max(logs[-1], math.log10(max_lr))
    picture = TextChart(edges, (low, high))
    picture.draw(zip(logs, clipped, strict=True), ".")
    picture.draw(zip(logs, smooth(lrs, clipped), strict=True), "#")
    return [
        *picture.lines("     loss .  raw   #  smoothed   =  base_lr to max_lr", decade_ticks(*edges)),
        picture.bar("bounds", math.log10(base_lr), math.log10(max_lr)),
    ]
