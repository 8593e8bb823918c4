"""Training after a torch range test equals training without one, bit for bit, whatever the training is made of."""

from __future__ import annotations

import array
import collections
import multiprocessing
import random
import threading
import warnings
from collections.abc import Callable
from typing import Any

import frameworks
import numpy as np
import pytest

torch = frameworks.load("torch")
clr_torch = frameworks.load("clr_torch")

from torch import nn  # noqa: E402
from torch.nn.utils import prune  # noqa: E402
from torch.utils import data  # noqa: E402

cross_entropy = nn.functional.cross_entropy
INPUTS = torch.randn(64, 8, generator=torch.Generator().manual_seed(1))
TARGETS = torch.arange(64) % 3

Setup = tuple[Any, Any, Any, dict[str, Any]]
SETUPS: dict[str, Callable[[], Setup]] = {}


def setup(build: Callable[[], Setup]) -> Callable[[], Setup]:
    SETUPS[build.__name__] = build
    return build


def loader(dataset: Any = None, **arguments: Any) -> Any:
    return data.DataLoader(dataset or data.TensorDataset(INPUTS, TARGETS), batch_size=16, **arguments)


def network() -> Any:
    return nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Dropout(0.2), nn.Linear(16, 3))


def adam(model: Any) -> Any:
    return torch.optim.AdamW(model.parameters(), lr=1e-2)


# Models that keep state in other places than parameters and buffers.


