"""One training step of a LightningModule, as ``clr_torch.range_test`` wants it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

from lightning.pytorch.utilities import CombinedLoader  # pyright: ignore[reportMissingImports]
from lightning.pytorch.utilities.signature_utils import (  # pyright: ignore[reportMissingImports]
    is_param_in_hook_signature,
)
from torch.optim import Optimizer

import clr_torch
from clr_core import check
from clr_torch._unchanged import unchanged


def curves_of(
    module: Any, optimizer: Any, loaders: Any, datamodule: Any, training_step: Callable[..., Any], **arguments: Any
) -> Any:
    """What ``clr_torch.range_test`` returns for the module; ``self.log`` does nothing meanwhile.

    Args:
        module: The LightningModule.
        optimizer: Its only one.
        loaders: A loader, or any collection of loaders that Lightning takes.
        datamodule: The LightningDataModule that the loaders are from, or None. It may have hooks for batches.
        training_step: The module's own, or what the strategy makes of it.
        arguments: Those of ``clr_torch.range_test``.
    """
    if not module.automatic_optimization:
        raise ValueError(
            "a range test of a LightningModule must have automatic_optimization=True, got False: write the step "
            "yourself and pass it to clr_torch.range_test_steps"
        )
    takes_index = is_param_in_hook_signature(module.training_step, "batch_idx", min_args=2)
    numbers = count()

    def loss_fn(_: Any, batch: Any) -> Any:
        for name, *more in (("on_before_batch_transfer",), ("transfer_batch_to_device", module.device),
                            ("on_after_batch_transfer",)):  # fmt: skip
            is_own = datamodule is not None and _has_own(datamodule, name)
            batch = getattr(datamodule if is_own else module, name)(batch, *more, 0)
        outcome = training_step(batch, *([next(numbers)] if takes_index else []))
        return outcome["loss"] if isinstance(outcome, dict) else outcome

    with unchanged(module):
        module.log = module.log_dict = _log_nothing
        also = [*arguments.pop("also", ()), *([] if datamodule is None else [datamodule])]
        data = _Combined(loaders) if isinstance(loaders, dict | list | tuple | CombinedLoader) else loaders
        return clr_torch.range_test(module, optimizer, None, data, loss_fn=loss_fn, also=also, **arguments)


def optimizer_of(configured: Any) -> Optimizer:
    """The optimizer in what ``configure_optimizers`` returns: with or without schedulers, in any of its forms."""
    found = configured
    if isinstance(found, list | tuple) and len(found) == 2 and isinstance(found[0], list | tuple):
        found = found[0]
    if isinstance(found, list | tuple) and len(found) == 1:
        found = found[0]
    if isinstance(found, dict):
        found = found.get("optimizer")
    if not isinstance(found, Optimizer):
        raise ValueError(
            f"configure_optimizers must return one optimizer, got {check.shown(configured)}: for several, write the "
            "step yourself and pass it to clr_torch.range_test_steps"
        )
    return found


class _Combined:
    """The batches of a collection of loaders, as a Trainer combines them."""

    def __init__(self, loaders: Any) -> None:
        self._loaders = loaders if isinstance(loaders, CombinedLoader) else CombinedLoader(loaders, "max_size_cycle")

    def __iter__(self) -> Iterator[Any]:
        return (batch for batch, *_ in self._loaders)


def _has_own(datamodule: Any, name: str) -> bool:
    package: str = getattr(type(datamodule), name).__module__.partition(".")[0]
    return package not in ("lightning", "pytorch_lightning")


def _log_nothing(*_: Any, **__: Any) -> None:
    pass
