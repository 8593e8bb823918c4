"""How many examples Hypothesis tries: all, or the share that the environment variable CLR_TEST_EXAMPLES names."""

from __future__ import annotations

import os

SHARE = float(os.environ.get("CLR_TEST_EXAMPLES", "1"))


def examples(count: int) -> int:
    """That share of ``count``, and three at least."""
    return max(min(3, count), round(SHARE * count))
