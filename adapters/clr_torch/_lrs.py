"""The LR of every group of every optimizer: set to what the test records, and seen to be what is used."""

from __future__ import annotations

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
    after the training step.
    """

    def __init__(self, optimizers: Sequence[Optimizer], *, may_skip: bool) -> None:
        first = groups_of.check_first_lr(optimizers[0])
        self._groups = [group for optimizer in optimizers for group in optimizer.param_groups]
        self._shares = [groups_of.initial_lr(group) / first for group in self._groups]
        self._lrs: list[float] = []
        self._versions = [0] * len(self._groups)
        self._may_skip = may_skip
        self._updates = 0
        self._parameters = [each for group in self._groups for each in group["params"]]
        self._parameter_versions: list[int] | None = None
        at = 0
        for optimizer in optimizers:
            count = len(optimizer.param_groups)
            for each in with_inner(optimizer):
                if hasattr(each, "_optimizer_step_pre_hooks"):
                    each.register_step_pre_hook(_Hook(self, at, count))
            at += count

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
        self._updates = 0
        if self._parameter_versions is None or self._parameter_versions:
            self._parameter_versions = [each._version for each in self._parameters]

    def check(self) -> None:
        """Raise unless the training step made an update, at these LRs."""
        self.compare(self._groups, 0)
        if self._updates:
            self._parameter_versions = []  # the hooks tell of updates: no need to look at the parameters
        elif not self._may_skip and self._parameter_versions == [each._version for each in self._parameters]:
            raise RuntimeError(
                "train_step must make an update every time it is called, got a call without one: to accumulate "
                "gradients, take all the batches of an update in one call"
            )

    def compare(self, groups: Sequence[groups_of.Group], at: int) -> None:
        """Raise unless the groups, the first of which is number ``at``, have the LRs that were set."""
        for index, group in enumerate(groups, at):
            lr, wanted = group["lr"], self._lrs[index]
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


class _Hook:
    """Called by ``optimizer.step``, also by that of an optimizer inside another."""

    def __init__(self, lrs: GroupLRs, at: int, count: int) -> None:
        self._lrs, self._at, self._count = lrs, at, count

    def __call__(self, optimizer: Optimizer, args: Any, kwargs: Any) -> None:
        if torch.compiler.is_compiling():  # a compiled step must not have its graph broken
            return
        self._lrs._updates += 1
        if len(optimizer.param_groups) == self._count:
            self._lrs.compare(optimizer.param_groups, self._at)
