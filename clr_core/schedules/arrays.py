"""Steps in arrays: the namespace to compute in, whole numbers wide enough for the formulas, and their range.

The formulas multiply cycles by periods of up to 2**31-1 updates, which an int8 or int16 would wrap around: the LR
would be wrong, even negative, with no error. So a narrow array is widened before any formula sees it.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from clr_core.check import MAX_STEP, shown


def whole_steps(step: Any, xp: Any) -> Any:
    """``step`` as an array of ``xp``, of ints at least 32 bits wide.

    Raises:
        TypeError: It is not an array of ints.
        ValueError: A step would be another number in a narrower dtype, or in ``xp``; where values are known.
    """
    if hasattr(step, "__array_namespace__") and (own := step.__array_namespace__()) is not xp:
        # JAX would turn NumPy's int64 into int32 without a word.
        step = whole_steps(step, own)
        check_range(step, own)
    step = xp.asarray(step)
    name = getattr(step.dtype, "name", None) or str(step.dtype)
    if "int" not in name:
        raise TypeError(f"step must be an int or an array of ints, got dtype {name}")
    if name.endswith(("uint32", "uint64")):
        # Unsigned too, since torch has hardly any arithmetic for those; what is too large becomes negative.
        bits = int(name[-2:])
        step = xp.asarray(step, dtype=getattr(xp, f"int{bits}"))
        _check(step, xp, step < 0, added=2**bits)
        return step
    return step if name.endswith(("32", "64")) else xp.asarray(step, dtype=xp.int32)


def check_range(step: Any, xp: Any) -> None:
    """Refuse steps outside of 0..2**31-1, where their values are known.

    Raises:
        ValueError: One of them is negative or too large.
    """
    _check(step, xp, (step < 0) | (step > MAX_STEP))


def _check(step: Any, xp: Any, is_wrong: Any, *, added: int = 0) -> None:
    """Refuse the steps that are wrong, where their values are known; ``added`` is what they lost by wrapping around."""
    compiler = getattr(xp, "compiler", None)
    if compiler is not None and compiler.is_compiling():
        return  # looking would break the graph of torch.compile
    try:
        if not xp.any(is_wrong):
            return
    except (TypeError, RuntimeError):
        return  # traced or symbolic: there are no values yet
    lowest, highest = int(xp.min(step)), int(xp.max(step))
    wrong = (lowest if lowest < 0 else highest) + added
    raise ValueError(f"step must be an int in 0..{MAX_STEP}, got an array with step={wrong}")


def namespace_of(xp: Any) -> Any:
    """``xp`` itself where it has the array-API names; for ``keras.ops``, those names over its functions.

    Raises:
        TypeError: It is neither.
    """
    if hasattr(xp, "asarray"):
        return xp
    if hasattr(xp, "convert_to_tensor") and hasattr(xp, "any"):  # TensorFlow has the first alone
        return _keras_namespace(xp)
    raise TypeError(f"xp must be numpy, jax.numpy, torch, keras.ops or another array-API namespace, got xp={shown(xp)}")


@lru_cache(maxsize=8)
def _keras_namespace(ops: Any) -> Any:
    from clr_core.schedules.keras_ops import KerasOps

    return KerasOps(ops)
