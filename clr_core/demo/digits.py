"""The data of the frameworks' demos: scikit-learn's handwritten digits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

BATCH = 32
HELD_OUT = 453
"""Leaves 1,344 images for training, 42 whole batches."""


@dataclass(frozen=True)
class Digits:
    """Images of 8 x 8 pixels, flattened and scaled to 0..1 (float32), and their labels (int64), as NumPy arrays."""

    train_x: Any
    train_y: Any
    test_x: Any
    test_y: Any

    @property
    def steps_per_epoch(self) -> int:
        return len(self.train_x) // BATCH

    def description(self, framework: str) -> tuple[str, ...]:
        """What is learned, from what and by what, one line each."""
        return (
            f"The problem: read {len(self.train_x) + HELD_OUT:,} handwritten digits of 8 x 8 pixels, in {framework}.",
            f"A network with a hidden layer of 32 units, trained by Adam in batches of {BATCH}:",
            f"{len(self.train_x):,} images for training, the other {HELD_OUT} held out.",
        )


def load_digits() -> Digits:
    """The data, split the same way every time.

    Raises:
        ModuleNotFoundError: scikit-learn, which ships the images, is not installed.
    """
    try:
        from sklearn import datasets  # pyright: ignore[reportMissingImports]
        from sklearn.model_selection import train_test_split  # pyright: ignore[reportMissingImports]
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "the digits need scikit-learn, which is not installed: pip install scikit-learn", name=error.name
        ) from error
    digits: Any = datasets.load_digits()
    images = (digits.data / 16).astype("float32")
    train_x, test_x, train_y, test_y = train_test_split(images, digits.target, test_size=HELD_OUT, random_state=0)
    return Digits(train_x, train_y, test_x, test_y)
