"""A core schedule as a torch LR scheduler."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from clr_core import Schedule, check
from clr_core.schedules import xp as python
from clr_torch import _groups as groups_of

Schedules = Schedule | tuple[Schedule, ...]

_BITS_OF_STEP = check.MAX_STEP.bit_length()


class ScheduleLR(LRScheduler):
    """A torch LR scheduler that gives update ``k`` the LR ``schedule(k)``; call ``step()`` after every update.

    Same as the schedule itself, but for several groups: with one schedule, group ``i`` trains at
    ``schedule(k) * lr_i / lr_0``, where ``lr_i`` is the LR it was built with (``initial_lr`` in a group
    that a scheduler has moved since). With a list, group ``i`` trains at ``schedule[i](k)``.

    The LR and momentum follow from ``last_epoch`` alone, so a ScheduleLR can be built at any update.
    Tensors among them are filled in place, never replaced.

    A group added later trains at the LR it came with until the next ``step()``, and then keeps the ratio
    of that LR to the first group's at the time. If it came without one, or with its own ``initial_lr``, its
    ratio is that of the LRs the groups were built with. With a list, that ``step()`` raises until a new
    ScheduleLR has a schedule for it. The ratios are those of the groups, wherever they are in the optimizer's list and
    also once the first of them has been removed.

    Works in ``SequentialLR``. In ``ChainedScheduler`` it must be the only one that writes the LR:
    ``step()`` raises if the LR is not the one it had set at two updates in a row. A change made once,
    by hand or by ``optimizer.load_state_dict``, lasts until the next ``step()``. A ``step()`` that raises
    leaves the scheduler where it was.

    Args:
        optimizer: With one schedule, the LR its first group was built with must be > 0.
        schedule: A core schedule, or a list of one for each group.
        momentum: A core schedule with values in [0, 1), or a list of one for each group, for ``momentum``
            or, in a group with ``betas``, for beta1 alone. None leaves both as they are.
        last_epoch: The update last performed, an int >= 0, or -1 for none; the next is one more.

    Raises:
        TypeError: An argument is of the wrong kind.
        ValueError: An LR or momentum is out of its range, a list does not fit the groups, or a group has
            no momentum to set.

    Example:
        >>> import clr_core, clr_torch, torch
        >>> optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)
        >>> scheduler = clr_torch.ScheduleLR(optimizer, clr_core.triangular(0.25, 1.0, step_size=3))
        >>> for _ in range(4):
        ...     used = scheduler.get_last_lr()
        ...     optimizer.step()
        ...     scheduler.step()
        >>> used, scheduler.get_last_lr()
        ([1.0], [0.75])
    """

    def __init__(
        self,
        optimizer: Optimizer,
        schedule: Schedule | Sequence[Schedule],
        *,
        momentum: Schedule | Sequence[Schedule] | None = None,
        last_epoch: int = -1,
    ) -> None:
        groups = groups_of.check_optimizer("optimizer", optimizer).param_groups
        last_epoch = check.whole("last_epoch", last_epoch, minimum=-1)
        self.schedule = _schedules("schedule", schedule, groups)
        self.momentum = None if momentum is None else _schedules("momentum", momentum, groups)
        groups_of.refuse_shared_tensors("LR", [group["lr"] for group in groups], self.schedule)
        if isinstance(self.schedule, Schedule):
            groups_of.lr_to_measure_by(groups[0])
        if self.momentum is not None:
            _check_momentum(self.momentum, groups)
        for group in groups:
            group["initial_lr"] = groups_of.initial_lr(group)
        self._position = (last_epoch, 0)
        self._groups: list[groups_of.Group] = []
        self._first: groups_of.Group = groups[0]
        self._common: Schedule | None = None
        self._ratios: list[float | None] = []
        self._written: list[Any] = [None]
        self._overwritten_at = -1
        super().__init__(optimizer, last_epoch)

    @property
    def cycle_ended(self) -> bool:
        """Whether the last update completed a cycle: true after the ``step()`` that follows it.

        The time for a snapshot, an evaluation or an early stop. With a list, the first group's cycle.
        """
        schedule = self.schedule if isinstance(self.schedule, Schedule) else self.schedule[0]
        return self.last_epoch > 0 and schedule.is_cycle_end(self.last_epoch - 1)

    def get_lr(self) -> list[float | Tensor]:
        """The LR of each group at update ``last_epoch``."""
        groups, step = self.optimizer.param_groups, self.last_epoch
        try:
            # One check of the step here, and the bare formulas below: torch's own step() leaves little time.
            if type(step) is not int or step >> _BITS_OF_STEP:
                step = self.last_epoch = check.whole("last_epoch", step, minimum=0)
            try:
                are_known = groups == self._groups  # the same objects, into which Python does not look
            except Exception:  # from tensors inside of others
                are_known = False
            if not are_known:
                self._measure(groups)
            common = self._common
            lrs = self._lrs(step) if common is None else [common.evaluate(step, python)] * len(groups)
            # Torch sets this flag for an update and not for a caller who only looks. An update has no
            # other moment that step(), SequentialLR and ignite all pass through.
            if self._get_lr_called_within_step:
                if groups[0]["lr"] is not self._written[0]:
                    self._refuse_second_writer(groups[0]["lr"])
                if self.momentum is not None:
                    self._set_momentum(groups, step)
                self._written, self._position = lrs, (step, self._step_count)
        except Exception:
            self.last_epoch, self._step_count = self._position
            raise
        return lrs

    def reset(self) -> None:
        """Go back to update 0, with its LR and momentum: for the next fold of a cross-validation.

        The ratios of the groups stay. The weights and the optimizer's state are the caller's to reset.

        Example:
            >>> import clr_core, clr_torch, torch
            >>> optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)
            >>> scheduler = clr_torch.ScheduleLR(optimizer, clr_core.triangular(0.25, 1.0, step_size=3))
            >>> optimizer.step()
            >>> scheduler.step()
            >>> scheduler.reset()
            >>> scheduler.last_epoch, scheduler.get_last_lr()
            (0, [0.25])
        """
        self.load_state_dict({"last_epoch": 0})

    def state_dict(self) -> dict[str, Any]:
        """The position, in plain numbers; the schedule is the caller's to build again."""
        lrs = [group["lr"] for group in self.optimizer.param_groups]
        return {
            "last_epoch": self.last_epoch,
            "_step_count": self._step_count,
            "_last_lr": [float(lr) for lr in self.get_last_lr()],
            "is_in_charge": all(map(_is_as_written, lrs, self._written)),
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go to the saved position and give the optimizer the LR and momentum of this schedule there.

        One that was not in charge of the LR when it was saved, such as a finished part of a
        ``SequentialLR``, leaves the optimizer alone.

        Args:
            state_dict: From ``state_dict()``, or of another torch scheduler that was stepped at every
                update; it is not changed.

        Raises:
            TypeError: It is not a dict, or ``last_epoch`` in it is not an int.
            ValueError: There is no ``last_epoch`` in it, or one below -1.
        """
        if not isinstance(state_dict, dict):
            raise TypeError(f"state_dict must be a dict, got state_dict={check.shown(state_dict)}")
        if "last_epoch" not in state_dict:
            raise ValueError(f"state_dict must have a last_epoch, got the keys {list(state_dict)}")
        self.last_epoch = check.whole("last_epoch", state_dict["last_epoch"], minimum=-1)
        self._step_count = state_dict.get("_step_count", self.last_epoch + 1)
        self._position, self._written, self._overwritten_at = (self.last_epoch, self._step_count), [None], -1
        groups = self.optimizer.param_groups
        if self.last_epoch >= 0 and state_dict.get("is_in_charge", True):
            # A group that was added after the last step() trains at the LR it came with until the next.
            is_new = [self._is_new(group) for group in groups]
            self._written = self.get_lr()
            for group, lr, new in zip(groups, self._written, is_new, strict=True):
                if not new:
                    groups_of.set_lr(group, lr)
            self._set_momentum(groups, self.last_epoch)
            self._last_lr = [groups_of.copy_of_lr(group) for group in groups]
        elif "_last_lr" in state_dict:
            self._last_lr = list(state_dict["_last_lr"])

    def __setstate__(self, state: dict[str, Any]) -> None:
        # A copied optimizer loses the wrapper by which torch sees that its step() was called. Torch
        # looks for it while the count is 1, and would warn.
        step_count = max(2, state["_step_count"])
        self.__dict__.update(state, _step_count=step_count, _position=(state["last_epoch"], step_count))

    def _measure(self, groups: list[groups_of.Group]) -> None:
        """Find the ratios, anew where groups have come, gone or moved, or ``optimizer.load_state_dict`` made others."""
        if self._groups and (isinstance(self.schedule, tuple) or isinstance(self.momentum, tuple)):
            self._refuse_other_groups(groups)
        for group in groups:
            if "initial_lr" in group:
                continue
            base_lr = self._base_lr(group)
            if base_lr is None and self._get_lr_called_within_step:
                base_lr = groups_of.initial_lr_of_added(group, self.optimizer)
            # Else the next step() measures it: the optimizer's state may bring its ratio before that.
            if base_lr is not None:
                group["initial_lr"] = base_lr
        # By the group that was the first at the start, wherever it is now.
        kept = [group for group in groups if _are_same(group, self._first)]
        if kept:
            self._first = kept[0]
        elif not any(_are_same(group, known) for group in groups for known in self._groups):
            self._first = groups[0]
        first = groups_of.lr_to_measure_by(self._first) if isinstance(self.schedule, Schedule) else 1.0
        self._groups = [group for group in groups if "initial_lr" in group]
        self.base_lrs = [groups_of.initial_lr(group) for group in self._groups]
        self._common, self._ratios = None, [1.0] * len(groups)
        if isinstance(self.schedule, Schedule):
            self._ratios = [groups_of.initial_lr(group) / first if "initial_lr" in group else None for group in groups]
            if set(self._ratios) == {1.0}:
                self._common = self.schedule

    def _is_new(self, group: groups_of.Group) -> bool:
        """Whether the group was added after the last ``step()``: others have an ``initial_lr``, or had one."""
        return "initial_lr" not in group and self._base_lr(group) is None

    def _base_lr(self, group: groups_of.Group) -> float | None:
        """The LR that the group was built with, also where the state of a run without a scheduler has taken it away."""
        known = zip(self._groups, self.base_lrs, strict=True)
        return next((float(base_lr) for each, base_lr in known if _are_same(group, each)), None)

    def _refuse_other_groups(self, groups: list[groups_of.Group]) -> None:
        """Raise unless every group still has a schedule of its own."""
        if len(groups) != len(self._groups):
            found = f"{len(groups)} groups where there had been {len(self._groups)}"
        elif not all(map(_are_same, groups, self._groups)):
            found = "others, or in another order"
        else:
            return
        raise RuntimeError(
            f"ScheduleLR must have a schedule for every group, got {found}: build ScheduleLR(optimizer, [a schedule "
            f"for each of the {len(groups)} groups], last_epoch={self.last_epoch - 1})"
        )

    def _lrs(self, step: int) -> list[Any]:
        if isinstance(self.schedule, Schedule):
            lr, groups = self.schedule.evaluate(step, python), self.optimizer.param_groups
            return [
                groups_of.copy_of_lr(group) if ratio is None else lr * ratio
                for group, ratio in zip(groups, self._ratios, strict=True)
            ]
        return [schedule.evaluate(step, python) for schedule in self.schedule]

    def _set_momentum(self, groups: list[groups_of.Group], step: int) -> None:
        momentum = self.momentum
        if isinstance(momentum, Schedule):
            value = momentum.evaluate(step, python)
            for group in groups:
                if type(group.get("momentum")) is float:
                    group["momentum"] = value
                else:
                    groups_of.set_momentum(group, value)
        elif momentum is not None:
            for group, schedule in zip(groups, momentum, strict=True):
                groups_of.set_momentum(group, schedule.evaluate(step, python))

    def _refuse_second_writer(self, lr: Any) -> None:
        """Raise if the LR is not the one that was last written, at the second update running."""
        written = self._written[0]
        # Update 0 takes over from whatever came before. An LR on an accelerator is not read: that would
        # be to wait, at every update, for all the work queued there.
        if self.last_epoch == 0 or written is None or not _is_at_hand(lr) or _is_as_written(lr, written):
            return
        if self._overwritten_at == self.last_epoch - 1:
            raise RuntimeError(
                f"ScheduleLR must be the only scheduler that writes the LR, got lr={float(lr)!r} where it had "
                f"set {written!r}, for the second update running: a ScheduleLR replaces what a "
                "ChainedScheduler would multiply. Put both into one schedule (clr_core.join, "
                "clr_core.with_warmup), or one after the other with torch's SequentialLR"
            )
        self._overwritten_at = self.last_epoch


def _are_same(group: groups_of.Group, other: groups_of.Group) -> bool:
    """Whether they have the same parameters: ``optimizer.load_state_dict`` makes new groups, with the same lists."""
    return group["params"] is other["params"]


def _is_at_hand(lr: Any) -> bool:
    return not isinstance(lr, Tensor) or lr.is_cpu


def _is_as_written(lr: Any, written: float | None) -> bool:
    """Whether the LR is what was written, as its dtype has it."""
    if isinstance(lr, Tensor) and written is not None:
        return lr.item() == torch.tensor(written, dtype=lr.dtype).item()
    return bool(lr == written)


def _schedules(name: str, value: Any, groups: list[groups_of.Group]) -> Schedules:
    """One schedule, or a tuple of one for each group."""
    if isinstance(value, Schedule):
        return value
    rule = f"{name} must be a clr_core schedule or a list of one for each parameter group"
    if not isinstance(value, list | tuple):
        raise TypeError(f"{rule}, got {name}={check.shown(value)}")
    for index, each in enumerate(value):
        if not isinstance(each, Schedule):
            raise TypeError(f"{rule}, got {name}[{index}]={check.shown(each)}")
    if len(value) != len(groups):
        raise ValueError(f"{rule}, got {len(value)} schedules for {len(groups)} groups")
    return tuple(value)


def _check_momentum(momentum: Schedules, groups: list[groups_of.Group]) -> None:
    for each in momentum if isinstance(momentum, tuple) else (momentum,):
        low, high = each.limits()
        if not 0.0 <= low <= high < 1.0:
            raise ValueError(f"momentum must stay in [0, 1), got momentum={each!r}")
    values = [groups_of.momentum_of(group) for group in groups]
    for index, value in enumerate(values):
        if value is None:
            raise ValueError(
                f"momentum needs an optimizer whose groups have momentum or betas, got neither in "
                f"param_groups[{index}]: leave momentum out"
            )
    groups_of.refuse_shared_tensors("momentum or beta1", values, momentum)
