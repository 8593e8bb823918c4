"""The range test around a torch training step: a loop that drives ``clr_core.RangeTest``."""

from __future__ import annotations

import importlib.util
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from clr_core import LRCurve, RangeTest
from clr_torch import _groups as groups_of
from clr_torch._batches import LoaderStep
from clr_torch._restore import restored

_LOSSES_PER_READ = 16
"""Losses that may wait to be read together; the test may hear of its end as many updates late.

To read a loss that an accelerator has yet to compute is to wait for all the work queued there.
"""

_PATIENCE = 0.02
"""Seconds that losses wait at least; small models do a whole test in it, and a read between two steps costs them."""


def range_test(
    model: nn.Module,
    optimizer: Optimizer,
    criterion: Callable[[Any, Any], Tensor],
    train_loader: Iterable[Any],
    *,
    start_lr: float = 1e-7,
    end_lr: float = 10.0,
    num_steps: int = 100,
    mode: str = "exponential",
    divergence: float | None = 1.0,
    val_loader: Iterable[Any] | None = None,
    metric: Callable[[Any, Any], Any] | str | None = None,
    accumulation_steps: int = 1,
    autocast: torch.dtype | None = None,
    scaler: Any = None,
    progress: bool = True,
) -> LRCurve:
    """The loss curve of a short training of the model while the LR rises; everything is left as it was.

    Same test as ``clr_core.RangeTest``, at every update of ``optimizer`` on
    ``criterion(model(inputs), targets)``. Of several parameter groups, group ``i`` trains at
    ``lr * lr_i / lr_0``, the ratios that ``ScheduleLR`` keeps too, and the curve has the LR of the first.

    Afterwards the parameters, buffers, gradients, modes, optimizer, GradScaler and random numbers are
    bit-identical to before, also after an exception; schedulers on the optimizer do not notice. Ctrl-C
    ends the test and returns the curve so far, with ``stop_reason="interrupted"``.

    Args:
        model: In training mode its modules' modes are kept (a frozen BatchNorm stays frozen); otherwise
            the whole model is put in training mode for the test.
        optimizer: Any torch optimizer whose step needs no closure, over the model's parameters.
        criterion: A function of the model's output and the targets that returns the loss.
        train_loader: A DataLoader or another iterable of ``(inputs, targets)``, Tensors or dicts and
            tuples of them, which are moved to the model's device. It is begun again where it ends.
            For any other kind of batch there is ``range_test_steps``.
        start_lr: LR of the first update, > 0.
        end_lr: LR of the last update, > start_lr.
        num_steps: Updates in the test, an int >= 2.
        mode: ``"exponential"`` or ``"linear"``.
        divergence: As in ``clr_core.RangeTest``; None to stop for no finite loss.
        val_loader: Record the mean loss over all of it after each update in place of the training loss.
        metric: ``"accuracy"`` (for class numbers as targets), or a function of output and targets whose
            value is better when higher; recorded beside the loss, of the same batches.
        accumulation_steps: Batches whose mean gradient makes one update, an int >= 1.
        autocast: The dtype of ``torch.autocast``, such as ``torch.bfloat16``; None for no autocast.
        scaler: A ``torch.amp.GradScaler``. An update that it skips has its loss recorded all the same.
        progress: Show a progress bar, where tqdm is installed and stderr is a terminal.

    Returns:
        The curve, for ``clr_core.suggest_bounds``; ``curve.optimizer`` is the optimizer's class name, and
        ``curve.momentum`` whether any parameter group of an SGD has momentum.

    Raises:
        TypeError: An argument is of the wrong kind, or a batch is not a pair.
        ValueError: An argument is out of its range, the LR of the first group is not > 0, or a loader
            yields no batch.

    Example:
        >>> import clr_torch, torch
        >>> model = torch.nn.Linear(3, 1)
        >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        >>> batches = [(torch.ones(8, 3), torch.ones(8, 1))]
        >>> curve = clr_torch.range_test(model, optimizer, torch.nn.functional.mse_loss, batches, num_steps=50)
        >>> curve.lrs[0], curve.optimizer
        (1e-07, 'SGD')
    """
    groups_of.check_optimizer("optimizer", optimizer)
    _check_scaler(scaler)
    step = LoaderStep(
        model,
        optimizer,
        criterion,
        train_loader,
        val_loader=val_loader,
        metric=metric,
        accumulation_steps=accumulation_steps,
        autocast=autocast,
        scaler=scaler,
    )
    test = RangeTest(start_lr, end_lr, num_steps, mode=mode, divergence=divergence, **_described(optimizer))
    with closing(step), restored(step.modules, [optimizer], scaler, step.generators):
        step.begin()
        return _run(test, step, [optimizer], progress, _PATIENCE)


