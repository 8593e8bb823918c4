"""torch-lr-finder's ``LRFinder`` over ``clr_torch.range_test_steps``."""

from __future__ import annotations

import copy
import tempfile
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.utils.data import DataLoader

from clr_core import LRCurve, check
from clr_torch._batches import _moved
from clr_torch._range_test import range_test_steps

_MODES = {"exp": "exponential", "linear": "linear"}


class DataLoaderIter:
    """The batches of a DataLoader as ``(inputs, labels)``; for others, override ``inputs_labels_from_batch``."""

    def __init__(self, data_loader: Any) -> None:
        self.data_loader = data_loader
        self._iterator = iter(data_loader)

    @property
    def dataset(self) -> Any:
        return self.data_loader.dataset

    def inputs_labels_from_batch(self, batch_data: Any) -> tuple[Any, Any]:
        """The first two items of a batch that is a list or a tuple."""
        if not isinstance(batch_data, list | tuple):
            raise ValueError(
                f"a batch must be a list or a tuple, got a {type(batch_data).__name__}: make a subclass of "
                "TrainDataLoaderIter or ValDataLoaderIter with its own inputs_labels_from_batch"
            )
        inputs, labels, *_ = batch_data
        return inputs, labels

    def __iter__(self) -> Iterator[tuple[Any, Any]]:
        return self

    def __next__(self) -> tuple[Any, Any]:
        return self.inputs_labels_from_batch(next(self._iterator))


class TrainDataLoaderIter(DataLoaderIter):
    """Batches without end: it iterates over the loader again, unless ``auto_reset`` is False."""

    def __init__(self, data_loader: Any, auto_reset: bool = True) -> None:
        super().__init__(data_loader)
        self.auto_reset = auto_reset

    def __next__(self) -> tuple[Any, Any]:
        try:
            return super().__next__()
        except StopIteration:
            if not self.auto_reset:
                raise
            self._iterator = iter(self.data_loader)
            return super().__next__()


class ValDataLoaderIter(DataLoaderIter):
    """The batches of one pass; ``iter()`` starts the next one when all have been taken."""

    def __init__(self, data_loader: Any) -> None:
        super().__init__(data_loader)
        self.run_limit = len(data_loader)
        self.run_counter = 0

    def __iter__(self) -> Iterator[tuple[Any, Any]]:
        if self.run_counter >= self.run_limit:
            self._iterator = iter(self.data_loader)
            self.run_counter = 0
        return self

    def __next__(self) -> tuple[Any, Any]:
        self.run_counter += 1
        return super().__next__()


