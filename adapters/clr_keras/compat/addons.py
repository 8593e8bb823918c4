"""The four schedules of TensorFlow Addons, under their own names and signatures."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras

import clr_core
from clr_core import check
from clr_keras._schedule import ScheduleLR
from clr_keras.compat.floats import whole


@keras.saving.register_keras_serializable(package="clr")
class CyclicalLearningRate(ScheduleLR):
    """Same as ``tfa.optimizers.CyclicalLearningRate``: ``clr_core.cyclic`` with TensorFlow Addons' names.

    Right at every step to 2**31-1, where the original computes the step in float32 (off by 3 % at 1e9).

    Args:
        initial_learning_rate: Lower bound (``base_lr``), >= 0.
        maximal_learning_rate: Upper bound (``max_lr``), >= initial_learning_rate.
        step_size: Updates in half a cycle, >= 1: an int or a whole float.
        scale_fn: Factor on the height, a function of a float32 tensor, written with operators or
            ``keras.ops``. To save the model, register it with ``clr_core.register_scale_fn`` or as Keras has it
            (``keras.saving.register_keras_serializable``, or ``custom_objects`` when loading).
        scale_mode: What ``scale_fn`` is given: ``"cycle"``, counted from 1, or ``"iterations"``.
        name: Kept for the signature's sake.

    Differs from source: numbers only, no tensors or callables, for the bounds; bounds in the wrong
    order and an unknown ``scale_mode`` are refused.

    Raises:
        TypeError: An argument is of the wrong kind.
        ValueError: An argument is out of its range, or ``step_size`` is not whole.

    Example:
        >>> import clr_keras
        >>> lr = clr_keras.CyclicalLearningRate(0.0, 1.0, 4, scale_fn=lambda cycle: 1 / cycle)
        >>> float(lr(4)), float(lr(12))
        (1.0, 0.5)
    """

    def __init__(
        self,
        initial_learning_rate: float,
        maximal_learning_rate: float,
        step_size: float,
        scale_fn: Callable[[Any], Any],
        scale_mode: str = "cycle",
        name: str = "CyclicalLearningRate",
    ) -> None:
        if not callable(scale_fn):
            raise TypeError(f"scale_fn must be callable, got scale_fn={scale_fn!r}")
        schedule = clr_core.cyclic(
            initial_learning_rate,
            maximal_learning_rate,
            whole("step_size", step_size),
            scale_fn=scale_fn,
            scale_mode=scale_mode,
        )
        self._store(schedule, scale_mode, name)

    def _store(self, schedule: Any, scale_mode: str, name: str) -> None:
        ScheduleLR.__init__(self, schedule)
        self.initial_learning_rate: float = schedule.base_lr
        self.maximal_learning_rate: float = schedule.max_lr
        self.step_size: int = schedule.step_size
        self.scale_mode = check.choice("scale_mode", scale_mode, ("cycle", "iterations"))
        self.name = name

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments; a ``scale_fn`` as the name it is registered under, or itself."""
        config = {
            "initial_learning_rate": self.initial_learning_rate,
            "maximal_learning_rate": self.maximal_learning_rate,
            "step_size": self.step_size,
            "scale_mode": self.scale_mode,
            "name": self.name,
        }
        if type(self) is CyclicalLearningRate:
            try:
                config["scale_fn"] = self.schedule.to_dict()["scale_fn"]
            except ValueError:  # not registered with clr_core: left to Keras's own ways with functions
                cyclic: Any = self.schedule
                config["scale_fn"] = cyclic.scale_fn
        return config

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> CyclicalLearningRate:
        """The object that ``get_config`` described."""
        scale_fn = config.get("scale_fn")
        if isinstance(scale_fn, dict) and "class_name" in scale_fn:
            config = config | {"scale_fn": keras.saving.deserialize_keras_object(scale_fn)}
        elif isinstance(scale_fn, dict):
            by_name = {"kind": "cyclic", "base_lr": 0.0, "max_lr": 0.0, "step_size": 1}
            schedule: Any = clr_core.from_dict(by_name | {"scale_fn": scale_fn})
            config = config | {"scale_fn": schedule.scale_fn}
        return cls(**config)


