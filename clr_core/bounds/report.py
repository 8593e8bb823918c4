"""A suggestion as text: the bounds, what was seen, where the bounds came from, and what to do next."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from textwrap import wrap
from typing import TYPE_CHECKING, NamedTuple

from clr_core._text_chart import TextChart, decade_ticks
from clr_core.bounds.landmarks import Landmarks, without_spikes
from clr_core.bounds.smoothing import smooth
from clr_core.bounds.suggest import MOST_STEPS, TYPICAL_STEPS, UNKNOWN, rule_for

if TYPE_CHECKING:
    from clr_core.bounds.suggest import Bounds
    from clr_core.range_test.curve import LRCurve

NAMES = {"cyclic": "a cyclical schedule", "one_cycle": "one cycle", "constant": "a constant LR"}

WIDTH = 100


def report(bounds: Bounds) -> str:
    """The whole report; ``str(bounds)`` is this."""
    lines = [
        f"Bounds for {NAMES[bounds.schedule]} over {bounds.total_steps:,} updates, "
        f"confidence {bounds.confidence:.2f} of 1",
        "",
        f"  base_lr = {bounds.base_lr:.3g}",
        f"  max_lr  = {bounds.max_lr:.3g}",
    ]
    if bounds.schedule != "constant":
        lines.append(f"  lr      = {bounds.lr:.3g}  (for a training at one constant LR instead)")
    marks, optimizer = bounds.evidence, bounds.curves[0].optimizer
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
    if marks.rise_seen:
        yield f"It was rising again at lr {marks.rise_lr:.3g}."
    else:
        yield f"It had not risen again at lr {marks.rise_lr:.3g}, where the test ended."
    if marks.accuracy_gain is not None:
        yield f"The accuracy gained {marks.accuracy_gain:.2f} at its best."


def _origin(bounds: Bounds) -> Iterator[str]:
    """The rule for max_lr and base_lr, with its numbers."""
    marks, optimizer, schedule = bounds.evidence, bounds.curves[0].optimizer, bounds.schedule
    rule = rule_for(optimizer)
    several = len(bounds.curves) > 1
    if several:
        yield "Each test gives a max_lr of its own; max_lr is their geometric mean. Of the medians above:"
    if marks.learned:
        needed, rise = marks.half_fall_sum / bounds.total_steps, marks.rise_lr
        between, factor = rule.between(needed, rise), rule.factors[schedule]
        yield (
            f"Half of the fall took a sum of LRs of {marks.half_fall_sum:.3g}; spread over "
            f"{bounds.total_steps:,} updates that is lr {needed:.3g}: a training at that LR would get so far "
            "only at its end."
        )
        yield (
            f"The loss rose at lr {rise:.3g}, which is too much."
            if marks.rise_seen
            else (f"The loss never rose, so the last lr, {rise:.3g}, stands for the one that is too much.")
        )
        result = "" if several else f", that is max_lr = {factor * between:.3g}"
        yield (
            f"Between them, with weights {rule.weight:.2g} and {1 - rule.weight:.2g}, lies lr {between:.3g}; "
            f"{'this is multiplied by' if several else 'times'} {factor:.3g}, the factor for {NAMES[schedule]} "
            f"with {_family(optimizer)}{result}."
        )
        if not several and factor * between > marks.last_lr:
            yield f"That is beyond the test, so max_lr is the last lr of the test, {marks.last_lr:.3g}."
    else:
        yield (
            "The loss only dipped before it took off. Nothing was learned from which the LR that the training "
            f"needs could be read, so {'the max_lr of a test' if several else 'max_lr'} is the last lr, "
            f"{marks.last_lr:.3g}, divided by {rule.divisors[schedule]:.3g} for {NAMES[schedule]} "
            f"with {_family(optimizer)}."
        )
    ratio = bounds.max_lr / bounds.base_lr
    yield "base_lr is max_lr itself." if ratio < 1 + 1e-9 else f"base_lr is max_lr divided by {ratio:.3g}."


def _family(optimizer: str | None) -> str:
    return "an optimizer that is not known" if optimizer is None or rule_for(optimizer) is UNKNOWN else optimizer


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
    if steps == TYPICAL_STEPS:
        yield (
            f"{steps} updates is what stands where no number is given: if your training has more or fewer, "
            "say so with total_steps (--total-steps of clr suggest)."
        )
    elif steps == MOST_STEPS:
        yield f"A training of more than {steps:,} updates counts as one of {steps:,}: try a lower max_lr too."


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
