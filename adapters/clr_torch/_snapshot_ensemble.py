"""Several models out of one training run: the weights at the end of each cycle."""

from __future__ import annotations

import copy
import os
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from os import PathLike
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import update_bn

from clr_core import check
from clr_core.range_test.interrupts import Gate, undisturbed
from clr_torch._modes import in_mode
from clr_torch._restore import restored
from clr_torch._schedule import ScheduleLR

State = dict[str, Any]


class SnapshotEnsemble:
    """Keeps a model's weights at the end of each cycle, and averages the predictions or the weights.

    Call ``update(model)`` after every ``scheduler.step()``. The weights kept are those after the last update of a
    cycle, where the LR is lowest: on the CPU, or in a directory as ``cycle_00000.pt`` and so on, which survive the
    process and are read with ``weights_only=True``.

    Args:
        scheduler: The ``ScheduleLR`` of the training run.
        keep: How many snapshots to keep, the last ones, an int >= 1; all of them if left out.
        directory: Where the files go, one directory for each training run; made if it does not exist. In memory if
            left out.

    Raises:
        TypeError: ``scheduler`` is not a ``ScheduleLR``, or ``keep`` not an int.
        ValueError: ``keep`` is below 1.

    Example:
        >>> import clr_core, clr_torch, torch
        >>> model = torch.nn.Linear(3, 2)
        >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        >>> scheduler = clr_torch.ScheduleLR(optimizer, clr_core.triangular(0.0, 0.1, step_size=2))
        >>> ensemble = clr_torch.SnapshotEnsemble(scheduler, keep=2)
        >>> for _ in range(12):
        ...     optimizer.step()
        ...     scheduler.step()
        ...     ensemble.update(model)
        >>> ensemble.cycles
        [1, 2]
        >>> ensemble.predict(model, torch.ones(5, 3)).shape
        torch.Size([5, 2])

    Source: G. Huang et al., Snapshot Ensembles: Train 1, get M for free, 2017; for the average of weights, P. Izmailov
    et al., Averaging Weights Leads to Wider Optima and Better Generalization, 2018.
    """

    def __init__(
        self, scheduler: ScheduleLR, *, keep: int | None = None, directory: str | PathLike[str] | None = None
    ) -> None:
        if not isinstance(scheduler, ScheduleLR):
            raise TypeError(f"scheduler must be the optimizer's ScheduleLR, got scheduler={check.shown(scheduler)}")
        self._scheduler = scheduler
        self._keep = None if keep is None else check.whole("keep", keep)
        self.directory = None if directory is None else Path(directory)
        self._in_memory: dict[int, State] = {}

    @property
    def cycles(self) -> list[int]:
        """The numbers of the cycles whose weights are kept, in order."""
        if self.directory is None:
            return sorted(self._in_memory)
        return sorted(int(path.stem[-5:]) for path in self.directory.glob(f"cycle_{'[0-9]' * 5}.pt"))

    def update(self, model: nn.Module) -> None:
        """Keep the model's weights if the last update completed a cycle.

        Raises:
            ValueError: A training run begins, and there are snapshots of another already.
        """
        scheduler = self._scheduler
        if scheduler.last_epoch <= 1 and self.cycles:
            raise ValueError(
                f"every training run must have a SnapshotEnsemble and a directory of its own, got {len(self.cycles)} "
                f"snapshots of another run, directory={self.directory and str(self.directory)!r}"
            )
        if not scheduler.cycle_ended:
            return
        schedule = scheduler.schedule[0] if isinstance(scheduler.schedule, tuple) else scheduler.schedule
        cycle, state = schedule.cycle(scheduler.last_epoch - 1), _copied(model.state_dict())
        if self.directory is None:
            self._in_memory[cycle] = state
        else:
            self.directory.mkdir(parents=True, exist_ok=True)
            unfinished = self.directory / f"unfinished_{os.getpid()}.pt"
            torch.save(state, unfinished)
            unfinished.replace(self._path(cycle))
        for old in self.cycles[: -self._keep] if self._keep else ():
            self._in_memory.pop(old, None)
            if self.directory is not None:
                self._path(old).unlink()

    def load(self, model: nn.Module, index: int = -1) -> None:
        """Load the weights of one snapshot into the model, the last one or ``cycles[index]``.

        Raises:
            IndexError: There is no such snapshot.
        """
        _load(model, self._state(self.cycles[index]))

    def predict(
        self,
        model: nn.Module,
        inputs: Any,
        *,
        last: int | None = None,
        activation: Callable[[Any], Tensor] | None = None,
    ) -> Tensor:
        """The mean of the snapshots' predictions, without gradients and in eval mode.

        Each is of the model as it is at the call, also in what is no weight, such as a recurrent state; it is so again
        afterwards, to the bit, also after an exception or Ctrl-C.

        Args:
            model: A model of the architecture that was trained.
            inputs: What the model takes.
            last: How many snapshots, counted from the last, an int >= 1; all of them if left out.
            activation: Makes what is averaged of the model's output; softmax over dimension 1 if left out, for class
                probabilities from logits.

        Raises:
            ValueError: There are fewer snapshots than asked for, or none; the output is no batch of logits; or
                something in the model cannot be put back.
        """
        cycles = self._last(last)
        activation = activation or _class_probabilities

        def added(gate: Gate, cycle: int, total: Any) -> Any:
            _load(model, self._state(cycle))
            model.eval()
            with torch.no_grad():
                # Added here: the output may be memory of the model's, which is about to be put back.
                return gate.let_through(lambda: total + activation(model(inputs)))

        def summed(gate: Gate) -> Any:
            total: Any = 0
            for cycle in cycles:
                total = restored(gate, partial(added, gate, cycle, total), [model])
            return total

        return undisturbed(summed) / len(cycles)  # type: ignore[no-any-return]

    def average(self, model: nn.Module, loader: Any = None, *, last: int | None = None) -> nn.Module:
        """A copy of the model with the mean of the snapshots' weights.

        Args:
            model: A model of the architecture that was trained; it is left as it is.
            loader: Training batches, inputs or ``(inputs, ...)``, from which batch-norm statistics are estimated anew:
                needed if the model has batch norm, since those of the snapshots do not fit the mean weights.
            last: As for ``predict``.

        Raises:
            ValueError: There are fewer snapshots than asked for, or none; or the model has batch norm and no loader
                is given.
        """
        has_statistics = any(getattr(each, "running_mean", None) is not None for each in model.modules())
        if loader is None and has_statistics:
            raise ValueError(
                "loader must be given for a model with batch norm, got loader=None: pass the training loader"
            )
        cycles = self._last(last)
        mean: State = {}
        for cycle in cycles:
            for name, value in self._state(cycle).items():
                if isinstance(value, Tensor) and (value.is_floating_point() or value.is_complex()):
                    share = value.to(torch.complex128 if value.is_complex() else torch.float64) / len(cycles)
                    mean[name] = mean[name] + share if name in mean else share
                else:
                    mean[name] = value
        averaged = copy.deepcopy(model)
        _load(averaged, mean)
        if loader is not None and has_statistics:
            device = next(averaged.parameters()).device
            update_bn(loader, averaged, device)
        return averaged

    def _path(self, cycle: int) -> Path:
        return (self.directory or Path()) / f"cycle_{cycle:05d}.pt"

    def _state(self, cycle: int) -> State:
        if self.directory is None:
            return dict(self._in_memory[cycle])
        state: State = torch.load(self._path(cycle), map_location="cpu", weights_only=True)
        return state

    def _last(self, last: int | None) -> list[int]:
        cycles = self.cycles
        wanted = len(cycles) if last is None else check.whole("last", last)
        if not cycles:
            raise ValueError(
                f"there must be a snapshot, got none, directory={self.directory and str(self.directory)!r}: no cycle "
                "has ended, or update(model) was not called after every scheduler.step()"
            )
        if wanted > len(cycles):
            raise ValueError(f"last must be at most the number of snapshots, {len(cycles)}, got {last=}")
        return cycles[-wanted:]


def _load(model: nn.Module, state: State) -> None:
    """Load in training mode, as in the training run: some layers, such as LoRA's, merge their weights in eval mode."""
    with nullcontext() if model.training else in_mode(model, training=True):
        model.load_state_dict(state)


def _copied(state: State) -> State:
    return {
        name: value.detach().to("cpu", copy=True) if isinstance(value, Tensor) else copy.deepcopy(value)
        for name, value in state.items()
    }


def _class_probabilities(output: Any) -> Tensor:
    if not isinstance(output, Tensor) or output.dim() < 2 or output.shape[1] < 2:
        found = tuple(output.shape) if isinstance(output, Tensor) else type(output).__name__
        raise ValueError(
            f"the model's output must be logits of two or more classes along dimension 1, got {found}: pass "
            "activation=torch.sigmoid, or for regression activation=lambda output: output"
        )
    return output.softmax(dim=1)
