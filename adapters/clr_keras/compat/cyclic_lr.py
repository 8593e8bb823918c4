"""The callback that most Keras users know cyclical learning rates by."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import clr_core
from clr_core import check
from clr_keras._callback import Callback
from clr_keras._describe import check_lr_can_be_set
from clr_keras.compat.addons import whole_step_size

_MODES = ("triangular", "triangular2", "exp_range")


class CyclicLR(Callback):
    """Same as the ``CyclicLR`` callback of bckenstler/CLR, on Keras 3 and any backend.

    It sets the learning rate from outside before each batch. ``ScheduleLR`` computes it inside the
    compiled step: faster, right with any ``steps_per_execution``, and saved with the model.

    Args:
        base_lr: Lower bound, >= 0.
        max_lr: Upper bound, >= base_lr.
        step_size: Updates in half a cycle, >= 1: an int or a whole float.
        mode: ``"triangular"``, ``"triangular2"`` or ``"exp_range"``: ``clr_core``'s schedules of these names;
            not used with a ``scale_fn``.
        gamma: Decay factor of ``"exp_range"``, in (0, 1].
        scale_fn: Factor on the height, a function of one float.
        scale_mode: What ``scale_fn`` is given: ``"cycle"``, counted from 1, or ``"iterations"``.

    Attributes:
        history: For every update since construction, lists under ``"lr"``, ``"iterations"`` and the names
            in the logs.
        clr_iterations: Updates since the last ``_reset``: where in its cycles the learning rate is.
        trn_iterations: Updates since construction.

    Differs from source: ``history["lr"]`` has the learning rate each update *used*, where the original has the
    next one's; counts are ints; arguments out of range are refused.

    Raises:
        TypeError: An argument is of the wrong kind; in ``fit``, the optimizer's learning rate is a schedule.
        ValueError: An argument is out of its range; in ``fit``, ``steps_per_execution`` is above 1.

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
        self.mode = check.choice("mode", mode, _MODES)
        self.gamma = gamma
        self.scale_fn = scale_fn
        self.scale_mode = scale_mode
        self.trn_iterations = 0
        self.history: dict[str, list[Any]] = {}
        self._reset()

    def _reset(
        self,
        new_base_lr: float | None = None,
        new_max_lr: float | None = None,
        new_step_size: float | None = None,
    ) -> None:
        """Begin the cycles anew, for the next fold of a cross-validation say, with other bounds if given."""
        if new_base_lr is not None:
            self.base_lr = new_base_lr
        if new_max_lr is not None:
            self.max_lr = new_max_lr
        if new_step_size is not None:
            self.step_size = new_step_size
        self.clr_iterations = 0
        self._schedule = self._make_schedule()

    def _make_schedule(self) -> clr_core.Schedule:
        cycle = (self.base_lr, self.max_lr, whole_step_size(self.step_size))
        if self.scale_fn is not None:
            return clr_core.cyclic(*cycle, scale_fn=self.scale_fn, scale_mode=self.scale_mode)
        if self.mode == "exp_range":
            return clr_core.exp_range(*cycle, gamma=self.gamma)
        return clr_core.triangular2(*cycle) if self.mode == "triangular2" else clr_core.triangular(*cycle)

    def clr(self) -> float:
        """The learning rate of the next update."""
        return self._schedule(self.clr_iterations)

    def on_train_begin(self, logs: Any = None) -> None:
        check_lr_can_be_set(
            self.model, "CyclicLR", "give the optimizer clr_keras.ScheduleLR(schedule) and drop the callback"
        )
        self.model.optimizer.learning_rate = self.clr()

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        used = self.clr()
        self.trn_iterations += 1
        self.clr_iterations += 1
        for name, value in {"lr": used, "iterations": self.trn_iterations, **(logs or {})}.items():
            self.history.setdefault(name, []).append(value)
        # Through the property: on JAX it brings the state that training works on back into the optimizer.
        self.model.optimizer.learning_rate = self.clr()
