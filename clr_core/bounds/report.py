"""The words of a report: why these bounds, what the curve shows, and what to do next."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from clr_core.bounds.confidence import share_good
from clr_core.bounds.features import MOST_SIGNAL, TYPICAL_STEPS
from clr_core.bounds.landmarks import Landmarks
from clr_core.bounds.network import Effect
from clr_core.range_test.curve import LRCurve
from clr_core.schedules.plan import CyclePlan

NAMES = {
    "cyclic": "a cyclical schedule",
    "one_cycle": "one cycle",
    "constant": "a constant LR",
    "linear_decay": "linear decay",
    "cosine_decay": "cosine decay",
    "warmup_stable_decay": "warmup-stable-decay",
}

MANY_EPOCHS = 20
"""From there on the report warns of overfitting."""

LONGEST_BESIDE = 64
"""Characters of a call that fit into a line of 100 beside ``bounds.schedule()``."""

NOTABLE = 1.25
"""A feature is unusual if it changes max_lr by more than this factor."""

UNUSUAL = {
    "half_fall": ("learns early", "learns late"),
    "divergence": ("diverges abruptly", "diverges gradually"),
    "signal_to_noise": ("noisy losses", "little noise in the losses"),
    "relative_fall": ("a small drop in the loss", "a large drop in the loss"),
    "test_length": ("a short test", "a long test"),
    "passes": ("few passes of the test over the data", "many passes of the test over the data"),
    "epochs": ("few epochs", "many epochs"),
    "total_steps": ("a small budget", "a large budget"),
}
"""Each feature below and above its typical value."""


def title(kind: str, plan: CyclePlan) -> str:
    """What the bounds are for."""
    epochs = "" if plan.steps_per_epoch is None else f" ({plan.total_steps / plan.steps_per_epoch:.3g} epochs)"
    return f"Bounds for {NAMES[kind]} over {plan.total_steps:,} updates{epochs}"


def call(kind: str, schedule: Any) -> str:
    """The schedule as a person would type it, the LRs with three digits."""
    if kind == "constant":
        return f"clr_core.constant({schedule.lr:.3g})"
    if kind == "cyclic":
        return f"clr_core.triangular({schedule.base_lr:.3g}, {schedule.max_lr:.3g}, step_size={schedule.step_size})"
    steps = f"total_steps={schedule.total_steps}"
    if kind == "one_cycle":
        return f"clr_core.one_cycle({schedule.base_lr:.3g}, {schedule.max_lr:.3g}, {steps})"
    if kind == "warmup_stable_decay":
        parts = f"{schedule.total_steps}, {schedule.warmup_steps}, {schedule.decay_steps}"
        return f"clr_core.warmup_stable_decay({schedule.peak_lr:.3g}, {parts})"
    return f"clr_core.{kind}({schedule.initial_lr:.3g}, {steps})"


def code(kind: str, schedule: Any) -> str:
    """The line that makes the schedule, with what it is beside it, or below where the line would be too long."""
    typed = call(kind, schedule)
    return f"schedule = bounds.schedule(){'    ' if len(typed) <= LONGEST_BESIDE else chr(10) + '  '}# {typed}"


def trust(confidence: float) -> str:
    """What the confidence means."""
    return (
        f"Of suggestions with about this confidence, {100 * share_good(confidence):.0f} % lost less than 5 % of what "
        "the best LR gains (held-out tasks: small networks, trained from scratch)."
    )


def reasons(marks: Landmarks, effects: Sequence[Effect], base_lr: float, max_lr: float, tests: int) -> Iterator[str]:
    """How the bounds follow from the landmarks."""
    if tests > 1:
        yield f"max_lr is the geometric mean of the suggestions of {tests} range tests; the landmarks are medians."
    where = (
        f"The loss rises again at lr {marks.rise_lr:.3g}"
        if marks.rise_seen
        else f"The loss did not rise again before the last lr, {marks.rise_lr:.3g}"
    )
    yield f"{where}; max_lr is {max_lr / marks.rise_lr:.3g} times that."
    unusual = [
        f"{UNUSUAL[effect.feature][effect.value > effect.typical]} (max_lr "
        f"{'x' if effect.factor > 1 else '/'} {max(effect.factor, 1 / effect.factor):.2g})"
        for effect in effects
        if not 1 / NOTABLE < effect.factor < NOTABLE
    ]
    if unusual:
        yield f"Unusual here: {', '.join(unusual)}."
    if max_lr >= marks.last_lr:
        yield "max_lr is the last LR of the test: nothing is known beyond it."
    if 0 < base_lr < max_lr:
        yield f"base_lr is max_lr / {max_lr / base_lr:.3g}."


def observations(marks: Landmarks) -> Iterator[str]:
    """What a person would see on the curve, from left to right."""
    if marks.fall_start_seen:
        yield f"The loss starts at {marks.start_loss:.4g} and begins to drop at lr {marks.fall_start_lr:.3g}."
    else:
        yield f"The loss starts at {marks.start_loss:.4g} and drops from the first update on."
    end = f"90 % of the drop is complete by lr {marks.fall_end_lr:.3g}"
    yield f"It drops fastest at lr {marks.steepest_lr:.3g}; {end}."
    noise = f", a drop of {marks.clarity:.3g} times the noise" if marks.noise else ""
    yield f"It is lowest, {marks.best_loss:.4g}, at lr {marks.best_lr:.3g}{noise}."
    if marks.clarity > MOST_SIGNAL:
        yield "That is smoother than batch losses are, so a typical noise is assumed."
    if marks.rise_seen:
        yield f"It rises again at lr {marks.rise_lr:.3g}."
    else:
        yield f"It has not risen again at lr {marks.rise_lr:.3g}, where the test ends."
    if marks.accuracy is not None:
        yield (
            f"The accuracy gains up to {marks.accuracy.gain:.2f}: a tenth of that by lr {marks.accuracy.rise_lr:.3g} "
            f"and nine tenths by lr {marks.accuracy.slow_lr:.3g}, which are base_lr and max_lr in Smith's reading."
        )


def source(curves: Sequence[LRCurve], marks: Landmarks) -> str:
    """What was read: the heading of the observations."""
    curve = curves[0]
    momentum = {None: "", False: " without momentum", True: " with momentum"}[curve.momentum]
    optimizer = f", {curve.optimizer}{momentum}" if curve.optimizer else ""
    updates = f"{marks.updates} updates{optimizer}"
    if len(curves) > 1:
        return f"What the curves show (medians of {len(curves)} range tests, the first one pictured; {updates}):"
    return f"What the curve shows ({updates}):"


def next_steps(kind: str, lr: float, plan: CyclePlan) -> Iterator[str]:
    """What to do with the bounds."""
    other = (
        f"a constant LR of {lr:.3g} and with linear decay to zero"
        if kind in ("cyclic", "one_cycle")
        else "half and twice that LR"
    )
    yield f"Train {plan.total_steps:,} updates. Compare with {other}, and keep the one with the best validation loss."
    if plan.steps_per_epoch is None:
        yield (
            "Pass a plan (clr_core.plan_cycles, or --steps-per-epoch) for bounds that take into account how often the "
            "run sees each example."
        )
    elif plan.total_steps / plan.steps_per_epoch >= MANY_EPOCHS:
        yield (
            f"Each example is seen {plan.total_steps / plan.steps_per_epoch:.3g} times: keep the checkpoint with the "
            "best validation loss, since no range test shows whether a run will overfit."
        )
    if plan.total_steps == TYPICAL_STEPS:
        yield f"Without a budget {TYPICAL_STEPS} updates are assumed: pass a plan or total_steps if yours differs."
