"""schedule-free: its optimizers average the weights themselves; ScheduleLR and the range test work on them as well."""

from __future__ import annotations

from typing import Any

import frameworks
import pytest

import clr_core

torch = frameworks.load("torch")
schedulefree = frameworks.load("schedulefree")
clr_torch = frameworks.load("clr_torch")

from torch import nn  # noqa: E402

SCHEDULE = clr_core.triangular(0.001, 0.1, step_size=3)
BATCHES = [
    (torch.randn(8, 8, generator=torch.Generator().manual_seed(seed)), torch.arange(8) % 3) for seed in range(12)
]


class Run:
    def __init__(self, kind: str) -> None:
        torch.manual_seed(0)
        self.model = nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, 3))
        self.optimizer = getattr(schedulefree, kind)(self.model.parameters(), lr=0.1)
        self.optimizer.train()
        self.scheduler = clr_torch.ScheduleLR(self.optimizer, SCHEDULE)
        self.lrs: list[float] = []

    def train(self, batches: list[Any]) -> None:
        for inputs, targets in batches:
            self.optimizer.zero_grad()
            nn.functional.cross_entropy(self.model(inputs), targets).backward()
            self.optimizer.step()
            self.lrs.append(self.optimizer.param_groups[0]["scheduled_lr"])
            self.scheduler.step()

    def everything(self) -> list[Any]:
        """The weights to train with, those to evaluate with, and the optimizer's state."""
        found = [each.detach().clone() for each in self.model.parameters()]
        self.optimizer.eval()
        found += [each.detach().clone() for each in self.model.parameters()]
        self.optimizer.train()
        return found + [each for state in self.optimizer.state.values() for each in state.values()]


@pytest.mark.parametrize("kind", ["AdamWScheduleFree", "SGDScheduleFree", "RAdamScheduleFree"])
def test_training_after_a_range_test_is_as_without(kind: str) -> None:
    """Every update has its LR, and neither the weights nor their average notice a test at the start and in mid-run."""
    runs = []
    for has_test in (False, True):
        run = Run(kind)
        for batches in (BATCHES[:5], BATCHES[5:]):
            if has_test:
                curve = clr_torch.range_test(
                    run.model, run.optimizer, nn.functional.cross_entropy, BATCHES, num_steps=9, divergence=None
                )
                assert len(curve) == 9
            run.train(batches)
        runs.append(run)
    assert runs[0].lrs == runs[1].lrs
    if kind != "RAdamScheduleFree":  # it scales the LR by its rectification
        assert runs[0].lrs == SCHEDULE.values(12)
    one, other = (run.everything() for run in runs)
    assert len(one) > 8
    assert all(map(torch.equal, one, other))
