"""Range test, bounds and a cyclical schedule in PyTorch, on scikit-learn's handwritten digits.

Command:  pip install torch scikit-learn && python examples/torch_digits.py     (a few seconds)
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

# 1. The budget: about 12 epochs, in whole cycles.
plan = clr_core.plan_cycles(epochs=12, steps_per_epoch=len(loader))
print(plan)

# 2. The range test, with three seeds. The model, the optimizer and the loader are as before afterwards.
curves = clr_torch.range_test(model, optimizer, criterion, loader, seeds=[0, 1, 2])

# 3. The bounds for that budget, with their evidence.
bounds = clr_core.suggest_bounds(curves, plan)
print(bounds)

# 4. Training on the schedule they were suggested for.
schedule = bounds.schedule()
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
