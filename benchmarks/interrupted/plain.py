"""State as plain values, which are equal only if everything is the same to the bit, in the same objects."""

from __future__ import annotations

import random
import signal
import sys
from typing import Any

import numpy as np


def plain(value: Any) -> Any:
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(value, torch.Tensor):
        return (id(value), value.requires_grad, str(value.dtype), value.detach().flatten().view(torch.uint8).tolist())
    if isinstance(value, np.ndarray):
        return (str(value.dtype), value.shape, value.tobytes())
    if isinstance(value, dict):
        return [(plain(key), plain(item)) for key, item in value.items()]
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return id(value) if hasattr(value, "__array__") else repr(value)  # whose values are compared elsewhere


def first_difference(before: Any, now: Any) -> str:
    """The innermost values that differ first."""
    both_lists = isinstance(before, list | tuple) and isinstance(now, list | tuple) and len(before) == len(now)
    if both_lists and not isinstance(before[0], str):
        return next(first_difference(one, other) for one, other in zip(before, now, strict=True) if one != other)
    return f"{before!r:.100} was, {now!r:.100} is"


def of_the_process() -> dict[str, Any]:
    """What belongs to no model: random states, modes and signal handlers."""
    found: dict[str, Any] = {
        "Python's random state": random.getstate(),
        "NumPy's random state": plain(np.random.get_state()),
        "signal handlers": [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM)],
    }
    torch = sys.modules.get("torch")
    if torch is not None:
        found["torch's random state"] = torch.get_rng_state().tolist()
        found["torch's modes"] = (torch.is_grad_enabled(), torch.is_inference_mode_enabled())
        found["torch's modes"] += (torch.is_autocast_enabled("cpu"),)
    return found
