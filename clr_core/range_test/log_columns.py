"""Which column of a training log holds what, by the names that trainers and loggers give them.

A name is read as a set of words: ``train/loss_step`` is train, loss, step. It has a role if one of them is the role's
own word and the others may stand beside it; of several such names, the plainest is taken. What stands before `` - `` is
the run, as Weights & Biases writes it: LR and loss must be of one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

_TRAINING = {"train", "trainer", "training", "metrics"}
_VALIDATION = {"val", "valid", "validation", "eval", "evaluation", "test", "dev"}
_LATER = {"total": 1} | dict.fromkeys(("running", "epoch", "mean", "avg", "average"), 2)
"""Words of losses that are sums or averages: the higher, the later they are taken."""
_BESIDE = _TRAINING | {"batch", "step", "iter", "raw", "total"}
_GROUP = re.compile(r"(?:pg|group)(\d+)|(\d)")
_SCALE_SIGN = re.compile(r"[%\u2030*\u00d7^]")
_SCALE = re.compile(r"x\d+|\d+e\d*|\d{2,}")
_LIGHTNING = re.compile(r"lr-(?P<optimizer>[A-Za-z]\w*)(?P<number>-\d+)?(?:/pg(?P<group>\d+))?(?P<momentum>-momentum)?")
_CLASS = re.compile(
    r"[A-Z]\w*|\w*(?:adam|sgd|rmsprop|adagrad|adadelta|adafactor)\w*|"
    r"lion|lamb|lars|yogi|adan|adopt|adabelief|amsgrad|novograd"
)
"""What may be an optimizer: the name of a class, or a usual one in lower case."""


@dataclass(frozen=True)
class _Role:
    what: str
    own: set[str]
    beside: set[str]
    plain: bool = True


_LR = _Role(
    "lr or learning_rate",
    {"lr", "lrs"},
    _BESIDE | {"optimizer", "optim", "opt", "scheduler", "current", "epoch", "param", "group"},
)
_LOSS = _Role("loss", {"loss", "losses"}, _BESIDE | _VALIDATION | set(_LATER))
_METRIC = _Role(
    "accuracy",
    {"accuracy", "acc"},
    _LOSS.beside | {"binary", "categorical", "sparse", "multiclass", "top1"},
    plain=False,
)
_STEP = _Role(
    "step",
    {"step", "steps", "iteration", "iterations", "iter", "iters", "update", "updates"},
    {"global", "train", "trainer", "training", "optimizer", "n", "num"},
)
_UPDATES = {"step", "steps", "update", "updates"}
"""What counts the updates, where an iteration beside it may be one of several batches to an update, as in LitGPT."""
LABELS = ("optimizer", "momentum", "stop_reason", "steps_per_point")
_RUNS = {"run", "run_id", "run_uuid", "run_name", "experiment", "trial", "trial_id", "mode", "phase", "split"}
_NORMS = {"grad_norm", "train_grad_norm"}
_MOST_STEPS = 4
"""So many columns of steps are looked at, however many there are."""


@dataclass(frozen=True)
class Columns:
    """Where in a row to look; None where there is no such column.

    Attributes:
        lr: The LR of the first parameter group.
        loss: The training loss, or else the validation loss.
        metric: An accuracy.
        steps: Those that may be the number of optimizer updates, the likeliest first.
        runs: Those that say which run a row is of, or whether of its training or its validation.
        norms: Those of the norm of the gradient, as Hugging Face logs it.
        labels: The places of those of ``LABELS`` that there are.
        optimizer: The optimizer in the name of the LR's column, as Lightning writes it.
    """

    lr: int
    loss: int
    metric: int | None
    steps: tuple[int, ...]
    runs: tuple[int, ...]
    norms: tuple[int, ...]
    labels: Mapping[str, int]
    optimizer: str | None

    @property
    def places(self) -> list[int]:
        """All of them, in the order of the header."""
        places = {self.lr, self.loss, self.metric, *self.steps, *self.runs, *self.norms, *self.labels.values()}
        return sorted(place for place in places if place is not None)


@dataclass(frozen=True)
class _Name:
    """The name of a column: its run, whether that is of a validation, the rest and the words of that."""

    prefix: str = ""
    run: tuple[str, ...] = ()
    validation: bool = False
    rest: str = ""
    words: tuple[str, ...] = ()

    @classmethod
    def of(cls, header: str) -> _Name:
        prefix, _, rest = header.strip().rpartition(" - ")
        rest = rest.strip()
        if rest.endswith(("__MIN", "__MAX")):  # Weights & Biases adds the extremes of what it left out
            return cls()
        words = _words(re.sub(r"learning[ _-]?rate", "lr", rest.lower()))
        return cls(prefix.strip(), run_of(prefix), is_validation(prefix), rest, tuple(words))

    def rank(self, role: _Role) -> tuple[int, ...] | None:
        """How plainly the name says this role, lower is plainer; None if it does not."""
        groups = [match for word in self.words if (match := _GROUP.fullmatch(word))] if role is _LR else []
        words = set(self.words) - {match[0] for match in groups}
        others = words - role.own
        if others == words or not others <= role.beside or (role.plain and _SCALE_SIGN.search(self.rest)):
            return None
        return (
            self.validation or bool(others & _VALIDATION),
            max((_LATER.get(word, 0) for word in others), default=0),
            max((int(match[1] or match[2]) for match in groups), default=0),
            role is _STEP and "global" not in others,
            role is _STEP and words.isdisjoint(_UPDATES),
            len(self.words),
        )

    def unscaled(self) -> _Name:
        """The name without the signs and numbers of a scale, as in ``lr (%)`` and ``lr x1000``."""
        if not _SCALE_SIGN.search(self.rest) and not any(map(_SCALE.fullmatch, self.words)):
            return self
        plain = tuple(word for word in self.words if not word.removeprefix("x")[:1].isdigit())
        return replace(self, rest="", words=plain)

    @property
    def monitored(self) -> re.Match[str] | None:
        """The parts of a name that Lightning's LearningRateMonitor writes and that has no role by its words."""
        return _LIGHTNING.fullmatch(self.rest) if self.rank(_LR) is None else None


