"""What is noted of an object that a step of torch may change; of what is Python's or NumPy's own, the core notes it."""

from __future__ import annotations

import ctypes
import enum
import functools
import sys
import sysconfig
import types
import weakref
from collections import OrderedDict, defaultdict, deque
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy
from torch.utils._python_dispatch import is_traceable_wrapper_subclass
from torch.utils.data import DataLoader, Dataset, Sampler

from clr_core.range_test.notes import OPEN, ORDER_BYTES, Noted, PutBack, are_examples, attributes, contents, is_shared

ATOMS = frozenset({type(None), bool, int, float, complex, str, bytes, range, slice, type(Ellipsis), torch.dtype,
                    torch.device, torch.Size, torch.layout, weakref.ProxyType, weakref.CallableProxyType})  # fmt: skip
PLAIN = frozenset({dict, OrderedDict, defaultdict, list, set, deque})
_CODE = (type, types.FunctionType, types.ModuleType, enum.Enum)
_TRAINS = (nn.Module, torch.optim.Optimizer, DataLoader, Dataset, Sampler)

_C_DATA: type = ctypes.c_int.__mro__[-2]

_STANDARD_LIBRARY = sysconfig.get_path("stdlib")

_COMPILER = ("torch._", "torch.fx", "torch.compiler")
"""Packages whose objects are code that torch has made, not state."""


def note(value: Any, is_data: bool, memory: dict[Any, PutBack] | None, *, is_named: bool = False) -> Noted | None:
    """What there is to note of an object; None of one that has no state of its own, or none that is ours to change.

    Args:
        value: Any object but one of ``ATOMS``.
        is_data: Whether it belongs to a dataset or a loader.
        memory: Where the memory behind tensors is noted, once however many of them share it; None to leave it out.
        is_named: Whether the user has handed it over, and it was not found inside something else.
    """
    if is_data and _are_examples(value):
        return None
    if isinstance(value, Tensor):
        return _tensor(value, memory)
    if isinstance(value, _CODE):
        return attributes(value) if is_named and isinstance(value, types.FunctionType) else None
    return contents(value, is_data=is_data) or _in_c(value) or _object(value, is_entered=is_named)


def _are_examples(value: Any) -> bool:
    """Whether what torch or C holds of a dataset or sampler is too large, or of the wrong kind, for an order."""
    if isinstance(value, Tensor):
        if value.layout is not torch.strided or value.is_floating_point() or value.is_complex():
            return True
        return value.dim() != 1 or value.untyped_storage().nbytes() > ORDER_BYTES
    c_data = _c_data(value)
    return are_examples(value) if c_data is None else ctypes.sizeof(c_data) > ORDER_BYTES


def _tensor(tensor: Tensor, memory: dict[Any, PutBack] | None) -> Noted:
    """The memory behind it, where it lies and, of a leaf, its gradient; a wrapper is the tensors inside."""
    if is_lazy(tensor):
        raise ValueError("the model must have all its parameters, got a lazy one: run one batch through it first")
    own = attributes(tensor)
    children, put_back = [*own.children], [*own.put_back]
    if not is_traceable_wrapper_subclass(tensor) and _has_memory(tensor):
        put_back.append(_place(tensor, memory))
    if tensor.is_leaf:
        children.append(tensor.grad)
        put_back.append(_leaf(tensor))
    return Noted(children, put_back)


def _has_memory(tensor: Tensor) -> bool:
    """Whether a tensor has memory of its own, unlike one that computes its values from others in its attributes."""
    if tensor.layout is not torch.strided:
        return True
    try:
        tensor.data_ptr()
    except RuntimeError:
        return False
    return True


