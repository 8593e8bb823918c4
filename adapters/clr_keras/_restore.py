"""Everything that training changes in a model and around it, saved and restored bit for bit.

Three rules. Taking a snapshot changes nothing, so an interruption cannot leave it half done. A snapshot does not ask
what an object is for: it keeps the attributes of every object that can be reached from the model, the contents of lists
and dicts, the values of variables and arrays, and the states of random generators. And everything is put back once
before the first update, so that what cannot be put back is an error before anything has changed.

State that no attribute leads to (in a closure, a C++ object, a lookup table) is out of reach.
"""

from __future__ import annotations

import functools
import random
import sys
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from clr_keras import _reach

_FUNCTIONS = ("train_function", "test_function", "predict_function")
"""The compiled steps of a model. They hold on to the metrics and slots that were built while they were traced."""

_TENSORFLOW_MODES = ("is_eager", "device_name", "device_spec", "scope_name")
"""Modes of a thread in which Ctrl-C inside ``fit`` can leave TensorFlow."""


class Snapshot:
    """A copy of the state of a compiled model, taken when made.

    It holds the variables (with the seeds of dropout and the states of recurrent layers, which ``get_weights`` leaves
    out), the attributes of layers, metrics, losses and optimizers, the compiled functions, Keras's global state, and
    the random states of Keras, Python, NumPy, TensorFlow and torch. Values are copied to the host, so that the device
    needs no room for a second model.

    Args:
        model: The compiled model.
        data: Datasets the model is trained on: their attributes, random generators and the order of their examples
            are restored too; the examples are not copied.
    """

    def __init__(self, model: Any, *data: Any) -> None:
        self._model = model
        found = _reach.everything([model, _keras_globals(), *_global_generators()])
        beside = _reach.everything(list(data), are_data=True, without=found)
        self._unbuilt = [one for one in found.objects if vars(one).get("built") is False]
        self._undoes_building = False
        # The modes first: what a variable is assigned inside a graph does not reach it.
        self._undo = [*_keep_tensorflow_modes(), *found.undo, *beside.undo, *_keep_global_states()]

    def rehearse(self) -> None:
        """Put everything back while it is still there.

        Raises:
            ValueError: Something cannot be put back.
        """
        try:
            self.restore()
        except Exception as error:
            raise ValueError(f"a range test must be able to put everything back, got {error}") from error

    def restore(self) -> None:
        """Put everything back, then raise the first error if there was any; harmless when called again."""
        self._undoes_building |= any(vars(one).get("built") for one in self._unbuilt)
        errors = []
        for undo in self._undo:
            try:
                undo()
            except Exception as error:  # one device that has failed must not keep the rest
                errors.append(error)
        if self._undoes_building:
            for name in _FUNCTIONS:
                if vars(self._model).get(name) is not None:
                    setattr(self._model, name, None)
        if errors:
            raise errors[0]


def _keras_globals() -> Any:
    """Keras's global state: the default seed generator, the counters of default names, the open scopes."""
    # There is no public way to any of it.
    from keras.src.backend.common import global_state

    return vars(global_state.GLOBAL_STATE_TRACKER)


def _tensorflow_context() -> Any:
    """Where TensorFlow keeps the modes of a thread; None on another backend."""
    if keras.backend.backend() != "tensorflow":
        return None
    from tensorflow.python.eager import context  # pyright: ignore[reportMissingImports]

    return context.context()


def _global_generators() -> list[Any]:
    """What TensorFlow draws the seeds of its operations from, and ``tf.random``'s own generator if there is one."""
    own = getattr(sys.modules.get(_reach.TENSORFLOW_GENERATORS), "global_generator", None)
    return [getattr(_tensorflow_context(), "_rng", None), own]


def _keep_tensorflow_modes() -> list[Callable[[], None]]:
    modes = getattr(_tensorflow_context(), "_thread_local_data", None)
    names = _TENSORFLOW_MODES if modes is not None else ()
    return [functools.partial(setattr, modes, name, getattr(modes, name)) for name in names]


def _keep_global_states() -> list[Callable[[], None]]:
    python_state, numpy_state = random.getstate(), np.random.get_state()
    undo: list[Callable[[], None]] = [
        lambda: random.setstate(python_state),
        lambda: np.random.set_state(numpy_state),
    ]
    torch: Any = sys.modules.get("torch")
    if torch is not None:  # also beside another backend, where a DataLoader shuffles
        cpu_state, grad_mode = torch.get_rng_state(), torch.is_grad_enabled()
        cuda_states = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else []
        undo.append(lambda: torch.set_rng_state(cpu_state))
        undo.append(lambda: torch.cuda.set_rng_state_all(cuda_states) if cuda_states else None)
        undo.append(lambda: torch.set_grad_enabled(grad_mode))
    return undo
