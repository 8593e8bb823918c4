"""Accelerate in one and two processes: ScheduleLR beside it and prepared by it, the range test of what it prepared."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import frameworks
import pytest

import clr_core

torch = frameworks.load("torch")
accelerate = frameworks.load("accelerate")
clr_torch = frameworks.load("clr_torch")

from torch import nn  # noqa: E402
from torch.utils.data import DataLoader, TensorDataset  # noqa: E402

SCHEDULE = clr_core.triangular2(0.001, 0.1, step_size=3)
UPDATES = 10


class Run:
    """A training run with accumulation over two batches, dropout, and Accelerate's sampler that counts passes."""

    def __init__(self, prepares_scheduler: bool = False) -> None:
        torch.manual_seed(0)
        data = TensorDataset(torch.randn(64, 8), torch.arange(64) % 3)
        model = nn.Sequential(nn.Linear(8, 16), nn.Dropout(0.3), nn.Linear(16, 3))
        optimizer = torch.optim.AdamW(model.parameters(), lr=0.1)
        self.scheduler = clr_torch.ScheduleLR(optimizer, SCHEDULE)
        self.accelerator = accelerate.Accelerator(
            cpu=True,
            gradient_accumulation_steps=2,
            dataloader_config=accelerate.DataLoaderConfiguration(use_seedable_sampler=True),
            step_scheduler_with_optimizer=True,
        )
        self.model, self.optimizer, self.loader = self.accelerator.prepare(
            model, optimizer, DataLoader(data, batch_size=8, shuffle=True)
        )
        self.prepared = self.accelerator.prepare(self.scheduler) if prepares_scheduler else None
        self.lrs: list[float] = []

    def train(self, updates: int) -> None:
        target = len(self.lrs) + updates
        while len(self.lrs) < target:
            for inputs, targets in self.loader:
                with self.accelerator.accumulate(self.model):
                    self.accelerator.backward(nn.functional.cross_entropy(self.model(inputs), targets))
                    lr = self.optimizer.param_groups[0]["lr"]
                    self.optimizer.step()
                    if self.prepared is not None:
                        self.prepared.step()
                    elif self.accelerator.sync_gradients:
                        self.scheduler.step()
                    self.optimizer.zero_grad()
                if self.accelerator.sync_gradients:
                    self.lrs.append(lr)
                if len(self.lrs) == target:
                    break

    def weights(self) -> list[Any]:
        return [each.detach().clone() for each in self.model.parameters()]


@pytest.mark.parametrize("prepares_scheduler", [False, True])
def test_every_update_has_its_lr(prepares_scheduler: bool) -> None:
    """Stepped where gradients are synchronized, or prepared, which on one process does the same."""
    run = Run(prepares_scheduler)
    run.train(UPDATES)
    assert run.lrs == SCHEDULE.values(UPDATES)
    assert run.scheduler.last_epoch == UPDATES


def test_training_after_a_range_test_is_as_without() -> None:
    """Model, optimizer and loader as Accelerate has prepared them; at the start, and after some updates."""
    runs = []
    for has_test in (False, True):
        run = Run()
        for _ in range(2):
            if has_test:
                curve = clr_torch.range_test(
                    run.model, run.optimizer, nn.functional.cross_entropy, run.loader, num_steps=12
                )
                assert (len(curve), curve.optimizer) == (12, "AdamW")
            run.train(4)
        runs.append(run)
    assert runs[0].lrs == runs[1].lrs == SCHEDULE.values(8)
    assert all(map(torch.equal, runs[0].weights(), runs[1].weights()))


def test_seeds_change_the_order_of_a_sampler_that_counts_passes() -> None:
    """Accelerate's loader gives its sampler the number of the pass, whatever the sampler was set to."""
    run = Run()
    run.model[1].p = 0.0  # no dropout, so that only the data differs
    curves = clr_torch.range_test(
        run.model, run.optimizer, nn.functional.cross_entropy, run.loader, num_steps=12, seeds=[0, 1, 0]
    )
    assert curves[0].losses == curves[2].losses != curves[1].losses


def test_a_checkpoint_of_accelerate(tmp_path: Path) -> None:
    """Registered for checkpointing, ScheduleLR goes on in mid-cycle where it was."""
    run, resumed = Run(), Run()
    run.accelerator.register_for_checkpointing(run.scheduler)
    run.train(4)
    run.accelerator.save_state(tmp_path)
    run.train(4)
    resumed.accelerator.register_for_checkpointing(resumed.scheduler)
    resumed.accelerator.load_state(tmp_path)
    resumed.train(4)
    assert resumed.lrs == SCHEDULE.values(8)[4:]
    assert all(map(torch.equal, run.weights(), resumed.weights()))


def test_two_processes(tmp_path: Path) -> None:
    """The test before a training run is one test on both ranks, and the run is as without it, with all its LRs."""
    script = Path(__file__).with_name("torch_accelerate_ranks.py")
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    done = subprocess.run([*launch, str(script), str(tmp_path)], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    for one, other in zip(*(torch.load(tmp_path / f"{rank}.pt") for rank in range(2)), strict=True):
        (tested, plain), (tested_too, _) = one, other
        assert tested["curve"] == tested_too["curve"]
        assert tested["made"] == tested_too["made"] == len(tested["curve"][0])
        assert tested["losses"] != tested_too["losses"]  # each rank has its own half of the data
        for with_test, without in (one, other):
            assert with_test["lrs"] == without["lrs"] == SCHEDULE.values(8)
            assert with_test["losses"] == without["losses"]
            assert all(map(torch.equal, with_test["weights"], plain["weights"]))
