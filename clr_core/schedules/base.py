"""What every schedule is: an immutable value that maps a step to a number.

Three rules. A schedule has no state, so resuming, seeking and previewing are exact. Its formula is written once,
in ``evaluate``, over operators and the names of ``clr_core.schedules.xp``. A step stays an integer, at least 32
bits wide, until it has been reduced modulo the period.
"""

from __future__ import annotations

import dataclasses
from functools import cached_property
from numbers import Integral
from typing import Any, TypeVar, dataclass_transform, overload

from clr_core import check
from clr_core.schedules import xp as python
from clr_core.schedules.arrays import check_range, namespace_of, whole_steps
from clr_core.schedules.scale_fns import scale_fn_name

MAX_DEPTH = 50
"""Schedules within schedules; the formulas, ``repr`` and ``==`` recurse, and Python stops at a thousand calls."""

POLICIES: dict[str, type[Schedule]] = {}
"""Every policy, by its name in ``from_dict`` and on the command line."""

S = TypeVar("S", bound="type[Schedule]")


class Schedule:
    """A pure function of the step: update ``k`` of a training run uses ``schedule(k)``, and ``k = 0`` is the first.

    Schedules have no state. Two with the same arguments are equal and hash alike; every schedule pickles, and
    ``from_dict(s.to_dict())`` gives an equal one. To resume, seek or preview, the step is all you need.
    """

    depth = 1
    """Levels of schedules within schedules, this one included; at most ``MAX_DEPTH``."""

    @overload
    def __call__(self, step: int, *, xp: None = None) -> float: ...
    @overload
    def __call__(self, step: Any, *, xp: Any = None) -> Any: ...
    def __call__(self, step: Any = None, *, xp: Any = None) -> Any:
        """The value of update ``step``: a float, or an array where the step is one.

        Args:
            step: Optimizer updates so far, an int in 0..2**31-1, or an array of such ints of any width
                (NumPy, JAX; torch and Keras tensors with ``xp=``).
            xp: Namespace to compute in: ``numpy``, ``jax.numpy``, ``torch``, ``keras.ops`` or any other
                with the array-API names. By default that of the step.

        Returns:
            A float for an int. For an array, an array of the same shape in the namespace's default
            floating dtype (NumPy float64, JAX float32 unless x64 is on, torch's default dtype, Keras float32).

        Raises:
            TypeError: The step is not an int (a bool, a float, a float array), or a tensor without ``xp``; ``xp`` is no
                namespace.
            ValueError: The step is negative or above 2**31-1. Inside an array this is checked where the
                values are known: not under ``jit`` or in a graph.
        """
        if xp is None and type(step) is int:
            if 0 <= step <= check.MAX_STEP:
                return self.evaluate(step, python)
            raise ValueError(f"step must be an int in 0..{check.MAX_STEP}, got step={check.shown(step)}")
        return self._array_value(step, xp)

    def _array_value(self, step: Any, xp: Any) -> Any:
        if xp is None:
            if step is None:  # as frameworks call it that take any function as a learning rate
                raise TypeError(
                    "a schedule must be called with a step, got step=None: give an optimizer ScheduleLR(schedule) from "
                    "the adapter of your framework, not the schedule itself"
                )
            # To the array API NumPy's scalars are arrays; to everybody who counts with them they are ints.
            if isinstance(step, Integral) or not hasattr(step, "__array_namespace__"):
                if getattr(step, "ndim", 0):
                    raise TypeError(
                        f"steps in a {type(step).__name__} must come with xp=, such as xp=torch, got step={step!r}"
                    )
                return self(check.whole("step", step, minimum=0))
            xp = step.__array_namespace__()
        elif isinstance(step, int):
            step = check.whole("step", step, minimum=0)
        xp = namespace_of(xp)
        step = whole_steps(step, xp)
        check_range(step, xp)
        return self.evaluate(step, xp)

    def evaluate(self, step: Any, xp: Any) -> Any:
        """The formula itself, over operators and ``xp`` alone, without the checks of a call.

        For adapters, which check the step themselves and call this between two updates. An array of
        steps must be at least 32 bits wide (``clr_core.schedules.arrays.whole_steps``).
        """
        raise NotImplementedError

    def limits(self) -> tuple[float, float]:
        """The lowest and the highest value of the schedule's definition, such as base_lr and max_lr."""
        raise NotImplementedError

    @cached_property
    def _bounds(self) -> tuple[float, float]:
        return self.limits()

    def _momentum_share(self, step: Any, xp: Any) -> Any:
        """How far the momentum that moves opposite to this LR is from its high (0) to its low (1)."""
        bottom, top = self._bounds
        share = (self.evaluate(step, xp) - bottom) / (top - bottom)
        share = xp.where(share > 0.0, share, 0.0)
        return xp.where(share < 1.0, share, 1.0)

    def _completed_cycles(self, step: int) -> int:
        """Cycles completed before update ``step``; 0 for a schedule without cycles."""
        return 0

    def values(self, n: int) -> list[float]:
        """The first ``n`` values, ``[self(0), ..., self(n - 1)]``."""
        return [self(step) for step in range(check.whole("n", n, minimum=0))]

    def cycle(self, step: int) -> int:
        """The 0-based number of the cycle that update ``step`` belongs to.

        This is the number of cycles completed before that update: always 0 for a schedule without
        cycles, and 1 after the end of a single cycle.
        """
        return self._completed_cycles(check.whole("step", step, minimum=0))

    def is_cycle_end(self, step: int) -> bool:
        """Whether update ``step`` is the last one of its cycle: the time to take a snapshot."""
        step = check.whole("step", step, minimum=0)
        return self._completed_cycles(step + 1) > self._completed_cycles(step)

    def to_dict(self) -> dict[str, Any]:
        """The schedule as a dict of JSON values; ``clr_core.from_dict`` reads it back as an equal schedule.

        Raises:
            ValueError: It has a ``scale_fn`` that is not registered with ``register_scale_fn``.
        """
        arguments = {name: _to_json(value) for name, value in self._arguments().items()}
        return {"kind": type(self).__name__} | arguments

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and other._arguments() == self._arguments()

    def __hash__(self) -> int:
        return hash((type(self), *self._arguments().values()))

    def __repr__(self) -> str:
        arguments = ", ".join(f"{name}={value!r}" for name, value in self._arguments().items())
        return f"{type(self).__name__}({arguments})"

    def _arguments(self) -> dict[str, Any]:
        fields = dataclasses.fields(self)  # type: ignore[arg-type]  # every subclass is a dataclass
        return {field.name: getattr(self, field.name) for field in fields}

    def _set(self, **checked: Any) -> None:
        """Store checked arguments, once, from ``__post_init__``."""
        for name, value in checked.items():
            object.__setattr__(self, name, value)

    def __setattr__(self, name: str, value: Any) -> None:
        raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")

    def __delattr__(self, name: str) -> None:
        raise dataclasses.FrozenInstanceError(f"cannot delete field {name!r}")


