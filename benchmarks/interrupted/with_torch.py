"""A torch range test of a network that keeps a state in a plain attribute and replaces a buffer."""

from __future__ import annotations

import random
from typing import Any

import clr_torch
import numpy as np
import torch
from interrupted.plain import of_the_process, plain
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


class Network(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(8, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(), nn.Linear(16, 3))
        self.frozen = nn.Linear(8, 8).eval().requires_grad_(False)
        self.register_buffer("mean", torch.zeros(8))
        self.state: Any = None
        self.calls: list[int] = []

    def forward(self, inputs: Any) -> Any:
        self.mean = 0.9 * self.mean + 0.1 * inputs.mean(0)
        self.calls.append(len(inputs))
        with torch.no_grad():
            self.state = self.frozen(inputs).mean(0) + torch.rand(())
        return self.layers(self.frozen(inputs) - self.mean + self.state * random.random() * float(np.random.rand()))


class Setting:
    name = "torch"

    def __init__(self) -> None:
        torch.set_num_threads(1)
        torch.manual_seed(0)
        inputs = torch.randn(32, 8)
        data = TensorDataset(inputs, inputs.argmax(1).clamp(max=2))
        self.loader = DataLoader(data, batch_size=16, shuffle=True, generator=torch.Generator().manual_seed(1))
        self.model = Network()
        trained = [each for each in self.model.parameters() if each.requires_grad]
        self.optimizer = torch.optim.AdamW(trained, lr=1e-2, amsgrad=True)
        for batch in self.loader:
            self.optimizer.zero_grad()
            nn.functional.cross_entropy(self.model(batch[0]), batch[1]).backward()
            self.optimizer.step()
        self.ways = {"range_test": self._range_test}
        self.turns = tuple(self.ways)

    def _range_test(self) -> Any:
        return clr_torch.range_test(
            self.model, self.optimizer, nn.functional.cross_entropy, self.loader, val_loader=self.loader,
            metric="accuracy", num_steps=5, divergence=None,
        )  # fmt: skip

    def after_ctrl_c(self) -> None:
        """There is nothing left to do."""

    def fingerprint(self) -> dict[str, Any]:
        return of_the_process() | {
            "modules": [plain(vars(module)) for module in self.model.modules()],
            "gradients": plain([each.grad for each in self.model.parameters()]),
            "optimizer": plain(vars(self.optimizer)),
            "sampler": plain(vars(self.loader.sampler)),
            "generator": self.loader.generator.get_state().tolist(),
        }
