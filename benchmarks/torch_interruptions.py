"""Question: is everything as it was after a range test with Ctrl-C at random instants, and does it stay so?

Command:  python benchmarks/torch_interruptions.py [--quick] [--tests N] [--seed S]
Method:   2,000 range tests (200 with --quick) of a small network with BatchNorm, dropout, a state in an attribute, an
          optimizer some updates old, a shuffling DataLoader and a validation set. In each, one to three Ctrl-C arrive
          at random instants between its start and a little after its end, the second and third within a millisecond as
          often as not, so that they arrive while things are put back. Half of them are a SIGINT, half an alarm whose
          handler raises KeyboardInterrupt. Afterwards every bit, object, mode, random state and signal handler is
          compared with before; and once more after the exception and its traceback are gone.
Target:   no difference.
"""

from __future__ import annotations

import argparse
import collections
import gc
import random
import signal
import sys
import time
from typing import Any

import clr_torch
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


class Network(nn.Module):
    """A network that keeps a state in a plain attribute and replaces a buffer."""

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
    def __init__(self) -> None:
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

    def test(self) -> Any:
        return clr_torch.range_test(
            self.model, self.optimizer, nn.functional.cross_entropy, self.loader, val_loader=self.loader,
            metric="accuracy", num_steps=5, divergence=None,
        )  # fmt: skip

    def fingerprint(self) -> list[Any]:
        """Plain values that are equal only if everything is the same to the bit, in the same objects."""
        modules = list(self.model.modules())
        handlers = [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGALRM)]
        return [
            [_bits(vars(module)) for module in modules],
            _bits([each.grad for each in self.model.parameters()]),
            _bits(vars(self.optimizer)),
            _bits(vars(self.loader.sampler)),
            self.loader.generator.get_state().tolist(),
            torch.get_rng_state().tolist(),
            random.getstate(),
            repr(np.random.get_state()),
            (torch.is_grad_enabled(), torch.is_autocast_enabled("cpu")),
            handlers,
        ]


def _bits(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        return (id(value), value.requires_grad, str(value.dtype), value.detach().flatten().view(torch.uint8).tolist())
    if isinstance(value, dict):
        return [(_bits(key), _bits(item)) for key, item in value.items()]
    if isinstance(value, list | tuple):
        return [_bits(item) for item in value]
    return repr(value)


class Alarms:
    """Ctrl-C at given delays, each counted from the one before."""

    def __init__(self) -> None:
        self.delays: list[float] = []
        self.is_sigint = False
        signal.signal(signal.SIGALRM, self._ring)

    def set(self, delays: list[float], is_sigint: bool) -> None:
        self.delays, self.is_sigint = delays, is_sigint
        signal.setitimer(signal.ITIMER_REAL, self.delays.pop(0))

    def _ring(self, number: int, frame: Any) -> None:
        if self.delays:
            signal.setitimer(signal.ITIMER_REAL, self.delays.pop(0))
        if self.is_sigint:
            signal.raise_signal(signal.SIGINT)
        else:
            raise KeyboardInterrupt

    def stop(self) -> None:
        self.delays = []
        signal.setitimer(signal.ITIMER_REAL, 0.0)


def _interrupted(setting: Setting, alarms: Alarms, delays: list[float], is_sigint: bool) -> str:
    outcome = "KeyboardInterrupt"
    try:
        try:
            alarms.set(delays, is_sigint)
            outcome = setting.test().stop_reason
        finally:
            alarms.stop()
    except KeyboardInterrupt:
        # One may ring in the handler above.
        alarms.stop()
    return outcome


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="200 tests instead of 2,000")
    parser.add_argument("--tests", type=int, help="another number of tests")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    count = arguments.tests or (200 if arguments.quick else 2000)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # which a shell ignores in its background jobs
    torch.set_num_threads(1)
    setting, alarms, chance = Setting(), Alarms(), random.Random(arguments.seed)
    setting.test()
    start = time.perf_counter()
    setting.test()
    seconds = time.perf_counter() - start
    before = setting.fingerprint()
    gc.collect()
    gc.freeze()  # what torch has made at its import need not be looked at every time
    outcomes: collections.Counter[str] = collections.Counter()
    faults = 0
    for number in range(count):
        delays = [max(chance.uniform(0.0, 1.1 * seconds), 1e-6)]
        for _ in range(chance.randrange(3)):
            delays.append(chance.choice([chance.uniform(1e-6, 1e-3), chance.uniform(1e-6, seconds / 2)]))
        outcomes[_interrupted(setting, alarms, delays, is_sigint=bool(number % 2))] += 1
        after = setting.fingerprint()
        gc.collect()
        for moment, now in (("at once", after), ("after the traceback was gone", setting.fingerprint())):
            if now != before:
                faults += 1
                different = [place for place, (one, other) in enumerate(zip(before, now, strict=True)) if one != other]
                print(f"test {number}: parts {different} differ {moment}")
    print(f"{count} range tests with one to three Ctrl-C: {faults} differences; ended as {dict(outcomes)}")
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
