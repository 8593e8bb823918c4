"""``clr_torch.SnapshotEnsemble``: the weights at the cycles' ends, in memory and on disk, and what is made of them."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import frameworks
import pytest
from interrupting import Interrupting

import clr_core

torch = frameworks.load("torch")
clr_torch = frameworks.load("clr_torch")

ADAPTER = os.path.dirname(clr_torch.__file__)
CYCLE = 4
INPUTS = torch.linspace(-1.0, 1.0, 24).reshape(8, 3)


def network(has_batch_norm: bool = False) -> Any:
    torch.manual_seed(0)
    layers = [torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4)] if has_batch_norm else [torch.nn.Linear(3, 4)]
    return torch.nn.Sequential(*layers, torch.nn.Dropout(0.5), torch.nn.Linear(4, 2))


def trained(model: Any, cycles: int, **arguments: Any) -> tuple[Any, list[dict[str, Any]]]:
    """The ensemble of a training run, and the state dict after each cycle."""
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    scheduler = clr_torch.ScheduleLR(optimizer, clr_core.triangular(0.01, 0.5, step_size=CYCLE // 2))
    ensemble = clr_torch.SnapshotEnsemble(scheduler, **arguments)
    ends = []
    for update in range(1, cycles * CYCLE + 2):
        optimizer.zero_grad()
        model(INPUTS).square().mean().backward()
        optimizer.step()
        scheduler.step()
        ensemble.update(model)
        if update % CYCLE == 0:
            ends.append({name: value.clone() for name, value in model.state_dict().items()})
    return ensemble, ends


def places(tmp_path: Path) -> list[dict[str, Any]]:
    return [{}, {"directory": tmp_path / "run"}]


@pytest.mark.parametrize("is_on_disk", [False, True])
@pytest.mark.parametrize("keep", [None, 2, 5])
def test_the_weights_at_the_cycles_ends(tmp_path: Path, keep: int | None, is_on_disk: bool) -> None:
    """Each snapshot has the weights after the last update of its cycle, and the last ``keep`` remain."""
    model = network()
    ensemble, ends = trained(model, 3, keep=keep, **places(tmp_path)[is_on_disk])
    kept = [1, 2] if keep == 2 else [0, 1, 2]
    assert ensemble.cycles == kept
    for index, cycle in enumerate(kept):
        ensemble.load(model, index)
        assert all(torch.equal(value, ends[cycle][name]) for name, value in model.state_dict().items())
    if is_on_disk:
        assert sorted(path.name for path in (tmp_path / "run").iterdir()) == [f"cycle_{each:05d}.pt" for each in kept]


@pytest.mark.parametrize("is_on_disk", [False, True])
@pytest.mark.parametrize("last", [None, 1, 2])
def test_predictions_are_averaged(tmp_path: Path, last: int | None, is_on_disk: bool) -> None:
    """predict() is the mean of the members' class probabilities in eval mode, and leaves the model as it was."""
    model = network(has_batch_norm=True)
    ensemble, ends = trained(model, 3, **places(tmp_path)[is_on_disk])
    before = {name: value.clone() for name, value in model.state_dict().items()}
    predicted = ensemble.predict(model, INPUTS, last=last)
    assert model.training
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    members = []
    for end in ends[-(last or 3) :]:
        model.load_state_dict(end)
        members.append(model.eval()(INPUTS).softmax(1))
    torch.testing.assert_close(predicted, torch.stack(members).mean(0))
    assert not predicted.requires_grad


def test_another_activation() -> None:
    """What is averaged can be the outputs themselves."""
    model = network()
    ensemble, ends = trained(model, 2)
    predicted = ensemble.predict(model, INPUTS, activation=lambda output: output)
    members = []
    for end in ends:
        model.load_state_dict(end)
        members.append(model.eval()(INPUTS))
    torch.testing.assert_close(predicted, torch.stack(members).mean(0))


def test_the_weights_are_averaged() -> None:
    """average() is a model of its own with the mean weights; the model stays as it was."""
    model = network()
    ensemble, ends = trained(model, 3)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    averaged = ensemble.average(model, last=2)
    for name, value in averaged.state_dict().items():
        torch.testing.assert_close(value, (ends[1][name] + ends[2][name]) / 2)
        assert torch.equal(model.state_dict()[name], before[name])


def test_batch_norm_is_estimated_anew() -> None:
    """The statistics of the average are those of the loader's batches under the mean weights; a loader is a must."""
    model = network(has_batch_norm=True)
    ensemble, _ = trained(model, 2)
    averaged = ensemble.average(model, [(INPUTS, None)])
    torch.testing.assert_close(averaged[1].running_mean, averaged[0](INPUTS).mean(0))
    with pytest.raises(ValueError, match="loader must be given for a model with batch norm, got loader=None"):
        ensemble.average(model)


def test_a_directory_is_read_in_another_process(tmp_path: Path) -> None:
    """A new ensemble of the same directory has the same members; a new run into it is refused."""
    model = network()
    ensemble, _ = trained(model, 2, directory=tmp_path)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    scheduler = clr_torch.ScheduleLR(optimizer, clr_core.constant(0.1))
    again = clr_torch.SnapshotEnsemble(scheduler, directory=tmp_path)
    assert torch.equal(again.predict(model, INPUTS), ensemble.predict(model, INPUTS))
    optimizer.step()
    scheduler.step()
    with pytest.raises(ValueError, match="a directory of its own, got 2 snapshots of another run"):
        again.update(model)


