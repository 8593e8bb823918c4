"""``clr_torch.ScheduleLR``: the LR and momentum that torch's optimizers really use, and where they are kept."""

from __future__ import annotations

import copy
import io
import pickle
import subprocess
import sys
from typing import Any

import frameworks
import pytest
import strategies
from hypothesis import given, settings
from hypothesis import strategies as st

import clr_core

torch = frameworks.load("torch")
clr_torch = frameworks.load("clr_torch")

WAVE = clr_core.triangular(0.25, 1.0, step_size=3)
"""0.25, 0.5, 0.75, 1.0, 0.75, 0.5, 0.25, ..."""

MOMENTUM = clr_core.momentum_for(WAVE, low=0.5, high=0.75)


def make(*lrs: Any, kind: str = "SGD", **arguments: Any) -> Any:
    """An optimizer with one weight, 0.0, in a group for every LR."""
    groups = [{"params": [weight()], "lr": lr} for lr in lrs]
    return getattr(torch.optim, kind)(groups, **arguments)


def weight() -> Any:
    return torch.nn.Parameter(torch.zeros(1, dtype=torch.float64))


def used_lrs(optimizer: Any, scheduler: Any, steps: int) -> list[list[float]]:
    """The LR of every group at every update, read off the weights: with a gradient of 1 they fall by it."""
    used = []
    for _ in range(steps):
        weights = [group["params"][0] for group in optimizer.param_groups]
        with torch.no_grad():
            for each in weights:
                each.zero_()
        optimizer.zero_grad()
        torch.stack(weights).sum().backward()
        optimizer.step()
        scheduler.step()
        used.append([-each.item() for each in weights])
    return used


def lrs(optimizer: Any) -> list[float]:
    return [float(group["lr"]) for group in optimizer.param_groups]


# The LR that is used.


def test_every_update_uses_its_lr() -> None:
    """Update k moves the weights by schedule(k), k = 0 included, whatever LR the optimizer was built with."""
    optimizer = make(7.0)
    scheduler = clr_torch.ScheduleLR(optimizer, WAVE)
    assert isinstance(scheduler, torch.optim.lr_scheduler.LRScheduler)
    used = used_lrs(optimizer, scheduler, 8)
    assert used == [[0.25], [0.5], [0.75], [1.0], [0.75], [0.5], [0.25], [0.5]]
    assert scheduler.get_last_lr() == [0.75] == lrs(optimizer)


@settings(deadline=None, max_examples=60)
@given(strategies.schedules, st.integers(-1, 10**9))
def test_any_schedule_from_any_update(schedule: Any, last_epoch: int) -> None:
    """Built at any update, the weights move by exactly what the schedule says from the next one on."""
    optimizer = make(0.1)
    scheduler = clr_torch.ScheduleLR(optimizer, schedule, last_epoch=last_epoch)
    expected = [[schedule(step)] for step in range(last_epoch + 1, last_epoch + 4)]
    assert used_lrs(optimizer, scheduler, 3) == expected


def test_groups_keep_the_ratios_of_their_lrs() -> None:
    """With one schedule, every group trains at the schedule times its LR over that of the first."""
    optimizer = make(0.5, 0.25, 2.0)
    scheduler = clr_torch.ScheduleLR(optimizer, WAVE)
    assert used_lrs(optimizer, scheduler, 4) == [
        [0.25, 0.125, 1.0],
        [0.5, 0.25, 2.0],
        [0.75, 0.375, 3.0],
        [1.0, 0.5, 4.0],
    ]


@settings(deadline=None, max_examples=60)
@given(st.lists(st.floats(1e-6, 1e3), min_size=1, max_size=4), st.integers(0, 50))
def test_ratios_are_those_of_the_optimizer(built: list[float], step: int) -> None:
    """The first group has the very value of the schedule, the others theirs within two roundings."""
    optimizer = make(*built)
    clr_torch.ScheduleLR(optimizer, WAVE, last_epoch=step - 1)
    now = lrs(optimizer)
    assert now[0] == WAVE(step)
    for lr, lr_built in zip(now, built, strict=True):
        assert lr == pytest.approx(WAVE(step) * lr_built / built[0], rel=2**-51)


def test_ratios_survive_a_second_scheduler() -> None:
    """A scheduler built anew on a moved optimizer, as notebooks do, has the ratios of the optimizer's making."""
    optimizer = make(0.5, 0.25)
    clr_torch.ScheduleLR(optimizer, [WAVE, clr_core.constant(9.0)])
    clr_torch.ScheduleLR(optimizer, clr_core.constant(1.0))
    assert lrs(optimizer) == [1.0, 0.5]


