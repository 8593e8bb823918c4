"""A fit on two processes, run by ``test_torch_lightning.py``.

Command: ``torchrun --nproc-per-node=2 torch_lightning_ranks.py FOLDER``. Once with a range test at its start, and once
without, with the schedule that was suggested; each rank writes what it saw.
"""

from __future__ import annotations

import logging
import sys
import warnings
from pathlib import Path
from typing import Any

import clr_torch.lightning
import lightning
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import clr_core

warnings.simplefilter("ignore")
logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)

INPUTS = torch.randn(96, 8, generator=torch.Generator().manual_seed(1))
DATASET = TensorDataset(INPUTS, INPUTS[:, :3].argmax(1))
PLAN = clr_core.plan_cycles(epochs=4, steps_per_epoch=6)


class Module(lightning.LightningModule):
    """A network with dropout that notes its losses."""

    def __init__(self, schedule: clr_core.Schedule) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(8, 16), nn.Dropout(0.3), nn.Linear(16, 3))
        self.schedule = schedule
        self.losses: list[float] = []

    def training_step(self, batch: Any) -> Any:
        loss = nn.functional.cross_entropy(self.layers(batch[0]), batch[1])
        self.log("loss", loss, sync_dist=True)
        self.losses.append(loss.item())
        return loss

    def configure_optimizers(self) -> Any:
        optimizer = torch.optim.SGD(self.parameters(), lr=0.1, momentum=0.9)
        return [optimizer], [{"scheduler": clr_torch.ScheduleLR(optimizer, self.schedule), "interval": "step"}]


def fit(schedule: clr_core.Schedule, callbacks: list[Any]) -> Module:
    lightning.seed_everything(0)
    module = Module(schedule)
    trainer = lightning.Trainer(
        accelerator="cpu", devices=2, strategy="ddp", max_epochs=2, callbacks=callbacks, logger=False,
        enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False,
    )  # fmt: skip
    trainer.fit(module, DataLoader(DATASET, batch_size=8, shuffle=True))
    return module


if __name__ == "__main__":
    suggest = clr_torch.lightning.SuggestSchedule(PLAN, num_steps=60)
    tested = fit(clr_core.constant(0.1), [suggest])
    plain = fit(tested.schedule, [])
    (curve,) = suggest.bounds.curves
    found = {"curve": (curve.lrs, curve.losses), "schedule": tested.schedule.to_dict()}
    for name, module in (("tested", tested), ("plain", plain)):
        found[name] = {"losses": module.losses, "weights": [each.detach() for each in module.parameters()]}
    torch.save(found, Path(sys.argv[1]) / f"{tested.global_rank}.pt")
