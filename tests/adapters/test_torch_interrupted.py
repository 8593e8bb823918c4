"""A torch range test is restored, or was not begun, wherever Ctrl-C arrives and however often."""

from __future__ import annotations

import gc
import itertools
import os
import signal
import sys
import threading
from typing import Any

import frameworks
import pytest
from interrupting import Interrupting, press_ctrl_c

torch = frameworks.load("torch")
clr_torch = frameworks.load("clr_torch")

from torch import nn  # noqa: E402

ADAPTER = os.path.dirname(clr_torch.__file__)


class Counting(nn.Module):  # type: ignore[misc, name-defined]
    """A linear layer that counts its calls in an attribute."""

    def __init__(self) -> None:
        super().__init__()
        self.linear, self.calls = nn.Linear(2, 1), 0

    def forward(self, inputs: Any) -> Any:
        self.calls += 1
        return self.linear(inputs)


def make() -> tuple[Any, Any, Any]:
    torch.manual_seed(0)
    model = Counting()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    data = torch.utils.data.TensorDataset(torch.ones(4, 2), torch.ones(4, 1))
    generator = torch.Generator().manual_seed(1)
    return model, optimizer, torch.utils.data.DataLoader(data, batch_size=2, shuffle=True, generator=generator)


def content(model: Any, optimizer: Any, loader: Any) -> list[Any]:
    return [
        [parameter.tolist() for parameter in model.parameters()],
        [parameter.grad for parameter in model.parameters()],
        (model.calls, model.training, dict(optimizer.state), optimizer.param_groups[0]["lr"]),
        (len(optimizer._optimizer_step_pre_hooks), loader._iterator),
        (torch.get_rng_state().tolist(), loader.generator.get_state().tolist()),
        (torch.is_grad_enabled(), signal.getsignal(signal.SIGINT)),
    ]


def run(setting: tuple[Any, Any, Any]) -> Any:
    model, optimizer, loader = setting
    return clr_torch.range_test(model, optimizer, nn.functional.mse_loss, loader, num_steps=3, end_lr=1e-3)


@pytest.mark.parametrize("again", [1, 30, 10**9])
def test_at_every_line(again: int) -> None:
    """Ctrl-C at any line of the adapter, once or twice, leaves every bit, mode and handler as it was."""
    setting = make()
    before = content(*setting)
    with Interrupting(ADAPTER, 10**9) as counter:
        run(setting)
    assert content(*setting) == before
    assert counter.lines > 500
    outcomes = set()
    # Every 13th line, from another one each time.
    for at in range(1 + again % 13, counter.lines, 13):
        outcome = "KeyboardInterrupt"
        try:
            with Interrupting(ADAPTER, at, again):
                outcome = run(setting).stop_reason
        except KeyboardInterrupt:
            pass
        sys.settrace(None)
        assert content(*setting) == before, at
        outcomes.add(outcome)
    assert outcomes >= {"interrupted", "KeyboardInterrupt"}
    gc.collect()
    assert content(*setting) == before


def test_the_first_ctrl_c_returns_the_curve() -> None:
    """One Ctrl-C in a step ends the test; two of them as well end the program, once everything is back."""
    for presses, outcome in ((1, "interrupted"), (2, KeyboardInterrupt), (5, KeyboardInterrupt)):
        model, optimizer, loader = make()
        before = content(model, optimizer, loader)
        calls = itertools.count()

        def criterion(output: Any, targets: Any, presses: int = presses, calls: Any = calls) -> Any:
            if next(calls) == 1:
                press_ctrl_c(presses)
            return nn.functional.mse_loss(output, targets)

        if outcome == "interrupted":
            assert clr_torch.range_test(model, optimizer, criterion, loader).stop_reason == outcome
        else:
            with pytest.raises(KeyboardInterrupt):
                clr_torch.range_test(model, optimizer, criterion, loader)
        assert content(model, optimizer, loader) == before


@pytest.mark.skipif(not hasattr(signal, "SIGUSR1"), reason="Windows has no SIGUSR1")
def test_other_signals_are_handled_as_they_come() -> None:
    """A handler that does not raise runs during the test, as often as it is called, and Ctrl-C works afterwards."""
    model, optimizer, loader = make()
    seen: list[int] = []
    old = signal.signal(signal.SIGUSR1, lambda number, frame: seen.append(number))
    calls = itertools.count()

    def criterion(output: Any, targets: Any) -> Any:
        call = next(calls)
        if call < 3:
            signal.raise_signal(signal.SIGUSR1)
            assert len(seen) == call + 1
        else:
            signal.raise_signal(signal.SIGINT)
        return nn.functional.mse_loss(output, targets)

    try:
        curve = clr_torch.range_test(model, optimizer, criterion, loader)
    finally:
        signal.signal(signal.SIGUSR1, old)
    assert (len(curve), curve.stop_reason, len(seen)) == (3, "interrupted", 3)


def test_in_another_thread() -> None:
    """Only the main thread can handle signals; elsewhere the test runs as well."""
    setting, curves = make(), []
    thread = threading.Thread(target=lambda: curves.append(run(setting)))
    thread.start()
    thread.join()
    assert len(curves[0]) == 3


def test_a_step_that_swallows_ctrl_c() -> None:
    """A step that catches KeyboardInterrupt itself can be interrupted again at the next update."""
    model, optimizer, loader = make()
    calls = itertools.count()

    def criterion(output: Any, targets: Any) -> Any:
        if next(calls) == 0:
            with pytest.raises(KeyboardInterrupt):
                signal.raise_signal(signal.SIGINT)
        else:
            signal.raise_signal(signal.SIGINT)
        return nn.functional.mse_loss(output, targets)

    curve = clr_torch.range_test(model, optimizer, criterion, loader)
    assert (len(curve), curve.stop_reason) == (1, "interrupted")
