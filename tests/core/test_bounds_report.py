"""How a suggestion is shown: as text, as HTML in a notebook, and as a figure."""

from __future__ import annotations

import math
import random
import re
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest

import clr_core
from clr_core import Bounds, LRCurve, suggest_bounds
from clr_core.bounds.rule import Budget, effects, families_of

SCHEDULES = ("constant", "cyclic", "one_cycle")


def curve(
    *, end_lr: float = 10.0, optimizer: str | None = "SGD", accuracies: bool = False, noise: float = 0.03, seed: int = 0
) -> LRCurve:
    """Flat at 2.3, down to 0.3 between lr 1e-4 and 1e-1, taking off at about 1."""
    generator = random.Random(seed)
    lrs = clr_core.exponential_ramp(1e-7, end_lr, 100).values(100)
    falls = [2.0 / (1.0 + math.exp(-3.0 * (math.log10(lr) + 2.5))) for lr in lrs]
    losses = [
        2.3 - fall + 10.0 ** (3.0 * (math.log10(lr) - 0.2)) + generator.gauss(0.0, noise)
        for lr, fall in zip(lrs, falls, strict=True)
    ]
    return LRCurve(lrs, losses, [0.1 + 0.4 * fall for fall in falls] if accuracies else None, optimizer=optimizer)


def dip() -> LRCurve:
    """A loss that falls by little more than its noise and takes off before anything was learned."""
    generator = random.Random(1)
    lrs = clr_core.exponential_ramp(1e-7, 10.0, 300).values(300)
    losses = [
        2.3 - 0.12 / (1.0 + math.exp(-6.0 * (math.log10(lr) + 2.5))) + lr**3 + generator.gauss(0.0, 0.1) for lr in lrs
    ]
    return LRCurve(lrs, losses, [0.1] * len(lrs), optimizer="SGD")


def flat(bounds: Bounds) -> str:
    """The report with its line ends taken out."""
    return " ".join(str(bounds).split())


def number(pattern: str, text: str) -> float:
    """The number that stands where the pattern has its group."""
    found = re.search(pattern, text)
    assert found, f"no {pattern!r} in {text}"
    return float(found[1])


EVERY = {
    "plain": curve(),
    "accuracies": curve(accuracies=True),
    "no rise": curve(end_lr=0.1),
    "not known": curve(optimizer=None),
    "odd name": curve(optimizer="<b>Ranger & Co</b>" * 10),
    "noiseless": curve(noise=0.0),
    "dip": dip(),
    "seeds": [curve(seed=seed) for seed in range(3)],
    "dips": [dip(), dip()],
}


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("total_steps", [None, 1, 320, 10**9])
def test_every_report_fits_a_terminal(name: str, schedule: str, total_steps: int | None) -> None:
    """Whatever the curve, lines of at most 100 ASCII characters say the bounds, the picture, and what to do."""
    bounds = suggest_bounds(EVERY[name], kind=schedule, total_steps=total_steps)
    text = str(bounds)
    lines = text.splitlines()
    assert max(map(len, lines)) <= 100
    assert text.isascii()
    for line in (
        f"  base_lr = {bounds.base_lr:.3g}",
        f"  max_lr  = {bounds.max_lr:.3g}",
        "Where the bounds came from:",
    ):
        assert line in lines
    assert "####" in text
    assert lines[-1].strip()
    assert ("Then:" if bounds.doubts else "Next:") in lines
    for doubt in bounds.doubts:
        assert " ".join(doubt.split()) in flat(bounds)


def test_the_report_says_what_was_seen() -> None:
    """From left to right: start, fall, steepest, end of the fall, lowest, rise, and the accuracy's gain."""
    bounds = suggest_bounds(curve(accuracies=True))
    marks, text = bounds.evidence, flat(bounds)
    assert marks.accuracy is not None
    for words in (
        f"over {marks.points} updates with SGD",
        f"The loss began at {marks.start_loss:.4g} and started to fall at lr {marks.fall_start_lr:.3g}.",
        f"It fell fastest at lr {marks.steepest_lr:.3g}",
        f"nine tenths of the fall were done at lr {marks.fall_end_lr:.3g}",
        f"It was lowest, {marks.best_loss:.4g}, at lr {marks.best_lr:.3g}",
        f"It was rising again at lr {marks.rise_lr:.3g}.",
        f"The accuracy gained {marks.accuracy.gain:.2f} at its best: a tenth of that by lr "
        f"{marks.accuracy.rise_lr:.3g}",
        f"nine tenths by lr {marks.accuracy.slow_lr:.3g}, which Smith would take for base_lr and max_lr.",
        f"confidence {bounds.confidence:.2f} of 1",
    ):
        assert words in text
    assert "accuracy" not in str(suggest_bounds(curve()))
    assert "It had not risen again at lr 0.1, where the test ended." in flat(suggest_bounds(curve(end_lr=0.1)))
    supposed = "so a usual noise is supposed"
    assert supposed in flat(suggest_bounds(curve(noise=0.0)))
    assert supposed not in flat(suggest_bounds(curve(noise=0.05)))


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("optimizer", ["SGD", "AdamW", "Lion", None])
def test_the_numbers_of_the_rule_give_max_lr(schedule: str, optimizer: str | None) -> None:
    """A reader who calculates with the printed numbers arrives at the printed max_lr."""
    bounds = suggest_bounds(curve(optimizer=optimizer), kind=schedule, total_steps=320)
    text = flat(bounds)
    rise = number(r"The loss rose at lr (\S+),", text)
    factor = number(r"takes (\S+) times that,", text)
    assert factor * rise == pytest.approx(bounds.max_lr, rel=0.01)
    assert f"times that, {bounds.max_lr:.3g}." in text
    assert f"over 320 updates with {optimizer or 'an optimizer that is not known'}, a rule" in text


