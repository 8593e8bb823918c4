"""What is noted of ordinary Python objects, and put back."""

from __future__ import annotations

import array
import collections
import functools
import random
import types
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import frameworks
import pytest

from clr_core.range_test.notes import PutBack, attributes, contents, ordinary

np = frameworks.load("numpy")


@dataclass(slots=True)
class Slotted:
    n: int = 0


@dataclass(frozen=True, slots=True)
class Frozen:
    n: int = 0


class Unset:
    """An object with a slot that nothing was put into, under a name that Python changes."""

    __slots__ = ("__later",)

    def set(self) -> None:
        self.__later = 1

    def is_set(self) -> bool:
        return hasattr(self, "_Unset__later")


class Counter:
    n = 0

    def count(self) -> None:
        self.n += 1


class Other(Counter):
    """What a counter may become."""


class Dict(dict[str, Any]):
    """A dict that has attributes, and takes note of what it is given."""

    def __setitem__(self, key: str, value: Any) -> None:
        self.last = key
        super().__setitem__(key, value)


class Munch(dict[str, Any]):
    """A dict whose ``__dict__`` is another one at every question, as in the package of this name."""

    @property
    def __dict__(self) -> dict[str, Any]:  # type: ignore[override]
        return dict(self)


class Noisy(random.Random):
    drawn = 0


def count(cell: dict[str, int], *, by: list[int]) -> None:
    cell["n"] += by[0]
    by[0] += 1


def with_attribute(value: Any) -> Any:
    value.last = ""
    return value


KINDS: dict[str, tuple[Callable[[], Any], Callable[[Any], Any], Callable[[Any], Any]]] = {
    "dict": (lambda: {"a": [1]}, lambda one: (one["a"].append(2), one.update(b=2)), repr),
    "order of a dict": (lambda: {"a": 1, "b": 2}, lambda one: one.update(a=one.pop("a")), list),
    "order of an OrderedDict": (
        lambda: collections.OrderedDict(a=1, b=2, c=3), lambda one: one.move_to_end("a"), list
    ),
    "defaultdict": (lambda: collections.defaultdict(list), lambda one: one["a"].append(1), dict),
    "dict with attributes": (
        lambda: with_attribute(Dict(a=1)), lambda one: one.__setitem__("b", 2), lambda one: (dict(one), one.last)
    ),
    "dict whose __dict__ is made when asked for": (
        lambda: Munch(a=1), lambda one: one.update(a=2), lambda one: one["a"]
    ),
    "UserDict": (lambda: collections.UserDict(a=1), lambda one: one.update(a=2), dict),
    "list": (lambda: [[1], 2], lambda one: (one[0].append(5), one.reverse()), repr),
    "set": (lambda: {1, 2}, lambda one: one.add(3), sorted),
    "deque": (lambda: collections.deque([1, 2], maxlen=2), lambda one: one.append(3), list),
    "tuple": (lambda: ([1], 2), lambda one: one[0].append(1), repr),
    "bytearray": (lambda: bytearray(b"ab"), lambda one: one.append(1), bytes),
    "array": (lambda: array.array("d", [0.0, 1.0]), lambda one: one.insert(0, 2.0), list),
    "MappingProxyType": (lambda: types.MappingProxyType({"a": [1]}), lambda one: one["a"].append(1), repr),
    "bound method": (lambda: Counter().count, lambda one: one(), lambda one: one.__self__.n),
    "method of a list": (lambda: [].append, lambda one: one(1), lambda one: len(one.__self__)),
    "partial": (lambda: functools.partial(count, {"n": 0}, by=[1]), lambda one: one(), repr),
    "SimpleNamespace": (lambda: types.SimpleNamespace(n=0), lambda one: setattr(one, "n", 1), repr),
    "object": (Counter, lambda one: one.count(), lambda one: dict(vars(one))),
    "an object whose __dict__ is exchanged": (
        Counter, lambda one: setattr(one, "__dict__", {"n": 1}), lambda one: dict(vars(one))
    ),
    "an object that gets another class": (
        Counter, lambda one: setattr(one, "__class__", Other), lambda one: type(one).__name__
    ),
    "slots": (Slotted, lambda one: setattr(one, "n", 1), repr),
    "frozen slots": (Frozen, lambda one: object.__setattr__(one, "n", 1), repr),
    "an empty slot": (Unset, lambda one: one.set(), lambda one: one.is_set()),
    "Random": (lambda: random.Random(1), lambda one: one.gauss(0, 1), lambda one: one.getstate()),
    "Random with attributes": (
        lambda: Noisy(1), lambda one: setattr(one, "drawn", one.random()), lambda one: (one.drawn, one.getstate())
    ),
    "SystemRandom": (random.SystemRandom, lambda one: one.random(), type),
}  # fmt: skip


