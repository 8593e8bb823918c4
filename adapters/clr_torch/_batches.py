"""One update of a model by a criterion, or a loss function, on the batches of a loader."""

from __future__ import annotations

import inspect
import random
import sys
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from clr_core import check
from clr_core.range_test.batches import endless
from clr_torch._modes import in_mode


class LoaderStep:
    """A ``train_step`` for ``range_test_steps`` made of a model, an optimizer, a loss and a loader.

    ``state`` and ``data`` are what a call changes besides the optimizer and the scaler.
    """

    def __init__(
        self,
        model: nn.Module,
        optimizer: Optimizer,
        criterion: Callable[[Any, Any], Any] | None,
        train_loader: Iterable[Any],
        *,
        loss_fn: Callable[[Any, Any], Any] | None,
        val_loader: Iterable[Any] | None,
        metric: Callable[[Any, Any], Any] | str | None,
        accumulation_steps: int,
        clip_grad_norm: float | None,
        autocast: torch.dtype | None,
        scaler: Any,
    ) -> None:
        if not isinstance(model, nn.Module):
            raise TypeError(f"model must be a torch.nn.Module, got model={check.shown(model)}")
        if loss_fn is None:
            _check_function("criterion", criterion, "output and targets")
        else:
            _check_function("loss_fn", loss_fn, "model and batch")
        if loss_fn is not None and (criterion is not None or metric is not None):
            raise ValueError(
                "loss_fn must come without a criterion or a metric, which are functions of the output: pass "
                "criterion=None, and for a metric write the step yourself and pass it to clr_torch.range_test_steps"
            )
        if isinstance(metric, str):
            check.choice("metric", metric, ("accuracy",))
        elif metric is not None and not callable(metric):
            raise TypeError(f'metric must be "accuracy", a function or None, got metric={check.shown(metric)}')
        if autocast is not None and not isinstance(autocast, torch.dtype):
            raise TypeError(f"autocast must be a torch.dtype or None, got autocast={check.shown(autocast)}")
        if _needs_closure(optimizer):
            raise TypeError(
                f"optimizer must make a step without a closure, got {type(optimizer).__name__}: write the step "
                "yourself and pass it to clr_torch.range_test_steps"
            )
        self._model, self._optimizer, self._criterion, self._loss_fn = model, optimizer, criterion, loss_fn
        self._metric = _accuracy if isinstance(metric, str) else metric
        self._accumulation_steps = check.whole("accumulation_steps", accumulation_steps)
        self._clip_grad_norm = None if clip_grad_norm is None else check.real("clip_grad_norm", clip_grad_norm, above=0)
        self._parameters = [each for group in optimizer.param_groups for each in group["params"]]
        # Not one of a subclass, of a wrapper, or put on the optimizer.
        self._has_plain_zero_grad = getattr(optimizer.zero_grad, "__func__", None) is Optimizer.zero_grad
        self._scaler = scaler
        self._train_loader = _iterable("train_loader", train_loader)
        self._val_loader = None if val_loader is None else _iterable("val_loader", val_loader)
        tensor = next(model.parameters(), next(model.buffers(), torch.empty(0)))
        # Batches for a model on the CPU are there already.
        self._device = None if tensor.is_cpu else tensor.device
        self._precision: AbstractContextManager[Any] = nullcontext()
        if autocast is not None:
            self._precision = torch.autocast(tensor.device.type, dtype=autocast)
        self.state = [model, criterion, loss_fn, metric]
        self.data = [train_loader, val_loader]

    def begin(self, seed: int | None = None) -> None:
        """Put a model that is not in training mode into it, and the data in the order of the seed."""
        if seed is not None:
            self._shuffle(seed)
        if not self._model.training:
            self._model.train()
        self._batches = endless("train_loader", self._train_loader)

    def close(self) -> None:
        """Let go of the loader, and so of its worker processes."""
        self._batches.close()

    def __call__(self) -> Any:
        self._zero_grad()
        outcome = self._backward()
        if self._accumulation_steps > 1:
            rest = [self._backward() for _ in range(1, self._accumulation_steps)]
            outcome = _mean([outcome, *rest], [1] * self._accumulation_steps)
        if self._clip_grad_norm is not None:
            if self._scaler is not None:
                self._scaler.unscale_(self._optimizer)
            nn.utils.clip_grad_norm_(self._parameters, self._clip_grad_norm)
        if self._scaler is None:
            self._optimizer.step()
        else:
            self._scaler.step(self._optimizer)
            self._scaler.update()
        return outcome if self._val_loader is None else self._validate(self._val_loader)

    def _zero_grad(self) -> None:
        if not self._has_plain_zero_grad:
            self._optimizer.zero_grad()
            return
        # All that it does besides is to tell a profiler, which takes 5 % of an update of a small model.
        for group in self._optimizer.param_groups:
            for each in group["params"]:
                each.grad = None

    def _backward(self) -> Any:
        loss, outcome = self._forward(self._moved(next(self._batches)))
        if self._accumulation_steps > 1:
            loss = loss / self._accumulation_steps
        if self._scaler is not None:
            loss = self._scaler.scale(loss)
        loss.backward()
        return outcome

    def _moved(self, batch: Any) -> Any:
        if self._loss_fn is None and (not isinstance(batch, list | tuple) or len(batch) != 2):
            kind = type(batch).__name__ + (f" of {len(batch)}" if isinstance(batch, list | tuple) else "")
            raise TypeError(
                f"a loader must yield (inputs, targets), got a {kind}: for other batches, pass "
                "loss_fn=lambda model, batch: ... or write the step yourself and pass it to clr_torch.range_test_steps"
            )
        return batch if self._device is None else _moved(batch, self._device)

    def _forward(self, batch: Any) -> tuple[Any, Any]:
        """The loss of a batch, and what to record of it: that, or the loss and the metric."""
        with self._precision:
            if self._loss_fn is not None:
                loss = _checked_loss("loss_fn", self._loss_fn(self._model, batch))
                return loss, loss
            inputs, targets = batch
            output = self._model(inputs)
            loss = _checked_loss("criterion", cast("Callable[[Any, Any], Any]", self._criterion)(output, targets))
        if self._metric is None:
            return loss, loss
        with torch.no_grad():
            return loss, (loss, self._metric(output, targets))

    def _validate(self, loader: Iterable[Any]) -> Any:
        outcomes, sizes = [], []
        with in_mode(self._model, training=False), torch.no_grad():
            for batch in loader:
                moved = self._moved(batch)
                outcomes.append(self._forward(moved)[1])
                sizes.append(_size(moved if self._loss_fn is not None else moved[1]))
        if not outcomes:
            raise ValueError("val_loader must yield a batch every time it is iterated over, got none")
        return _mean(outcomes, sizes)

    def _shuffle(self, seed: int) -> None:
        """Give every source of random numbers, and every sampler that counts its epochs, the seed."""
        torch.manual_seed(seed)
        random.seed(seed)
        numpy = sys.modules.get("numpy")
        if numpy is not None:
            numpy.random.seed(seed % 2**32)
        loader: Any = self._train_loader
        batch_sampler: Any = getattr(loader, "batch_sampler", None)
        # Loaders too: Accelerate's gives its sampler the epoch it counts itself.
        owners: list[Any] = [loader, getattr(loader, "sampler", None), batch_sampler]
        owners.append(getattr(batch_sampler, "sampler", None))
        for owner in owners:
            if isinstance(getattr(owner, "generator", None), torch.Generator):
                owner.generator.manual_seed(seed)
            if hasattr(owner, "set_epoch"):
                owner.set_epoch(seed)