def range_test_steps(
    train_step: Callable[[], Any],
    *,
    models: nn.Module | Sequence[nn.Module],
    optimizers: Optimizer | Sequence[Optimizer],
    scaler: Any = None,
    start_lr: float = 1e-7,
    end_lr: float = 10.0,
    num_steps: int = 100,
    mode: str = "exponential",
    divergence: float | None = 1.0,
    progress: bool = True,
) -> LRCurve:
    """The loss curve of a short training by a step of your own; everything named is left as it was.

    Same as ``range_test``, for batches that are dicts, several inputs, models or optimizers, and data
    that is in no DataLoader.

    Args:
        train_step: Called without arguments at every update: takes a batch, computes the loss, calls
            ``backward()`` and the optimizers' ``step()``, and returns the loss, a float or a Tensor of one
            element, or ``(loss, metric)``. It leaves the LR alone, so a scheduler's ``step()`` is not in it.
        models: All models it trains or runs in training mode. Their modes are kept as they are.
        optimizers: All optimizers it steps. The curve has the name of the first one and the LR of its first
            group, and every other group keeps its ratio to that.
        scaler: The GradScaler it uses, if any.
        start_lr: As all that follow, see ``range_test``.

    Raises:
        TypeError: An argument is of the wrong kind, or ``train_step`` returns no loss.
        ValueError: An argument is out of its range, or the LR of the first group is not > 0.
        RuntimeError: ``train_step`` changed the LR.

    Example:
        >>> import clr_torch, torch
        >>> model = torch.nn.Linear(3, 1)
        >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        >>> batch = {"inputs": torch.ones(8, 3), "targets": torch.ones(8, 1)}
        >>> def train_step():
        ...     optimizer.zero_grad()
        ...     loss = torch.nn.functional.mse_loss(model(batch["inputs"]), batch["targets"])
        ...     loss.backward()
        ...     optimizer.step()
        ...     return loss
        >>> curve = clr_torch.range_test_steps(train_step, models=model, optimizers=optimizer)
        >>> curve.lrs[0], curve.optimizer
        (1e-07, 'SGD')
    """
    if not callable(train_step):
        raise TypeError(f"train_step must be a function without arguments, got train_step={train_step!r}")
    modules = _all_of("models", models, nn.Module)
    steppers = _all_of("optimizers", optimizers, Optimizer)
    for index, optimizer in enumerate(steppers):
        groups_of.check_optimizer(f"optimizers[{index}]", optimizer)
    _check_scaler(scaler)
    test = RangeTest(start_lr, end_lr, num_steps, mode=mode, divergence=divergence, **_described(steppers[0]))
    first_group = steppers[0].param_groups[0]

    def checked_step() -> Any:
        lr = first_group["lr"]
        outcome = train_step()
        if first_group["lr"] is not lr:
            raise RuntimeError(
                f"train_step must leave the LR alone, got lr={first_group['lr']!r} after it where the test "
                f"had set {lr!r}: a scheduler's step() does not belong in it"
            )
        # A step that retains its graph must not have many of them retained here.
        return outcome.detach() if isinstance(outcome, Tensor) else outcome

    with restored(modules, steppers, scaler):
        return _run(test, checked_step, steppers, progress, patience=0.0)


