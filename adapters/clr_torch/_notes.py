"""What is noted of an object, by its kind."""

from __future__ import annotations

import collections
import ctypes
import enum
import functools
import operator
import queue
import random
import sys
import sysconfig
import threading
import types
import weakref
from array import array
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy
from torch.utils._python_dispatch import is_traceable_wrapper_subclass
from torch.utils.data import DataLoader, Dataset, Sampler

PutBack = Callable[[], Any]
"""Gives an object the content it had when it was noted."""

LONG = 1000
"""Items from which a container in a dataset or sampler is taken for examples, whose content nothing changes."""

ORDER_BYTES = 2**24
"""The most that is copied of a dataset or sampler for what may be an order of the examples, or a mask of them."""

ATOMS = frozenset({type(None), bool, int, float, complex, str, bytes, range, slice, type(Ellipsis), torch.dtype,
                    torch.device, torch.Size, torch.layout, weakref.ProxyType, weakref.CallableProxyType})  # fmt: skip
_PLAIN = frozenset({dict, list, set, collections.OrderedDict, collections.defaultdict, collections.deque})
_CODE = (type, types.FunctionType, types.BuiltinFunctionType, types.ModuleType, enum.Enum)
_OPEN = ("collections", "types", "argparse")
"""Modules of the standard library whose objects are plain: UserDict, SimpleNamespace, Namespace."""

_SHARED = frozenset({type(threading.Lock()), type(threading.RLock()), threading.Condition, threading.Event,
                     threading.Thread, queue.Queue, queue.SimpleQueue})  # fmt: skip
"""Who has one of these is used by several threads, and is not to be set back behind their backs, unless it trains."""

_TRAINS = (nn.Module, torch.optim.Optimizer, DataLoader, Dataset, Sampler)

_C_DATA: type = ctypes.c_int.__mro__[-2]

_STANDARD_LIBRARY = sysconfig.get_path("stdlib")

_COMPILER = ("torch._", "torch.fx", "torch.compiler")
"""Packages whose objects are code that torch has made, not state."""


@dataclass(slots=True)
class Noted:
    """What an object leads to, and how to put back what it holds itself."""

    children: Collection[Any] = ()
    put_back: list[PutBack] = field(default_factory=list)
    is_data: bool = False


def note(value: Any, is_data: bool, memory: dict[Any, PutBack] | None, *, is_named: bool = False) -> Noted | None:
    """What there is to note of an object; None of one that has no state of its own, or none that is ours to change.

    Args:
        value: Any object but one of ``ATOMS``.
        is_data: Whether it belongs to a dataset or a loader.
        memory: Where the memory behind tensors is noted, once however many of them share it; None to leave it out.
        is_named: Whether the user has handed it over, and it was not found inside something else.
    """
    if type(value) in _PLAIN and not value:
        return Noted((), [value.clear])
    is_data = is_data or isinstance(value, DataLoader) or (isinstance(value, Dataset) and not is_named)
    if isinstance(value, Tensor):
        return None if is_data and not _may_be_order(value) else _tensor(value, memory)
    if isinstance(value, bytearray | array):
        return None if is_data and len(value) > ORDER_BYTES else Noted((), [_sequence(value)])
    if isinstance(value, dict | list | set | collections.deque):
        return _container(value, is_data)
    if isinstance(value, tuple | frozenset):
        return None if is_data and len(value) > LONG else Noted(value, [], is_data)
    if isinstance(value, types.MethodType):
        return Noted([value.__self__], [], is_data)
    if isinstance(value, functools.partial):
        return Noted([value.func, *value.args, *value.keywords.values()], [], is_data)
    if isinstance(value, _CODE):
        return _object(value, is_data, is_entered=True) if is_named and isinstance(value, types.FunctionType) else None
    random_state = _random_state(value)
    if random_state is not None:
        return Noted((), [random_state])
    if _is_array(value):
        return None if is_data and not _may_be_order(value) else _array(value)
    c_data = _c_data(value)
    if c_data is not None:
        return None if is_data and ctypes.sizeof(c_data) > ORDER_BYTES else Noted((), [_c_memory(c_data)])
    if isinstance(value, torch.jit.ScriptModule):
        return _script_module(value)
    return _object(value, is_data, is_entered=is_named)


def _may_be_order(value: Any) -> bool:
    """Whether a tensor or array of a dataset or sampler may be an order of its examples, or a mask of them."""
    if isinstance(value, Tensor):
        is_whole = value.layout is torch.strided and not (value.is_floating_point() or value.is_complex())
        return is_whole and value.dim() == 1 and value.untyped_storage().nbytes() <= ORDER_BYTES
    return value.ndim == 1 and value.dtype.kind in "iub" and value.nbytes <= ORDER_BYTES


def _tensor(tensor: Tensor, memory: dict[Any, PutBack] | None) -> Noted:
    """The memory behind it, where it lies and, of a leaf, its gradient; a wrapper is the tensors inside."""
    if is_lazy(tensor):
        raise ValueError("the model must have all its parameters, got a lazy one: run one batch through it first")
    noted = _object(tensor, False, is_entered=True) or Noted()
    if not is_traceable_wrapper_subclass(tensor) and _has_memory(tensor):
        noted.put_back.append(_place(tensor, memory))
    if tensor.is_leaf:
        noted.children = [*noted.children, tensor.grad]
        noted.put_back.append(_leaf(tensor))
    return noted


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
    hooks = [(name, held, dict(held or {})) for name in _HOOKS for held in (getattr(tensor, name),)]

    def put_back() -> None:
        if tensor.requires_grad is not requires_grad:
            tensor.requires_grad_(requires_grad)
        if tensor.grad is not gradient:
            tensor.grad = gradient
        for name, held, items in hooks:
            now = getattr(tensor, name)
            if now:
                _refill(now, items)
            if now is not held:
                setattr(tensor, name, held)

    return put_back


