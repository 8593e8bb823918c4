"""Checks on arguments: the rule, then the value, in one sentence.

A wrong kind is a ``TypeError``, a wrong range a ``ValueError``; nothing is clamped or repaired.
"""

from __future__ import annotations

import math
import operator
import reprlib
from collections.abc import Collection
from numbers import Real
from typing import Any

MAX_STEP = 2**31 - 1
"""The largest step every framework can count to: the int32 maximum."""

LONGEST_SHOWN = 200
"""The characters of a value that a message has at most, but of an int all."""


def whole(name: str, value: Any, *, minimum: int = 1, maximum: int = MAX_STEP) -> int:
    """``value`` as an int in ``minimum..maximum``; anything with ``__index__`` but a bool will do."""
    rule = f"{name} must be an int >= {minimum}"
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise TypeError(f"{rule}, got {name}={shown(value)}")
    try:
        number = operator.index(value)
    except (TypeError, AttributeError):  # of an array, or of a tensor of floats
        raise TypeError(f"{rule}, got {name}={shown(value)}") from None
    if number < minimum:
        raise ValueError(f"{rule}, got {name}={shown(number)}")
    if number > maximum:
        raise ValueError(f"{name} must be an int <= {maximum}, got {name}={shown(number)}")
    return number


def real(
    name: str,
    value: Any,
    *,
    minimum: float = -math.inf,
    above: float = -math.inf,
    maximum: float = math.inf,
    below: float = math.inf,
) -> float:
    """``value`` as a finite float with ``minimum <= value <= maximum`` and ``above < value < below``."""
    limits = [
        f"{sign} {limit:g}"
        for sign, limit in ((">=", minimum), (">", above), ("<=", maximum), ("<", below))
        if math.isfinite(limit)
    ]
    rule = f"{name} must be a finite number" + (" " + " and ".join(limits) if limits else "")
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{rule}, got {name}={shown(value)}")
    try:
        number = float(value)
    except OverflowError:
        raise ValueError(f"{rule}, got {name}={shown(value)}") from None
    if not (math.isfinite(number) and minimum <= number <= maximum and above < number < below):
        raise ValueError(f"{rule}, got {name}={number!r}")
    return number


def choice(name: str, value: Any, options: Collection[str]) -> str:
    """``value`` if it is one of ``options``."""
    rule = f"{name} must be one of {', '.join(map(repr, options))}"
    if not isinstance(value, str):
        raise TypeError(f"{rule}, got {name}={shown(value)}")
    if value not in options:
        raise ValueError(f"{rule}, got {name}={value!r}")
    return value


def ordered(low_name: str, low: float, high_name: str, high: float) -> None:
    """Raise unless ``low <= high``."""
    if low > high:
        raise ValueError(f"{high_name} must be >= {low_name}, got {low_name}={low!r}, {high_name}={high!r}")


def shown(value: Any) -> str:
    """``repr(value)`` in one line, of what is long the beginning, as of a model or of batches in the wrong place.

    Its type where Python refuses, as for ints of 5,000 digits.
    """
    try:
        text = reprlib.repr(value) if isinstance(value, dict | list | tuple | set) else repr(value)
    except (ValueError, RecursionError):
        return f"<{type(value).__name__}>"
    line = " ".join(text.split()) if "\n" in text else text
    return line if len(line) <= LONGEST_SHOWN or isinstance(value, int) else line[:LONGEST_SHOWN] + "..."