def _place(tensor: Tensor, memory: dict[Any, PutBack] | None) -> PutBack:
    twin = tensor.detach()
    if tensor.layout is not torch.strided:
        content = twin.clone()
        return lambda: _refill_sparse(tensor, content)
    storage = tensor.untyped_storage()
    if memory is not None and storage._cdata not in memory:
        memory[storage._cdata] = _memory(storage)
    place = (tensor.data_ptr(), tensor.shape, tensor.stride(), tensor.dtype, tensor.device)

    def put_back() -> None:
        # A step that moves or casts the model has exchanged the memory.
        if (tensor.data_ptr(), tensor.shape, tensor.stride(), tensor.dtype, tensor.device) != place:
            tensor.data = twin

    return put_back


@torch.no_grad()
def _refill_sparse(tensor: Tensor, content: Tensor) -> None:
    tensor.copy_(content)


def _memory(storage: torch.UntypedStorage) -> PutBack:
    size = storage.nbytes()
    content = _bytes_of(storage).clone()

    def put_back() -> None:
        if storage.nbytes() != size:  # as FSDP frees what it has gathered
            storage.resize_(size)
        _bytes_of(storage).copy_(content)

    return put_back


def _bytes_of(storage: torch.UntypedStorage) -> Tensor:
    """The memory as a tensor of bytes: of no dtype and no stride, and with no version or graph to disturb."""
    return torch.empty(0, dtype=torch.uint8, device=storage.device).set_(storage)


_HOOKS = "_backward_hooks", "_post_accumulate_grad_hooks"


def _leaf(tensor: Tensor) -> PutBack:
    requires_grad, gradient = tensor.requires_grad, tensor.grad
    hooks = []
    for name in _HOOKS:
        held = getattr(tensor, name)
        noted = None if held is None else contents(held)
        hooks.append((name, held, () if noted is None else noted.put_back))

    def put_back() -> None:
        if tensor.requires_grad is not requires_grad:
            tensor.requires_grad_(requires_grad)
        if tensor.grad is not gradient:
            tensor.grad = gradient
        for name, held, refill in hooks:
            now = getattr(tensor, name)
            if now is not held:
                (now or {}).clear()  # torch goes on calling what is in it
                setattr(tensor, name, held)
            for each in refill:
                each()

    return put_back


def _in_c(value: Any) -> Noted | None:
    """What an object holds in C or C++, where no attribute leads; None of any other."""
    if isinstance(value, torch.jit.ScriptModule):
        return _script_module(value)
    c_data = _c_data(value)
    return None if c_data is None else Noted((), [_c_memory(c_data)])


def _c_data(value: Any) -> Any:
    """The C object that a value is or, shared by several processes, stands for."""
    sharing = sys.modules.get("multiprocessing.sharedctypes")
    if sharing is not None and isinstance(value, sharing.SynchronizedBase):
        value = value.get_obj()
    return value if isinstance(value, _C_DATA) else None


def _c_memory(value: Any) -> PutBack:
    address, size = ctypes.addressof(value), ctypes.sizeof(value)
    content = ctypes.string_at(address, size)
    return lambda: ctypes.memmove(ctypes.addressof(value), content, size)


def _script_module(module: torch.jit.ScriptModule) -> Noted:
    """Its attributes are kept in C++."""
    names = list(module._concrete_type.get_attributes())
    values = {name: getattr(module, name) for name in names}
    children = [*values.values(), *module.children()]

    def put_back() -> None:
        for name, value in values.items():
            if getattr(module, name) is not value:
                setattr(module, name, value)

    return Noted(children, [put_back])


def _object(value: Any, *, is_entered: bool) -> Noted | None:
    """The attributes of an object; None of one that has none, or is not ours to set back."""
    if not is_entered and not isinstance(value, _TRAINS):
        home = type(value).__module__
        if (_is_standard(home.partition(".")[0]) and home not in OPEN) or home.startswith(_COMPILER):
            return None
        if is_shared(value):
            return None
    found = attributes(value)
    return found if found.put_back else None


@functools.cache
def _is_standard(package: str) -> bool:
    """Whether it is the standard library's, and not a file of the user's that has the same name."""
    path = getattr(sys.modules.get(package), "__file__", None)
    return package in sys.stdlib_module_names and (path is None or path.startswith(_STANDARD_LIBRARY))
