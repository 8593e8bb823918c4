"""What an ordinary Python object holds, noted so that it can be put back.

An adapter walks what can be reached from a model and notes each object once. Everything is put back *in place*: the
same objects hold the same content, nothing is replaced by a copy. What a tensor holds, and which objects of its
framework are its to set back, the adapter knows; NumPy, and torch for its generators, are asked for here where they
have been imported.
"""

from __future__ import annotations

import functools
import operator
import queue
import random
import sys
import threading
from array import array
from collections import OrderedDict, deque
from collections.abc import Callable, Collection
from dataclasses import dataclass
from types import BuiltinMethodType, FunctionType, MappingProxyType, MemberDescriptorType, MethodType, ModuleType
from typing import Any

PutBack = Callable[[], Any]
"""Gives an object the content it had when it was noted; harmless when called again."""

STATELESS = (type(None), bool, int, float, complex, str, bytes, type, FunctionType, ModuleType)
"""Values and code, of which there is nothing to note."""

_CONTAINERS: tuple[Any, ...] = (OrderedDict, dict, list, set, deque)
_WITHOUT_ATTRIBUTES = frozenset({dict, list, set, deque, tuple, frozenset, bytearray, array})
_ABSENT = object()
"""What a slot holds that nothing was put into."""

_LONG = 1000
"""Items from which a container in a dataset or sampler is taken for examples, whose content nothing changes."""

ORDER_BYTES = 2**24
"""The most that is copied of a dataset or sampler for what may be an order of the examples, or a mask of them."""

_SHARED = (type(threading.Lock()), type(threading.RLock()), threading.Condition, threading.Event, threading.Thread,
           queue.Queue, queue.SimpleQueue)  # fmt: skip

_CLOSED = {*sys.stdlib_module_names, "numpy", "jax", "jaxlib", "tensorflow", "torch", "h5py", "ml_dtypes", "clr_core"}
"""Packages whose objects are not looked into, but for torch's data loaders."""
OPEN = ("collections", "types", "argparse")
"""Modules of the standard library whose objects are plain: UserDict, SimpleNamespace, Namespace."""


@dataclass(slots=True)
class Noted:
    """What an object leads to, and how to put back what it holds itself."""

    children: Collection[Any] = ()
    put_back: Collection[PutBack] = ()


def contents(value: Any, *, is_data: bool = False) -> Noted | None:
    """What an object of a kind of Python's or NumPy's own holds, also one of a subclass; None of any other.

    Args:
        value: Any object.
        is_data: Whether it belongs to a dataset or a loader: what is too large, or of the wrong kind, for an order of
            the examples is left alone, and the examples themselves are not looked into.
    """
    if isinstance(value, MethodType | BuiltinMethodType):
        return Noted([value.__self__])
    if is_data and are_examples(value):
        return Noted()
    content = _of_python(value) or _of_numpy(value, sys.modules.get("numpy")) or _of_torch(value)
    if is_data and content is not None and isinstance(value, list | deque) and len(value) > _LONG:
        return Noted((), content.put_back)
    if content is None or type(value) in _WITHOUT_ATTRIBUTES:
        return content
    own = attributes(value)
    if not own.put_back:
        return content
    return Noted([*content.children, *own.children], [*own.put_back, *content.put_back])


def ordinary(value: Any) -> Noted | None:
    """The attributes of an object; None of one of a package that keeps its own state."""
    home = type(value).__module__
    is_open = home.partition(".")[0] not in _CLOSED or home in OPEN or home.startswith("torch.utils.data")
    return attributes(value) if is_open else None


def is_shared(value: Any) -> bool:
    """Whether several threads use an object, as its locks and queues tell: not to be set back behind their backs."""
    own = getattr(value, "__dict__", None)
    return isinstance(own, dict) and any(isinstance(each, _SHARED) for each in own.values())


def attributes(value: Any) -> Noted:
    """The attributes of an object, in its ``__dict__`` and in its slots, and its class."""
    kind: type = type(value)
    own = getattr(value, "__dict__", None)
    children: list[Any] = []
    put_back: list[PutBack] = []
    if isinstance(own, dict) and value.__dict__ is own:  # Munch makes one of its items at every question
        children = _held(dict, own)
        put_back.append(functools.partial(_put_back_attributes, value, kind, own, [*children]))
    for slot in _slots(kind):
        held = _in_slot(slot, value)
        children.append(held)
        put_back.append(functools.partial(_put_in_slot, slot, value, held))
    return Noted(children, put_back)


