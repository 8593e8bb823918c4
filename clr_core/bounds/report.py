"""A suggestion as text: the bounds, what was seen, where the bounds came from, and what to do next."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from textwrap import wrap
from typing import TYPE_CHECKING, NamedTuple

from clr_core.views.text import TextChart, decade_ticks
from clr_core.bounds.landmarks import Landmarks, without_spikes
from clr_core.bounds.rule import MOST_CLARITY, TYPICAL_STEPS, Budget, effects, families_of, max_lr_of
from clr_core.range_test.smoothing import smooth

if TYPE_CHECKING:
    from clr_core.bounds.suggest import Bounds
    from clr_core.range_test.curve import LRCurve

NAMES = {"cyclic": "a cyclical schedule", "one_cycle": "one cycle", "constant": "a constant LR"}

WIDTH = 100

MANY_EPOCHS = 20
"""From there on the report warns of overfitting."""


def report(bounds: Bounds) -> str:
    """The whole report; ``str(bounds)`` is this."""
    lines = [
        f"Bounds for {NAMES[bounds.schedule]} over {length(bounds)}, confidence {bounds.confidence:.2f} of 1",
        "",
        f"  base_lr = {bounds.base_lr:.3g}",
        f"  max_lr  = {bounds.max_lr:.3g}",
    ]
    if bounds.schedule != "constant":
        lines.append(f"  lr      = {bounds.lr:.3g}  (for a training at one constant LR instead)")
    marks, optimizer = bounds.evidence, _optimizer(bounds.curves[0])
    tests = (
        ""
        if len(bounds.curves) == 1
        else f" in {len(bounds.curves)} range tests (the medians; the picture is of the first)"
    )
    lines += [
        "",
        *wrap(f"Seen{tests} over {marks.points} updates{f' with {optimizer}' if optimizer else ''}:", WIDTH),
        *_indented(_seen(marks)),
        "",
        *chart(bounds.curves[0], bounds),
        "",
        "Where the bounds came from:",
        *_indented(_origin(bounds)),
    ]
    if bounds.doubts:
        lines += ["", "To doubt, and what to do about it:", *_indented(bounds.doubts, "  - ")]
    lines += ["", "Then:" if bounds.doubts else "Next:", *_indented(_next(bounds), "  - ")]
    return "\n".join(lines)


def length(bounds: Bounds) -> str:
    """The updates of the training to come and, where it is known, their epochs."""
    epochs = "" if bounds.steps_per_epoch is None else f" ({_budget(bounds).epochs:.3g} epochs)"
    return f"{bounds.total_steps:,} updates{epochs}"


def _budget(bounds: Bounds) -> Budget:
    """The training to come, as the rule takes it."""
    return Budget(bounds.total_steps, bounds.steps_per_epoch)


def _indented(sentences: Iterator[str] | Sequence[str], mark: str = "  ") -> Iterator[str]:
    for sentence in sentences:
        yield from wrap(sentence, WIDTH, initial_indent=mark, subsequent_indent=" " * len(mark), break_on_hyphens=False)


def _seen(marks: Landmarks) -> Iterator[str]:
    """What a person would see on the curve, from left to right."""
    if marks.fall_start_seen:
        yield f"The loss began at {marks.start_loss:.4g} and started to fall at lr {marks.fall_start_lr:.3g}."
    else:
        yield f"The loss began at {marks.start_loss:.4g} and fell from the first update on."
    yield (
        f"It fell fastest at lr {marks.steepest_lr:.3g}, and nine tenths of the fall were done at lr "
        f"{marks.fall_end_lr:.3g}."
    )
    times = f", {marks.clarity:.3g} times the noise of one loss below the start" if marks.noise else ""
    yield f"It was lowest, {marks.best_loss:.4g}, at lr {marks.best_lr:.3g}{times}."
    if marks.clarity > MOST_CLARITY:
        yield "Losses of batches are not as smooth as that, so a usual noise is supposed."
    if marks.rise_seen:
        yield f"It was rising again at lr {marks.rise_lr:.3g}."
    else:
        yield f"It had not risen again at lr {marks.rise_lr:.3g}, where the test ended."
    if marks.accuracy is not None:
        yield (
            f"The accuracy gained {marks.accuracy.gain:.2f} at its best: a tenth of that by lr "
            f"{marks.accuracy.rise_lr:.3g}, nine tenths by lr {marks.accuracy.slow_lr:.3g}, "
            "which Smith would take for base_lr and max_lr."
        )


def _origin(bounds: Bounds) -> Iterator[str]:
    """The rule for max_lr and base_lr, with its numbers."""
    marks, curve, schedule = bounds.evidence, bounds.curves[0], bounds.schedule
    families = families_of(curve)
    several = len(bounds.curves) > 1
    if several:
        yield "Each test gives a max_lr of its own; max_lr is their geometric mean. Of the medians above:"
    yield (
        f"The loss rose at lr {marks.rise_lr:.3g}, which is too much."
        if marks.rise_seen
        else f"The loss never rose, so the last lr, {marks.rise_lr:.3g}, stands for the one that is too much."
    )
    budget = _budget(bounds)
    max_lr = max_lr_of(marks, families, schedule, budget)
    optimizer = _optimizer(curve) if families else "an optimizer that is not known"
    yield (
        f"For {NAMES[schedule]} over {length(bounds)} with {optimizer}, a rule fitted to trainings that "
        f"were run to the end takes {max_lr / marks.rise_lr:.3g} times that, {max_lr:.3g}."
    )
    counted = [
        f"{name} ({'raises' if factor > 1 else 'lowers'} it {max(factor, 1 / factor):.2g} times)"
        for name, factor in effects(marks, families, schedule, budget).items()
        if not 0.8 < factor < 1.25
    ]
    if counted:
        yield f"What is other than usual: {'; '.join(counted)}."
    if max_lr == marks.last_lr:
        yield "That is the last lr of the test; beyond it nothing is known."
    ratio = bounds.max_lr / bounds.base_lr
    yield "base_lr is max_lr itself." if ratio < 1 + 1e-9 else f"base_lr is max_lr divided by {ratio:.3g}."


def _optimizer(curve: LRCurve) -> str | None:
    """Its name and, where it is known, whether it has momentum."""
    words = {None: "", False: " without momentum", True: " with momentum"}[curve.momentum]
    return curve.optimizer and curve.optimizer + words


def _next(bounds: Bounds) -> Iterator[str]:
    """A training to start with, as it is written in Python, and what to compare it with."""
    base_lr, max_lr, steps = f"{bounds.base_lr:.3g}", f"{bounds.max_lr:.3g}", bounds.total_steps
    # Whole cycles: three of 2 * step_size updates, or one with two halves of the same length.
    step_size, even = max(1, round(steps / 6)), max(2, steps - steps % 2)
    updates, call = {
        "cyclic": (6 * step_size, f"triangular({base_lr}, {max_lr}, step_size={step_size}), three cycles"),
        "one_cycle": (even, f"one_cycle({base_lr}, {max_lr}, total_steps={even})"),
        "constant": (steps, f"constant({max_lr})"),
    }[bounds.schedule]
    yield f"Train {updates:,} updates with clr_core.{call}."
    other = "half and with twice that LR" if bounds.schedule == "constant" else f"a constant LR of {bounds.lr:.3g}"
    yield f"Compare with {other}, for as many updates; keep what ends with the better validation loss."
    if bounds.steps_per_epoch is not None and _budget(bounds).epochs >= MANY_EPOCHS:
        yield (
            f"Each example is seen {_budget(bounds).epochs:.3g} times: keep the weights of the best validation "
            "loss on the way, since no range test shows whether a training will overfit."
        )
    if steps == TYPICAL_STEPS:
        yield (
            f"{steps} updates is what stands where no number is given: if your training has more or fewer, "
            "say so with total_steps (--total-steps of clr suggest)."
        )
    if bounds.steps_per_epoch is None:
        yield (
            "Say how many updates make an epoch, with steps_per_epoch (--steps-per-epoch), for bounds that "
            "heed how often each example is seen."
        )


class Picture(NamedTuple):
    """What there is to draw of one curve: losses no higher than what is of interest, over log10 of the LR."""

    logs: list[float]
    raw: list[float]
    smoothed: list[float]
    low: float
    high: float


def picture(curve: LRCurve) -> Picture:
    """The finite part of a curve, for drawing; it must have a point."""
    count = curve.finite_points
    lrs, losses = curve.lrs[:count], curve.losses[:count]
    low, high = height_of_interest(losses)
    clipped = [min(loss, high) for loss in losses]
    return Picture([math.log10(lr) for lr in lrs], clipped, smooth(lrs, clipped), low, high)


def height_of_interest(losses: Sequence[float]) -> tuple[float, float]:
    """The lowest and highest loss a picture should show: a blow-up would press everything else flat."""
    opening = sorted(losses[:5])
    low, start = min(without_spikes(losses)), opening[len(opening) // 2]
    return low, start + 0.5 * (start - low) if start > low else max(losses)


def chart(curve: LRCurve, bounds: Bounds) -> list[str]:
    """The losses as a picture in text: dots for the raw loss, ``#`` for the smoothed one.

    The LR runs to the right in decades; S and R mark where the loss fell fastest and where it rose again,
    a bar below marks base_lr to max_lr.
    """
    logs, raw, smoothed, low, high = picture(curve)
    ends = math.log10(bounds.base_lr), math.log10(bounds.max_lr)
    edges = min(logs[0], ends[0]), max(logs[-1], ends[1])
    canvas = TextChart(edges, (low, high))
    canvas.draw(zip(logs, raw, strict=True), ".")
    canvas.draw(zip(logs, smoothed, strict=True), "#")
    legend = "     loss .  raw   #  smoothed   S  steepest"
    marks = [("S", bounds.evidence.steepest_lr)]
    if bounds.evidence.rise_seen:
        marks.append(("R", bounds.evidence.rise_lr))
        legend += "   R  rising"
    for mark, lr in marks:
        place = math.log10(lr)
        nearest = min(range(len(logs)), key=lambda index: abs(logs[index] - place))
        canvas.draw([(place, smoothed[nearest])], mark)
    return [*canvas.lines(f"{legend}   =  base_lr to max_lr", decade_ticks(*edges)), canvas.bar("bounds", *ends)]
