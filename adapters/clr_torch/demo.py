"""The problem of ``clr demo --framework torch``: scikit-learn's handwritten digits."""

from __future__ import annotations

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import clr_core
from clr_core.demo import Training
from clr_core.demo.digits import BATCH, load_digits
from clr_torch import ScheduleLR, range_test


class Digits:
    """A network with one hidden layer, trained by Adam."""

    unit = "nats per image"
    epochs = 12
    test_steps = 100
    default_lr = 0.001
    default_origin = "the default of PyTorch's Adam"

    def __init__(self) -> None:
        digits = load_digits()
        self._train = TensorDataset(torch.tensor(digits.train_x), torch.tensor(digits.train_y))
        self._test_x, self._test_y = torch.tensor(digits.test_x), torch.tensor(digits.test_y)
        self.steps_per_epoch = digits.steps_per_epoch
        self.description: tuple[str, ...] = digits.description("PyTorch")

    def range_test(self) -> clr_core.LRCurve:
        model, optimizer, batches = self._begin(seed=0)
        return range_test(model, optimizer, nn.CrossEntropyLoss(), batches, num_steps=self.test_steps)

    def train(self, schedule: clr_core.Schedule, steps: int, seed: int) -> Training:
        model, optimizer, batches = self._begin(seed)
        scheduler = ScheduleLR(optimizer, schedule)
        trace = []
        for epoch in range(1, steps // self.steps_per_epoch + 1):
            for images, labels in batches:
                optimizer.zero_grad()
                loss = nn.functional.cross_entropy(model(images), labels)
                loss.backward()  # type: ignore[no-untyped-call]
                optimizer.step()
                scheduler.step()
            trace.append((epoch * self.steps_per_epoch, self._evaluate(model)[0]))
        return Training(*self._evaluate(model), tuple(trace))

    @torch.no_grad()
    def _evaluate(self, model: nn.Module) -> tuple[float, float]:
        """Loss and accuracy on the held-out images."""
        scores = model(self._test_x)
        loss = nn.functional.cross_entropy(scores, self._test_y)
        return loss.item(), (scores.argmax(1) == self._test_y).float().mean().item()

    def _begin(self, seed: int) -> tuple[nn.Module, torch.optim.Optimizer, DataLoader[tuple[torch.Tensor, ...]]]:
        """A new model, its optimizer and its batches; torch's own random state stays as it is."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
        order = torch.Generator().manual_seed(seed)
        batches = DataLoader(self._train, batch_size=BATCH, shuffle=True, generator=order)
        return model, torch.optim.Adam(model.parameters()), batches


def problem() -> Digits:
    """The problem, by the name that ``clr demo`` asks every adapter for."""
    return Digits()
