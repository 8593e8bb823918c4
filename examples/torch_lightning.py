"""Range test, bounds and a cyclical schedule in Lightning, on scikit-learn's handwritten digits.

Command:  pip install torch lightning scikit-learn && python examples/torch_lightning.py     (a few seconds)
"""

import clr_torch.lightning
import lightning
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import clr_core


class Digits(lightning.LightningModule):
    schedule = clr_core.constant(1e-3)  # until SuggestSchedule sets it, at the start of the fit

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))

    def training_step(self, batch, batch_idx):
        images, targets = batch
        loss = nn.functional.cross_entropy(self.layers(images), targets)
        self.log("loss", loss)
        return loss

    def configure_optimizers(self):
        optimizer = torch.optim.Adam(self.parameters())
        scheduler = clr_torch.ScheduleLR(optimizer, self.schedule)
        return [optimizer], [{"scheduler": scheduler, "interval": "step"}]


lightning.seed_everything(0)
digits = load_digits()
dataset = TensorDataset(torch.tensor(digits.data / 16, dtype=torch.float32), torch.tensor(digits.target))
loader = DataLoader(dataset, batch_size=32, shuffle=True, drop_last=True)

plan = clr_core.plan_cycles(epochs=12, steps_per_epoch=len(loader))
suggest = clr_torch.lightning.SuggestSchedule(plan, seeds=[0, 1, 2])
trainer = lightning.Trainer(
    max_steps=plan.total_steps,
    callbacks=[suggest],
    accelerator="cpu",
    logger=False,
    enable_checkpointing=False,
    enable_progress_bar=False,
)
trainer.fit(Digits(), loader)

print(suggest.bounds)
print(f"loss at the end: {trainer.callback_metrics['loss']:.3f}")
