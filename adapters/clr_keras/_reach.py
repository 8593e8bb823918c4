"""The objects that can be reached from a model, each with a way to put it back as it was found."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np
from keras import ops

from clr_core.range_test.notes import STATELESS, Noted, PutBack, attributes, contents, is_shared, ordinary

TENSORFLOW_GENERATORS = "tensorflow.python.ops.stateful_random_ops"


@dataclass
class Reached:
    """What was found: the objects with attributes, and the functions that put everything back."""

    objects: list[Any] = field(default_factory=list)
    undo: list[PutBack] = field(default_factory=list)
    seen: dict[int, Any] = field(default_factory=dict)


def everything(roots: list[Any], *, are_data: bool = False, without: Reached | None = None) -> Reached:
    """All that can be reached from ``roots``, as it is now; nothing is changed.

    Args:
        roots: Where to begin.
        are_data: Whether they are datasets, of which everything is noted but the examples and tensors.
        without: What was reached before and is left out.
    """
    reached = Reached(seen={} if without is None else dict(without.seen))
    values: list[PutBack] = []  # put back last, when Keras's global state is as it was
    memory: dict[Any, PutBack] = {}
    open_ends = list(roots)
    while open_ends:
        one = open_ends.pop()
        if isinstance(one, STATELESS) or id(one) in reached.seen:
            continue
        reached.seen[id(one)] = one  # keeps it alive, so that no other object gets its id
        if are_data and (_is_of(one, "torch", "Tensor") or is_shared(one)):
            continue
        value = _value(one, memory)
        if value is not None:
            values += value.put_back
            open_ends += value.children
        elif hasattr(type(one), "__wrapped__"):  # as TensorFlow wraps the dicts and tuples of what it tracks
            # Attributes too: by a copy of the dict there it knows whether somebody else has changed it.
            open_ends += [one.__wrapped__, getattr(one, "__dict__", None)]
        elif (found := contents(one, is_data=are_data)) is not None or (found := _object(one)) is not None:
            reached.undo += found.put_back
            open_ends += found.children
            if hasattr(one, "__dict__"):
                reached.objects.append(one)
    reached.undo += [*memory.values(), *values]
    return reached


def _is_of(one: Any, module: str, name: str) -> bool:
    kind = getattr(sys.modules.get(module), name, None)
    return kind is not None and isinstance(one, kind)


def _object(one: Any) -> Noted | None:
    """The attributes of an object; None of one that is not ours to set back."""
    if isinstance(one, keras.callbacks.Callback | keras.KerasTensor):
        return None
    return attributes(one) if _is_of(one, "torch.nn", "Module") else ordinary(one)


def value_of(variable: Any) -> Any:
    """A variable's value as a NumPy array of its own."""
    # A copy: the array may share its memory with the variable, and JAX donates that to the next step.
    return np.array(ops.convert_to_numpy(ops.convert_to_tensor(variable)))


def _value(one: Any, memory: dict[Any, PutBack]) -> Noted | None:
    """The value of a variable or a tensor, noted on the host; None of any other object.

    Args:
        one: Any object.
        memory: Where the memory behind torch's tensors is noted, once however many of them share it.
    """
    if isinstance(one, keras.Variable):
        return _jax_variable(one) if keras.backend.backend() == "jax" else attributes(one)
    if _is_of(one, "tensorflow", "Variable"):
        replicas = getattr(one, "values", None)
        if isinstance(replicas, tuple):  # of a tf.distribute strategy
            return Noted(replicas)
        value = one.numpy()
        return Noted((), [lambda: one.assign(value)])
    if _is_of(one, TENSORFLOW_GENERATORS, "Generator"):
        return Noted([one.state])
    return _torch_tensor(one, memory) if _is_of(one, "torch", "Tensor") else None


def _jax_variable(one: Any) -> Noted:
    value = None if one._value is None else value_of(one)
    others = {name: held for name, held in vars(one).items() if name != "_value"}

    def put_back() -> None:
        vars(one).update(others)
        if value is None:
            one._value = None
        else:
            one.assign(value)

    return Noted(list(others.values()), [put_back])


def _torch_tensor(one: Any, memory: dict[Any, PutBack]) -> Noted:
    """The memory behind a tensor, where it lies there and, of a leaf, its gradient; a wrapper is the tensors inside."""
    from torch.utils._python_dispatch import is_traceable_wrapper_subclass

    own = attributes(one)
    put_back, children = [*own.put_back], [*own.children]
    is_wrapper: bool = is_traceable_wrapper_subclass(one)
    if not is_wrapper and not one.is_meta:
        put_back.append(_torch_place(one, memory))
    if one.is_leaf:
        put_back.append(_torch_leaf(one))
        children.append(one.grad)
    return Noted(children, put_back)


def _torch_place(one: Any, memory: dict[Any, PutBack]) -> PutBack:
    import torch

    twin = one.detach()
    if one.layout is not torch.strided:
        content = twin.to("cpu", copy=True)
        return lambda: twin.copy_(content)
    storage = one.untyped_storage()
    if storage._cdata not in memory:
        memory[storage._cdata] = _torch_memory(storage)
    place = (one.data_ptr(), one.shape, one.stride(), one.dtype, one.device)

    def put_back() -> None:
        if (one.data_ptr(), one.shape, one.stride(), one.dtype, one.device) != place:
            one.data = twin

    return put_back


def _torch_memory(storage: Any) -> PutBack:
    size = storage.nbytes()
    content = _torch_bytes(storage).to("cpu", copy=True)

    def put_back() -> None:
        if storage.nbytes() != size:
            storage.resize_(size)
        _torch_bytes(storage).copy_(content)

    return put_back


def _torch_bytes(storage: Any) -> Any:
    """The memory as a tensor of bytes: of no dtype and no stride, so that elements may overlap."""
    import torch

    return torch.empty(0, dtype=torch.uint8, device=storage.device).set_(storage)


def _torch_leaf(one: Any) -> PutBack:
    requires_grad, gradient = one.requires_grad, one.grad

    def put_back() -> None:
        if one.requires_grad is not requires_grad:
            one.requires_grad_(requires_grad)
        if one.grad is not gradient:
            one.grad = gradient

    return put_back
