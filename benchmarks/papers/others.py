"""What people would pick instead, from the libraries themselves, each as its documentation shows it."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import logging
import tempfile
import warnings
from typing import Any

import torch
from methods import Method, made
from runs import Run
from tasks import TEST_UPDATES, Task
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

import clr_core


def prodigy(task: Task, name: str, updates: int, seed: int) -> list[Run]:
    """With LR 1; "cosine" has the decay that its authors recommend."""
    from prodigyopt import Prodigy

    model = task.model(seed)
    optimizer = Prodigy(model.parameters(), lr=1.0)
    schedule = clr_core.cosine_decay(1.0, updates) if name.endswith("cosine") else clr_core.constant(1.0)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, schedule)

    def step() -> None:
        optimizer.step()
        scheduler.step()

    return [made(task, name, updates, seed, task.loop(model, optimizer.zero_grad, step, updates, seed))]


def schedule_free(task: Task, name: str, updates: int, seed: int) -> list[Run]:
    """AdamW with its default LR, .0025."""
    from schedulefree import AdamWScheduleFree

    model = task.model(seed)
    optimizer = AdamWScheduleFree(model.parameters())
    optimizer.train()
    evaluations = task.loop(model, optimizer.zero_grad, optimizer.step, updates, seed, at_evaluation=optimizer.eval)
    return [made(task, name, updates, seed, evaluations)]


def loader(task: Task, seed: int) -> DataLoader[Any]:
    generator = torch.Generator().manual_seed(1000 + seed)
    return DataLoader(TensorDataset(*task.data().train), task.size, shuffle=True, generator=generator)


def fastai(task: Task, name: str, updates: int, seed: int) -> list[Run]:
    """``lr_find`` (its valley, 100 updates) and ``fit_one_cycle``, with the optimizer that fastai takes by default."""
    from fastai.callback.schedule import Learner  # the schedules and the progress bar are patched into it
    from fastai.data.core import DataLoaders

    model = task.model(seed)
    batches = loader(task, seed)
    with tempfile.TemporaryDirectory() as folder, quiet():
        learner = Learner(DataLoaders(batches, batches), model, loss_func=functional.cross_entropy, path=folder)
        lr = learner.lr_find(num_it=TEST_UPDATES, show_plot=False).valley
        learner.fit_one_cycle(updates // len(batches), lr)
    outcome = (updates // len(batches) * len(batches), *task.evaluate(model))
    return [made(task, name, updates, seed, [outcome], TEST_UPDATES, base_lr=lr / 25, max_lr=lr)]


def lightning(task: Task, name: str, updates: int, seed: int) -> list[Run]:
    """``Tuner.lr_find`` (100 updates), then Adam at that LR."""
    import lightning.pytorch as library
    from lightning.pytorch.tuner import Tuner

    model = task.model(seed)

    class Module(library.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.lr, self.model = task.default_lr, model

        def training_step(self, batch: Any, _: int) -> Any:
            return functional.cross_entropy(self.model(batch[0]), batch[1])

        def configure_optimizers(self) -> Any:
            return torch.optim.Adam(self.parameters(), lr=self.lr)

    off: dict[str, Any] = dict.fromkeys(
        "logger enable_checkpointing enable_progress_bar enable_model_summary".split(), False
    )
    with tempfile.TemporaryDirectory() as folder, quiet():
        module = Module()
        trainer = library.Trainer(accelerator="cpu", max_steps=updates, default_root_dir=folder, **off)
        lr = (
            Tuner(trainer).lr_find(module, train_dataloaders=loader(task, seed), num_training=TEST_UPDATES).suggestion()
        )
        module.lr = lr
        trainer.fit(module, loader(task, seed))
    return [made(task, name, updates, seed, [(updates, *task.evaluate(model))], TEST_UPDATES, base_lr=lr, max_lr=lr)]


@contextlib.contextmanager
def quiet() -> Any:
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    with (
        warnings.catch_warnings(),
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
    ):
        warnings.simplefilter("ignore")
        yield


NEEDS = {
    "Prodigy": "prodigyopt",
    "Prodigy, cosine": "prodigyopt",
    "schedule-free AdamW": "schedulefree",
    "fastai": "fastai",
    "Lightning's tuner": "lightning",
}
METHODS: tuple[Method, ...] = (prodigy, prodigy, schedule_free, fastai, lightning)
OTHERS: dict[str, Method] = dict(zip(NEEDS, METHODS, strict=True))


def is_installed(name: str) -> bool:
    """Whether a method's library is there; any other method needs none."""
    return name not in NEEDS or importlib.util.find_spec(NEEDS[name]) is not None
