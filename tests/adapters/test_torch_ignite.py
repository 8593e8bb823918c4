"""ignite: ScheduleLR stepped by an event, wrapped in ignite's scheduler, and a range test before the engine runs."""

from __future__ import annotations

from typing import Any

import frameworks
import pytest

import clr_core

torch = frameworks.load("torch")
frameworks.load("ignite")
clr_torch = frameworks.load("clr_torch")

from ignite.engine import Engine, Events, create_supervised_trainer  # noqa: E402
from ignite.handlers import param_scheduler  # noqa: E402
from torch import nn  # noqa: E402
from torch.utils.data import DataLoader, TensorDataset  # noqa: E402

SCHEDULE = clr_core.triangular2(0.001, 0.1, step_size=3)
cross_entropy = nn.functional.cross_entropy


class Run:
    def __init__(self, is_wrapped: bool = False) -> None:
        torch.manual_seed(0)
        self.model = nn.Sequential(nn.Linear(8, 16), nn.Dropout(0.3), nn.Linear(16, 3))
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=0.1, momentum=0.9)
        self.loader = DataLoader(TensorDataset(torch.randn(64, 8), torch.arange(64) % 3), batch_size=16, shuffle=True)
        self.scheduler = clr_torch.ScheduleLR(self.optimizer, SCHEDULE)
        self.engine: Engine = create_supervised_trainer(self.model, self.optimizer, cross_entropy)
        self.lrs: list[float] = []
        self.engine.add_event_handler(Events.ITERATION_COMPLETED, self.note)
        if is_wrapped:
            self.engine.add_event_handler(Events.ITERATION_STARTED, param_scheduler.LRScheduler(self.scheduler))
        else:
            self.engine.add_event_handler(Events.ITERATION_COMPLETED, lambda: self.scheduler.step())

    def note(self) -> None:
        self.lrs.append(self.optimizer.param_groups[0]["lr"])

    def weights(self) -> list[Any]:
        return [each.detach().clone() for each in self.model.parameters()]


@pytest.mark.parametrize("is_wrapped", [False, True])
def test_every_update_has_its_lr(is_wrapped: bool) -> None:
    """Stepped after an iteration, or in ignite's own scheduler, which sets the LR before one."""
    run = Run(is_wrapped)
    run.engine.run(run.loader, max_epochs=3)
    assert run.lrs == SCHEDULE.values(12)


def test_training_after_a_range_test_is_as_without() -> None:
    """With the model, the optimizer and the loader of the engine, before a run and between two."""
    runs = []
    for has_test in (False, True):
        run = Run()
        for epochs in (1, 3):
            if has_test:
                curve = clr_torch.range_test(run.model, run.optimizer, cross_entropy, run.loader, num_steps=12)
                assert (len(curve), curve.momentum) == (12, True)
            run.engine.run(run.loader, max_epochs=epochs)
        runs.append(run)
    assert runs[0].lrs == runs[1].lrs == SCHEDULE.values(len(runs[0].lrs))
    assert all(map(torch.equal, runs[0].weights(), runs[1].weights()))


def test_a_range_test_of_the_engines_own_update() -> None:
    """The function that an Engine calls for every batch is a step for range_test_steps."""
    run = Run()

    def update(engine: Any, batch: Any) -> Any:
        run.optimizer.zero_grad()
        loss = cross_entropy(run.model(batch[0]), batch[1])
        loss.backward()
        run.optimizer.step()
        return loss.item()

    engine, batches = Engine(update), list(run.loader) * 3
    before = run.weights()
    curve = clr_torch.range_test_steps(
        lambda: update(engine, batches.pop()), models=run.model, optimizers=run.optimizer, num_steps=12
    )
    assert len(curve) == 12
    assert all(map(torch.equal, before, run.weights()))
