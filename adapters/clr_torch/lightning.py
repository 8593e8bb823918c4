"""The range test of a ``LightningModule``: a function for before the fit, and a callback for its start."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any, overload

import clr_core
from clr_core import check
from clr_core.bounds.network import KINDS
from clr_torch._also import checked_also
from clr_torch._arguments import FROM_TRAINER, check_passed_on
from clr_torch._schedule import ScheduleLR
from clr_torch._unchanged import unchanged

try:
    from lightning.pytorch import Callback  # pyright: ignore[reportMissingImports]
    from lightning.pytorch.loggers.logger import DummyLogger  # pyright: ignore[reportMissingImports]

    from clr_torch._lightning_step import curves_of, optimizer_of
except ModuleNotFoundError as error:
    if error.name != "lightning":
        raise
    message = "clr_torch.lightning needs lightning, which is not installed: pip install lightning"
    raise ModuleNotFoundError(message, name="lightning") from error


@overload
def range_test(module: Any, data: Any = None, *, seeds: None = None, **arguments: Any) -> clr_core.LRCurve: ...


@overload
def range_test(module: Any, data: Any = None, *, seeds: Sequence[int], **arguments: Any) -> list[clr_core.LRCurve]: ...


def range_test(module: Any, data: Any = None, *, seeds: Any = None, **arguments: Any) -> Any:
    """The loss curve of a short training run of a ``LightningModule``, before its fit; everything is left as it was.

    Same as ``clr_torch.range_test``, but with the module's ``training_step`` and ``configure_optimizers``; ``self.log``
    does nothing. There is no Trainer: it runs on the module's device, and precision, accumulation and clipping are
    ``autocast``, ``accumulation_steps`` and ``clip_grad_norm``. ``SuggestSchedule`` has the Trainer's.

    Args:
        module: One with automatic optimization.
        data: What ``Trainer.fit`` takes: loaders or a LightningDataModule; None for ``module.train_dataloader()``.
        seeds, arguments: As in ``clr_torch.range_test``.
    """
    if isinstance(module, type) or not hasattr(module, "configure_optimizers"):
        raise TypeError(f"module must be a LightningModule, got module={check.shown(module)}")
    checked_also(arguments.get("also", ()))
    check_passed_on(arguments, "module", ("loss_fn",))
    # Not by its class: pytorch_lightning, the same under its old name, has another.
    datamodule = data if hasattr(data, "train_dataloader") and not isinstance(data, type) else None
    with unchanged(module, *([] if datamodule is None else [datamodule])):
        optimizer = optimizer_of(module.configure_optimizers())
        if datamodule is not None:
            datamodule.prepare_data()
            datamodule.setup("fit")
        owner = module if data is None else datamodule
        loader = data if owner is None else owner.train_dataloader()
        return curves_of(module, optimizer, loader, datamodule, module.training_step, seeds=seeds, **arguments)


class SuggestSchedule(Callback):  # type: ignore[misc, unused-ignore]
    """A callback that runs a range test at the start of a fit, and sets ``module.schedule`` to the suggested schedule.

    Then ``configure_optimizers`` is called again, and makes a ``ScheduleLR`` of ``self.schedule``. Device, precision,
    accumulation and clipping are the Trainer's. A resumed fit takes the schedule from its checkpoint, without a test.

    Args:
        plan, kind: As in ``clr_core.suggest_bounds``; the Trainer has ``max_steps=plan.total_steps``.
        arguments: Those of ``clr_torch.range_test``, such as ``seeds`` and ``num_steps``.

    Raises:
        TypeError: ``plan`` is no CyclePlan, or an argument is none of ``range_test`` or comes from the Trainer.
        ValueError: ``kind`` is none of ``suggest_bounds``; or, when the fit starts, the ScheduleLR is not stepped at
            every update.
    """

    def __init__(self, plan: clr_core.CyclePlan, *, kind: str = "cyclic", **arguments: Any) -> None:
        if not isinstance(plan, clr_core.CyclePlan):
            raise TypeError(f"plan must be a CyclePlan, from clr_core.plan_cycles, got plan={check.shown(plan)}")
        check.choice("kind", kind, KINDS)
        checked_also(arguments.get("also", ()))
        check_passed_on(arguments, "Trainer", FROM_TRAINER)
        self._plan, self._kind, self._arguments = plan, kind, arguments
        self.bounds: clr_core.Bounds | None = None

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        _check_intervals(trainer)
        if trainer.global_step > 0:
            return
        if trainer.gradient_clip_algorithm == "value":
            raise ValueError("SuggestSchedule must clip by norm, got gradient_clip_algorithm='value': leave it out")
        precision, loggers = trainer.precision_plugin, trainer.loggers
        trainer.loggers = [DummyLogger() for _ in loggers]
        try:
            curves = curves_of(
                pl_module,
                optimizer_of(list(trainer.strategy.optimizers)),
                trainer.train_dataloader,
                trainer.datamodule,
                lambda batch, *index: trainer.strategy.training_step(precision.convert_input(batch), *index),
                accumulation_steps=trainer.accumulate_grad_batches,
                clip_grad_norm=trainer.gradient_clip_val or None,
                scaler=getattr(precision, "scaler", None),
                **self._arguments,
            )
        finally:
            trainer.loggers = loggers
        self.bounds = clr_core.suggest_bounds(curves, self._plan, kind=self._kind)
        pl_module.schedule = self.bounds.schedule()
        trainer.strategy.setup_optimizers(trainer)
        _check_intervals(trainer)
        if not any(isinstance(each.scheduler, ScheduleLR) for each in trainer.lr_scheduler_configs):
            warnings.warn(
                "configure_optimizers should return a ScheduleLR of self.schedule for SuggestSchedule to have an "
                f"effect, got {[type(each.scheduler).__name__ for each in trainer.lr_scheduler_configs] or 'none'}",
                stacklevel=2,
            )

    def state_dict(self) -> dict[str, Any]:
        """Not empty: Lightning warns where a fit is resumed without a callback that has a state in the checkpoint."""
        return {"is_in_charge": True}

    def on_save_checkpoint(self, trainer: Any, pl_module: Any, checkpoint: dict[str, Any]) -> None:
        checkpoint["clr_schedule"] = pl_module.schedule.to_dict()

    def on_load_checkpoint(self, trainer: Any, pl_module: Any, checkpoint: dict[str, Any]) -> None:
        if "clr_schedule" in checkpoint:
            pl_module.schedule = clr_core.from_dict(checkpoint["clr_schedule"])


def _check_intervals(trainer: Any) -> None:
    """Raise unless every ScheduleLR is stepped at every update; Lightning's own default is at every epoch."""
    for each in trainer.lr_scheduler_configs:
        if isinstance(each.scheduler, ScheduleLR) and (each.interval, each.frequency) != ("step", 1):
            raise ValueError(
                f"a ScheduleLR must be stepped at every update, got interval={each.interval!r} and frequency="
                f"{each.frequency!r}: return {{'scheduler': scheduler, 'interval': 'step'}} from configure_optimizers"
            )
