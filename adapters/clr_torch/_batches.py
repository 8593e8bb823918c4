"""One update of a model by a criterion on the batches of a loader."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from clr_core import check


class LoaderStep:
    """A ``train_step`` for ``range_test_steps`` made of a model, an optimizer, a criterion and a loader.

    ``modules`` and ``generators`` are what a call changes besides the optimizer and the scaler.
    """

    def __init__(
        self,
        model: nn.Module,
        optimizer: Optimizer,
        criterion: Callable[[Any, Any], Any],
        train_loader: Iterable[Any],
        *,
        val_loader: Iterable[Any] | None,
        metric: Callable[[Any, Any], Any] | str | None,
        accumulation_steps: int,
        autocast: torch.dtype | None,
        scaler: Any,
    ) -> None:
        if not isinstance(model, nn.Module):
            raise TypeError(f"model must be a torch.nn.Module, got model={model!r}")
        if not callable(criterion):
            raise TypeError(f"criterion must be a function of output and targets, got criterion={criterion!r}")
        if isinstance(metric, str):
            check.choice("metric", metric, ("accuracy",))
        elif metric is not None and not callable(metric):
            raise TypeError(f'metric must be "accuracy", a function or None, got metric={metric!r}')
        if autocast is not None and not isinstance(autocast, torch.dtype):
            raise TypeError(f"autocast must be a torch.dtype or None, got autocast={autocast!r}")
        self._model, self._optimizer, self._criterion = model, optimizer, criterion
        self._metric = _accuracy if isinstance(metric, str) else metric
        self._accumulation_steps = check.whole("accumulation_steps", accumulation_steps)
        self._scaler = scaler
        self._val_loader = None if val_loader is None else _iterable("val_loader", val_loader)
        self._batches = _endless(_iterable("train_loader", train_loader))
        tensor = next(model.parameters(), next(model.buffers(), torch.empty(0)))
        # Batches for a model on the CPU are there already.
        self._device = None if tensor.is_cpu else tensor.device
        self._precision: AbstractContextManager[Any] = nullcontext()
        if autocast is not None:
            self._precision = torch.autocast(tensor.device.type, dtype=autocast)
        self.modules = [part for part in (model, criterion, metric) if isinstance(part, nn.Module)]
        self.generators = [*_generators(train_loader), *_generators(val_loader)]

    def begin(self) -> None:
        """Put a model that is not in training mode into it."""
        if not self._model.training:
            self._model.train()

    def close(self) -> None:
        """Let go of the loader, and so of its worker processes."""
        self._batches.close()

    def __call__(self) -> Any:
        self._optimizer.zero_grad()
        outcome = self._backward()
        if self._accumulation_steps > 1:
            rest = [self._backward() for _ in range(1, self._accumulation_steps)]
            outcome = _mean([outcome, *rest], [1] * self._accumulation_steps)
        if self._scaler is None:
            self._optimizer.step()
        else:
            self._scaler.step(self._optimizer)
            self._scaler.update()
        return outcome if self._val_loader is None else self._validate(self._val_loader)

    def _backward(self) -> Any:
        inputs, targets = _pair(next(self._batches), self._device)
        loss, outcome = self._forward(inputs, targets)
        if self._accumulation_steps > 1:
            loss = loss / self._accumulation_steps
        if self._scaler is not None:
            loss = self._scaler.scale(loss)
        loss.backward()
        return outcome

    def _forward(self, inputs: Any, targets: Any) -> tuple[Any, Any]:
        """The loss of a batch, and what to record of it: that, or the loss and the metric."""
        with self._precision:
            output = self._model(inputs)
            loss = self._criterion(output, targets)
        if self._metric is None:
            return loss, loss
        with torch.no_grad():
            return loss, (loss, self._metric(output, targets))

    def _validate(self, loader: Iterable[Any]) -> Any:
        modes = [(module, module.training) for module in self._model.modules()]
        self._model.eval()
        outcomes, sizes = [], []
        with torch.no_grad():
            for batch in loader:
                inputs, targets = _pair(batch, self._device)
                outcomes.append(self._forward(inputs, targets)[1])
                sizes.append(_size(targets))
        for module, training in modes:
            module.training = training
        if not outcomes:
            raise ValueError("val_loader must yield a batch every time it is iterated over, got none")
        return _mean(outcomes, sizes)


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


def _endless(loader: Iterable[Any]) -> Generator[Any, None, None]:
    while True:
        is_empty = True
        for batch in loader:
            is_empty = False
            yield batch
        if is_empty:
            raise ValueError(
                "train_loader must yield a batch every time it is iterated over, got none: make a list or a "
                "DataLoader of an iterator that ends"
            )


def _iterable(name: str, loader: Any) -> Iterable[Any]:
    if not isinstance(loader, Iterable) and not hasattr(loader, "__getitem__"):
        raise TypeError(f"{name} must be a DataLoader or another iterable of batches, got {name}={loader!r}")
    return cast("Iterable[Any]", loader)


def _pair(batch: Any, device: torch.device | None) -> Sequence[Any]:
    if not isinstance(batch, list | tuple) or len(batch) != 2:
        kind = type(batch).__name__ + (f" of {len(batch)}" if isinstance(batch, list | tuple) else "")
        raise TypeError(
            f"a loader must yield (inputs, targets), got a {kind}: for other batches, write the step "
            "yourself and hand it to clr_torch.range_test_steps"
        )
    return batch if device is None else _moved(batch, device)


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
    """How many examples a batch's targets are for."""
    if isinstance(targets, Mapping):
        return _size(next(iter(targets.values())))
    if isinstance(targets, Tensor):
        return len(targets) if targets.dim() else 1
    return _size(targets[0]) if isinstance(targets, list | tuple) else 1


def _generators(loader: Any) -> list[torch.Generator]:
    """The generators that a DataLoader or its samplers have of their own."""
    sampler = getattr(loader, "batch_sampler", None)
    owners = (loader, getattr(loader, "sampler", None), sampler, getattr(sampler, "sampler", None))
    found = [getattr(owner, "generator", None) for owner in owners]
    return [generator for generator in found if isinstance(generator, torch.Generator)]
