"""The range test as a state machine: it tells the loop which LR to use next, and is told the loss.

Two rules keep it readable whatever happens to it:

* What was recorded is one list, and recording is one ``append``. Ctrl-C comes before it or after it.
* Everything else follows from that list: the LR of update ``k`` is ``schedule(k)``, the test is over when the list
  says so. What an interruption left out is made up for the next time somebody asks.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from types import TracebackType
from typing import Any

from clr_core import check
from clr_core.range_test.curve import STOP_REASONS, LRCurve
from clr_core.range_test.divergence import RunningLoss
from clr_core.schedules.ramps import exponential_ramp, linear_ramp

_LEAST_RATIO, _GREATEST_RATIO = 1.000001, 1e300
"""Of end_lr / start_lr: below, rounding can make an LR lower than the one before it; above, it can make one 0."""

_MODES = {"exponential": exponential_ramp, "linear": linear_ramp}


class RangeTest:
    """One short training run with a rising LR, as a state machine: read ``lr``, train one update, ``record`` the loss.

    The LR of update ``k`` is ``schedule(k)``, an ``exponential_ramp`` or ``linear_ramp`` from ``start_lr``
    to ``end_lr``. The test is ``done`` after ``num_steps`` updates (``"completed"``), at the first loss that
    is not finite (``"non_finite"``), or once the running loss is above its best by more than
    ``divergence * max(drop so far, abs(best), 8 * noise)`` (``"diverged"``): a loss that has dropped
    from 2.3 to 0.3 has diverged when it is back at 2.3. The rule holds for losses below zero as well. The
    running loss is an average that forgets over 0.2 decades of LR, so the rule does not depend on
    ``num_steps``; the noise is the median difference between one loss and the next. The first ten
    updates never end the test, unless a loss is not finite.

    Args:
        start_lr: LR of the first update, > 0: so small that nothing changes yet.
        end_lr: LR of the last update, > 1.000001 * start_lr: so large that training diverges.
        num_steps: Updates in the test, an int >= 2.
        mode: ``"exponential"``: equal ratios; ``"linear"``: equal differences, Smith's own protocol.
        divergence: Factor in the rule above, > 0; None to stop at no finite loss.
        optimizer: The optimizer's class name, for ``LRCurve.optimizer``.
        momentum: Whether an optimizer that is SGD has momentum, for ``LRCurve.momentum``.

    Raises:
        TypeError: An argument is of the wrong kind.
        ValueError: An argument is out of its range.

    Example:
        >>> import clr_core
        >>> test = clr_core.RangeTest(start_lr=1e-3, end_lr=10.0, num_steps=50)
        >>> weight = 2.0
        >>> while not test.done:
        ...     loss, gradient = weight**2, 2 * weight
        ...     weight -= test.lr * gradient
        ...     test.record(loss)
        >>> test.stop_reason
        'diverged'

    Source: Smith 2015, section 3.3.
    """

    def __init__(
        self,
        start_lr: float = 1e-7,
        end_lr: float = 10.0,
        num_steps: int = 100,
        *,
        mode: str = "exponential",
        divergence: float | None = 1.0,
        optimizer: str | None = None,
        momentum: bool | None = None,
    ) -> None:
        start_lr = check.real("start_lr", start_lr, above=0.0)
        end_lr = check.real("end_lr", end_lr, above=0.0)
        if end_lr <= start_lr * _LEAST_RATIO:
            raise ValueError(f"end_lr must be > start_lr * {_LEAST_RATIO}, got {start_lr=}, {end_lr=}")
        if end_lr > start_lr * _GREATEST_RATIO:
            raise ValueError(f"end_lr must be <= start_lr * {_GREATEST_RATIO}, got {start_lr=}, {end_lr=}")
        ramp = _MODES[check.choice("mode", mode, _MODES)]
        self.schedule = ramp(start_lr, end_lr, num_steps)
        self.num_steps = self.schedule.num_steps
        self._divergence = math.inf if divergence is None else check.real("divergence", divergence, above=0.0)
        checked = LRCurve((), (), optimizer=optimizer, momentum=momentum)
        self._optimizer, self._momentum = checked.optimizer, checked.momentum
        self._points: list[tuple[float, float | None]] = []
        self._examined = 0
        self._running = RunningLoss()
        self._stop_reason: str | None = None

    @property
    def done(self) -> bool:
        """Whether the test is over."""
        return self.stop_reason is not None

    @property
    def stop_reason(self) -> str | None:
        """Why the test is over, one of the reasons of ``LRCurve``; None while it is not."""
        if self._stop_reason is None and self._examined < len(self._points):
            self._examine()
        return self._stop_reason

    @property
    def alarming_loss(self) -> float:
        """A loss below this one does not end the test as a divergence, so that a loop may record it with later ones.

        It follows from what has been recorded, and is ``-inf`` before the first loss.
        """
        if self.done or not self._points:
            return -math.inf
        return math.inf if self._divergence == math.inf else self._running.level(self._divergence)

    def _examine(self) -> None:
        """Look at what has been recorded since the last time, until it ends the test."""
        while self._stop_reason is None and (index := self._examined) < len(self._points):
            loss = self._points[index][0]
            if not math.isfinite(loss):
                self._stop_reason = "non_finite"
                break
            if self._has_diverged(index, loss):
                self._stop_reason = "diverged"
            elif index + 1 >= self.num_steps:
                self._stop_reason = "completed"
            self._examined = index + 1

    def _has_diverged(self, index: int, loss: float) -> bool:
        if self._divergence == math.inf:
            return False
        if self._running.updates <= index:
            self._running.climb(self.schedule(min(index, self.num_steps - 1)), loss, loss)
        return self._running.height > self._divergence

    @property
    def lr(self) -> float:
        """The LR to use in the next update.

        Raises:
            RuntimeError: The test is done.
        """
        self._check_running()
        return self.schedule(min(len(self._points), self.num_steps - 1))

    def record(self, loss: Any, metric: Any = None) -> None:
        """Record the loss of the update just made at ``lr``.

        Args:
            loss: A number, or anything ``float`` takes; NaN or infinity ends the test.
            metric: Accuracy or another figure that is better when higher; at every update or at none.

        Raises:
            RuntimeError: The test is done.
            TypeError: The loss or metric is not a number.
            ValueError: A metric is missing or comes after an update without one, or a number is beyond every float.
        """
        self._check_running()
        self._append(loss, metric)

    def _append(self, loss: Any, metric: Any = None) -> None:
        point = (_as_float("loss", loss), None if metric is None else _as_float("metric", metric))
        if self._points and (metric is None) != (self._points[0][1] is None):
            raise ValueError(
                f"metric must be given at every update or at none, got metric={metric!r} at update {len(self._points)}"
            )
        self._points.append(point)

    def record_all(self, outcomes: Iterable[tuple[Any, ...]]) -> None:
        """Record ``(loss,)`` or ``(loss, metric)`` of several updates until the test is done, and ignore the rest."""
        for outcome in outcomes:
            if self.done:
                return
            self._append(*outcome)

    def interruptible(self) -> Interruptible:
        """A context in which Ctrl-C ends the test, with ``stop_reason="interrupted"``, instead of the program."""
        return Interruptible(self)

    def stop(self, reason: str = "interrupted") -> None:
        """End the test early and keep what was recorded. A test that is done keeps the reason it has."""
        check.choice("reason", reason, STOP_REASONS)
        self._stop_reason = self.stop_reason or reason

    @property
    def curve(self) -> LRCurve:
        """What was recorded so far; of the whole test once it is done."""
        reason = self.stop_reason
        points = self._points[: self.num_steps]
        return LRCurve(
            self.schedule.values(len(points)),
            [loss for loss, _ in points],
            [metric for _, metric in points if metric is not None] or None,
            optimizer=self._optimizer,
            momentum=self._momentum,
            stop_reason=reason,
        )

    def _check_running(self) -> None:
        if self.done:
            raise RuntimeError(f"the range test is done ({self._stop_reason}): read its curve")


class Interruptible:
    """What ``RangeTest.interruptible`` returns; a class, since a generator could be resumed after its traceback."""

    def __init__(self, test: RangeTest) -> None:
        self._test = test

    def __enter__(self) -> RangeTest:
        return self._test

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        if kind is None or not issubclass(kind, KeyboardInterrupt):
            return False
        self._test.stop("interrupted")
        return True


def _as_float(name: str, value: Any) -> float:
    if type(value) is float:
        return value
    if isinstance(value, bool | str | bytes):
        raise TypeError(f"{name} must be a number, got {name}={value!r}")
    # The loss of a torch step still has its graph, and torch warns about a float made of that.
    try:
        return float(value.detach() if hasattr(value, "detach") else value)
    except (TypeError, ValueError):  # None, a list, the losses of each example
        raise TypeError(f"{name} must be a number, got {name}={check.shown(value)}") from None
    except OverflowError:
        raise ValueError(f"{name} must be within the range of a float, got {name} of {type(value).__name__}") from None
