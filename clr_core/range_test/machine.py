"""The range test without a training loop: it says which LR comes next and is told the loss."""

from __future__ import annotations

import math
from collections.abc import Iterable
from types import TracebackType
from typing import Any

from clr_core import check
from clr_core.range_test.curve import STOP_REASONS, LRCurve
from clr_core.range_test.divergence import RunningLoss
from clr_core.schedules.ramps import exponential_ramp, linear_ramp

_MODES = {"exponential": exponential_ramp, "linear": linear_ramp}


class RangeTest:
    """One short run while the LR rises, as a state machine: read ``lr``, train one update, ``record`` a loss.

    The LR of update ``k`` is ``schedule(k)``, an ``exponential_ramp`` or ``linear_ramp`` from ``start_lr``
    to ``end_lr``. The test is ``done`` after ``num_steps`` updates (``"completed"``), at the first loss that
    is not finite (``"non_finite"``), or once the running loss has climbed above its best by more than
    ``divergence * max(fall so far, abs(best), 8 * noise)`` (``"diverged"``): for a loss that has fallen
    from 2.3 to 0.3, when it is back at 2.3; the rule holds for losses below zero as well. The running
    loss is an average that forgets over 0.2 decades of LR, so the rule does not move with
    ``num_steps``; the noise is the median difference between one loss and the next, and the first ten
    updates are not judged.

    Args:
        start_lr: LR of the first update, > 0: small enough to change nothing.
        end_lr: LR of the last update, > start_lr: large enough to diverge.
        num_steps: Updates in the test, an int >= 2.
        mode: ``"exponential"``: equal ratios; ``"linear"``: equal differences, Smith's own protocol.
        divergence: Factor in the rule above, > 0; None to never stop for a finite loss.
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
        if end_lr <= start_lr:
            raise ValueError(f"end_lr must be > start_lr, got {start_lr=}, {end_lr=}")
        ramp = _MODES[check.choice("mode", mode, _MODES)]
        self.schedule = ramp(start_lr, end_lr, num_steps)
        self.num_steps = self.schedule.num_steps
        self._divergence = math.inf if divergence is None else check.real("divergence", divergence, above=0.0)
        checked = LRCurve((), (), optimizer=optimizer, momentum=momentum)
        self._optimizer, self._momentum = checked.optimizer, checked.momentum
        self._lrs: list[float] = []
        self._losses: list[float] = []
        self._metrics: list[float] = []
        self._stop_reason: str | None = None
        self._running = RunningLoss()

    @property
    def done(self) -> bool:
        """Whether the test is over."""
        return self._stop_reason is not None

    @property
    def stop_reason(self) -> str | None:
        """Why the test is over, one of the reasons an ``LRCurve`` knows; None before."""
        return self._stop_reason

    @property
    def lr(self) -> float:
        """The LR to use in the next update."""
        self._check_running()
        return self.schedule(len(self._lrs))

    def record(self, loss: Any, metric: Any = None) -> None:
        """Tell the loss of the update just made at ``lr``.

        Args:
            loss: A number, or anything ``float`` takes; NaN or infinity ends the test.
            metric: Accuracy or another figure that is better when higher; at every update or at none.

        Raises:
            RuntimeError: The test is done.
            TypeError: The loss or metric is not a number.
            ValueError: A metric is missing, or comes after an update without one.
        """
        self._check_running()
        if isinstance(loss, (bool, str)) or isinstance(metric, (bool, str)):
            raise TypeError(f"loss and metric must be numbers, got {loss=}, {metric=}")
        # The loss of a torch step still has its graph, and torch warns of a float made of that.
        value = float(loss.detach() if hasattr(loss, "detach") else loss)
        if self._lrs and (metric is None) == bool(self._metrics):
            raise ValueError(
                f"metric must be given at every update or at none, got metric={metric!r} at update {len(self._lrs)}"
            )
        if metric is not None:
            self._metrics.append(float(metric))
        lr = self.lr
        self._lrs.append(lr)
        self._losses.append(value)
        if not math.isfinite(value):
            self._stop_reason = "non_finite"
        elif self._running.climb(lr, value, value) > self._divergence:
            self._stop_reason = "diverged"
        elif len(self._lrs) == self.num_steps:
            self._stop_reason = "completed"

    def record_all(self, outcomes: Iterable[tuple[Any, ...]]) -> None:
        """Record ``(loss,)`` or ``(loss, metric)`` of several updates, until the test is done; the rest is left out."""
        for outcome in outcomes:
            if self.done:
                return
            self.record(*outcome)

    def interruptible(self) -> Interruptible:
        """A context in which Ctrl-C ends the test, with ``stop_reason="interrupted"``, instead of the program."""
        return Interruptible(self)

    def stop(self, reason: str = "interrupted") -> None:
        """End the test early; what was recorded stays. One that is done already keeps its own reason."""
        check.choice("reason", reason, STOP_REASONS)
        self._stop_reason = self._stop_reason or reason

    @property
    def curve(self) -> LRCurve:
        """What was recorded so far; of the whole test once it is done."""
        return LRCurve(
            self._lrs,
            self._losses,
            self._metrics or None,
            optimizer=self._optimizer,
            momentum=self._momentum,
            stop_reason=self._stop_reason,
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
