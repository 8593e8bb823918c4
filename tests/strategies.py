"""Hypothesis strategies for schedules and steps, and a fixed list of schedules that covers the corners.

Sizes run from 1 to the largest int32, bounds coincide or are far apart, and steps crowd where pieces meet.
"""

from __future__ import annotations

from itertools import accumulate
from typing import Any

import oracle
from hypothesis import strategies as st

import clr_core
from clr_core import Schedule

LAST_STEP = oracle.LAST_STEP


@clr_core.register_scale_fn("tests.half")
def half(x: Any) -> Any:
    return x * 0 + 0.5


@clr_core.register_scale_fn("tests.reciprocal")
def reciprocal(x: Any) -> Any:
    return 1 / (1 + x)


# Steps.

_EVERYWHERE = (0, 1, 2, 2**24, 2**24 + 1, 10**9, 10**9 + 1, LAST_STEP - 1, LAST_STEP)
"""float32 counts no further than 2**24; 10**9 is where today's libraries are off by the whole amplitude."""


def turning_points(config: dict[str, Any]) -> list[int]:
    """The first steps at which a schedule turns, jumps or begins anew, and some of the last ones."""
    kind = config["kind"]
    if kind == "join":
        starts = [0, *config["boundaries"]]
        inner = [turning_points(piece) for piece in config["schedules"]]
        return [start + turn for start, turns in zip(starts, inner, strict=True) for turn in [0, *turns]]
    if kind == "momentum_for":
        return turning_points(config["schedule"])
    if "step_size" in config:
        up = config["step_size"]
        period = up + (config["step_size_down"] or up)
        return _repeated(period, (0, up), (1, 2, 1024, 1025))
    if kind == "cosine_restarts" and config["t_mult"] != 1:
        starts = [start for start, _ in oracle.restarts(config["period"], config["t_mult"])]
        return starts[:6] + starts[-3:]
    if kind in ("cosine_restarts", "step_decay"):
        return _repeated(config.get("period") or config["every"], (0,), (1, 2, 20))
    if kind == "one_cycle":
        end = config["total_steps"]
        share = 0.5 if config["variant"] == "smith" else config["rise_fraction"]
        return [int(share * end), int(2 * share * end), end]
    if kind == "warmup_stable_decay":
        return [config["warmup_steps"], config["total_steps"] - config["decay_steps"], config["total_steps"]]
    return [config.get("total_steps") or config.get("num_steps") or 1]


def _repeated(period: int, within: tuple[int, ...], cycles: tuple[int, ...]) -> list[int]:
    last = LAST_STEP // period
    return [period * k + turn for k in (0, *cycles, last - 1, last) for turn in within]


def boundary_steps(schedule: Schedule) -> list[int]:
    """The steps at and beside every turning point, and those at which number formats end."""
    near = [turn + beside for turn in turning_points(schedule.to_dict()) for beside in (-2, -1, 0, 1)]
    return sorted({step for step in (*_EVERYWHERE, *near) if 0 <= step <= LAST_STEP})


def any_steps(count: int) -> st.SearchStrategy[list[int]]:
    """``count`` steps, as many of them small as large."""
    return st.lists(sizes(minimum=0), min_size=count, max_size=count)


def sizes(*, minimum: int = 1, maximum: int = LAST_STEP) -> st.SearchStrategy[int]:
    """Whole numbers, as often with 2 digits as with 9, and often the smallest or the largest."""
    corners = [n for n in (1, 2, 3, 7, 10, 2000, 2**24 + 1, maximum - 1, maximum) if minimum <= n <= maximum]
    limits = [2**bits for bits in range(1, 31, 3) if minimum < 2**bits < maximum]
    ranges = [st.integers(minimum, limit) for limit in (*limits, maximum)]
    return st.one_of(st.sampled_from(corners or [minimum]), *ranges)


# Values.

lrs = st.one_of(
    st.sampled_from([0.0, 1e-7, 1e-3, 6e-3, 0.1, 1.0, 10.0]),
    st.floats(1e-30, 1e30),
    st.floats(1e-4, 10.0),
)
"""From 1e-30: a float32 as small still has all its digits, so the error bound means something."""

factors = st.one_of(
    st.sampled_from([1.0, 1 - 2**-53, 1 - 1e-9, 0.99994, 0.999, 0.5, 0.1, 1e-300, 5e-324]),
    st.floats(0.0, 1.0, exclude_min=True),
    st.floats(0.999, 1.0),
)
"""Decay factors: per-update ones are near 1, and 5e-324 is the smallest there is."""


