"""The callback that most Keras users know cyclical learning rates by."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from numbers import Real
from typing import Any

import clr_core
from clr_core import check
from clr_core.schedules import xp as python
from clr_keras._callback import BatchMeans, Callback, mean_of
from clr_keras._describe import check_count, check_lr_can_be_set, steps_per_update, training_steps, updaters

_MODES = ("triangular", "triangular2", "exp_range")


class CyclicLR(Callback):
    """Same as the ``CyclicLR`` callback of bckenstler/CLR and keras-contrib, on Keras 3 and any backend.

    It sets the learning rate from outside before each update. ``ScheduleLR`` computes it inside the
    compiled step: faster, right with any ``steps_per_execution``, and saved with the model.

    Args:
        base_lr: Lower bound, >= 0.
        max_lr: Upper bound, >= base_lr.
        step_size: Updates in half a cycle, > 0, whole or not.
        mode: ``"triangular"``, ``"triangular2"`` or ``"exp_range"``: ``clr_core``'s schedules of these names;
            not used with a ``scale_fn``.
        gamma: Decay factor of ``"exp_range"``, in (0, 1].
        scale_fn: Factor on the height, a function of one float.
        scale_mode: What ``scale_fn`` is given: ``"cycle"``, counted from 1, or ``"iterations"``.

    Attributes:
        history: For every update since construction, lists under ``"lr"``, ``"iterations"`` and the names
            in the logs, with the loss of that update's own batches, and the metrics that are means. Others (an AUC,
            a root mean squared error) are as in the logs: of the epoch so far.
        clr_iterations: Updates since the last ``_reset``: where in its cycles the learning rate is.
        trn_iterations: Updates since construction.

    The arguments are attributes as well: set one to change the next update. Both counts go on where
    ``BackupAndRestore`` resumes. The logs of each epoch have ``"lr"``, the last one used.

    Differs from source: ``history["lr"]`` has the learning rate each update *used*, where that of keras-contrib has
    the next one's; where gradients are accumulated, updates are counted, not batches; arguments out of range are
    refused.

    Raises:
        TypeError: An argument is of the wrong kind; in ``fit``, the optimizer's learning rate is a schedule.
        ValueError: An argument is out of its range; in ``fit``, ``steps_per_execution`` is above 1, or in an epoch
            ``train_step`` makes no update by ``model.optimizer``, whose learning rate this is.

    Example:
        >>> import clr_keras, keras, numpy as np
        >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> clr = clr_keras.CyclicLR(base_lr=0.0, max_lr=1.0, step_size=2)
        >>> data = np.zeros((5, 1))
        >>> _ = model.fit(data, data, batch_size=1, verbose=0, callbacks=[clr])
        >>> clr.history["lr"]
        [0.0, 0.5, 1.0, 0.5, 0.0]
    """

    def __init__(
        self,
        base_lr: float = 0.001,
        max_lr: float = 0.006,
        step_size: float = 2000.0,
        mode: str = "triangular",
        gamma: float = 1.0,
        scale_fn: Callable[[float], float] | None = None,
        scale_mode: str = "cycle",
    ) -> None:
        super().__init__()
        self.base_lr = base_lr
        self.max_lr = max_lr
        self.step_size = step_size
        self.mode = mode
        self.gamma = gamma
        self.scale_fn = scale_fn
        self.scale_mode = scale_mode
        self.trn_iterations = 0
        self.history: dict[str, list[Any]] = {}
        self._made_of: tuple[Any, ...] = ()
        self._reset()

    def _reset(
        self,
        new_base_lr: float | None = None,
        new_max_lr: float | None = None,
        new_step_size: float | None = None,
    ) -> None:
        """Start the cycles anew, for the next fold of a cross-validation say, with other bounds if given."""
        if new_base_lr is not None:
            self.base_lr = new_base_lr
        if new_max_lr is not None:
            self.max_lr = new_max_lr
        if new_step_size is not None:
            self.step_size = new_step_size
        self.clr_iterations = 0
        self.clr()

    def clr(self) -> float:
        """The learning rate of the next update."""
        made_of = (
            self.base_lr, self.max_lr, self.step_size, self.mode, self.gamma, self.scale_fn, self.scale_mode
        )  # fmt: skip
        if made_of != self._made_of:
            self._schedule, self._parts = self._make_schedule()
            self._made_of = made_of
        lr: float = self._schedule.evaluate(self.clr_iterations * self._parts, python)
        return lr

    def _make_schedule(self) -> tuple[clr_core.Schedule, int]:
        """A schedule and how many of its steps make an update: for a step size of 5/2, 5 steps and two per update."""
        mode = check.choice("mode", self.mode, _MODES)
        up, parts = _ratio(self.step_size)
        cycle = (self.base_lr, self.max_lr, up)
        if self.scale_fn is not None:
            scale_fn = self.scale_fn
            if self.scale_mode == "iterations" and parts > 1:
                return clr_core.cyclic(*cycle, scale_fn=lambda n: scale_fn(n / parts), scale_mode="iterations"), parts
            return clr_core.cyclic(*cycle, scale_fn=scale_fn, scale_mode=self.scale_mode), parts
        if mode == "exp_range":
            gamma = clr_core.exp_range(*cycle, gamma=self.gamma).gamma
            return clr_core.exp_range(*cycle, gamma=gamma ** (1 / parts)), parts
        return (clr_core.triangular2 if mode == "triangular2" else clr_core.triangular)(*cycle), parts

    def set_model(self, model: Any) -> None:
        super().set_model(model)
        self._steps_before = _count(model)

    def on_train_begin(self, logs: Any = None) -> None:
        check_lr_can_be_set(
            self.model, "CyclicLR", "give the optimizer clr_keras.ScheduleLR(schedule) and drop the callback"
        )
        self._rows: list[dict[str, Any]] | None = None
        self._batches_made = 0
        self._means = BatchMeans()
        self._used = self.model.optimizer.learning_rate = self.clr()

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._means.begin_epoch()
        self._batches_made = 0

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        if self._rows is None:
            self._begin_counting()
        if not self._batches_made:
            self._epoch_start = _count(self.model)
        self._batches_made += 1
        # Through the property: on JAX it brings the state that training works on back into the optimizer.
        self.model.optimizer.learning_rate = self.clr()

    def _begin_counting(self) -> None:
        """Find the place in the cycles, now that other callbacks have loaded the optimizer's count, if they do."""
        self._per_update = steps_per_update(self.model.optimizer)
        steps = _count(self.model)
        if steps != self._steps_before:  # a backup was loaded; into a model that had trained on, where there are fewer
            begun = self._steps_before if steps > self._steps_before else 0
            self.clr_iterations = self.trn_iterations = (steps - begun) // self._per_update
        self._until_update = self._per_update - steps % self._per_update
        self._rows = []

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        rows = self._rows = self._rows or []
        rows.append(self._means.of_batch(self.model, logs or {}))
        if len(rows) < self._until_update:
            return
        self._until_update, self._rows = self._per_update, []
        self._used = self.clr()
        self.trn_iterations += 1
        self.clr_iterations += 1
        row = mean_of(rows) | {"lr": self._used, "iterations": self.trn_iterations}
        for name, value in row.items():
            self.history.setdefault(name, []).append(value)
        self.model.optimizer.learning_rate = self.clr()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        if self._batches_made and _count(self.model) == self._epoch_start:
            check_count(self.model, self._batches_made, 0)
        if logs is not None:
            logs["lr"] = self._used


def _count(model: Any) -> int:
    optimizer = getattr(model, "optimizer", None)
    return training_steps(optimizer) if optimizer is not None and updaters(optimizer) else 0


def _ratio(step_size: Any) -> tuple[int, int]:
    """A step size as a ratio of whole numbers; denominators up to 1000 make ``examples / batch_size`` exact."""
    if isinstance(step_size, Real) and not hasattr(step_size, "__index__"):
        size = check.real("step_size", float(step_size), above=0.0)
        ratio = Fraction(size).limit_denominator(int(max(1, min(1000, 2**29 // size))))
        return ratio.numerator, ratio.denominator
    return check.whole("step_size", step_size), 1
