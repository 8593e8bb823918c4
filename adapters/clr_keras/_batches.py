"""Batches without end, out of whatever ``fit`` takes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

import keras
import numpy as np
from keras import ops, tree

from clr_core.range_test.batches import endless

Batch = tuple[Any, Any, Any]
"""``x``, ``y`` and ``sample_weight``; the last two may be None."""


def batches(x: Any, y: Any, sample_weight: Any, *, batch_size: int, shuffle: bool) -> Iterator[Batch]:
    """The batches of ``fit(x, y, ...)``, from the beginning again where they run out.

    Arrays give batches of one size throughout, across the end of a pass where it falls inside one.
    """
    if isinstance(x, keras.utils.PyDataset):
        source = _of_py_dataset(x, shuffle)
    elif _is_iterable(x):
        source = endless("x", _as_numpy(x))
    else:
        return _of_arrays((x, y, sample_weight), batch_size, shuffle)
    if y is not None or sample_weight is not None:
        raise ValueError(
            f"y and sample_weight must come with each batch of x where x is a {type(x).__name__}, "
            "got them as arguments: leave them out"
        )
    return (_unpacked(batch) for batch in source)


def _is_iterable(x: Any) -> bool:
    """Whether ``x`` gives batches when iterated: a generator, a dataset, a loader, not (a tree of) arrays."""
    return hasattr(x, "__iter__") and not hasattr(x, "shape") and not isinstance(x, list | tuple | dict | str)


def _of_arrays(arrays: Batch, batch_size: int, shuffle: bool) -> Iterator[Batch]:
    arrays = _map(_sliceable, arrays)
    leaves = [leaf for leaf in tree.flatten(arrays) if leaf is not None]
    if not tree.flatten(arrays[0]) or arrays[0] is None:
        raise TypeError(f"x must be arrays, trees of arrays or a dataset, got x={arrays[0]!r}")
    for leaf in leaves:
        if not hasattr(leaf, "shape"):
            raise TypeError(f"x, y and sample_weight must be arrays, trees of arrays or a dataset, got {leaf!r}")
    sizes = {int(leaf.shape[0]) for leaf in leaves}
    if len(sizes) != 1:
        raise ValueError(f"x, y and sample_weight must have the same number of samples, got {sorted(sizes)}")
    (size,) = sizes
    if not size:
        raise ValueError("x must have at least one sample, got 0")
    order = _order(size, shuffle)

    def generate() -> Iterator[Batch]:
        while True:
            chosen = np.fromiter(order, dtype=np.int32, count=min(batch_size, size))
            x, y, sample_weight = (_map(partial(_rows, chosen), part) for part in arrays)
            yield x, y, sample_weight

    return generate()


def _of_py_dataset(dataset: Any, shuffle: bool) -> Iterator[Any]:
    # By index, not through fit's threads and hooks: those change what the dataset's owner will see.
    if dataset.num_batches == 0:
        raise ValueError("x must have at least one batch, got 0")
    index = 0
    if dataset.num_batches is None:
        while True:
            yield dataset[index]
            index += 1
    for index in _order(dataset.num_batches, shuffle):
        yield dataset[index]


def _as_numpy(data: Any) -> Iterable[Any]:
    """The data, where it is a ``tf.data.Dataset`` beside another backend as one of NumPy arrays."""
    if hasattr(data, "as_numpy_iterator") and keras.backend.backend() != "tensorflow":
        return _NumpyDataset(data)
    return data  # type: ignore[no-any-return]


class _NumpyDataset:
    """A ``tf.data.Dataset`` as an iterable of NumPy arrays."""

    def __init__(self, dataset: Any) -> None:
        self._dataset = dataset

    def __iter__(self) -> Iterator[Any]:
        return iter(self._dataset.as_numpy_iterator())


def _order(size: int, shuffle: bool) -> Iterator[int]:
    """Indices below ``size`` without end, each once in a pass."""
    # Seeded by NumPy's global state without drawing from it: a set seed gives a set order.
    state: Any = np.random.get_state(legacy=True)
    _, key, position, *_ = state
    generator = np.random.default_rng([*key, position])
    while True:
        yield from (generator.permutation(size) if shuffle else range(size))


def _unpacked(batch: Any) -> Batch:
    x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(batch)
    return _map(_tensor, x), _map(_tensor, y), _map(_tensor, sample_weight)


def _map(function: Any, structure: Any) -> Any:
    return tree.map_structure(lambda leaf: None if leaf is None else function(leaf), structure)


def _rows(chosen: Any, leaf: Any) -> Any:
    if ops.is_tensor(leaf):
        return ops.take(leaf, chosen, axis=0)
    if hasattr(leaf, "toarray"):
        return _tensor(leaf[chosen].toarray())
    return _tensor(np.asarray(leaf)[chosen])


def _sliceable(leaf: Any) -> Any:
    """A matrix of ``scipy.sparse`` in the form that gives out its rows; anything else as it is."""
    return leaf.tocsr() if hasattr(leaf, "tocsr") else leaf


def _tensor(leaf: Any) -> Any:
    """An array as ``fit`` gives it to ``train_step``: a tensor of this backend, floats as Keras's own ``floatx``."""
    if ops.is_tensor(leaf) or not hasattr(leaf, "__array__"):
        return leaf
    array = np.asarray(leaf)
    if array.dtype.kind == "f":
        array = array.astype(keras.config.floatx())
    # train_on_batch itself puts arrays on the device on JAX; torch has no tensors of strings.
    if keras.backend.backend() == "jax" or (keras.backend.backend() == "torch" and array.dtype.kind not in "bifuc"):
        return array
    return ops.convert_to_tensor(array)
