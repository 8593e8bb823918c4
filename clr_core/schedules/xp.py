"""The array-API names that formulas use, for plain Python numbers.

NumPy, ``jax.numpy`` and torch have functions of the same names (``keras.ops`` through ``keras_ops.py``), and each
formula is written once, over whichever of them it is given as ``xp``. A formula may use no other names.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from math import cos, exp2
from operator import mul as multiply
from operator import truediv as divide
from typing import Any

__all__ = [
    "asarray",
    "cos",
    "divide",
    "exp2",
    "minimum",
    "multiply",
    "searchsorted",
    "take",
    "where",
]


def minimum(x: Any, y: Any) -> Any:
    # The built-in min, which takes any number of arguments, takes twice as long.
    return x if x < y else y


def where(condition: Any, if_true: Any, if_false: Any) -> Any:
    return if_true if condition else if_false


def asarray(values: Any, dtype: Any = None) -> Any:
    return values


def searchsorted(table: Sequence[int], value: int, side: str = "left") -> int:
    return (bisect_right if side == "right" else bisect_left)(table, value)


def take(table: Sequence[Any], index: int) -> Any:
    return table[index]
