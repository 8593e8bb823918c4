"""Momentum that follows a schedule inside the compiled training step."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

import clr_core
from clr_core.schedules.base import check_momentum
from clr_keras._schedule import value_at

_SUPPORTED = ("SGD", "Adam", "AdamW", "Adamax", "Nadam", "Lamb", "Lion")
"""The optimizers whose momentum can be a tensor of the compiled step."""


def cycle_momentum(optimizer: Any, schedule: clr_core.Schedule) -> Any:
    """The same optimizer, its momentum (SGD) or ``beta_1`` (Adam and its kin) now following a schedule.

    Update k uses ``schedule(k)``, computed inside the compiled step from the optimizer's own count of
    updates, gradient accumulation included: right on every backend, with any ``steps_per_execution``.
    Call it before the first ``fit``. The optimizer's class becomes a subclass of what it was, which is saved with the
    schedule and loads wherever ``clr_keras`` is imported.

    Args:
        optimizer: One of Keras's own SGD (with a momentum > 0), Adam, AdamW, Adamax, Nadam, Lamb or Lion;
            it is changed in place.
        schedule: The momentum's schedule with values in [0, 1), ``clr_core.momentum_for(...)`` for one.

    Raises:
        TypeError: The optimizer has no momentum that can be changed under compilation, or the schedule
            is not a core schedule.
        ValueError: SGD was made without momentum, or the schedule leaves [0, 1).

    Example:
        >>> import clr_core, clr_keras, keras
        >>> lr = clr_core.triangular(0.01, 0.1, step_size=100)
        >>> optimizer = keras.optimizers.SGD(clr_keras.ScheduleLR(lr), momentum=0.9)
        >>> optimizer = clr_keras.cycle_momentum(optimizer, clr_core.momentum_for(lr))
    """
    check_momentum("schedule", schedule)
    cycled = type(optimizer) if isinstance(optimizer, _CyclesMomentum) else _CLASSES.get(type(optimizer))
    if cycled is None:
        raise TypeError(
            f"optimizer must be one of Keras's own {', '.join(_SUPPORTED)}, got {type(optimizer).__name__}: the "
            "momentum of any other is fixed when the training step is compiled. Cycle the learning rate alone, "
            "or use one of those; of a LossScaleOptimizer, cycle the inner optimizer"
        )
    if getattr(optimizer, "momentum", None) == 0:
        raise ValueError("optimizer must have a momentum > 0 to begin with, got SGD with momentum=0.0")
    schedule(0)  # as in ScheduleLR: what it works out once is not left to the compiled step
    optimizer.__class__ = cycled
    optimizer.momentum_schedule = schedule
    return optimizer


class _CyclesMomentum:
    """What every class made below adds to an optimizer."""

    momentum_schedule: clr_core.Schedule

    def get_config(self) -> dict[str, Any]:
        config: dict[str, Any] = super().get_config()  # type: ignore[misc]  # of the optimizer
        return config | {"momentum_schedule": self.momentum_schedule.to_dict()}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Any:
        config = dict(config)
        schedule = clr_core.from_dict(config.pop("momentum_schedule"))
        optimizer = super().from_config(config, custom_objects=custom_objects)  # type: ignore[misc]
        optimizer.momentum_schedule = schedule
        return optimizer


class _CyclesBeta1(_CyclesMomentum):
    """While a step runs or is traced, ``beta_1`` is a tensor computed from the count of updates."""

    def apply(self: Any, grads: Any, trainable_variables: Any = None) -> None:
        attributes = vars(self)  # bypasses the trackers, which would keep the tensor
        number = attributes["beta_1"]
        attributes["beta_1"] = value_at(self.momentum_schedule, self.iterations)
        try:
            super().apply(grads, trainable_variables)  # type: ignore[misc]  # of the optimizer
        finally:
            attributes["beta_1"] = number


class _CyclesSGD(_CyclesMomentum):
    """SGD branches on whether its momentum is 0, which a traced tensor cannot: its step without the branch."""

    def update_step(self: Any, gradient: Any, variable: Any, learning_rate: Any) -> None:
        momentum = value_at(self.momentum_schedule, self.iterations)
        self._update(gradient, variable, learning_rate, momentum)

    def _parallel_update_step(self: Any, grads: Any, variables: Any, learning_rate: Any) -> None:
        """What the torch backend calls instead of ``update_step``, for all variables at once."""
        momentum = value_at(self.momentum_schedule, self.iterations)
        for gradient, variable in zip(grads, variables, strict=True):
            self._update(gradient, variable, learning_rate, momentum)

    def _update(self: Any, gradient: Any, variable: Any, learning_rate: Any, momentum: Any) -> None:
        momentum = ops.cast(momentum, variable.dtype)
        step = ops.multiply(ops.cast(gradient, variable.dtype), ops.cast(learning_rate, variable.dtype))
        velocity = self.momentums[self._get_variable_index(variable)]
        self.assign(velocity, ops.subtract(ops.multiply(velocity, momentum), step))
        if self.nesterov:
            self.assign_add(variable, ops.subtract(ops.multiply(velocity, momentum), step))
        else:
            self.assign_add(variable, velocity)


def _classes() -> dict[type, type]:
    """The subclass of each optimizer class, registered so that a saved model finds it again."""
    classes = {}
    for name in _SUPPORTED:
        public: Any = getattr(keras.optimizers, name)
        # On torch an optimizer's class is one of the backend's own, which only an instance shows.
        base = type(public.__new__(public))
        mixin = _CyclesSGD if name == "SGD" else _CyclesBeta1
        cycled = type(f"Cycled{name}", (mixin, base), {"__module__": __name__})
        classes[base] = keras.saving.register_keras_serializable(package="clr")(cycled)
    return classes


_CLASSES = _classes()
