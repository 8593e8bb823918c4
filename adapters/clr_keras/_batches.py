"""Batches without end out of whatever ``fit`` takes."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import keras
import numpy as np
from keras import ops, tree

Batch = tuple[Any, Any, Any]
"""``x``, ``y`` and ``sample_weight``; the last two may be None."""


def batches(x: Any, y: Any, sample_weight: Any, *, batch_size: int, shuffle: bool) -> Iterator[Batch]:
    """The batches of ``fit(x, y, ...)``, from the beginning again when they run out.

    Arrays give batches of one size throughout, across the end of a pass where it falls inside one.
    """
    if isinstance(x, keras.utils.PyDataset):
        source = _of_py_dataset(x, shuffle)
    elif _is_iterable(x):
        source = _of_iterable(x)
    else:
        return _of_arrays((x, y, sample_weight), batch_size, shuffle)
    if y is not None or sample_weight is not None:
        raise ValueError(
            f"y and sample_weight must come out of x with each batch where x is a {type(x).__name__}, "
            "got them beside it"
        )
    return (_unpacked(batch) for batch in source)


def _is_iterable(x: Any) -> bool:
    """Whether ``x`` gives batches when iterated: a generator, a dataset, a loader, not (a tree of) arrays."""
    return hasattr(x, "__iter__") and not hasattr(x, "shape") and not isinstance(x, list | tuple | dict)


def _of_arrays(arrays: Batch, batch_size: int, shuffle: bool) -> Iterator[Batch]:
    leaves = [leaf for leaf in tree.flatten(arrays) if leaf is not None]
    for leaf in leaves:
        if not hasattr(leaf, "shape"):
            raise TypeError(f"x, y and sample_weight must be arrays, trees of such or a dataset, got {leaf!r}")
    sizes = {int(leaf.shape[0]) for leaf in leaves}
    if len(sizes) != 1:
        raise ValueError(f"x, y and sample_weight must have as many samples each, got {sorted(sizes)}")
    (size,) = sizes
    if not size:
        raise ValueError("x must have at least one sample, got 0")
    order = _endless(size, shuffle)

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
    for index in _endless(dataset.num_batches, shuffle):
        yield dataset[index]


def _of_iterable(data: Any) -> Iterator[Any]:
    if hasattr(data, "as_numpy_iterator") and keras.backend.backend() != "tensorflow":
        passes = data.as_numpy_iterator
    else:
        passes = data.__iter__
    while True:
        number = 0
        for batch in passes():
            yield batch
            number += 1
        # An iterator that has been through gives nothing more; a dataset begins again.
        if not number or iter(data) is data:
            return


def _endless(size: int, shuffle: bool) -> Iterator[int]:
    # Seeded by NumPy's global state without drawing from it: a set seed gives a set order.
    state: Any = np.random.get_state(legacy=True)
    _, key, position, *_ = state
    generator = np.random.default_rng([*key, position])
    while True:
        yield from (generator.permutation(size) if shuffle else range(size))


def _unpacked(batch: Any) -> Batch:
    x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(batch)
    return _map(_array, x), _map(_array, y), _map(_array, sample_weight)


def _map(function: Any, structure: Any) -> Any:
    return tree.map_structure(lambda leaf: None if leaf is None else function(leaf), structure)


def _rows(chosen: Any, leaf: Any) -> Any:
    if ops.is_tensor(leaf):
        return ops.take(leaf, chosen, axis=0)
    return _array(np.asarray(leaf)[chosen])


def _array(leaf: Any) -> Any:
    """A tensor of this backend as it is; anything else as a NumPy array, floats as Keras's own ``floatx``."""
    if ops.is_tensor(leaf) or not hasattr(leaf, "__array__"):
        return leaf
    array = np.asarray(leaf)
    return array.astype(keras.config.floatx()) if array.dtype.kind == "f" else array
