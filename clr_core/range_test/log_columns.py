"""Which column of a training log holds what, by the names that trainers and loggers give them.

A name is read as a set of words: ``train/loss_step`` is train, loss, step. It has a role if one of them is the role's
own word and the others may stand beside it; of several such names, the plainest is taken.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

_TRAINING = {"train", "trainer", "training", "batch", "step", "iter", "raw", "running", "total", "metrics"}
_VALIDATION = {"val", "valid", "validation", "eval", "evaluation", "test", "dev"}
_AVERAGED = {"epoch", "mean", "avg", "average"}
_GROUP = re.compile(r"(?:pg|group)?(\d+)")
_LIGHTNING = re.compile(r"lr-(?P<optimizer>[A-Za-z]\w*)(?P<number>-\d+)?(?:/pg(?P<group>\d+))?(?P<momentum>-momentum)?")


@dataclass(frozen=True)
class _Role:
    own: set[str]
    beside: set[str]


_LR = _Role({"lr", "lrs"}, _TRAINING | {"optimizer", "optim", "opt", "scheduler", "current", "epoch", "param", "group"})
_LOSS = _Role({"loss", "losses"}, _TRAINING | _VALIDATION | _AVERAGED)
_METRIC = _Role(
    {"accuracy", "acc"}, _TRAINING | _VALIDATION | _AVERAGED | {"binary", "categorical", "sparse", "multiclass", "top1"}
)
_STEP = _Role(
    {"step", "steps", "iteration", "iterations", "iter", "iters", "update", "updates"},
    {"global", "train", "trainer", "training", "optimizer", "n", "num"},
)
LABELS = ("optimizer", "momentum", "stop_reason", "steps_per_point")


@dataclass(frozen=True)
class Columns:
    """Where in a row to look; None where there is no such column.

    Attributes:
        lr: The LR of the first parameter group.
        loss: The training loss, or else the validation loss.
        metric: An accuracy.
        step: The number of optimizer updates.
        labels: The places of those of ``LABELS`` that there are.
        optimizer: The optimizer in the name of the LR's column, as Lightning writes it.
    """

    lr: int
    loss: int
    metric: int | None
    step: int | None
    labels: Mapping[str, int]
    optimizer: str | None

    @property
    def places(self) -> list[int]:
        """All of them, in the order of the header."""
        places = {self.lr, self.loss, self.metric, self.step, *self.labels.values()}
        return sorted(place for place in places if place is not None)


def find_columns(header: Sequence[str]) -> Columns:
    """The columns of a log with this header.

    Raises:
        ValueError: No column has the LR or the loss, or several have the same name for it.
    """
    # Weights & Biases puts the run's name before each column and adds the extremes of what it left out.
    names = [name.strip().rpartition(" - ")[2].strip() for name in header]
    words = [() if name.endswith(("__MIN", "__MAX")) else _words(name) for name in names]
    labels = {"_".join(found): place for place, found in enumerate(words) if "_".join(found) in LABELS}
    lr, optimizer = _lightning(names, labels)
    if lr is None:
        lr = _plainest(header, words, _LR, "lr or learning_rate")
    loss = _plainest(header, words, _LOSS, "loss")
    if lr is None or loss is None:
        wanted = "lr or learning_rate" if lr is None else "loss"
        raise ValueError(f"no column named {wanted} among {', '.join(header)[:300] or 'none at all'}")
    metric, step = (_plainest(header, words, role, what) for role, what in ((_METRIC, "accuracy"), (_STEP, "step")))
    return Columns(lr, loss, metric, step, labels, optimizer)


def _words(name: str) -> tuple[str, ...]:
    text = re.sub(r"learning[ _-]?rate", "lr", name.lower())
    return tuple(re.findall(r"[^\W_]+", text))


def _plainest(header: Sequence[str], words: Sequence[tuple[str, ...]], role: _Role, what: str) -> int | None:
    """The place of the column that has the role with the fewest words beside it, and those of training first."""
    found: dict[int, tuple[object, ...]] = {}
    for place, present in enumerate(words):
        groups = [match for word in present if (match := _GROUP.fullmatch(word))] if role is _LR else []
        others = set(present) - role.own - {match[0] for match in groups}
        if others < set(present) - {match[0] for match in groups} and others <= role.beside:
            group = max((int(match[1]) for match in groups), default=0)
            found[place] = (
                bool(others & _VALIDATION),
                bool(others & _AVERAGED) and role is not _LR,
                group,
                role is _STEP and "global" not in others,
                len(present),
            )
    if not found:
        return None
    best = min(found, key=found.__getitem__)
    same = [header[place] for place in found if sorted(words[place]) == sorted(words[best])]
    if len(same) > 1 and role in (_LR, _LOSS):
        raise ValueError(f"{len(same)} columns could be {what}: {', '.join(same)}; keep those of one run")
    return best


def _lightning(names: Sequence[str], labels: dict[str, int]) -> tuple[int | None, str | None]:
    """The column ``lr-AdamW`` or ``lr-AdamW/pg1`` of Lightning's LearningRateMonitor, and its optimizer.

    For an SGD, ``lr-SGD-momentum`` becomes the label momentum where there is none.
    """
    places: dict[str, dict[int, int]] = {}
    momenta: dict[str, int] = {}
    for place, name in enumerate(names):
        match = _LIGHTNING.fullmatch(name)
        if match:
            optimizer = match["optimizer"] + (match["number"] or "")
            if match["momentum"]:
                momenta.setdefault(optimizer, place)
            else:
                places.setdefault(optimizer, {})[int(match["group"] or 0)] = place
    if len(places) > 1:
        raise ValueError(f"the LRs of {len(places)} optimizers, {', '.join(places)}: keep the column of one")
    for optimizer, groups in places.items():
        name = optimizer.partition("-")[0]
        if name == "SGD" and optimizer in momenta:
            labels.setdefault("momentum", momenta[optimizer])
        return groups[min(groups)], name
    return None, None
