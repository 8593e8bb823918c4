"""torch's three cyclical schedulers, with their values from ``clr_core``.

They are subclasses that replace ``get_lr`` and inherit the rest: constructor, checks, attributes, the keys of the
parameter groups and the state dict, which torch's classes load and whose state they load.

One core schedule from 0 to 1 gives the position between an LR's bounds, and ``lerp`` the LR of each group. It is
cached where the state dict, which has every attribute, does not see it. Arguments that core refuses and torch
accepts (a fractional step size, gamma > 1, pct_start of 0 or 1) keep torch's formula.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import repeat
from typing import Any

from torch import Tensor
from torch.optim import lr_scheduler

import clr_core
from clr_core import Schedule
from clr_core.schedules import xp as python
from clr_core.schedules.base import lerp
from clr_core.schedules.restarts import cosine_descent

_LRs = list[float | Tensor]


class _MomentumOnlyInAStep:
    """Changes the momentum where torch takes a step; ``get_lr()`` by itself changes nothing."""

    optimizer: Any
    cycle_momentum: bool
    use_beta1: bool
    _get_lr_called_within_step: bool

    def _theirs(self) -> _LRs:
        cycle_momentum = self.cycle_momentum
        self.cycle_momentum = cycle_momentum and self._get_lr_called_within_step
        try:
            return super().get_lr()  # type: ignore[misc, no-any-return]  # torch's, next in line
        finally:
            self.cycle_momentum = cycle_momentum

    def _set_momentum(self, group: dict[str, Any], momentum: Any) -> None:
        if self.use_beta1:
            group["betas"] = (momentum, *group["betas"][1:])
        else:
            group["momentum"] = momentum


class CyclicLR(_MomentumOnlyInAStep, lr_scheduler.CyclicLR):
    """Same as torch's ``CyclicLR``, but with LRs from ``clr_core``.

    Differs from torch: ``mode="triangular2"`` does not overflow in long runs, ``get_lr()`` between two steps leaves
    the momentum alone, and ``load_state_dict`` leaves the dict it is given as it is.

    Example:
        >>> import clr_torch, torch
        >>> optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1, momentum=0.9)
        >>> scheduler = clr_torch.CyclicLR(optimizer, base_lr=0.25, max_lr=1.0, step_size_up=3)
        >>> for _ in range(3):
        ...     optimizer.step()
        ...     scheduler.step()
        >>> scheduler.get_last_lr(), optimizer.param_groups[0]["momentum"]
        ([1.0], 0.8)
    """

    def get_lr(self) -> _LRs:
        """The LR of each group at update ``last_epoch``."""
        step, custom = self.last_epoch, self._scale_fn_custom
        wave = _wave("triangular" if custom else self.mode, self.total_size, self.step_ratio, self.gamma)
        if wave is None or type(step) is not int or step < 0:
            return self._theirs()
        height = wave.evaluate(step, python)
        if custom:
            height *= custom(wave.cycle(step) + 1 if self.scale_mode == "cycle" else step)
        if self.cycle_momentum and self._get_lr_called_within_step:
            bounds = zip(self.optimizer.param_groups, self.max_momentums, self.base_momentums, strict=True)
            for group, start, peak in bounds:
                self._set_momentum(group, lerp(start, peak, height))
        return list(map(lerp, self.base_lrs, self.max_lrs, repeat(height)))

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Load a state of this class or of torch's, which is not changed."""
        super().load_state_dict(dict(state_dict))


