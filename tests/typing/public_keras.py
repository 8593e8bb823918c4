"""The types a user of clr_keras sees, pinned; checked by mypy and pyright on the installed wheel, never run."""

from pathlib import Path
from typing import Any, assert_type

import clr_keras

import clr_core


def whole_job(model: Any, x: Any, y: Any) -> None:
    """Every public call whose result Keras leaves a type."""
    curve = clr_keras.range_test(model, x, y, batch_size=64, validation_data=(x, y))
    assert_type(curve, clr_core.LRCurve)

    schedule = clr_core.triangular(1e-3, 6e-3, step_size=2000)
    lr = clr_keras.ScheduleLR(schedule, steps_per_update=4)
    assert_type(lr, clr_keras.ScheduleLR)
    assert_type(lr.schedule, clr_core.Schedule)
    assert_type(lr.steps_per_update, int)
    assert_type(lr.get_config(), dict[str, Any])
    assert_type(clr_keras.ScheduleLR.from_config(lr.get_config()), clr_keras.ScheduleLR)

    ensemble = clr_keras.SnapshotEnsemble(lr, Path("snapshots"))
    assert_type(ensemble.paths, list[Path])
    clr_keras.LogLR(lr)
    clr_keras.cycle_momentum(model.optimizer, clr_core.momentum_for(schedule))


def drop_ins() -> None:
    """They are what they replace, with the signatures of the originals."""
    finder = clr_keras.LRFinder(min_lr=1e-5, max_lr=1e-2, steps_per_epoch=100, epochs=2)
    assert_type(finder.curve, clr_core.LRCurve)
    assert_type(clr_keras.CyclicLR(base_lr=0.001, max_lr=0.006, step_size=2000.0).clr(), float)
    as_schedule: clr_keras.ScheduleLR = clr_keras.Triangular2CyclicalLearningRate(1e-3, 6e-3, step_size=2000.0)
    assert_type(as_schedule.schedule, clr_core.Schedule)
