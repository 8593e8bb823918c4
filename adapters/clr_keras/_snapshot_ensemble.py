"""Several models from one training run: the weights at the end of each cycle, their predictions averaged."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from os import PathLike
from pathlib import Path
from typing import Any

import keras

from clr_core import Schedule, check
from clr_keras._callback import CountsTrainingSteps
from clr_keras._reach import value_of
from clr_keras._schedule import ScheduleLR, given_schedule, schedule_of


class SnapshotEnsemble(CountsTrainingSteps):
    """A callback that saves the model's weights at the end of each cycle, and averages the models' predictions.

    The weights are those after the last update of a cycle, where the learning rate is lowest, one file per
    cycle: ``cycle_00000.weights.h5`` and so on, in Keras's own format, without the optimizer's state. A file is
    complete or not there.

    Args:
        schedule: The schedule the optimizer was given, or its ``ScheduleLR``.
        directory: Where the files go, one directory per training run; created if missing.

    Raises:
        TypeError: ``schedule`` is neither.
        ValueError: In ``fit``: the optimizer has another schedule; a training run starts and the directory holds the
            snapshots of another; or a cycle ends within an execution (``steps_per_execution``), where weights cannot
            be read.

    Example:
        >>> import clr_core, clr_keras, keras, numpy as np, tempfile
        >>> schedule = clr_core.triangular(0.0, 0.1, step_size=2)
        >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
        >>> model.compile(keras.optimizers.SGD(clr_keras.ScheduleLR(schedule)), "mse")
        >>> x = np.ones((8, 1))
        >>> ensemble = clr_keras.SnapshotEnsemble(schedule, tempfile.mkdtemp())
        >>> _ = model.fit(x, x, batch_size=1, verbose=0, callbacks=[ensemble])
        >>> [path.name for path in ensemble.paths]
        ['cycle_00000.weights.h5', 'cycle_00001.weights.h5']
        >>> ensemble.predict(model, x, last=2, verbose=0).shape
        (8, 1)

    Source: G. Huang et al., Snapshot Ensembles: Train 1, get M for free, 2017.
    """

    def __init__(self, schedule: Schedule | ScheduleLR, directory: str | PathLike[str]) -> None:
        super().__init__()
        self._schedule = given_schedule(schedule)
        self.directory = Path(directory)

    @property
    def paths(self) -> list[Path]:
        """The files in the directory, one per cycle, in order."""
        return sorted(self.directory.glob(f"cycle_{'[0-9]' * 5}.weights.h5"))

    def on_train_begin(self, logs: Any = None) -> None:
        self._schedule_lr = schedule_of(self.model.optimizer, self._schedule)

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        super().on_train_batch_begin(batch, logs)
        if self._epoch_start == batch == 0 and self.paths:
            raise ValueError(
                f"directory must be empty when a training run starts, got directory={str(self.directory)!r} "
                f"with {len(self.paths)} snapshots: remove them or name another"
            )

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        schedule, per_update = self._schedule_lr.schedule, self._schedule_lr.steps_per_update
        steps = self.steps_just_made()
        for step in steps:
            update = step // per_update
            if (step + 1) % per_update or not schedule.is_cycle_end(update):
                continue
            if step != steps[-1]:
                raise ValueError(
                    "steps_per_execution must divide the length of the cycles, whose last weights are saved, got a "
                    f"cycle that ends after training step {step} with steps_per_execution={len(steps)}: lower it"
                )
            self.directory.mkdir(parents=True, exist_ok=True)
            model, unfinished = self.model, self.directory / "unfinished.weights.h5"
            _without_optimizer(model, model.save_weights, unfinished)
            os.replace(unfinished, self.directory / f"cycle_{schedule.cycle(update):05d}.weights.h5")

    def predict(self, model: Any, x: Any, *, last: int | None = None, **arguments: Any) -> Any:
        """The mean of the snapshots' predictions, of the shape of ``model.predict(x)``.

        Args:
            model: A model of the architecture that was trained, compiled or not; its weights are put back
                afterwards. In another process, create a ``SnapshotEnsemble`` with the same directory.
            x: As ``model.predict`` takes it, but not a generator, since it is iterated over once per snapshot.
            last: Use only this many of the latest snapshots, an int >= 1; all of them if left out.
            arguments: For ``model.predict``: ``batch_size``, ``verbose``, ...

        Raises:
            TypeError: ``x`` is an iterator.
            ValueError: There are fewer snapshots than ``last``, or none.
        """
        if isinstance(x, Iterator):
            raise TypeError(f"x must be arrays or a dataset that can be iterated over again, got x={x!r}")
        paths = self.paths
        wanted = max(1, len(paths)) if last is None else check.whole("last", last)
        if wanted > len(paths):
            raise ValueError(
                f"last must be at most the number of snapshots in {str(self.directory)!r}, {len(paths)}, got {last=}"
            )
        before = [(variable, value_of(variable)) for variable in model.variables]
        try:
            predictions = [_predict(model, path, x, arguments) for path in paths[-wanted:]]
        finally:
            for variable, value in before:
                variable.assign(value)
        return keras.tree.map_structure(lambda *outputs: sum(outputs) / len(outputs), *predictions)


def _predict(model: Any, path: Path, x: Any, arguments: dict[str, Any]) -> Any:
    _without_optimizer(model, model.load_weights, path)
    return model.predict(x, **arguments)


def _without_optimizer(model: Any, function: Callable[[Path], Any], path: Path) -> None:
    """Call ``function(path)`` while the model has no optimizer: Keras would write it into the file as well."""
    optimizer = vars(model).get("optimizer")
    try:
        vars(model)["optimizer"] = None
        function(path)
    finally:
        vars(model)["optimizer"] = optimizer
