"""The range test around a training step: a loop that drives ``clr_core.RangeTest``."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from clr_core import LRCurve, RangeTest, check
from clr_core.range_test.interrupts import Gate, undisturbed
from clr_torch._lrs import GroupLRs
from clr_torch._ranks import Exchange, are_many
from clr_torch._restore import restored

LOSSES_PER_READ = 16
"""Losses that wait to be read together; the test may notice its end as many updates late.

To read a loss that an accelerator has yet to compute is to wait for all the work queued there. One that is at hand is
read earlier where it may end the test.
"""


class Loop:
    """One range test of a training step.

    Args:
        test: Says which LRs to use, and when to stop.
        train_step: Makes one update, and returns the loss, or the loss and a metric.
        optimizers: All that it steps.
        sign: -1.0 where what it returns is to be maximized, else 1.0.
        may_skip: Whether it may leave out an update, as a GradScaler does.
        progress: Whether to show a progress bar.
    """

    _gate: Gate

    def __init__(
        self,
        test: RangeTest,
        train_step: Callable[[], Any],
        optimizers: Sequence[Optimizer],
        *,
        sign: float,
        may_skip: bool,
        progress: bool,
    ) -> None:
        self._test, self._train_step, self._optimizers = test, train_step, optimizers
        self._sign, self._may_skip, self._progress = sign, may_skip, progress
        self._waiting: list[Any] = []
        self._alarming_loss = test.alarming_loss
        self._exchange: Exchange | None = None

    def run(
        self,
        state: Iterable[Any],
        data: Iterable[Any] = (),
        begin: Callable[[], None] = lambda: None,
        end: Callable[[], None] = lambda: None,
    ) -> LRCurve:
        """The curve; what can be reached from ``state`` and ``data`` is put back after ``end``."""

        def body() -> LRCurve:
            if self._exchange is not None:
                _refuse(self._exchange.meet().failed)
            begin()
            try:
                return self._curve()
            finally:
                self._gate.close()
                end()

        def on_all_ranks(gate: Gate) -> LRCurve:
            self._gate = gate
            self._exchange = Exchange() if are_many() else None
            try:
                return restored(gate, body, state, data)
            except Exception:
                if self._exchange is not None and not self._exchange.has_met:
                    self._exchange.meet(has_failed=True)
                raise
            finally:
                if self._exchange is not None:
                    self._exchange.close()

        return undisturbed(on_all_ranks)

    def _curve(self) -> LRCurve:
        error: Exception | None = None
        is_interrupted = False
        try:
            self._update_and_read()
        except KeyboardInterrupt:
            is_interrupted = True
        except StopIteration as raised:
            error = ValueError(
                "every update of a range test must have a batch, got StopIteration: start the data over where they "
                "end, or test with fewer updates"
            )
            error.__cause__ = raised
        except Exception as raised:
            error = raised
        self._gate.close()
        try:
            if not self._test.done:
                self._read(error, is_interrupted)
        finally:
            error = None  # it has this frame in its traceback
        return self._test.curve

    def _update_and_read(self) -> None:
        test, train_step, waiting, gate = self._test, self._train_step, self._waiting, self._gate
        is_alone = self._exchange is None
        lrs = GroupLRs(self._optimizers, may_skip=self._may_skip)
        # Hot loop: keep Python work minimal.
        for lr in _steps(test.schedule.values(test.num_steps), self._progress):
            lrs.set(lr)
            if is_alone:
                gate.open()
            outcome = _without_graph(train_step())
            lrs.check()
            waiting.append(outcome)
            if self._is_time_to_read(outcome):
                gate.close()
                self._read()
                if test.done:
                    return

    def _is_time_to_read(self, outcome: Any) -> bool:
        if self._exchange is not None:
            return len(self._waiting) >= self._exchange.updates
        return len(self._waiting) >= LOSSES_PER_READ or self._may_end_test(outcome)

    def _may_end_test(self, outcome: Any) -> bool:
        """Whether the loss is at hand and high, or no number."""
        loss = outcome[0] if isinstance(outcome, tuple) and outcome else outcome
        if isinstance(loss, float):
            return not self._sign * loss < self._alarming_loss
        return not isinstance(loss, Tensor) or loss.is_cpu

    def _read(self, error: Exception | None = None, is_interrupted: bool = False) -> None:
        """Record all losses there are, and end the test if it is to end; an update past its end counts for nothing."""
        outcomes: list[tuple[float, ...]] = []
        try:
            outcomes = _floats(self._waiting)
        except Exception as raised:
            error = error or raised
        self._waiting.clear()
        failed: list[int] = []
        if self._exchange is not None:
            is_interrupted = is_interrupted or self._gate.has_kept_interrupt
            meeting = self._exchange.meet(outcomes, has_failed=error is not None, is_interrupted=is_interrupted)
            outcomes, failed, is_interrupted = meeting.outcomes, meeting.failed, meeting.is_interrupted
            if is_interrupted:
                self._gate.forget_interrupts()
        self._test.record_all((self._sign * loss, *metric) for loss, *metric in outcomes)
        self._alarming_loss = self._test.alarming_loss
        if self._test.done:
            return
        if error is not None:
            raise error
        _refuse(failed)
        if is_interrupted:
            self._test.stop("interrupted")


def _refuse(failed: list[int]) -> None:
    if failed:
        raise RuntimeError(
            f"a range test must succeed on every rank, got an error on rank {failed[0]}: see its traceback"
        )


def _without_graph(outcome: Any) -> Any:
    """The outcome as numbers where they are at hand; many graphs that wait would fill the memory."""
    if isinstance(outcome, tuple):
        return tuple(map(_without_graph, outcome))
    if isinstance(outcome, Tensor):
        return outcome.item() if outcome.is_cpu and outcome.numel() == 1 else outcome.detach()
    return outcome


def _floats(outcomes: list[Any]) -> list[tuple[float, ...]]:
    """The losses, or the losses and metrics, of several updates, in one transfer from the device."""
    if all(type(outcome) is float for outcome in outcomes):
        return [(loss,) for loss in outcomes]
    rows = [_numbers(outcome) for outcome in outcomes]
    if len({len(row) for row in rows}) > 1:
        raise ValueError("train_step must return a metric at every update or at none")
    return list(zip(*map(_column, zip(*rows, strict=True)), strict=True))


def _numbers(outcome: Any) -> tuple[Any, ...]:
    """The loss and, where there is one, the metric."""
    values = outcome if isinstance(outcome, tuple) else (outcome,)
    if len(values) not in (1, 2) or not all(map(_is_number, values)):
        raise TypeError(
            "train_step must return the loss, a float or a Tensor of one element, or (loss, metric), got "
            f"{check.shown(outcome)}"
        )
    return values


def _is_number(value: Any) -> bool:
    if isinstance(value, Tensor):
        return value.numel() == 1
    return hasattr(value, "__float__") and not isinstance(value, bool)


def _column(column: tuple[Any, ...]) -> list[float]:
    if not any(isinstance(each, Tensor) for each in column):
        return list(map(float, column))
    return torch.stack([torch.as_tensor(each).reshape(()) for each in column]).tolist()


def _steps(lrs: list[float], progress: bool) -> Iterable[float]:
    is_terminal = sys.stderr is not None and sys.stderr.isatty()
    if progress and is_terminal and importlib.util.find_spec("tqdm"):
        bar: Iterable[float] = importlib.import_module("tqdm").tqdm(lrs, "range test", leave=False)
        return bar
    return lrs
