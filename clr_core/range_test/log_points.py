"""From the rows of a training log to the points of a curve: rules for what trainers leave out and write twice."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from clr_core.check import MAX_STEP
from clr_core.range_test.log_cells import Numbers, Row, is_not_finite, is_true, the_label
from clr_core.range_test.log_columns import Columns, find_columns, is_validation, run_of

ONE_SCALAR = (
    "it holds one scalar, by wall time and step, and a curve needs two: export the LR and the loss, and join them by "
    "their step into one table with the columns step, lr and loss"
)
"""What TensorBoard exports has only one of the two."""


@dataclass(frozen=True)
class _Point:
    """What one row says of a point, or several rows joined; None where it says nothing."""

    where: str
    step: float | None
    lr: float | None
    loss: float | None
    metric: Any


def curve_fields(header: Sequence[str], rows: Sequence[Row], *, decimal_comma: bool = False) -> dict[str, Any]:
    """The arguments of ``LRCurve`` that a log holds.

    Args:
        header: The names of its columns.
        rows: Its rows.
        decimal_comma: Whether a comma in a number is sure to be decimal.

    Raises:
        ValueError: A column is missing, a value is bad, there are two optimizers or runs, or the LR falls.
    """
    header, rows = _wide(header, rows)
    columns = find_columns(header)
    for row in rows:
        if len(row.cells) <= max(columns.lr, columns.loss):
            raise ValueError(f"{row.where}: {len(row.cells)} columns where the header has {len(header)}")
    labels = {name: the_label(name, [(row.where, row[at]) for row in rows]) for name, at in columns.labels.items()}
    number = Numbers(decimal_comma=decimal_comma)
    used = [row for row in rows if row[columns.lr] is not None or row[columns.loss] is not None]
    points = _without_repetitions(_paired(_points(columns, _of_one_run(columns, used), number)))
    points = points[next((index for index, point in enumerate(points) if point.lr != 0.0), 0) :]  # the warm-up's
    fields = {
        "lrs": _rising_lrs(points),
        "losses": [point.loss for point in points],
        "metrics": _metrics(columns, points, number),
        "optimizer": labels.get("optimizer") or columns.optimizer,
        "momentum": labels.get("momentum"),
        "stop_reason": labels.get("stop_reason"),
        "steps_per_point": _stride(points) if (given := labels.get("steps_per_point")) is None else given,
    }
    number.refuse_unclear()
    return fields


def used_names(names: Sequence[str]) -> list[str]:
    """Those columns that a curve is read from; a log may have very many others."""
    return [names[place] for place in find_columns(names).places]


def _wide(header: Sequence[str], rows: Sequence[Row]) -> tuple[Sequence[str], Sequence[Row]]:
    """A table with one scalar a row (tag, step, value) as one with a column for each tag; any other as it is."""
    names = [name.strip().lower() for name in header]
    if "value" not in names or "step" not in names or any("lr" in name for name in names):
        return header, rows
    tag = next((names.index(name) for name in ("tag", "key", "metric", "name") if name in names), None)
    if tag is None:
        raise ValueError(ONE_SCALAR)
    value = names.index("value")
    is_nan = names.index("is_nan") if "is_nan" in names else None  # MLflow's, with 0 as the value
    columns = used_names(list(dict.fromkeys([*names, *(str(row[tag]) for row in rows)])))
    others = {name: names.index(name) for name in columns if name in names}
    wide = []
    for row in rows:
        cells = {name: row[place] for name, place in others.items()}
        cells[str(row[tag])] = math.nan if is_nan is not None and is_true(row[is_nan]) else row[value]
        wide.append(Row(row.where, [cells.get(name) for name in columns]))
    return columns, wide


def _of_one_run(columns: Columns, rows: Sequence[Row]) -> Sequence[Row]:
    """The rows of the one run that there is, without those of its validation, unless only they have a loss."""
    for place in columns.runs:
        found: dict[tuple[str, ...], str] = {}
        for row in rows:
            if row[place] is not None:
                found.setdefault(run_of(str(row[place])), f"{row[place]!r} ({row.where})")
        if len(found) > 1:
            names = ", ".join(list(found.values())[:5])
            raise ValueError(f"lr and loss must be of one run, got {len(found)}: {names}; keep the rows of one")
    training = [row for row in rows if not any(is_validation(str(row[place])) for place in columns.runs)]
    return training if any(row[columns.loss] is not None for row in training) else rows


def _points(columns: Columns, rows: Sequence[Row], number: Numbers) -> list[_Point]:
    """What each row says, with the step from the column that has the most whole numbers."""

    def value(name: str, row: Row, place: int) -> float | None:
        return None if (cell := row[place]) is None else number(name, row.where, cell)

    def loss_of(row: Row) -> float | None:
        loss = value("loss", row, columns.loss)
        # Hugging Face leaves losses that are not finite out of its mean, and writes 0 where no other is in it.
        return math.nan if loss == 0.0 and any(is_not_finite(row[place]) for place in columns.norms) else loss

    values = [(value("lr", row, columns.lr), loss_of(row)) for row in rows]
    candidates = [[number.step(row[place]) for row in rows] for place in columns.steps]
    steps = max(candidates, key=lambda steps: sum(map(_is_whole, steps)), default=[None] * len(rows))
    metrics = [None if columns.metric is None else row[columns.metric] for row in rows]
    return [
        _Point(row.where, step, lr, loss, metric)
        for row, step, (lr, loss), metric in zip(rows, steps, values, metrics, strict=True)
    ]


def _is_whole(step: float | None) -> bool:
    return step is not None and step.is_integer()


def _paired(points: Sequence[_Point]) -> Sequence[_Point]:
    """The points that have an LR and a loss; where these stand in rows of their own, they are joined by the step."""
    alone = next((point for point in points if point.lr is None), None)
    if alone is None:
        return _without_gaps(points)
    if all(point.step is None for point in points):
        raise ValueError(f"{alone.where}: there is a loss but no lr, and no column named step to join rows by")
    joined: dict[float, _Point] = {}
    for point in points:
        if point.step is not None:
            first = joined.get(point.step, point)
            joined[point.step] = replace(
                point,
                lr=_same("lrs", point, first.lr, point.lr),
                loss=_same("losses", point, first.loss, point.loss),
                metric=point.metric if first.metric is None else first.metric,
            )
    both = [point for point in joined.values() if point.lr is not None and point.loss is not None]
    if not both:
        at_lr, at_loss = (
            _some(step for step, point in joined.items() if getattr(point, name) is not None) for name in ("lr", "loss")
        )
        raise ValueError(f"lr and loss share no step (lr at {at_lr}, loss at {at_loss}): log both in one call")
    return both


def _same(what: str, point: _Point, first: float | None, second: float | None) -> float | None:
    """The value that one of two rows has for a step, or both have."""
    if first is None or second is None:
        return second if first is None else first
    if first != second and not (math.isnan(first) and math.isnan(second)):
        raise ValueError(f"{point.where}: step {point.step:.15g} has two {what}, {first!r} and {second!r}")
    return first


def _some(steps: Iterable[float]) -> str:
    listed = [f"{step:.15g}" for step in steps]
    return ", ".join(listed if len(listed) <= 3 else [*listed[:3], "..."]) or "none"


def _without_gaps(points: Sequence[_Point]) -> Sequence[_Point]:
    """The points with a loss, and those after the last one as NaN if all before have one and the steps go on as usual.

    pandas leaves a NaN blank. A log that has the LR more often than the loss leaves losses blank on the way, and one
    with a row for the validation, or for the end of training, has that at another step.
    """
    end = max((index for index, point in enumerate(points, 1) if point.loss is not None), default=0)
    kept = [point for point in points[:end] if point.loss is not None]
    if len(kept) < end:
        return kept
    usual = _usual_distance(kept)
    for point in points[end:]:
        if kept and usual is not None and _distance(kept[-1], point) != usual:
            break
        kept.append(replace(point, loss=math.nan))
    return kept


def _without_repetitions(points: Sequence[_Point]) -> list[_Point]:
    """The points without those that say again what the one before them says, as where two processes write one log.

    The same step at the same LR is one update; two losses of it are of two ranks, or of parts of a batch.
    """
    kept: list[_Point] = []
    for point in points:
        if kept and _is_whole(point.step) and (point.step, point.lr) == (kept[-1].step, kept[-1].lr):
            _same("losses", point, kept[-1].loss, point.loss)
        else:
            kept.append(point)
    return kept


def _distance(early: _Point, late: _Point) -> float:
    """From one step to the next; NaN unless both are whole numbers."""
    steps = [point.step for point in (early, late) if point.step is not None and point.step.is_integer()]
    return steps[1] - steps[0] if len(steps) == 2 else math.nan


def _usual_distance(points: Sequence[_Point]) -> int | None:
    """The median of the distances from one step to a higher one; None if there is no such distance."""
    distances = sorted(distance for early, late in pairwise(points) if (distance := _distance(early, late)) > 0)
    return int(distances[len(distances) // 2]) if distances else None


def _stride(points: Sequence[_Point]) -> int:
    usual = _usual_distance(points)
    return usual if usual is not None and usual <= MAX_STEP else 1


def _rising_lrs(points: Sequence[_Point]) -> list[float]:
    lrs: list[float] = []
    for point in points:
        lr, before = point.lr, lrs[-1] if lrs else 0.0
        if lr is None or not 0.0 < lr < math.inf:
            raise ValueError(f"{point.where}: lr must be finite and > 0, got lr={lr!r}")
        if lr < before:
            raise ValueError(
                f"{point.where}: lr must not fall, got lr={lr!r} after {before!r}: in a range test the LR only rises"
            )
        lrs.append(lr)
    return lrs


def _metrics(columns: Columns, points: Sequence[_Point], number: Numbers) -> list[float] | None:
    """The accuracies, if there is one at every point."""
    if columns.metric is None or any(point.metric is None for point in points):
        return None
    return [number("accuracy", point.where, point.metric) for point in points]