@setup
def a_recurrent_state() -> Setup:
    class Recurrent(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.cell, self.head, self.state = nn.GRUCell(8, 16), nn.Linear(16, 3), None

        def forward(self, inputs: Any) -> Any:
            state = self.cell(inputs, torch.zeros(len(inputs), 16) if self.state is None else self.state)
            self.state = state.detach()
            return self.head(state)

    model = Recurrent()
    return model, adam(model), loader(), {}


@setup
def attributes_of_every_kind() -> Setup:
    class Plain:
        __slots__ = ("number",)

        def __init__(self) -> None:
            self.number = 0

    class Keeping(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.layers = network()
            self.temperature, self.running, self.plain = 1.0, torch.zeros(8), Plain()
            self.history, self.seen, self.table = collections.deque(maxlen=3), set(), {"calls": [0]}
            self.array, self.numpy, self.python = np.zeros(3), np.random.default_rng(0), random.Random(1)

        def forward(self, inputs: Any) -> Any:
            self.running.mul_(0.9).add_(inputs.mean(0))
            self.temperature *= 0.99
            self.plain.number += 1
            self.history.append(inputs.mean().item())
            self.seen.add(self.plain.number)
            self.table["calls"].append(1)
            self.array += 1
            counted = len(self.seen) + len(self.table["calls"]) + self.array.sum() + self.plain.number
            noise = self.numpy.normal() + self.python.random() + sum(self.history) + float(counted) * 0.01
            return self.layers(inputs + self.running + noise) * self.temperature

    model = Keeping()
    return model, adam(model), loader(), {}


@setup
def lora_that_merges_in_eval() -> Setup:
    class LoRA(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.base, self.is_merged = nn.Linear(8, 3), False
            self.down, self.up = nn.Parameter(torch.randn(2, 8) * 0.1), nn.Parameter(torch.randn(3, 2) * 0.1)

        def train(self, mode: bool = True) -> Any:
            super().train(mode)
            if mode == self.is_merged:
                self.base.weight.data += (-1 if mode else 1) * (self.up @ self.down).detach()
                self.is_merged = not mode
            return self

        def forward(self, inputs: Any) -> Any:
            extra = 0.0 if self.is_merged else inputs @ self.down.T @ self.up.T
            return self.base(inputs) + extra

    model = nn.Sequential(LoRA())
    return model, adam(model), loader(), {"val_loader": loader(), "metric": "accuracy"}


@setup
def a_submodule_added_in_forward() -> Setup:
    class Growing(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.body, self.calls = network(), 0

        def forward(self, inputs: Any) -> Any:
            self.calls += 1
            if self.calls > 2 and not hasattr(self, "late"):
                self.late = nn.BatchNorm1d(3, affine=False)
            return self.late(self.body(inputs)) if self.calls > 2 else self.body(inputs)

    model = Growing()
    return model, adam(model), loader(), {}


@setup
def parametrizations() -> Setup:
    parametrizations = nn.utils.parametrizations
    model = nn.Sequential(
        parametrizations.weight_norm(nn.Linear(8, 8)), parametrizations.spectral_norm(nn.Linear(8, 3))
    )
    return model, adam(model), loader(), {}


@setup
def old_spectral_norm_and_pruning() -> Setup:
    model = nn.Sequential(nn.utils.spectral_norm(nn.Linear(8, 8)), nn.Linear(8, 3))
    prune.random_unstructured(model[1], "weight", 0.3)
    return model, adam(model), loader(), {}


@setup
def old_weight_norm() -> Setup:
    with warnings.catch_warnings(action="ignore"):  # it is deprecated, and still in use
        model = nn.Sequential(nn.utils.weight_norm(nn.Linear(8, 3)))
    return model, adam(model), loader(), {}


@setup
def a_script() -> Setup:
    class Counting(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.linear, self.calls = nn.Linear(8, 3), 0

        def forward(self, inputs: torch.Tensor) -> torch.Tensor:
            self.calls += 1
            return self.linear(inputs) * (1.0 + 0.01 * self.calls)

    model = torch.jit.script(Counting())
    return model, adam(model), loader(), {}


@setup
def a_buffer_made_in_inference_mode() -> Setup:
    model = network()
    model.register_buffer("scale", None)
    with torch.inference_mode():
        model.scale = torch.full((3,), 2.0)
    model[3].register_forward_hook(lambda module, inputs, output: output * model.scale.clone())
    return model, adam(model), loader(), {}


@setup
def a_hook_that_counts() -> Setup:
    class Hook:
        calls = 0

        def __call__(self, module: Any, inputs: Any, output: Any) -> Any:
            self.calls += 1
            return output * (1 + 0.01 * self.calls)

    model = nn.Sequential(nn.Linear(8, 16), nn.BatchNorm1d(16), nn.BatchNorm1d(16), nn.Linear(16, 3))
    model[1].eval()
    model[0].register_forward_hook(Hook())
    return model, adam(model), loader(), {"val_loader": loader()}


@setup
def parameters_that_share_memory() -> Setup:
    class Flat(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            flat = torch.randn(27)
            self.weight, self.bias = nn.Parameter(flat[:24].view(3, 8)), nn.Parameter(flat[24:])

        def forward(self, inputs: Any) -> Any:
            return nn.functional.linear(inputs, self.weight, self.bias)

    model = Flat()
    return model, adam(model), loader(), {}


@setup
def sparse_gradients() -> Setup:
    class Embedded(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.table = nn.Embedding(64, 3, sparse=True)

        def forward(self, inputs: Any) -> Any:
            return self.table((inputs[:, 0].abs() * 20).long() % 64)

    model = Embedded()
    return model, torch.optim.SparseAdam(list(model.parameters()), lr=1e-2), loader(), {}


# Loaders.


@setup
def a_loader_with_its_own_generator() -> Setup:
    model = network()
    return model, adam(model), loader(shuffle=True, generator=torch.Generator().manual_seed(3)), {}


@setup
def persistent_workers() -> Setup:
    model = network()
    return model, adam(model), loader(shuffle=True, num_workers=1, persistent_workers=True), {}


@setup
def a_sampler_that_counts_its_epochs() -> Setup:
    class Counting(data.Sampler):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            self.epoch = 0

        def __len__(self) -> int:
            return 64

        def __iter__(self) -> Any:
            order = torch.randperm(64, generator=torch.Generator().manual_seed(self.epoch))
            self.epoch += 1
            return iter(order.tolist())

    model = network()
    return model, adam(model), loader(sampler=Counting()), {}


@setup
def a_dataset_that_augments_at_random() -> Setup:
    class Augmenting(data.Dataset):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            self.noise = np.random.default_rng(1)

        def __len__(self) -> int:
            return 64

        def __getitem__(self, index: int) -> Any:
            return INPUTS[index] + float(self.noise.normal()), TARGETS[index]

    model = network()
    return model, adam(model), loader(Augmenting()), {}


@setup
def an_iterable_dataset_with_a_position() -> Setup:
    class Stream(data.IterableDataset):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            self.at = 0

        def __iter__(self) -> Any:
            for _ in range(64):
                self.at = (self.at + 7) % 64
                yield INPUTS[self.at], TARGETS[self.at]

    model = network()
    return model, adam(model), loader(Stream()), {}


@setup
def batches_that_are_dicts() -> Setup:
    model = network()
    batches = [{"x": x, "y": y} for x, y in zip(INPUTS.split(16), TARGETS.split(16), strict=True)]
    return model, adam(model), batches, {"loss_fn": lambda model, batch: cross_entropy(model(batch["x"]), batch["y"])}


# Optimizers.


@setup
def a_wrapper_with_slow_weights() -> Setup:
    class Lookahead(torch.optim.Optimizer):  # type: ignore[misc, name-defined]
        def __init__(self, inner: Any) -> None:
            self.optimizer, self.count = inner, 0
            self.slow = [each.detach().clone() for group in inner.param_groups for each in group["params"]]

        param_groups = property(lambda self: self.optimizer.param_groups)
        state = property(lambda self: self.optimizer.state)
        defaults = property(lambda self: self.optimizer.defaults)

        def zero_grad(self, set_to_none: bool = True) -> None:
            self.optimizer.zero_grad(set_to_none)

        def step(self, closure: Any = None) -> None:
            self.optimizer.step()
            self.count += 1
            if self.count % 3 == 0:
                parameters = [each for group in self.param_groups for each in group["params"]]
                for slow, parameter in zip(self.slow, parameters, strict=True):
                    parameter.data.copy_(slow.lerp_(parameter.detach(), 0.5))

    model = network()
    return model, Lookahead(adam(model)), loader(), {}


@setup
def an_optimizer_that_writes_to_data() -> Setup:
    class Old(torch.optim.Optimizer):  # type: ignore[misc, name-defined]
        def step(self, closure: Any = None) -> None:
            for group in self.param_groups:
                for parameter in group["params"]:
                    parameter.data.add_(parameter.grad.data, alpha=-group["lr"])

    model = network()
    return model, Old(model.parameters(), {"lr": 0.05}), loader(), {}


@setup
def a_generator_in_a_group() -> Setup:
    class Noisy(torch.optim.SGD):  # type: ignore[misc, name-defined]
        def step(self, closure: Any = None) -> Any:
            for group in self.param_groups:
                for parameter in group["params"]:
                    parameter.grad.add_(torch.randn(parameter.shape, generator=group["generator"]))
            return super().step()

    model = network()
    optimizer = Noisy(model.parameters(), lr=0.01)
    optimizer.param_groups[0]["generator"] = torch.Generator().manual_seed(4)
    return model, optimizer, loader(), {}


class Quantized(torch.Tensor):  # type: ignore[misc, name-defined]
    """A tensor of codes and a scale that can be neither cloned nor copied to, as the state of an 8-bit optimizer."""

    @staticmethod
    def __new__(cls, codes: Any, scale: Any) -> Any:
        return torch.Tensor._make_wrapper_subclass(cls, codes.shape, dtype=torch.float32)

    def __init__(self, codes: Any, scale: Any) -> None:
        self.codes, self.scale = codes, scale

    def __tensor_flatten__(self) -> Any:
        return ["codes", "scale"], []

    @classmethod
    def __tensor_unflatten__(cls, tensors: Any, context: Any, *_: Any) -> Any:
        return cls(tensors["codes"], tensors["scale"])

    @classmethod
    def __torch_dispatch__(cls, function: Any, types: Any, arguments: Any = (), keywords: Any = None) -> Any:
        raise NotImplementedError(str(function))


@setup
def a_state_that_cannot_be_cloned() -> Setup:
    class EightBit(torch.optim.Optimizer):  # type: ignore[misc, name-defined]
        @torch.no_grad()  # type: ignore[untyped-decorator]
        def step(self, closure: Any = None) -> None:
            for group in self.param_groups:
                for each in group["params"]:
                    state = self.state[each]
                    if not state:
                        state["momentum"] = Quantized(torch.zeros(each.shape, dtype=torch.int8), torch.ones(()))
                    kept = state["momentum"]
                    momentum = 0.9 * kept.codes * kept.scale + each.grad
                    kept.scale.copy_(momentum.abs().max() / 127 + 1e-9)
                    kept.codes.copy_((momentum / kept.scale).round())
                    each.add_(kept.codes * kept.scale, alpha=-group["lr"])

    model = network()
    return model, EightBit(model.parameters(), {"lr": 0.01}), loader(), {}


@setup
def fused_with_clipping_and_accumulation() -> Setup:
    model = network()
    arguments = {"clip_grad_norm": 0.1, "accumulation_steps": 2, "autocast": torch.bfloat16}
    return model, torch.optim.AdamW(model.parameters(), lr=0.01, fused=True), loader(), arguments


@setup
def a_scheduler_of_torch() -> Setup:
    model = network()
    optimizer = adam(model)
    torch.optim.lr_scheduler.StepLR(optimizer, 3)
    return model, optimizer, loader(), {}


# What the field keeps state in besides.


@setup
def an_optimizer_with_a_lock() -> Setup:
    class Logging(torch.optim.SGD):  # type: ignore[misc, name-defined]
        def __init__(self, *arguments: Any, **more: Any) -> None:
            super().__init__(*arguments, **more)
            self.lock = threading.Lock()

    model = network()
    return model, Logging(model.parameters(), lr=0.05, momentum=0.9), loader(), {}


@setup
def a_dataset_and_a_loader_with_locks() -> Setup:
    class Noisy(data.Dataset):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            self.lock, self.noise = threading.Lock(), np.random.default_rng(0)

        def __len__(self) -> int:
            return len(INPUTS)

        def __getitem__(self, index: int) -> Any:
            return INPUTS[index] + float(self.noise.normal()), TARGETS[index]

    class Locked(data.DataLoader):  # type: ignore[misc, name-defined]
        def __init__(self, *arguments: Any, **more: Any) -> None:
            self.lock = threading.RLock()
            super().__init__(*arguments, **more)

    model = network()
    batches = Locked(Noisy(), batch_size=16, shuffle=True, generator=torch.Generator().manual_seed(3))
    return model, adam(model), batches, {}


def _shuffled(order: Any, shuffle: Callable[[Any], Any]) -> Callable[[], Setup]:
    def build() -> Setup:
        class InPlace(data.Sampler):  # type: ignore[misc, name-defined]
            def __init__(self) -> None:
                self.order = order()

            def __len__(self) -> int:
                return len(self.order)

            def __iter__(self) -> Any:
                shuffle(self.order)
                return (int(index) % len(INPUTS) for index in self.order)

        model = network()
        return model, adam(model), loader(sampler=InPlace()), {}

    return build


SETUPS["an order in an array"] = _shuffled(lambda: np.arange(64), np.random.shuffle)
SETUPS["an order in a tensor"] = _shuffled(
    lambda: torch.arange(64), lambda order: order.copy_(order[torch.randperm(64)])
)
SETUPS["an order in a long list"] = _shuffled(lambda: list(range(1500)), random.shuffle)


@setup
def a_collator_that_counts_for_all_workers() -> Setup:
    class Masking:
        def __init__(self) -> None:
            self.calls = multiprocessing.Value("i", -1)

        def __call__(self, examples: Any) -> Any:
            with self.calls.get_lock():
                self.calls.value += 1
            inputs, targets = data.default_collate(examples)
            inputs[:, self.calls.value % 8] = 0.0
            return inputs, targets

    model = network()
    return model, adam(model), loader(collate_fn=Masking()), {}


@setup
def hooks_and_a_norm_made_in_the_first_forward() -> Setup:
    class Late(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.layers, self.is_ready, self.calls = network(), False, 0

        def halve(self, weight: Any) -> None:
            weight.grad.mul_(0.5)

        def forward(self, inputs: Any) -> Any:
            self.calls += 1
            if self.calls > 2 and not self.is_ready:
                self.layers[0].weight.register_hook(lambda gradient: gradient / 2)
                self.layers[0].bias.register_post_accumulate_grad_hook(self.halve)
                nn.utils.parametrizations.orthogonal(self.layers[3])
                self.is_ready = True
            return self.layers(inputs)

    model = Late()
    return model, adam(model), loader(), {}


@setup
def state_in_unusual_objects() -> Setup:
    class Late:
        __slots__ = ("seen",)

    class Key:
        count = 0

    class Unusual(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.layers, self.late, self.key = network(), Late(), Key()
            self.keys, self.numbers = {self.key: None}, array.array("d", [0.0])
            self.objects, self.bits = np.array([[0.0], None], dtype=object), np.random.PCG64(1)
            self.entropy = random.SystemRandom()
            self.sparse = torch.eye(2).to_sparse()

        def forward(self, inputs: Any) -> Any:
            if not hasattr(self.late, "seen"):
                self.late.seen = 0
            self.late.seen += 1
            self.key.count += 1
            self.numbers[0] += 0.01
            self.objects[0][0] += 0.01
            self.sparse.mul_(0.99)
            extra = self.numbers[0] + self.objects[0][0] + self.late.seen / 100 + self.key.count / 100
            extra += float(self.sparse.to_dense().sum()) + self.bits.random_raw() / 2**64
            return self.layers(inputs + extra)

    model = Unusual()
    return model, adam(model), loader(), {}


def _plain(kind: str) -> Callable[[], Setup]:
    def build() -> Setup:
        model = nn.Linear(8, 3, bias=False)
        return model, getattr(torch.optim, kind)(model.parameters(), lr=1e-2), loader(shuffle=True), {}

    return build


SETUPS |= {
    kind: _plain(kind)
    for kind in "Adadelta Adafactor Adagrad Adam Adamax ASGD Muon NAdam RAdam RMSprop Rprop SGD".split()
    if hasattr(torch.optim, kind)
}


def losses_and_weights(build: Callable[[], Setup], has_test: bool) -> tuple[list[float], list[Any]]:
    """Of a training run of two updates and, after a range test or not, of two epochs more."""
    for seed in (torch.manual_seed, random.seed, np.random.seed):
        seed(0)
    model, optimizer, batches, arguments = build()
    loss_fn = arguments.get("loss_fn") or (lambda model, batch: cross_entropy(model(batch[0]), batch[1]))
    losses = []

    def train(updates: int) -> None:
        for _, batch in zip(range(updates), batches, strict=False):
            optimizer.zero_grad()
            loss = loss_fn(model, batch)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())

    train(2)
    if has_test:
        criterion = None if "loss_fn" in arguments else cross_entropy
        curve = clr_torch.range_test(model, optimizer, criterion, batches, num_steps=12, **arguments)
        assert len(curve) >= 10
    train(4)
    train(4)
    return losses, [parameter.detach().clone() for parameter in model.parameters()]


@pytest.mark.parametrize("name", SETUPS)
def test_training_afterwards_is_as_without_a_test(name: str) -> None:
    """The losses of two epochs and the weights after them are the same to the bit."""
    (losses, weights), (expected_losses, expected) = (
        losses_and_weights(SETUPS[name], has_test) for has_test in (True, False)
    )
    assert losses == expected_losses
    assert all(map(torch.equal, weights, expected))


def test_what_a_step_uses_besides_is_named() -> None:
    """An average of the weights and a generator that range_test_steps cannot find are put back where they are named."""
    model, noise = network(), torch.Generator().manual_seed(2)
    average = torch.optim.swa_utils.AveragedModel(model)
    optimizer, seen = adam(model), []

    def step() -> Any:
        optimizer.zero_grad()
        loss = cross_entropy(model(INPUTS + torch.randn(INPUTS.shape, generator=noise)), TARGETS)
        loss.backward()
        optimizer.step()
        average.update_parameters(model)
        seen.append(loss.item())
        return loss

    before = (noise.get_state().tolist(), [each.tolist() for each in average.state_dict().values()])
    clr_torch.range_test_steps(
        step, models=model, optimizers=optimizer, num_steps=12, generators=[noise], also=[average]
    )
    assert (noise.get_state().tolist(), [each.tolist() for each in average.state_dict().values()]) == before
    assert len(seen) == 12  # a list in a closure is the caller's own


def test_what_cannot_be_put_back_is_an_error_before_the_test() -> None:
    """Where putting back fails, nothing has been changed and no update was made."""
    model = network()

    class Stubborn(random.Random):
        def setstate(self, state: Any) -> None:
            raise ValueError("never")

    model.stubborn = Stubborn()
    with pytest.raises(ValueError, match="a range test must be able to put everything back, got never"):
        clr_torch.range_test(model, adam(model), lambda *_: pytest.fail("an update"), loader())


def test_a_complete_curve_is_not_lost_to_a_restore_that_fails() -> None:
    """A device that fails at the very end costs a warning; the rest is put back all the same."""
    model = network()

    class Failing(random.Random):
        calls = 0

        def setstate(self, state: Any) -> None:
            Failing.calls += 1
            if Failing.calls > 1:
                raise OSError("the device has failed")

    model.failing = Failing()
    weights = model[0].weight.tolist()
    with pytest.warns(RuntimeWarning, match="could not put everything back after the range test: OSError"):
        curve = clr_torch.range_test(model, adam(model), cross_entropy, loader(), num_steps=12)
    assert len(curve) == 12
    assert model[0].weight.tolist() == weights