def test_a_schedule_for_each_group() -> None:
    """With a list, every group follows its own schedule and the LRs it was built with do not matter."""
    optimizer = make(0.0, 3.0)
    scheduler = clr_torch.ScheduleLR(optimizer, [WAVE, clr_core.constant(0.125)])
    assert used_lrs(optimizer, scheduler, 3) == [[0.25, 0.125], [0.5, 0.125], [0.75, 0.125]]


def test_past_the_end_the_last_value_holds() -> None:
    """Stepping past the end of a finite schedule is no error and never makes the LR negative."""
    optimizer = make(1.0)
    scheduler = clr_torch.ScheduleLR(optimizer, clr_core.one_cycle(0.5, 1.0, total_steps=4))
    used = used_lrs(optimizer, scheduler, 9)
    assert used[2] == [1.0]
    assert used[4:] == [[0.0005]] * 5


def test_looking_changes_nothing() -> None:
    """get_lr() outside of a step gives the LR of the coming update and moves neither LR nor momentum."""
    optimizer = make(1.0, momentum=0.9)
    scheduler = clr_torch.ScheduleLR(optimizer, WAVE, momentum=MOMENTUM)
    group = optimizer.param_groups[0]
    group["lr"], group["momentum"] = 5.0, 0.0
    assert scheduler.get_lr() == [0.25]
    assert (group["lr"], group["momentum"]) == (5.0, 0.0)


@pytest.mark.filterwarnings("ignore:The epoch parameter:UserWarning")
@pytest.mark.parametrize("bad", [0.1, 2.5, -1, True, 2**31, torch.tensor(0.5)])
def test_a_refused_position_changes_nothing(bad: Any) -> None:
    """step(0.1) raises, as does a negative one; the next step() goes on from the last good update."""
    optimizer = make(1.0)
    scheduler = clr_torch.ScheduleLR(optimizer, WAVE)
    used_lrs(optimizer, scheduler, 1)
    optimizer.step()
    before = scheduler.state_dict()
    with pytest.raises((TypeError, ValueError), match=r"last_epoch must be an int|only integer tensors"):
        scheduler.step(bad)
    assert scheduler.state_dict() == before
    assert (scheduler.last_epoch, scheduler.get_last_lr(), lrs(optimizer)) == (1, [0.5], [0.5])
    assert used_lrs(optimizer, scheduler, 3) == [[0.5], [0.75], [1.0]]


def test_no_step_past_the_largest() -> None:
    """step() counts to 2**31 - 1, as schedules do, and stays there."""
    optimizer = make(1.0)
    scheduler = clr_torch.ScheduleLR(optimizer, WAVE, last_epoch=2**31 - 2)
    optimizer.step()
    before = scheduler.state_dict()
    with pytest.raises(ValueError, match="last_epoch must be an int <= 2147483647, got last_epoch=2147483648"):
        scheduler.step()
    assert scheduler.state_dict() == before


@pytest.mark.filterwarnings("ignore:The epoch parameter:UserWarning")
@pytest.mark.parametrize("kind", ["uint8", "int64", "tensor"])
def test_any_int_is_a_position(kind: str) -> None:
    """step(n) takes the ints of NumPy and torch, counts on in plain ints and leaves the caller's alone."""
    number = torch.tensor(255) if kind == "tensor" else getattr(pytest.importorskip("numpy"), kind)(255)
    optimizer = make(1.0)
    scheduler = clr_torch.ScheduleLR(optimizer, WAVE)
    scheduler.optimizer.step()
    scheduler.step(number)
    assert used_lrs(optimizer, scheduler, 2) == [[WAVE(255)], [WAVE(256)]]
    assert number == 255
    state = scheduler.state_dict()
    assert through_a_file(state) == state
    assert type(state["last_epoch"]) is int


@pytest.mark.parametrize("schedule", [WAVE, [WAVE], clr_core.cosine_restarts(0.0, 1.0, 6)])
def test_cycle_ended(schedule: Any) -> None:
    """It is true after the step() that follows the last update of a cycle, and at no other time."""
    optimizer = make(1.0)
    scheduler = clr_torch.ScheduleLR(optimizer, schedule)
    ended = [scheduler.cycle_ended]
    for _ in range(12):
        used_lrs(optimizer, scheduler, 1)
        ended.append(scheduler.cycle_ended)
    assert [update for update, each in enumerate(ended) if each] == [6, 12]


