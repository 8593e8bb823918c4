"""Training on two processes, run by ``test_torch_accelerate.py``.

Command: ``torchrun --nproc-per-node=2 torch_accelerate_ranks.py FOLDER``. For each seed once with a range test before
it, and once without; each rank writes what it saw.
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import Any

import accelerate
import clr_torch
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import clr_core

warnings.simplefilter("ignore")
SCHEDULE = clr_core.triangular2(0.001, 0.1, step_size=3)


def train(seed: int, has_test: bool) -> dict[str, Any]:
    """Eight updates of two batches each; the rows of the two ranks are others."""
    accelerate.utils.set_seed(seed)
    accelerator = accelerate.Accelerator(cpu=True, gradient_accumulation_steps=2)
    assert accelerator.num_processes == 2
    data = TensorDataset(torch.randn(64, 8), torch.arange(64) % 3)
    model = nn.Sequential(nn.Linear(8, 16), nn.Dropout(0.3), nn.Linear(16, 3))
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.1)
    model, optimizer, loader = accelerator.prepare(model, optimizer, DataLoader(data, batch_size=4, shuffle=True))
    scheduler = clr_torch.ScheduleLR(optimizer, SCHEDULE)
    curve, made = None, 0
    if has_test:
        updates: list[int] = []
        optimizer.optimizer.register_step_post_hook(lambda *_: updates.append(1))
        found = clr_torch.range_test(
            model, optimizer, nn.functional.cross_entropy, loader, end_lr=1000.0, num_steps=40, accumulation_steps=2
        )
        curve, made = (found.lrs, found.losses, found.stop_reason), len(updates)
    lrs, losses = [], []
    for _ in range(2):
        for inputs, targets in loader:
            with accelerator.accumulate(model):
                loss = nn.functional.cross_entropy(model(inputs), targets)
                accelerator.backward(loss)
                losses.append(loss.item())
                if accelerator.sync_gradients:
                    lrs.append(optimizer.param_groups[0]["lr"])
                optimizer.step()
                if accelerator.sync_gradients:
                    scheduler.step()
                optimizer.zero_grad()
    weights = [each.detach() for each in model.parameters()]
    return {"curve": curve, "made": made, "lrs": lrs, "losses": losses, "weights": weights}


if __name__ == "__main__":
    seen = [[train(seed, has_test) for has_test in (True, False)] for seed in range(2)]
    torch.save(seen, Path(sys.argv[1]) / f"{torch.distributed.get_rank()}.pt")
