"""From the dict that ``Schedule.to_dict`` wrote back to the schedule."""

from __future__ import annotations

from typing import Any

from clr_core import check
from clr_core.schedules.base import MAX_DEPTH, POLICIES, Schedule
from clr_core.schedules.scale_fns import registered_scale_fn

MOST_CONTAINERS = 10_000
"""Dicts and lists in a config, counted as often as they occur in it."""


def from_dict(config: dict[str, Any]) -> Schedule:
    """The schedule that ``Schedule.to_dict`` described.

    Args:
        config: A dict with ``"kind"``, the policy's name, and the policy's arguments. It is not modified.

    Raises:
        TypeError: ``config`` is not a dict, or an argument is missing, unknown or of the wrong kind.
        ValueError: The kind is unknown, an argument is out of its range, or dicts and lists are nested
            more than 100 deep (schedules more than 50), as in one that contains itself.

    Example:
        >>> import clr_core
        >>> s = clr_core.triangular(1e-3, 6e-3, step_size=2000)
        >>> clr_core.from_dict(s.to_dict()) == s
        True
    """
    if not isinstance(config, dict):
        raise TypeError(f"config must be a dict made by to_dict(), got config={check.shown(config)}")
    _check_nesting(config)
    return _from_dict(config)


def _from_dict(config: dict[str, Any]) -> Schedule:
    kind = check.choice("kind", config.get("kind"), POLICIES)
    arguments = {name: _from_json(value) for name, value in config.items() if name != "kind"}
    return POLICIES[kind](**arguments)


def _check_nesting(config: dict[str, Any]) -> None:
    """Refuse what would exhaust Python's stack, or take for ever, as lists that hold one another twice would.

    Without recursion, and deepest first, so that a cycle is found.
    """
    waiting: list[tuple[Any, int]] = [(config, 1)]
    for _ in range(MOST_CONTAINERS):
        if not waiting:
            return
        container, level = waiting.pop()
        if level > 2 * MAX_DEPTH:
            raise ValueError(f"config must be nested at most {2 * MAX_DEPTH} dicts and lists deep, got a deeper one")
        items = container.values() if isinstance(container, dict) else container
        waiting += [(item, level + 1) for item in items if isinstance(item, dict | list | tuple)]
    raise ValueError(f"config must have at most {MOST_CONTAINERS} dicts and lists in it, got more")


def _from_json(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return tuple(_from_json(item) for item in value)
    if isinstance(value, dict):
        return _from_dict(value) if "kind" in value else registered_scale_fn(value.get("scale_fn"))
    return value
