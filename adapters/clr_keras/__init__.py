"""clr for Keras 3, on tensorflow, jax and torch: core schedules in the compiled step, and the range test.

>>> import clr_core, clr_keras, keras
>>> lr = clr_keras.ScheduleLR(clr_core.triangular(1e-3, 6e-3, step_size=2000))
>>> optimizer = keras.optimizers.Adam(learning_rate=lr)
"""

try:
    import keras as _keras  # noqa: F401
except ModuleNotFoundError as error:
    if error.name != "keras":
        raise
    raise ModuleNotFoundError(
        "clr_keras needs keras, which is not installed: pip install keras", name="keras"
    ) from error

from clr_keras._log_lr import LogLR
from clr_keras._momentum import cycle_momentum
from clr_keras._range_test import range_test
from clr_keras._schedule import ScheduleLR
from clr_keras._snapshot_ensemble import SnapshotEnsemble
from clr_keras.compat.addons import (
    CyclicalLearningRate,
    ExponentialCyclicalLearningRate,
    Triangular2CyclicalLearningRate,
    TriangularCyclicalLearningRate,
)
from clr_keras.compat.cyclic_lr import CyclicLR
from clr_keras.compat.lr_finder import LRFinder

__all__ = [
    "CyclicLR",
    "CyclicalLearningRate",
    "ExponentialCyclicalLearningRate",
    "LRFinder",
    "LogLR",
    "ScheduleLR",
    "SnapshotEnsemble",
    "Triangular2CyclicalLearningRate",
    "TriangularCyclicalLearningRate",
    "cycle_momentum",
    "range_test",
]
