"""What the rule and its peers suggest for larger, pretrained and long training runs, beside how those really ended.

    python benchmarks/suggestion/compare_modern.py [--detail] [--held-out] [--quick]

Reads the development pairs in modern/recordings; with --held-out the others, once a rule is committed. For each pair
and budget: the best peak LR of every schedule; the peaks that the rule suggests from each range test and their
confidence; mean regret of the rule and of the peers over the range tests and the three schedules of the rule. At the
end, means by kind; of pretrained networks also from the validation losses of the same range tests.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from itertools import islice
from typing import Any

import numpy as np
import peers
from modern.pairs import DEVELOPMENT, HELD_OUT, Pair, pairs
from score import stopped

import clr_core

OURS = "clr"
BATCHES, VALIDATION = "losses of batches", "validation losses"
"""What a rule reads."""

RULED = ("constant", "cyclic", "one_cycle")


def suggestion(curve: clr_core.LRCurve, schedule: str, pair: Pair, budget: int) -> clr_core.Bounds | None:
    told: Any = {"total_steps": pair.total_steps(budget), "steps_per_epoch": pair.steps_per_epoch}
    try:
        return clr_core.suggest_bounds(curve, kind=schedule, **told)
    except clr_core.Undetermined:
        return None


def rows(pair: Pair) -> list[dict[str, Any]]:
    """One for each budget, range test, kind of loss, schedule and rule."""
    found = []
    every = [(BATCHES, *item) for item in pair.curves.items()]
    every += [(VALIDATION, *item) for item in pair.validation_curves.items()]
    for reading, (mode, length), curves in every:
        for curve in curves:
            ours = stopped(curve, "exponential")
            theirs = {name: rule(curve.lrs, curve.losses) for name, rule in peers.RULES.items()}
            for budget in pair.budgets:
                for schedule in RULED:
                    truth, of = pair.truth(schedule, budget), suggestion(ours, schedule, pair, budget)
                    for rule, lr in {OURS: of and of.max_lr, **theirs}.items():
                        found.append(
                            {
                                "reading": reading,
                                "kind": pair.labels.kind,
                                "family": pair.labels.family,
                                "budget": budget,
                                "mode": mode,
                                "length": length,
                                "schedule": schedule,
                                "rule": rule,
                                "lr": lr,
                                "confidence": of.confidence if of and rule == OURS else None,
                                "regret": truth.regret(lr),
                                "answered": of is not None,
                            }
                        )
    return found


def mean(found: list[dict[str, Any]], **wanted: Any) -> float:
    chosen = [row["regret"] for row in found if all(row[name] == value for name, value in wanted.items())]
    return float(np.mean(chosen)) if chosen else np.nan


def summary(name: str, found: list[dict[str, Any]]) -> str:
    """Mean regret of every rule on the curves that ours answers, and how ours does where it is sure."""
    means = {rule: mean(found, rule=rule, answered=True) for rule in (OURS, *peers.RULES)}
    best = min(peers.RULES, key=lambda rule: means[rule])
    sure = [row["regret"] for row in found if row["rule"] == OURS and (row["confidence"] or 0) > 0.5]
    above = np.mean(np.array(sure) > 0.2) if sure else np.nan
    answered = np.mean([row["answered"] for row in found])
    return (
        f"{name:48} clr {means[OURS]:.3f}, best peer {means[best]:.3f} ({best}), ignite {means['ignite']:.3f}; "
        f"answered {answered:.2f}; confidence > 0.5: {len(sure)} suggestions, {above:.2f} lose more than 0.2"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--detail", action="store_true", help="every range test of every pair")
    parser.add_argument("--held-out", action="store_true", help="the held-out pairs")
    parser.add_argument("--quick", action="store_true", help="the first pair alone")
    arguments = parser.parse_args()
    everything: list[dict[str, Any]] = []
    for pair in islice(pairs(HELD_OUT if arguments.held_out else DEVELOPMENT), 1 if arguments.quick else None):
        found = rows(pair)
        everything += found
        print(f"\n{pair.name}: {pair.labels.weights:,} weights, loss before {pair.before:.3g}")
        for budget in pair.budgets:
            truths = {schedule: pair.truth(schedule, budget) for schedule in pair.schedules}
            best = ", ".join(f"{schedule} {truth.best_lr:.2g}" for schedule, truth in truths.items())
            losses = ", ".join(f"{truth.losses.min():.4g}" for truth in truths.values())
            print(f"  {budget} updates: best {best}; loss {losses}")
            of_budget = [row for row in found if (row["budget"], row["reading"]) == (budget, BATCHES)]
            for mode, length in pair.curves if arguments.detail else ():
                mine = [row for row in of_budget if (row["mode"], row["length"], row["rule"]) == (mode, length, OURS)]
                said = ", ".join(
                    f"{row['lr']:.2g} ({row['confidence']:.2f}, regret {row['regret']:.2f})" if row["lr"] else "refused"
                    for row in mine
                    if row["schedule"] == "one_cycle"
                )
                print(f"    {mode} {length}, one cycle: {said}")
            print(f"  {summary('', of_budget).strip()}")
    groups: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in everything:
        groups[f"{row['kind']}, {row['reading']}"].append(row)
        if row["reading"] == BATCHES:
            groups[f"{row['kind']}, {row['family']}"].append(row)
    print()
    for name, found in sorted(groups.items()):
        print(summary(name, found))


if __name__ == "__main__":
    main()