@pytest.mark.parametrize("lr", [0.5, "tensor"])
def test_reset_starts_the_next_fold(lr: Any) -> None:
    """After reset(), LR and momentum are those of update 0 and go on from there, in the first fold's values."""
    optimizer = make(torch.tensor(0.5) if lr == "tensor" else lr, 0.25, momentum=0.9)
    scheduler = clr_torch.ScheduleLR(optimizer, WAVE, momentum=MOMENTUM)
    first = used_lrs(optimizer, scheduler, 5)
    for parameter in optimizer.state:
        optimizer.state[parameter].clear()
    scheduler.reset()
    assert (scheduler.last_epoch, scheduler.get_last_lr()) == (0, [0.25, 0.125])
    assert optimizer.param_groups[0]["momentum"] == MOMENTUM(0)
    assert used_lrs(optimizer, scheduler, 5) == first


@pytest.mark.parametrize("anneal", ["cosine", "linear"])
@pytest.mark.parametrize("three_phase", [False, True])
def test_the_momentum_of_one_cycle_is_torchs(three_phase: bool, anneal: str) -> None:
    """momentum_for(one_cycle) gives the momentum of torch's OneCycleLR at every update."""
    total, peak = 40, 1.0
    theirs = torch.optim.lr_scheduler.OneCycleLR(
        make(1.0, momentum=0.9),
        peak,
        total,
        three_phase=three_phase,
        anneal_strategy=anneal[:3].replace("lin", "linear"),
    )
    schedule = clr_core.one_cycle(
        peak / 25, peak, total, variant="three_phase" if three_phase else "two_phase", anneal=anneal
    )
    optimizer = make(1.0, momentum=0.9)
    ours = clr_torch.ScheduleLR(optimizer, schedule, momentum=clr_core.momentum_for(schedule, low=0.85, high=0.95))
    for _ in range(total - 1):
        assert optimizer.param_groups[0]["momentum"] == pytest.approx(
            theirs.optimizer.param_groups[0]["momentum"], abs=1e-15
        )
        assert ours.get_last_lr() == pytest.approx(theirs.get_last_lr(), abs=1e-15)
        for scheduler in (ours, theirs):
            scheduler.optimizer.step()
            scheduler.step()


def test_no_attribute_that_accelerate_guards() -> None:
    """Accelerate refuses to step schedulers past an attribute named total_steps; there is none."""
    scheduler = clr_torch.ScheduleLR(make(1.0), clr_core.one_cycle(0.5, 1.0, total_steps=4))
    assert not hasattr(scheduler, "total_steps")


# Momentum.


def test_momentum_moves_with_the_schedule() -> None:
    """momentum= sets the momentum of every update, here opposite to the LR."""
    optimizer = make(1.0, 0.5, momentum=0.9)
    scheduler = clr_torch.ScheduleLR(optimizer, WAVE, momentum=MOMENTUM)
    seen = []
    for _ in range(5):
        seen.append([group["momentum"] for group in optimizer.param_groups])
        used_lrs(optimizer, scheduler, 1)
    expected = [MOMENTUM(step) for step in range(5)]
    assert expected == pytest.approx([0.75, 2 / 3, 7 / 12, 0.5, 7 / 12])
    assert seen == [[value, value] for value in expected]


def test_momentum_is_really_used() -> None:
    """Two updates with gradient 1 and momentum m(1) at the second: the weight has moved by lr + lr * (1 + m)."""
    optimizer = make(1.0, momentum=0.0)
    scheduler = clr_torch.ScheduleLR(optimizer, clr_core.constant(1.0), momentum=MOMENTUM)
    (parameter,) = optimizer.param_groups[0]["params"]
    for _ in range(2):
        parameter.grad = torch.ones_like(parameter)
        optimizer.step()
        scheduler.step()
    assert parameter.item() == -(1.0 + 1.0 + MOMENTUM(1))


def test_beta1_moves_and_beta2_stays() -> None:
    """In a group with betas it is beta1 that moves; all other betas are untouched."""
    optimizer = make(1.0, kind="AdamW", betas=(0.9, 0.987))
    scheduler = clr_torch.ScheduleLR(optimizer, WAVE, momentum=MOMENTUM)
    assert optimizer.param_groups[0]["betas"] == (0.75, 0.987)
    used_lrs(optimizer, scheduler, 3)
    assert optimizer.param_groups[0]["betas"] == (0.5, 0.987)


def test_a_momentum_for_each_group() -> None:
    """A list of momenta has one for each group."""
    optimizer = make(1.0, 1.0, momentum=0.9)
    clr_torch.ScheduleLR(optimizer, WAVE, momentum=[MOMENTUM, clr_core.constant(0.25)])
    assert [group["momentum"] for group in optimizer.param_groups] == [0.75, 0.25]