def _sequence(value: Any) -> PutBack:
    content = value[:]
    return lambda: value.__setitem__(slice(None), content)


def _container(value: Any, is_data: bool) -> Noted | None:
    is_long = is_data and len(value) > LONG
    if is_long and (isinstance(value, dict | set) or sys.getsizeof(value) > ORDER_BYTES):
        return None
    noted = Noted([], [], is_data)
    if type(value) not in _PLAIN:
        noted = _object(value, is_data, is_entered=True) or noted
    if isinstance(value, dict):
        items = dict(value)
        noted.put_back.append(lambda: _refill(value, items))
        keys = [key for key in value if type(key) not in ATOMS]
        noted.children = [*noted.children, *keys, *value.values()]
        return noted
    members = list(value)
    if not is_long:
        noted.children = [*noted.children, *members]
    if isinstance(value, list):
        noted.put_back.append(lambda: None if _are_same(value, members) else value.__setitem__(slice(None), members))
    else:
        noted.put_back.append(lambda: None if _are_same(value, members) else _replace(value, members))
    return noted


def _refill(container: dict[Any, Any], items: dict[Any, Any]) -> None:
    """Give a dict its items, unless it has them, in this order."""
    if list(container) != list(items) or not _are_same(container.values(), items.values()):
        container.clear()
        container.update(items)


def _are_same(value: Collection[Any], members: Collection[Any]) -> bool:
    return len(value) == len(members) and all(map(operator.is_, value, members))


def _replace(value: Any, members: list[Any]) -> None:
    value.clear()
    (value.update if isinstance(value, set) else value.extend)(members)


def _random_state(value: Any) -> PutBack | None:
    """Of a generator of random numbers, which no attribute tells of."""
    if isinstance(value, torch.Generator):
        state = value.get_state()
        return lambda: value.set_state(state)
    if isinstance(value, random.SystemRandom):
        return lambda: None  # it has no state
    if isinstance(value, random.Random):
        numbers = value.getstate()
        return lambda: value.setstate(numbers)
    numpy = sys.modules.get("numpy")
    if numpy is None:
        return None
    if isinstance(value, numpy.random.Generator | numpy.random.BitGenerator):
        bits = value if isinstance(value, numpy.random.BitGenerator) else value.bit_generator
        position = bits.state
        return lambda: setattr(bits, "state", position)
    if isinstance(value, numpy.random.RandomState):
        before = value.get_state()
        return lambda: value.set_state(before)
    return None


def _is_array(value: Any) -> bool:
    numpy = sys.modules.get("numpy")
    return numpy is not None and isinstance(value, numpy.ndarray)


def _array(value: Any) -> Noted | None:
    if not value.flags.writeable:
        return None
    content = value.copy()
    return Noted(list(value.flat) if value.dtype.hasobject else (), [lambda: value.__setitem__(..., content)])


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


def _object(value: Any, is_data: bool, is_entered: bool = False) -> Noted | None:
    """The attributes of an object; None of one that is not ours to set back."""
    kind: type = type(value)
    trains = isinstance(value, _TRAINS)
    if not is_entered and not trains:
        home = kind.__module__
        if (_is_standard(home.partition(".")[0]) and home not in _OPEN) or home.startswith(_COMPILER):
            return None
    own = getattr(value, "__dict__", None)
    slots = _slots(kind)
    if not isinstance(own, dict) and not slots:
        return None
    noted = Noted(is_data=is_data)
    children: list[Any] = []
    if isinstance(own, dict):
        if not is_entered and not trains and any(type(each) in _SHARED for each in own.values()):
            return None
        items = dict(own)
        children += own.values()
        noted.put_back.append(lambda: _put_back_attributes(value, kind, items))
    for slot in slots:
        held = getattr(value, slot, _ABSENT)
        children.append(held)
        noted.put_back.append(functools.partial(_put_back_slot, value, slot, held))
    noted.children = children
    return noted


_ABSENT = object
"""In place of what a slot without a value holds: code, of which nothing is noted."""


def _put_back_attributes(value: Any, kind: type, items: dict[str, Any]) -> None:
    if type(value) is not kind:  # as that of a layer that a parametrization was registered on
        value.__class__ = kind
    _refill(value.__dict__, items)


def _put_back_slot(value: Any, slot: str, held: Any) -> None:
    if getattr(value, slot, _ABSENT) is held:
        return
    if held is _ABSENT:
        object.__delattr__(value, slot)
    else:
        object.__setattr__(value, slot, held)


@functools.cache
def _is_standard(package: str) -> bool:
    """Whether it is the standard library's, and not a file of the user's that has the same name."""
    path = getattr(sys.modules.get(package), "__file__", None)
    return package in sys.stdlib_module_names and (path is None or path.startswith(_STANDARD_LIBRARY))


@functools.cache
def _slots(kind: type) -> tuple[str, ...]:
    found: list[str] = []
    for base in kind.__mro__:
        slots = vars(base).get("__slots__", ())
        names = (slots,) if isinstance(slots, str) else tuple(slots)
        found += [
            f"_{base.__name__.lstrip('_')}{name}" if name.startswith("__") and not name.endswith("__") else name
            for name in names
            if name not in ("__dict__", "__weakref__")
        ]
    return tuple(found)
