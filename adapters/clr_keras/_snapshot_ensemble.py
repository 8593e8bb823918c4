"""Several models out of one training: the weights at each cycle's end, averaged in prediction."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from typing import Any

import keras

from clr_core import check
from clr_keras._callback import CountsTrainingSteps
from clr_keras._restore import value_of
from clr_keras._schedule import ScheduleLR


class SnapshotEnsemble(CountsTrainingSteps):
    """A callback that saves the model's weights at the end of each cycle, and averages the models' predictions.

    The weights are those after the last update of a cycle, where the learning rate is lowest, one file a
    cycle: ``cycle_00000.weights.h5`` and so on, in Keras's own format, without the optimizer's state.

    Args:
        schedule_lr: The ``ScheduleLR`` the optimizer was given.
        directory: Where the files go, one directory for each training; made if it is not there.

    Raises:
        TypeError: ``schedule_lr`` is not a ``ScheduleLR``.
        ValueError: In ``fit``: a training begins, and the directory has the files of another; or a cycle ends in
            the middle of an execution (``steps_per_execution``), where weights cannot be had.

    Example:
        >>> import clr_core, clr_keras, keras, numpy as np, tempfile
        >>> lr = clr_keras.ScheduleLR(clr_core.triangular(0.0, 0.1, step_size=2))
        >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
        >>> model.compile(keras.optimizers.SGD(lr), "mse")
        >>> x = np.ones((8, 1))
        >>> ensemble = clr_keras.SnapshotEnsemble(lr, tempfile.mkdtemp())
        >>> _ = model.fit(x, x, batch_size=1, verbose=0, callbacks=[ensemble])
        >>> [path.name for path in ensemble.paths]
        ['cycle_00000.weights.h5', 'cycle_00001.weights.h5']
        >>> ensemble.predict(model, x, last=2, verbose=0).shape
        (8, 1)

    Source: G. Huang et al., Snapshot Ensembles: Train 1, get M for free, 2017.
    """

    def __init__(self, schedule_lr: ScheduleLR, directory: str | PathLike[str]) -> None:
        super().__init__()
        if not isinstance(schedule_lr, ScheduleLR):
            raise TypeError(f"schedule_lr must be the optimizer's ScheduleLR, got schedule_lr={schedule_lr!r}")
        self._schedule_lr = schedule_lr
        self.directory = Path(directory)

    @property
    def paths(self) -> list[Path]:
        """The files in the directory, in the order of their cycles."""
        return sorted(self.directory.glob(f"cycle_{'[0-9]' * 5}.weights.h5"))

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        super().on_train_batch_begin(batch, logs)
        if self._epoch_start == batch == 0 and self.paths:
            raise ValueError(
                f"directory must be another for each training, got directory={str(self.directory)!r} "
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
                    "steps_per_execution must divide the cycles for their ends to be saved, got one after "
                    f"training step {step} with steps_per_execution={len(steps)}"
                )
            self.directory.mkdir(parents=True, exist_ok=True)
            model = self.model
            with _without_optimizer(model):
                model.save_weights(self.directory / f"cycle_{schedule.cycle(update):05d}.weights.h5")

    def predict(self, model: Any, x: Any, *, last: int | None = None, **arguments: Any) -> Any:
        """The mean of the snapshots' predictions, of the shape of ``model.predict(x)``.

        Args:
            model: A model of the architecture that was trained, compiled or not; it is as before
                afterwards. In another process, make a ``SnapshotEnsemble`` of the same directory.
            x: As ``model.predict`` takes it, but not a generator, since it is gone through more than once.
            last: How many snapshots, counted from the last, an int >= 1; all of them if left out.
            arguments: For ``model.predict``: ``batch_size``, ``verbose``, ...

        Raises:
            TypeError: ``x`` is an iterator.
            ValueError: There are fewer snapshots than asked for, or none.
        """
        if isinstance(x, Iterator):
            raise TypeError(f"x must be arrays or a dataset that can be gone through again, got x={x!r}")
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
    with _without_optimizer(model):
        model.load_weights(path)
    return model.predict(x, **arguments)


@contextmanager
def _without_optimizer(model: Any) -> Iterator[None]:
    """A time in which the model has no optimizer, since Keras would write it into the file as well."""
    optimizer = vars(model).get("optimizer")
    vars(model)["optimizer"] = None
    try:
        yield
    finally:
        vars(model)["optimizer"] = optimizer