def test_momentum_is_left_alone_unless_asked() -> None:
    """Without momentum=, neither momentum nor betas change."""
    sgd, adam = make(1.0, momentum=0.9), make(1.0, kind="Adam")
    for optimizer in (sgd, adam):
        used_lrs(optimizer, clr_torch.ScheduleLR(optimizer, WAVE), 4)
    assert sgd.param_groups[0]["momentum"] == 0.9
    assert adam.param_groups[0]["betas"] == (0.9, 0.999)


# Tensors.


def test_tensor_lr_and_beta_are_filled_in_place() -> None:
    """A Tensor LR and Tensor betas stay the objects they are and keep their dtype."""
    if not frameworks.has_tensor_betas(torch):
        pytest.skip("this torch has no Tensor betas")
    lr, beta1, beta2 = torch.tensor(0.5), torch.tensor(0.9), torch.tensor(0.999)
    optimizer = make(lr, kind="Adam", betas=(beta1, beta2), foreach=False, capturable=False)
    scheduler = clr_torch.ScheduleLR(optimizer, WAVE, momentum=MOMENTUM)
    used_lrs(optimizer, scheduler, 3)
    group = optimizer.param_groups[0]
    assert group["lr"] is lr
    assert (lr.item(), lr.dtype) == (1.0, torch.float32)
    assert group["betas"][0] is beta1
    assert beta1.item() == 0.5
    assert group["betas"][1] is beta2
    assert beta2.item() == pytest.approx(0.999)
    last = scheduler.get_last_lr()[0]
    assert last == 1.0
    scheduler.load_state_dict(scheduler.state_dict())
    assert group["lr"] is lr


def test_a_tensor_shared_by_different_schedules_is_refused() -> None:
    """Two groups cannot hold different LRs in the one Tensor that torch gives them as their default."""
    parameters = [{"params": [weight()]}, {"params": [weight()]}]
    optimizer = torch.optim.SGD(parameters, lr=torch.tensor(0.1))
    assert optimizer.param_groups[0]["lr"] is optimizer.param_groups[1]["lr"]
    with pytest.raises(ValueError, match=r"must have a Tensor LR each, got one that groups 0 and 1 share"):
        clr_torch.ScheduleLR(optimizer, [WAVE, clr_core.constant(1.0)])
    clr_torch.ScheduleLR(optimizer, WAVE)
    assert lrs(optimizer) == [0.25, 0.25]


# Groups added later.


def test_a_group_added_later_keeps_its_ratio_to_the_lr_of_the_moment() -> None:
    """It trains at the LR it came with until the next step(), then at that ratio to the first group's LR."""
    optimizer = make(8.0, 4.0)
    scheduler = clr_torch.ScheduleLR(optimizer, WAVE)
    used_lrs(optimizer, scheduler, 1)
    optimizer.add_param_group({"params": [weight()], "lr": optimizer.param_groups[0]["lr"] / 4})
    assert used_lrs(optimizer, scheduler, 3) == [[0.5, 0.25, 0.125], [0.75, 0.375, 0.1875], [1.0, 0.5, 0.25]]


def test_groups_added_one_after_the_other() -> None:
    """Each keeps the ratio it came with, as when layers are unfrozen from the top down."""
    optimizer = make(1.0)
    scheduler = clr_torch.ScheduleLR(optimizer, WAVE)
    for _ in range(3):
        used_lrs(optimizer, scheduler, 1)
        optimizer.add_param_group({"params": [weight()], "lr": optimizer.param_groups[-1]["lr"] / 2})
    assert used_lrs(optimizer, scheduler, 2) == [[1.0, 0.5, 0.25, 0.125], [0.75, 0.375, 0.1875, 0.09375]]


def test_a_group_added_with_an_initial_lr() -> None:
    """Its ratio is that of the two initial LRs, whatever the LRs are at the moment."""
    optimizer = make(8.0)
    scheduler = clr_torch.ScheduleLR(optimizer, WAVE)
    used_lrs(optimizer, scheduler, 1)
    optimizer.add_param_group({"params": [weight()], "lr": 0.5, "initial_lr": 2.0})
    assert used_lrs(optimizer, scheduler, 2) == [[0.5, 0.5], [0.75, 0.1875]]


def test_a_group_added_without_an_lr_has_the_ratio_of_the_default() -> None:
    """The optimizer's default LR stands for the group's own, and its momentum follows as well."""
    optimizer = torch.optim.SGD([{"params": [weight()], "lr": 8.0}], lr=4.0, momentum=0.9)
    scheduler = clr_torch.ScheduleLR(optimizer, WAVE, momentum=clr_core.constant(0.0))
    used_lrs(optimizer, scheduler, 1)
    optimizer.add_param_group({"params": [weight()]})
    assert used_lrs(optimizer, scheduler, 3) == [[0.5, 4.0], [0.75, 0.375], [1.0, 0.5]]
    assert optimizer.param_groups[1]["momentum"] == 0.0


