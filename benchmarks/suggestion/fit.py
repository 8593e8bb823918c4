"""Fit the constants of the rule, clr_core/bounds/constants.py, to the development tasks.

    python benchmarks/suggestion/fit.py [--write VERSION] [--check] [--limit] [--quick]

Minimises, by gradient descent, the mean regret over all curves and schedules at both budgets, with some weight on the
share above 0.2 and on the share that is not within 10 % of the best loss. Takes the best of several random starts, and
prints what the same fit loses on tasks that are left out, a fifth of them in turn; the confidence is then fitted to
what those left-out suggestions lose. --write puts the constants into the module, with their provenance; run golden.py
after it, then score.py once, whose calibration and mean regret go into the file with its own --write. --check says
whether the module still follows from the recordings: that they are the ones it was fitted to, that nobody has edited
its numbers, and that they lose on the recordings what they lost when they were written; in a minute. Held-out tasks
are read with --limit only: what a rule of this form could reach at most there. A quarter of an hour on one core.
Needs jax, optax and scikit-learn.
"""

from __future__ import annotations

import argparse
import platform
import sys
from collections.abc import Iterable, Iterator, Sequence
from importlib.metadata import version
from itertools import islice
from typing import Any, NamedTuple

import constants_file
import jax
import jax.numpy as jnp
import numpy as np
import optax
import peers
from modern import pairs as modern
from recorded import APART, BUDGETS, CLOSE, DEVELOPMENT, DRAWN, HELD_OUT, LENGTHS, SCHEDULES, pairs
from score import stopped
from sklearn.linear_model import LogisticRegression

from clr_core.bounds.confidence import confidence_features
from clr_core.bounds.features import (
    FAMILIES,
    TYPICAL_EPOCHS,
    TYPICAL_PASSES,
    TYPICAL_STEPS,
    families_of,
    landmark_features,
    passes,
)
from clr_core.bounds.landmarks import Landmarks
from clr_core.bounds.network import highest
from clr_core.bounds.suggest import reading_of
from clr_core.schedules.plan import exact_plan

FEATURES = ("half_fall", "divergence", "signal_to_noise", "relative_fall", "test_length",
            "passes", "epochs", "total_steps")  # fmt: skip
"""Those of clr_core/bounds/features.py, in its order."""

OTHER_SHARE, QUARTER_SHARE = 0.15, 0.5
"""Weights of linear ramps, of the longest tests and of small networks' validation losses, of which one seed stands for
all, and of the short budget. Where a linear ramp of these recordings ends follows from the best LR; a rule that listens
to it does worse where nobody knows that."""

UNITS, STARTS, DECAY, ABOVE, FAR = 24, 4, 5e-4, 0.2, 0.5
"""Units of the network, starts of the descent, weight of the squares, of the share above 0.2 and of the share further
than 10 % from the best loss."""

STEPS, BATCH, LR = 3000, 3072, 0.02
"""Of the descent: updates of Adam with cosine decay, curves in a batch, and the peak LR."""

ABOVE_WIDTH, FAR_WIDTH = 0.04, 0.05
"""How softly these shares are counted: in regret, and in the logarithm of the loss."""

FADED = 0.1
"""Units smaller than that, in decades, are replaced by their mean output."""

DRAWN_WEIGHT = 3.0
"""Of the randomly sampled tasks, beside those that somebody chose."""

KIND_WEIGHTS = {"small": 0.75, "larger": 0.07, "pretrained": 0.12, "long": 0.06}
"""Of all curves of a kind of training. People fine-tune more than they train small networks, but of the other kinds few
pairs are recorded yet, and the fit would follow their peculiarities: drawn tasks left out lose 0.042 with a weight of
0.4 on the small ones, 0.037 with 0.75."""

KNOWN_EPOCHS, OF_EPOCHS = 0.7, slice(-3, -1)
"""The share of training runs whose epochs are given in the fit, and where the features are that follow from them."""

