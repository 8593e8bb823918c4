"""How good are the suggestions, ours and those of other libraries, on training runs that went to their end?

    python benchmarks/suggestion/score.py [FOLDER ...] [--detail] [--quick] [--write]

Reads data/ (see generate.py), takes every rule's suggestion from every range test, and looks up how a full
training at that LR ended. Regret is ``(L(lr) - L*) / (L0 - L*)``: the share of the possible gain in validation
loss that is lost. Scored on the tasks held out unless other folders of data/ are given, "chosen" or "drawn"; all rules
on the curves that ours answers. Needs numpy.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import constants_file
import numpy as np
import peers
from recorded import CHOSEN, CLOSE, DEVELOPMENT, HELD_OUT, LENGTHS, MODES, SCHEDULES, VALIDATED, Pair, pairs

import clr_core
from clr_core.bounds.suggest import bounds_of, reading_of
from clr_core.schedules.plan import exact_plan

OURS, OURS_OF_SEEDS, OURS_WITHOUT_EPOCHS = "clr", "clr, 3 seeds", "clr, epochs not given"
RESULTS = Path(__file__).parent / "results.csv"


def stopped(curve: clr_core.LRCurve, mode: str) -> clr_core.LRCurve:
    """The curve as our range test would have recorded it: it stops once the loss has diverged."""
    labels: Any = {"optimizer": curve.optimizer, "momentum": curve.momentum}
    test = clr_core.RangeTest(curve.lrs[0], curve.lrs[-1], len(curve), mode=mode, **labels)
    for index, loss in enumerate(curve.losses):
        if not test.done:
            test.record(loss, None if curve.metrics is None else curve.metrics[index])
    return test.curve


def suggested(*arguments: Any, **keywords: Any) -> clr_core.Bounds | None:
    """What the rule says, or nothing where it refuses."""
    try:
        return bounds_of(*arguments, **keywords)
    except clr_core.Undetermined:
        return None


def score(chosen: Iterable[Pair], budgets: Sequence[str]) -> list[dict[str, Any]]:
    """One row for each curve, schedule, budget and rule."""
    rows = []
    for pair in chosen:
        for (mode, length), curves in pair.curves.items():
            theirs = [{name: rule(c.lrs, c.losses) for name, rule in peers.RULES.items()} for c in curves]
            ours = [stopped(curve, mode) for curve in curves]
            readings = [reading_of(curve) for curve in ours]
            for schedule in SCHEDULES:
                for budget in budgets:
                    truth = pair.truth(schedule, budget)
                    plan = exact_plan(pair.total_steps(budget), pair.steps_per_epoch)
                    suggest = partial(suggested, kind=schedule, plan=plan)
                    together = suggest(ours, readings)
                    for seed, (curve, marks) in enumerate(zip(ours, readings, strict=True)):
                        found = suggest([curve], [marks])
                        blind = suggest([curve], [marks], plan=replace(plan, steps_per_epoch=None))
                        ours_too = {OURS: found, OURS_OF_SEEDS: together, OURS_WITHOUT_EPOCHS: blind}
                        answers = ours_too | theirs[seed]
                        for rule, answer in answers.items():
                            lr = answer if rule in peers.RULES else getattr(answer, "max_lr", None)
                            rows.append(
                                {
                                    "task": pair.task,
                                    "optimizer": pair.optimizer,
                                    "mode": mode,
                                    "length": length,
                                    "schedule": schedule,
                                    "budget": budget,
                                    "rule": rule,
                                    "lr": lr,
                                    "confidence": getattr(answer, "confidence", None),
                                    "regret": truth.regret(lr),
                                    "close": truth.is_close(lr),
                                    "bias": None if not lr else float(np.log10(lr / truth.best_lr)),
                                }
                            )
    return rows


class Table:
    """The rows as columns, and the answers of our rule beside those of every other."""

    def __init__(self, rows: list[dict[str, Any]]) -> None:
        self.columns = {name: np.array([row[name] for row in rows]) for name in rows[0]}
        self.rules = list(dict.fromkeys(row["rule"] for row in rows))
        count = len(self.rules)
        ours = self.columns["lr"].reshape(-1, count)[:, self.rules.index(OURS)]
        self.answered = np.repeat([lr is not None for lr in ours], count)

    def select(self, answered: bool | None = True, **wanted: Any) -> Any:
        """The places of the rows that have these values."""
        chosen = np.ones(len(self.answered), bool) if answered is None else self.answered == answered
        for name, value in wanted.items():
            chosen &= self.columns[name] == value
        return chosen

    def figures(self, chosen: Any) -> dict[str, float]:
        """Mean and 90th percentile of the regret, shares, and the bias in decades."""
        if not chosen.any():
            return dict.fromkeys(("mean", "p90", "above", "close", "bias"), np.nan)
        regret = self.columns["regret"][chosen].astype(float)
        bias = [value for value in self.columns["bias"][chosen] if value is not None]
        return {
            "mean": float(regret.mean()),
            "p90": float(np.quantile(regret, 0.9)),
            "above": float((regret > 0.2).mean()),
            "close": float(self.columns["close"][chosen].astype(bool).mean()),
            "bias": float(np.mean(bias)) if bias else np.nan,
        }


def print_row(table: Table, title: str, detail: bool, **wanted: Any) -> None:
    """One row of the comparison: ours, the best peer in each figure, and the ratio."""
    figures = {rule: table.figures(table.select(rule=rule, **wanted)) for rule in table.rules}
    theirs = list(peers.RULES)
    all_of_ours = table.select(answered=None, rule=OURS, **wanted)
    share = table.answered[all_of_ours].mean()
    refused = [table.figures(table.select(answered=False, rule=rule, **wanted))["mean"] for rule in theirs]
    best: dict[str, Callable[[Iterable[float]], float]] = {"mean": min, "above": min, "close": max}
    cells = []
    for name, choose in best.items():
        mine, other = figures[OURS][name], choose(figures[rule][name] for rule in theirs)
        cells.append(f"{mine:.3f} {other:.3f} {mine / other if other else float('nan'):5.2f}")
    deserved = "  -  " if share == 1 else f"{min(refused):.3f}"
    # One and three seeds, where both answer; the rows of the two are side by side.
    one = np.flatnonzero(table.select(rule=OURS, **wanted))
    one = one[[lr is not None for lr in table.columns["lr"][one + 1]]]
    seeds = " ".join(f"{table.columns['regret'][places].astype(float).mean():.3f}" for places in (one, one + 1))
    print(f"{title:22} " + "   ".join(cells) + f"   {share:8.3f}   {deserved:>7}   {seeds}")
    if detail:
        for rule, values in figures.items():
            print(f"    {rule:18} " + " ".join(f"{name} {value:6.3f}" for name, value in values.items()))


def print_spread(table: Table) -> None:
    """Within what limits nine tenths of the ratios would lie, were as many such tasks drawn again (a bootstrap)."""
    tasks, task = np.unique(table.columns["task"], return_inverse=True)
    drawn = np.random.default_rng(0).multinomial(len(tasks), np.full(len(tasks), 1 / len(tasks)), 2000)
    theirs = [table.rules.index(rule) for rule in peers.RULES]
    regret = table.columns["regret"].astype(float)
    outcomes = {
        "mean regret": (regret, np.min),
        "share above 0.2": (regret > 0.2, np.min),
        "within 10 %": (table.columns["close"].astype(float), np.max),
    }
    print("\n5 to 95 % of the ratios, tasks drawn again")
    for length in LENGTHS[:2]:
        for schedule in SCHEDULES:
            wanted = {"mode": "exponential", "length": length, "schedule": schedule, "budget": "full"}
            of_rules = [table.select(rule=rule, **wanted) for rule in table.rules]
            cells = []
            for name, (values, best) in outcomes.items():
                # As many curves of a task for every rule, so sums compare as means do.
                sums = drawn @ np.array([np.bincount(task[at], values[at], len(tasks)) for at in of_rules]).T
                ratios = sums[:, table.rules.index(OURS)] / best(sums[:, theirs], axis=1)
                low, high = np.quantile(ratios, (0.05, 0.95))
                cells.append(f"{name} {low:.2f} to {high:.2f}")
            print(f"{schedule + ', ' + str(length):22} " + "   ".join(cells))


def calibration(table: Table) -> list[tuple[float, float, float, float, float]]:
    """Of each range of confidence: its ends, share of the curves, share with a regret below 0.05, and mean regret."""
    chosen = table.select(rule=OURS, budget="full", mode="exponential")
    confidence = table.columns["confidence"][chosen].astype(float)
    regret = table.columns["regret"][chosen].astype(float)
    rows = []
    for low, high in ((0.0, 0.3), (0.3, 0.5), (0.5, 0.7), (0.7, 0.8), (0.8, 1.0)):
        inside = (confidence > low) & (confidence <= high)
        if inside.any():
            rows.append((low, high, inside.mean(), (regret[inside] < 0.05).mean(), regret[inside].mean()))
    return rows


def print_confidence(table: Table) -> None:
    """How often suggestions of each confidence have a regret below 0.05."""
    print("\nconfidence     share of the curves   regret below 0.05   mean regret")
    for low, high, share, good, mean in calibration(table):
        print(f"{low:.1f} to {high:.1f} {share:21.2f} {good:19.2f} {mean:13.3f}")


def write_scores(table: Table, tasks: int) -> None:
    """What only held-out tasks can say of the constants, into their file: the calibration and the mean regret."""
    constants = constants_file.in_file()
    rows = [
        (f"{schedule} {length}", {"schedule": schedule, "length": length})
        for length in LENGTHS[:2]
        for schedule in SCHEDULES
    ]
    mean = {
        name: round(table.figures(table.select(rule=OURS, mode="exponential", budget="full", **wanted))["mean"], 4)
        for name, wanted in rows
    }
    table_of = tuple((low, round(float(good), 2)) for low, _, _, good, _ in reversed(calibration(table)))
    scores = {"held_out_tasks": tasks, "held_out_mean_regret": mean}
    provenance = constants["PROVENANCE"] | scores
    constants_file.write(constants | {"CALIBRATION": table_of, "PROVENANCE": provenance})


def print_validated(chosen: Iterable[Pair]) -> None:
    """What our rule reads from the validation losses of the same tests, beside what it reads from the batches'."""
    print("\nregret, above 0.2, within 10 % of best: from the losses of the batches; from validation losses")
    found: dict[tuple[int, str], list[Any]] = {}
    for pair in chosen:
        truths = {schedule: pair.truth(schedule) for schedule in SCHEDULES}
        plan = exact_plan(pair.total_steps(), pair.steps_per_epoch)
        for mode, length in VALIDATED:
            for both in zip(pair.curves[mode, length], pair.validation_curves[mode, length], strict=True):
                curves = [stopped(curve, mode) for curve in both]
                readings = [reading_of(curve) for curve in curves]
                if any(isinstance(reading, clr_core.Undetermined) for reading in readings):
                    continue
                for schedule, truth in truths.items():
                    lrs = [bounds_of([c], [r], schedule, plan).max_lr for c, r in zip(curves, readings, strict=True)]
                    outcomes = [(truth.regret(lr), truth.is_close(lr)) for lr in lrs]
                    found.setdefault((length, schedule), []).append(outcomes)
    for (length, schedule), every in sorted(found.items()):
        figures = np.array(every, float)
        cells = [
            f"{regret.mean():.3f} {(regret > 0.2).mean():.3f} {close.mean():.3f}"
            for regret, close in (figures[:, kind].T for kind in range(2))
        ]
        print(f"{schedule + ', ' + str(length):22} " + "   ".join(cells))


