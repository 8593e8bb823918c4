"""The exact value of every schedule, and how far from it a computed one may be.

Written from the formulas in the public docstrings, over ``fractions.Fraction``, with mpmath for cosines
and powers; nothing here comes from the library. A schedule is what ``to_dict()`` says: its kind and its
arguments. Floats in it stand for the exact binary number they are, except ``t_mult``, which the
docstring reads as the decimal it is written as.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Iterable
from fractions import Fraction
from functools import lru_cache
from typing import Any

import mpmath  # type: ignore[import-untyped]

LAST_STEP = 2**31 - 1

_DIGITS = 90
_PLACES = 300
"""Binary places kept of a cosine or a power: 2**-300 of the peak is nothing beside 2**-52 of it."""

SCALE_FNS: dict[str, Callable[[Any], Any]] = {
    "tests.half": lambda x: x * 0 + Fraction(1, 2),
    "tests.reciprocal": lambda x: 1 / (1 + x),
}
"""The scale functions the strategies register, once more: of a Fraction they give a Fraction."""


def cos_pi(x: Fraction) -> Fraction:
    """``cos(pi * x)``."""
    with mpmath.workdps(_DIGITS):
        return _fraction(mpmath.cospi(_mpf(x)))


def power(base: Fraction, exponent: Fraction | int) -> Fraction:
    """``base ** exponent`` for a positive base."""
    with mpmath.workdps(_DIGITS):
        return _fraction(mpmath.power(_mpf(base), _mpf(Fraction(exponent))))


def _mpf(x: Fraction) -> Any:
    return mpmath.mpf(x.numerator) / x.denominator


def _fraction(x: Any) -> Fraction:
    return Fraction(int(mpmath.ldexp(x, _PLACES)), 2**_PLACES)


def exact(config: dict[str, Any], step: int) -> Fraction:
    """The exact value of update ``step`` of the schedule that ``config`` describes."""
    arguments = {name: value for name, value in config.items() if name != "kind"}
    return _VALUES[config["kind"]](step, **arguments)


def _wave(step: int, up: int, down: int | None) -> tuple[int, Fraction]:
    """The cycle, and the height in it: ``k, h``."""
    down = down or up
    k, position = divmod(step, up + down)
    return k, min(Fraction(position, up), Fraction(up + down - position, down))


def triangular(step: int, *, base_lr: float, max_lr: float, step_size: int, step_size_down: int | None) -> Fraction:
    _, h = _wave(step, step_size, step_size_down)
    return Fraction(base_lr) + (Fraction(max_lr) - Fraction(base_lr)) * h


def triangular2(step: int, *, base_lr: float, max_lr: float, step_size: int, step_size_down: int | None) -> Fraction:
    k, h = _wave(step, step_size, step_size_down)
    halvings = power(Fraction(1, 2), k)
    return Fraction(base_lr) + (Fraction(max_lr) - Fraction(base_lr)) * h * halvings


def exp_range(
    step: int,
    *,
    base_lr: float,
    max_lr: float,
    step_size: int,
    step_size_down: int | None,
    gamma: float,
    decay: str,
) -> Fraction:
    _, h = _wave(step, step_size, step_size_down)
    base, difference = Fraction(base_lr), Fraction(max_lr) - Fraction(base_lr)
    declined = power(Fraction(gamma), step)
    if decay == "bounds":
        return declined * (base + difference * h)
    return base + difference * h * declined


def cyclic(
    step: int,
    *,
    base_lr: float,
    max_lr: float,
    step_size: int,
    step_size_down: int | None,
    shape: str,
    scale_fn: dict[str, str] | None,
    scale_mode: str,
) -> Fraction:
    k, h = _wave(step, step_size, step_size_down)
    shaped = {"linear": h, "cosine": _hann(h), "parabolic": 1 - (1 - h) ** 2}[shape]
    scale = Fraction(1)
    if scale_fn is not None:
        scale = SCALE_FNS[scale_fn["scale_fn"]](Fraction(k + 1 if scale_mode == "cycle" else step))
    return Fraction(base_lr) + (Fraction(max_lr) - Fraction(base_lr)) * shaped * scale


def _hann(h: Fraction) -> Fraction:
    return (1 - cos_pi(h)) / 2


@lru_cache(maxsize=256)
def restarts(period: int, t_mult: float) -> list[tuple[int, int]]:
    """The first update and the length of every cycle that begins by the last step, for ``t_mult > 1``."""
    ratio = Fraction(repr(t_mult))
    numerator, denominator, start = period, 1, 0
    cycles = []
    while start <= LAST_STEP:
        length = (2 * numerator + denominator) // (2 * denominator)  # halves up
        cycles.append((start, length))
        start += length
        numerator, denominator = numerator * ratio.numerator, denominator * ratio.denominator
    return cycles


def cosine_restarts(step: int, *, min_lr: float, max_lr: float, period: int, t_mult: float, decay: float) -> Fraction:
    if t_mult == 1:
        k, position = divmod(step, period)
        length = period
    else:
        cycles = restarts(period, t_mult)
        k = bisect_right(cycles, step, key=lambda cycle: cycle[0]) - 1
        start, length = cycles[k]
        position = step - start
    low, top = Fraction(min_lr), Fraction(max_lr)
    if decay != 1:
        top *= power(Fraction(decay), k)
    return low + (top - low) * (1 + cos_pi(Fraction(position, length))) / 2


def one_cycle(
    step: int,
    *,
    base_lr: float,
    max_lr: float,
    total_steps: int,
    variant: str,
    anneal: str,
    rise_fraction: float,
    final_lr: float,
) -> Fraction:
    base, top, final = Fraction(base_lr), Fraction(max_lr), Fraction(final_lr)
    shape = _hann if anneal == "cosine" else Fraction
    smith = variant == "smith"
    peak = Fraction(total_steps, 2) if smith else Fraction(rise_fraction) * total_steps - 1
    end = total_steps if smith else total_steps - 1
    step = min(step, end)
    if step <= peak:
        return base + (top - base) * shape(step / peak)
    if variant == "three_phase":
        if step <= 2 * peak:
            return base + (top - base) * shape((2 * peak - step) / peak)
        return final + (base - final) * shape((end - step) / (end - 2 * peak))
    return final + (top - final) * shape((end - step) / (end - peak))


def step_decay(step: int, *, initial_lr: float, factor: float, every: int) -> Fraction:
    return Fraction(initial_lr) * power(Fraction(factor), step // every)


def linear_ramp(step: int, *, start_lr: float, end_lr: float, num_steps: int) -> Fraction:
    start, end = Fraction(start_lr), Fraction(end_lr)
    return start + (end - start) * Fraction(min(step, num_steps - 1), num_steps - 1)


def exponential_ramp(step: int, *, start_lr: float, end_lr: float, num_steps: int) -> Fraction:
    start, end = Fraction(start_lr), Fraction(end_lr)
    return start * power(end / start, Fraction(min(step, num_steps - 1), num_steps - 1))


def constant(step: int, *, lr: float) -> Fraction:
    return Fraction(lr)


def linear_decay(step: int, *, initial_lr: float, total_steps: int, final_lr: float) -> Fraction:
    initial, final = Fraction(initial_lr), Fraction(final_lr)
    return initial + (final - initial) * Fraction(min(step, total_steps), total_steps)


def cosine_decay(step: int, *, initial_lr: float, total_steps: int, final_lr: float) -> Fraction:
    initial, final = Fraction(initial_lr), Fraction(final_lr)
    return final + (initial - final) * (1 + cos_pi(Fraction(min(step, total_steps), total_steps))) / 2


def warmup_stable_decay(
    step: int,
    *,
    peak_lr: float,
    total_steps: int,
    warmup_steps: int,
    decay_steps: int,
    final_lr: float,
) -> Fraction:
    peak, final = Fraction(peak_lr), Fraction(final_lr)
    step = min(step, total_steps)
    if step < warmup_steps:
        return peak * Fraction(step, warmup_steps)
    if step < total_steps - decay_steps:
        return peak
    return final + (peak - final) * Fraction(total_steps - step, decay_steps)


def _piece(step: int, schedules: list[dict[str, Any]], boundaries: list[int]) -> tuple[dict[str, Any], int]:
    """The schedule in charge of a step of a ``join``, and its own step."""
    begun = sum(boundary <= step for boundary in boundaries)
    return schedules[begun], step - (0, *boundaries)[begun]


def join(step: int, *, schedules: list[dict[str, Any]], boundaries: list[int]) -> Fraction:
    return exact(*_piece(step, schedules, boundaries))


def momentum_for(step: int, *, schedule: dict[str, Any], low: float, high: float) -> Fraction:
    bottom, top = bounds(schedule)
    if schedule["kind"] == "one_cycle" and schedule["variant"] == "two_phase":
        # Down to the last step, as torch's: the share of a cycle whose LR ends where it began.
        schedule = schedule | {"base_lr": 0.0, "max_lr": 1.0, "final_lr": 0.0}
        bottom, top = Fraction(0), Fraction(1)
    share = min(max((exact(schedule, step) - bottom) / (top - bottom), Fraction(0)), Fraction(1))
    return Fraction(high) + (Fraction(low) - Fraction(high)) * share


_VALUES: dict[str, Callable[..., Fraction]] = {
    function.__name__: function
    for function in (
        constant,
        cosine_decay,
        cosine_restarts,
        cyclic,
        exp_range,
        exponential_ramp,
        join,
        linear_decay,
        linear_ramp,
        momentum_for,
        one_cycle,
        step_decay,
        triangular,
        triangular2,
        warmup_stable_decay,
    )
}

KINDS = tuple(_VALUES)

_BOUNDS = {
    "constant": ("lr", "lr"),
    "cosine_decay": ("final_lr", "initial_lr"),
    "cosine_restarts": ("min_lr", "max_lr"),
    "linear_decay": ("final_lr", "initial_lr"),
    "momentum_for": ("low", "high"),
    "step_decay": (None, "initial_lr"),
    "warmup_stable_decay": ("final_lr", "peak_lr"),
}
"""The arguments a schedule is bounded by, where they are not ``base_lr`` and ``max_lr``."""


def bounds(config: dict[str, Any]) -> tuple[Fraction, Fraction]:
    kind = config["kind"]
    if kind == "join":
        lows, highs = zip(*map(bounds, config["schedules"]), strict=True)
        return min(lows), max(highs)
    if kind in ("linear_ramp", "exponential_ramp"):
        ends = Fraction(config["start_lr"]), Fraction(config["end_lr"])
        return min(ends), max(ends)
    low, high = _BOUNDS.get(kind, ("base_lr", "max_lr"))
    return Fraction(config[low] if low else 0), Fraction(config[high])


def allowed(config: dict[str, Any], step: int, eps: float) -> Fraction:
    """The published error bound at a step, for a result whose dtype has this ``eps``."""
    kind = config["kind"]
    if kind == "join":
        return allowed(*_piece(step, config["schedules"], config["boundaries"]), eps)
    if kind == "momentum_for":
        bottom, top = bounds(config["schedule"])
        return 16 * Fraction(eps) * Fraction(config["high"]) * top / (top - bottom)
    rounded = 4
    if kind in ("cosine_decay", "cosine_restarts", "exp_range", "exponential_ramp", "step_decay"):
        rounded = 16
    if config.get("shape") == "cosine" or config.get("anneal") == "cosine":
        rounded = 16
    if config.get("scale_fn") == {"scale_fn": "tests.reciprocal"}:
        # The bound is for an exact scale_fn. This one rounds its argument, a sum and a quotient: 3 eps/2.
        rounded += 2
    return rounded * Fraction(eps) * bounds(config)[1]


def violations(config: dict[str, Any], steps: Iterable[int], values: Iterable[float], eps: float) -> list[str]:
    """A sentence for every step whose value lies outside the published bound; none, if all is well."""
    found = []
    for step, value in zip(steps, values, strict=True):
        right, bound = exact(config, step), allowed(config, step, eps)
        error = abs(Fraction(value) - right) if math.isfinite(value) else None
        if error is None or error > bound:
            share = "no number" if error is None else f"{float(error / bound) if bound else math.inf:.3g} bounds off"
            found.append(f"step {step}: {value!r}, exactly {float(right)!r}: {share}")
    return found


__all__ = ["KINDS", "LAST_STEP", "SCALE_FNS", "allowed", "bounds", "exact", "restarts", "violations"]