@pytest.mark.parametrize(("momentum", "words"), [(None, ""), (False, " without momentum"), (True, " with momentum")])
def test_the_momentum_is_named_where_it_is_known(momentum: bool | None, words: str) -> None:
    """Beside what was seen, and beside the rule, which depends on it."""
    text = flat(suggest_bounds(replace(curve(), momentum=momentum), total_steps=320))
    assert f"updates with SGD{words}: The loss began" in text
    assert f"over 320 updates with SGD{words}, a rule" in text


def test_what_is_unusual_is_said_with_its_effect() -> None:
    """The effects in the report are those of the rule: a curve that is usual in that one respect gets as much less."""
    bounds = suggest_bounds(curve())
    text = flat(bounds)
    found = effects(bounds.evidence, families_of(bounds.curves[0]), bounds.kind, Budget(bounds.total_steps))
    assert any(not 0.8 < factor < 1.25 for factor in found.values())
    for name, factor in found.items():
        said = f"{name} ({'raises' if factor > 1 else 'lowers'} it {max(factor, 1 / factor):.2g} times)"
        assert (said in text) == (not 0.8 < factor < 1.25)


def test_a_max_lr_beyond_the_test_is_said_to_be_held() -> None:
    """Cut off while the loss falls, the rule may ask for more than was tested; the report says where that ends."""
    bounds = suggest_bounds(curve(end_lr=1e-3, optimizer="Adam"), kind="one_cycle", total_steps=1)
    assert bounds.max_lr == bounds.evidence.last_lr
    assert "That is the last lr of the test; beyond it nothing is known." in flat(bounds)
    assert "beyond it nothing" not in flat(suggest_bounds(curve()))


@pytest.mark.parametrize("name", ["seeds", "dips"])
def test_several_curves_are_said_to_be_combined(name: str) -> None:
    """The medians are called so, and max_lr is not claimed to follow from them."""
    text = flat(suggest_bounds(EVERY[name]))
    assert f"in {len(EVERY[name])} range tests (the medians; the picture is of the first)" in text
    assert "max_lr is their geometric mean" in text
    assert "Of the medians above:" in text


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_the_next_step_runs(schedule: str) -> None:
    """The schedule that the report names can be made as it is written, and peaks at max_lr in time."""
    bounds = suggest_bounds(curve(), kind=schedule, total_steps=321)
    found = re.search(r"with clr_core\.(\w+)\(([^)]*)\)", flat(bounds))
    assert found
    words = [word.partition("=")[::2] for word in found[2].replace(" ", "").split(",")]
    numbers = [float(name) for name, value in words if not value]
    made = getattr(clr_core, found[1])(*numbers, **{name: int(value) for name, value in words if value})
    updates = int(number(r"Train (\d+) updates", flat(bounds)))
    assert updates == {"constant": 321, "cyclic": 324, "one_cycle": 320}[schedule]
    values = made.values(updates)
    assert max(values) == pytest.approx(bounds.max_lr, rel=0.01)
    assert min(values) == pytest.approx(bounds.base_lr, rel=0.05) or schedule == "one_cycle"


def test_the_budget_that_was_not_given_is_pointed_out() -> None:
    """Only where it was left at its stand-in; and one longer than those of the fit is a doubt."""
    for hint, argument in (("say so with total_steps", "total_steps"), ("make an epoch", "steps_per_epoch")):
        assert hint in flat(suggest_bounds(curve()))
        assert hint not in flat(suggest_bounds(curve(), **{argument: 320}))
    assert "trainings of up to 1920 updates" in flat(suggest_bounds(curve(), total_steps=2000))


def test_epochs_are_told_where_they_are_known() -> None:
    """In the headline and where max_lr came from."""
    text = flat(suggest_bounds(curve(), total_steps=1200, steps_per_epoch=100))
    assert text.startswith("Bounds for a cyclical schedule over 1,200 updates (12 epochs), confidence")
    assert "For a cyclical schedule over 1,200 updates (12 epochs) with" in text
    effect = "the epochs to come ("
    assert effect in flat(suggest_bounds(curve(), total_steps=1200, steps_per_epoch=10))
    assert effect not in flat(suggest_bounds(curve(), total_steps=1200))


