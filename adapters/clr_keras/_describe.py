"""The optimizers inside the one a model was compiled with, and how their learning rates are set."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops


def nested(optimizer: Any) -> list[Any]:
    """The optimizer and those it wraps: the one inside a loss scale, the several of a ``MultiOptimizer``."""
    inner = [optimizer.inner_optimizer] if hasattr(optimizer, "inner_optimizer") else []
    inner += getattr(optimizer, "optimizers", [])
    return [optimizer, *(deeper for one in inner for deeper in nested(one))]


def updaters(optimizer: Any) -> list[Any]:
    """The optimizers that update weights, each with a learning rate of its own."""
    return [one for one in nested(optimizer) if not hasattr(one, "inner_optimizer") and not hasattr(one, "optimizers")]


def name_of(optimizer: Any) -> str:
    """The class name of the optimizer, or of the first it wraps; of a subclass, that of Keras's own class below it."""
    kinds = type(updaters(optimizer)[0]).__mro__
    public = vars(keras.optimizers).keys() - {"Optimizer"}
    known = (kind.__name__ for kind in kinds if kind.__module__.startswith("keras.") and kind.__name__ in public)
    return next(known, kinds[0].__name__)


def has_momentum(optimizer: Any) -> bool | None:
    """Whether the optimizer that ``name_of`` names is SGD with momentum; None where it is no SGD."""
    momentum = getattr(updaters(optimizer)[0], "momentum", None)
    return None if momentum is None or name_of(optimizer) != "SGD" else bool(momentum > 0)


def has_variable_lr(optimizer: Any) -> bool:
    """Whether the learning rate is a variable, not a schedule or a function compiled into the step."""
    # Keras has no public way to find out: the property gives a number in either case.
    return isinstance(optimizer._learning_rate, keras.Variable)


def current_lr(optimizer: Any) -> float:
    """The learning rate of the next update, read from the device."""
    return float(_on_host(ops.convert_to_tensor(optimizer.learning_rate)))


def training_steps(optimizer: Any) -> int:
    """Training steps so far: updates, or micro-batches where gradients are accumulated."""
    # The public ``iterations`` is floored to updates.
    return int(_on_host(ops.convert_to_tensor(updaters(optimizer)[0]._iterations)))


def steps_per_update(optimizer: Any) -> int:
    """Training steps in an update: 1, or the number of batches whose gradients are accumulated."""
    return int(updaters(optimizer)[0].gradient_accumulation_steps or 1)


def _on_host(tensor: Any) -> Any:
    return ops.convert_to_numpy(tensor)


def check_lr_can_be_set(model: Any, who: str, instead: str) -> None:
    """Raise unless a callback can set the model's learning rate before each batch."""
    optimizer = model.optimizer
    if len(updaters(optimizer)) != 1:
        raise TypeError(
            f"the optimizer must be a single one for {who} to set its learning rate, got a MultiOptimizer: {instead}"
        )
    if not all(map(has_variable_lr, nested(optimizer))):
        raise TypeError(
            f"the optimizer's learning_rate must be a number for {who} to set it, got "
            f"{updaters(optimizer)[0]._learning_rate!r}: {instead}"
        )
    if model.steps_per_execution > 1:
        raise ValueError(
            f"steps_per_execution must be 1 for {who} to set the learning rate of every batch, got "
            f"steps_per_execution={model.steps_per_execution}: {instead}"
        )


CHECKED = 2
"""Updates after which the optimizer's own count is compared: one batch in two would already show."""


def check_count(model: Any, batches: int, counted: int) -> None:
    """Raise unless the model's own optimizer has made one step per batch."""
    # A scaled loss skips the first ones until its scale is low enough.
    if counted != batches and not isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer):
        raise ValueError(
            f"train_step of {type(model).__name__} must make one step of model.optimizer per batch, whose "
            f"learning rate is being set, got {counted} in {batches} batches: call "
            "self.optimizer.apply once in it, and leave accumulation to gradient_accumulation_steps"
        )