def noted(root: Any) -> list[PutBack]:
    """How to put back all that can be reached, with everything entered but code."""
    put_back: list[PutBack] = []
    seen: dict[int, Any] = {}
    waiting = [root]
    while waiting:
        one = waiting.pop()
        if id(one) not in seen and not isinstance(one, type | types.FunctionType):
            seen[id(one)] = one
            found = contents(one) or attributes(one)
            put_back += found.put_back
            waiting += found.children
    return put_back


@pytest.mark.parametrize(("new", "use", "read"), KINDS.values(), ids=KINDS)
def test_every_kind_of_object_gets_back_what_it_held(new: Any, use: Any, read: Any) -> None:
    """Nothing is changed by noting, nor by putting back what is there; what was used is as before, and once more."""
    value = new()
    before = read(value)
    undo = noted(value)
    for _ in range(2):
        for each in undo:
            each()
        assert read(value) == before
        use(value)
        assert type(value) is random.SystemRandom or read(value) != before
    for each in undo:
        each()
    assert read(value) == before


def test_what_is_put_back_is_the_same_object() -> None:
    """In place: no copy of anything that has an identity."""
    inner = [1]
    outer = {"inner": inner}
    undo = noted(outer)
    inner.append(2)
    outer["inner"] = [3]
    for each in undo:
        each()
    assert outer["inner"] is inner == [1]


NUMPY: dict[str, tuple[Callable[[], Any], Callable[[Any], Any], Callable[[Any], Any]]] = {
    "array": (lambda: np.zeros(3), lambda one: one.fill(1), bytes),
    "array of objects": (lambda: np.array([[1], [2]], object), lambda one: one.put(0, 3), repr),
    "their elements": (lambda: np.array([[1], None], object), lambda one: one[0].append(2), repr),
    "read-only array": (lambda: np.broadcast_to(1.0, 3), repr, repr),
    "Generator": (lambda: np.random.default_rng(1), lambda one: one.random(), lambda one: one.bit_generator.state),
    "method of a Generator": (
        lambda: np.random.default_rng(1).random, lambda one: one(), lambda one: one.__self__.bit_generator.state
    ),
    "BitGenerator": (lambda: np.random.PCG64(1), lambda one: one.random_raw(), lambda one: one.state),
    "children of a Generator": (
        lambda: np.random.default_rng(1), lambda one: one.spawn(2), lambda one: one.bit_generator.seed_seq.state
    ),
    "SeedSequence": (lambda: np.random.SeedSequence(1), lambda one: one.spawn(2), lambda one: one.state),
    "RandomState": (lambda: np.random.RandomState(1), lambda one: one.normal(), lambda one: repr(one.get_state())),
}  # fmt: skip


@pytest.mark.parametrize(("new", "use", "read"), NUMPY.values(), ids=NUMPY)
def test_so_do_the_arrays_and_generators_of_numpy(new: Any, use: Any, read: Any) -> None:
    """Where NumPy has been imported."""
    value = new()
    before = read(value)
    undo = noted(value)
    use(value)
    for each in undo:
        each()
    assert read(value) == before


MANY = 10**6
DATA: dict[str, tuple[Callable[[], Any], Callable[[Any], Any], Callable[[Any], Any] | None]] = {
    "an order of examples": (lambda: [*range(MANY)], lambda one: one.reverse(), lambda one: one[0]),
    "an order in an array": (lambda: np.arange(MANY), lambda one: one.fill(1), lambda one: one[0]),
    "files and labels": (lambda: [(str(n), n) for n in range(MANY)], lambda one: one.reverse(), lambda one: one[0]),
    "a generator": (lambda: np.random.PCG64(1), lambda one: one.random_raw(), lambda one: one.state),
    "a position": (Counter, Counter.count, lambda one: one.n),
    "examples": (lambda: np.zeros((MANY, 1)), lambda one: one.fill(1), None),
    "examples by name": (lambda: dict.fromkeys(range(MANY)), lambda one: one.clear(), None),
}


@pytest.mark.parametrize(("new", "use", "read"), DATA.values(), ids=DATA)
def test_of_data_the_order_is_noted_and_not_the_examples(new: Any, use: Any, read: Any) -> None:
    """However many they are, few objects are looked at."""
    value = new()
    found = contents(value, is_data=True) or ordinary(value)
    assert found is not None
    assert len(found.children) < 10
    assert bool(found.put_back) is (read is not None)
    if read is not None:
        before = read(value)
        use(value)
        assert read(value) != before
        for each in found.put_back:
            each()
        assert read(value) == before