def _check_function(name: str, value: Any, arguments: str) -> None:
    if not callable(value):
        raise TypeError(f"{name} must be a function of {arguments}, got {name}={check.shown(value)}")
    if isinstance(value, type):
        raise TypeError(
            f"{name} must be a function of {arguments}, got the class {value.__name__}: make one of it, "
            f"{value.__name__}()"
        )


def _needs_closure(optimizer: Optimizer) -> bool:
    # Of the class: schedulers put wrappers on the optimizer, which hide what step() takes. A signature takes as long as
    # a fifth of an update of a small model.
    step = inspect.unwrap(type(optimizer).step)
    code = getattr(step, "__code__", None)
    return code is not None and code.co_argcount - len(step.__defaults__ or ()) > 1


def _checked_loss(name: str, loss: Any) -> Tensor:
    if isinstance(loss, Tensor) and loss.numel() == 1:
        return loss
    found = f"one of shape {tuple(loss.shape)}" if isinstance(loss, Tensor) else check.shown(loss)
    raise TypeError(f"{name} must return the loss, a Tensor of one element, got {found}")


def _mean(outcomes: list[Any], weights: list[int]) -> Any:
    """The weighted mean of losses, or of losses and metrics."""
    if isinstance(outcomes[0], tuple):
        return tuple(_mean(list(column), weights) for column in zip(*outcomes, strict=True))
    with torch.no_grad():
        return sum(each * weight for each, weight in zip(outcomes, weights, strict=True)) / sum(weights)


def _accuracy(output: Tensor, targets: Tensor) -> Tensor:
    chosen = output.argmax(dim=1)
    if chosen.shape != targets.shape:
        raise ValueError(
            'metric="accuracy" must have a class number for every row of the output, got an output of shape '
            f"{tuple(output.shape)} for targets of shape {tuple(targets.shape)}: pass a function of both"
        )
    return (chosen == targets).float().mean()


def _iterable(name: str, loader: Any) -> Iterable[Any]:
    if not isinstance(loader, Iterable) and not hasattr(loader, "__getitem__"):
        raise TypeError(f"{name} must be a DataLoader or another iterable of batches, got {name}={check.shown(loader)}")
    return cast("Iterable[Any]", loader)


def _moved(value: Any, device: torch.device) -> Any:
    if isinstance(value, Tensor):
        return value if value.device == device else value.to(device, non_blocking=True)
    if hasattr(value, "to"):  # a packed sequence, a graph
        return value.to(device)
    if isinstance(value, Mapping):
        return {key: _moved(item, device) for key, item in value.items()}
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*(_moved(item, device) for item in value))
    if isinstance(value, list | tuple):
        return type(value)(_moved(item, device) for item in value)
    return value


def _size(targets: Any) -> int:
    """How many examples a batch, or its targets, are for."""
    if isinstance(targets, Mapping):
        return _size(next(iter(targets.values())))
    if isinstance(targets, Tensor):
        return len(targets) if targets.dim() else 1
    return _size(targets[0]) if isinstance(targets, list | tuple) else 1
