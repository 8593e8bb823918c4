"""The names the core formulas use, over ``keras.ops``: float32 throughout, whatever ``floatx`` is.

A learning rate in float16 or bfloat16 would have 11 or 8 bits, and a step in float32 would be wrong from
2**24 on, so integers stay int32 until a division, a multiplication or a power makes float32 of them.
"""

from __future__ import annotations

from typing import Any

from keras import ops

__all__ = ["asarray", "cos", "divide", "exp2", "minimum", "multiply", "searchsorted", "take", "where"]

cos = ops.cos
exp2 = ops.exp2
minimum = ops.minimum


def asarray(x: Any, dtype: Any = None) -> Any:
    if dtype is None and isinstance(x, list) and isinstance(x[0], float):
        dtype = "float32"
    return ops.convert_to_tensor(x, dtype=dtype)


def divide(x: Any, y: Any) -> Any:
    return ops.divide(_float32(x), _float32(y))


def multiply(x: Any, y: Any) -> Any:
    return ops.multiply(_float32(x), _float32(y))


def where(condition: Any, if_true: Any, if_false: Any) -> Any:
    branches = (_float32(x) if isinstance(x, float) else x for x in (if_true, if_false))
    return ops.where(condition, *branches)


def searchsorted(table: Any, values: Any, side: str = "left") -> Any:
    # TensorFlow searches for a vector only.
    found = ops.searchsorted(table, ops.reshape(values, (-1,)), side=side)
    return ops.reshape(found, ops.shape(values))


def take(table: Any, index: Any) -> Any:
    return ops.take(table, index, axis=0)


def _float32(x: Any) -> Any:
    return ops.convert_to_tensor(x, dtype="float32")