class LRFinder:
    """The range test with torch-lr-finder's interface: ``range_test``, ``history``, ``plot``, ``reset``.

    Differs from torch-lr-finder: the model and the optimizer are as before after ``range_test`` already, so ``reset``
    is only needed for what was trained since; parameter groups keep the ratio of their LRs; the first loss that is not
    finite ends the test; ``amp_backend="apex"`` is not supported. ``clr_torch.range_test`` finds the same curve, and
    ``clr_core.suggest_bounds`` reads ``curve`` better than ``plot`` does.

    Args:
        model: The model; ``range_test`` moves it to ``device``.
        optimizer: Its optimizer, whose LR is where the test starts if no ``start_lr`` is given.
        criterion: A function of outputs and labels that returns the loss.
        device: Where the test runs; the model's own device if left out.
        memory_cache: Keep the state that ``reset`` restores in memory, else in ``cache_dir``.
        cache_dir: A directory for it; the system's temporary directory if left out.
        amp_backend: ``"torch"`` for mixed precision, or None.
        amp_config: The arguments of ``torch.autocast``.
        grad_scaler: A GradScaler, needed for ``amp_backend="torch"``.

    Attributes:
        history: The LRs under ``"lr"`` and the smoothed losses under ``"loss"``.
        best_loss: The lowest smoothed loss.
        curve: The ``clr_core.LRCurve`` with the losses as they were, for ``clr_core.suggest_bounds``; None before
            ``range_test``.

    Example:
        >>> import clr_torch, torch
        >>> model = torch.nn.Linear(3, 1)
        >>> optimizer = torch.optim.SGD(model.parameters(), lr=1e-4)
        >>> data = torch.utils.data.TensorDataset(torch.ones(32, 3), torch.ones(32, 1))
        >>> finder = clr_torch.LRFinder(model, optimizer, torch.nn.MSELoss())
        >>> finder.range_test(torch.utils.data.DataLoader(data, batch_size=8), end_lr=1.0, num_iter=5, diverge_th=1e9)
        >>> [round(lr, 4) for lr in finder.history["lr"]]
        [0.0001, 0.001, 0.01, 0.1, 1.0]
    """

    def __init__(
        self,
        model: nn.Module,
        optimizer: Any,
        criterion: Any,
        device: Any = None,
        memory_cache: bool = True,
        cache_dir: str | None = None,
        amp_backend: str | None = None,
        amp_config: dict[str, Any] | None = None,
        grad_scaler: Any = None,
    ) -> None:
        if amp_backend not in (None, "", "torch"):
            raise ValueError(f"amp_backend must be 'torch' or None, got amp_backend={amp_backend!r}")
        if amp_backend and grad_scaler is None:
            raise ValueError("amp_backend='torch' must come with a grad_scaler, got grad_scaler=None")
        self.model, self.optimizer, self.criterion = model, optimizer, criterion
        self.amp_backend, self.amp_config, self.grad_scaler = amp_backend, amp_config, grad_scaler
        self.memory_cache, self.cache_dir = memory_cache, cache_dir
        self.history: dict[str, list[float]] = {"lr": [], "loss": []}
        self.best_loss: float | None = None
        self.curve: LRCurve | None = None
        self.model_device = next(model.parameters()).device
        self.device = device or self.model_device
        self.state_cacher = StateCacher(memory_cache, cache_dir=cache_dir)
        self.state_cacher.store("model", model.state_dict())
        self.state_cacher.store("optimizer", optimizer.state_dict())

    def reset(self) -> None:
        """Put the model and the optimizer back to where they were when the finder was built."""
        self.model.load_state_dict(self.state_cacher.retrieve("model"))
        self.optimizer.load_state_dict(self.state_cacher.retrieve("optimizer"))
        self.model.to(self.model_device)

    def range_test(
        self,
        train_loader: Any,
        val_loader: Any = None,
        start_lr: float | None = None,
        end_lr: float = 10,
        num_iter: int = 100,
        step_mode: str = "exp",
        smooth_f: float = 0.05,
        diverge_th: float = 5,
        accumulation_steps: int = 1,
        non_blocking_transfer: bool = True,
    ) -> None:
        """Record the loss while the LR rises from ``start_lr`` to ``end_lr``, in ``history`` and ``curve``.

        Args:
            train_loader: A DataLoader or a ``TrainDataLoaderIter``.
            val_loader: A DataLoader or a ``ValDataLoaderIter``: record the loss over all of it after each update.
            start_lr: LR of the first update; the optimizer's if left out.
            end_lr: LR of the last update.
            num_iter: Updates, an int >= 2.
            step_mode: ``"exp"`` or ``"linear"``.
            smooth_f: Weight of each new loss in the moving average, in [0, 1); 0 for no smoothing.
            diverge_th: The test stops when the smoothed loss is above this many times the best one.
            accumulation_steps: Batches whose mean gradient makes one update.
            non_blocking_transfer: Without effect: batches always move to the device asynchronously where they can.
        """
        num_iter = check.whole("num_iter", num_iter, minimum=2)
        mode = _MODES[check.choice("step_mode", step_mode.lower(), _MODES)]
        smooth_f = check.real("smooth_f", smooth_f, minimum=0.0, below=1.0)
        train = _batches("train_loader", train_loader, TrainDataLoaderIter)
        validation = None if not val_loader else _batches("val_loader", val_loader, ValDataLoaderIter)
        losses: list[float] = []
        self.history, self.best_loss = {"lr": [], "loss": losses}, None
        device = torch.device(self.device)
        self.model.to(device)

        def batch_loss(batches: Any) -> tuple[Any, Any]:
            batch = next(batches) if device.type == "cpu" else _moved(next(batches), device)
            with torch.autocast(**self.amp_config or {}) if self.amp_backend else nullcontext():
                return self.criterion(self.model(batch[0]), batch[1]), batch[1]

        def train_step() -> Any:
            if validation is not None or not losses:
                self.model.train()
            self.optimizer.zero_grad()
            total: Any = None
            for _ in range(accumulation_steps):
                loss = batch_loss(train)[0]
                if accumulation_steps > 1:
                    loss = loss / accumulation_steps
                (self.grad_scaler.scale(loss) if self.amp_backend else loss).backward()
                total = loss.detach() if total is None else total + loss.detach()
            if self.amp_backend:
                self.grad_scaler.step(self.optimizer)
                self.grad_scaler.update()
            else:
                self.optimizer.step()
            return total if validation is None else validation_loss(validation)

        def validation_loss(batches: ValDataLoaderIter) -> float:
            self.model.eval()
            pass_ = iter(batches)
            total = 0.0
            with torch.no_grad():
                for _ in range(batches.run_limit):
                    loss, labels = batch_loss(pass_)
                    total += loss.item() * len(labels)
            return total / len(batches.dataset)

        def recorded_step() -> float:
            loss = float(train_step())
            smoothed = smooth_f * loss + (1 - smooth_f) * losses[-1] if losses and smooth_f else loss
            losses.append(smoothed)
            self.best_loss = smoothed if self.best_loss is None else min(self.best_loss, smoothed)
            # The test ends at a loss that is not finite.
            return float("inf") if smoothed > diverge_th * self.best_loss else loss

        criterion = [self.criterion] if isinstance(self.criterion, nn.Module) else []
        self.curve = range_test_steps(
            recorded_step,
            models=[self.model, *criterion],
            optimizers=self.optimizer,
            scaler=self.grad_scaler,
            start_lr=start_lr or float(self.optimizer.param_groups[0]["lr"]),
            end_lr=end_lr,
            num_steps=num_iter,
            mode=mode,
            divergence=None,
            also=[[each.data_loader for each in (train, validation) if each is not None]],
        )
        self.history["lr"] = list(self.curve.lrs)

    def plot(
        self,
        skip_start: int = 10,
        skip_end: int = 5,
        log_lr: bool = True,
        show_lr: float | None = None,
        ax: Any = None,
        suggest_lr: bool = True,
    ) -> Any:
        """The matplotlib ``Axes`` with smoothed loss against LR; with ``suggest_lr``, also the LR where it falls most.

        Args:
            skip_start: Points left out at the start.
            skip_end: Points left out at the end.
            log_lr: Logarithmic scale for the LR.
            show_lr: An LR to mark with a line.
            ax: Axes to draw in; else a figure of pyplot is made and shown.
            suggest_lr: Mark the steepest descent over the points, and return its LR as well.
        """
        skip_start = check.whole("skip_start", skip_start, minimum=0)
        skip_end = check.whole("skip_end", skip_end, minimum=0)
        if show_lr is not None and not isinstance(show_lr, float):
            raise ValueError(f"show_lr must be a float, got show_lr={show_lr!r}")
        lrs, losses = self.history["lr"], self.history["loss"]
        if suggest_lr and len(lrs) < skip_start + skip_end + 2:
            raise RuntimeError(
                f"Need at least {skip_start + skip_end + 2} iterations to suggest a learning rate, got {len(lrs)}"
            )
        lrs, losses = (each[skip_start : max(0, len(each) - skip_end)] for each in (lrs, losses))
        shown = None
        if ax is None:
            shown = _pyplot()
            ax = shown.subplots()[1]
        ax.plot(lrs, losses)
        steepest = _steepest(losses) if suggest_lr else 0
        if suggest_lr:
            point = lrs[steepest], losses[steepest]
            ax.scatter(*point, s=75, marker="o", color="red", zorder=3, label="steepest gradient")
            ax.legend()
        if log_lr:
            ax.set_xscale("log")
        ax.set_xlabel("Learning rate")
        ax.set_ylabel("Loss")
        if show_lr is not None:
            ax.axvline(x=show_lr, color="red")
        if shown is not None:
            shown.show()
        return (ax, lrs[steepest]) if suggest_lr else ax


