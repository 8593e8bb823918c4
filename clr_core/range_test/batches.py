"""Batches without end, out of data that has one."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from typing import TypeVar

T = TypeVar("T")


def endless(name: str, batches: Iterable[T]) -> Generator[T, None, None]:
    """The batches of an iterable, from the beginning again wherever they run out.

    Args:
        name: The argument that the user passed the iterable as, for the error.
        batches: A loader, a list, a dataset: anything that can be iterated over again and again.

    Raises:
        ValueError: There is no first batch, or none after the last one, as with a generator.

    Example:
        >>> from itertools import islice
        >>> from clr_core.range_test.batches import endless
        >>> list(islice(endless("batches", [1, 2]), 5))
        [1, 2, 1, 2, 1]
    """
    given = 0
    while True:
        before = given
        for batch in batches:
            given += 1
            yield batch
        if given == before:
            raise ValueError(
                f"{name} must give a batch to every update of the range test, got {given}: pass a list, a DataLoader "
                "or anything else that can be iterated over again, more batches, or a smaller num_steps"
            )
