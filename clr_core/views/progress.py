"""Progress of long work on stderr: a bar where a person is watching, one plain line where not."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")


def progress(iterable: Iterable[T], total: int, description: str) -> Iterator[T]:
    """The items of ``iterable``, with a tqdm bar on stderr if it is a terminal and tqdm is installed.

    Otherwise ``description`` is written to stderr once, before the first item.

    Args:
        iterable: What to go through.
        total: The number of items, an int >= 0, for the bar.
        description: What is being done, in a few words.

    Example:
        >>> from clr_core.views.progress import progress
        >>> sum(progress([1, 2, 3], total=3, description="adding up"))
        6
    """
    if sys.stderr.isatty():
        try:
            from tqdm import tqdm  # type: ignore[import-untyped,import-not-found,unused-ignore]
        except ModuleNotFoundError:
            pass
        else:
            yield from tqdm(iterable, total=total, desc=description, leave=False)
            return
    print(f"{description} ...", file=sys.stderr, flush=True)
    yield from iterable
