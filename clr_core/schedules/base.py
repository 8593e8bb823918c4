"""What every schedule is: an immutable value that maps a step to a number."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import cached_property
from numbers import Integral
from typing import Any, TypeVar, dataclass_transform, overload

from clr_core.schedules import xp as python
from clr_core import check

_KINDS: dict[str, type[Schedule]] = {}
_SCALE_FNS: dict[str, Callable[[Any], Any]] = {}

S = TypeVar("S", bound="type[Schedule]")
F = TypeVar("F", bound=Callable[[Any], Any])


class Schedule:
    """A pure function of the step: update ``k`` of a training uses ``schedule(k)``, ``k = 0`` is the first.

    Schedules have no state. Two that were built alike are equal, hash alike, pickle, and survive
    ``from_dict(s.to_dict())``; resuming, seeking and previewing need nothing but the step.
    """

    @overload
    def __call__(self, step: int, *, xp: None = None) -> float: ...
    @overload
    def __call__(self, step: Any, *, xp: Any = None) -> Any: ...
    def __call__(self, step: Any, *, xp: Any = None) -> Any:
        """The value of update ``step``: a float, or an array where the step is one.

        Args:
            step: Optimizer updates so far, an int in 0..2**31-1, or an array of such (NumPy, JAX;
                torch and Keras tensors with ``xp=``). The values inside an array are not checked:
                under ``jit`` there are none yet.
            xp: Namespace to compute in: ``numpy``, ``jax.numpy``, ``torch`` or any other with the
                array-API names. Left out, it is read off the step.

        Returns:
            A float for an int; for an array, one of the same shape in the namespace's own default
            floating dtype (NumPy float64, JAX float32 unless x64 is on, torch's default dtype).

        Raises:
            TypeError: The step is not an int (a bool, a float, a float array).
            ValueError: The step is negative or above 2**31-1.
        """
        if xp is None and type(step) is int:
            if 0 <= step <= check.MAX_STEP:
                return self.evaluate(step, python)
            raise ValueError(f"step must be an int in 0..{check.MAX_STEP}, got step={step}")
        return self._array_value(step, xp)

    def _array_value(self, step: Any, xp: Any) -> Any:
        if xp is None:
            # NumPy's scalars are arrays to the array API, and ints to everybody who counts with them.
            if isinstance(step, Integral) or not hasattr(step, "__array_namespace__"):
                return self(check.whole("step", step, minimum=0))
            xp = step.__array_namespace__()
        step = xp.asarray(step)
        if "int" not in str(step.dtype):
            raise TypeError(f"step must be an int or an array of ints, got dtype {step.dtype}")
        return self.evaluate(step, xp)

    def evaluate(self, step: Any, xp: Any) -> Any:
        """The formula itself, over operators and ``xp`` alone, without the checks of a call.

        For adapters, which check the step themselves and call this between two updates.
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
        """Cycles that ended before update ``step``; 0 for a schedule that has none."""
        return 0

    def values(self, n: int) -> list[float]:
        """The first ``n`` values, ``[self(0), ..., self(n - 1)]``."""
        return [self(step) for step in range(check.whole("n", n, minimum=0))]

    def cycle(self, step: int) -> int:
        """The 0-based number of the cycle that update ``step`` belongs to.

        It is the number of cycles complete before that update, so a schedule without cycles says 0
        throughout, and a single cycle says 1 once it is over.
        """
        return self._completed_cycles(check.whole("step", step, minimum=0))

    def is_cycle_end(self, step: int) -> bool:
        """Whether update ``step`` is the last one of its cycle: the moment for a snapshot."""
        step = check.whole("step", step, minimum=0)
        return self._completed_cycles(step + 1) > self._completed_cycles(step)

    def to_dict(self) -> dict[str, Any]:
        """The schedule as plain JSON values; ``clr_core.from_dict`` turns them back into an equal one.

        Raises:
            ValueError: A ``scale_fn`` in it was never registered with ``register_scale_fn``.
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


@dataclass_transform(frozen_default=True, eq_default=False, field_specifiers=(dataclasses.field,))
def arguments(cls: S) -> S:
    """Make the annotations of a class of schedules its arguments, stored once and for all."""
    # What Schedule has already is not generated for each class: that is most of the time an import takes.
    dataclasses.dataclass(frozen=True, eq=False, repr=False)(cls)
    return cls


@dataclass_transform(frozen_default=True, eq_default=False, field_specifiers=(dataclasses.field,))
def policy(cls: S) -> S:
    """Make a class of schedules a policy: ``arguments``, and readable by ``from_dict`` under its own name."""
    cls = arguments(cls)
    _KINDS[cls.__name__] = cls
    return cls


def from_dict(config: dict[str, Any]) -> Schedule:
    """The schedule that ``Schedule.to_dict`` described.

    Args:
        config: A dict with ``"kind"``, the policy's name, and its arguments; it is not changed.

    Raises:
        TypeError: ``config`` is not a dict, or an argument is missing or unknown.
        ValueError: The kind is unknown or an argument is out of its range.

    Example:
        >>> import clr_core
        >>> s = clr_core.triangular(1e-3, 6e-3, step_size=2000)
        >>> clr_core.from_dict(s.to_dict()) == s
        True
    """
    if not isinstance(config, dict):
        raise TypeError(f"config must be a dict made by to_dict(), got config={config!r}")
    kind = check.choice("kind", config.get("kind"), _KINDS)
    arguments = {name: _from_json(value) for name, value in config.items() if name != "kind"}
    return _KINDS[kind](**arguments)


def policies() -> dict[str, type[Schedule]]:
    """Every policy by the name ``from_dict`` and the command line know it by."""
    return dict(_KINDS)


def register_scale_fn(name: str) -> Callable[[F], F]:
    """A decorator that names a ``scale_fn``, so that ``to_dict`` can write it and ``from_dict`` find it.

    Args:
        name: Non-empty, not taken by another function; the same in the process that saves and the
            one that loads.

    Raises:
        TypeError: The name is not a str, or what is decorated is not a function.
        ValueError: The name is empty or belongs to another function.

    Example:
        >>> import clr_core
        >>> @clr_core.register_scale_fn("halve")
        ... def halve(cycle):
        ...     return 0.5 ** (cycle - 1)
        >>> s = clr_core.cyclic(0.0, 1.0, step_size=10, scale_fn=halve)
        >>> clr_core.from_dict(s.to_dict())(30)
        0.5
    """
    if not isinstance(name, str):
        raise TypeError(f"name must be a non-empty str, got name={name!r}")
    if not name:
        raise ValueError(f"name must be a non-empty str, got name={name!r}")

    def register(function: F) -> F:
        if not callable(function):
            raise TypeError(f"scale_fn must be callable, got scale_fn={function!r}")
        taken = _SCALE_FNS.get(name, function)
        # The same definition run again, as notebooks do, replaces itself.
        if (taken.__module__, taken.__qualname__) != (function.__module__, function.__qualname__):
            raise ValueError(f"name must not be taken by another scale_fn, got name={name!r}")
        _SCALE_FNS[name] = function
        return function

    return register


def scale_fn_name(function: Callable[[Any], Any]) -> str:
    """The name a ``scale_fn`` was registered under."""
    for name, registered in _SCALE_FNS.items():
        if registered is function:
            return name
    raise ValueError(
        f"scale_fn must be registered before it can be saved, got scale_fn={function!r}: put "
        '@clr_core.register_scale_fn("a_name") above its definition, where it is saved and where it is loaded'
    )


def _to_json(value: Any) -> Any:
    if isinstance(value, Schedule):
        return value.to_dict()
    if isinstance(value, tuple):
        return [_to_json(item) for item in value]
    if callable(value):
        return {"scale_fn": scale_fn_name(value)}
    return value


def _from_json(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return tuple(_from_json(item) for item in value)
    if isinstance(value, dict):
        return from_dict(value) if "kind" in value else _registered_scale_fn(value)
    return value


def _registered_scale_fn(config: dict[str, Any]) -> Callable[[Any], Any]:
    name = config.get("scale_fn")
    if not isinstance(name, str) or name not in _SCALE_FNS:
        raise ValueError(
            f"scale_fn must be a registered name, got scale_fn={name!r}: import the module that "
            f"registers it with @clr_core.register_scale_fn({name!r}) first"
        )
    return _SCALE_FNS[name]


def check_schedule(name: str, value: Any) -> Schedule:
    """``value`` if it is a schedule."""
    if not isinstance(value, Schedule):
        raise TypeError(f"{name} must be a clr_core schedule, got {name}={value!r}")
    return value


def check_momentum(name: str, value: Any) -> Schedule:
    """``value`` if it is a schedule of a momentum: all its values in [0, 1)."""
    low, high = check_schedule(name, value).limits()
    if not 0.0 <= low <= high < 1.0:
        raise ValueError(f"{name} must stay in [0, 1), got {name}={value!r}")
    return value  # type: ignore[no-any-return]


def lerp(low: Any, high: Any, weight: Any) -> Any:
    """``low + (high - low) * weight``, in a form that is exact at weight 0 and at weight 1."""
    return low * (1 - weight) + high * weight
