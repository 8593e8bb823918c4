"""clr for PyTorch: core schedules as LR schedulers, and the range test around any training step.

>>> import clr_core, clr_torch, torch
>>> optimizer = torch.optim.SGD(torch.nn.Linear(2, 1).parameters(), lr=0.1)
>>> scheduler = clr_torch.ScheduleLR(optimizer, clr_core.triangular(1e-3, 6e-3, step_size=2000))
"""

try:
    import torch as _torch  # noqa: F401
except ModuleNotFoundError as error:
    if error.name != "torch":
        raise
    raise ModuleNotFoundError(
        "clr_torch needs torch, which is not installed: pip install torch", name="torch"
    ) from error

from clr_torch._range_test import range_test, range_test_steps
from clr_torch._schedule import ScheduleLR
from clr_torch._snapshot_ensemble import SnapshotEnsemble
from clr_torch.compat.lr_finder import LRFinder, TrainDataLoaderIter, ValDataLoaderIter
from clr_torch.compat.schedulers import CosineAnnealingWarmRestarts, CyclicLR, OneCycleLR

__all__ = [
    "CosineAnnealingWarmRestarts",
    "CyclicLR",
    "LRFinder",
    "OneCycleLR",
    "ScheduleLR",
    "SnapshotEnsemble",
    "TrainDataLoaderIter",
    "ValDataLoaderIter",
    "range_test",
    "range_test_steps",
]
