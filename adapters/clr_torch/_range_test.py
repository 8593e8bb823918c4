"""The range test of a torch model: ``range_test`` on the batches of a loader, ``range_test_steps`` for any step."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, overload

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from clr_core import LRCurve, RangeTest, check
from clr_torch import _groups as groups_of
from clr_torch._also import checked_also
from clr_torch._batches import LoaderStep
from clr_torch._describe import described
from clr_torch._loop import Loop


@overload
def range_test(
    model: nn.Module,
    optimizer: Optimizer,
    criterion: Callable[[Any, Any], Tensor] | None,
    train_loader: Iterable[Any],
    *,
    loss_fn: Callable[[Any, Any], Tensor] | None = None,
    start_lr: float = 1e-7,
    end_lr: float = 10.0,
    num_steps: int = 100,
    mode: str = "exponential",
    divergence: float | None = 1.0,
    val_loader: Iterable[Any] | None = None,
    metric: Callable[[Any, Any], Any] | str | None = None,
    accumulation_steps: int = 1,
    clip_grad_norm: float | None = None,
    autocast: torch.dtype | None = None,
    scaler: Any = None,
    seeds: None = None,
    generators: Sequence[torch.Generator] = (),
    also: Sequence[Any] = (),
    optimizer_name: str | None = None,
    progress: bool = True,
) -> LRCurve: ...


@overload
def range_test(
    model: nn.Module,
    optimizer: Optimizer,
    criterion: Callable[[Any, Any], Tensor] | None,
    train_loader: Iterable[Any],
    *,
    loss_fn: Callable[[Any, Any], Tensor] | None = None,
    start_lr: float = 1e-7,
    end_lr: float = 10.0,
    num_steps: int = 100,
    mode: str = "exponential",
    divergence: float | None = 1.0,
    val_loader: Iterable[Any] | None = None,
    metric: Callable[[Any, Any], Any] | str | None = None,
    accumulation_steps: int = 1,
    clip_grad_norm: float | None = None,
    autocast: torch.dtype | None = None,
    scaler: Any = None,
    seeds: Sequence[int],
    generators: Sequence[torch.Generator] = (),
    also: Sequence[Any] = (),
    optimizer_name: str | None = None,
    progress: bool = True,
) -> list[LRCurve]: ...


def range_test(
    model: nn.Module,
    optimizer: Optimizer,
    criterion: Callable[[Any, Any], Tensor] | None,
    train_loader: Iterable[Any],
    *,
    loss_fn: Callable[[Any, Any], Tensor] | None = None,
    start_lr: float = 1e-7,
    end_lr: float = 10.0,
    num_steps: int = 100,
    mode: str = "exponential",
    divergence: float | None = 1.0,
    val_loader: Iterable[Any] | None = None,
    metric: Callable[[Any, Any], Any] | str | None = None,
    accumulation_steps: int = 1,
    clip_grad_norm: float | None = None,
    autocast: torch.dtype | None = None,
    scaler: Any = None,
    seeds: Sequence[int] | None = None,
    generators: Sequence[torch.Generator] = (),
    also: Sequence[Any] = (),
    optimizer_name: str | None = None,
    progress: bool = True,
) -> LRCurve | list[LRCurve]:
    """The loss curve of a short training run during which the LR rises; everything is restored afterwards.

    Same test as ``clr_core.RangeTest``, at every update of ``optimizer`` on
    ``criterion(model(inputs), targets)``, or on ``loss_fn(model, batch)``. Of several parameter groups, group ``i``
    trains at ``lr * lr_i / lr_0``, the ratios that ``ScheduleLR`` keeps too, and the curve has the LR of the first.

    Afterwards everything is bit-identical to before, also after an exception or any number of Ctrl-C: parameters,
    buffers, gradients, modes and every other attribute of the model, its submodules, the criterion, the metric, the
    optimizer and the GradScaler; the random numbers of torch, Python, NumPy and the loaders; samplers that count; grad
    mode. Ctrl-C ends the test and returns the curve so far, with ``stop_reason="interrupted"``.

    Where ``torch.distributed`` is initialized, every rank must call this: the loss recorded is the mean over the ranks,
    and all of them stop after the same update with the same curve.

    Args:
        model: In training mode its modules' modes are kept (a frozen BatchNorm stays frozen); otherwise
            the whole model is put in training mode for the test.
        optimizer: Any torch optimizer whose step needs no closure, over the model's parameters. Where it has
            ``maximize=True``, the curve has the negative of the objective.
        criterion: A function of the model's output and the targets that returns the loss; None with ``loss_fn``.
        train_loader: A DataLoader or another iterable of batches, which are moved to the model's device: ``(inputs,
            targets)``, or with ``loss_fn`` anything. It is iterated over again where it ends. An iterator is used up.
        loss_fn: A function of the model and a batch that returns the loss, for batches that are not pairs.
        start_lr: LR of the first update, > 0.
        end_lr: LR of the last update, > start_lr.
        num_steps: Updates in the test, an int >= 2.
        mode: ``"exponential"`` or ``"linear"``.
        divergence: As in ``clr_core.RangeTest``; None never stops for a finite loss.
        val_loader: Record the mean loss over all of it after each update in place of the training loss.
        metric: ``"accuracy"`` (for class numbers as targets), or a function of output and targets whose
            value is better when higher; recorded beside the loss, of the same batches.
        accumulation_steps: Batches whose mean gradient makes one update, an int >= 1.
        clip_grad_norm: The norm, > 0, to which the gradients of each update are clipped; None for no clipping.
        autocast: The dtype of ``torch.autocast``, such as ``torch.bfloat16``; None for no autocast.
        scaler: A ``torch.amp.GradScaler``. An update that it skips has its loss recorded all the same.
        seeds: Ints >= 0: one curve for each, all from the same weights, with the data in another order and with other
            dropout. Ctrl-C ends the curve at hand, and no further one is begun.
        generators: Random generators that the model, the loss or the data use and that cannot be found through them,
            such as one in a closure.
        also: A list of other objects that a step changes, such as an EMA of the weights: they are put back as modules
            are.
        optimizer_name: What ``optimizer`` is, for ``curve.optimizer``; by default the name of its class, or of what it
            wraps or derives from where that is better known.
        progress: Show a progress bar, where tqdm is installed and stderr is a terminal.

    Returns:
        The curve, for ``clr_core.suggest_bounds``; with ``seeds`` a list of curves, which it takes too.
        ``curve.momentum`` is whether any parameter group of an SGD has momentum.

    Raises:
        TypeError: An argument is of the wrong kind, or a batch is not a pair.
        ValueError: An argument is out of its range, the LR of the first group is not > 0, a loader yields no batch, or
            something cannot be put back.
        RuntimeError: The LR was changed during a step, no parameter of the optimizer has a gradient, or another rank
            has failed.

    Example:
        >>> import clr_torch, torch
        >>> model = torch.nn.Linear(3, 1)
        >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        >>> batches = [(torch.ones(8, 3), torch.ones(8, 1))]
        >>> curve = clr_torch.range_test(model, optimizer, torch.nn.functional.mse_loss, batches, num_steps=50)
        >>> curve.lrs[0], curve.optimizer
        (1e-07, 'SGD')
    """
    groups_of.check_optimizer("optimizer", optimizer)
    _check_scaler(scaler)
    _check_generators(generators)
    also = checked_also(also)
    step = LoaderStep(
        model,
        optimizer,
        criterion,
        train_loader,
        loss_fn=loss_fn,
        val_loader=val_loader,
        metric=metric,
        accumulation_steps=accumulation_steps,
        clip_grad_norm=clip_grad_norm,
        autocast=autocast,
        scaler=scaler,
    )
    sign = _sign([optimizer])
    name = described(optimizer, optimizer_name)

    def one_curve(seed: int | None) -> LRCurve:
        loop = Loop(
            RangeTest(start_lr, end_lr, num_steps, mode=mode, divergence=divergence, **name),
            step,
            [optimizer],
            sign=sign,
            may_skip=_may_skip([optimizer], scaler),
            progress=progress,
        )
        state = [*step.state, optimizer, scaler, *generators, *also]
        return loop.run(state, step.data, lambda: step.begin(seed), step.close)

    if seeds is None:
        return one_curve(None)
    curves: list[LRCurve] = []
    for seed in _checked_seeds(seeds):
        curves.append(one_curve(seed))
        if curves[-1].stop_reason == "interrupted":
            break
    return curves


def range_test_steps(
    train_step: Callable[[], Any],
    *,
    models: nn.Module | Sequence[nn.Module],
    optimizers: Optimizer | Sequence[Optimizer],
    scaler: Any = None,
    start_lr: float = 1e-7,
    end_lr: float = 10.0,
    num_steps: int = 100,
    mode: str = "exponential",
    divergence: float | None = 1.0,
    generators: Sequence[torch.Generator] = (),
    also: Sequence[Any] = (),
    optimizer_name: str | None = None,
    progress: bool = True,
) -> LRCurve:
    """The loss curve of a short training run by a step of your own; everything named is left as it was.

    Same as ``range_test``, for several models or optimizers, and data that is in no DataLoader.

    Args:
        train_step: Called without arguments at every update: takes a batch, computes the loss, calls
            ``backward()`` and the optimizers' ``step()``, and returns the loss, a float or a Tensor of one
            element, or ``(loss, metric)``. It leaves the LR alone, so a scheduler's ``step()`` is not in it, and it
            makes an update in every call: to accumulate gradients, it takes all the batches of an update.
        models: All models it trains or runs in training mode. Their modes are kept as they are.
        optimizers: All optimizers it steps. The curve has the name of the first one and the LR of its first
            group, and every other group keeps its ratio to that.
        scaler: The GradScaler it uses, if any.
        start_lr: As those that follow, see ``range_test``.
        generators: The random generators it uses besides those of torch, Python and NumPy.
        also: A list of other objects that it changes, such as metrics, an EMA of the weights, a loader or a sampler.

    Raises:
        TypeError: An argument is of the wrong kind, or ``train_step`` returns no loss.
        ValueError: An argument is out of its range, the LR of the first group is not > 0, something cannot be put
            back, or ``train_step`` has run out of batches.
        RuntimeError: ``train_step`` changed an LR or made no update, or another rank has failed.

    Example:
        >>> import clr_torch, torch
        >>> model = torch.nn.Linear(3, 1)
        >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        >>> batch = {"inputs": torch.ones(8, 3), "targets": torch.ones(8, 1)}
        >>> def train_step():
        ...     optimizer.zero_grad()
        ...     loss = torch.nn.functional.mse_loss(model(batch["inputs"]), batch["targets"])
        ...     loss.backward()
        ...     optimizer.step()
        ...     return loss
        >>> curve = clr_torch.range_test_steps(train_step, models=model, optimizers=optimizer)
        >>> curve.lrs[0], curve.optimizer
        (1e-07, 'SGD')
    """
    if not callable(train_step):
        raise TypeError(f"train_step must be a function without arguments, got train_step={check.shown(train_step)}")
    modules = _all_of("models", models, nn.Module)
    steppers = _all_of("optimizers", optimizers, Optimizer)
    for index, optimizer in enumerate(steppers):
        groups_of.check_optimizer(f"optimizers[{index}]", optimizer)
    _check_scaler(scaler)
    _check_generators(generators)
    also = checked_also(also)
    loop = Loop(
        RangeTest(
            start_lr, end_lr, num_steps, mode=mode, divergence=divergence, **described(steppers[0], optimizer_name)
        ),
        train_step,
        steppers,
        sign=_sign(steppers),
        may_skip=_may_skip(steppers, scaler),
        progress=progress,
    )
    return loop.run([*modules, *steppers, scaler, *generators, *also])


def _all_of(name: str, values: Any, kind: type) -> list[Any]:
    found = [values] if isinstance(values, kind) else values
    if not isinstance(found, list | tuple) or not found or not all(isinstance(each, kind) for each in found):
        kind_name = "torch.nn.Module" if kind is nn.Module else "torch.optim.Optimizer"
        raise TypeError(f"{name} must be a {kind_name} or a list of them, got {name}={check.shown(values)}")
    return list(found)


def _check_scaler(scaler: Any) -> None:
    # Not by its class: torch has several, and Accelerate and others their own.
    if scaler is not None and not all(hasattr(scaler, method) for method in ("scale", "step", "update")):
        raise TypeError(f"scaler must be a GradScaler or None, got scaler={check.shown(scaler)}")


def _check_generators(generators: Any) -> None:
    if not isinstance(generators, list | tuple) or not all(isinstance(each, torch.Generator) for each in generators):
        raise TypeError(f"generators must be a list of torch.Generator, got generators={check.shown(generators)}")


def _checked_seeds(seeds: Any) -> list[int]:
    if not isinstance(seeds, list | tuple | range) or not seeds:
        raise TypeError(f"seeds must be a list of ints or None, got seeds={check.shown(seeds)}")
    return [check.whole(f"seeds[{index}]", seed, minimum=0) for index, seed in enumerate(seeds)]


def _sign(optimizers: Sequence[Optimizer]) -> float:
    """-1.0 where all groups maximize, so that what is recorded is a loss."""
    signs = {bool(group.get("maximize")) for optimizer in optimizers for group in optimizer.param_groups}
    if len(signs) > 1:
        raise ValueError(
            "maximize must be the same in every parameter group, got True and False: negate the objective where "
            "groups maximize, and build them with maximize=False"
        )
    return -1.0 if signs == {True} else 1.0


def _may_skip(optimizers: Sequence[Optimizer], scaler: Any) -> bool:
    """Whether a GradScaler, also one inside a wrapper such as Accelerate's, may leave out updates."""
    return scaler is not None or any(getattr(optimizer, "scaler", None) is not None for optimizer in optimizers)
