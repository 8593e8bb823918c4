"""Do the rules of peers.py suggest what the libraries themselves suggest?

    python benchmarks/suggestion/check_peers.py [--quick] [--all]

Each library runs its own range test, with its own ramp, smoothing and stop, on a model whose k-th loss is prescribed,
and then suggests. The rule gets the same losses in full and the LRs that the optimizer used, taken from a run with a
constant loss, which no library stops. A library that cannot be imported is skipped; with ``--all`` that fails
too. fastai ramps exponentially only: for a linear ramp its own linear schedule stands in for its exponential one.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import importlib.metadata
import io
import logging
import math
import os
import sys
import tempfile
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any
from unittest import mock

import numpy as np
import peers

START, END = 1e-7, 10.0
FEW = (6, 7, 12, 13, 16, 17, 22, 23)  # pairs: with the first of each, some library has a point too few to suggest
Outcome = tuple[list[float], dict[str, float | None]]  # the LRs that were used, and what each rule suggested


def curves(*, quick: bool) -> Iterator[tuple[str, bool, list[float]]]:
    """Name of the shape, whether the ramp is linear, and the losses."""
    for steps in (*FEW, 100) if quick else (*FEW, 100, 300, 1000):
        for is_linear in (False, True):
            at = np.linspace(0, 1, steps)
            generator = np.random.default_rng([steps, is_linear])
            noise = generator.normal(size=steps)
            fall, rise = 0.5 + 1.8 / (1 + np.exp((at - 0.55) / 0.05)), np.exp((at - 0.8) / 0.02)
            clean, flat = fall + rise, np.ones(steps)
            shapes = {
                "clean": clean,
                "noisy": clean * (1 + 0.1 * noise),
                "very noisy": clean * np.exp(0.5 * noise),
                "spikes": clean + 5 * (generator.random(steps) < 0.05),
                "high first loss": clean + 40 * (at == 0),
                "high last loss": fall + 1000 * (at == 1),
                "two valleys": clean + 0.6 * np.sin(20 * at),
                "falls to the end": fall * (1 + 0.02 * noise),
                "rises at once": flat + np.exp(at / 0.15) / 10,
                "flat": flat,
                "flat, noisy": flat + 0.01 * noise,
                "zero": 0 * flat,
                "negative": clean - 30,
                "crosses zero": clean - 1.4,
                "nan first": np.where(at == 0, np.nan, clean),
                "nan early": np.where(at > 0.2, np.nan, clean),
                "nan late": np.where(at > 0.7, np.nan, clean),
                "one nan": np.where(np.arange(steps) == steps // 2, np.nan, clean),
                "inf first": np.where(at == 0, np.inf, clean),
                "inf early": np.where(at > 0.2, np.inf, clean),
                "inf late": np.where(at > 0.7, np.inf, clean),
                "lowest second": 2.0 - (np.arange(steps) == 1),
                "lowest third": 2.0 - (np.arange(steps) == 1) - (np.arange(steps) == 2),
                "rises to 4.5 times, falls": np.select([at < 0.3, at < 0.7], [1.0, 5.5], 0.5),
                "tiny": clean * 1e-6,
                "large": clean * 1e5 * (1 + 0.1 * noise),
                "overflows": clean * 1e36,
            }
            for name, losses in shapes.items():
                if steps in FEW and name != "falls to the end":
                    continue
                with np.errstate(over="ignore"):
                    yield f"{name}, {steps} steps", is_linear, losses.astype(np.float32).tolist()


def script(losses: list[float]) -> tuple[Any, Any]:
    """A model whose k-th loss is ``losses[k]``, and a class of optimizers that note the LR of each update."""
    import torch

    class Scripted(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = torch.nn.Parameter(torch.zeros(()))
            self.left = iter(losses)

        def forward(self, _: Any) -> Any:
            return next(self.left) + 0 * self.weight

    class Noting(torch.optim.SGD):
        used: list[float] = []  # noqa: RUF012 (a library may build the optimizer out of sight: the class is the place)

        def step(self, closure: Any = None) -> Any:
            self.used.append(float(self.param_groups[0]["lr"]))
            return super().step(closure)

    return Scripted(), Noting


def loader(steps: int) -> Any:
    from torch import zeros
    from torch.utils.data import DataLoader, TensorDataset

    return DataLoader(TensorDataset(zeros(steps, 1), zeros(steps, 1)))


def or_none(suggest: Callable[[], Any], *errors: type[Exception]) -> float | None:
    """The suggestion, or None where the library raises one of these errors instead."""
    try:
        found = suggest()
    except errors:
        return None
    return None if found is None else float(found)


def run_torch_lr_finder(is_linear: bool, losses: list[float]) -> Outcome:
    from matplotlib.figure import Figure
    from torch_lr_finder import LRFinder

    model, optimizer = script(losses)
    finder = LRFinder(model, optimizer(model.parameters(), lr=START), lambda loss, _: loss)
    mode = "linear" if is_linear else "exp"
    finder.range_test(loader(len(losses)), end_lr=END, num_iter=len(losses), step_mode=mode)
    found = or_none(lambda: finder.plot(ax=Figure().add_subplot())[1], RuntimeError)
    return optimizer.used, {"torch-lr-finder": found}


def run_ignite(is_linear: bool, losses: list[float]) -> Outcome:
    from ignite.engine import Engine
    from ignite.handlers import FastaiLRFinder

    model, kind = script(losses)
    optimizer = kind(model.parameters(), lr=START)

    def update(_: Any, batch: Any) -> float:
        optimizer.zero_grad()
        loss = model(batch)
        loss.backward()
        optimizer.step()
        return float(loss.item())

    finder, to_save = FastaiLRFinder(), {"model": model, "optimizer": optimizer}
    mode = "linear" if is_linear else "exp"
    with finder.attach(Engine(update), to_save, end_lr=END, step_mode=mode) as trainer:
        trainer.run(loader(len(losses)))
    return kind.used, {"ignite": or_none(finder.lr_suggestion, RuntimeError)}


def run_lightning(is_linear: bool, losses: list[float]) -> Outcome:
    import lightning.pytorch as lightning
    from lightning.pytorch.tuner import Tuner

    scripted, optimizer = script(losses)

    class Module(lightning.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.lr, self.scripted = START, scripted

        def training_step(self, batch: Any, _: int) -> Any:
            return self.scripted(batch)

        def configure_optimizers(self) -> Any:
            return optimizer(self.parameters(), lr=self.lr)

    with tempfile.TemporaryDirectory() as folder:
        off: dict[str, Any] = dict.fromkeys(
            "logger enable_checkpointing enable_progress_bar enable_model_summary".split(), False
        )
        trainer = lightning.Trainer(accelerator="cpu", max_epochs=1, default_root_dir=folder, **off)
        finder = Tuner(trainer).lr_find(
            Module(),
            train_dataloaders=loader(len(losses)),
            min_lr=START,
            max_lr=END,
            num_training=len(losses),
            mode="linear" if is_linear else "exponential",
        )
    return optimizer.used, {"lightning": or_none(finder.suggestion)}


def run_fastai(is_linear: bool, losses: list[float]) -> Outcome:
    from fastai.callback import schedule
    from fastai.data.core import DataLoaders
    from fastai.learner import Learner
    from fastai.optimizer import OptimWrapper

    model, optimizer = script(losses)
    shown: list[Any] = []

    def keep(*window: Any) -> tuple[float, tuple[float, float]]:
        shown.extend(window)
        return 0.0, (0.0, 0.0)

    batches = loader(len(losses))
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        if is_linear:
            stack.enter_context(mock.patch.object(schedule, "SchedExp", schedule.SchedLin))
        learner = Learner(
            DataLoaders(batches, batches),
            model,
            loss_func=lambda loss, _: loss,
            opt_func=lambda parameters, **settings: OptimWrapper(parameters, optimizer, **settings),
            path=folder,
        )
        learner.lr_find(START, END, len(losses), show_plot=False, suggest_funcs=keep)
    errors = IndexError, ValueError, RuntimeError  # of an index or a slice of nothing, numpy.gradient, torch.argmin
    rules = {f"fastai {name}": getattr(schedule, name) for name in ("valley", "slide", "minimum", "steep")}
    return optimizer.used, {name: or_none(lambda rule=rule: rule(*shown)[0], *errors) for name, rule in rules.items()}


PEERS: dict[str, tuple[str, Callable[[bool, list[float]], Outcome]]] = {
    "torch-lr-finder": ("torch_lr_finder", run_torch_lr_finder),
    "pytorch-ignite": ("ignite.handlers", run_ignite),
    "lightning": ("lightning.pytorch.tuner", run_lightning),
    "fastai": ("fastai.callback.schedule", run_fastai),
}


def is_tie(rule: str, lrs: list[float], losses: list[float], *found: float) -> bool:
    """Whether fastai's steep descends equally at both LRs, as far as logarithms in single precision can tell.

    torch's logarithm is off by one unit here and there, by the CPU, and neighbours on a long linear ramp differ little.
    """
    if rule != "fastai steep":
        return False
    window, smoothed = (values.astype(float) for values in peers.fastai_window(lrs, losses))
    gaps = np.diff(np.log(window))
    slopes = np.diff(smoothed) / gaps
    doubts = 2 * np.spacing(np.abs(np.log(window[:-1])).astype(np.float32)) / gaps * np.abs(slopes)
    one, other = (np.argmin(np.abs(window - lr)) for lr in found)
    return bool(abs(slopes[one] - slopes[other]) <= doubts[one] + doubts[other])


def check(package: str, run: Callable[[bool, list[float]], Outcome], *, quick: bool) -> int:
    """Compare one library on all curves, print a line for each of its rules, and return the disagreements."""

    @cache
    def ramp(is_linear: bool, steps: int) -> list[float]:
        used, _ = run(is_linear, [1.0] * steps)
        assert len(used) == steps, f"{package} stopped on a constant loss"
        return used

    counts: dict[str, Counter[str]] = {}
    for name, is_linear, losses in curves(quick=quick):
        with contextlib.redirect_stdout(io.StringIO()):
            lrs = ramp(is_linear, len(losses))
            used, suggestions = run(is_linear, losses)
        assert used == lrs[: len(used)], f"{package} used other LRs than on a constant loss"
        for rule, theirs in suggestions.items():
            ours = peers.RULES[rule](lrs, losses)
            if ours is None or theirs is None:
                verdict = "no suggestion" if ours is theirs else "disagree"
            elif math.isclose(ours, theirs, rel_tol=1e-6):
                verdict = "agree"
            else:
                verdict = "tie" if is_tie(rule, lrs, losses, ours, theirs) else "disagree"
            counts.setdefault(rule, Counter())[verdict] += 1
            if verdict == "disagree":
                print(f"  {rule} {theirs}, peers.py {ours}: {name}, {'linear' if is_linear else 'exponential'}")
    for rule, count in counts.items():
        agreed = f"{count.total() - count['disagree']} of {count.total()} curves agree"
        detail = f"{count['no suggestion']} with no suggestion on either side, {count['tie']} with a tie"
        print(f"{rule} ({package} {importlib.metadata.version(package)}): {agreed} ({detail})", flush=True)
    return sum(count["disagree"] for count in counts.values())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="ramps of 100 updates at most")
    parser.add_argument("--all", action="store_true", help="fail where a library is missing")
    arguments = parser.parse_args()
    os.environ["TQDM_DISABLE"] = "1"
    logging.disable()
    warnings.simplefilter("ignore")
    checked, disagreements = 0, 0
    for package, (module, run) in PEERS.items():
        try:
            importlib.import_module(module)
        except ImportError as error:
            print(f"{package}: not installed ({error})")
            continue
        checked += 1
        disagreements += check(package, run, quick=arguments.quick)
    if disagreements or checked < (len(PEERS) if arguments.all else 1):
        sys.exit(1)


if __name__ == "__main__":
    main()
