"""Range test, bounds and a cyclical schedule with Accelerate, on scikit-learn's handwritten digits.

Command:  pip install torch accelerate scikit-learn && python examples/torch_accelerate.py     (a few seconds)

The scheduler is not prepared: a prepared one is stepped once for every process, so that on four processes each cycle
is over after a quarter of its updates. Step it where gradients are synchronized instead, on any number of processes.
"""

import accelerate
import clr_torch
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import clr_core

accelerate.utils.set_seed(0)
accelerator = accelerate.Accelerator(cpu=True, gradient_accumulation_steps=2)
digits = load_digits()
dataset = TensorDataset(torch.tensor(digits.data / 16, dtype=torch.float32), torch.tensor(digits.target))
model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
optimizer = torch.optim.Adam(model.parameters())
criterion = nn.CrossEntropyLoss()
model, optimizer, loader = accelerator.prepare(model, optimizer, DataLoader(dataset, batch_size=16, shuffle=True))

# The range test accumulates by itself, so it must not run inside accelerator.accumulate.
plan = clr_core.plan_cycles(epochs=12, steps_per_epoch=len(loader) // 2)
curves = clr_torch.range_test(model, optimizer, criterion, loader, accumulation_steps=2, seeds=[0, 1, 2])
bounds = clr_core.suggest_bounds(curves, plan)
print(bounds)

scheduler = clr_torch.ScheduleLR(optimizer, bounds.schedule())
accelerator.register_for_checkpointing(scheduler)
while scheduler.last_epoch < plan.total_steps:
    for inputs, targets in loader:
        with accelerator.accumulate(model):
            loss = criterion(model(inputs), targets)
            accelerator.backward(loss)
            optimizer.step()
            optimizer.zero_grad()
        if accelerator.sync_gradients:
            scheduler.step()
        if scheduler.last_epoch == plan.total_steps:
            break
print(f"loss at the end: {loss.item():.3f}")
