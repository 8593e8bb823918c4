"""``ScheduleLR`` among torch's own schedulers: one after the other is right, two at once is refused."""

from __future__ import annotations

from typing import Any

import frameworks
import pytest

import clr_core

torch = frameworks.load("torch")
clr_torch = frameworks.load("clr_torch")

# What torch 2.4's own SequentialLR does at a milestone.
pytestmark = pytest.mark.filterwarnings("ignore:The epoch parameter in .scheduler.step:UserWarning")

UP = clr_core.linear_ramp(0.0, 1.0, num_steps=5)
DOWN = clr_core.linear_decay(1.0, total_steps=4)


def make(lr: Any = 0.5, kind: str = "SGD") -> Any:
    return getattr(torch.optim, kind)([torch.zeros(1, requires_grad=True)], lr=lr)


def lrs_of(optimizer: Any, scheduler: Any, steps: int) -> list[float]:
    """The LR at each of the next updates."""
    seen = []
    for _ in range(steps):
        seen.append(float(optimizer.param_groups[0]["lr"]))
        assert [float(lr) for lr in scheduler.get_last_lr()] == seen[-1:]
        optimizer.step()
        scheduler.step()
    return seen


def in_turn(optimizer: Any, *schedulers: Any, milestones: list[int]) -> Any:
    return torch.optim.lr_scheduler.SequentialLR(optimizer, list(schedulers), milestones=milestones)


@pytest.mark.parametrize("lr", [0.5, "tensor"])
def test_one_after_the_other(lr: Any) -> None:
    """Two in a SequentialLR: each begins at its own update 0, as in clr_core.join."""
    optimizer = make(torch.tensor(0.5) if lr == "tensor" else lr)
    parts = [clr_torch.ScheduleLR(optimizer, UP), clr_torch.ScheduleLR(optimizer, DOWN)]
    scheduler = in_turn(optimizer, *parts, milestones=[3])
    expected = [0.0, 0.25, 0.5, 1.0, 0.75, 0.5, 0.25, 0.0]
    assert lrs_of(optimizer, scheduler, 8) == expected
    assert clr_core.join([UP, DOWN], [3]).values(8) == expected


def test_after_a_warmup_of_torchs() -> None:
    """After torch's LinearLR it takes over at the milestone, from its first value."""
    optimizer = make(0.5)
    warmup = torch.optim.lr_scheduler.LinearLR(optimizer, start_factor=0.5, total_iters=2)
    part = clr_torch.ScheduleLR(optimizer, DOWN, momentum=clr_core.constant(0.25))
    scheduler = in_turn(optimizer, warmup, part, milestones=[2])
    assert lrs_of(optimizer, scheduler, 5) == [0.25, 0.375, 1.0, 0.75, 0.5]
    assert optimizer.param_groups[0]["momentum"] == 0.25


def test_before_a_scheduler_of_torchs() -> None:
    """Before torch's ExponentialLR, that one goes on from the last LR it has set."""
    optimizer = make()
    part = clr_torch.ScheduleLR(optimizer, UP)
    scheduler = in_turn(optimizer, part, torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.5), milestones=[3])
    seen = lrs_of(optimizer, scheduler, 6)
    assert seen[:3] == [0.0, 0.25, 0.5]
    assert [seen[4] / seen[3], seen[5] / seen[4]] == [0.5, 0.5]


@pytest.mark.parametrize("saved_after", [0, 2, 3, 5])
@pytest.mark.parametrize("second", ["ScheduleLR", "ExponentialLR"])
def test_a_sequence_resumes(second: str, saved_after: int) -> None:
    """A SequentialLR saved in either part goes on there; the finished part does not touch the LR on loading."""

    def build() -> tuple[Any, Any]:
        optimizer = make()
        first = clr_torch.ScheduleLR(optimizer, UP)
        if second == "ScheduleLR":
            other: Any = clr_torch.ScheduleLR(optimizer, DOWN)
        else:
            other = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.5)
        return optimizer, in_turn(optimizer, first, other, milestones=[3])

    optimizer, scheduler = build()
    lrs_of(optimizer, scheduler, saved_after)
    resumed, again = build()
    resumed.load_state_dict(optimizer.state_dict())
    again.load_state_dict(scheduler.state_dict())
    assert lrs_of(resumed, again, 5) == lrs_of(optimizer, scheduler, 5)


