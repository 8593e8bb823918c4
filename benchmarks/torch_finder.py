"""Question: what does our LRFinder cost beside torch-lr-finder's, whose interface it has?

Command:  python benchmarks/torch_finder.py [--quick]
Method:   models of three sizes, Adam, 100 batches from a DataLoader. Each round times a whole use of both finders on
          the same model, in turn, which first changing from round to round: construction, a range test of 100 updates
          that may not stop early, and reset(). The ratio is taken within the round. torch-lr-finder's progress bar is
          switched off, and torch has one thread, as a second one costs more than it helps with such small steps. The
          time is the CPU time of the process, which a busy machine distorts least.
Target:   a median ratio of at most 1.00.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import io
import os
import statistics
import time
from pathlib import Path
from typing import Any

os.environ["TQDM_DISABLE"] = "1"

import clr_torch
import torch
import torch_lr_finder
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

RESULTS = Path(__file__).parent / "results" / "torch_finder.csv"
STEPS = 100
CASES = {"MLP 64-32-10, batch 32": (32, 32), "MLP 64-128-10, batch 64": (128, 64), "MLP 64-512-10, batch 64": (512, 64)}


def seconds(finder: Any, model: nn.Module, loader: Any) -> float:
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-7)
    start = time.process_time()
    used = finder(model, optimizer, nn.CrossEntropyLoss())
    with contextlib.redirect_stdout(io.StringIO()):
        used.range_test(loader, end_lr=1e-1, num_iter=STEPS, diverge_th=1e9)
    used.reset()
    spent = time.process_time() - start
    if len(used.history["loss"]) != STEPS:
        raise RuntimeError(f"the test must run {STEPS} steps to be compared, got {len(used.history['loss'])}")
    return spent


def compare(name: str, width: int, batch: int, rounds: int) -> dict[str, Any]:
    data = TensorDataset(torch.randn(STEPS * batch, 64), torch.randint(10, (STEPS * batch,)))
    loader = DataLoader(data, batch_size=batch)
    model = nn.Sequential(nn.Linear(64, width), nn.ReLU(), nn.Linear(width, 10))
    finders = [clr_torch.LRFinder, torch_lr_finder.LRFinder]
    pairs = []
    for turn in range(rounds + 1):
        spent = {finder: seconds(finder, model, loader) for finder in (finders if turn % 2 else finders[::-1])}
        pairs.append([spent[finder] for finder in finders])
    pairs = pairs[1:]  # the first warms up
    low, middle, high = statistics.quantiles([ours / theirs for ours, theirs in pairs], n=4)
    return {
        "model": name,
        "clr_ms": round(statistics.median(ours for ours, _ in pairs) * 1e3, 2),
        "torch_lr_finder_ms": round(statistics.median(theirs for _, theirs in pairs) * 1e3, 2),
        "ratio": round(middle, 3),
        "quartiles": f"{low:.3f}..{high:.3f}",
        "rounds": rounds,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer rounds, nothing written")
    arguments = parser.parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(1)
    rows = []
    for name, (width, batch) in CASES.items():
        rows.append(compare(name, width, batch, rounds=8 if arguments.quick else 120))
        row = rows[-1]
        print(
            f"{name:26} clr {row['clr_ms']:7.2f} ms  torch-lr-finder {row['torch_lr_finder_ms']:7.2f} ms  "
            f"ratio {row['ratio']:.3f} (quartiles {row['quartiles']}, {row['rounds']} rounds)",
            flush=True,
        )
    if not arguments.quick:
        with RESULTS.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, fieldnames=list(rows[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)


if __name__ == "__main__":
    main()