class StateCacher:
    """State dicts by name, in memory or in files that go away with it.

    Differs from torch-lr-finder: what ``retrieve`` returns is a copy, so that training on from it leaves the cache
    alone; files are read with ``weights_only=True``.

    Args:
        in_memory: Keep them in memory, else in ``cache_dir``.
        cache_dir: A directory that exists; the system's temporary directory if left out.
    """

    def __init__(self, in_memory: bool, cache_dir: str | None = None) -> None:
        if cache_dir is not None and not Path(cache_dir).is_dir():
            raise ValueError(f"cache_dir must be a directory that exists, got cache_dir={cache_dir!r}")
        self.in_memory = in_memory
        self.cache_dir = cache_dir or tempfile.gettempdir()
        self.cached: dict[str, Any] = {}

    def store(self, key: str, state_dict: dict[str, Any]) -> None:
        """Keep a copy of the state dict under this name."""
        if self.in_memory:
            self.cached[key] = copy.deepcopy(state_dict)
        else:
            self.cached[key] = str(Path(self.cache_dir) / f"state_{key}_{id(self)}.pt")
            torch.save(state_dict, self.cached[key])

    def retrieve(self, key: str) -> Any:
        """A copy of the state dict that was stored under this name."""
        if key not in self.cached:
            raise KeyError(f"Target {key} was not cached.")
        if self.in_memory:
            return copy.deepcopy(self.cached[key])
        if not Path(self.cached[key]).exists():
            raise RuntimeError(f"Failed to load state in {self.cached[key]}. File doesn't exist anymore.")
        return torch.load(self.cached[key], map_location="cpu", weights_only=True)

    def __del__(self) -> None:
        if not getattr(self, "in_memory", True):
            for path in self.cached.values():
                Path(path).unlink(missing_ok=True)


def _batches(name: str, loader: Any, kind: Any) -> Any:
    if isinstance(loader, kind):
        return loader
    if not isinstance(loader, DataLoader):
        raise ValueError(
            f"`{name}` has unsupported type, got {name}={check.shown(loader)}: pass a DataLoader or a subclass of "
            f"{kind.__name__}"
        )
    return kind(loader)


def _steepest(losses: list[float]) -> int:
    """The index of the lowest central difference, one-sided at the two ends."""
    last = len(losses) - 1
    slopes = [
        (losses[min(index + 1, last)] - losses[max(index - 1, 0)]) / (2 if 0 < index < last else 1)
        for index in range(len(losses))
    ]
    return slopes.index(min(slopes))


def _pyplot() -> Any:
    try:
        from matplotlib import pyplot
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "plotting needs matplotlib, which is not installed: pip install matplotlib", name=error.name
        ) from error
    return pyplot
