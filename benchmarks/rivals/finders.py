"""Range tests of a torch model: ours, torch-lr-finder's, ignite's, Lightning's and fastai's, and the bare steps."""

from __future__ import annotations

import contextlib
import copy
import io
import logging
import tempfile
from collections.abc import Callable, Iterator
from typing import Any

import clr_torch
import torch
from rivals import installed
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

STEPS, START_LR, END_LR = 100, 1e-7, 1e-1
NEVER = 1e9


def mlp(width: int, layers: int) -> nn.Module:
    hidden: list[nn.Module] = [nn.Linear(64, width), nn.ReLU()]
    for _ in range(1, layers):
        hidden += [nn.Linear(width, width), nn.ReLU()]
    return nn.Sequential(*hidden, nn.Linear(width, 10))


def convolutional() -> nn.Module:
    return nn.Sequential(
        nn.Unflatten(1, (1, 8, 8)),
        nn.Conv2d(1, 8, 3, padding=1),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.Conv2d(8, 8, 3, padding=1),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(8 * 64, 10),
    )


CASES: dict[str, tuple[Callable[[], nn.Module], int]] = {
    "MLP 64-32-10, batch 32": (lambda: mlp(32, 1), 32),
    "MLP 64-128-128-10, batch 64": (lambda: mlp(128, 2), 64),
    "CNN with BatchNorm, batch 64": (convolutional, 64),
}


class Problem:
    def __init__(self, model: nn.Module, batch: int) -> None:
        torch.manual_seed(0)
        data = TensorDataset(torch.randn(STEPS * batch, 64), torch.randint(10, (STEPS * batch,)))
        self.loader = DataLoader(data, batch_size=batch)
        self.model, self.criterion = model, nn.CrossEntropyLoss()
        self.start = copy.deepcopy(model.state_dict())

    def optimizer(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.model.parameters(), lr=START_LR)

    def bare(self) -> None:
        """The training steps alone, and the weights put back."""
        optimizer = self.optimizer()
        for inputs, targets in self.loader:
            optimizer.zero_grad()
            self.criterion(self.model(inputs), targets).backward()
            optimizer.step()
        self.model.load_state_dict(self.start)

    def clr(self) -> None:
        curve = clr_torch.range_test(
            self.model,
            self.optimizer(),
            self.criterion,
            self.loader,
            start_lr=START_LR,
            end_lr=END_LR,
            num_steps=STEPS,
            divergence=None,
            progress=False,
        )
        assert len(curve) == STEPS

    def torch_lr_finder(self) -> None:
        finder = installed.module("torch_lr_finder").LRFinder(self.model, self.optimizer(), self.criterion)
        with silent():
            finder.range_test(self.loader, end_lr=END_LR, num_iter=STEPS, diverge_th=NEVER)
        finder.reset()
        assert len(finder.history["loss"]) == STEPS

    def ignite(self) -> None:
        handlers, engine = installed.module("ignite.handlers"), installed.module("ignite.engine")
        optimizer = self.optimizer()
        trainer = engine.create_supervised_trainer(self.model, optimizer, self.criterion)
        finder, state = handlers.FastaiLRFinder(), {"model": self.model, "optimizer": optimizer}
        with finder.attach(trainer, state, num_iter=STEPS, end_lr=END_LR, diverge_th=NEVER) as attached:
            attached.run(self.loader)
        assert len(finder.get_results()["loss"]) >= STEPS - 1

    def lightning(self) -> None:
        library, tuner = installed.module("lightning.pytorch"), installed.module("lightning.pytorch.tuner")
        model, criterion = self.model, self.criterion

        class Module(library.LightningModule):  # type: ignore[misc,name-defined]
            def __init__(self) -> None:
                super().__init__()
                self.lr, self.model = START_LR, model

            def training_step(self, batch: Any, _: int) -> Any:
                return criterion(self.model(batch[0]), batch[1])

            def configure_optimizers(self) -> Any:
                return torch.optim.Adam(self.parameters(), lr=self.lr)

        off: dict[str, Any] = dict.fromkeys(
            "logger enable_checkpointing enable_progress_bar enable_model_summary".split(), False
        )
        with silent(), tempfile.TemporaryDirectory() as folder:
            trainer = library.Trainer(accelerator="cpu", max_epochs=1, default_root_dir=folder, **off)
            tuner.Tuner(trainer).lr_find(
                Module(), self.loader, min_lr=START_LR, max_lr=END_LR, num_training=STEPS, early_stop_threshold=None
            )

    def fastai(self) -> None:
        learner, loaders = installed.module("fastai.callback.schedule"), installed.module("fastai.data.core")
        with silent(), tempfile.TemporaryDirectory() as folder:
            found = learner.Learner(
                loaders.DataLoaders(self.loader, self.loader), self.model, loss_func=self.criterion, path=folder
            )
            found.lr_find(START_LR, END_LR, STEPS, stop_div=False, show_plot=False)


NEEDS = {
    "torch-lr-finder": "torch_lr_finder",
    "ignite": "ignite.handlers",
    "lightning": "lightning.pytorch.tuner",
    "fastai": "fastai.callback.schedule",
}


def groups(quick: bool) -> Iterator[tuple[str, dict[str, Callable[[], None]]]]:
    """The model, and the tests by name; on one thread, as a second one costs more than it helps with small steps."""
    logging.disable()
    torch.set_num_threads(1)
    for name, (model, batch) in list(CASES.items())[: 1 if quick else None]:
        problem = Problem(model(), batch)
        tests = {"bare steps": problem.bare, "clr": problem.clr}
        for library, needed in NEEDS.items():
            if installed.module(needed) is not None:
                tests[library] = getattr(problem, library.replace("-", "_"))
        yield name, tests


@contextlib.contextmanager
def silent() -> Iterator[None]:
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        yield
