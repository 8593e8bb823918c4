"""The objects that can be reached from a model, each with a way to put it back as it was found."""

from __future__ import annotations

import random
import sys
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from types import FunctionType, MethodType, ModuleType
from typing import Any

import keras
import numpy as np
from keras import ops

_PLAIN = (type(None), bool, int, float, complex, str, bytes, type, FunctionType, MethodType, ModuleType)
_CLOSED = {*sys.stdlib_module_names, "numpy", "jax", "jaxlib", "tensorflow", "torch", "h5py", "ml_dtypes", "clr_core"}
"""Packages whose objects are not looked into, but for torch's modules and data loaders."""


@dataclass
class Reached:
    """What was found: the objects with attributes, and the functions that put everything back."""

    objects: list[Any] = field(default_factory=list)
    undo: list[Callable[[], None]] = field(default_factory=list)
    seen: dict[int, Any] = field(default_factory=dict)


def everything(roots: list[Any], *, arrays: bool = True, without: Reached | None = None) -> Reached:
    """All that can be reached from ``roots``, as it is now; nothing is changed.

    Args:
        roots: Where to begin.
        arrays: Whether arrays and tensors are copied; a dataset's would be too large.
        without: What was reached before and is left out.
    """
    reached = Reached(seen={} if without is None else dict(without.seen))
    values: list[Callable[[], None]] = []  # put back last, into the variables and arrays that are then in place
    open_ends = list(roots)
    while open_ends:
        one = open_ends.pop()
        if isinstance(one, _PLAIN) or id(one) in reached.seen:
            continue
        reached.seen[id(one)] = one  # keeps it alive, so that no other object gets its id
        if isinstance(one, keras.Variable):
            if one._value is not None:
                values.append(_keep_variable(one))
                if keras.backend.backend() == "torch":
                    reached.seen[id(one._value)] = one._value
        elif isinstance(one, dict | list | set | deque):
            # TensorFlow wraps the dicts and lists of what it tracks.
            for inner in (getattr(one, "__wrapped__", one), getattr(one, "_storage", one)):
                reached.undo.append(_keep_container(inner))
            open_ends.extend(one.values() if isinstance(one, dict) else one)
        elif isinstance(one, tuple | frozenset):
            open_ends.extend(one)
        elif (undo := _keep_generator(one)) is not None:
            values.append(undo)
        elif isinstance(one, np.ndarray):
            if arrays and one.flags.writeable:
                values.append(_keep_array(one))
        elif _is_of(one, "torch", "Tensor"):
            if arrays:
                values.append(_keep_torch_tensor(one))
        elif _is_of(one, "tensorflow", "Variable"):
            values.append(_keep_tf_variable(one))
        elif _has_attributes_to_keep(one):
            reached.objects.append(one)
            reached.undo.append(_keep_container(vars(one)))
            open_ends.extend(vars(one).values())
    reached.undo += values
    return reached


def _is_of(one: Any, module: str, name: str) -> bool:
    kind = getattr(sys.modules.get(module), name, None)
    return kind is not None and isinstance(one, kind)


def _has_attributes_to_keep(one: Any) -> bool:
    if not hasattr(one, "__dict__") or isinstance(one, keras.callbacks.Callback | keras.KerasTensor):
        return False
    package = type(one).__module__.partition(".")[0]
    if package == "torch":
        return _is_of(one, "torch.nn", "Module") or type(one).__module__.startswith("torch.utils.data")
    return package not in _CLOSED


def _keep_container(one: Any) -> Callable[[], None]:
    kept: Any = dict(one) if isinstance(one, dict) else list(one)

    def undo() -> None:
        # The methods of the plain types: those of Keras's own lists and dicts would take note of what they are given.
        if isinstance(one, dict):
            if len(one) != len(kept) or any(one.get(key, undo) is not value for key, value in kept.items()):
                plain: Any = OrderedDict if isinstance(one, OrderedDict) else dict
                plain.clear(one)
                plain.update(one, kept)
        elif isinstance(one, list):
            list.__setitem__(one, slice(None), kept)
        elif isinstance(one, set):
            set.clear(one)
            set.update(one, kept)
        else:
            one.clear()
            one.extend(kept)

    return undo


def value_of(variable: Any) -> Any:
    """A variable's value as a NumPy array of its own."""
    # A copy: the array may share its memory with the variable, and JAX donates that to the next step.
    return np.array(ops.convert_to_numpy(ops.convert_to_tensor(variable)))


def _keep_variable(one: Any) -> Callable[[], None]:
    replicas = getattr(one._value, "values", None)
    if isinstance(replicas, tuple):  # of a tf.distribute strategy
        return _all_of([_keep_tf_variable(replica) for replica in replicas])
    value = value_of(one)
    undo_gradient = _keep_torch_gradient(one._value) if keras.backend.backend() == "torch" else None

    def undo() -> None:
        one.assign(value)
        if undo_gradient is not None:
            undo_gradient()

    return undo


def _all_of(undos: list[Callable[[], None]]) -> Callable[[], None]:
    def undo() -> None:
        for each in undos:
            each()

    return undo


def _keep_tf_variable(one: Any) -> Callable[[], None]:
    value = one.numpy()

    def undo() -> None:
        one.assign(value)

    return undo


def _keep_torch_tensor(one: Any) -> Callable[[], None]:
    import torch

    value = one.detach().to("cpu", copy=True)
    undo_gradient = _keep_torch_gradient(one) if one.is_leaf else lambda: None

    def undo() -> None:
        with torch.inference_mode(one.is_inference()):
            one.detach().copy_(value)
        undo_gradient()

    return undo


def _keep_torch_gradient(one: Any) -> Callable[[], None]:
    gradient = one.grad
    undo_value = None if gradient is None else _keep_torch_tensor(gradient)

    def undo() -> None:
        one.grad = gradient
        if undo_value is not None:
            undo_value()

    return undo


def _keep_array(one: Any) -> Callable[[], None]:
    value = one.copy()

    def undo() -> None:
        one[...] = value

    return undo


def _keep_generator(one: Any) -> Callable[[], None] | None:
    """For a random generator, the function that puts its state back."""
    if isinstance(one, random.Random):
        python_state = one.getstate()
        return lambda: one.setstate(python_state)
    if isinstance(one, np.random.RandomState):
        legacy_state = one.get_state()
        return lambda: one.set_state(legacy_state)
    if isinstance(one, np.random.Generator):
        numpy_state = one.bit_generator.state
        return lambda: setattr(one.bit_generator, "state", numpy_state)
    if _is_of(one, "torch", "Generator"):
        torch_state = one.get_state()
        return lambda: one.set_state(torch_state)
    return None
