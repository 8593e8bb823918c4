"""The learning rates and momenta of an optimizer's parameter groups."""

from __future__ import annotations

from typing import Any

from torch import Tensor
from torch.optim import Optimizer

from clr_core import Schedule, check

Group = dict[str, Any]


def check_optimizer(name: str, value: Any) -> Optimizer:
    """``value`` if it is an optimizer whose groups have learning rates, finite and not negative."""
    if not isinstance(value, Optimizer):
        raise TypeError(f"{name} must be a torch.optim.Optimizer, got {name}={check.shown(value)}")
    for index, group in enumerate(value.param_groups):
        if group.get("lr") is None:
            found = "lr=None" if "lr" in group else "none"
            raise ValueError(
                f"{name} must have an lr in every group, got {found} in param_groups[{index}]: build it with an lr, "
                "such as lr=1e-3 (and Hugging Face's Adafactor with relative_step=False)"
            )
        for key in ("lr", "initial_lr") if "initial_lr" in group else ("lr",):
            lr = group[key].item() if isinstance(group[key], Tensor) else group[key]
            check.real(f"{name}.param_groups[{index}][{key!r}]", lr, minimum=0.0)
    return value


def initial_lr(group: Group) -> float:
    """The LR the group was built with: ``initial_lr``, where a scheduler has kept it, or else ``lr``."""
    return float(group["initial_lr"] if "initial_lr" in group else group["lr"])


def lr_to_measure_by(first: Group) -> float:
    """The LR the group was built with, to which others have a ratio."""
    lr = initial_lr(first)
    if lr == 0.0:
        raise ValueError(
            "the lr of the optimizer's first group must be > 0, since the other groups keep their ratio to it, got "
            "lr=0.0: build the optimizer with an lr > 0; with a single group any will do"
        )
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


def initial_lr_of_added(added: Group, optimizer: Optimizer) -> float:
    """The LR that a group added to a running schedule would have been built with, to have the ratio it has now.

    A group that took the optimizer's default LR was not given one for this moment, so its ratio is the default's.
    """
    lr, default = added["lr"], optimizer.defaults.get("lr")
    first = next((group for group in optimizer.param_groups if "initial_lr" in group), added)
    if isinstance(lr, Tensor):
        sharing = [group for group in optimizer.param_groups if group["lr"] is lr and "initial_lr" in group]
        if sharing:  # the default, which the scheduler has filled since
            return initial_lr(sharing[0])
    if default is not None and float(lr) == float(default):
        return float(lr)
    if float(first["lr"]) == 0.0:
        raise ValueError(
            "a group must be added while the first group's LR is > 0, since it keeps its ratio to that, got "
            f"lr={float(lr)!r} where the first group's was 0.0: add it with an initial_lr as well, the LR it would "
            f"have been built with where the first group had {initial_lr(first)!r}"
        )
    return initial_lr(first) * (float(lr) / float(first["lr"]))
