"""What there is to draw of a range test: a scene of losses against LR."""

from __future__ import annotations

from collections.abc import Sequence

from clr_core.range_test.smoothing import smooth, without_spikes
from clr_core.views.scene import Scene, Series


def scene_of_losses(lrs: Sequence[float], losses: Sequence[float], metrics: Sequence[float] | None = None) -> Scene:
    """The raw and the smoothed losses, and the smoothed metric where there is one.

    Args:
        lrs: Of the finite part of a curve.
        losses: As many finite numbers; what diverged is drawn at the upper edge.
        metrics: As many finite numbers, or None.
    """
    low, high = _limits_of_interest(losses)
    clipped = tuple(min(loss, high) for loss in losses)
    series = (
        Series("loss of each update", tuple(lrs), clipped, is_line=False),
        Series("smoothed", tuple(lrs), tuple(smooth(lrs, clipped)), is_line=True),
    )
    right = None
    if metrics:
        right = Series("accuracy, smoothed", tuple(lrs), tuple(smooth(lrs, metrics)), is_line=True)
    return Scene("Range test", "learning rate", "loss", True, (low, high), series if losses else (), right=right)


def _limits_of_interest(losses: Sequence[float]) -> tuple[float, float]:
    """The lowest and highest loss worth showing: a divergence would press everything else flat."""
    if not losses:
        return 0.0, 1.0
    opening = sorted(losses[:5])
    low, start = min(without_spikes(losses)), opening[len(opening) // 2]
    return low, start + 0.5 * (start - low) if start > low else max(losses)