def _run(
    test: RangeTest,
    train_step: Callable[[], Any],
    optimizers: Sequence[Optimizer],
    progress: bool,
    patience: float,
) -> LRCurve:
    first = groups_of.check_first_lr(optimizers[0])
    groups = [group for optimizer in optimizers for group in optimizer.param_groups]
    shares = [(group, groups_of.initial_lr(group) / first) for group in groups]
    in_tensors = [(group["lr"], share) for group, share in shares if isinstance(group["lr"], Tensor)]
    in_floats = [(group, share) for group, share in shares if not isinstance(group["lr"], Tensor)]
    # Whatever runs between two steps costs several times what it costs by itself: there is little here.
    losses: list[Any] = []
    read_at = time.perf_counter()
    try:
        for lr in _steps(test.schedule.values(test.num_steps), progress):
            for group, share in in_floats:
                group["lr"] = lr * share
            for tensor, share in in_tensors:
                tensor.fill_(lr * share)
            losses.append(train_step())
            waited = time.perf_counter() - read_at
            if waited >= patience and (len(losses) >= _LOSSES_PER_READ or _is_at_hand(losses[-1])):
                _read(losses, test)
                if test.done:
                    break
                read_at = time.perf_counter()
        _read(losses, test)
    except KeyboardInterrupt:
        _read(losses, test)
        test.stop("interrupted")
    except Exception:
        # An update past the end of the test, of a model that had diverged, is none of its concern.
        _read(losses, test)
        if not test.done:
            raise
    return test.curve


def _read(losses: list[Any], test: RangeTest) -> None:
    """Tell the test all losses there are; those past its end are left out."""
    numbers = [_numbers(outcome) for outcome in losses]
    losses.clear()
    for values in zip(*map(_floats, zip(*numbers, strict=True)), strict=True):
        if test.done:
            break
        test.record(*values)


def _is_at_hand(outcome: Any) -> bool:
    values = outcome if isinstance(outcome, tuple) else (outcome,)
    return all(not isinstance(each, Tensor) or each.is_cpu for each in values)


def _numbers(outcome: Any) -> tuple[Any, ...]:
    """The loss and, where there is one, the metric."""
    values = outcome if isinstance(outcome, tuple) else (outcome,)
    if len(values) not in (1, 2) or not all(map(_is_number, values)):
        raise TypeError(
            f"train_step must return the loss, a float or a Tensor of one element, or (loss, metric), got {outcome!r}"
        )
    return values


def _is_number(value: Any) -> bool:
    if isinstance(value, Tensor):
        return value.numel() == 1
    return hasattr(value, "__float__") and not isinstance(value, bool)


def _floats(column: tuple[Any, ...]) -> list[float]:
    if all(isinstance(each, Tensor) for each in column):
        with torch.no_grad():
            return torch.stack(column).flatten().tolist()
    return [float(each) for each in column]


def _steps(lrs: list[float], progress: bool) -> Iterable[float]:
    is_terminal = sys.stderr is not None and sys.stderr.isatty()
    if progress and is_terminal and importlib.util.find_spec("tqdm"):
        bar: Iterable[float] = importlib.import_module("tqdm").tqdm(lrs, "range test", leave=False)
        return bar
    return lrs


def _all_of(name: str, values: Any, kind: type) -> list[Any]:
    found = [values] if isinstance(values, kind) else values
    if not isinstance(found, list | tuple) or not found or not all(isinstance(each, kind) for each in found):
        kind_name = "torch.nn.Module" if kind is nn.Module else "torch.optim.Optimizer"
        raise TypeError(f"{name} must be a {kind_name} or a list of them, got {name}={values!r}")
    return list(found)


def _described(optimizer: Optimizer) -> dict[str, Any]:
    """Its class name and, of SGD, whether any group has momentum, as arguments for a ``RangeTest``."""
    name = type(optimizer).__name__
    is_sgd = name == "SGD" and "momentum" in optimizer.defaults
    momentum = any(group["momentum"] > 0 for group in optimizer.param_groups) if is_sgd else None
    return {"optimizer": name, "momentum": momentum}


def _check_scaler(scaler: Any) -> None:
    # Not by its class: torch has several, and Accelerate and others their own.
    if scaler is not None and not all(hasattr(scaler, method) for method in ("scale", "step", "update")):
        raise TypeError(f"scaler must be a GradScaler or None, got {scaler=}")
