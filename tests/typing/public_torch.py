"""The types a user of clr_torch sees, pinned; checked by mypy and pyright on the installed wheel, never run."""

from collections.abc import Iterable
from typing import Any, assert_type

import clr_torch
import torch
from torch import nn

import clr_core


def whole_job(model: nn.Module, loader: Iterable[tuple[torch.Tensor, torch.Tensor]]) -> None:
    """Every public call, with the arguments of its block in the guide."""
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    curve = clr_torch.range_test(model, optimizer, nn.CrossEntropyLoss(), loader, num_steps=200, metric="accuracy")
    assert_type(curve, clr_core.LRCurve)
    steps = clr_torch.range_test_steps(lambda: torch.tensor(1.0), models=model, optimizers=[optimizer])
    assert_type(steps, clr_core.LRCurve)

    schedule = clr_core.triangular(1e-3, 6e-3, step_size=2000)
    scheduler = clr_torch.ScheduleLR(optimizer, schedule, momentum=clr_core.momentum_for(schedule))
    assert_type(scheduler, clr_torch.ScheduleLR)
    as_torch: torch.optim.lr_scheduler.LRScheduler = scheduler
    assert_type(as_torch.get_last_lr(), list[float | torch.Tensor])
    assert_type(scheduler.get_lr(), list[float | torch.Tensor])
    assert_type(scheduler.state_dict(), dict[str, Any])
    clr_torch.ScheduleLR(optimizer, [schedule, clr_core.constant(0.1)])