def run_of(text: str) -> tuple[str, ...]:
    """What tells one run from another: its name but for the words of training and validation.

    TensorBoard's ``fit/train``, ``fit/validation`` and ``fit/metrics`` are one.
    """
    return tuple(word for word in _words(text.lower()) if word not in _TRAINING | _VALIDATION)


def is_validation(text: str) -> bool:
    """Whether a run, or a mode, is that of a validation."""
    return not _VALIDATION.isdisjoint(_words(text.lower()))


def find_columns(header: Sequence[str]) -> Columns:
    """The columns of a log with this header.

    Raises:
        ValueError: No column has the LR or the loss, several could be it, it has a scale, or there are several runs.
    """
    names = [_Name.of(text) for text in header]
    names = _of_runs(names, _runs_with_both(names))
    labels = _places(names, LABELS)
    lr, optimizer = _lr(header, names, labels)
    loss = _plainest(header, names, _LOSS)
    if lr is None or loss is None:
        wanted = _LR if lr is None else _LOSS
        raise ValueError(f"no column named {wanted.what} among {', '.join(header)[:300] or 'none at all'}")
    of_lr, of_loss = names[lr], names[loss]
    if of_lr.run and of_loss.run and of_lr.run != of_loss.run:
        raise ValueError(f"the lr is of run {of_lr.prefix}, the loss of run {of_loss.prefix}: both must be of one")
    names = _of_runs(names, {of_lr.run, of_loss.run})
    steps = sorted(ranks := _ranks(names, _STEP), key=ranks.__getitem__)[:_MOST_STEPS]
    runs, norms = (tuple(_places(names, wanted).values()) for wanted in (_RUNS, _NORMS))
    return Columns(lr, loss, _plainest(header, names, _METRIC), tuple(steps), runs, norms, labels, optimizer)


