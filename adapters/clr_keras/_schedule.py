"""A core schedule as a Keras learning rate schedule."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

import clr_core
from clr_core import check
from clr_core.schedules.arrays import check_range
from clr_core.schedules.base import check_schedule
from clr_core.schedules.keras_ops import KerasOps
from clr_keras._describe import updaters

_XP = KerasOps(ops)


@keras.saving.register_keras_serializable(package="clr")
class ScheduleLR(keras.optimizers.schedules.LearningRateSchedule):  # type: ignore[misc]  # untyped base
    """The ``LearningRateSchedule`` of a core schedule: pass it to an optimizer as its ``learning_rate``.

    Same as calling the schedule itself, but on the optimizer's own step counter and inside the compiled
    training step, so it is right on every backend, compiled or not, with any ``steps_per_execution``, and
    after ``BackupAndRestore`` resumes; there is nothing to step and no state to save. The value is
    float32 also where the model computes in less.

    Args:
        schedule: Any ``clr_core`` schedule.
        steps_per_update: Training steps in an update, an int >= 1: the optimizer's
            ``gradient_accumulation_steps`` where it has one, since Keras counts training steps. The
            value of training step ``t`` is then ``schedule(t // steps_per_update)``.

    Error: that of the schedule, with eps of float32, for every training step to 2**31-1.

    Raises:
        TypeError: An argument is of the wrong kind; when called, the step is not an int.
        ValueError: ``steps_per_update`` is below 1. When called, the step is outside of 0..2**31-1, where that can be
            seen: in a Python int, a NumPy array or an eager tensor of another dtype than int32. On saving, a
            ``scale_fn`` was not registered with ``clr_core.register_scale_fn``.

    Example:
        >>> import clr_core, clr_keras, keras
        >>> lr = clr_keras.ScheduleLR(clr_core.triangular(0.0, 1.0, step_size=4))
        >>> float(lr(0)), float(lr(4)), float(lr(6))
        (0.0, 1.0, 0.5)
        >>> optimizer = keras.optimizers.SGD(learning_rate=lr)
    """

    def __init__(self, schedule: clr_core.Schedule, *, steps_per_update: int = 1) -> None:
        self.schedule = check_schedule("schedule", schedule)
        self.steps_per_update = check.whole("steps_per_update", steps_per_update)
        # What the schedule works out once, it works out now: before Python 3.12 under a lock, at which
        # torch.compile would cut the training step in pieces.
        schedule(0)

    def __call__(self, step: Any) -> Any:
        """The learning rate of a training step, a float32 tensor of the step's shape."""
        return value_at(self.schedule, step, self.steps_per_update)

    def get_config(self) -> dict[str, Any]:
        """The schedule and ``steps_per_update`` as plain JSON values."""
        return {"schedule": self.schedule.to_dict(), "steps_per_update": self.steps_per_update}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> ScheduleLR:
        """The object that ``get_config`` described."""
        schedule = clr_core.from_dict(config["schedule"])
        return cls(schedule, steps_per_update=config["steps_per_update"])

    def __repr__(self) -> str:
        more = f", steps_per_update={self.steps_per_update}" if self.steps_per_update > 1 else ""
        return f"{type(self).__name__}({self.schedule!r}{more})"


def given_schedule(schedule: Any) -> clr_core.Schedule | ScheduleLR:
    """``schedule`` if it is one that an optimizer can have been given: a core schedule or its ``ScheduleLR``."""
    if not isinstance(schedule, clr_core.Schedule | ScheduleLR):
        raise TypeError(
            f"schedule must be a clr_core schedule or its clr_keras.ScheduleLR, got schedule={schedule!r}: Keras's own "
            "schedules do not say what they were on the host; clr_core has the same ones"
        )
    return schedule


def schedule_of(optimizer: Any, schedule: clr_core.Schedule | ScheduleLR) -> ScheduleLR:
    """The optimizer's own ``ScheduleLR``, if it is that schedule.

    Raises:
        ValueError: The optimizer's learning rate is something else.
    """
    wanted = (schedule.schedule, schedule.steps_per_update) if isinstance(schedule, ScheduleLR) else (schedule, None)
    lrs = [one._learning_rate for one in updaters(optimizer)]
    for lr in lrs:
        if isinstance(lr, ScheduleLR) and lr.schedule == wanted[0] and wanted[1] in (None, lr.steps_per_update):
            return lr
    got = ", ".join(repr(lr) if isinstance(lr, ScheduleLR) else type(lr).__name__ for lr in lrs)
    raise ValueError(
        f"schedule must be the one that the optimizer was given, got schedule={schedule!r} where the optimizer has "
        f"{got}: pass the same to both"
    )


def value_at(schedule: clr_core.Schedule, step: Any, steps_per_update: int = 1) -> Any:
    """The schedule's value, float32, at the update that training step ``step`` belongs to."""
    if isinstance(step, int | np.integer):
        check.whole("step", step, minimum=0)
    elif isinstance(step, np.ndarray) and step.dtype.kind in "iu":
        check_range(step, np)
    step = ops.convert_to_tensor(step)
    if "int" not in keras.backend.standardize_dtype(step.dtype):
        raise TypeError(f"step must be an int or a tensor of ints, got dtype {step.dtype}")
    if _can_be_read(step):
        check_range(step, _XP)
    # TensorFlow counts in int64, and would divide that to float64, which not every device has.
    step = ops.cast(step, "int32")
    if steps_per_update > 1:
        step = step // steps_per_update
    return ops.cast(schedule.evaluate(step, _XP), "float32")


def _can_be_read(step: Any) -> bool:
    """Whether a tensor may have values beyond int32, and they can be looked at without disturbing a training step."""
    # An optimizer counts in int32 on JAX and torch: to read that would wait for the device, or break a compiled step.
    if keras.backend.standardize_dtype(step.dtype) == "int32":
        return False
    return keras.backend.backend() != "tensorflow" or hasattr(step, "numpy")  # which only an eager tensor has
