"""The learning rates and momenta of an optimizer's parameter groups."""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable
from typing import Any

from torch import Tensor
from torch.optim import Optimizer

from clr_core import Schedule
from clr_core import _validation as check

Group = dict[str, Any]
AddGroup = Callable[[Group], None]


def check_optimizer(name: str, value: Any) -> Optimizer:
    """``value`` if it is an optimizer whose groups have learning rates."""
    if not isinstance(value, Optimizer):
        raise TypeError(f"{name} must be a torch.optim.Optimizer, got {name}={value!r}")
    for index, group in enumerate(value.param_groups):
        if "lr" not in group:
            raise ValueError(f"{name} must have an lr in every group, got none in param_groups[{index}]")
    return value


def initial_lr(group: Group) -> float:
    """The LR the group was built with: ``initial_lr``, where a scheduler has kept it, or else ``lr``."""
    return float(group["initial_lr"] if "initial_lr" in group else group["lr"])


def check_first_lr(optimizer: Optimizer) -> float:
    """The LR the first group was built with, by which the others are measured."""
    lr = initial_lr(optimizer.param_groups[0])
    return check.real("the lr of the optimizer's first group", lr, above=0.0)


def set_lr(group: Group, lr: Any) -> None:
    """Set the LR; a Tensor is filled in place, since compiled and captured steps hold on to it."""
    if isinstance(group["lr"], Tensor):
        group["lr"].fill_(lr)
    else:
        group["lr"] = lr


def copy_of_lr(group: Group) -> Any:
    """The LR; a Tensor as a clone, which later updates do not move."""
    return group["lr"].clone() if isinstance(group["lr"], Tensor) else group["lr"]


def momentum_of(group: Group) -> Any:
    """The momentum, or beta1 in a group that has betas instead; None in one that has neither."""
    if "momentum" in group:
        return group["momentum"]
    return group["betas"][0] if "betas" in group else None


def set_momentum(group: Group, momentum: float) -> None:
    """Set what ``momentum_of`` reads, and no other beta; a Tensor is filled in place."""
    current = momentum_of(group)
    if isinstance(current, Tensor):
        current.fill_(momentum)
    elif "momentum" in group:
        group["momentum"] = momentum
    else:
        group["betas"] = (momentum, *group["betas"][1:])


def refuse_shared_tensors(name: str, values: list[Any], schedules: Schedule | tuple[Schedule, ...]) -> None:
    """Raise if groups with different schedules hold one and the same Tensor, as they do a default."""
    if not isinstance(schedules, tuple):
        return
    first_holders: dict[int, int] = {}
    for index, value in enumerate(values):
        first = first_holders.setdefault(id(value), index)
        if isinstance(value, Tensor) and schedules[first] != schedules[index]:
            raise ValueError(
                f"groups with different schedules must have a Tensor {name} each, got one that groups "
                f"{first} and {index} share: give each group a clone"
            )


def on_added_group(optimizer: Optimizer, listener: Callable[[Group, AddGroup], None]) -> None:
    """Have ``listener(group, add)`` called for ``optimizer.add_param_group(group)``, as torch wraps ``step``.

    The listener is a bound method, whose object the optimizer does not keep alive.
    """
    # Neither does it keep itself alive: the function is wrapped, not the bound method.
    this, told = weakref.ref(optimizer), weakref.WeakMethod(listener)
    method = type(optimizer).add_param_group
    add: AddGroup = vars(optimizer).get("add_param_group", lambda group: method(_alive(this), group))

    @functools.wraps(method)
    def add_param_group(group: Group) -> None:
        listening = told()
        if listening is None:
            add(group)
        else:
            listening(group, add)

    optimizer.add_param_group = add_param_group  # type: ignore[method-assign, assignment]


def add_in_ratio(group: Group, add: AddGroup, groups: list[Group]) -> None:
    """Add a group so that its ``lr`` and ``initial_lr`` have one ratio to those of the first group."""
    has_lr = isinstance(group, dict) and "lr" in group
    lr_now, lr_built = float(groups[0]["lr"]), initial_lr(groups[0])
    if has_lr and "initial_lr" not in group and not lr_now > 0:
        raise ValueError(
            "a group with an lr must be added while the lr of the first group is > 0, so that they have a "
            f"ratio, got lr={lr_now!r} in the first group: leave lr out, or give the group "
            '"initial_lr", the lr it would have been built with'
        )
    add(group)
    lr = group["lr"]
    sharing = [each for each in groups if each["lr"] is lr and isinstance(lr, Tensor)]
    is_shared = len(sharing) > 1  # the optimizer's default, which has moved since it was built
    if "initial_lr" not in group:
        if is_shared:
            group["initial_lr"] = initial_lr(sharing[0])
        else:
            group["initial_lr"] = float(lr) / lr_now * lr_built if has_lr else float(lr)
    if not has_lr and not is_shared:
        set_lr(group, lr_now * (group["initial_lr"] / lr_built))


def _alive(optimizer: weakref.ref[Optimizer]) -> Optimizer:
    found = optimizer()
    if found is None:
        raise ReferenceError("the optimizer is gone")
    return found
