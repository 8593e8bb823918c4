"""Names for the functions that ``cyclic`` scales by: JSON can hold a name, not a function."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from clr_core import check

_REGISTERED: dict[str, Callable[[Any], Any]] = {}

F = TypeVar("F", bound=Callable[[Any], Any])


def register_scale_fn(name: str) -> Callable[[F], F]:
    """A decorator that names a ``scale_fn``, so that a schedule that uses it can be saved and loaded.

    Args:
        name: A name that no other function has: ``to_dict`` writes it and ``from_dict`` looks it up, so
            register the function under the same name where you save and where you load.

    Raises:
        TypeError: The name is not a str, or the decorated object is not callable.
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
        taken = _REGISTERED.get(name, function)
        # The same definition, run again as in a notebook, replaces itself.
        if _definition(taken) != _definition(function):
            raise ValueError(f"name must not be taken by another scale_fn, got name={name!r}")
        _REGISTERED[name] = function
        return function

    return register


def _definition(function: Any) -> Any:
    """Where a function is defined; an object such as a partial is defined nowhere, and equal to itself alone."""
    qualname = getattr(function, "__qualname__", None)
    return function if qualname is None else (function.__module__, qualname)


def scale_fn_name(function: Callable[[Any], Any]) -> str:
    """The name a ``scale_fn`` was registered under."""
    for name, registered in _REGISTERED.items():
        if registered is function:
            return name
    raise ValueError(
        f"scale_fn must be registered to be saved, got scale_fn={function!r}: decorate its definition with "
        '@clr_core.register_scale_fn("a_name"), where you save and where you load'
    )


def registered_scale_fn(name: Any) -> Callable[[Any], Any]:
    """The function registered under a name."""
    if not isinstance(name, str) or name not in _REGISTERED:
        raise ValueError(
            f"scale_fn must be a registered name, got scale_fn={check.shown(name)}: import the module that "
            "registers it with @clr_core.register_scale_fn first"
        )
    return _REGISTERED[name]
