"""Five-fold cross-validation in PyTorch: bounds once, then every fold from the start of its cycles.

Run it:  python examples/torch_kfold.py     (needs torch and scikit-learn; a few seconds)

A new fold needs new weights, an empty optimizer state and the schedule at update 0. Weights and state are put back from
copies, and ``scheduler.reset()`` does the rest: without it the LR goes on where the last fold ended. It is as good to
build model, optimizer and scheduler anew; only ``clr_core`` schedules, which have no state, can be shared.
"""

import copy

import clr_torch
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import StratifiedKFold
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import clr_core

torch.manual_seed(0)
digits = load_digits()
x, y = torch.tensor(digits.data / 16, dtype=torch.float32), torch.tensor(digits.target)
model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
criterion = nn.CrossEntropyLoss()
folds = [tuple(map(torch.from_numpy, fold)) for fold in StratifiedKFold(5, shuffle=True, random_state=0).split(x, y)]


def loader_of(rows: torch.Tensor) -> DataLoader[tuple[torch.Tensor, ...]]:
    return DataLoader(TensorDataset(x[rows], y[rows]), batch_size=32, shuffle=True, drop_last=True)


# 1. The bounds, from the training part of the first fold.
loader = loader_of(folds[0][0])
plan = clr_core.plan_cycles(steps_per_epoch=len(loader), epochs=6)
curve = clr_torch.range_test(model, optimizer, criterion, loader)
bounds = clr_core.suggest_bounds(curve, total_steps=plan.total_steps, steps_per_epoch=plan.steps_per_epoch)
schedule = clr_core.triangular(bounds.base_lr, bounds.max_lr, step_size=plan.step_size)
scheduler = clr_torch.ScheduleLR(optimizer, schedule)
weights, state = copy.deepcopy(model.state_dict()), copy.deepcopy(optimizer.state_dict())

# 2. Each fold anew.
accuracies = []
for train, test in folds:
    model.load_state_dict(weights)
    optimizer.load_state_dict(copy.deepcopy(state))
    scheduler.reset()
    loader = loader_of(train)
    while scheduler.last_epoch < plan.total_steps:
        for inputs, targets in loader:
            optimizer.zero_grad()
            criterion(model(inputs), targets).backward()
            optimizer.step()
            scheduler.step()
            if scheduler.last_epoch == plan.total_steps:
                break
    with torch.no_grad():
        accuracies.append((model(x[test]).argmax(1) == y[test]).float().mean().item())
    print(f"fold {len(accuracies)}: accuracy {accuracies[-1]:.1%}")
print(f"mean {sum(accuracies) / len(accuracies):.1%}")