def test_many_epochs_are_warned_of() -> None:
    """Where each example is seen twenty times or more, and that is known."""
    assert "Each example is seen 20 times" in flat(suggest_bounds(curve(), total_steps=300, steps_per_epoch=15))
    for few in (None, 16):
        assert "overfit" not in flat(suggest_bounds(curve(), total_steps=300, steps_per_epoch=few))


class Nesting(HTMLParser):
    """Checks that every tag is closed in order, and collects the text."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        if tag != "br":
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("schedule", SCHEDULES)
def test_a_notebook_gets_a_small_fragment(name: str, schedule: str) -> None:
    """Well-formed, escaped and self-contained: the numbers, the doubts, the drawing and the whole report."""
    bounds = suggest_bounds(EVERY[name], kind=schedule)
    html = bounds._repr_html_()
    reader = Nesting()
    reader.feed(html)
    reader.close()
    assert reader.open == []
    for words in (
        f"{bounds.base_lr:.3g}",
        f"{bounds.max_lr:.3g}",
        f"{bounds.confidence:.2f}",
        "fell fastest",
        str(bounds),
    ):
        assert words in reader.text
    for doubt in bounds.doubts:
        assert doubt in reader.text
    assert "<b>Ranger" not in html
    assert not reader.tags & {"script", "link", "img", "style"}
    assert "http" not in html
    assert len(html) < 20_000


def test_the_drawing_stays_within_its_frame() -> None:
    """Every x and y of the SVG lies in its view box, for a curve that blows up, and for a very long one."""
    lrs = clr_core.exponential_ramp(1e-7, 10.0, 20_000).values(20_000)
    short = curve()
    for item in (short, LRCurve(lrs, [2.3 - min(lr, 1.0) + 1e50 * (lr > 9) for lr in lrs])):
        html = suggest_bounds(item)._repr_html_()
        svg = ElementTree.fromstring(html[html.index("<svg") : html.index("</svg>") + len("</svg>")])
        _, _, width, height = map(float, svg.attrib["viewBox"].split())
        line = svg.find("polyline")
        assert line is not None
        points = [tuple(map(float, point.split(","))) for point in line.attrib["points"].split()]
        assert 50 < len(points) <= 300
        assert all(0 <= x <= width and 0 <= y <= height for x, y in points)
        assert len(html) < 20_000


def test_showing_in_a_notebook_needs_no_matplotlib(monkeypatch: pytest.MonkeyPatch) -> None:
    """The drawing is made of text."""
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert "<svg" in suggest_bounds(curve())._repr_html_()


@pytest.mark.parametrize(("name", "schedule"), [("plain", "constant"), *((name, "cyclic") for name in EVERY)])
def test_the_figure_shows_the_same(tmp_path: Path, name: str, schedule: str) -> None:
    """Both losses, the bounds, the steepest point, and where they were seen the rise and the accuracy."""
    pytest.importorskip("matplotlib")
    bounds = suggest_bounds(EVERY[name], kind=schedule)
    figure = bounds.plot(tmp_path / "bounds.png")
    assert (tmp_path / "bounds.png").stat().st_size > 1000
    (legend,) = figure.legends
    labels = [text.get_text() for text in legend.get_texts()]
    expected = ["loss of each update", "loss, smoothed"]
    if schedule == "constant":
        expected.append(f"lr {bounds.lr:.3g}")
    else:
        expected.append(f"base_lr {bounds.base_lr:.3g} to max_lr {bounds.max_lr:.3g}")
    expected.append(f"steepest at {bounds.evidence.steepest_lr:.3g}")
    if bounds.evidence.rise_seen:
        expected.append(f"rising at {bounds.evidence.rise_lr:.3g}")
    if bounds.curves[0].metrics is not None:
        expected.append("accuracy, smoothed")
    assert sorted(labels) == sorted(expected)
    assert len(figure.axes) == 1 + (bounds.curves[0].metrics is not None)


def test_the_legend_covers_no_curve(tmp_path: Path) -> None:
    """It lies below the axes and their label, whole within the figure."""
    pytest.importorskip("matplotlib")
    figure = suggest_bounds(EVERY["accuracies"]).plot(tmp_path / "bounds.png")
    legend = figure.legends[0].get_window_extent()
    assert legend.y1 <= min(axes.get_tightbbox().y0 for axes in figure.axes) + 1
    assert legend.x0 >= 0
    assert legend.y0 >= 0
    assert legend.x1 <= figure.bbox.x1


def test_an_accuracy_that_is_no_number_is_left_out() -> None:
    """A NaN among the accuracies does not stop the loss from being drawn."""
    pytest.importorskip("matplotlib")
    base = curve(accuracies=True)
    assert base.metrics is not None
    bounds = suggest_bounds(LRCurve(base.lrs, base.losses, [math.nan, *base.metrics[1:]], optimizer="SGD"))
    assert len(bounds.plot().axes) == 1
