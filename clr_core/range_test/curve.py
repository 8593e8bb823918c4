"""The record of a range test: what the loss was at each learning rate."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from os import PathLike
from reprlib import repr  # hostile values nest without end
from typing import TYPE_CHECKING, Any

from clr_core import check
from clr_core.range_test.smoothing import looks_smoothed

if TYPE_CHECKING:
    from clr_core.views.scene import Scene

STOP_REASONS = ("completed", "diverged", "non_finite", "interrupted")

INFINITE = 1e100
"""Losses and metrics from there on count as infinite, so that sums and squares of the others are finite."""


@dataclass(frozen=True)
class LRCurve:
    """Loss (and optionally accuracy) against learning rate, point by point in the order they were recorded.

    Args:
        lrs: The LR of each point, finite and > 0, never falling.
        losses: The loss of each point, any float: a NaN or an infinity is part of what happened.
        metrics: A figure that is better when higher, usually the accuracy, or None.
        optimizer: The optimizer's class name as its framework spells it ("SGD", "AdamW"), where known;
            the best bounds depend on it.
        momentum: Whether an optimizer that is SGD has momentum (True) or not (False), where known; None for
            any other. The best bounds depend on it too.
        stop_reason: ``"completed"``, ``"diverged"``, ``"non_finite"``, ``"interrupted"`` or None.
        steps_per_point: Optimizer updates from one point to the next, an int >= 1: 10 for a log of every 10th update.

    Raises:
        TypeError: An argument is of the wrong kind.
        ValueError: The lengths differ, an LR is not > 0, or the LRs fall.

    Example:
        >>> import clr_core
        >>> curve = clr_core.LRCurve([0.001, 0.01, 0.1], [2.3, 1.7, 9.0], optimizer="SGD")
        >>> curve
        LRCurve(3 points, lr 0.001 to 0.1, optimizer='SGD')
    """

    lrs: tuple[float, ...]
    losses: tuple[float, ...]
    metrics: tuple[float, ...] | None = None
    optimizer: str | None = field(default=None, kw_only=True)
    momentum: bool | None = field(default=None, kw_only=True)
    stop_reason: str | None = field(default=None, kw_only=True)
    steps_per_point: int = field(default=1, kw_only=True)

    def __init__(
        self,
        lrs: Iterable[float],
        losses: Iterable[float],
        metrics: Iterable[float] | None = None,
        *,
        optimizer: str | None = None,
        momentum: bool | None = None,
        stop_reason: str | None = None,
        steps_per_point: int = 1,
    ) -> None:
        stored: dict[str, Any] = {
            "lrs": _floats("lrs", lrs),
            "losses": _floats("losses", losses),
            "metrics": None if metrics is None else _floats("metrics", metrics),
            "optimizer": optimizer,
            "momentum": momentum,
            "stop_reason": stop_reason,
            "steps_per_point": check.whole("steps_per_point", steps_per_point),
        }
        for name, value in stored.items():
            object.__setattr__(self, name, value)
        for name, values in (("losses", self.losses), ("metrics", self.metrics)):
            if values is not None and len(values) != len(self.lrs):
                raise ValueError(
                    f"{name} must have the length of lrs, got {len(values)} {name} for {len(self.lrs)} lrs"
                )
        before = 0.0
        for index, lr in enumerate(self.lrs):
            if not 0.0 < lr < math.inf:
                check.real(f"lrs[{index}]", lr, above=0.0)
            if lr < before:
                raise ValueError(
                    f"lrs must not fall, got lrs[{index}]={lr!r} after {before!r}: in a range test the LR only rises"
                )
            before = lr
        if optimizer is not None and not isinstance(optimizer, str):
            raise TypeError(f"optimizer must be a str or None, got optimizer={repr(optimizer)}")
        if momentum is not None and not isinstance(momentum, bool):
            raise TypeError(f"momentum must be a bool or None, got momentum={repr(momentum)}")
        if stop_reason is not None:
            check.choice("stop_reason", stop_reason, STOP_REASONS)

    def __len__(self) -> int:
        return len(self.lrs)

    def __repr__(self) -> str:
        parts = ["1 point" if len(self) == 1 else f"{len(self)} points"]
        if self.lrs:
            parts.append(f"lr {self.lrs[0]:.4g} to {self.lrs[-1]:.4g}")
        for name, default in (("optimizer", None), ("momentum", None), ("stop_reason", None), ("steps_per_point", 1)):
            if getattr(self, name) != default:
                parts.append(f"{name}={getattr(self, name)!r}")
        if self.metrics is not None:
            parts.append("with metrics")
        return f"LRCurve({', '.join(parts)})"

    @property
    def finite_points(self) -> int:
        """How many points there are before the first loss that is not finite.

        A loss beyond 1e100 counts as infinite.
        """
        return next((i for i, loss in enumerate(self.losses) if not abs(loss) < INFINITE), len(self))

    @property
    def decades(self) -> float:
        """How far the LR rises from the first point to the last, ``log10(last / first)``; 0.0 without points."""
        return math.log10(self.lrs[-1]) - math.log10(self.lrs[0]) if self.lrs else 0.0

    @property
    def looks_smoothed(self) -> bool:
        """Whether the losses look like running averages, which lag behind: see ``smoothing.looks_smoothed``."""
        count = self.finite_points
        return looks_smoothed(self.losses[:count])

    def to_csv(self, path: str | PathLike[str]) -> None:
        """Write a header and a line for each point: lr, loss and, where known, accuracy and the labels.

        The labels are optimizer, momentum, stop_reason and a steps_per_point other than 1. ``from_csv`` reads
        back the same floats. An existing file is replaced in one step: nobody sees half a curve.

        Raises:
            OSError: The file cannot be written; an existing one is unchanged.
        """
        from clr_core.range_test import curve_files

        curve_files.write_csv(path, self._fields())

    @classmethod
    def from_csv(cls, path: str | PathLike[str]) -> LRCurve:
        """The curve in a CSV file with a header: one of ``to_csv``, or a training log of another program.

        Reads what Lightning, Keras, Weights & Biases, TensorBoard, pandas and Excel write: any of ``,``, ``;``, tab,
        ``|`` or spaces between the columns, decimal commas, comments (``#``), blank lines and empty columns. Columns
        are found by their usual names, upper or lower case:

        * the LR: ``lr``, ``learning_rate``, ``train/lr``, ``lr-AdamW`` (which names the optimizer too), ``lr/pg1``;
        * the loss: ``loss``, ``train_loss``, ``train/loss``, ``train_loss_step``, ...; totals and averages, and then
          the validation loss, if there is no other;
        * where they exist an accuracy, ``step``, ``optimizer``, ``momentum``, ``stop_reason``, ``steps_per_point``,
          and ``run``, ``run_id``, ``mode``, ``phase`` or ``split``.

        All is of one run, and rows of its validation are left out. LR and loss in separate rows are joined by their
        step, rows without both are left out, rows with LR 0 at the beginning too. Losses that are blank only at the
        end are NaN, as pandas writes it, where the steps go on as before; so is a loss of 0 whose ``grad_norm`` is not
        finite, as Hugging Face writes it. Steps may have marks between thousands.
        Without a column of that name ``steps_per_point`` is the usual distance from one step to the next.

        Raises:
            OSError: The file cannot be read.
            ValueError: A column is missing or may be one of several, has a scale (``lr (%)``) or a bad value, there
                are two optimizers or runs, LR and loss share no step or a step has two, a number such as ``1,231``
                may be whole or not, or the LR falls, so that this is no range test; the message has the line.
        """
        from clr_core.range_test import curve_files

        return cls._of(path, curve_files.read_csv(path))

    def to_json(self, path: str | PathLike[str]) -> None:
        """Write the curve as one JSON object; NaN and infinities become the strings "nan" and "inf".

        An existing file is replaced in one step, as in ``to_csv``.

        Raises:
            OSError: The file cannot be written; an existing one is unchanged.
        """
        from clr_core.range_test import curve_files

        curve_files.write_json(path, self._fields())

    @classmethod
    def from_json(cls, path: str | PathLike[str]) -> LRCurve:
        """The curve in a JSON file: one of ``to_json``, or a training log of another program.

        Reads Hugging Face's ``trainer_state.json``, the histories of torch-lr-finder, fastai, Keras and Lightning's
        finder (``{"lr": [...], "loss": [...]}``), lists of records and JSON lines. Names and rules are those of
        ``from_csv``.

        Raises:
            OSError: The file cannot be read.
            ValueError: There is no curve in it; the message says why.
        """
        from clr_core.range_test import curve_files

        return cls._of(path, curve_files.read_json(path))

    @classmethod
    def _of(cls, path: str | PathLike[str], fields: dict[str, Any]) -> LRCurve:
        try:
            return cls(**fields)
        except (ValueError, TypeError) as error:
            raise ValueError(f"{path}: {error}") from error

    def _fields(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__dataclass_fields__}

    def scene(self) -> Scene:
        """What there is to draw: the finite losses, raw and smoothed, and the smoothed metric."""
        from clr_core.range_test.picture import scene_of_losses

        count = self.finite_points
        metrics = self.metrics and self.metrics[:count]
        if metrics and not all(abs(metric) < INFINITE for metric in metrics):
            metrics = None
        return scene_of_losses(self.lrs[:count], self.losses[:count], metrics)

    def plot(self, path: str | PathLike[str] | None = None, *, ax: Any = None) -> Any:
        """A matplotlib figure of the loss, raw and smoothed, against the LR.

        Args:
            path: Where to save it; its ending names the format.
            ax: Axes to draw into, in place of a new figure.

        Raises:
            ModuleNotFoundError: matplotlib is not installed.
        """
        from clr_core.views.figure import figure_of

        return figure_of(self.scene(), path, ax)


def _floats(name: str, values: Iterable[float]) -> tuple[float, ...]:
    if isinstance(values, str | bytes) or not isinstance(values, Iterable):
        raise TypeError(f"{name} must be numbers, got {name}={repr(values)}")
    result = []
    for index, value in enumerate(values):
        if type(value) is float:
            result.append(value)
            continue
        if isinstance(value, bool | str | bytes) or not hasattr(value, "__float__"):
            raise TypeError(f"{name} must be numbers, got {name}[{index}]={repr(value)}")
        try:
            result.append(float(value))
        except (TypeError, ValueError):  # an array, or a tensor, of several
            raise TypeError(f"{name} must be numbers, got {name}[{index}]={repr(value)}") from None
        except OverflowError:
            raise ValueError(f"{name} must be within the range of a float, {name}[{index}] is not") from None
    return tuple(result)