def test_refuses_bad_arguments(tmp_path: Path) -> None:
    """Each error states its rule and the value."""
    model, regression = network(), torch.nn.Linear(3, 1)
    ensemble, _ = trained(model, 2)
    with pytest.raises(TypeError, match="scheduler must be the optimizer's ScheduleLR, got scheduler=None"):
        clr_torch.SnapshotEnsemble(None)
    with pytest.raises(ValueError, match="keep must be an int >= 1, got keep=0"):
        clr_torch.SnapshotEnsemble(ensemble._scheduler, keep=0)
    with pytest.raises(ValueError, match="last must be at most the number of snapshots, 2, got last=3"):
        ensemble.predict(model, INPUTS, last=3)
    with pytest.raises(ValueError, match=r"there must be a snapshot, got none, directory='.*': no cycle has ended"):
        clr_torch.SnapshotEnsemble(ensemble._scheduler, directory=tmp_path).average(model)
    with pytest.raises(ValueError, match=r"logits of two or more classes along dimension 1, got \(8, 1\)"):
        trained(regression, 1)[0].predict(regression, INPUTS)
    with pytest.raises(IndexError):
        ensemble.load(model, 2)


class Merging(torch.nn.Module):  # type: ignore[misc, name-defined]
    """A LoRA layer, which merges its weights in eval mode."""

    def __init__(self) -> None:
        super().__init__()
        self.base, self.is_merged = torch.nn.Linear(3, 2), False
        self.down, self.up = torch.nn.Parameter(torch.randn(1, 3)), torch.nn.Parameter(torch.randn(2, 1))

    def train(self, mode: bool = True) -> Any:
        if mode is self.is_merged:
            self.base.weight.data += (-1 if mode else 1) * (self.up @ self.down).detach()
            self.is_merged = not mode
        return super().train(mode)

    def forward(self, inputs: Any) -> Any:
        return self.base(inputs) + (0.0 if self.is_merged else inputs @ self.down.T @ self.up.T)


@pytest.mark.parametrize("is_training", [True, False])
def test_layers_that_merge_their_weights_in_eval_mode(is_training: bool) -> None:
    """Snapshots are of split weights, and are loaded as such whatever the mode at the call: none is merged twice."""
    torch.manual_seed(0)
    model = torch.nn.Sequential(Merging())
    ensemble, ends = trained(model, 2)
    split = torch.nn.Sequential(Merging())
    members = []
    for end in ends:
        split.load_state_dict(end)
        members.append(split(INPUTS).detach())
    model.train(is_training)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    predicted = ensemble.predict(model, INPUTS, activation=lambda output: output)
    torch.testing.assert_close(predicted, (members[0] + members[1]) / 2)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert (model.training, model[0].is_merged) == (is_training, not is_training)
    averaged = ensemble.average(model)
    split.load_state_dict({name: (value + ends[1][name]) / 2 for name, value in ends[0].items()})
    torch.testing.assert_close(averaged(INPUTS), split(INPUTS))
    ensemble.load(model, 0)
    torch.testing.assert_close(model(INPUTS), members[0])
    assert model.training is is_training


class Remembering(torch.nn.Module):  # type: ignore[misc, name-defined]
    """A recurrent cell whose state goes from call to call, and which returns memory of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.cell = torch.nn.GRUCell(3, 2)
        self.register_buffer("hidden", torch.zeros(8, 2), persistent=False)

    def forward(self, inputs: Any) -> Any:
        hidden = self.cell(inputs, self.hidden.clone())
        if torch.is_grad_enabled():
            self.hidden = hidden.detach()
            return hidden
        return self.hidden.copy_(hidden)


def test_every_member_begins_at_the_state_of_the_call() -> None:
    """What the model remembers from call to call is the same for every member, and as before afterwards."""
    torch.manual_seed(0)
    model = Remembering()
    ensemble, ends = trained(model, 3)
    hidden, content = model.hidden, model.hidden.clone()
    predicted = ensemble.predict(model, INPUTS, activation=lambda output: output)
    assert model.hidden is hidden
    assert torch.equal(hidden, content)
    members = []
    for end in ends:
        model.load_state_dict(end)
        members.append(model.cell(INPUTS, content))
    torch.testing.assert_close(predicted, torch.stack(members).mean(0))


@pytest.mark.parametrize("again", [1, 30, 10**9])
def test_ctrl_c_at_every_line_of_predict(again: int) -> None:
    """Ctrl-C once or twice, anywhere in predict(), leaves weights, statistics and modes as they were."""
    model = network(has_batch_norm=True)
    ensemble, _ = trained(model, 2)
    model[2].eval()

    def content() -> list[Any]:
        modes = [each.training for each in model.modules()]
        return [{name: value.tolist() for name, value in model.state_dict().items()}, modes, torch.is_grad_enabled()]

    before = content()
    with Interrupting(ADAPTER, 10**9) as counter:
        ensemble.predict(model, INPUTS)
    assert content() == before
    for at in range(1 + again % 37, counter.lines, 37):
        with pytest.raises(KeyboardInterrupt), Interrupting(ADAPTER, at, again):
            ensemble.predict(model, INPUTS)
        sys.settrace(None)
        assert content() == before, at


@pytest.mark.parametrize("dtype", [torch.complex64, torch.bfloat16])
def test_every_dtype_is_averaged(dtype: Any) -> None:
    """Complex numbers are averaged as well, and the mean has the dtype of the model's."""
    model = torch.nn.Linear(3, 2, dtype=dtype)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    scheduler = clr_torch.ScheduleLR(optimizer, clr_core.triangular(0.01, 0.5, step_size=1))
    ensemble = clr_torch.SnapshotEnsemble(scheduler)
    for update in range(1, 7):
        optimizer.step()
        scheduler.step()
        model.weight.data = torch.full_like(model.weight, update)
        ensemble.update(model)
    assert torch.equal(ensemble.average(model).weight, torch.full_like(model.weight, 4))  # of 2, 4 and 6
