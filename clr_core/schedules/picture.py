"""What there is to draw of a schedule: a scene of its values against the step."""

from __future__ import annotations

from collections.abc import Sequence

from clr_core.views.scene import Scene, Series


def scene_of_values(title: str, values: Sequence[float]) -> Scene:
    """The values of updates 0, 1, 2, ... as a line, from zero up.

    Args:
        title: Above the picture.
        values: At least one finite number.
    """
    line = Series("value", tuple(map(float, range(len(values)))), tuple(values), is_line=True)
    limits = min(0.0, *values), max(0.0, *values)
    return Scene(title, "step (optimizer updates)", "learning rate", False, limits, (line,))
