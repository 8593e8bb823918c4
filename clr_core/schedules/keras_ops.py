"""The names that formulas use, over ``keras.ops``, which is handed in: core imports no framework.

Float32 throughout, whatever ``floatx`` is: an LR in float16 or bfloat16 would have 11 or 8 bits. Integers stay
integers until a division, a multiplication or a power needs a float, since a float32 step is wrong from 2**24 on.
"""

from __future__ import annotations

from typing import Any


class KerasOps:
    """``keras.ops`` as the namespace of a formula.

    Args:
        ops: The module ``keras.ops``.
    """

    int32, int64 = "int32", "int64"

    def __init__(self, ops: Any) -> None:
        self._ops = ops
        self.any, self.min, self.max = ops.any, ops.min, ops.max
        self.cos, self.exp2, self.minimum = ops.cos, ops.exp2, ops.minimum

    def asarray(self, x: Any, dtype: Any = None) -> Any:
        if dtype is None and isinstance(x, list) and isinstance(x[0], float):
            dtype = "float32"
        return self._ops.convert_to_tensor(x, dtype=dtype)

    def divide(self, x: Any, y: Any) -> Any:
        return self._ops.divide(self._float32(x), self._float32(y))

    def multiply(self, x: Any, y: Any) -> Any:
        return self._ops.multiply(self._float32(x), self._float32(y))

    def where(self, condition: Any, if_true: Any, if_false: Any) -> Any:
        branches = (self._float32(x) if isinstance(x, float) else x for x in (if_true, if_false))
        return self._ops.where(condition, *branches)

    def searchsorted(self, table: Any, values: Any, side: str = "left") -> Any:
        # TensorFlow searches for a vector only.
        found = self._ops.searchsorted(table, self._ops.reshape(values, (-1,)), side=side)
        return self._ops.reshape(found, self._ops.shape(values))

    def take(self, table: Any, index: Any) -> Any:
        return self._ops.take(table, index, axis=0)

    def _float32(self, x: Any) -> Any:
        return self._ops.convert_to_tensor(x, dtype="float32")
