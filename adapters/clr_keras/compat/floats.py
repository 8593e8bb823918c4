"""Whole numbers where the libraries that these classes replace take floats."""

from __future__ import annotations

from numbers import Real
from typing import Any

from clr_core import check


def whole(name: str, value: Any) -> int:
    """``value`` as an int >= 1; a float will do if it is whole, as ``np.ceil`` gives it.

    Raises:
        TypeError: It is not a number.
        ValueError: It is not whole or below 1.
    """
    if isinstance(value, Real) and not hasattr(value, "__index__"):
        number = float(value)
        if not number.is_integer():
            raise ValueError(f"{name} must be a whole number, got {name}={number!r}: round it")
        value = int(number)
    return check.whole(name, value)
