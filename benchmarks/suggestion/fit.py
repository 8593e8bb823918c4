"""Which constants of the rule lose least on the development tasks? Those of clr_core/bounds/suggest.py.

    python benchmarks/suggestion/fit.py [--limit] [--quick]

Minimises the mean regret over all curves and schedules, at both budgets, by gradient descent: once over the
curves on which something was learned (weight and factors), once over the others (divisors), then fits the
confidence. Prints the constants, and what the same fit loses on each task when that task is left out. Held-out
tasks are read with --limit only, which tells what a rule of this form could reach at most there. Needs jax,
optax and scikit-learn.
"""

from __future__ import annotations

import argparse
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from recorded import BUDGETS, CLASSES, SCHEDULES, pairs
from score import stopped
from sklearn.linear_model import LogisticRegression

import clr_core
from clr_core.bounds.landmarks import read_landmarks
from clr_core.bounds.suggest import ADAPTIVE, LION, SGD, clarity_and_gain, max_lr_of, rule_for

FAMILIES = {"SGD": SGD, "ADAPTIVE": ADAPTIVE, "LION": LION}
LINEAR_SHARE, QUARTER_SHARE = 0.5, 0.5
"""Weights of linear ramps and of the short budget."""


class Curves:
    """Landmarks and truths of all curves that are answered, of the development or of the held-out tasks."""

    def __init__(self, held_out: bool, quick: bool) -> None:
        columns: dict[str, list[Any]] = {
            name: [] for name in ("task", "family", "learned", "share", "logs", "confidence", "good")
        }
        truths: dict[str, list[Any]] = {name: [] for name in ("grid", "losses", "before")}
        chosen = [pair for pair in pairs() if pair.held_out == held_out]
        for pair in chosen[:21] if quick else chosen:
            rule = rule_for(CLASSES[pair.optimizer])
            found = [[pair.truth(schedule, budget) for budget in BUDGETS] for schedule in SCHEDULES]
            for (mode, _), curves in pair.curves.items():
                for curve in curves:
                    try:
                        marks = read_landmarks(stopped(curve, mode))
                    except clr_core.Undetermined:
                        continue
                    needed = [marks.half_fall_sum / pair.total_steps(budget) for budget in BUDGETS]
                    suggested = [max_lr_of(marks, rule, schedule, pair.total_steps()) for schedule in SCHEDULES]
                    columns["task"].append(pair.task)
                    columns["family"].append(list(FAMILIES.values()).index(rule))
                    columns["learned"].append(marks.learned)
                    columns["share"].append(1.0 if mode == "exponential" else LINEAR_SHARE)
                    columns["logs"].append(
                        [[math.log10(n), math.log10(marks.rise_lr), math.log10(marks.last_lr)] for n in needed]
                    )
                    columns["confidence"].append([*clarity_and_gain(marks), float(rule is LION)])
                    columns["good"].append([row[0].regret(lr) < 0.05 for row, lr in zip(found, suggested, strict=True)])
                    truths["grid"].append(math.log10(found[0][0].lrs[0]))
                    truths["losses"].append([[truth.losses for truth in row] for row in found])
                    truths["before"].append(found[0][0].before)
        (
            self.task,
            self.family,
            self.learned,
            self.share,
            self.logs,
            self.confidence,
            self.good,
        ) = map(np.array, columns.values())
        self.grid, self.losses, self.before = (jnp.asarray(np.array(values)) for values in truths.values())

    def regret(self, log_lr: Any) -> Any:
        """Regret (curves, schedules, budgets) at these LRs, as in recorded.Truth, but with a gradient."""
        place = (log_lr - self.grid[:, None, None]) / math.log10(1.75)
        inside = jnp.clip(place, 0.0, 15.0)
        left = jnp.clip(jax.lax.stop_gradient(jnp.floor(inside)), 0, 14).astype(int)[..., None]
        low, high = (jnp.take_along_axis(self.losses, left + i, -1)[..., 0] for i in (0, 1))
        before = self.before[:, None, None]
        below = before - (before - self.losses[..., 0]) * 10 ** jnp.minimum(log_lr - self.grid[:, None, None], 0.0)
        loss = jnp.where(place < 0, below, low + (high - low) * (inside - left[..., 0]))
        best = self.losses.min(-1)
        return (loss - best) / (before - best) + 0.05 * jnp.maximum(place - 15.0, 0.0)

    def log_lr(self, constants: Any, learned: bool) -> Any:
        """What the rule suggests, log10."""
        needed, rise, last = jnp.moveaxis(jnp.asarray(self.logs), -1, 0)
        factors = constants["log_factors"][self.family][:, :, None]
        if not learned:
            return (last[:, None, :]) + factors
        weight = constants["weights"][self.family][:, None]
        return (weight * needed + (1 - weight) * rise)[:, None, :] + factors

    def fit(self, chosen: Any, learned: bool, steps: int) -> Any:
        """The constants that lose least on the chosen curves."""
        share = jnp.asarray(self.share * chosen * (self.learned == learned))[:, None, None]
        share = share * jnp.array([1.0, QUARTER_SHARE]) / (share.sum() * 3 * (1 + QUARTER_SHARE))
        constants = {"weights": jnp.full(3, 0.5), "log_factors": jnp.zeros((3, 3)) - jnp.array([[0.0], [0.5], [0.9]])}
        optimizer = optax.adam(optax.cosine_decay_schedule(0.05, steps))

        def loss(constants: Any) -> Any:
            spread = ((constants["weights"] - constants["weights"].mean()) ** 2).sum()
            return (self.regret(self.log_lr(constants, learned)) * share).sum() + 0.01 * spread

        @jax.jit
        def run(constants: Any) -> Any:
            def update(state: Any, _: Any) -> Any:
                constants, memory = state
                change, memory = optimizer.update(jax.grad(loss)(constants), memory)
                return (optax.apply_updates(constants, change), memory), None

            return jax.lax.scan(update, (constants, optimizer.init(constants)), None, length=steps)[0][0]

        return run(constants)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="three tasks, few steps, none left out")
    parser.add_argument("--limit", action="store_true", help="fit the held-out tasks themselves: a limit, not for use")
    arguments = parser.parse_args()
    quick, steps = arguments.quick, 20 if arguments.quick else 500
    curves = Curves(arguments.limit, quick)
    everything = np.ones(len(curves.task))
    fitted = np.zeros((len(curves.task), len(SCHEDULES)))
    for learned in (True, False):
        constants = curves.fit(everything, learned, steps)
        inside = curves.learned == learned
        fitted[inside] = np.asarray(curves.regret(curves.log_lr(constants, learned)))[inside, :, 0]
        for index, name in enumerate(FAMILIES):
            factors = 10 ** np.asarray(constants["log_factors"])[index]
            weight = f"weight {float(constants['weights'][index]):.2f}, factors" if learned else "divisors"
            print(f"{name:8} {weight} {np.round(factors if learned else 1 / factors, 1)}")
    exponential = curves.share == 1.0
    means = dict(zip(SCHEDULES, fitted[exponential].mean(0).round(3).tolist(), strict=True))
    print(f"mean regret on these very curves, exponential ramps: {means}")
    if arguments.limit:
        return
    for task in [] if quick else sorted(set(curves.task)):
        left_out = curves.task == task
        regrets = []
        for learned in (True, False):
            inside = left_out & (curves.learned == learned)
            constants = curves.fit(~left_out, learned, steps)
            regrets += np.asarray(curves.regret(curves.log_lr(constants, learned)))[inside, :, 0].ravel().tolist()
        print(f"{task:32} left out: mean regret {np.mean(regrets):.3f}")
    model = LogisticRegression(max_iter=1000)
    model.fit(np.repeat(curves.confidence, 3, 0), curves.good.ravel(), sample_weight=np.repeat(curves.share, 3))
    print("confidence: clarity, gain, Lion, constant", np.round([*model.coef_[0], model.intercept_[0]], 2))


if __name__ == "__main__":
    main()
