"""Scenes for two ranks, run by ``test_torch_ranks.py``: ``python torch_ranks.py PORT``; rank 0 prints what happened."""

from __future__ import annotations

import datetime
import os
import signal
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

import clr_torch
import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

warnings.simplefilter("ignore")


def make(seed: int, wrap: Callable[[Any], Any] = lambda model: model) -> tuple[Any, Any, list[Any]]:
    torch.manual_seed(0)
    model = wrap(nn.Linear(4, 3))
    generator = torch.Generator().manual_seed(10 * seed + dist.get_rank())
    batches = [(torch.randn(8, 4, generator=generator), torch.randint(3, (8,), generator=generator)) for _ in range(4)]
    return model, torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9), batches


class Failing:
    """A criterion at one of whose calls something happens, on rank 1 only."""

    def __init__(self, at: int, happens: Callable[[], Any]) -> None:
        self.calls, self.at, self.happens = 0, at, happens

    def __call__(self, output: Any, targets: Any) -> Any:
        self.calls += 1
        if self.calls == self.at and dist.get_rank() == 1:
            self.happens()
        return nn.functional.cross_entropy(output, targets)


def fail() -> None:
    raise LookupError("a bad batch")


def outcome(*arguments: Any, **more: Any) -> str:
    model = arguments[0]
    before = [each.detach().clone() for each in model.parameters()]
    try:
        curve = clr_torch.range_test(*arguments, **more)
        said = f"{len(curve)} {curve.stop_reason} {sum(curve.losses):.12g}"
    except Exception as error:
        said = f"{type(error).__name__}: {error}"
    same = all(map(torch.equal, before, model.parameters())) and all(each.grad is None for each in model.parameters())
    return said + ("" if same else ", CHANGED")


def one_curve() -> str:
    model, optimizer, batches = make(1, DistributedDataParallel)
    return outcome(model, optimizer, nn.functional.cross_entropy, batches, end_lr=1000.0, metric="accuracy")


def seeds() -> str:
    model, optimizer, batches = make(1)
    curves = clr_torch.range_test(model, optimizer, nn.CrossEntropyLoss(), batches, num_steps=5, seeds=[1, 2])
    return " ".join(f"{sum(curve.losses):.12g}" for curve in curves)


def an_error_on_one_rank() -> str:
    model, optimizer, batches = make(2)
    return outcome(model, optimizer, Failing(5, fail), batches)


def an_error_before_the_first_update() -> str:
    model, optimizer, batches = make(3)
    return outcome(model, optimizer, nn.CrossEntropyLoss(), batches, also=[nn.LazyLinear(1)] if dist.get_rank() else [])


def an_empty_loader() -> str:
    model, optimizer, batches = make(4)
    return outcome(model, optimizer, nn.CrossEntropyLoss(), [] if dist.get_rank() else batches)


def ctrl_c_on_one_rank() -> str:
    model, optimizer, batches = make(5, DistributedDataParallel)
    return outcome(model, optimizer, Failing(5, lambda: signal.raise_signal(signal.SIGINT)), batches)


def a_nan_on_one_rank() -> str:
    model, optimizer, batches = make(6)
    if dist.get_rank():
        batches[2][0].fill_(float("nan"))
    return outcome(model, optimizer, nn.CrossEntropyLoss(), batches)


def an_error_inside_a_collective() -> str:
    """Last: the other rank is left in DDP's own collective, which no library can join for the one that failed."""
    model, optimizer, batches = make(7, DistributedDataParallel)
    return outcome(model, optimizer, Failing(5, fail), batches)


SCENES = [one_curve, seeds, an_error_on_one_rank, an_error_before_the_first_update, an_empty_loader, ctrl_c_on_one_rank,
          a_nan_on_one_rank]  # fmt: skip


def main(rank: int, port: str) -> None:
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=port)
    torch.set_num_threads(1)
    dist.init_process_group("gloo", rank=rank, world_size=2, timeout=datetime.timedelta(seconds=60))
    for scene in SCENES:
        said: list[Any] = [None, None]
        dist.all_gather_object(said, scene())
        if rank == 0:
            print(scene.__name__, *said, sep=" | ", flush=True)
    if rank == 1:
        start = time.perf_counter()
        said = [an_error_inside_a_collective()]
        print("an_error_inside_a_collective", *said, time.perf_counter() - start < 30.0, sep=" | ", flush=True)
        os._exit(0)
    try:
        an_error_inside_a_collective()
    finally:
        os._exit(0)


if __name__ == "__main__":
    torch.multiprocessing.spawn(main, (sys.argv[1],), nprocs=2)
