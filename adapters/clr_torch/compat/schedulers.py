"""torch's three cyclical schedulers, with their values from ``clr_core``.

They are subclasses that replace ``get_lr`` and inherit the rest: constructor, checks, attributes, the keys of the
parameter groups and the state dict, which torch's classes load and whose state they load.

One core schedule from 0 to 1 gives the position between an LR's bounds, and ``lerp`` the LR of each group. It is
cached outside of the scheduler, whose every attribute goes into its state dict. Arguments that core refuses and torch
accepts (a fractional step size, gamma > 1, pct_start of 0 or 1) and positions between two steps keep torch's formula.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from torch import Tensor
from torch.optim import lr_scheduler

import clr_core
from clr_core import Schedule
from clr_core.schedules.base import lerp

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

    def _set_momenta(self, momenta: list[Any]) -> None:
        for group, momentum in zip(self.optimizer.param_groups, momenta, strict=True):
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
        height = wave(step)
        if custom:
            height *= custom(wave.cycle(step) + 1 if self.scale_mode == "cycle" else step)
        if self.cycle_momentum and self._get_lr_called_within_step:
            bounds = zip(self.max_momentums, self.base_momentums, strict=True)
            self._set_momenta([lerp(start, peak, height) for start, peak in bounds])
        return [lerp(low, high, height) for low, high in zip(self.base_lrs, self.max_lrs, strict=True)]

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

    def get_lr(self) -> _LRs:
        """The LR of each group at update ``last_epoch``."""
        step, phases = self.last_epoch, self._schedule_phases
        anneal = getattr(self, "_anneal_func_type", None)  # states from before torch 1.13 lack it
        rise, tail = _one_cycle(self.total_steps, len(phases), phases[0]["end_step"], anneal)
        if rise is None or type(step) is not int or not 0 <= step <= self.total_steps:
            return self._theirs()
        height, groups = rise(step), self.optimizer.param_groups
        if self.cycle_momentum and self._get_lr_called_within_step:
            self._set_momenta([lerp(group["max_momentum"], group["base_momentum"], height) for group in groups])
        if tail is not None and step > phases[1]["end_step"]:
            height = tail(step)
            return [lerp(group["min_lr"], group["initial_lr"], height) for group in groups]
        low = "min_lr" if tail is None and step > phases[0]["end_step"] else "initial_lr"
        return [lerp(group[low], group["max_lr"], height) for group in groups]


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
        if self.T_mult > 1:
            restarts = _restarts(self.T_0, self.T_mult)
            if restarts is not None and 0 <= self.last_epoch <= clr_core.check.MAX_STEP:
                length = self.T_mult ** restarts.cycle(self.last_epoch)
                self.T_i = self.T_0 * length
                start = self.T_0 * (length - 1) // (self.T_mult - 1)
                self.T_cur = self.last_epoch - start + self.T_cur % 1
        descent = _restarts(self.T_i, 1)
        if descent is None or self.T_cur < 0 or self.T_cur % 1:
            return super().get_lr()
        height = descent(int(self.T_cur))
        return [lerp(self.eta_min, base_lr, height) for base_lr in self.base_lrs]


@lru_cache
def _wave(mode: str, total_size: float, step_ratio: float, gamma: float) -> Schedule | None:
    up = round(total_size * step_ratio)
    down = round(total_size) - up
    if (up + down, up / total_size) != (total_size, step_ratio):
        return None
    options = {"gamma": gamma} if mode == "exp_range" else {}
    try:
        return getattr(clr_core, mode)(0.0, 1.0, up, step_size_down=down, **options)
    except (TypeError, ValueError):
        return None


@lru_cache
def _one_cycle(total_steps: int, phases: int, rise_end: float, anneal: str | None) -> tuple[Schedule | None, Schedule | None]:
    """From the ends to the peak and, of three phases, from the end to the beginning."""
    arguments: dict[str, Any] = {
        "total_steps": total_steps,
        "variant": {2: "two_phase", 3: "three_phase"}[phases],
        "anneal": "cosine" if anneal == "cos" else anneal,
        "rise_fraction": (rise_end + 1) / total_steps,
        "final_lr": 0.0,
    }
    try:
        if anneal is None:
            return None, None
        rise = clr_core.one_cycle(0.0, 1.0, **arguments)
        return rise, clr_core.one_cycle(1.0, 1.0, **arguments) if phases == 3 else None
    except ValueError:
        return None, None


@lru_cache
def _restarts(period: int, t_mult: int) -> Schedule | None:
    try:
        return clr_core.cosine_restarts(0.0, 1.0, period, t_mult=t_mult)
    except (TypeError, ValueError):
        return None
