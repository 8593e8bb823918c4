"""A task: data, network, default LR and budget, and how one run of it is trained, in torch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import clr_torch
import data
import networks
import torch
from data import Batches, Data, Windows
from torch import Tensor, nn
from torch.nn import functional

import clr_core

TEST_UPDATES = 100
Evaluation = tuple[int, float, float]  # updates made, accuracy and loss on the test data


@dataclass(frozen=True)
class Task:
    """One problem, and the budgets it is given.

    Attributes:
        name: As in the tables.
        data: What makes the data.
        network: What makes the model.
        size: Examples in a batch.
        steps_per_epoch: Updates in an epoch; None for a text, of which no window comes twice.
        updates: The whole budget of a training run.
        budgets: Shorter ones, in updates; the last is the whole.
        grid: LRs of the fixed runs; the default is one of them.
        default_lr: The LR of those who do not choose: torch's own for the optimizer.
        momentum: Of SGD; None for Adam.
        seeds: Runs of each method: as many as tell methods apart on small test data, where a run takes a second.
    """

    name: str
    data: Callable[[], Data]
    network: Callable[[], nn.Module]
    size: int
    steps_per_epoch: int | None
    updates: int
    budgets: tuple[int, ...]
    grid: tuple[float, ...] = (1e-3, 3e-3, 1e-2, 3e-2)
    default_lr: float = 1e-3
    momentum: float | None = None
    seeds: int = 8
    curves: dict[tuple[int, int], Any] = field(default_factory=dict, compare=False, repr=False)

    @property
    def half(self) -> int:
        """The budget nearest to half of the whole."""
        return min(self.budgets, key=lambda budget: abs(2 * budget - self.updates))

    def every(self, method: str) -> int:
        """Updates from one evaluation to the next: an epoch for a fixed LR, a third of one for what is short."""
        if self.steps_per_epoch is None:
            return 40
        return self.steps_per_epoch if method.startswith("fixed") else self.steps_per_epoch // 3

    def model(self, seed: int) -> nn.Module:
        torch.manual_seed(seed)
        return self.network()

    def batches(self, seed: int) -> Batches | Windows:
        generator = torch.Generator().manual_seed(1000 + seed)
        train = self.data().train
        return Batches(train, self.size, generator) if self.steps_per_epoch else Windows(train[0], self.size, generator)

    def optimizer(self, model: nn.Module) -> torch.optim.Optimizer:
        if self.momentum is None:
            return torch.optim.Adam(model.parameters(), lr=self.default_lr, fused=True)
        return torch.optim.SGD(model.parameters(), lr=self.default_lr, momentum=self.momentum, fused=True)

    def plan(self, updates: int) -> clr_core.CyclePlan:
        return clr_core.plan_cycles(total_steps=updates, steps_per_epoch=self.steps_per_epoch)

    def range_test(self, seed: int, num_steps: int = TEST_UPDATES) -> clr_core.LRCurve:
        """One range test of ``clr_torch``, kept for the other runs of this seed."""
        if (seed, num_steps) not in self.curves:
            model = self.model(seed)
            self.curves[seed, num_steps] = clr_torch.range_test(
                model,
                self.optimizer(model),
                functional.cross_entropy,
                self.batches(seed),
                num_steps=num_steps,
                progress=False,
            )
        return self.curves[seed, num_steps]

    def train(
        self,
        schedule: clr_core.Schedule,
        updates: int,
        seed: int,
        *,
        every: int | None = None,
        after: Callable[[nn.Module, clr_torch.ScheduleLR], None] | None = None,
    ) -> list[Evaluation]:
        """Train under a schedule; evaluate every so many updates and at the end."""
        model = self.model(seed)
        optimizer = self.optimizer(model)
        scheduler = clr_torch.ScheduleLR(optimizer, schedule)

        def step() -> None:
            optimizer.step()
            scheduler.step()
            if after:
                after(model, scheduler)

        return self.loop(model, optimizer.zero_grad, step, updates, seed, every=every)

    def loop(
        self,
        model: nn.Module,
        zero_grad: Callable[[], None],
        step: Callable[[], None],
        updates: int,
        seed: int,
        *,
        every: int | None = None,
        at_evaluation: Callable[[], Any] = lambda: None,
    ) -> list[Evaluation]:
        evaluations = []
        for update, (inputs, targets) in enumerate(data.first(self.batches(seed), updates), 1):
            zero_grad()
            functional.cross_entropy(model(inputs), targets).backward()
            step()
            if update == updates or (every and update % every == 0):
                at_evaluation()
                evaluations.append((update, *self.evaluate(model)))
        return evaluations

    def evaluate(self, model: nn.Module) -> tuple[float, float]:
        with evaluating(model):
            return score(model(self.data().test[0]), self.data().test[1])


def score(logits: Tensor, targets: Tensor) -> tuple[float, float]:
    """Accuracy and loss."""
    accuracy = (logits.argmax(1) == targets).double().mean()
    return float(accuracy), float(functional.cross_entropy(logits, targets))


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    model.eval()
    with torch.no_grad():
        yield
    model.train()


def of_epochs(steps: int, *counts: int) -> dict[str, Any]:
    """The budgets, from numbers of epochs of so many updates."""
    budgets = tuple(steps * count for count in counts)
    return {"steps_per_epoch": steps, "updates": budgets[-1], "budgets": budgets}


DIGIT_SEEDS = 24
DIGIT_EPOCHS = 4, 5, 6, 8, 10, 12, 16, 20, 30, 40
_DIGITS: dict[str, Any] = {"data": data.digits, "network": networks.mlp, "size": 64, "seeds": DIGIT_SEEDS}
_MNIST: dict[str, Any] = {"data": data.mnist, "network": networks.cnn, "size": 64}
_TEXT: dict[str, Any] = {"data": data.text, "network": networks.GPT, "size": 8, "steps_per_epoch": None}
_TEXT |= {"updates": 800, "grid": (3e-4, 1e-3, 3e-3, 1e-2)}
_SGD: dict[str, Any] = {"momentum": 0.9, "grid": (1e-3, 1e-2, 1e-1)}

TASKS = [
    Task("digits, MLP", **_DIGITS, **of_epochs(21, *DIGIT_EPOCHS)),
    Task("MNIST, CNN", **_MNIST, **of_epochs(63, 4, 5, 6, 8, 10, 20)),
    Task("text, GPT", **_TEXT, budgets=(100, 188, 280, 400, 800)),
    Task("digits, MLP, momentum", **_DIGITS, **_SGD, **of_epochs(21, *DIGIT_EPOCHS)),
    Task("MNIST, CNN, momentum", **_MNIST, **_SGD, **of_epochs(63, 4, 6, 10, 20)),
    Task("text, GPT, momentum", **_TEXT | _SGD, budgets=(100, 188, 280, 800)),
    Task("MNIST, narrow ResNet-18", **_MNIST | {"network": partial(networks.resnet18, 8)}, **of_epochs(63, 4, 8)),
    Task("MNIST, ResNet-18", **_MNIST | {"network": partial(networks.resnet18, 64), "seeds": 3}, **of_epochs(63, 4, 8)),
]