def test_a_group_added_where_the_lr_is_zero() -> None:
    """There is no ratio to 0: step() says what to do, and works once it is done."""
    optimizer = make(1.0)
    scheduler = clr_torch.ScheduleLR(optimizer, clr_core.triangular(0.0, 1.0, step_size=2))
    optimizer.add_param_group({"params": [weight()], "lr": 0.25})
    with pytest.raises(ValueError, match=r"lr=0\.25 where the first group's was 0\.0: add it with an initial_lr"):
        used_lrs(optimizer, scheduler, 1)
    optimizer.param_groups[1]["initial_lr"] = 0.25
    assert used_lrs(optimizer, scheduler, 3) == [[0.0, 0.25], [0.5, 0.125], [1.0, 0.25]]


def test_a_group_added_with_the_default_tensor_lr() -> None:
    """A group that shares the default Tensor with an earlier one shares its ratio."""
    optimizer = torch.optim.SGD([weight()], lr=torch.tensor(0.5))
    scheduler = clr_torch.ScheduleLR(optimizer, WAVE)
    used_lrs(optimizer, scheduler, 2)
    optimizer.add_param_group({"params": [weight()]})
    assert used_lrs(optimizer, scheduler, 2) == [[0.75, 0.75], [1.0, 1.0]]


def test_a_group_added_to_a_list_of_schedules_needs_one_of_its_own() -> None:
    """step() says what to build, and that goes on where the old one was."""
    optimizer = make(1.0, 1.0)
    scheduler = clr_torch.ScheduleLR(optimizer, [WAVE, WAVE])
    used_lrs(optimizer, scheduler, 1)
    optimizer.add_param_group({"params": [weight()], "lr": 0.1})
    with pytest.raises(RuntimeError, match=r"for each of the 3 groups\], last_epoch=1\)"):
        used_lrs(optimizer, scheduler, 1)
    scheduler = clr_torch.ScheduleLR(optimizer, [WAVE, WAVE, clr_core.constant(0.5)], last_epoch=1)
    assert used_lrs(optimizer, scheduler, 1) == [[0.75, 0.75, 0.5]]


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), max_size=4), st.booleans())
def test_a_group_that_moves_keeps_its_ratio(moves: list[tuple[int, int]], is_loaded: bool) -> None:
    """Groups taken out and put in elsewhere, the first as well, or made anew by load_state_dict, train as before."""
    built = {0.5: 1.0, 0.25: 0.5, 2.0: 4.0, 1.0: 2.0}
    optimizer = make(*built)
    scheduler = clr_torch.ScheduleLR(optimizer, WAVE)
    ratios = {
        id(group["params"][0]): ratio for group, ratio in zip(optimizer.param_groups, built.values(), strict=True)
    }
    used_lrs(optimizer, scheduler, 1)
    for taken, put in moves:
        optimizer.param_groups.insert(put, optimizer.param_groups.pop(taken))
    if is_loaded:
        optimizer.load_state_dict(optimizer.state_dict())
    used_lrs(optimizer, scheduler, 1)
    assert lrs(optimizer) == [WAVE(2) * ratios[id(group["params"][0])] for group in optimizer.param_groups]


@pytest.mark.parametrize("index", [0, 1, 2])
@pytest.mark.parametrize("is_at_the_end", [True, False])
def test_a_group_in_the_place_of_another_has_a_ratio_of_its_own(index: int, is_at_the_end: bool) -> None:
    """A new head beside a trained body is measured as any group added later, and the body's ratios stay."""
    optimizer = make(8.0, 4.0, 2.0)
    scheduler = clr_torch.ScheduleLR(optimizer, WAVE)
    used_lrs(optimizer, scheduler, 1)
    expected = {id(group["params"][0]): group["lr"] / 0.5 for group in optimizer.param_groups}
    del optimizer.param_groups[index]
    optimizer.add_param_group({"params": [weight()], "lr": 0.3125})
    expected[id(optimizer.param_groups[-1]["params"][0])] = 0.625
    if not is_at_the_end:
        optimizer.param_groups.insert(index, optimizer.param_groups.pop())
    for update in range(2, 6):
        used_lrs(optimizer, scheduler, 1)
        assert lrs(optimizer) == [WAVE(update) * expected[id(group["params"][0])] for group in optimizer.param_groups]


