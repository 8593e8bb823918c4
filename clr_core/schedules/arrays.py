"""Steps in arrays: the namespace to compute in, whole numbers wide enough for the formulas, and their range.

The formulas multiply cycles by periods of up to 2**31-1 updates, which an int8 or int16 would wrap around: the LR
would be wrong, even negative, with no error. So a narrow array is widened before any formula sees it.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from clr_core.check import MAX_STEP


def whole_steps(step: Any, xp: Any) -> Any:
    """``step`` as an array of ints at least 32 bits wide; nothing is said about its values.

    Raises:
        TypeError: It is not an array of ints.
    """
    step = xp.asarray(step)
    name = getattr(step.dtype, "name", None) or str(step.dtype)
    if "int" not in name:
        raise TypeError(f"step must be an int or an array of ints, got dtype {name}")
    if name.endswith("uint64"):
        return xp.asarray(step, dtype=xp.int64)
    if name.endswith("uint32") or not name.endswith(("32", "64")):
        # Unsigned too, since torch has hardly any arithmetic for those.
        return xp.asarray(step, dtype=xp.int32)
    return step


def check_range(step: Any, xp: Any) -> None:
    """Refuse steps outside of 0..2**31-1, where their values are known.

    Raises:
        ValueError: One of them is negative or too large.
    """
    compiler = getattr(xp, "compiler", None)
    if compiler is not None and compiler.is_compiling():
        return  # looking would break the graph of torch.compile
    try:
        if not xp.any((step < 0) | (step > MAX_STEP)):
            return
    except (TypeError, RuntimeError):
        return  # traced or symbolic: there are no values yet
    lowest, highest = int(xp.min(step)), int(xp.max(step))
    raise ValueError(
        f"step must be an int in 0..{MAX_STEP}, got an array with step={lowest if lowest < 0 else highest}"
    )


def namespace_of(xp: Any) -> Any:
    """``xp`` itself where it has the array-API names; for ``keras.ops``, those names over its functions."""
    if hasattr(xp, "asarray") or not hasattr(xp, "convert_to_tensor"):
        return xp
    return _keras_namespace(xp)


@lru_cache(maxsize=8)
def _keras_namespace(ops: Any) -> Any:
    from clr_core.schedules.keras_ops import KerasOps

    return KerasOps(ops)
