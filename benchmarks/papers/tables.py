"""``claims.md`` from the runs: a verdict and a table for each claim, those that did not hold first.

A difference between two methods is that of the same seeds, with its standard error. "As good as" means that the mean
difference is not below zero by more than two standard errors.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from statistics import fmean, stdev

from claim_list import CLAIMS, MAIN, MOMENTUM, WITH_EPOCHS, article, keys, optax_tasks, task_of
from methods import BASES, SHAPES, STEP_SIZES
from reach import reach_table
from results import Results
from runs import Run
from tasks import Task

HEADER = """# The claims about cyclical learning rates, measured

Made by `python benchmarks/claims.py` from `results/claims.csv`; the header of the script has the method. Accuracy on
held-out data in per cent after the last update, mean ± standard error over {seeds} seeds; the best of each column is
bold. Rule for the bounds: {rule}.
"""


@dataclass
class Section:
    """What was found about one claim."""

    claim: str
    verdicts: list[tuple[str, bool]] = field(default_factory=list)
    tables: list[str] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        return bool(self.verdicts) and all(held for _, held in self.verdicts)

    @property
    def summary(self) -> str:
        held = sum(held for _, held in self.verdicts)
        return "holds" if self.holds else f"holds in {held} of {len(self.verdicts)} comparisons"

    def text(self) -> str:
        lines = [f"## {self.claim}. {CLAIMS[self.claim]}", "", f"**{self.summary.capitalize()}.**", ""]
        lines += [f"* {words}: {'yes' if held else '**no**'}" for words, held in self.verdicts]
        return "\n".join([*lines, "", *self.tables])


def report(runs: Sequence[Run]) -> str:
    results = Results(runs)
    sections = [section(results, claim) for claim, section in SECTIONS.items()]
    found = sorted((each for each in sections if each.tables), key=lambda each: each.holds)
    rule = ", ".join(sorted({run.rule for run in runs} - {""}))
    rows = [[f"{each.claim}. {CLAIMS[each.claim]}", each.summary] for each in found]
    head = HEADER.format(seeds=max((run.seed for run in runs), default=0) + 1, rule=rule)
    return "\n".join([head, table(["claim", "result"], rows), *(each.text() for each in found)])


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def mean_and_error(values: Sequence[float]) -> tuple[float, float]:
    return fmean(values), stdev(values) / math.sqrt(len(values)) if len(values) > 1 else math.nan


def shown(values: Sequence[float], digits: int = 2) -> str:
    mean, error = mean_and_error([100 * value for value in values])
    return f"{mean:.{digits}f} ± {error:.{digits}f}"


Cell = tuple[str, Callable[[Task], list[float]]]


def comparison(tasks: Sequence[Task], cells: Sequence[Cell]) -> str:
    """A row for each method, a column for each task."""
    columns = {task.name: [of(task) for _, of in cells] for task in tasks}
    columns = {name: column for name, column in columns.items() if any(column)}
    best = {name: max(fmean(values) for values in column if values) for name, column in columns.items()}
    rows = []
    for index, (label, _) in enumerate(cells):
        row = [label]
        for name, column in columns.items():
            values = column[index]
            text = shown(values) if values else ""
            row.append(f"**{text}**" if values and fmean(values) == best[name] else text)
        if any(row[1:]):
            rows.append(row)
    return table(["", *columns], rows) if rows else ""


class Judge:
    """Adds verdicts to a section, where both methods have been run."""

    def __init__(self, section: Section) -> None:
        self._section = section

    def __call__(
        self, words: str, ours: Sequence[float], theirs: Sequence[float], held: Callable[[float, float], bool]
    ) -> None:
        if ours and theirs:
            differences = [one - other for one, other in zip(ours, theirs, strict=False)]
            mean, error = mean_and_error(differences)
            verdict = f"{words}, {100 * mean:+.2f} ± {100 * error:.2f} points"
            self._section.verdicts.append((verdict, held(mean, error)))


def is_more(mean: float, error: float) -> bool:
    return mean > 0


def is_as_good(mean: float, error: float) -> bool:
    return mean >= -2 * error


def is_equal(mean: float, error: float) -> bool:
    return abs(mean) <= 2 * error


def claim_a(results: Results, claim: str) -> Section:
    section = Section(claim)
    judge = Judge(section)
    tasks = [task_of(name) for name in dict.fromkeys(key.task for key in keys("a", seeds=1, resnet18=True))]
    names: dict[str, int] = {}

    def of(method: str, epochs: int) -> Callable[[Task], list[float]]:
        def values(task: Task) -> list[float]:
            updates = dict(article(task))[method]
            return results.at(task, method, updates, epochs * (task.steps_per_epoch or 0))

        names[method] = epochs
        return values

    fixed, early = of("fixed 0.001", 8), of("fixed 0.001", 4)
    cycles, linear = of("triangular .001 to .01", 4), of("linear .01 to 0", 4)
    for task in tasks:
        judge(f"{task.name}: CLR minus fixed", cycles(task), fixed(task), is_more)
    rows = [
        ("fixed .001, 4 epochs", early),
        ("fixed .001, 8 epochs", fixed),
        ("CLR, 4 epochs", cycles),
        ("linear decay from .01, 4 epochs", linear),
    ]
    section.tables = [text for text in [comparison(tasks, rows)] if text]
    return section


def claim_b(results: Results, claim: str) -> Section:
    section = Section(claim)
    text, section.verdicts = reach_table(results, [*MAIN, *optax_tasks(), *MOMENTUM])
    section.tables = [text] if text else []
    return section


def claim_c(results: Results, claim: str) -> Section:
    section = Section(claim)
    judge = Judge(section)
    for task in MAIN:
        straight = results.end(task, "triangular", task.half)
        for shape in ("cosine cycles", "parabolic cycles"):
            judge(f"{task.name}: {shape} minus linear ones", results.end(task, shape, task.half), straight, is_equal)
    section.tables = methods_table(results, MAIN, SHAPES, lambda task: task.half)
    return section


def claim_d(results: Results, claim: str) -> Section:
    section = Section(claim)
    judge = Judge(section)
    stops: list[Cell] = [
        ("at the end of the cycle before", lambda task: results.stop(task, -3)),
        ("in the middle of the last cycle", lambda task: results.stop(task, -2)),
        ("at its end", lambda task: results.stop(task, -1)),
    ]
    for task in MAIN:
        judge(
            f"{task.name}: the end of a cycle minus the middle of the next",
            results.stop(task, -3),
            results.stop(task, -2),
            is_more,
        )
    section.tables = [text for text in [comparison(MAIN, stops)] if text]
    return section


def claim_e(results: Results, claim: str) -> Section:
    section = Section(claim)
    judge = Judge(section)
    for task in WITH_EPOCHS:
        middle = results.end(task, "step size 5", task.updates)
        for epochs in (2, 10):
            ends = results.end(task, f"step size {epochs}", task.updates)
            judge(f"{task.name}: step size of {epochs} epochs minus 5", ends, middle, is_equal)
        third, quarter = (results.end(task, f"base max/{divisor}", task.half) for divisor in (3, 4))
        judge(f"{task.name}: base_lr of max_lr/3 minus max_lr/4", third, quarter, is_equal)
    section.tables = methods_table(results, WITH_EPOCHS, [*STEP_SIZES, "linear to 0"], lambda task: task.updates)
    section.tables += methods_table(results, WITH_EPOCHS, [*BASES, "linear to 0"], lambda task: task.half)
    return section


def against_all(results: Results, claim: str) -> Section:
    """Cycles beside every other method of the claim."""
    section = Section(claim)
    judge = Judge(section)
    needed = dict.fromkeys(key[:3] for key in keys(claim, seeds=1, resnet18=False))
    updates = {(task, method): updates for task, method, updates in needed}

    def of(method: str) -> Callable[[Task], list[float]]:
        return lambda task: results.end(task, method, updates.get((task.name, method), 0))

    methods = [method for method in dict.fromkeys(method for _, method in updates) if method != "triangular"]
    for task in MAIN:
        others = {method: of(method)(task) for method in methods}
        others = {method: values for method, values in others.items() if values}
        if others:
            best = max(others, key=lambda method: fmean(others[method]))
            judge(f"{task.name}: CLR minus the best other, {best}", of("triangular")(task), others[best], is_as_good)
    cells: list[Cell] = [("CLR", of("triangular")), *((method, of(method)) for method in methods)]
    section.tables = [text for text in [comparison(MAIN, cells)] if text]
    return section


def claim_g(results: Results, claim: str) -> Section:
    section = Section(claim)
    judge = Judge(section)
    kinds = {
        "snapshots: last": "the last model",
        "snapshots: ensemble": "mean prediction of five snapshots",
        "snapshots: average": "mean of their weights",
        "linear to 0": "linear decay over the same updates",
    }
    for task in MAIN:
        last, ensemble, *_ = (results.end(task, method, task.updates) for method in kinds)
        judge(f"{task.name}: ensemble minus the last model", ensemble, last, is_more)
    cells: list[Cell] = [
        (label, lambda task, method=method: results.end(task, method, task.updates))  # type: ignore[misc]
        for method, label in kinds.items()
    ]
    section.tables = [text for text in [comparison(MAIN, cells)] if text]
    return section


def methods_table(
    results: Results, tasks: Sequence[Task], methods: Iterable[str], updates: Callable[[Task], int]
) -> list[str]:
    cells: list[Cell] = [
        (method, lambda task, method=method: results.end(task, method, updates(task)))  # type: ignore[misc]
        for method in methods
    ]
    text = comparison(tasks, cells)
    return [text] if text else []


SECTIONS: dict[str, Callable[[Results, str], Section]] = {
    "a": claim_a,
    "b": claim_b,
    "c": claim_c,
    "d": claim_d,
    "e": claim_e,
    "f": against_all,
    "g": claim_g,
    "h": against_all,
}
