"""``claims.md`` from the runs: a verdict and a table for each claim, those that did not hold first.

A difference between two methods is that of the same seeds, with its standard error. "As good as" means that the mean
difference is not below zero by more than two standard errors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from statistics import fmean

from claim_list import CLAIMS, MAIN, MOMENTUM, WITH_EPOCHS, article, keys, optax_tasks, task_of
from methods import BASES, SHAPES, STEP_SIZES
from others import NEEDS
from reach import ENOUGH, reach_table
from results import Results
from runs import Run
from tabular import mean_and_error, shown, table
from tasks import Task

HEADER = """# The claims about cyclical learning rates, measured

Made by `python benchmarks/claims.py` from `results/claims.csv`; the header of the script has the method. Accuracy on
held-out data in per cent after the last update, mean ± standard error over the seeds; the best of each column is bold.
Rule for the bounds: {rule}.
"""


Cell = tuple[str, Callable[[Task], list[float]]]


@dataclass
class Section:
    """What was found about one claim; ``required`` of its verdicts must be positive, all of them by default."""

    claim: str
    verdicts: list[tuple[str, bool]] = field(default_factory=list)
    tables: list[str] = field(default_factory=list)
    best: dict[str, str] = field(default_factory=dict)
    required: int | None = None

    @property
    def held(self) -> int:
        return sum(held for _, held in self.verdicts)

    @property
    def holds(self) -> bool:
        return self.held >= (len(self.verdicts) if self.required is None else self.required)

    @property
    def summary(self) -> str:
        return f"{'holds' if self.holds else '**does not hold**'}, {self.held} of {len(self.verdicts)}"

    def compare(self, tasks: Sequence[Task], cells: Sequence[Cell]) -> None:
        """Add a table with a row for each method and a column for each task, and note the best methods."""
        columns = {task.name: [of(task) for _, of in cells] for task in tasks}
        columns = {name: column for name, column in columns.items() if sum(map(bool, column)) > 1}
        for name, column in columns.items():
            scores = {cells[index][0]: fmean(values) for index, values in enumerate(column) if values}
            self.best.setdefault(name, max(scores, key=lambda label: scores[label]))
        rows = []
        for index, (label, _) in enumerate(cells):
            row = [label]
            for column in columns.values():
                values, highest = column[index], max(fmean(values) for values in column if values)
                text = shown(values) if values else ""
                row.append(f"**{text}**" if values and fmean(values) == highest else text)
            if any(row[1:]):
                rows.append(row)
        if rows:
            seeds = [min(len(values) for values in column if values) for column in columns.values()]
            titles = [f"{name} ({count} seeds)" for name, count in zip(columns, seeds, strict=True)]
            self.tables.append(table(["", *titles], rows))

    def judge(
        self, words: str, ours: Sequence[float], theirs: Sequence[float], held: Callable[[float, float], bool]
    ) -> None:
        """Add a verdict from the differences, seed by seed, where both have been run."""
        if ours and theirs:
            differences = [100 * (one - other) for one, other in zip(ours, theirs, strict=False)]
            mean, error = mean_and_error(differences)
            self.verdicts.append((f"{words}: {mean:+.2f} ± {error:.2f} points", held(mean, error)))

    def text(self) -> str:
        summary = self.summary.replace("does not", "Does not").replace("holds", "Holds")
        lines = [f"## {self.claim}. {CLAIMS[self.claim]}", "", f"{summary}.", ""]
        lines += [f"* {words}, {'yes' if held else '**no**'}" for words, held in self.verdicts]
        return "\n".join([*lines, "", *self.tables])


def report(runs: Sequence[Run]) -> str:
    results = Results(runs)
    sections = [Section(claim) for claim in SECTIONS]
    for section in sections:
        SECTIONS[section.claim](results, section)
    found = sorted((each for each in sections if each.verdicts), key=lambda each: each.holds)
    rule = ", ".join(sorted({run.rule for run in runs} - {""}))
    rows = [
        [f"{each.claim}. {CLAIMS[each.claim]}", each.summary, "; ".join(f"{k}: {v}" for k, v in each.best.items())]
        for each in found
    ]
    return "\n".join(
        [HEADER.format(rule=rule), table(["claim", "result", "the best"], rows), *(each.text() for each in found)]
    )


def is_more(mean: float, error: float) -> bool:
    return mean > 0


def is_as_good(mean: float, error: float) -> bool:
    return mean >= -2 * error


def is_equal(mean: float, error: float) -> bool:
    return abs(mean) <= 2 * error


def claim_a(results: Results, section: Section) -> None:
    tasks = [task_of(name) for name in dict.fromkeys(key.task for key in keys("a", seeds=1, resnet18=True))]

    def of(method: str, epochs: int) -> Callable[[Task], list[float]]:
        return lambda task: results.at(task, method, dict(article(task))[method], epochs * (task.steps_per_epoch or 0))

    fixed, cycles = of("fixed 0.001", 8), of("triangular .001 to .01", 4)
    for task in tasks:
        section.judge(f"{task.name}: CLR minus fixed", cycles(task), fixed(task), is_more)
    section.compare(
        tasks,
        [
            ("fixed .001, 4 epochs", of("fixed 0.001", 4)),
            ("fixed .001, 8 epochs", fixed),
            ("CLR, 4 epochs", cycles),
            ("linear decay from .01, 4 epochs", of("linear .01 to 0", 4)),
        ],
    )


def claim_b(results: Results, section: Section) -> None:
    text, verdicts = reach_table(results, [*MAIN, *optax_tasks(), *MOMENTUM])
    section.tables, section.required = [text], ENOUGH
    section.verdicts = [verdicts[task.name] for task in MAIN if task.name in verdicts]


def claim_c(results: Results, section: Section) -> None:
    for task in MAIN:
        straight = results.end(task, "triangular", task.half)
        for shape in ("cosine cycles", "parabolic cycles"):
            curved = results.end(task, shape, task.half)
            section.judge(f"{task.name}: {shape} minus linear ones", curved, straight, is_equal)
    section.compare(MAIN, cells(results, SHAPES, lambda task: task.half))


def claim_d(results: Results, section: Section) -> None:
    for task in MAIN:
        middles, ends = results.middles_and_ends(task)
        section.judge(f"{task.name}: ends minus middles", ends, middles, is_more)
    section.compare(
        MAIN,
        [
            ("in the middle of all cycles but the first", lambda task: results.middles_and_ends(task)[0]),
            ("at the ends before and after", lambda task: results.middles_and_ends(task)[1]),
        ],
    )


def claim_e(results: Results, section: Section) -> None:
    for task in WITH_EPOCHS:
        middle = results.end(task, "step size 5", task.updates)
        for epochs in (2, 10):
            ends = results.end(task, f"step size {epochs}", task.updates)
            section.judge(f"{task.name}: step size of {epochs} epochs minus 5", ends, middle, is_equal)
        third, quarter = (results.end(task, f"base max/{divisor}", task.half) for divisor in (3, 4))
        section.judge(f"{task.name}: base_lr of max_lr/3 minus max_lr/4", third, quarter, is_equal)
    section.compare(WITH_EPOCHS, cells(results, [*STEP_SIZES, "linear to 0"], lambda task: task.updates))
    section.compare(WITH_EPOCHS, cells(results, [*BASES, "linear to 0"], lambda task: task.half))


FEWEST = 3
"""Methods beside CLR without which a task is not judged: its runs are not complete."""


def against_all(results: Results, section: Section) -> None:
    """Cycles beside every other method of claim f, and for claim h beside those of other libraries."""
    updates = {(task, method): updates for task, method, updates, _ in keys(section.claim, seeds=1, all_libraries=True)}
    methods = dict.fromkeys(method for _, method in updates)
    rivals = NEEDS if section.claim == "h" else [method for method in methods if method != "triangular"]

    def of(method: str) -> Callable[[Task], list[float]]:
        return lambda task: results.end(task, method, updates.get((task.name, method), 0))

    tasks = []
    for task in MAIN:
        scores = {method: values for method in rivals if (values := of(method)(task))}
        if len(scores) >= FEWEST:
            tasks.append(task)
            best = max(scores, key=lambda method: fmean(scores[method]))
            words = f"{task.name}: CLR minus the best other, {best}"
            section.judge(words, of("triangular")(task), scores[best], is_as_good)
    ours = ", suggested bounds" if section.claim == "h" else ""
    labels = {method: method if method in NEEDS else f"{method}{ours}" for method in methods}
    labels["triangular"] = "CLR, suggested bounds"
    section.compare(tasks, [(label, of(method)) for method, label in labels.items()])


def claim_g(results: Results, section: Section) -> None:
    kinds = {
        "snapshots: last": "the last model",
        "snapshots: ensemble": "mean prediction of five snapshots",
        "snapshots: average": "mean of their weights",
        "linear to 0": "linear decay over the same updates",
    }
    for task in MAIN:
        last, ensemble, *_ = (results.end(task, method, task.updates) for method in kinds)
        section.judge(f"{task.name}: ensemble minus the last model", ensemble, last, is_more)
    found = cells(results, kinds, lambda task: task.updates)
    section.compare(MAIN, [(kinds[method], of) for method, of in found])


def cells(results: Results, methods: Iterable[str], updates: Callable[[Task], int]) -> list[Cell]:
    def of(method: str) -> Callable[[Task], list[float]]:
        return lambda task: results.end(task, method, updates(task))

    return [(method, of(method)) for method in methods]


SECTIONS: dict[str, Callable[[Results, Section], None]] = {
    "a": claim_a,
    "b": claim_b,
    "c": claim_c,
    "d": claim_d,
    "e": claim_e,
    "f": against_all,
    "g": claim_g,
    "h": against_all,
}
