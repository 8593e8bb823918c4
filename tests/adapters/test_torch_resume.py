"""A training run interrupted at any update and resumed from its checkpoint ends bit-identical to one that was not."""

from __future__ import annotations

import io
from typing import Any

import frameworks
import pytest

import clr_core

torch = frameworks.load("torch")
clr_torch = frameworks.load("clr_torch")

UPDATES = 10
ADDED_AT = 4
ORDERS = (("model", "optimizer", "scheduler"), ("scheduler", "optimizer", "model"))

POLICIES = {
    "triangular": clr_core.triangular(0.001, 0.1, step_size=3),
    "triangular2": clr_core.triangular2(0.001, 0.1, step_size=2),
    "exp_range": clr_core.exp_range(0.001, 0.1, step_size=3, gamma=0.9),
    "cyclic": clr_core.cyclic(0.001, 0.1, step_size=3, shape="cosine"),
    "cosine_restarts": clr_core.cosine_restarts(0.001, 0.1, 3, t_mult=2),
    "one_cycle": clr_core.one_cycle(0.001, 0.1, UPDATES),
    "two_phase": clr_core.one_cycle(0.001, 0.1, UPDATES, variant="two_phase"),
    "three_phase": clr_core.one_cycle(0.001, 0.1, UPDATES, variant="three_phase"),
    "step_decay": clr_core.step_decay(0.1, factor=0.5, every=4),
    "linear_ramp": clr_core.linear_ramp(0.001, 0.1, UPDATES),
    "exponential_ramp": clr_core.exponential_ramp(0.001, 0.1, UPDATES),
    "linear_decay": clr_core.linear_decay(0.1, UPDATES),
    "warmup_stable_decay": clr_core.warmup_stable_decay(0.1, UPDATES, warmup_steps=3, decay_steps=4),
    "join": clr_core.with_warmup(clr_core.triangular2(0.001, 0.1, step_size=2), 5),
    "constant": clr_core.constant(0.1),
}


class Run:
    """A short training run; the seed of each batch is its update."""

    def __init__(self, schedule: Any, kind: str, has_momentum: bool) -> None:
        torch.manual_seed(0)
        self.model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Tanh(), torch.nn.Linear(8, 2))
        head, body = self.model[2].parameters(), self.model[0].parameters()
        self.added = [torch.nn.Parameter(torch.ones(2))]
        groups = [{"params": list(head), "lr": 0.02}, {"params": list(body), "lr": 0.005}]
        self.optimizer = getattr(torch.optim, kind)(groups, lr=0.1, **({"momentum": 0.9} if kind == "SGD" else {}))
        varies = has_momentum and schedule.limits()[0] < schedule.limits()[1]
        momentum = clr_core.momentum_for(schedule) if varies else clr_core.constant(0.5) if has_momentum else None
        self.scheduler = clr_torch.ScheduleLR(self.optimizer, schedule, momentum=momentum)

    def add_group(self) -> None:
        self.optimizer.add_param_group({"params": self.added, "lr": float(self.optimizer.param_groups[0]["lr"]) / 3})

    def update(self, number: int) -> None:
        if number == ADDED_AT:
            self.add_group()
        inputs = torch.randn(8, 4, generator=torch.Generator().manual_seed(number))
        self.optimizer.zero_grad()
        (self.model(inputs) * self.added[0]).square().mean().backward()
        self.optimizer.step()
        self.scheduler.step()

    def checkpoint(self) -> bytes:
        file = io.BytesIO()
        parts = {"model": self.model, "optimizer": self.optimizer, "scheduler": self.scheduler}
        torch.save({name: part.state_dict() for name, part in parts.items()} | {"added": self.added[0].data}, file)
        return file.getvalue()

    def restore(self, checkpoint: bytes, order: tuple[str, ...]) -> None:
        state = torch.load(io.BytesIO(checkpoint), weights_only=True)
        if len(state["optimizer"]["param_groups"]) > len(self.optimizer.param_groups):
            self.optimizer.add_param_group({"params": self.added})  # its LR comes with the optimizer's state
        self.added[0].data.copy_(state["added"])
        for name in order:
            getattr(self, name).load_state_dict(state[name])

    def everything(self) -> list[Any]:
        groups = [
            {key: value for key, value in group.items() if key != "params"} for group in self.optimizer.param_groups
        ]
        return [groups, self.scheduler.last_epoch, self.scheduler.get_last_lr()]

    def tensors(self) -> list[Any]:
        state = [
            value
            for each in self.optimizer.state.values()
            for value in each.values()
            if isinstance(value, torch.Tensor)
        ]
        return [*self.model.parameters(), *self.added, *state]


@pytest.mark.parametrize(("kind", "has_momentum"), [("SGD", False), ("SGD", True), ("Adam", True)])
@pytest.mark.parametrize("policy", POLICIES)
def test_resumed_at_every_update(policy: str, kind: str, has_momentum: bool) -> None:
    """Weights, optimizer state, LRs and momenta are equal at the end, wherever the run was interrupted.

    A third group comes in the middle. The scheduler is loaded before the optimizer at one update, after it at the next.
    """
    arguments = (POLICIES[policy], kind, has_momentum)
    run = Run(*arguments)
    checkpoints = []
    for number in range(UPDATES):
        checkpoints.append(run.checkpoint())
        run.update(number)
    for start, checkpoint in enumerate(checkpoints):
        resumed = Run(*arguments)
        resumed.restore(checkpoint, ORDERS[start % 2])
        for number in range(start, UPDATES):
            resumed.update(number)
        assert resumed.everything() == run.everything()
        assert all(map(torch.equal, resumed.tensors(), run.tensors()))


@pytest.mark.parametrize("order", ORDERS)
def test_interrupted_between_the_new_group_and_the_next_step(order: tuple[str, ...]) -> None:
    """A checkpoint taken just after the group was added: it keeps the LR it came with, and then its ratio."""
    arguments = (POLICIES["triangular"], "SGD", True)
    run, resumed = Run(*arguments), Run(*arguments)
    for number in range(ADDED_AT):
        run.update(number)
    run.add_group()
    resumed.restore(run.checkpoint(), order)
    for number in range(ADDED_AT + 1, UPDATES):
        assert [group["lr"] for group in resumed.optimizer.param_groups] == [
            group["lr"] for group in run.optimizer.param_groups
        ]
        run.update(number)
        resumed.update(number)
    assert resumed.everything() == run.everything()
    assert all(map(torch.equal, resumed.tensors(), run.tensors()))
