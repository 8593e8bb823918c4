"""Question: on two ranks with data of their own, is a range test one test, and does training not notice it?

Command:  python benchmarks/torch_ranks.py [--quick] [--seeds N]
Method:   two processes that talk by gloo. For 20 seeds (2 with --quick) each rank makes its own random data and trains
          a small network three updates, with a range test before and without one: by DDP, DDP with gradients as
          bucket views, FSDP2, ZeRO, Accelerate, and by separate models. Compared between the ranks are the curves,
          their ends, the number of updates and the suggested bounds; on each rank, the weights and optimizer states
          after the training.
Target:   no difference, and no hang.
"""

from __future__ import annotations

import argparse
import datetime
import itertools
import os
import socket
import sys
import warnings
from collections.abc import Callable
from typing import Any

import accelerate
import clr_torch
import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.optim import ZeroRedundancyOptimizer
from torch.nn.parallel import DistributedDataParallel

import clr_core

warnings.simplefilter("ignore")


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(20, 32), nn.ReLU(), nn.Dropout(0.1), nn.Linear(32, 5))


def adam(model: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.AdamW(model.parameters(), lr=1e-2)


def fsdp() -> nn.Module:
    model = network()
    mesh = init_device_mesh("cpu", (dist.get_world_size(),))
    fully_shard(model[0], mesh=mesh)
    return fully_shard(model, mesh=mesh)


def zero(model: nn.Module) -> torch.optim.Optimizer:
    return ZeroRedundancyOptimizer(model.parameters(), torch.optim.AdamW, lr=1e-2)


def prepared(each: Any) -> Any:
    """By Accelerate: the model in DDP, the optimizer in a wrapper."""
    return accelerate.Accelerator(cpu=True).prepare(each)


KINDS: dict[str, tuple[Callable[[], nn.Module], Callable[[nn.Module], torch.optim.Optimizer]]] = {
    "DDP": (lambda: DistributedDataParallel(network()), adam),
    "DDP, bucket views": (lambda: DistributedDataParallel(network(), gradient_as_bucket_view=True), adam),
    "FSDP2": (fsdp, adam),
    "ZeRO": (lambda: DistributedDataParallel(network()), zero),
    "Accelerate": (lambda: prepared(network()), lambda model: prepared(adam(model))),
    "separate models": (network, adam),
}


def local(tensor: Any) -> Any:
    return (tensor.to_local() if hasattr(tensor, "to_local") else tensor).detach().clone()


def train(kind: str, seed: int, has_test: bool) -> tuple[Any, int, list[Any]]:
    make_model, make_optimizer = KINDS[kind]
    generator = torch.Generator().manual_seed(100 * seed + dist.get_rank())
    batches = itertools.cycle(
        [(torch.randn(16, 20, generator=generator), torch.randint(5, (16,), generator=generator)) for _ in range(4)]
    )
    model = make_model()
    optimizer = make_optimizer(model)
    updates = 0

    def step(batch: Any = None) -> Any:
        nonlocal updates
        updates += 1
        inputs, targets = next(batches) if batch is None else batch
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(inputs), targets)
        loss.backward()
        optimizer.step()
        return loss

    fixed = [next(batches) for _ in range(4)]
    step(fixed[0])
    curve, updates = None, 0
    if has_test:
        curve = clr_torch.range_test_steps(step, models=model, optimizers=optimizer, end_lr=1000.0, num_steps=60)
    made = updates
    for batch in fixed[1:]:
        step(batch)
    inner = getattr(optimizer, "optim", optimizer)
    states = [local(each) for state in inner.state.values() for each in state.values() if torch.is_tensor(each)]
    return curve, made, [*(local(each) for each in model.parameters()), *states]


def bounds(curve: Any) -> str:
    try:
        return repr(clr_core.suggest_bounds(curve, total_steps=1000, steps_per_epoch=100))
    except ValueError as error:
        return str(error)


def main(rank: int, port: int, seeds: int) -> None:
    os.environ.update(
        MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port), RANK=str(rank), LOCAL_RANK=str(rank), WORLD_SIZE="2"
    )
    torch.set_num_threads(1)
    dist.init_process_group("gloo", rank=rank, world_size=2, timeout=datetime.timedelta(seconds=120))
    faults = 0
    for kind in KINDS:
        good, ends = 0, set()
        for seed in range(seeds):
            _, _, plain = train(kind, seed, has_test=False)
            curve, made, tested = train(kind, seed, has_test=True)
            seen: list[Any] = [None, None]
            dist.all_gather_object(seen, (curve.lrs, curve.losses, curve.stop_reason, made, bounds(curve)))
            same = all(torch.equal(one, other) for one, other in zip(plain, tested, strict=True))
            verdict: list[Any] = [None, None]
            dist.all_gather_object(verdict, seen[0] == seen[1] and same and made == len(curve))
            good += all(verdict)
            ends.add(f"{curve.stop_reason} after {len(curve)}")
        faults += seeds - good
        if rank == 0:
            print(f"{kind:20} {good} of {seeds} seeds alike ({', '.join(sorted(ends)[:3])}, ...)", flush=True)
    dist.destroy_process_group()
    sys.exit(bool(faults))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="2 seeds instead of 20")
    parser.add_argument("--seeds", type=int)
    arguments = parser.parse_args()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    torch.multiprocessing.spawn(main, (port, arguments.seeds or (2 if arguments.quick else 20)), nprocs=2)