UNKNOWN_EPOCHS = np.log10([TYPICAL_PASSES, TYPICAL_EPOCHS])
ENDLESS = 1e12
"""The updates of an epoch of data that never repeats."""

PARTS = 5
"""Each in turn is left out."""

LEAST_LOSS = 1e-9
"""Smaller losses count as that where logarithms are taken."""

MODERN = "modern"
"""The folder of larger, pretrained and long training runs."""

FITTED = (*DEVELOPMENT, MODERN)

PEAKS = 32
"""LRs at which the outcome is read: those of a grid and of one below."""

TRANSFORMERS = ("transformer", "gpt", "encoder", "masked", "vit")
"""How the names of tasks begin that have one."""

QUICK_PAIRS = 21
"""The task-optimizer pairs of the first three tasks of a folder."""


class Curves(NamedTuple):
    """Every curve of a set of tasks that allows a suggestion, and how the training runs of its task ended.

    Attributes:
        folder: Of the task's recording, or the kind of those in modern/.
        task: Name of the task.
        row: Kind of ramp and length, "exponential 100".
        confidence: The features of the confidence, (curves, features).
        x: Features, (curves, budgets, features), log10.
        family: Of the optimizer, (curves, families), 0 or 1.
        rise: log10 of the LR at which the loss rises.
        limit: log10 of the highest LR that the rule may suggest: the last, or lower where the cap holds.
        share: Weight of the curve.
        grid: log10 of the lowest peak LR.
        losses: (curves, schedules, budgets, peaks).
        before: Loss before training.
        peers: log10 of what the rule of each peer says, (curves, rules); of the recordings in modern/, else nan.
    """

    folder: Any
    task: Any
    row: Any
    confidence: Any
    x: Any
    family: Any
    rise: Any
    limit: Any
    share: Any
    grid: Any
    losses: Any
    before: Any
    peers: Any


class Source(NamedTuple):
    """One task with one optimizer and up to two budgets, wherever it was recorded."""

    folder: str
    pair: Any
    budgets: Sequence[Any]
    share: float


