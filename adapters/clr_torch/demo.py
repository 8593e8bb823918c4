"""The problem of ``clr demo --framework torch``: scikit-learn's handwritten digits."""

from __future__ import annotations

from typing import Any

import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import clr_core
from clr_core.demo import Training
from clr_torch import ScheduleLR, range_test

BATCH = 32
HELD_OUT = 453
"""So that 1,344 images are left, 42 whole batches."""


class Digits:
    """A network with one hidden layer, trained by Adam."""

    unit = "nats per image"
    epochs = 12
    test_steps = 100
    default_lr = 0.001
    default_origin = "that of PyTorch's Adam"

    def __init__(self) -> None:
        digits: Any = load_digits()
        images = torch.tensor(digits.data / 16, dtype=torch.float32)
        parts: Any = train_test_split(images, torch.tensor(digits.target), test_size=HELD_OUT, random_state=0)
        self._learn, self._held_out, self._answers, self._held_out_answers = parts
        self.steps_per_epoch = len(self._learn) // BATCH
        self.description: tuple[str, ...] = (
            f"The problem: read handwritten digits, {len(images):,} images of 8 x 8 pixels, in PyTorch.",
            f"A network with a hidden layer of 32 learns by Adam in batches of {BATCH}:",
            f"from {len(self._learn):,} images, to be judged on the other {HELD_OUT}.",
        )

    def range_test(self) -> clr_core.LRCurve:
        model, optimizer, batches = self._begin(seed=0)
        return range_test(model, optimizer, nn.CrossEntropyLoss(), batches, num_steps=self.test_steps)

    def train(self, schedule: clr_core.Schedule, steps: int, seed: int) -> Training:
        model, optimizer, batches = self._begin(seed)
        scheduler = ScheduleLR(optimizer, schedule)
        trace = []
        for epoch in range(1, steps // self.steps_per_epoch + 1):
            for images, answers in batches:
                optimizer.zero_grad()
                loss = nn.functional.cross_entropy(model(images), answers)
                loss.backward()  # type: ignore[no-untyped-call]
                optimizer.step()
                scheduler.step()
            trace.append((epoch * self.steps_per_epoch, self._judge(model)[0]))
        return Training(*self._judge(model), tuple(trace))

    @torch.no_grad()
    def _judge(self, model: nn.Module) -> tuple[float, float]:
        """Loss and accuracy on the held-out images."""
        scores = model(self._held_out)
        loss = nn.functional.cross_entropy(scores, self._held_out_answers)
        return loss.item(), (scores.argmax(1) == self._held_out_answers).float().mean().item()

    def _begin(self, seed: int) -> tuple[nn.Module, torch.optim.Optimizer, DataLoader[tuple[torch.Tensor, ...]]]:
        """A new model, its optimizer and its batches, without a trace in torch's own random state."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
        data = TensorDataset(self._learn, self._answers)
        order = torch.Generator().manual_seed(seed)
        batches = DataLoader(data, batch_size=BATCH, shuffle=True, generator=order)
        return model, torch.optim.Adam(model.parameters()), batches


def problem() -> Digits:
    """The problem, by the name that ``clr demo`` asks every adapter for."""
    return Digits()