def test_all_groups_replaced() -> None:
    """Where no group is left, the first of the new ones has the schedule's LR and the others their ratio to it."""
    optimizer = make(8.0, 4.0)
    scheduler = clr_torch.ScheduleLR(optimizer, WAVE)
    used_lrs(optimizer, scheduler, 1)
    optimizer.param_groups.clear()
    for lr in (0.5, 0.125):
        optimizer.add_param_group({"params": [weight()], "lr": lr})
    used_lrs(optimizer, scheduler, 1)
    assert lrs(optimizer) == [0.75, 0.1875]


def test_a_list_of_schedules_is_for_the_groups_it_was_given() -> None:
    """A group in the place of another has no schedule: step() says what to build; one that moved does as well."""
    for change in ("replaced", "moved"):
        optimizer = make(1.0, 1.0)
        scheduler = clr_torch.ScheduleLR(optimizer, [WAVE, clr_core.constant(0.125)])
        used_lrs(optimizer, scheduler, 1)
        group = optimizer.param_groups.pop()
        if change == "moved":
            optimizer.param_groups.insert(0, group)
        else:
            optimizer.add_param_group({"params": [weight()], "lr": 0.1})
        with pytest.raises(
            RuntimeError, match=r"must have a schedule for every group, got others, or in another order"
        ):
            used_lrs(optimizer, scheduler, 1)
        assert scheduler.last_epoch == 1


# State.


def through_a_file(state: Any) -> Any:
    file = io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    return torch.load(file, weights_only=True)


def trained(*, kind: str = "SGD", lr: Any = 0.5, **arguments: Any) -> tuple[Any, Any]:
    optimizer = make(lr, 0.25, kind=kind, **arguments)
    scheduler = clr_torch.ScheduleLR(optimizer, WAVE, momentum=MOMENTUM)
    used_lrs(optimizer, scheduler, 2)
    return optimizer, scheduler


@pytest.mark.parametrize("optimizer_first", [True, False])
@pytest.mark.parametrize("kind", ["SGD", "Adam"])
def test_resumes_where_it_was_saved(kind: str, optimizer_first: bool) -> None:
    """Saved and loaded with weights_only=True, in either order, LR and momentum go on as without a break."""
    arguments = {"momentum": 0.9} if kind == "SGD" else {}
    optimizer, scheduler = trained(kind=kind, **arguments)
    saved = through_a_file({"optimizer": optimizer.state_dict(), "scheduler": scheduler.state_dict()})
    resumed = make(0.5, 0.25, kind=kind, **arguments)
    again = clr_torch.ScheduleLR(resumed, WAVE, momentum=MOMENTUM)
    loads = [lambda: resumed.load_state_dict(saved["optimizer"]), lambda: again.load_state_dict(saved["scheduler"])]
    for load in loads if optimizer_first else reversed(loads):
        load()
    for _ in range(5):
        assert again.get_last_lr() == scheduler.get_last_lr() == lrs(resumed) == lrs(optimizer)
        groups = zip(resumed.param_groups, optimizer.param_groups, strict=True)
        assert all(a.get("momentum") == b.get("momentum") and a.get("betas") == b.get("betas") for a, b in groups)
        used_lrs(optimizer, scheduler, 1)
        used_lrs(resumed, again, 1)


@pytest.mark.parametrize("optimizer_first", [True, False])
def test_the_ratio_of_an_added_group_resumes_too(optimizer_first: bool) -> None:
    """The optimizer's state carries the ratios, also that of a group that came later, in either order."""
    optimizer = make(0.5)
    scheduler = clr_torch.ScheduleLR(optimizer, WAVE)
    used_lrs(optimizer, scheduler, 1)
    optimizer.add_param_group({"params": [weight()], "lr": 0.125})
    used_lrs(optimizer, scheduler, 1)
    saved = {"optimizer": optimizer.state_dict(), "scheduler": scheduler.state_dict()}
    resumed = make(0.5, 0.5)
    again = clr_torch.ScheduleLR(resumed, WAVE)
    if optimizer_first:
        resumed.load_state_dict(saved["optimizer"])
    again.load_state_dict(saved["scheduler"])
    if not optimizer_first:
        resumed.load_state_dict(saved["optimizer"])
    assert used_lrs(resumed, again, 2) == [[0.75, 0.1875], [1.0, 0.25]]


