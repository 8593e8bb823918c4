"""The range test of a Hugging Face ``Trainer``; nothing is imported that the trainer has not imported itself.

>>> import clr_core, clr_torch.transformers
>>> def set_schedule(trainer, plan):
...     bounds = clr_core.suggest_bounds(clr_torch.transformers.range_test(trainer), plan)
...     trainer.lr_scheduler = clr_torch.ScheduleLR(trainer.create_optimizer(), bounds.schedule())
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, overload

from torch import Tensor

import clr_torch
from clr_core import LRCurve, check
from clr_torch._also import checked_also
from clr_torch._arguments import FROM_TRAINER, check_passed_on
from clr_torch._unchanged import unchanged


@overload
def range_test(trainer: Any, *, seeds: None = None, **arguments: Any) -> LRCurve: ...


@overload
def range_test(trainer: Any, *, seeds: Sequence[int], **arguments: Any) -> list[LRCurve]: ...


def range_test(trainer: Any, *, seeds: Sequence[int] | None = None, **arguments: Any) -> LRCurve | list[LRCurve]:
    """The loss curve of a short training run of a ``transformers.Trainer``; everything is left as it was.

    Same as ``clr_torch.range_test``, but model, optimizer, data, collator, ``compute_loss``, mixed precision,
    ``gradient_accumulation_steps`` and ``max_grad_norm`` are the trainer's. The model is put in training mode for the
    test, with dropout, though ``from_pretrained`` leaves it in evaluation mode. The loss of an update is the mean over
    its batches, each of which counts the same, where ``train()`` weights them by their tokens. Callbacks are not called
    and nothing is logged. ``trainer.train()`` afterwards makes the updates it would have made without the test.

    Args:
        trainer: Before or after ``train()``, but not during it; on one GPU.
        seeds: As in ``clr_torch.range_test``.
        arguments: Others of ``clr_torch.range_test``, such as ``num_steps`` and ``end_lr``.

    Raises:
        TypeError: ``trainer`` is no Trainer, or an argument comes from it.
        ValueError: The trainer has several processes or GPUs, or as in ``clr_torch.range_test``.
    """
    if not all(hasattr(trainer, name) for name in ("compute_loss", "get_train_dataloader", "accelerator")):
        raise TypeError(f"trainer must be a transformers.Trainer, got trainer={check.shown(trainer)}")
    also = checked_also(arguments.pop("also", ()))
    check_passed_on(arguments, "trainer", FROM_TRAINER)
    accelerator, args = trainer.accelerator, trainer.args
    if accelerator.num_processes > 1 or args.n_gpu > 1:
        raise ValueError(
            "the range test of a Trainer must run in one process on one GPU, got "
            f"num_processes={accelerator.num_processes} and n_gpu={args.n_gpu}: run it so, for example with "
            "CUDA_VISIBLE_DEVICES=0, and save the curve with to_json"
        )

    def loss_fn(model: Any, batch: Any) -> Tensor:
        with accelerator.autocast():
            _, count = trainer.get_batch_samples(iter([batch]), 1, args.device)
            loss: Tensor = trainer.compute_loss(model, batch, num_items_in_batch=count)
        return loss

    datasets = [value for name, value in vars(trainer).items() if name.endswith("_dataset")]
    with unchanged(trainer, accelerator, data=datasets):
        optimizer = trainer.create_optimizer()
        # After train() it is Accelerate's, which steps only where its own count of batches says so.
        while hasattr(optimizer, "accelerator_state"):
            optimizer = optimizer.optimizer
        return clr_torch.range_test(
            trainer.model,
            optimizer,
            None,
            trainer.get_train_dataloader(),
            loss_fn=loss_fn,
            accumulation_steps=args.gradient_accumulation_steps,
            clip_grad_norm=args.max_grad_norm or None,
            scaler=accelerator.scaler,
            seeds=seeds,
            # What a compute_loss of the user's may change. The datasets are data, and the loader has them.
            also=[*also, [value for name, value in vars(trainer).items() if not name.endswith("_dataset")]],
            **arguments,
        )
