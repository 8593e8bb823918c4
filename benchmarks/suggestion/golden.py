"""Writes tests/golden/suggestions.json: recorded curves and landmarks, with what the rule suggests for them.

    python benchmarks/suggestion/golden.py [--quick]

To be run after ``fit.py --write``, and only then: the file guards the rule against unnoticed changes. The curves are
recordings of 100 updates, rounded to four digits, at both ends of every feature and some at random; the landmarks are
random, partly outside of the range of the fit, so that every limit is exercised. Needs numpy.
"""

from __future__ import annotations

import argparse
import json
import random
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from recorded import DEVELOPMENT, pairs

import clr_core
from clr_core.bounds.confidence import confidence_of
from clr_core.bounds.constants import FEATURES, VERSION
from clr_core.bounds.features import FAMILIES, features_of
from clr_core.bounds.landmarks import Landmarks, read_landmarks
from clr_core.bounds.network import FITTED, suggested_max_lr
from clr_core.schedules.plan import exact_plan

PATH = Path(__file__).parents[2] / "tests" / "golden" / "suggestions.json"
BUDGETS = ((500, None), (20, 7.5), (1200, 100), (4000, 25), (60_000, 600), (700, 1000.0), (4000, 0.2))
RANDOM_CURVES, RANDOM_LANDMARKS = 12, 60


def recorded_curves(quick: bool) -> list[clr_core.LRCurve]:
    """Those with the lowest and highest value of each feature of a curve, and some others."""
    curves = [
        clr_core.LRCurve(curve.lrs, [float(f"{loss:.4g}") for loss in curve.losses], **labels(curve))
        for folder in DEVELOPMENT
        for number, pair in enumerate(islice(pairs(folder), 21 if quick else None))
        if number % 3 == 0
        for curve in pair.curves["exponential", 100][:1]
    ]
    read = []
    for curve in curves:
        try:
            read.append((curve, features_of(read_landmarks(curve), exact_plan(500, None))))
        except clr_core.Undetermined:
            continue
    table = np.array([features for _, features in read])
    places = {int(pick(table[:, column])) for column in range(5) for pick in (np.argmin, np.argmax)}
    places |= set(random.Random(0).sample(range(len(read)), min(RANDOM_CURVES, len(read))))
    return [read[place][0] for place in sorted(places)]


def labels(curve: clr_core.LRCurve) -> dict[str, Any]:
    return {"optimizer": curve.optimizer, "momentum": curve.momentum}


def random_landmarks() -> list[Landmarks]:
    """Landmarks whose features lie in and around the range of the fit."""
    draw = random.Random(1)
    found = []
    for _ in range(RANDOM_LANDMARKS):
        rise = 10 ** draw.uniform(-8, 4)
        start, fall = 10 ** draw.uniform(-2, 2), draw.uniform(0.01, 1.0)
        found.append(
            Landmarks(
                points=100,
                updates=100,
                start_loss=start,
                best_loss=start * (1 - fall),
                noise=start * fall / 10 ** draw.uniform(-1, 2.5),
                fall_clear=True,
                fall_start_lr=rise / 1000,
                fall_start_seen=True,
                steepest_lr=rise / 100,
                half_fall_sum=rise * 10 ** draw.uniform(-8, 3),
                fall_end_lr=rise / 10,
                best_lr=rise / 2,
                rise_lr=rise,
                rise_sum=rise * 10 ** draw.uniform(0, 3.5),
                rise_seen=True,
                last_lr=rise * 10 ** draw.uniform(0, 8.5),
                ends_abruptly=False,
                accuracy=None,
            )
        )
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a few recordings, nothing written")
    quick = parser.parse_args().quick
    plans = [exact_plan(*budget) for budget in BUDGETS]
    curves = []
    for curve in recorded_curves(quick):
        suggested = [clr_core.suggest_bounds(curve, plan, kind=kind) for kind in FITTED for plan in plans]
        curves.append(
            labels(curve)
            | {"first_lr": curve.lrs[0], "last_lr": curve.lrs[-1], "losses": curve.losses}
            | {"expected": [[each.base_lr, each.max_lr, each.lr, each.confidence] for each in suggested]}
        )
    landmarks = []
    for number, marks in enumerate(random_landmarks()):
        family = FAMILIES[number % len(FAMILIES)]
        expected = [
            [suggested_max_lr(marks, [family], kind, plan), confidence_of(marks, [family], plan)]
            for kind in FITTED
            for plan in plans
        ]
        landmarks.append({"family": family, "landmarks": asdict(marks), "expected": expected})
    golden = {"rule_version": VERSION, "features": FEATURES, "budgets": BUDGETS, "kinds": FITTED}
    rows = ",\n".join(json.dumps(row) for row in curves), ",\n".join(json.dumps(row) for row in landmarks)
    head = json.dumps(golden)[1:-1]
    if not quick:
        PATH.write_text(f'{{{head},\n"curves": [\n{rows[0]}\n],\n"landmarks": [\n{rows[1]}\n]}}\n')
    print(f"{len(curves)} curves and {len(landmarks)} landmarks in {PATH.name}")


if __name__ == "__main__":
    main()
