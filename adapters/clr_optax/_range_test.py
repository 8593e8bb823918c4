"""The range test over a JAX loss function: one compiled scan, or a loop where the batches ask for one."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, overload

import jax
import jax.numpy as jnp
import numpy as np

from clr_core import LRCurve, RangeTest, check
from clr_core.range_test.interrupts import Gate, undisturbed
from clr_optax._arrays import check_values
from clr_optax._batches import number_of_batches, one_by_one, stack
from clr_optax._params import read_params
from clr_optax._restore import data_restored
from clr_optax._run import loop, outcomes, scan_of, seeds_scan_of
from clr_optax._step import begin, make_step
from clr_optax._sweep import sweep


@overload
def range_test(
    loss_fn: Callable[..., Any],
    params: Any,
    tx: Any,
    batches: Any,
    *,
    start_lr: float = ...,
    end_lr: float = ...,
    num_steps: int = ...,
    mode: str = ...,
    divergence: float | None = ...,
    optimizer: str | None = ...,
    state: Any = ...,
    rng: Any = ...,
    has_aux: bool = ...,
    metric: Callable[[Any], Any] | None = ...,
    evaluate: Callable[..., Any] | None = ...,
    seeds: None = None,
) -> LRCurve: ...
@overload
def range_test(
    loss_fn: Callable[..., Any],
    params: Any,
    tx: Any,
    batches: Any,
    *,
    start_lr: float = ...,
    end_lr: float = ...,
    num_steps: int = ...,
    mode: str = ...,
    divergence: float | None = ...,
    optimizer: str | None = ...,
    state: Any = ...,
    rng: Any = ...,
    has_aux: bool = ...,
    metric: Callable[[Any], Any] | None = ...,
    evaluate: Callable[..., Any] | None = ...,
    seeds: int,
) -> list[LRCurve]: ...
def range_test(
    loss_fn: Callable[..., Any],
    params: Any,
    tx: Any,
    batches: Any,
    *,
    start_lr: float = 1e-7,
    end_lr: float = 10.0,
    num_steps: int = 100,
    mode: str = "exponential",
    divergence: float | None = 1.0,
    optimizer: str | None = None,
    state: Any = None,
    rng: Any = None,
    has_aux: bool = False,
    metric: Callable[[Any], Any] | None = None,
    evaluate: Callable[..., Any] | None = None,
    seeds: int | None = None,
) -> LRCurve | list[LRCurve]:
    """The curve of a short training run from ``params`` while the learning rate rises: loss against LR.

    Same as driving a ``clr_core.RangeTest``, but the updates are one compiled ``lax.scan``, and the rule
    that ends the test is applied to the losses it returns. Batches that differ in shape or come from an
    iterator go through a loop over a compiled step, which gives the same curve; it runs at most ten updates
    past the end of the test, and on Ctrl-C, which takes effect when the next batch is due, returns what was
    recorded, with stop reason ``"interrupted"``; out of a scan comes KeyboardInterrupt once it has ended.
    Nothing you pass is changed or donated, and the random states of Python, NumPy and torch are restored, with a
    loader's own generators, attributes and order of the examples, also after any number of Ctrl-C; a generator or
    another iterator of Python's has given out its batches. The learning rate used is the one recorded,
    rounded to float32; a ``tx`` whose updates do not scale with it is refused. Your functions run in your dtype
    promotion, ``tx`` in the standard one, since Optax does not know strict promotion; under ``jax.disable_jit``
    nothing is compiled; ``jax.debug_nans`` and ``jax.debug_infs`` are off, as a test may well diverge.

    Args:
        loss_fn: ``loss_fn(params, batch) -> loss``, traceable. With ``state``, ``rng`` or ``has_aux`` it
            takes and returns more, see below.
        params: The parameters to begin with, a pytree of floating-point arrays; for ``optax.lookahead``
            its ``LookaheadParams``, of which ``loss_fn`` gets the fast ones and ``evaluate`` the slow ones.
            With ``seeds`` also a function from a key to parameters, which gives each seed its own.
        tx: A function from a learning rate to an Optax optimizer: ``optax.adam``, or
            ``lambda lr: optax.chain(optax.clip(1.0), optax.adam(lr, b1=0.8))``; it gets a traced float32.
            Or an optimizer made by ``optax.inject_hyperparams`` with a number for ``learning_rate``. If
            there are several of those, as in ``multi_transform``, they keep their ratios, and the recorded
            rate is that of the first. Its ``update`` gets the extra arguments ``value``, ``grad``,
            ``value_fn``, ``obj_fn`` and ``grad_fn`` as far as it takes them, on the batch of the update.
        batches: One for each update, from the beginning again when they run out. An array, tuple, dict or
            other pytree is a stack of batches along the first axis of each array; a *list* is a list of
            batches; any other iterable is iterated over. Batches sharded over a mesh make the updates
            data-parallel.
        start_lr, end_lr, num_steps, mode, divergence: As in ``clr_core.RangeTest``.
        optimizer: Name for ``LRCurve.optimizer``, on which the best bounds depend. By default Optax's
            own name for ``tx`` ("adamw"); for a function of yours "adam", "lion", "rmsprop" or "adafactor" where
            its state shows it, else None. For "sgd", in upper or lower case, ``LRCurve.momentum`` is whether
            the state of ``tx`` has an ``optax.trace``.
        state: Anything that changes during training apart from the parameters, such as running means:
            ``loss_fn`` is called with ``state=`` and returns ``(loss, new_state)``.
        rng: A key: ``loss_fn`` is called with ``rng=``, a different key at every update.
        has_aux: Whether ``loss_fn`` returns ``(loss, aux)``; with ``state``, ``(loss, (new_state, aux))``.
        metric: A function from ``aux`` to a number that is better when higher, for ``LRCurve.metrics``.
        evaluate: ``evaluate(params) -> loss``, with ``state=`` if there is a state, and ``-> (loss, aux)`` if
            there is a ``metric``: called after each update, and recorded in place of the loss of its batch.
        seeds: Run this many tests at once, an int >= 1, and return a list of curves. Test i begins with
            ``params(jax.random.key(i))`` if ``params`` is a function, takes the batches in the order
            ``numpy.random.default_rng(i).permutation(number_of_batches)``, and folds i into ``rng``.

    Raises:
        TypeError: An argument is of the wrong kind; the learning rate in ``tx`` is fixed or is not the
            argument it takes; ``tx`` needs other extra arguments.
        ValueError: An argument is out of its range, or holds deleted (donated) arrays; ``seeds`` is given with
            batches that cannot be stacked; an iterator ends too soon; ``tx`` follows a schedule, searches for
            its own rate, accumulates gradients, or is ``sam`` without ``opaque_mode=True``.

    Example:
        >>> import clr_core, clr_optax, jax.numpy as jnp, optax
        >>> def loss_fn(params, batch):
        ...     x, y = batch
        ...     return jnp.mean((x @ params["w"] - y) ** 2)
        >>> x = jnp.sin(jnp.arange(4 * 32 * 3.0)).reshape(4, 32, 3)  # four batches of 32 examples
        >>> y = x @ jnp.array([1.0, -2.0, 0.5])
        >>> curve = clr_optax.range_test(loss_fn, {"w": jnp.zeros(3)}, optax.sgd, (x, y), start_lr=1e-3)
        >>> curve.optimizer, curve.stop_reason
        ('sgd', 'diverged')
    """

    def run(gate: Gate) -> LRCurve | list[LRCurve]:
        new_test = partial(RangeTest, start_lr, end_lr, num_steps, mode=mode, divergence=divergence)
        ramp = new_test(optimizer=optimizer).schedule
        num_tests = 1 if seeds is None else check.whole("seeds", seeds)
        if not callable(loss_fn):
            raise TypeError(f"loss_fn must be a function, got loss_fn={loss_fn!r}")
        if metric is not None and not has_aux and evaluate is None:
            raise TypeError("metric must come with has_aux=True or with evaluate: it reads the aux of one of them")
        for argument, given in (("params", params), ("state", state), ("rng", rng)):
            check_values(argument, given)
        _check_key(rng)
        init, shapes = read_params(params, several=seeds is not None)
        stacked = stack(batches, ramp.num_steps)
        if stacked is None and seeds is not None:
            raise ValueError(
                f"batches must be stacked, or a list of batches of one shape, for several seeds, got {seeds=}"
            )
        swept = sweep(tx, shapes, start_lr)
        step = make_step(loss_fn, swept, has_state=state is not None, has_aux=has_aux, metric=metric, evaluate=evaluate)
        name = swept.name if optimizer is None else optimizer
        momentum = swept.has_trace if name is not None and name.lower() == "sgd" else None
        tests = [new_test(optimizer=name, momentum=momentum) for _ in range(num_tests)]
        lrs = np.array(ramp.values(ramp.num_steps), np.float32)
        if stacked is None:
            training = jax.jit(partial(begin, swept))(params, state)
            with data_restored(batches), tests[0].interruptible() as test:
                for recorded in loop(step, training, one_by_one(batches, len(lrs), gate), rng, lrs):
                    test.record_all(recorded if metric else [(loss,) for loss, _ in recorded])
                    if test.done:
                        break
            return tests[0].curve
        count = number_of_batches(stacked)
        order = np.arange(len(lrs)) % count
        if seeds is None:
            tests[0].record_all(outcomes(*jax.jit(scan_of(step, swept))(params, state, rng, lrs, order, stacked)))
            return tests[0].curve
        # NumPy's permutations, since JAX's would take longer to compile than the rest.
        orders = np.stack([np.random.default_rng(seed).permutation(count)[order] for seed in range(num_tests)])
        scan = jax.jit(seeds_scan_of(step, swept, init))
        given = params if init is None else None
        losses, metrics = jax.device_get(scan(np.arange(num_tests), given, state, rng, lrs, orders, stacked))
        for seed, test in enumerate(tests):
            test.record_all(outcomes(losses[seed], None if metrics is None else metrics[seed]))
        return [test.curve for test in tests]

    # To diverge is what a range test does, and a scan does so to its end.
    with jax.debug_nans(False), jax.debug_infs(False):
        return undisturbed(run)


def _check_key(rng: Any) -> None:
    if rng is None:
        return
    rule = "rng must be a key made by jax.random.key, or None"
    dtype = getattr(rng, "dtype", None)
    if dtype is None or not (jnp.issubdtype(dtype, jax.dtypes.prng_key) or dtype == "uint32"):
        raise TypeError(f"{rule}, got rng={check.shown(rng)}")
    try:
        is_one = jnp.shape(jax.random.wrap_key_data(rng) if dtype == "uint32" else rng) == ()
    except (TypeError, ValueError):
        is_one = False
    if not is_one:
        raise ValueError(f"{rule}, got an array of shape {np.shape(rng)} and dtype {dtype}")
