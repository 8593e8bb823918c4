"""Learning-rate suggestions of other libraries, each as a function of one recorded range test.

``RULES`` maps a name to a rule ``(lrs, losses) -> lr or None``. The losses are the raw ones of every update, recorded
to the end of the ramp, and may hold inf and nan; ``lrs[k]`` is the LR of the update that ``losses[k]`` belongs to.
A rule is all that the library does with them under its defaults: smoothing, stop, cut, suggestion. None stands for
an exception or no answer. Faults are kept, and so is single precision where the library computes in it, because on
flat stretches the rounding decides. Written from how torch-lr-finder 0.2.2, pytorch-ignite 0.5.5, lightning 2.6.6
and fastai 2.8.12 behave; check_peers.py compares each rule with the library itself.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = Sequence[float]
Singles = NDArray[np.float32]
Rule = Callable[[Floats, Floats], float | None]


def as_singles(values: Any) -> Singles:
    """The values as a float32 tensor would hold them."""
    return np.asarray(values, np.float32)


def average_from_first(losses: Floats) -> list[float]:
    """Moving average that starts at the first loss, up to the first value above 5 times the best.

    A first loss below zero is above 5 times itself: the test ends there. After a nan it never ends.
    """
    smoothed: list[float] = []
    best = np.nan
    for loss in as_singles(losses).tolist():
        value = 0.05 * loss + (1 - 0.05) * smoothed[-1] if smoothed else loss
        best = value if not smoothed or value < best else best
        smoothed.append(value)
        if value > 5 * best:
            break
    return smoothed


@np.errstate(all="ignore")
def torch_lr_finder(lrs: Floats, losses: Floats) -> float | None:
    """Steepest descent over the index, without the first 10 points and the last 5; at least 17 points."""
    smoothed = average_from_first(losses)
    if len(smoothed) < 17:
        return None
    return float(lrs[10 + int(np.argmin(np.gradient(smoothed[10:-5])))])


@np.errstate(all="ignore")
def ignite(lrs: Floats, losses: Floats) -> float | None:
    """Steepest descent over the index before the minimum, nothing cut; the LR is that of the update after it."""
    smoothed = as_singles(average_from_first(losses))
    falling = smoothed[: np.argmin(smoothed) + 1]
    if len(falling) < 3:
        return None
    steepest = 1 + int(np.argmin((falling[2:] - falling[:-2]) / 2))
    return float(lrs[steepest + 1])  # it notes the LR that the next update will use


@np.errstate(all="ignore")
def lightning(lrs: Floats, losses: Floats) -> float | None:
    """Steepest descent over the LR itself, without the first 10 points, the last one and those not finite.

    The moving average starts at zero, and its bias correction is one step ahead: a constant loss of 1 reads 0.505,
    0.673, 0.755. It stops above 4 times the best value before.
    """
    average, best = 0.0, 0.0
    smoothed: list[float] = []
    for step, loss in enumerate(as_singles(losses).tolist(), 1):
        average = 0.98 * average + (1 - 0.98) * loss
        value = average / (1 - 0.98 ** (step + 1))
        smoothed.append(value)
        if step > 1 and value > 4 * best:
            break
        best = value if step == 1 or value < best else best
    shown = as_singles(smoothed)
    kept = 10 + np.flatnonzero(np.isfinite(shown[10:-1]))
    if len(kept) < 2:
        return None
    slope = np.gradient(shown[kept], as_singles(lrs)[kept])
    return float(lrs[kept[np.argmin(slope)]])


def fastai_window(lrs: Floats, losses: Floats) -> tuple[Singles, Singles]:
    """The LRs and smoothed losses that fastai shows its rules.

    The moving average starts at zero with the right bias correction, and stops above 4 times the best value. Cut are
    a tenth of the ramp's updates, however few were made, the last 5 points, and all from the first nan on.
    """
    weight = float(np.float32(1) - np.float32(0.98))
    average, best = np.float32(0), np.float32(np.inf)
    smoothed: list[np.float32] = []
    for count, loss in enumerate(as_singles(losses), 1):
        average = np.float32(float(average) - float(average - loss) * weight)  # as a fused multiply-add rounds
        value = average / np.float32(1 - 0.98**count)
        smoothed.append(value)
        best = value if value < best else best
        if value > 4 * best:
            break
    window = slice(len(losses) // 10, max(len(smoothed) - 5, 0))
    shown = as_singles(smoothed[window])
    shown = shown[: np.argmax(np.isnan(shown))] if np.isnan(shown).any() else shown
    return as_singles(lrs[window])[: len(shown)], shown


@np.errstate(all="ignore")
def fastai_valley(lrs: Floats, losses: Floats) -> float | None:
    """Halfway along the longest decreasing subsequence, its length laid off backwards from its end.

    Where that reaches back past the first point, the index can be -1: the last LR of the window.
    """
    window, smoothed = fastai_window(lrs, losses)
    ends: list[float] = []  # ends[k] is the highest loss that ends a decreasing subsequence of k + 1, negated
    last = 0
    for index, loss in enumerate((-smoothed).tolist()):
        length = bisect_left(ends, loss)
        if length == len(ends):
            last = index
        ends[length : length + 1] = [loss]
    if not ends:
        return None
    length = len(ends) if last else 0
    return float(window[last - length + int(length / 3) + int(length / 3 / 2)])


@np.errstate(all="ignore")
def fastai_slide(lrs: Floats, losses: Floats) -> float | None:
    """From the right, the last of the LRs at which the gradient over the index differs by 0.005 from 15 points on."""
    window, smoothed = fastai_window(lrs, losses)
    if len(window) < 16:
        return None
    slope = np.gradient(smoothed)
    index = len(window) - 16
    found = window[index]
    while index >= 0 and abs(slope[index + 15] - slope[index]) > np.float32(0.005):
        found = window[index]
        index -= 1
    return float(found)


@np.errstate(all="ignore")
def fastai_minimum(lrs: Floats, losses: Floats) -> float | None:
    """A tenth of the LR at the minimum."""
    window, smoothed = fastai_window(lrs, losses)
    return float(window[np.argmin(smoothed)]) / 10 if len(window) else None


@np.errstate(all="ignore")
def fastai_steep(lrs: Floats, losses: Floats) -> float | None:
    """Steepest forward difference over the logarithm of the LR."""
    window, smoothed = fastai_window(lrs, losses)
    if len(window) < 2:
        return None
    logarithms = as_singles(np.log(window.astype(float)))
    return float(window[np.argmin(np.diff(smoothed) / np.diff(logarithms))])


RULES: dict[str, Rule] = {
    "torch-lr-finder": torch_lr_finder,
    "ignite": ignite,
    "lightning": lightning,
    "fastai valley": fastai_valley,
    "fastai slide": fastai_slide,
    "fastai minimum": fastai_minimum,
    "fastai steep": fastai_steep,
}