@pytest.mark.parametrize("optimizer_first", [True, False])
@pytest.mark.parametrize("steps", [2, 4])
def test_a_group_added_by_hand_before_loading_where_the_lr_is_zero(steps: int, optimizer_first: bool) -> None:
    """There is no ratio to 0, at update 0 or at the saved one, and none is needed: the optimizer's state brings it."""
    schedule = clr_core.triangular(0.0, 1.0, step_size=2)
    optimizer = make(1.0)
    scheduler = clr_torch.ScheduleLR(optimizer, schedule)
    used_lrs(optimizer, scheduler, 1)
    optimizer.add_param_group({"params": [weight()], "lr": 0.125})
    used_lrs(optimizer, scheduler, steps - 1)
    resumed = make(1.0)
    again = clr_torch.ScheduleLR(resumed, schedule)
    resumed.add_param_group({"params": [weight()], "lr": 0.3})
    assert again.get_lr() == [0.0, 0.3]
    parts = [(resumed, optimizer), (again, scheduler)]
    for part, saved in parts if optimizer_first else reversed(parts):
        part.load_state_dict(saved.state_dict())
    assert used_lrs(resumed, again, 4) == used_lrs(optimizer, scheduler, 4)
    assert lrs(resumed) == [schedule(steps + 4), schedule(steps + 4) / 4]


def test_loading_reapplies_lr_and_momentum() -> None:
    """load_state_dict alone puts the LR and momentum of the saved position into the optimizer."""
    _, scheduler = trained(momentum=0.9)
    fresh = make(0.5, 0.25, momentum=0.9)
    again = clr_torch.ScheduleLR(fresh, WAVE, momentum=MOMENTUM)
    again.load_state_dict(scheduler.state_dict())
    assert lrs(fresh) == [0.75, 0.375] == again.get_last_lr()
    assert fresh.param_groups[0]["momentum"] == MOMENTUM(2)


def test_the_state_is_plain_and_loading_does_not_change_it() -> None:
    """The state holds ints, floats, a bool and a list of floats, and can be loaded twice."""
    _, scheduler = trained(lr=torch.tensor(0.5), momentum=0.9)
    state = scheduler.state_dict()
    assert state == {"last_epoch": 2, "_step_count": 3, "_last_lr": [0.75, 0.375], "is_in_charge": True}
    before = copy.deepcopy(state)
    scheduler.load_state_dict(state)
    scheduler.load_state_dict(state)
    assert state == before
    assert type(state["_last_lr"][0]) is float
    assert scheduler.state_dict() == state


def test_the_callers_schedule_wins_over_the_saved_position() -> None:
    """Only the position is loaded: the schedule, and what it says there, are those the caller has built."""
    _, scheduler = trained(momentum=0.9)
    optimizer = make(1.0)
    again = clr_torch.ScheduleLR(optimizer, clr_core.linear_decay(1.0, total_steps=8))
    again.load_state_dict(scheduler.state_dict())
    assert lrs(optimizer) == [0.75]
    assert used_lrs(optimizer, again, 2) == [[0.75], [0.625]]


def test_takes_over_from_another_scheduler() -> None:
    """The state of a torch scheduler that was stepped at every update is a position too."""
    theirs = torch.optim.lr_scheduler.CyclicLR(make(1.0), 0.1, 1.0, cycle_momentum=False)
    for _ in range(3):
        theirs.optimizer.step()
        theirs.step()
    optimizer = make(1.0)
    clr_torch.ScheduleLR(optimizer, WAVE).load_state_dict(theirs.state_dict())
    assert lrs(optimizer) == [1.0]


@pytest.mark.parametrize("is_loaded", [False, True])
def test_built_at_an_update_the_real_lr_is_the_reported_one(is_loaded: bool) -> None:
    """With last_epoch=k, on a fresh optimizer or a loaded one, the LR is that of update k + 1, as reported."""
    optimizer, scheduler = trained(momentum=0.9)
    resumed = make(0.5, 0.25, momentum=0.9)
    if is_loaded:
        resumed.load_state_dict(optimizer.state_dict())
    again = clr_torch.ScheduleLR(resumed, WAVE, last_epoch=scheduler.last_epoch - 1)
    assert again.get_last_lr() == lrs(resumed) == [0.75, 0.375]


def test_an_optimizer_state_from_elsewhere_brings_its_own_lrs() -> None:
    """Loading an optimizer that never had a scheduler keeps the ratios; the next step sets the LR again."""
    optimizer = make(0.5, 0.25)
    scheduler = clr_torch.ScheduleLR(optimizer, WAVE)
    optimizer.load_state_dict(make(9.0, 9.0).state_dict())
    assert lrs(optimizer) == [9.0, 9.0]
    used_lrs(optimizer, scheduler, 1)
    assert lrs(optimizer) == [0.5, 0.25]


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda each: pickle.loads(pickle.dumps(each))])
@pytest.mark.parametrize("steps", [0, 2])
def test_copies_go_their_own_way(copied: Any, steps: int) -> None:
    """A deep copy or pickle carries its own optimizer on from the same update, without a warning."""
    optimizer = make(0.5, 0.25, momentum=0.9)
    scheduler = clr_torch.ScheduleLR(optimizer, WAVE, momentum=MOMENTUM)
    used_lrs(optimizer, scheduler, steps)
    twin = copied(scheduler)
    twin.optimizer.add_param_group({"params": [weight()], "lr": twin.optimizer.param_groups[0]["lr"] / 4})
    used_lrs(twin.optimizer, twin, 2)
    assert lrs(twin.optimizer)[:2] == [WAVE(steps + 2), WAVE(steps + 2) / 2]
    assert twin.get_last_lr()[2] == WAVE(steps + 2) / 4
    assert lrs(optimizer) == [WAVE(steps), WAVE(steps) / 2]