def _words(text: str) -> list[str]:
    return re.findall(r"[^\W_]+", text)


def _places(names: Sequence[_Name], wanted: Iterable[str]) -> dict[str, int]:
    """The places of the columns whose whole names are wanted."""
    return {found: place for place, name in enumerate(names) if (found := "_".join(name.words)) in wanted}


def _of_runs(names: Sequence[_Name], runs: set[tuple[str, ...]]) -> list[_Name]:
    """The names of these runs, or of none; the others are left blank. All if there are no runs."""
    return [name if not runs or name.run in runs or not name.run else _Name() for name in names]


def _runs_with_both(names: Sequence[_Name]) -> set[tuple[str, ...]]:
    """The run that has an LR and a loss, if there is one."""
    prefixes = {name.run: name.prefix for name in names if name.rank(_LR) or name.monitored}
    both = prefixes.keys() & {name.run for name in names if name.rank(_LOSS)}
    if len(both) > 1:
        found = ", ".join(sorted(prefixes[run] or "one without a name" for run in both))
        raise ValueError(f"lr and loss of {len(both)} runs, {found}: keep the columns of one")
    return both


def _ranks(names: Sequence[_Name], role: _Role) -> dict[int, tuple[int, ...]]:
    return {place: rank for place, name in enumerate(names) if (rank := name.rank(role)) is not None}


def _plainest(header: Sequence[str], names: Sequence[_Name], role: _Role) -> int | None:
    """The place of the column that has the role with the fewest words beside it, and those of training first."""
    found = _ranks(names, role)
    if not found:
        scaled = next((place for place, name in enumerate(names) if name.unscaled().rank(role)), None)
        if scaled is not None and role in (_LR, _LOSS):
            plain = "LRs" if role is _LR else "losses"
            raise ValueError(f"{header[scaled].strip()!r} has a unit or scale: write plain {plain}")
        return None
    best = min(found, key=found.__getitem__)
    same = [
        header[place].strip()
        for place, rank in found.items()
        if rank == found[best] and (role is _LOSS or sorted(names[place].words) == sorted(names[best].words))
    ]
    if len(same) > 1 and role in (_LR, _LOSS):
        raise ValueError(f"{len(same)} columns could be {role.what}: {', '.join(same)}; keep one of them")
    return best


def _lr(header: Sequence[str], names: Sequence[_Name], labels: dict[str, int]) -> tuple[int | None, str | None]:
    """The place of the LR, and the optimizer if the column is named as by Lightning: ``lr-AdamW``, ``lr-AdamW/pg1``.

    For an SGD, ``lr-SGD-momentum`` becomes the label momentum where there is none.
    """
    places: dict[str, dict[int, int]] = {}
    momenta: dict[str, int] = {}
    for place, name in enumerate(names):
        if match := name.monitored:
            optimizer = match["optimizer"] + (match["number"] or "")
            if match["momentum"]:
                momenta.setdefault(optimizer, place)
            else:
                places.setdefault(optimizer, {})[int(match["group"] or 0)] = place
    optimizers = {key: groups for key, groups in places.items() if _CLASS.fullmatch(key.partition("-")[0])}
    if not optimizers and (not places or _ranks(names, _LR)):
        return _plainest(header, names, _LR), None
    if len(optimizers or places) > 1:
        raise ValueError(f"the LRs of {len(places)} optimizers, {', '.join(places)}: keep the column of one")
    ((optimizer, groups),) = (optimizers or places).items()
    class_name = optimizer.partition("-")[0]
    if class_name == "SGD" and optimizer in momenta:
        labels.setdefault("momentum", momenta[optimizer])
    return groups[min(groups)], class_name if optimizers else None
