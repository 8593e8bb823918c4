"""All that training changes in a model and around it, kept and put back bit for bit."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops

from clr_keras._describe import nested

_MODEL_ATTRIBUTES = ("train_function", "test_function", "train_step", "stop_training", "stop_evaluating", "history")
"""What ``fit``, ``evaluate`` and the range test set on a model. Only the instance's own are looked at."""

_MISSING = object()


class Snapshot:
    """A copy of a compiled, built model's state, taken when made.

    It holds the variables (with the seeds of dropout, which ``get_weights`` leaves out), the optimizer's
    variables and attributes, the metrics, the compiled functions, and the random states of Keras, Python,
    NumPy and torch. Values are kept on the host, so that the device needs no room for a second model.

    An optimizer that was not built yet, as before the first ``fit``, is not built again after ``restore``.
    """

    def __init__(self, model: Any) -> None:
        self._model = model
        self._attributes = {name: vars(model).get(name, _MISSING) for name in _MODEL_ATTRIBUTES}
        compiled = [model._loss_tracker, model._compile_metrics, model._compile_loss]
        owners = [*nested(model.optimizer), *(one for one in compiled if hasattr(one, "_tracker"))]
        variables = [*model.variables, *model.optimizer.variables, *model.metrics_variables]
        self._values = [(variable, value_of(variable)) for variable in variables]
        self._owners = [_Attributes(owner) for owner in owners]
        self._undo = [keep_random_state()]
        if keras.backend.backend() == "torch":
            self._undo.append(_keep_torch_state(model))

    def restore(self) -> None:
        """Put everything back; a second time as well."""
        for name, value in self._attributes.items():
            if value is not _MISSING:
                setattr(self._model, name, value)
            elif name in vars(self._model):
                delattr(self._model, name)
        # For the metrics made at the first batch, which are in no one's list any more after the next lines.
        self._model.reset_metrics()
        for owner in self._owners:
            owner.restore()
        for variable, value in self._values:
            variable.assign(value)
        for undo in self._undo:
            undo()


class _Attributes:
    """The attributes of an object that building adds to; until ``restore`` it works on copies of its lists."""

    def __init__(self, owner: Any) -> None:
        self._owner = owner
        self._attributes = dict(vars(owner))
        tracker = owner._tracker
        self._tracker, self._tracked = tracker, (tracker.config, tracker.stored_ids)
        copies = {
            id(value): list(value) if isinstance(value, list) else dict(value)
            for value in self._attributes.values()
            if isinstance(value, list | dict)
        }
        vars(owner).update({name: copies[id(value)] for name, value in self._attributes.items() if id(value) in copies})
        # The tracker fills some of those lists, and knows by their ids what is in them.
        tracker.config = {
            name: (is_kind, copies.get(id(store), store)) for name, (is_kind, store) in tracker.config.items()
        }
        tracker.stored_ids = {name: set(ids) for name, ids in tracker.stored_ids.items()}

    def restore(self) -> None:
        vars(self._owner).clear()
        vars(self._owner).update(self._attributes)
        self._tracker.config, self._tracker.stored_ids = self._tracked


def value_of(variable: Any) -> Any:
    """A variable's value as a NumPy array of its own."""
    # A copy: the array may share its memory with the variable, and JAX donates that to the next step.
    return np.array(ops.convert_to_numpy(variable.value))


def keep_random_state() -> Callable[[], None]:
    # The generator behind keras.random without a seed; there is no public way to it.
    from keras.src.backend.common import global_state

    generator = global_state.get_global_attribute("global_seed_generator")
    seed = None if generator is None else value_of(generator.state)
    python_state, numpy_state = random.getstate(), np.random.get_state()

    def restore() -> None:
        global_state.set_global_attribute("global_seed_generator", generator)
        if generator is not None:
            generator.state.assign(seed)
        random.setstate(python_state)
        np.random.set_state(numpy_state)

    return restore


def _keep_torch_state(model: Any) -> Callable[[], None]:
    import torch

    cpu_state = torch.get_rng_state()
    cuda_states = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else []  # type: ignore[no-untyped-call]
    modes = [(module, module.training) for module in model.modules()]
    gradients = [(variable.value, variable.value.grad) for variable in model.variables]

    def restore() -> None:
        torch.set_rng_state(cpu_state)
        if cuda_states:
            torch.cuda.set_rng_state_all(cuda_states)
        for module, training in modes:
            module.training = training
        for parameter, gradient in gradients:
            parameter.grad = gradient

    return restore
