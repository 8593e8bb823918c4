"""Lightning's Fabric: ScheduleLR and the range test with the model, the optimizer and the loader it has set up."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import frameworks
import pytest

import clr_core

torch = frameworks.load("torch")
frameworks.load("lightning")
clr_torch = frameworks.load("clr_torch")

from lightning.fabric import Fabric  # noqa: E402
from torch import nn  # noqa: E402
from torch.utils.data import DataLoader, TensorDataset  # noqa: E402

SCHEDULE = clr_core.triangular2(0.001, 0.1, step_size=3)
cross_entropy = nn.functional.cross_entropy
pytestmark = pytest.mark.filterwarnings("ignore:.*LeafSpec:FutureWarning")


class Run:
    """A training run of epochs of four updates, with dropout."""

    def __init__(self) -> None:
        torch.manual_seed(0)
        self.fabric = Fabric(accelerator="cpu", devices=1)
        model = nn.Sequential(nn.Linear(8, 16), nn.Dropout(0.3), nn.Linear(16, 3))
        optimizer = torch.optim.AdamW(model.parameters(), lr=0.1)
        self.scheduler = clr_torch.ScheduleLR(optimizer, SCHEDULE, momentum=clr_core.momentum_for(SCHEDULE))
        data = TensorDataset(torch.randn(64, 8), torch.arange(64) % 3)
        self.model, self.optimizer = self.fabric.setup(model, optimizer)
        self.loader = self.fabric.setup_dataloaders(DataLoader(data, batch_size=16, shuffle=True))
        self.lrs: list[float] = []

    def train(self, epochs: int) -> None:
        for _ in range(epochs):
            for inputs, targets in self.loader:
                self.optimizer.zero_grad()
                self.fabric.backward(cross_entropy(self.model(inputs), targets))
                self.optimizer.step()
                self.lrs.append(self.optimizer.param_groups[0]["lr"])
                self.scheduler.step()

    def state(self) -> dict[str, Any]:
        return {"model": self.model, "optimizer": self.optimizer, "scheduler": self.scheduler}

    def weights(self) -> list[Any]:
        return [each.detach().clone() for each in self.model.parameters()]


def test_training_after_a_range_test_is_as_without() -> None:
    """At the start and after an epoch; every update has its LR."""
    runs = []
    for has_test in (False, True):
        run = Run()
        for epochs in (1, 2):
            if has_test:
                curve = clr_torch.range_test(run.model, run.optimizer, cross_entropy, run.loader, num_steps=12)
                assert (len(curve), curve.optimizer) == (12, "AdamW")
            run.train(epochs)
        runs.append(run)
    assert runs[0].lrs == runs[1].lrs == SCHEDULE.values(12)
    assert all(map(torch.equal, runs[0].weights(), runs[1].weights()))


def test_a_scheduler_made_from_what_was_set_up() -> None:
    """Fabric's optimizer is one of torch's classes, and takes a ScheduleLR as well as the one inside."""
    run = Run()
    run.scheduler = clr_torch.ScheduleLR(run.optimizer, SCHEDULE)
    run.train(3)
    assert run.lrs == SCHEDULE.values(12)


def test_a_checkpoint_of_fabric(tmp_path: Path) -> None:
    """Saved and loaded with the model and the optimizer, ScheduleLR goes on in mid-cycle where it was."""
    run, resumed = Run(), Run()
    run.train(1)
    run.fabric.save(tmp_path / "state.ckpt", run.state())
    torch.manual_seed(1)
    run.train(2)
    resumed.fabric.load(tmp_path / "state.ckpt", resumed.state())
    torch.manual_seed(1)
    resumed.train(2)
    assert resumed.lrs == SCHEDULE.values(12)[4:]
    assert all(map(torch.equal, run.weights(), resumed.weights()))