@st.composite
def bounds(draw: st.DrawFn) -> tuple[float, float]:
    """``low <= high``: near each other, far apart or the same."""
    high = draw(lrs)
    near = st.sampled_from([0.0, high, high / 10, high * (1 - 2**-50)])
    return draw(st.one_of(near, st.floats(min(1e-30, high), high))), high


# Schedules.


@st.composite
def halves(draw: st.DrawFn) -> dict[str, int | None]:
    """``step_size`` and perhaps ``step_size_down``, whose sum a step can still count to."""
    if draw(st.booleans()):
        return {"step_size": draw(sizes(maximum=LAST_STEP // 2)), "step_size_down": None}
    up = draw(sizes(maximum=LAST_STEP - 1))
    return {"step_size": up, "step_size_down": draw(sizes(maximum=LAST_STEP - up))}


@st.composite
def waves(draw: st.DrawFn) -> Schedule:
    """``triangular``, ``triangular2``, ``exp_range`` and ``cyclic``."""
    low, high = draw(bounds())
    size: dict[str, Any] = draw(halves())
    kind = draw(st.sampled_from(["triangular", "triangular2", "exp_range", "cyclic"]))
    if kind == "triangular":
        return clr_core.triangular(low, high, **size)
    if kind == "triangular2":
        return clr_core.triangular2(low, high, **size)
    if kind == "exp_range":
        decay = draw(st.sampled_from(["amplitude", "bounds"]))
        return clr_core.exp_range(low, high, **size, gamma=draw(factors), decay=decay)
    return clr_core.cyclic(
        low,
        high,
        **size,
        shape=draw(st.sampled_from(["linear", "cosine", "parabolic"])),
        scale_fn=draw(st.sampled_from([None, half, reciprocal])),
        scale_mode=draw(st.sampled_from(["cycle", "iterations"])),
    )


@st.composite
def restarting(draw: st.DrawFn) -> Schedule:
    """``cosine_restarts`` of constant and of growing cycles."""
    low, high = draw(bounds())
    # From 1.02: nearer to 1, thousands of cycles make the oracle's whole numbers long.
    ratios = st.one_of(st.sampled_from([1.0, 1.1, 1.5, 2.0, 3.0, 10.0]), st.floats(1.02, 4.0), st.floats(1.02, 1e3))
    return clr_core.cosine_restarts(
        low,
        high,
        draw(sizes()),
        t_mult=draw(ratios),
        decay=draw(st.one_of(st.just(1.0), factors)),
    )


@st.composite
def single_cycles(draw: st.DrawFn) -> Schedule:
    """``one_cycle`` in every variant."""
    low, high = draw(bounds())
    variant = draw(st.sampled_from(["smith", "two_phase", "three_phase"]))
    arguments: dict[str, Any] = {
        "variant": variant,
        "anneal": draw(st.sampled_from([None, "linear", "cosine"])),
        "final_lr": draw(st.one_of(st.none(), st.sampled_from([0.0, low]), st.floats(0.0, low))),
    }
    if variant == "smith":
        total_steps = 2 * draw(sizes(maximum=LAST_STEP // 2))
    else:
        total_steps = draw(sizes(minimum=4))
        # Each phase needs a step, so the peak lies between 0 and the end (three phases: half of it).
        lowest, highest = 1.25 / total_steps, 1 - 1 / total_steps
        if variant == "three_phase":
            highest = 0.5
        arguments["rise_fraction"] = draw(
            st.one_of(st.just((lowest + highest) / 2), st.floats(lowest, highest, exclude_max=variant == "two_phase"))
        )
    return clr_core.one_cycle(low, high, total_steps, **arguments)


@st.composite
def baselines(draw: st.DrawFn) -> Schedule:
    """``constant``, the decays, ``warmup_stable_decay`` and the two ramps."""
    low, high = draw(bounds())
    kinds = ["constant", "linear_decay", "cosine_decay", "warmup_stable_decay", "step_decay", "linear", "exp"]
    kind = draw(st.sampled_from(kinds))
    if kind == "constant":
        return clr_core.constant(high)
    if kind == "linear_decay":
        return clr_core.linear_decay(high, draw(sizes()), final_lr=low)
    if kind == "cosine_decay":
        return clr_core.cosine_decay(high, draw(sizes()), final_lr=low)
    if kind == "warmup_stable_decay":
        total = draw(sizes())
        decay = draw(sizes(maximum=total))
        warmup = draw(st.integers(0, total - decay))
        return clr_core.warmup_stable_decay(high, total, warmup, decay, final_lr=low)
    if kind == "step_decay":
        return clr_core.step_decay(high, factor=draw(factors), every=draw(sizes()))
    ends = (high, low) if draw(st.booleans()) else (low, high)
    if kind == "linear":
        return clr_core.linear_ramp(*ends, num_steps=draw(sizes(minimum=2)))
    ends = (max(ends[0], 1e-30), max(ends[1], 1e-30))
    return clr_core.exponential_ramp(*ends, num_steps=draw(sizes(minimum=2)))


simple = st.one_of(waves(), restarting(), single_cycles(), baselines())
"""Every schedule that is not made of others."""


@st.composite
def joined(draw: st.DrawFn) -> Schedule:
    """``join`` of two to four, and ``with_warmup``."""
    if draw(st.booleans()):
        return clr_core.with_warmup(
            draw(simple), draw(sizes(maximum=LAST_STEP - 1)), start_lr=draw(st.one_of(st.just(0.0), lrs))
        )
    pieces = draw(st.lists(simple, min_size=1, max_size=4))
    lengths = draw(st.lists(sizes(maximum=2**29 - 1), min_size=len(pieces) - 1, max_size=len(pieces) - 1))
    return clr_core.join(pieces, list(accumulate(lengths)))


def moves(schedule: Schedule) -> bool:
    """Whether ``momentum_for`` has two bounds to move between."""
    bottom, top = oracle.bounds(schedule.to_dict())
    return bottom < top


@st.composite
def opposed(draw: st.DrawFn) -> Schedule:
    """``momentum_for`` a schedule, itself joined or not."""
    low, high = draw(st.sampled_from([(0.85, 0.95), (0.0, 0.99), (0.5, 0.5), (0.0, 0.0)]))
    return clr_core.momentum_for(draw(st.one_of(simple, joined()).filter(moves)), low=low, high=high)


schedules = st.one_of(simple, joined(), opposed())
"""Every schedule there is."""


def corners() -> list[Schedule]:
    """A fixed list for ways of computing that compile each schedule, so that many steps share a compilation."""
    up_to = LAST_STEP // 2
    cycle = clr_core.triangular(1e-3, 6e-3, 2000)
    return [
        cycle,
        clr_core.triangular(0.0, 1.0, 1),
        clr_core.triangular(0.1, 0.1, 3),
        clr_core.triangular(0.0, 0.0, 3),
        clr_core.triangular(1e-30, 1e30, 7, step_size_down=2**24 + 1),
        clr_core.triangular(0.1, 1.0, up_to),
        clr_core.triangular(0.1, 1.0, 1, step_size_down=LAST_STEP - 1),
        clr_core.triangular(0.1, 1.0, LAST_STEP - 1, step_size_down=1),
        clr_core.triangular2(1e-3, 6e-3, 2000),
        clr_core.triangular2(0.0, 1.0, 1),
        clr_core.triangular2(0.5, 1.0, 3, step_size_down=2),
        clr_core.triangular2(0.0, 10.0, up_to),
        clr_core.exp_range(1e-3, 6e-3, 2000, gamma=0.99994),
        clr_core.exp_range(1e-3, 6e-3, 2000, gamma=0.99994, decay="bounds"),
        clr_core.exp_range(0.0, 1.0, 1, gamma=1 - 2**-53),
        clr_core.exp_range(0.1, 1.0, 3, gamma=1 - 1e-9, decay="bounds"),
        clr_core.exp_range(0.1, 1.0, 3, gamma=5e-324),
        clr_core.exp_range(0.1, 1.0, up_to, gamma=1.0),
        clr_core.cyclic(0.1, 1.0, 5, shape="cosine"),
        clr_core.cyclic(0.1, 1.0, 5, shape="parabolic", step_size_down=7),
        clr_core.cyclic(0.0, 1.0, up_to, shape="cosine"),
        clr_core.cyclic(0.0, 1.0, up_to, shape="parabolic", scale_fn=half),
        clr_core.cyclic(0.1, 1.0, 2000, scale_fn=reciprocal),
        clr_core.cyclic(0.1, 1.0, 3, scale_fn=reciprocal, scale_mode="iterations", shape="cosine"),
        clr_core.cosine_restarts(0.0, 1.0, 10),
        clr_core.cosine_restarts(0.1, 1.0, 1),
        clr_core.cosine_restarts(0.1, 1.0, LAST_STEP),
        clr_core.cosine_restarts(0.0, 1.0, 10, t_mult=1.1),
        clr_core.cosine_restarts(0.0, 1.0, 1, t_mult=3.0),
        clr_core.cosine_restarts(0.1, 1.0, 10, t_mult=2.0, decay=0.5),
        clr_core.cosine_restarts(0.0, 1.0, 50, t_mult=1.5, decay=0.9),
        clr_core.cosine_restarts(0.0, 1.0, LAST_STEP, t_mult=10.0),
        clr_core.cosine_restarts(0.2, 0.2, 7, t_mult=10.0, decay=0.1),
        clr_core.cosine_restarts(0.0, 1.0, 3, decay=1 - 1e-9),
        clr_core.one_cycle(0.1, 1.0, 10),
        clr_core.one_cycle(0.1, 1.0, 2),
        clr_core.one_cycle(0.1, 1.0, LAST_STEP - 1, anneal="cosine"),
        clr_core.one_cycle(0.1, 1.0, 10, variant="two_phase"),
        clr_core.one_cycle(0.1, 1.0, 10_007, variant="two_phase", anneal="linear"),
        clr_core.one_cycle(0.1, 1.0, LAST_STEP, variant="two_phase"),
        clr_core.one_cycle(0.1, 1.0, 10, variant="three_phase"),
        clr_core.one_cycle(0.1, 1.0, 10_007, variant="three_phase", anneal="linear", rise_fraction=0.25),
        clr_core.one_cycle(1.0, 1.0, LAST_STEP, variant="three_phase", rise_fraction=0.5, final_lr=0.0),
        # Last phases a few updates long: of 18.6 where doubles must count them, of 1 to 3 where float32 cannot.
        clr_core.one_cycle(1e-7, 1e-7, 2000, variant="three_phase", anneal="linear", rise_fraction=0.4950943074588023),
        clr_core.one_cycle(0.1, 1.0, LAST_STEP, variant="two_phase", rise_fraction=1 - 1e-9, final_lr=0.0),
        clr_core.step_decay(1.0, factor=0.5, every=1),
        clr_core.step_decay(0.1, factor=0.97, every=1000),
        clr_core.step_decay(0.1, factor=1 - 1e-9, every=1),
        clr_core.step_decay(0.1, factor=0.1, every=LAST_STEP),
        clr_core.linear_ramp(1e-7, 10.0, 100),
        clr_core.linear_ramp(10.0, 0.0, LAST_STEP),
        clr_core.linear_ramp(0.0, 1.0, 2),
        clr_core.exponential_ramp(1e-7, 10.0, 100),
        clr_core.exponential_ramp(1.0, 1e-30, LAST_STEP),
        clr_core.exponential_ramp(0.1, 0.1, 2),
        # Ends so near each other that the difference of their logarithms has few digits left.
        clr_core.exponential_ramp(3.0337209986692016e29, 4.0459997915623496e29, 3),
        clr_core.exponential_ramp(5.053209008805888e19, 5.053209008805884e19, 3),
        clr_core.constant(0.1),
        clr_core.constant(0.0),
        clr_core.linear_decay(0.1, 1000),
        clr_core.linear_decay(0.1, LAST_STEP, final_lr=0.01),
        clr_core.cosine_decay(0.1, 1000),
        clr_core.cosine_decay(0.1, 1, final_lr=0.1),
        clr_core.cosine_decay(1.0, LAST_STEP, final_lr=0.01),
        clr_core.warmup_stable_decay(1.0, 100, 10, 20),
        clr_core.warmup_stable_decay(1.0, LAST_STEP, 2**24 + 1, LAST_STEP - 2**24 - 1, final_lr=0.1),
        clr_core.warmup_stable_decay(1.0, 7, 0, 7),
        clr_core.with_warmup(cycle, 500),
        clr_core.with_warmup(clr_core.cosine_restarts(0.0, 0.1, 10, t_mult=2.0), 2**24 + 1, start_lr=0.5),
        clr_core.join([cycle, clr_core.constant(1e-3), clr_core.linear_decay(1e-3, 10)], [8000, 8001]),
        clr_core.join([clr_core.step_decay(0.1, factor=0.5, every=3), clr_core.constant(1.0)], [LAST_STEP]),
        clr_core.join([clr_core.cyclic(0.1, 1.0, 5), clr_core.cyclic(0.1, 1.0, 5, scale_fn=half)], [20]),
        clr_core.momentum_for(cycle),
        clr_core.momentum_for(clr_core.one_cycle(0.1, 1.0, 10), low=0.0, high=0.99),
        clr_core.momentum_for(clr_core.cosine_restarts(0.1, 1.0, 10, t_mult=1.1, decay=0.5)),
        clr_core.momentum_for(clr_core.with_warmup(clr_core.triangular2(0.1, 1.0, 3), 5)),
    ]
