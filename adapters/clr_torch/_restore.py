"""Everything that a training step changes, noted down and put back to the bit, in place."""

from __future__ import annotations

import copy
import random
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy
from torch.optim import Optimizer

Restore = Callable[[], Any]
"""Gives back the very object it was made for, with the content it had then."""

_IMMUTABLE = (type(None), bool, int, float, complex, str, bytes, torch.dtype, torch.device)


@contextmanager
def restored(
    modules: Sequence[nn.Module],
    optimizers: Sequence[Optimizer],
    scaler: Any = None,
    generators: Iterable[torch.Generator] = (),
) -> Iterator[None]:
    """A context at whose end everything handed to it is as it was, after an exception too.

    That is: parameters and buffers (the same objects and values), ``requires_grad``, ``.grad`` and
    training modes; optimizers, also those within one, with their whole state and the mark by which
    torch's schedulers see that they were stepped; the GradScaler; and the random numbers of torch on
    every device in use, Python, NumPy and the given generators. Inside, no parameter has a gradient.
    """
    note = _Note()
    parameters = [each for module in modules for each in module.parameters()]
    optimizers = [each for optimizer in optimizers for each in _with_inner(optimizer)]
    for optimizer in optimizers:
        parameters += [each for group in optimizer.param_groups for each in group["params"]]
    restores = [note.of_parameter(each) for each in dict.fromkeys(parameters)]
    restores += [note.of_module(each) for module in modules for each in module.modules()]
    restores += [note.of_optimizer(each) for each in optimizers]
    if scaler is not None:
        restores.append(note.of(vars(scaler)))
    # Tensors first: what holds them is put back around them.
    restores = [*note.tensors, *restores, *_random_states(generators)]

    def restore() -> None:
        errors: list[Exception] = []
        with torch.no_grad():
            for each in restores:
                try:
                    each()
                except Exception as error:  # a device that has failed must not keep the rest from its place
                    errors.append(error)
        if errors:
            raise errors[0]

    try:
        for parameter in parameters:
            parameter.grad = None
        yield
    finally:
        try:
            restore()
        except KeyboardInterrupt:
            # An impatient second Ctrl-C would leave the half of it; once more from the start is all of it.
            restore()
            raise


def _with_inner(optimizer: Optimizer) -> list[Optimizer]:
    """The optimizer and those it wraps, as SAM, Lookahead and Accelerate's do."""
    inner = [each for each in vars(optimizer).values() if isinstance(each, Optimizer) and each is not optimizer]
    return [optimizer, *(each for wrapped in inner for each in _with_inner(wrapped))]


class _Note:
    """What objects hold now. Each is noted once, so that two names of one Tensor stay two names of it."""

    def __init__(self) -> None:
        self.tensors: list[Restore] = []
        self._restores: dict[int, Restore] = {}
        self._parameters: dict[int, Any] = {}

    def of(self, value: Any) -> Restore:
        """Note a container and all in it, or any object that ``copy.deepcopy`` can take."""
        if isinstance(value, _IMMUTABLE):
            return lambda: value
        if id(value) not in self._restores:
            self._restores[id(value)] = self._of_new(value)
        return self._restores[id(value)]

    def _of_new(self, value: Any) -> Restore:
        if isinstance(value, Tensor):
            self.tensors.append(_of_tensor(value))
            return lambda: value
        if isinstance(value, dict):
            items = [(key, self.of(item)) for key, item in value.items()]
            return lambda: _refilled(value, {key: item() for key, item in items})
        if isinstance(value, list):
            members = [self.of(item) for item in value]
            return lambda: _refilled_list(value, [item() for item in members])
        if isinstance(value, tuple):
            members = [self.of(item) for item in value]
            return lambda: ([item() for item in members], value)[1]
        # An object of a third party's; the parameters in it stay the model's.
        twin = copy.deepcopy(value, dict(self._parameters))
        return lambda: twin

    def of_parameter(self, parameter: Tensor) -> Restore:
        """Note a parameter and set its gradient aside, which nothing then can change."""
        if is_lazy(parameter):
            raise ValueError("the model must have all its parameters, got a lazy one: run one batch through it first")
        self._parameters[id(parameter)] = parameter
        self.of(parameter)
        requires_grad, gradient = parameter.requires_grad, parameter.grad

        def restore() -> None:
            parameter.requires_grad_(requires_grad)
            parameter.grad = gradient

        return restore

    def of_module(self, module: nn.Module) -> Restore:
        """Note a module's mode, which parameters and buffers it has, and what the buffers hold."""
        training = module.training
        parameters, buffers = dict(module._parameters), dict(module._buffers)
        for buffer in buffers.values():
            self.of(buffer)

        def restore() -> None:
            # A forward pass may put a new Tensor in a buffer's place.
            for now, then in ((module._parameters, parameters), (module._buffers, buffers)):
                if any(now.get(name) is not each for name, each in then.items()) or len(now) != len(then):
                    _refilled(now, then)
            module.training = training

        return restore

    def of_optimizer(self, optimizer: Optimizer) -> Restore:
        """Note an optimizer's state, groups and defaults, and whatever attributes it has besides."""
        attributes = dict(vars(optimizer))
        contents = [self.of(each) for each in (optimizer.state, optimizer.param_groups, optimizer.defaults)]

        def restore() -> None:
            _refilled(vars(optimizer), attributes)
            for content in contents:
                content()

        return restore


def _of_tensor(tensor: Tensor) -> Restore:
    twin = _without_repeats(tensor).detach().clone()
    kind = (tensor.shape, tensor.dtype, tensor.device)

    def restore() -> None:
        if (tensor.shape, tensor.dtype, tensor.device) == kind:
            _without_repeats(tensor).copy_(twin)
        else:  # a step that moves or casts the model has exchanged the data
            tensor.data = twin.expand(kind[0])

    return restore


def _without_repeats(tensor: Tensor) -> Tensor:
    """The part of an expanded Tensor that lies in memory, which torch can write to."""
    if tensor.layout is torch.strided and 0 in tensor.stride():
        for dim, stride in enumerate(tensor.stride()):
            if stride == 0 and tensor.shape[dim] > 1:
                tensor = tensor.narrow(dim, 0, 1)
    return tensor


def _refilled(container: Any, items: dict[Any, Any]) -> Any:
    container.clear()
    container.update(items)
    return container


def _refilled_list(container: list[Any], items: list[Any]) -> list[Any]:
    container[:] = items
    return container


def _random_states(generators: Iterable[torch.Generator]) -> list[Restore]:
    restores: list[Restore] = []

    def note(state: Any, put_back: Callable[[Any], Any]) -> None:
        restores.append(lambda: put_back(state))

    note(torch.get_rng_state(), torch.set_rng_state)
    note(random.getstate(), random.setstate)
    if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        note(torch.cuda.get_rng_state_all(), torch.cuda.set_rng_state_all)
    if torch.xpu.is_initialized():  # type: ignore[no-untyped-call]
        note(torch.xpu.get_rng_state_all(), torch.xpu.set_rng_state_all)
    if torch.backends.mps.is_available():
        note(torch.mps.get_rng_state(), torch.mps.set_rng_state)
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        note(numpy.random.get_state(), numpy.random.set_state)
    for generator in generators:
        note(generator.get_state(), generator.set_state)
    return restores
