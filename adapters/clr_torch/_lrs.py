"""The LR of every group of every optimizer: set to what the test records, and seen to be what is used."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from clr_torch import _groups as groups_of
from clr_torch._describe import with_inner


class GroupLRs:
    """Sets the LRs before an update, and raises where the update used others, or where there was none.

    Group ``i`` gets ``lr * lr_i / lr_0``. An LR is compared when it is used, in the optimizer's ``step``, and again
    after the training step. Optimizers inside another may group its parameters differently: an LR is that of a
    parameter.
    """

    def __init__(self, optimizers: Sequence[Optimizer], *, may_skip: bool) -> None:
        first = groups_of.lr_to_measure_by(optimizers[0].param_groups[0])
        self._optimizers = optimizers
        self._groups = [group for optimizer in optimizers for group in optimizer.param_groups]
        self._shares = [groups_of.initial_lr(group) / first for group in self._groups]
        self._lrs: list[float] = []
        self._versions = [0] * len(self._groups)
        self._may_skip = may_skip
        self._parameters = [each for group in self._groups for each in group["params"]]
        self._group_of = {id(each): index for index, group in enumerate(self._groups) for each in group["params"]}
        self._parameter_versions = self._versions_now()
        self._is_stepping = self._has_gradients = self._have_moved = False
        for optimizer in {id(each): each for outer in optimizers for each in with_inner(outer)}.values():
            if hasattr(optimizer, "_optimizer_step_pre_hooks"):
                optimizer.register_step_pre_hook(self._before_step)

    def set(self, lr: float) -> None:
        """Give every group its LR for the next update."""
        self._lrs = [lr * share for share in self._shares]
        for index, group in enumerate(self._groups):
            if type(group["lr"]) is float:
                group["lr"] = self._lrs[index]
                continue
            groups_of.set_lr(group, self._lrs[index])
            if isinstance(group["lr"], Tensor):
                self._versions[index] = group["lr"]._version
        self._is_stepping = self._has_gradients = False

    def check(self) -> None:
        """Raise unless the training step made an update, at these LRs."""
        groups = [group for optimizer in self._optimizers for group in optimizer.param_groups]
        if len(groups) != len(self._groups) or any(map(operator.is_not, groups, self._groups)):
            raise RuntimeError(
                f"train_step must leave the parameter groups alone, got {len(groups)} where there had been "
                f"{len(self._groups)}, or others: add groups, and load an optimizer's state, before the range test"
            )
        for index, group in enumerate(groups):
            if group["lr"] is not self._lrs[index]:
                self._compare(group["lr"], index)
        versions = self._versions_now()
        if versions != self._parameter_versions:
            self._parameter_versions, self._have_moved = versions, True
        # Optimizers that write to parameter.data, or by kernels of their own, raise no version.
        elif not self._may_skip and (self._have_moved or not self._has_gradients):
            if self._is_stepping and not self._has_gradients:
                raise RuntimeError(
                    "the optimizer must be over parameters of the model that is trained, got one of whose parameters "
                    "none has a gradient: build it again after the model, and call backward() before its step()"
                )
            raise RuntimeError(
                "train_step must make an update every time it is called, got a call without one: call backward() and "
                "step() in it, and to accumulate gradients take all the batches of an update in one call; pass "
                "a GradScaler, which leaves out updates, as scaler=; with Accelerate, run the range test outside of "
                "accumulate(), where accelerator.sync_gradients is True"
            )

    def _versions_now(self) -> list[int]:
        return [each._version for each in self._parameters]

    def _before_step(self, optimizer: Optimizer, args: Any, kwargs: Any) -> None:
        """Called by ``optimizer.step``, also by that of an optimizer inside another."""
        if torch.compiler.is_compiling():  # a compiled step must not have its graph broken
            return
        groups = optimizer.param_groups
        if not self._have_moved:
            if not self._is_stepping:  # what forward() wrote to a parameter is no update
                self._is_stepping, self._parameter_versions = True, self._versions_now()
            # A closure computes the gradients later; the first argument is the optimizer.
            has_closure = any(map(callable, (*args[1:], *kwargs.values())))
            self._has_gradients |= has_closure or any(
                each.grad is not None for group in groups for each in group["params"]
            )
        for place, group in enumerate(groups):
            # The parameters inside may be copies of those outside.
            alike = place if len(groups) == len(self._groups) else None
            index = self._group_of.get(id(group["params"][0]), alike) if group["params"] else None
            if index is not None and group["lr"] is not self._lrs[index]:
                self._compare(group["lr"], index)

    def _compare(self, lr: Any, index: int) -> None:
        """Raise unless the LR is the one that was set in this group."""
        wanted = self._lrs[index]
        if lr != wanted if type(lr) is float else not self._is_as_set(lr, index):
            raise RuntimeError(
                f"train_step must leave the LR alone, got lr={float(lr)!r} in group {index} where the test had set "
                f"{wanted!r}: a scheduler's step() does not belong in it"
            )

    def _is_as_set(self, lr: Any, index: int) -> bool:
        wanted = self._lrs[index]
        if not isinstance(lr, Tensor):
            return bool(lr == wanted)
        # Reading an LR on an accelerator would wait for all the work queued there; writing to it raises its version.
        if not lr.is_cpu and lr is self._groups[index]["lr"] and lr._version == self._versions[index]:
            return True
        return bool(lr.item() == lr.new_tensor(wanted).item())
