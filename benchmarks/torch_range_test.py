"""Question: what does a range test of 100 steps cost beside the same 100 bare training steps?

Command:  python benchmarks/torch_range_test.py [--quick]
Method:   models of four sizes, Adam, 100 batches from a DataLoader. Each round times the bare loop and
          range_test on the same model, in turn, which first changing from round to round; the ratio is
          taken within the round. Both begin at the same weights, and the test may not stop early
          (divergence=None). The bare loop neither sets an LR nor reads a loss; range_test's time has all
          in it: noting the state, setting every LR, reading every loss, putting the state back.
Target:   a median ratio of at most 1.05.
"""

from __future__ import annotations

import argparse
import copy
import csv
import statistics
import time
from pathlib import Path
from typing import Any

import clr_torch
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

RESULTS = Path(__file__).parent / "results" / "torch_range_test.csv"
STEPS, START_LR, END_LR = 100, 1e-7, 1e-1


def mlp(width: int, layers: int) -> nn.Module:
    hidden: list[nn.Module] = [nn.Linear(64, width), nn.ReLU()]
    for _ in range(1, layers):
        hidden += [nn.Linear(width, width), nn.ReLU()]
    return nn.Sequential(*hidden, nn.Linear(width, 10))


def convolutional() -> nn.Module:
    return nn.Sequential(
        nn.Unflatten(1, (1, 8, 8)),
        nn.Conv2d(1, 32, 3, padding=1),
        nn.BatchNorm2d(32),
        nn.ReLU(),
        nn.Conv2d(32, 32, 3, padding=1),
        nn.BatchNorm2d(32),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(32 * 64, 10),
    )


CASES = {
    "MLP 64-32-10, batch 32": (lambda: mlp(32, 1), 32),
    "MLP 64-128-128-10, batch 64": (lambda: mlp(128, 2), 64),
    "MLP 64-512-512-10, batch 64": (lambda: mlp(512, 2), 64),
    "CNN, 2 layers with BatchNorm, batch 64": (convolutional, 64),
}


class Problem:
    def __init__(self, model: nn.Module, batch: int) -> None:
        data = TensorDataset(torch.randn(STEPS * batch, 64), torch.randint(10, (STEPS * batch,)))
        self.loader = DataLoader(data, batch_size=batch)
        self.model, self.criterion = model, nn.CrossEntropyLoss()
        self.optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
        self.start = copy.deepcopy(model.state_dict())

    def bare(self) -> float:
        """Seconds for the training steps alone; putting the weights back is not in them."""
        start = time.perf_counter()
        for inputs, targets in self.loader:
            self.optimizer.zero_grad()
            self.criterion(self.model(inputs), targets).backward()
            self.optimizer.step()
        seconds = time.perf_counter() - start
        self.model.load_state_dict(self.start)
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=1e-3)
        return seconds

    def tested(self) -> float:
        start = time.perf_counter()
        curve = clr_torch.range_test(
            self.model,
            self.optimizer,
            self.criterion,
            self.loader,
            start_lr=START_LR,
            end_lr=END_LR,
            num_steps=STEPS,
            divergence=None,
        )
        seconds = time.perf_counter() - start
        if len(curve) != STEPS:
            raise RuntimeError(f"the test must run {STEPS} steps to be compared, got {curve}")
        return seconds


def compare(name: str, problem: Problem, rounds: int) -> dict[str, Any]:
    problem.bare()
    problem.tested()
    pairs = []
    for turn in range(rounds):
        if turn % 2:
            tested, bare = problem.tested(), problem.bare()
        else:
            bare, tested = problem.bare(), problem.tested()
        pairs.append((tested, bare))
    low, middle, high = statistics.quantiles([tested / bare for tested, bare in pairs], n=4)
    return {
        "model": name,
        "test_ms": round(statistics.median(tested for tested, _ in pairs) * 1e3, 2),
        "bare_ms": round(statistics.median(bare for _, bare in pairs) * 1e3, 2),
        "extra_us_per_step": round(statistics.median(tested - bare for tested, bare in pairs) / STEPS * 1e6, 1),
        "ratio": round(middle, 3),
        "quartiles": f"{low:.3f}..{high:.3f}",
        "rounds": rounds,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer rounds, nothing written")
    arguments = parser.parse_args()
    torch.manual_seed(0)
    rows = []
    for name, (model, batch) in CASES.items():
        rows.append(compare(name, Problem(model(), batch), rounds=6 if arguments.quick else 60))
        row = rows[-1]
        print(
            f"{name:38}  range test {row['test_ms']:7.2f} ms  bare {row['bare_ms']:7.2f} ms  "
            f"{row['extra_us_per_step']:5.1f} us more a step  "
            f"ratio {row['ratio']:.3f} (quartiles {row['quartiles']}, {row['rounds']} rounds)"
        )
    if not arguments.quick:
        with RESULTS.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, fieldnames=list(rows[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)


if __name__ == "__main__":
    main()