def sources(folders: Iterable[str], quick: bool) -> Iterator[Source]:
    """The pairs of some folders of recordings."""
    for folder in folders:
        if folder == MODERN:
            for pair in islice(modern.pairs(modern.DEVELOPMENT), QUICK_PAIRS // 7 if quick else None):
                for budget in pair.budgets:
                    yield Source(pair.labels.kind, pair, (budget, budget), 1 / len(pair.budgets))
        else:
            for small in islice(pairs(folder), QUICK_PAIRS if quick else None):
                yield Source(folder, small, BUDGETS, DRAWN_WEIGHT if folder == DRAWN else 1.0)


def log_budget(pair: Any, budget: Any) -> tuple[float, float]:
    """The epochs and the updates, log10; of data that never repeats, one epoch."""
    steps, epoch = pair.total_steps(budget), pair.steps_per_epoch
    return float(np.log10(max(steps / (epoch or np.inf), 1.0))), float(np.log10(steps))


def read(folders: Iterable[str], quick: bool) -> Curves:
    """The curves of the tasks of these folders."""
    rows: list[tuple[Any, ...]] = []
    for source in sources(folders, quick):
        pair = source.pair
        truths = [[pair.truth(schedule, budget) for budget in source.budgets] for schedule in SCHEDULES]
        budgets = [log_budget(pair, budget) for budget in source.budgets]
        plan = exact_plan(pair.total_steps(source.budgets[0]), pair.steps_per_epoch)
        known = exact_plan(plan.total_steps, pair.steps_per_epoch or ENDLESS)
        # As many peaks for every pair, whether it has a lower grid or not.
        highest_peak = max(truth.lrs[-1] for of_schedule in truths for truth in of_schedule)
        peaks = highest_peak * APART ** np.arange(1.0 - PEAKS, 1.0)
        losses = [[[truth.loss(lr) for lr in peaks] for truth in of_schedule] for of_schedule in truths]
        for row, mode, curves, usual in read_of(source):
            share = source.share * (1.0 if usual else OTHER_SHARE * len(curves))
            for curve in curves if usual else curves[:1]:
                marks = reading_of(stopped(curve, "linear" if mode == "linear" else "exponential"))
                if not isinstance(marks, Landmarks):
                    continue
                families = families_of(curve)
                of_curve = (*landmark_features(marks), np.log10(passes(marks, known)))
                rows.append(
                    (
                        source.folder,
                        pair.task,
                        row,
                        confidence_features(marks, families, plan),
                        [[*of_curve, *budget] for budget in budgets],
                        [float(family in families) for family in FAMILIES],
                        np.log10(marks.rise_lr),
                        np.log10(highest(marks, families)),
                        share,
                        np.log10(peaks[0]),
                        losses,
                        truths[0][0].before,
                        _peers(curve) if source.folder in KIND_WEIGHTS else [np.nan] * len(peers.RULES),
                    )
                )
    curves = Curves(*(np.array(column) for column in zip(*rows, strict=True)))
    return curves._replace(share=curves.share * kind_factors(curves))


def read_of(source: Source) -> Iterator[tuple[str, str, Any, bool]]:
    """The range tests of a pair: the row and the mode, the curve of each seed, and whether all of these count in full.

    After those of the batches' losses, those of the validation loss.
    """
    for (mode, length), curves in source.pair.curves.items():
        yield f"{mode} {length}", mode, curves, mode != "linear" and length < max(LENGTHS)
    for (mode, length), curves in source.pair.validation_curves.items():
        yield f"validation, {mode} {length}", mode, curves, source.folder in KIND_WEIGHTS


def _peers(curve: Any) -> list[float]:
    """log10 of what each peer says; where one refuses, so little that nothing is learned."""
    return [np.log10(rule(curve.lrs, curve.losses) or 1e-30) for rule in peers.RULES.values()]


def kind_factors(curves: Curves) -> Any:
    """What brings the curves of each kind to its weight; one is the mean over all."""
    kinds = np.array([folder if folder in KIND_WEIGHTS else "small" for folder in curves.folder])
    factors = np.ones(len(kinds))
    for kind, weight in KIND_WEIGHTS.items():
        of_kind = kinds == kind
        if of_kind.any():
            factors[of_kind] = weight * len(kinds) / curves.share[of_kind].sum()
    return factors


def loss_at(curves: Curves, log_lr: Any) -> Any:
    """Loss at log10 LRs (curves, schedules, budgets); above the grid that of its highest LR."""
    place = _place(curves, log_lr)
    inside = jnp.clip(place, 0.0, PEAKS - 1.0)
    index = jnp.minimum(inside.astype(int), PEAKS - 2)[..., None]
    low, high = (jnp.take_along_axis(jnp.asarray(curves.losses), i, -1)[..., 0] for i in (index, index + 1))
    loss = low + (high - low) * (inside - index[..., 0])
    before = curves.before[:, None, None]
    return jnp.where(place < 0, before - (before - curves.losses[..., 0]) * APART ** jnp.minimum(place, 0.0), loss)


def regret(curves: Curves, log_lr: Any) -> Any:
    """Regret at log10 LRs (curves, schedules, budgets); above the grid it grows on, so that the descent finds back."""
    best = curves.losses.min(-1)
    lost = (loss_at(curves, log_lr) - best) / (curves.before[:, None, None] - best)
    return lost + 0.05 * jnp.maximum(_place(curves, log_lr) - (PEAKS - 1.0), 0.0)


def excess(curves: Curves, log_lr: Any) -> Any:
    """The logarithm of the loss at log10 LRs against the highest that is close to the best: positive beyond."""
    best = curves.losses.min(-1)
    return jnp.log(jnp.maximum(loss_at(curves, log_lr), LEAST_LOSS) / jnp.maximum(CLOSE * best, LEAST_LOSS))


def _place(curves: Curves, log_lr: Any) -> Any:
    """Where log10 LRs lie in the grid, counted in its peaks."""
    return (log_lr - curves.grid[:, None, None]) / np.log10(APART)


def falling(free: Any) -> Any:
    """The constants of a rule that never suggests more for a longer training, from ones that are free.

    Passes, epochs and updates are the last inputs; their slopes, and in each unit their weights times the unit's size,
    are held below zero.
    """
    held = slice(OF_EPOCHS.start, None)
    weights = free["weights"].at[held].set(-3 * free["sizes"] * jnp.abs(free["weights"][held]))
    return free | {"weights": weights, "slopes": free["slopes"].at[held].set(-jnp.abs(free["slopes"][held]))}


def log_lr(curves: Curves, x: Any, constants: Any) -> Any:
    """What the rule suggests, log10, (curves, schedules, budgets)."""
    leaning = x @ constants["weights"] + (curves.family @ constants["biases"])[:, None]
    bends = jnp.tanh(leaning[:, None] + constants["leanings"][:, None])
    shape = (x @ constants["slopes"])[:, None] + bends @ constants["sizes"]
    suggested = curves.rise[:, None, None] + shape + (curves.family @ constants["offsets"])[:, :, None]
    return jnp.minimum(suggested, curves.limit[:, None, None])


class Fit(NamedTuple):
    """Constants of the rule for standardised features, and what standardises them."""

    constants: Any
    mean: Any
    spread: Any

    def suggested(self, curves: Curves, *, epochs_known: bool = True) -> Any:
        """What the rule suggests, log10, (curves, schedules, budgets)."""
        x = curves.x.copy()
        if not epochs_known:
            x[..., OF_EPOCHS] = UNKNOWN_EPOCHS
        return log_lr(curves, (x - self.mean) / self.spread, self.constants)


class Fitter:
    """Minimises the regret on some of the curves; compiled once, whichever they are."""

    def __init__(self, curves: Curves, steps: int) -> None:
        self._mean, self._spread = curves.x.mean((0, 1)), curves.x.std((0, 1))
        self._share = curves.share
        standard = curves._replace(x=(curves.x - self._mean) / self._spread)
        numbers = {name: value for name, value in standard._asdict().items() if np.issubdtype(value.dtype, np.number)}
        data = {name: jnp.asarray(value, jnp.float32) for name, value in numbers.items()}
        unknown = jnp.asarray((UNKNOWN_EPOCHS - self._mean[OF_EPOCHS]) / self._spread[OF_EPOCHS], jnp.float32)
        budgets = jnp.array([1.0, QUARTER_SHARE]) / (1.0 + QUARTER_SHARE)
        optimizer = optax.adam(optax.cosine_decay_schedule(LR, steps))
        width = curves.x.shape[-1]

        def loss(free: Any, key: Any, share: Any) -> Any:
            drawn, known = jax.random.split(key)
            chosen = jax.random.choice(drawn, len(share), (BATCH,), p=share)
            batch = Curves(**{name: data[name][chosen] if name in data else None for name in Curves._fields})
            is_known = jax.random.uniform(known, (BATCH, 1, 1)) < KNOWN_EPOCHS
            x = batch.x.at[..., OF_EPOCHS].set(jnp.where(is_known, batch.x[..., OF_EPOCHS], unknown))
            suggested = log_lr(batch, x, falling(free))
            lost = regret(batch, suggested)
            above = jax.nn.sigmoid((lost - 0.2) / ABOVE_WIDTH)
            far = jax.nn.sigmoid(excess(batch, suggested) / FAR_WIDTH)
            squares = sum((free[name] ** 2).sum() for name in ("weights", "biases", "slopes", "sizes"))
            return ((lost + ABOVE * above + FAR * far).mean((0, 1)) * budgets).sum() * 4 / 3 + DECAY * squares

        def descend(share: Any, key: Any) -> tuple[Any, Any]:
            weights, biases, draws = jax.random.split(key, 3)
            scale = 1 / np.sqrt(width + len(FAMILIES))
            start = {
                "weights": scale * jax.random.normal(weights, (width, UNITS)),
                "biases": scale * jax.random.normal(biases, (len(FAMILIES), UNITS)),
                "leanings": jnp.zeros((len(SCHEDULES), UNITS)),
                "slopes": jnp.zeros(width),
                "sizes": jnp.zeros(UNITS),
                "offsets": jnp.full((len(FAMILIES), len(SCHEDULES)), -0.7),
            }

            def update(state: Any, key: Any) -> Any:
                free, memory = state
                lost, gradient = jax.value_and_grad(loss)(free, key, share)
                change, memory = optimizer.update(gradient, memory)
                return (optax.apply_updates(free, change), memory), lost

            (free, _), lost = jax.lax.scan(update, (start, optimizer.init(start)), jax.random.split(draws, steps))
            return falling(free), lost[-steps // 10 :].mean()

        self._descend = jax.jit(descend)

    def __call__(self, chosen: Any, starts: int) -> Fit:
        """The best of several starts on the curves that are chosen."""
        share = jnp.asarray(chosen * self._share / (chosen * self._share).sum(), jnp.float32)
        found = [self._descend(share, key) for key in jax.random.split(jax.random.key(0), starts)]
        constants, _ = min(found, key=lambda each: float(each[1]))
        return Fit(jax.tree.map(np.asarray, constants), self._mean, self._spread)


def as_constants(fitted: Fit, x: Any) -> dict[str, Any]:
    """Named as in clr_core, and for features that are not standardised."""
    parts, mean, spread = fitted
    live = np.abs(parts["sizes"]) >= FADED
    hidden = ((x - mean) / spread @ parts["weights"])[..., ~live].reshape(-1, 1, 1, (~live).sum())
    biased = hidden + parts["biases"][:, None, ~live] + parts["leanings"][None, :, ~live]
    weights = parts["weights"][:, live] / spread[:, None]
    skip = parts["slopes"] / spread
    biases = parts["biases"][:, live] - mean @ weights
    offsets = parts["offsets"] - mean @ skip + (np.tanh(biased) @ parts["sizes"][~live]).mean(0)
    rounded, by_name = constants_file.rounded, constants_file.by_name
    return {
        "FEATURES": FEATURES,
        "SHORTEST": round(float(10 ** x[..., -1].min())),
        "LONGEST": round(float(10 ** x[..., -1].max())),
        "LOWEST": rounded(x[..., :-1].min((0, 1))),
        "HIGHEST": rounded(x[..., :-1].max((0, 1))),
        "TYPICAL": (*rounded(mean[:-1]), round(float(np.log10(TYPICAL_STEPS)), 3)),
        "SKIP_WEIGHTS": rounded(skip),
        "OUTPUT_WEIGHTS": rounded(parts["sizes"][live]),
        "HIDDEN_WEIGHTS": rounded(weights.T),
        "FAMILY_BIASES": by_name(FAMILIES, biases),
        "KIND_BIASES": by_name(SCHEDULES, parts["leanings"][:, live]),
        "OUTPUT_BIASES": {
            name: dict(zip(SCHEDULES, np.round(values, 3).tolist(), strict=True))
            for name, values in zip(FAMILIES, offsets, strict=True)
        },
    }


def in_use(curves: Curves, constants: dict[str, Any]) -> Any:
    """What the constants suggest, log10, (curves, schedules, budgets), with features held within their ranges."""
    names = ("HIDDEN_WEIGHTS", "FAMILY_BIASES", "KIND_BIASES", "SKIP_WEIGHTS", "OUTPUT_WEIGHTS")
    weights, biases, leanings, slopes, sizes = (
        np.array(list(value.values()) if isinstance(value := constants[name], dict) else value) for name in names
    )
    offsets = np.array([list(row.values()) for row in constants["OUTPUT_BIASES"].values()])
    parts = {"weights": weights.T, "biases": biases, "leanings": leanings, "slopes": slopes, "sizes": sizes}
    x = np.clip(curves.x, (*constants["LOWEST"], -np.inf), (*constants["HIGHEST"], np.inf))
    return log_lr(curves, x, parts | {"offsets": offsets})


def as_fitted(curves: Curves, constants: dict[str, Any]) -> dict[str, float]:
    """The mean regret of the constants on each kind of curve they were fitted to, at the full budget."""
    lost = np.asarray(regret(curves, in_use(curves, constants)))[..., 0].mean(1)
    names = [f"{folder}, {row}" for folder, row in zip(curves.folder, curves.row, strict=True)]
    return {name: round(float(lost[np.array(names) == name].mean()), 4) for name in dict.fromkeys(names)}


def check(quick: bool) -> list[str]:
    """What speaks against the constants in use following from the recordings."""
    constants = constants_file.in_file()
    provenance, wrong = constants["PROVENANCE"], []
    if constants_file.recordings_checksum() != provenance["recordings_sha256"]:
        wrong.append("the recordings are not those that the constants were fitted to")
    if constants_file.numbers_checksum(constants) != provenance["numbers_sha256"]:
        wrong.append("the numbers in the file are not those that were written")
    now = as_fitted(read(FITTED, quick), constants)
    for name, lost in {} if quick else provenance["as_fitted"].items():
        if abs(now.get(name, np.inf) - lost) > 0.0005:
            wrong.append(f"{name}: mean regret {now.get(name)}, written as {lost}")
    return wrong


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="three tasks, few steps, nothing written")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--write", metavar="VERSION", help="write clr_core/bounds/constants.py with this version")
    what.add_argument("--check", action="store_true", help="whether the constants in use follow from the recordings")
    what.add_argument("--limit", action="store_true", help="fit the held-out tasks themselves: a limit, not for use")
    arguments = parser.parse_args()
    if arguments.check:
        wrong = check(arguments.quick)
        print("\n".join(wrong) or "the constants follow from the recordings")
        sys.exit(bool(wrong))
    curves = read([HELD_OUT] if arguments.limit else FITTED, arguments.quick)
    fitter = Fitter(curves, 20 if arguments.quick else STEPS)
    fitted = fitter(np.ones(len(curves.x)), 2 if arguments.quick else STARTS)
    constants = as_constants(fitted, curves.x)
    print_figures("on these very tasks", curves, fitted.suggested(curves))
    if arguments.limit:
        return
    tasks, task = np.unique(curves.task, return_inverse=True)
    part = (np.random.default_rng(0).permutation(len(tasks)) % PARTS)[task]
    left_out, blind = (np.zeros(curves.losses.shape[:-1]) for _ in range(2))
    for number in range(PARTS):
        without, inside = fitter(part != number, 1), part == number
        left_out[inside] = without.suggested(curves)[inside]
        blind[inside] = without.suggested(curves, epochs_known=False)[inside]
    print_figures("with the task left out", curves, left_out)
    print_figures("and the epochs not given", curves, blind)
    print_kinds_left_out(fitter, curves)
    lost = np.asarray(regret(curves, left_out))[..., 0]
    for number, name in enumerate(tasks):
        print(f"{name:46} left out: mean regret {lost[task == number].mean():.3f}")
    constants |= fit_confidence(curves, lost)
    if arguments.write and not arguments.quick:
        write(arguments.write, curves, constants)


def write(version_of_rule: str, curves: Curves, constants: dict[str, Any]) -> None:
    """Write the module; what only score.py can say of the constants stays as it is until it has."""
    before = constants_file.in_file()
    constants = {"VERSION": version_of_rule} | constants | {"CALIBRATION": before["CALIBRATION"]}
    constants["PROVENANCE"] = before["PROVENANCE"] | {
        "tasks": len(np.unique(curves.task)),
        "recordings_sha256": constants_file.recordings_checksum(),
        "seed": 0,
        "starts": STARTS,
        "versions": {"python": platform.python_version()} | {name: version(name) for name in ("jax", "optax", "numpy")},
        "as_fitted": as_fitted(curves, constants),
    }
    constants_file.write(constants)


def print_figures(title: str, curves: Curves, suggested: Any) -> None:
    """Mean regret, share above 0.2 and share within 10 % of the best at the full budget, by folder and row."""
    lost, far = (np.asarray(figure(curves, suggested))[..., 0] for figure in (regret, excess))
    for folder in dict.fromkeys(curves.folder):
        for row in dict.fromkeys(curves.row):
            of_row = (curves.folder == folder) & (curves.row == row)
            if not of_row.any():
                continue
            mean, above, close = (figure[of_row].mean(0).round(3) for figure in (lost, lost > 0.2, far <= 0))
            print(f"{folder}, {title}, {row}: mean regret {mean}, above 0.2 {above}, within 10 % {close}")


def print_kinds_left_out(fitter: Fitter, curves: Curves) -> None:
    """What the fit loses on a whole kind of training that it has not seen, beside the best peer on that kind."""
    modern_kind = np.isin(curves.folder, list(KIND_WEIGHTS))
    of_validation = np.char.startswith(curves.row, "validation")
    kinds = {kind: curves.folder == kind for kind in KIND_WEIGHTS if kind != "small"}
    kinds["transformers"] = np.any([np.char.startswith(curves.task, name) for name in TRANSFORMERS], 0)
    by_rule = {}
    for place, name in enumerate(peers.RULES):
        said = np.broadcast_to(curves.peers[:, place, None, None], curves.losses.shape[:-1])
        by_rule[name] = np.asarray(regret(curves, said))
    for kind, left_out in kinds.items():
        if not (left_out & modern_kind).any():
            continue
        seen = curves.x[~left_out]
        held = curves._replace(x=np.clip(curves.x, seen.min((0, 1)), seen.max((0, 1))))  # as in use
        lost = np.asarray(regret(curves, fitter(~left_out, 1).suggested(held)))
        for reading, read_so in (("batches", ~of_validation), ("validation losses", of_validation)):
            of_kind = left_out & modern_kind & read_so
            if of_kind.any():
                best = min(by_rule, key=lambda name: by_rule[name][of_kind].mean())
                figures = f"mean regret {lost[of_kind].mean():.3f}; {best} {by_rule[best][of_kind].mean():.3f}"
                print(f"{kind}, {reading}, the whole kind left out: {figures}")


def fit_confidence(curves: Curves, left_out: Any) -> dict[str, Any]:
    """The regression of the confidence; prints how often what it is sure of came true, fitted on other tasks."""
    good = left_out < 0.05
    times = good.shape[1]

    def fitted(chosen: Any) -> Any:
        model = LogisticRegression(max_iter=1000)
        weights = np.repeat(curves.share[chosen], times)
        return model.fit(np.repeat(curves.confidence[chosen], times, 0), good[chosen].ravel(), sample_weight=weights)

    model = fitted(np.ones(len(good), bool))
    group = np.unique(curves.task, return_inverse=True)[1] % 9
    sure = np.zeros(len(good))
    for number in sorted(set(group)):
        inside = group == number
        sure[inside] = fitted(~inside).predict_proba(curves.confidence[inside])[:, 1] if (~inside).any() else 0.5
    inside = np.char.startswith(curves.row, "exponential")
    for low, high in ((0.0, 0.5), (0.5, 0.7), (0.7, 0.8), (0.8, 0.85), (0.85, 0.9), (0.9, 1.0)):
        of_bin = inside & (sure > low) & (sure <= high)
        if of_bin.any():
            share, right = of_bin.sum() / inside.sum(), good[of_bin].mean()
            print(f"P(good) {low:.2f} to {high:.2f}: {share:.2f} of the curves, {right:.2f} of them good")
    return {
        "CONFIDENCE_WEIGHTS": tuple(np.round(model.coef_[0], 2).tolist()),
        "CONFIDENCE_BIAS": round(float(model.intercept_[0]), 2),
    }


if __name__ == "__main__":
    main()
