"""Question: is everything as it was after a range test with Ctrl-C at random instants, and does it stay so?

Command:  [KERAS_BACKEND=...] python benchmarks/interruptions.py [--quick] [--tests N] [--seed S]
          [--framework torch|keras|optax]
Method:   2,000 range tests (6 with --quick) of a small network in each framework, or in the one named, in turn by
          every way that interrupted/with_*.py lists: a network with BatchNorm and dropout, an optimizer some updates
          old, a metric, data that draw from the random states. In each, one to three Ctrl-C arrive at random instants
          between its start and a little after its end, the second and third within a millisecond as often as not, so
          that they arrive while things are put back. Half of them are a SIGINT, half an alarm whose handler raises
          KeyboardInterrupt. Afterwards every bit, object, mode, random state and signal handler is compared with
          before; and once more after the exception and its traceback are gone. An error other than KeyboardInterrupt
          is a fault, and so is a complete test with another curve than the first.
Target:   no fault.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import gc
import importlib
import os
import random
import signal
import sys
import time
from dataclasses import dataclass, field
from typing import Any

from interrupted.plain import first_difference

FRAMEWORKS = ("torch", "keras", "optax")


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


@dataclass
class Way:
    """A way of running a range test: its uninterrupted curve, how long it takes, and how its tests have ended."""

    name: str
    curve: Any = None
    seconds: float = 0.0
    faults: int = 0
    outcomes: collections.Counter[str] = field(default_factory=collections.Counter)

    def warm_up(self, setting: Any) -> None:
        setting.ways[self.name]()
        start = time.perf_counter()
        self.curve = setting.ways[self.name]()
        self.seconds = time.perf_counter() - start


def _interrupted(setting: Any, way: Way, alarms: Alarms, delays: list[float], is_sigint: bool) -> str:
    outcome = "KeyboardInterrupt"
    try:
        try:
            alarms.set(delays, is_sigint)
            curve = setting.ways[way.name]()
            outcome = curve.stop_reason if curve.stop_reason == "interrupted" or curve == way.curve else "another curve"
        finally:
            alarms.stop()
    except KeyboardInterrupt:
        # One may ring in the handler above.
        alarms.stop()
    except Exception as error:
        outcome = f"{type(error).__name__}: {error}".splitlines()[0]
    setting.after_ctrl_c()
    return outcome


def _faults(setting: Any, before: dict[str, Any]) -> list[str]:
    after = setting.fingerprint()
    gc.collect()
    return [
        f"{name} differs {moment}: {first_difference(before[name], now[name])}"
        for moment, now in (("at once", after), ("after the traceback was gone", setting.fingerprint()))
        for name in before
        if now[name] != before[name]
    ]


def measure(framework: str, count: int, seed: int) -> int:
    """Run the tests, print how they ended, and return the number of faults."""
    make = importlib.import_module(f"interrupted.with_{framework}").Setting
    alarms, chance, setting = Alarms(), random.Random(seed), make()
    ways = {name: Way(name) for name in setting.ways}
    for way in ways.values():
        way.warm_up(setting)
    before = setting.fingerprint()
    gc.collect()
    gc.freeze()  # what a framework has made at its import need not be looked at every time
    for number in range(count):
        way = ways[setting.turns[number // 2 % len(setting.turns)]]
        delays = [max(chance.uniform(0.0, 1.1 * way.seconds), 1e-6)]
        for _ in range(chance.randrange(3)):
            delays.append(chance.choice([chance.uniform(1e-6, 1e-3), chance.uniform(1e-6, way.seconds / 2)]))
        outcome = _interrupted(setting, way, alarms, delays, is_sigint=bool(number % 2))
        way.outcomes[outcome] += 1
        found = _faults(setting, before)
        if outcome not in ("KeyboardInterrupt", "interrupted", way.curve.stop_reason):
            found.append(outcome)
        way.faults += bool(found)
        if found:
            print(
                f"{setting.name}, {way.name}, test {number}: {len(found)} differences, such as {found[0]}", flush=True
            )
            setting = make()
            for each in setting.ways.values():
                each()
            before = setting.fingerprint()
    for way in ways.values():
        curve = None
        with contextlib.suppress(Exception):
            curve = setting.ways[way.name]()
        if curve != way.curve:
            way.faults += 1
            print(f"{setting.name}, {way.name}: another curve after all tests")
        figures = f"{way.outcomes.total()} tests of {way.seconds * 1e3:.0f} ms, {way.faults} with faults"
        print(f"{setting.name}, {way.name}: {figures}; ended as {dict(way.outcomes)}", flush=True)
    return sum(way.faults for way in ways.values())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="6 tests instead of 2,000")
    parser.add_argument("--tests", type=int, help="another number of tests")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--framework", choices=FRAMEWORKS, help="this one only")
    arguments = parser.parse_args()
    os.environ.setdefault("KERAS_BACKEND", "jax")
    signal.signal(signal.SIGINT, signal.default_int_handler)  # which a shell ignores in its background jobs
    count = arguments.tests or (6 if arguments.quick else 2000)
    frameworks = FRAMEWORKS if arguments.framework is None else (arguments.framework,)
    sys.exit(bool(sum(measure(framework, count, arguments.seed) for framework in frameworks)))


if __name__ == "__main__":
    main()