def _put_back_attributes(value: Any, kind: type, own: dict[str, Any], held: list[Any]) -> None:
    if type(value) is not kind:  # as that of a layer that torch has parametrized
        value.__class__ = kind
    if value.__dict__ is not own:
        object.__setattr__(value, "__dict__", own)
    _refill(dict, own, held)


def are_examples(value: Any) -> bool:
    """Whether an object of a dataset or sampler is too large, or of the wrong kind, for an order of its examples."""
    if isinstance(value, dict | set | tuple | frozenset):
        return len(value) > _LONG
    if isinstance(value, list | deque | bytearray | array):
        return sys.getsizeof(value) > ORDER_BYTES
    numpy = sys.modules.get("numpy")
    if numpy is not None and isinstance(value, numpy.ndarray):
        return bool(value.ndim != 1 or value.dtype.kind not in "iub" or value.nbytes > ORDER_BYTES)
    return False


def _of_python(value: Any) -> Noted | None:
    if isinstance(value, tuple | frozenset):
        return Noted(value)
    if isinstance(value, MappingProxyType):
        return Noted([*value.values()])
    if isinstance(value, functools.partial):
        return Noted([value.func, value.args, value.keywords])
    kind = next((one for one in _CONTAINERS if isinstance(value, one)), None)
    if kind is not None:
        held = _held(kind, value)
        return Noted(held, [functools.partial(_refill, kind, value, held)])
    if isinstance(value, bytearray | array):
        copy: Any = value[:]
        return Noted((), [lambda: value.__setitem__(slice(None), copy)])
    if isinstance(value, random.Random) and not isinstance(value, random.SystemRandom):
        state = value.getstate()
        return Noted((), [lambda: value.setstate(state)])
    return None


def _of_numpy(value: Any, numpy: Any) -> Noted | None:
    if numpy is None:
        return None
    if isinstance(value, numpy.ndarray):
        children = value.ravel().tolist() if value.dtype == object else ()
        if not value.flags.writeable:
            return Noted(children)
        copy = value.copy()
        return Noted(children, [lambda: value.__setitem__(..., copy)])
    if isinstance(value, numpy.random.Generator):
        return Noted([value.bit_generator])
    if isinstance(value, numpy.random.BitGenerator):
        state = value.state
        return Noted([getattr(value, "seed_seq", None)], [lambda: setattr(value, "state", state)])
    if isinstance(value, numpy.random.SeedSequence):
        spawned = value.__reduce__()[-1]  # how often; there is no other way to set it
        return Noted((), [lambda: value.__setstate__(spawned)])
    if isinstance(value, numpy.random.RandomState):
        before = value.get_state()
        return Noted((), [lambda: value.set_state(before)])
    return None


def _of_torch(value: Any) -> Noted | None:
    generator = getattr(sys.modules.get("torch"), "Generator", None)
    if generator is None or not isinstance(value, generator):
        return None
    state = value.get_state()
    return Noted((), [lambda: value.set_state(state)])


# The methods of the plain kinds: those of a subclass may take note of what they are given, or give something else.


def _held(kind: Any, value: Any) -> list[Any]:
    """What a container holds; of a dict, its keys and then its values."""
    return [*kind.keys(value), *kind.values(value)] if issubclass(kind, dict) else [*kind.__iter__(value)]


def _refill(kind: Any, value: Any, held: list[Any]) -> None:
    """Give a container what it held, in this order, unless it has it."""
    now = _held(kind, value)
    if len(now) == len(held) and all(map(operator.is_, now, held)):
        return
    kind.clear(value)
    if issubclass(kind, dict):
        for key, item in zip(held[: len(held) // 2], held[len(held) // 2 :], strict=True):
            kind.__setitem__(value, key, item)
    else:
        (kind.update if kind is set else kind.extend)(value, held)


@functools.cache
def _slots(kind: type) -> tuple[MemberDescriptorType, ...]:
    members = [member for base in kind.__mro__ if "__slots__" in vars(base) for member in vars(base).values()]
    return tuple(one for one in members if isinstance(one, MemberDescriptorType))


def _in_slot(slot: MemberDescriptorType, value: Any) -> Any:
    try:
        return slot.__get__(value)
    except AttributeError:
        return _ABSENT


def _put_in_slot(slot: MemberDescriptorType, value: Any, held: Any) -> None:
    if _in_slot(slot, value) is held:
        return
    if held is _ABSENT:
        slot.__delete__(value)
    else:
        slot.__set__(value, held)