# Bad input.


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"optimizer": "SGD"}, TypeError, "optimizer must be a torch.optim.Optimizer, got optimizer='SGD'"),
        ({"schedule": 0.1}, TypeError, r"schedule must be a clr_core schedule or a list .*, got schedule=0\.1"),
        ({"schedule": lambda step: 0.1}, TypeError, "schedule must be a clr_core schedule or a list"),
        ({"schedule": [WAVE]}, ValueError, "got 1 schedules for 2 groups"),
        ({"schedule": [WAVE, 0.1]}, TypeError, r"got schedule\[1\]=0\.1"),
        ({"schedule": []}, ValueError, "got 0 schedules for 2 groups"),
        ({"momentum": 0.9}, TypeError, r"momentum must be a clr_core schedule or a list .*, got momentum=0\.9"),
        ({"momentum": [MOMENTUM]}, ValueError, "got 1 schedules for 2 groups"),
        ({"momentum": clr_core.constant(1.0)}, ValueError, r"momentum must stay in \[0, 1\)"),
        ({"optimizer": "Adagrad", "momentum": MOMENTUM}, ValueError, r"got neither in param_groups\[0\]"),
        ({"last_epoch": -2}, ValueError, "last_epoch must be an int >= -1, got last_epoch=-2"),
        ({"last_epoch": 1.0}, TypeError, r"last_epoch must be an int >= -1, got last_epoch=1\.0"),
        ({"last_epoch": True}, TypeError, "last_epoch"),
    ],
)
def test_refuses_bad_arguments(change: dict[str, Any], error: type[Exception], message: str) -> None:
    """Bad input raises at construction, naming the argument and the value, and leaves the optimizer alone."""
    optimizer = make(0.5, 0.25)
    if change.get("optimizer") == "Adagrad":
        optimizer = change["optimizer"] = make(0.5, 0.25, kind="Adagrad")
    arguments = {"optimizer": optimizer, "schedule": WAVE, **change}
    with pytest.raises(error, match=message):
        clr_torch.ScheduleLR(**arguments)
    assert lrs(optimizer) == [0.5, 0.25]
    assert "initial_lr" not in optimizer.param_groups[0]


def test_the_first_lr_must_be_positive() -> None:
    """With one schedule, the first group's LR is what the others are measured by."""
    with pytest.raises(ValueError, match=r"the lr of the optimizer's first group must be > 0, .* got lr=0\.0: build"):
        clr_torch.ScheduleLR(make(0.0, 0.1), WAVE)


@pytest.mark.parametrize(
    ("state", "error", "message"),
    [
        ([], TypeError, "state_dict must be a dict"),
        ({}, ValueError, "state_dict must have a last_epoch, got the keys"),
        ({"last_epoch": 1.5}, TypeError, r"last_epoch must be an int >= -1, got last_epoch=1\.5"),
        ({"last_epoch": -2}, ValueError, "last_epoch must be an int >= -1, got last_epoch=-2"),
    ],
)
def test_refuses_bad_states(state: Any, error: type[Exception], message: str) -> None:
    """A state without a position raises and changes nothing."""
    optimizer = make(0.5)
    scheduler = clr_torch.ScheduleLR(optimizer, WAVE)
    with pytest.raises(error, match=message):
        scheduler.load_state_dict(state)
    assert (scheduler.last_epoch, lrs(optimizer)) == (0, [0.25])


def test_without_torch_the_import_says_what_to_do() -> None:
    """Importing clr_torch without torch raises ModuleNotFoundError with the command that installs it."""
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "try: import clr_torch\n"
        "except ModuleNotFoundError as error: print(error.name, '|', error)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "torch | clr_torch needs torch, which is not installed: pip install torch"


def test_public_names() -> None:
    """__all__ is complete and in order."""
    names = clr_torch.__all__
    assert names == sorted(names, key=lambda name: (name.islower(), name))
    assert all(hasattr(clr_torch, name) for name in names)
