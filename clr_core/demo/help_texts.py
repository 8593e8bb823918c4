"""Real data that ships with Python: the gaps between the letters of its own help texts."""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Mapping

WINDOW = 3
"""Letters seen on either side of a gap."""

ROWS = 2 * WINDOW * 26
"""One row of weights for each letter at each of the places seen."""

Gap = tuple[tuple[int, ...], bool]
"""The rows that the letters around a gap select, and whether a word ends there."""

HELD_OUT_EVERY = 4
"""Of the topics in alphabetical order, the first, fifth, ninth ... are held out."""


def help_texts() -> dict[str, list[str]]:
    """Python's help topics (``help("for")`` and the like), each as a list of words in lower case."""
    # The stubs that type checkers bring do not know this module; the standard library has it.
    from pydoc_data.topics import topics  # type: ignore[import-untyped,unused-ignore]

    return {name: re.findall("[a-z]+", topics[name].lower()) for name in sorted(topics)}


def split(texts: Mapping[str, list[str]]) -> tuple[list[list[str]], list[list[str]]]:
    """Whole topics for training and whole topics held out, so that no sentence is in both."""
    words = list(texts.values())
    learn = [text for index, text in enumerate(words) if index % HELD_OUT_EVERY]
    return learn, words[::HELD_OUT_EVERY]


def gaps(words: Iterable[str]) -> list[Gap]:
    """Every gap between two letters of a text that has ``WINDOW`` letters on either side.

    Example:
        >>> from clr_core.demo import help_texts
        >>> found = help_texts.gaps(["abc", "def"])
        >>> found == [((0, 27, 54, 81, 108, 135), True)]
        True
    """
    letters: list[int] = []
    ends = set()
    for word in words:
        letters += [ord(letter) - ord("a") for letter in word]
        ends.add(len(letters))
    places = range(2 * WINDOW)
    return [
        (tuple(26 * place + letters[at - WINDOW + place] for place in places), at in ends)
        for at in range(WINDOW, len(letters) - WINDOW + 1)
    ]


def sample(texts: Iterable[list[str]], count: int, *, seed: int) -> list[Gap]:
    """``count`` different gaps of the texts, randomly sampled; the same ones for the same seed."""
    return random.Random(seed).sample([gap for words in texts for gap in gaps(words)], count)