@keras.saving.register_keras_serializable(package="clr")
class TriangularCyclicalLearningRate(CyclicalLearningRate):
    """Same as ``tfa.optimizers.TriangularCyclicalLearningRate``: ``clr_core.triangular``.

    Args: as ``CyclicalLearningRate``; nothing is scaled, so ``scale_mode`` changes nothing.

    Raises:
        TypeError: An argument is of the wrong kind.
        ValueError: An argument is out of its range, or ``step_size`` is not whole.

    Example:
        >>> import clr_keras
        >>> lr = clr_keras.TriangularCyclicalLearningRate(0.0, 1.0, 4)
        >>> float(lr(2)), float(lr(4)), float(lr(8))
        (0.5, 1.0, 0.0)
    """

    def __init__(
        self,
        initial_learning_rate: float,
        maximal_learning_rate: float,
        step_size: float,
        scale_mode: str = "cycle",
        name: str = "TriangularCyclicalLearningRate",
    ) -> None:
        bounds = (initial_learning_rate, maximal_learning_rate, whole("step_size", step_size))
        self._store(clr_core.triangular(*bounds), scale_mode, name)


@keras.saving.register_keras_serializable(package="clr")
class Triangular2CyclicalLearningRate(CyclicalLearningRate):
    """Same as ``tfa.optimizers.Triangular2CyclicalLearningRate``: ``clr_core.triangular2``.

    Args: as ``CyclicalLearningRate``; with ``scale_mode="iterations"`` the height halves at every update.

    Raises:
        TypeError: An argument is of the wrong kind.
        ValueError: An argument is out of its range, or ``step_size`` is not whole.

    Example:
        >>> import clr_keras
        >>> lr = clr_keras.Triangular2CyclicalLearningRate(0.0, 1.0, 4)
        >>> float(lr(4)), float(lr(12)), float(lr(20))
        (1.0, 0.5, 0.25)
    """

    def __init__(
        self,
        initial_learning_rate: float,
        maximal_learning_rate: float,
        step_size: float,
        scale_mode: str = "cycle",
        name: str = "Triangular2CyclicalLearningRate",
    ) -> None:
        bounds = (initial_learning_rate, maximal_learning_rate, whole("step_size", step_size))
        schedule: clr_core.Schedule = clr_core.triangular2(*bounds)
        if scale_mode == "iterations":
            schedule = clr_core.cyclic(*bounds, scale_fn=_power(0.5, first=1), scale_mode="iterations")
        self._store(schedule, scale_mode, name)


@keras.saving.register_keras_serializable(package="clr")
class ExponentialCyclicalLearningRate(CyclicalLearningRate):
    """Same as ``tfa.optimizers.ExponentialCyclicalLearningRate``: ``clr_core.exp_range``.

    Args: as ``CyclicalLearningRate``, and
        scale_mode: ``"iterations"``: the height is ``gamma**step`` of what it was; ``"cycle"``:
            ``gamma**cycle``, cycles counted from 1.
        gamma: Decay factor, in (0, 1].

    Differs from source: a gamma above 1, whose learning rates grow past ``maximal_learning_rate``, is refused.

    Raises:
        TypeError: An argument is of the wrong kind.
        ValueError: An argument is out of its range, or ``step_size`` is not whole.

    Example:
        >>> import clr_keras
        >>> lr = clr_keras.ExponentialCyclicalLearningRate(0.0, 1.0, 2, gamma=0.5)
        >>> float(lr(2)), float(lr(6))
        (0.25, 0.015625)
    """

    def __init__(
        self,
        initial_learning_rate: float,
        maximal_learning_rate: float,
        step_size: float,
        scale_mode: str = "iterations",
        gamma: float = 1.0,
        name: str = "ExponentialCyclicalLearningRate",
    ) -> None:
        bounds = (initial_learning_rate, maximal_learning_rate, whole("step_size", step_size))
        by_step = clr_core.exp_range(*bounds, gamma=gamma)
        self.gamma = by_step.gamma
        schedule: clr_core.Schedule = by_step
        if scale_mode == "cycle":
            schedule = clr_core.cyclic(*bounds, scale_fn=_power(self.gamma))
        self._store(schedule, scale_mode, name)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return super().get_config() | {"gamma": self.gamma}


def _power(factor: float, *, first: int = 0) -> Callable[[Any], Any]:
    return lambda count: factor ** (count - first)