def print_bases(chosen: Iterable[Pair]) -> None:
    """Where both bounds were varied: the regret of each base_lr / max_lr, at its best max_lr and at the best of all."""
    print("\nregret of base_lr / max_lr, at the max_lr that is best for the usual fraction")
    for pair in chosen:
        for schedule, usual in (("cyclic", 0.25), ("one_cycle", 0.1)):
            losses, fractions = pair.grid(schedule)
            if losses is None:
                continue
            before = float(pair["before"].mean())
            losses = np.fmin(losses, pair["before"]).mean(-1)
            at = losses[list(np.round(fractions, 4)).index(usual)].argmin()
            regret = (losses[:, at] - losses.min()) / (before - losses.min())
            cells = "  ".join(f"{f:.3g}: {r:.3f}" for f, r in zip(fractions, regret, strict=True))
            print(f"{pair.task + ', ' + pair.optimizer:40} {schedule:10} {cells}")


def print_floor(chosen: Iterable[Pair]) -> None:
    """What a choice by full training runs loses: the peak that was best with two seeds, evaluated with the third."""
    print("\nregret of choosing by full training runs with other seeds, in place of a range test")
    chosen = list(chosen)
    for schedule in SCHEDULES:
        regrets, close = [], []
        for pair in chosen:
            before = pair["before"]
            losses = np.fmin(pair[f"{schedule}/full/loss"], before)
            for seed in range(losses.shape[1]):
                picked = np.delete(losses, seed, 1).mean(1).argmin()
                best, reached = losses[:, seed].min(), losses[picked, seed]
                # Where no LR gains anything, as where all overfit, none loses anything.
                regrets.append((reached - best) / (before[seed] - best) if before[seed] > best else 0.0)
                close.append(reached <= CLOSE * best)
        regret = np.array(regrets)
        mean, above = regret.mean(), (regret > 0.2).mean()
        print(f"{schedule:12} mean {mean:.3f}, above 0.2 {above:.3f}, within 10 % {np.mean(close):.3f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    folders = [HELD_OUT, *DEVELOPMENT]
    help_text = f"of {folders}; the first by default"
    parser.add_argument("folders", nargs="*", metavar="FOLDER", default=[HELD_OUT], help=help_text)
    parser.add_argument("--detail", action="store_true", help="every rule, every length and ramp, every task")
    parser.add_argument("--quick", action="store_true", help="the first eight task-optimizer pairs only")
    parser.add_argument(
        "--write", action="store_true", help="put the held-out scores into clr_core/bounds/constants.py"
    )
    arguments = parser.parse_args()
    unknown = set(arguments.folders) - set(folders)
    if unknown:
        parser.error(f"FOLDER must be among {folders}, got {sorted(unknown)}")
    chosen = [pair for folder in arguments.folders for pair in pairs(folder)]
    if arguments.quick:
        chosen = chosen[:8]
    table = Table(score(chosen, ("full", "quarter")))
    print(f"{len({pair.task for pair in chosen})} tasks, {len(chosen)} task-optimizer pairs\n")
    print(f"{'':22} {'mean regret':19}   {'share above 0.2':19}   {'within 10 % of best':19}")
    print(f"{'':22} " + "   ".join(["ours  best  ratio "] * 3) + "    answered   refused   1, 3 seeds")
    for mode in MODES if arguments.detail else MODES[:1]:
        for length in LENGTHS if arguments.detail else LENGTHS[:2]:
            for schedule in SCHEDULES:
                title = f"{schedule}, {length}" + ("" if mode == "exponential" else ", linear")
                print_row(table, title, arguments.detail, mode=mode, length=length, schedule=schedule, budget="full")
    for schedule in SCHEDULES:
        title = f"{schedule}, short budget"
        print_row(table, title, False, mode="exponential", length=100, schedule=schedule, budget="quarter")
    if arguments.detail:
        for name in ("task", "optimizer"):
            for value in dict.fromkeys(table.columns[name]):
                print_row(table, str(value)[:22], False, mode="exponential", budget="full", **{name: value})
    print_spread(table)
    print_confidence(table)
    print_validated(chosen)
    print_floor(chosen)
    if CHOSEN in arguments.folders:
        print_bases(chosen)
    if arguments.folders == [HELD_OUT] and not arguments.quick:
        write(table)
        if arguments.write:
            write_scores(table, len({pair.task for pair in chosen}))


def write(table: Table) -> None:
    """Every figure of every rule, schedule, length and ramp, on the curves that ours answers."""
    with RESULTS.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["mode", "length", "schedule", "rule", "mean", "p90", "above_0.2", "within_10_percent", "bias"])
        for mode in MODES:
            for length in LENGTHS:
                for schedule in SCHEDULES:
                    for rule in table.rules:
                        wanted = {"mode": mode, "length": length, "schedule": schedule, "rule": rule}
                        figures = table.figures(table.select(budget="full", **wanted)).values()
                        writer.writerow([*wanted.values(), *(f"{value:.4f}" for value in figures)])


if __name__ == "__main__":
    main()