def test_alone_in_a_chain() -> None:
    """A ChainedScheduler of it and of schedulers that write something else than the LR is right."""

    class WeightDecay(torch.optim.lr_scheduler.LRScheduler):  # type: ignore[misc, name-defined]
        def get_lr(self) -> list[Any]:
            for group in self.optimizer.param_groups:
                group["weight_decay"] = 0.125 * self.last_epoch
            return [group["lr"] for group in self.optimizer.param_groups]

    optimizer = make()
    parts = [clr_torch.ScheduleLR(optimizer, DOWN), WeightDecay(optimizer)]
    scheduler = torch.optim.lr_scheduler.ChainedScheduler(parts)
    assert lrs_of(optimizer, scheduler, 3) == [1.0, 0.75, 0.5]
    assert optimizer.param_groups[0]["weight_decay"] == 0.375


@pytest.mark.parametrize("is_tensor", [False, True])
@pytest.mark.parametrize("is_first", [False, True])
@pytest.mark.parametrize("other", ["ScheduleLR", "ExponentialLR", "CyclicLR", "LinearLR"])
def test_two_that_write_the_lr_at_once_are_refused(other: str, is_first: bool, is_tensor: bool) -> None:
    """Chained with another writer of the LR, neither gets its way: it raises and says what to do."""
    optimizer = make(torch.tensor(0.5) if is_tensor else 0.5)
    schedulers = torch.optim.lr_scheduler
    parts = [clr_torch.ScheduleLR(optimizer, DOWN)]
    if other == "ScheduleLR":
        parts.append(clr_torch.ScheduleLR(optimizer, clr_core.constant(0.125)))
    elif other == "ExponentialLR":
        parts.append(schedulers.ExponentialLR(optimizer, 0.5))
    elif other == "LinearLR":
        parts.append(schedulers.LinearLR(optimizer, start_factor=0.5, total_iters=4))
    else:
        parts.append(schedulers.CyclicLR(optimizer, 0.125, 0.25, cycle_momentum=False))
    scheduler = schedulers.ChainedScheduler(parts if is_first else parts[::-1])

    def train() -> None:
        for _ in range(4):
            optimizer.step()
            scheduler.step()

    with pytest.raises(RuntimeError, match=r"must be the only scheduler that writes the LR.*SequentialLR"):
        train()


def test_a_change_by_hand_lasts_until_the_next_step() -> None:
    """One change from outside, as by loading an optimizer, is not refused; the schedule goes on."""
    optimizer = make()
    scheduler = clr_torch.ScheduleLR(optimizer, DOWN)
    for changed_to in (None, 9.0, None, 7.0, None):
        if changed_to:
            optimizer.param_groups[0]["lr"] = changed_to
        optimizer.step()
        scheduler.step()
    assert scheduler.last_epoch == 5
    assert optimizer.param_groups[0]["lr"] == 0.0


def test_another_that_writes_what_get_lr_says() -> None:
    """A framework that calls get_lr() and writes the LR itself, as ignite does, is no second writer."""
    optimizer = make()
    scheduler = clr_torch.ScheduleLR(optimizer, DOWN, momentum=clr_core.momentum_for(DOWN, low=0.5, high=0.75))
    seen = []
    for _ in range(5):
        scheduler._get_lr_called_within_step = True
        (optimizer.param_groups[0]["lr"],) = scheduler.get_lr()
        scheduler._get_lr_called_within_step = False
        seen.append((optimizer.param_groups[0]["lr"], optimizer.param_groups[0]["momentum"]))
        optimizer.step()
        scheduler.last_epoch += 1
    assert seen == [(1.0, 0.5), (0.75, 0.5625), (0.5, 0.625), (0.25, 0.6875), (0.0, 0.75)]


def test_skipped_updates_do_not_advance_it() -> None:
    """It counts its own steps and nothing else: an update that AMP skips is one without scheduler.step()."""
    optimizer = make()
    scheduler = clr_torch.ScheduleLR(optimizer, DOWN)
    scaler = torch.amp.GradScaler("cpu", init_scale=4.0)
    (parameter,) = optimizer.param_groups[0]["params"]
    lrs = []
    for bad in (False, True, True, False):
        scale = scaler.get_scale()
        scaler.scale(parameter.sum() * (torch.inf if bad else 1.0)).backward()
        scaler.step(optimizer)
        scaler.update()
        if scaler.get_scale() >= scale:
            scheduler.step()
        optimizer.zero_grad()
        lrs.append(optimizer.param_groups[0]["lr"])
    assert lrs == [0.75, 0.75, 0.75, 0.5]