@dataclass_transform(frozen_default=True, eq_default=False, field_specifiers=(dataclasses.field,))
def arguments(cls: S) -> S:
    """Make the annotated fields of a class of schedules its constructor's arguments, and freeze them."""
    # Generating methods is most of the time an import takes: not those that Schedule has, and none where a
    # class adds no field to its base.
    if "__annotations__" in vars(cls):
        dataclasses.dataclass(frozen=True, eq=False, repr=False)(cls)
    return cls


@dataclass_transform(frozen_default=True, eq_default=False, field_specifiers=(dataclasses.field,))
def policy(cls: S) -> S:
    """Make a class of schedules a policy: ``arguments``, and ``from_dict`` knows it by its name."""
    cls = arguments(cls)
    POLICIES[cls.__name__] = cls
    return cls


def _to_json(value: Any) -> Any:
    if isinstance(value, Schedule):
        return value.to_dict()
    if isinstance(value, tuple):
        return [_to_json(item) for item in value]
    if callable(value):
        return {"scale_fn": scale_fn_name(value)}
    return value


def check_schedule(name: str, value: Any) -> Schedule:
    """``value`` if it is a schedule."""
    if not isinstance(value, Schedule):
        raise TypeError(f"{name} must be a clr_core schedule, got {name}={check.shown(value)}")
    return value


def check_depth(name: str, inner: int) -> int:
    """The depth of a schedule made of others that are ``inner`` deep."""
    if inner >= MAX_DEPTH:
        raise ValueError(f"{name} must be nested at most {MAX_DEPTH} schedules deep, got {inner + 1}")
    return inner + 1


def check_momentum(name: str, value: Any) -> Schedule:
    """``value`` if it is a schedule of a momentum: all its values in [0, 1)."""
    low, high = check_schedule(name, value).limits()
    if not 0.0 <= low <= high < 1.0:
        raise ValueError(f"{name} must stay in [0, 1), got {name}={value!r}")
    return value  # type: ignore[no-any-return]


def lerp(low: Any, high: Any, weight: Any) -> Any:
    """``low + (high - low) * weight``, exact at weight 0 and at weight 1."""
    return low * (1 - weight) + high * weight