class OneCycleLR(_MomentumOnlyInAStep, lr_scheduler.OneCycleLR):
    """Same as torch's ``OneCycleLR``, but with LRs from ``clr_core``.

    Differs from torch: one step past the end the last LR holds, where torch's goes on, below zero if linear; and
    ``get_lr()`` between two steps leaves the momentum alone.

    Example:
        >>> import clr_torch, torch
        >>> optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1, momentum=0.9)
        >>> scheduler = clr_torch.OneCycleLR(optimizer, max_lr=1.0, total_steps=10)
        >>> for _ in range(2):
        ...     optimizer.step()
        ...     scheduler.step()
        >>> scheduler.get_last_lr(), optimizer.param_groups[0]["momentum"]
        ([1.0], 0.85)
    """

    __slots__ = ("_core",)  # not in the __dict__, and so not in the state dict

    def get_lr(self) -> _LRs:
        """The LR of each group at update ``last_epoch``."""
        step, phases = self.last_epoch, self._schedule_phases
        known, rise, tail = getattr(self, "_core", (None, None, None))
        if known is not phases:
            rise, tail = self._core_schedules(phases)
            self._core = (phases, rise, tail)
        if rise is None or type(step) is not int or not 0 <= step <= self.total_steps:
            return self._theirs()
        height, groups = rise.evaluate(step, python), self.optimizer.param_groups
        if self.cycle_momentum and self._get_lr_called_within_step:
            for group in groups:
                self._set_momentum(group, lerp(group["max_momentum"], group["base_momentum"], height))
        if tail is not None and step > phases[1]["end_step"]:
            height = tail.evaluate(step, python)
            return [lerp(group["min_lr"], group["initial_lr"], height) for group in groups]
        low = "min_lr" if tail is None and step > phases[0]["end_step"] else "initial_lr"
        return [lerp(group[low], group["max_lr"], height) for group in groups]

    def _core_schedules(self, phases: list[Any]) -> tuple[Schedule | None, Schedule | None]:
        """From the ends to the peak and, of three phases, from the end to the beginning."""
        arguments: dict[str, Any] = {
            "total_steps": self.total_steps,
            "variant": "three_phase" if len(phases) == 3 else "two_phase",
            # States from before torch 1.13 have a function in place of the name.
            "anneal": {"cos": "cosine", "linear": "linear"}.get(getattr(self, "_anneal_func_type", ""), ""),
            "rise_fraction": (phases[0]["end_step"] + 1) / self.total_steps,
            "final_lr": 0.0,
        }
        try:
            rise = clr_core.one_cycle(0.0, 1.0, **arguments)
            return rise, clr_core.one_cycle(1.0, 1.0, **arguments) if len(phases) == 3 else None
        except ValueError:
            return None, None


class CosineAnnealingWarmRestarts(lr_scheduler.CosineAnnealingWarmRestarts):
    """Same as torch's ``CosineAnnealingWarmRestarts``, but with LRs from ``clr_core``.

    Differs from torch: ``step(epoch)`` finds the restart in whole numbers, not by a logarithm that is off by a cycle
    at some of them, and so does a scheduler built with ``last_epoch=``.

    Example:
        >>> import clr_torch, torch
        >>> optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
        >>> scheduler = clr_torch.CosineAnnealingWarmRestarts(optimizer, T_0=10, T_mult=3)
        >>> scheduler.step(1210)
        >>> scheduler.get_last_lr()  # 0.0 from torch's
        [1.0]
    """

    def get_lr(self) -> _LRs:
        """The LR of each group at ``T_cur`` of ``T_i``."""
        position: float = self.T_cur
        growth, length = self.T_mult - 1, self.T_i
        if not growth:
            position %= length
        elif not 0 <= position < length or (self.last_epoch - position // 1) * growth != length - self.T_0:
            position, length = self._find_restart(), self.T_i
        height = cosine_descent(position, length, python)
        eta_min = self.eta_min
        return [lerp(eta_min, base_lr, height) for base_lr in self.base_lrs]

    def _find_restart(self) -> float:
        fraction, restarts = self.T_cur % 1, _restarts(self.T_0, self.T_mult)
        if restarts is not None and type(self.last_epoch) is int:
            growth = self.T_mult ** restarts.cycle(self.last_epoch)
            self.T_i = self.T_0 * growth
            self.T_cur = self.last_epoch - self.T_0 * (growth - 1) // (self.T_mult - 1) + (fraction or 0)
        return self.T_cur


@lru_cache
def _wave(mode: str, total_size: float, step_ratio: float, gamma: float) -> Schedule | None:
    up = round(total_size * step_ratio)
    down = round(total_size) - up
    if (up + down, up / total_size) != (total_size, step_ratio):
        return None
    options = {"gamma": gamma} if mode == "exp_range" else {}
    try:
        wave: Schedule = getattr(clr_core, mode)(0.0, 1.0, up, step_size_down=down, **options)
    except (TypeError, ValueError):
        return None
    return wave


@lru_cache
def _restarts(period: int, t_mult: int) -> Schedule | None:
    try:
        return clr_core.cosine_restarts(0.0, 1.0, period, t_mult=t_mult)
    except (TypeError, ValueError):
        return None
