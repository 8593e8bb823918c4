"""Handwritten digits in PyTorch: find the bounds, plan whole cycles between them, train, print the accuracy.

Run it:  python examples/torch_digits.py     (needs torch and scikit-learn; a few seconds)
"""

import clr_torch
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import clr_core

torch.manual_seed(0)
digits = load_digits()
images = torch.tensor(digits.data / 16, dtype=torch.float32)
train_x, test_x, train_y, test_y = train_test_split(images, torch.tensor(digits.target), test_size=450, random_state=0)
loader = DataLoader(TensorDataset(train_x, train_y), batch_size=32, shuffle=True, drop_last=True)

model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
criterion = nn.CrossEntropyLoss()

# 1. A hundred updates while the LR rises. The model and the optimizer are as before afterwards.
curve = clr_torch.range_test(model, optimizer, criterion, loader)

# 2. The bounds for about 12 epochs of whole cycles, with what speaks for them.
plan = clr_core.plan_cycles(steps_per_epoch=len(loader), epochs=12)
bounds = clr_core.suggest_bounds(curve, total_steps=plan.total_steps, steps_per_epoch=plan.steps_per_epoch)
print(bounds)

# 3. Training, in cycles that end when it does.
print(plan)
schedule = clr_core.triangular(bounds.base_lr, bounds.max_lr, step_size=plan.step_size)
scheduler = clr_torch.ScheduleLR(optimizer, schedule)

step = 0
while step < plan.total_steps:
    for inputs, targets in loader:
        optimizer.zero_grad()
        criterion(model(inputs), targets).backward()
        optimizer.step()
        scheduler.step()
        step += 1
        if schedule.is_cycle_end(step - 1):
            with torch.no_grad():
                accuracy = (model(test_x).argmax(1) == test_y).float().mean().item()
            print(f"after {step} updates: accuracy {accuracy:.1%}")
        if step == plan.total_steps:
            break
