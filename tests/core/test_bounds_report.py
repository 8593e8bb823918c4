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
from clr_core import Bounds, LRCurve, RangeTest, Undetermined, suggest_bounds
from clr_core.bounds import constants
from clr_core.bounds.features import families_of, features_of
from clr_core.bounds.network import KINDS, forward
from clr_core.bounds.report import UNUSUAL, reasons


def curve(
    *, end_lr: float = 10.0, optimizer: str | None = "SGD", accuracies: bool = False, noise: float = 0.03, seed: int = 0
) -> LRCurve:
    """On a plateau at 2.3, down to 0.3 between lr 1e-4 and 1e-1, diverging at about 1."""
    generator = random.Random(seed)
    lrs = clr_core.exponential_ramp(1e-7, end_lr, 100).values(100)
    falls = [2.0 / (1.0 + math.exp(-3.0 * (math.log10(lr) + 2.5))) for lr in lrs]
    losses = [
        2.3 - fall + 10.0 ** (3.0 * (math.log10(lr) - 0.2)) + generator.gauss(0.0, noise)
        for lr, fall in zip(lrs, falls, strict=True)
    ]
    return LRCurve(lrs, losses, [0.1 + 0.4 * fall for fall in falls] if accuracies else None, optimizer=optimizer)


def dip() -> LRCurve:
    """A loss that drops by little more than its noise and diverges before the model has learned anything."""
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
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("total_steps", [None, 1, 320, 10**9])
def test_every_report_fits_a_terminal(name: str, kind: str, total_steps: int | None) -> None:
    """Whatever the curve, lines of at most 100 ASCII characters have the bounds, the picture and the next step."""
    bounds = suggest_bounds(EVERY[name], kind=kind, total_steps=total_steps)
    text = str(bounds)
    lines = text.splitlines()
    assert max(map(len, lines)) <= 100
    assert text.isascii()
    assert f"Confidence {bounds.confidence:.2f} of 1" in lines
    if kind == "constant":
        assert f"  lr = {bounds.lr:.3g}" in lines
    elif bounds.base_lr == 0:
        assert f"  max_lr = {bounds.max_lr:.3g}" in lines
    else:
        assert f"  base_lr = {bounds.base_lr:.3g}" in lines
        assert f"  max_lr  = {bounds.max_lr:.3g}" in lines
    assert "####" in text
    assert "Next" in lines
    assert ("Warnings" in lines) == bool(bounds.doubts)
    for doubt in bounds.doubts:
        assert " ".join(doubt.split()) in flat(bounds)


def test_the_report_is_in_the_order_of_what_a_person_needs() -> None:
    """Numbers and code, confidence and reasons, warnings, the picture, the observations, the next step."""
    text = str(suggest_bounds(EVERY["no rise"]))
    places = [
        text.index(each)
        for each in (
            "base_lr = ",
            "bounds.schedule()",
            "Confidence",
            "Warnings",
            "####",
            "What the curve shows",
            "Next",
        )
    ]
    assert places == sorted(places)


def test_the_report_has_the_observations() -> None:
    """From left to right: start, drop, steepest point, end of the drop, lowest loss, rise, and the gain in accuracy."""
    bounds = suggest_bounds(curve(accuracies=True))
    marks, text = bounds.evidence, flat(bounds)
    assert marks.accuracy is not None
    for words in (
        f"What the curve shows ({marks.points} updates, SGD):",
        f"The loss starts at {marks.start_loss:.4g} and begins to drop at lr {marks.fall_start_lr:.3g}.",
        f"It drops fastest at lr {marks.steepest_lr:.3g}",
        f"90 % of the drop is complete by lr {marks.fall_end_lr:.3g}",
        f"It is lowest, {marks.best_loss:.4g}, at lr {marks.best_lr:.3g}",
        f"It rises again at lr {marks.rise_lr:.3g}.",
        f"The accuracy gains up to {marks.accuracy.gain:.2f}: a tenth of that by lr {marks.accuracy.rise_lr:.3g}",
        f"nine tenths by lr {marks.accuracy.slow_lr:.3g}, which are base_lr and max_lr in Smith's reading.",
    ):
        assert words in text
    assert "accuracy" not in str(suggest_bounds(curve()))
    assert "It has not risen again at lr 0.1, where the test ends." in flat(suggest_bounds(curve(end_lr=0.1)))
    assumed = "so a typical noise is assumed"
    assert assumed in flat(suggest_bounds(curve(noise=0.0)))
    assert assumed not in flat(suggest_bounds(curve(noise=0.05)))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("optimizer", ["SGD", "AdamW", "Lion", None])
def test_the_numbers_in_the_report_give_max_lr(kind: str, optimizer: str | None) -> None:
    """A reader who multiplies the printed numbers arrives at the printed max_lr."""
    bounds = suggest_bounds(curve(optimizer=optimizer), kind=kind, total_steps=320)
    text = flat(bounds)
    rise = number(r"The loss rises again at lr (\S+);", text)
    factor = number(r"max_lr is (\S+) times that", text)
    assert factor * rise == pytest.approx(bounds.max_lr, rel=0.01)


@pytest.mark.parametrize(("momentum", "words"), [(None, ""), (False, " without momentum"), (True, " with momentum")])
def test_the_momentum_is_named_where_it_is_known(momentum: bool | None, words: str) -> None:
    """Beside the optimizer's name, since the rule depends on it."""
    assert f"updates, SGD{words}):" in flat(suggest_bounds(replace(curve(), momentum=momentum)))


def test_the_explanation_is_what_the_network_does() -> None:
    """Each factor is the ratio of max_lr to that of a curve on which this feature alone is typical."""
    bounds = suggest_bounds(curve(), total_steps=1200, steps_per_epoch=10)
    marks, families = bounds.evidence, families_of(bounds.curves[0])
    x = features_of(marks, bounds.plan)
    assert [effect.feature for effect in bounds.explanation] == list(constants.FEATURES)
    for place, effect in enumerate(bounds.explanation):
        typical = [*x[:place], constants.TYPICAL[place], *x[place + 1 :]]
        assert effect.value == pytest.approx(10 ** x[place])
        assert effect.typical == pytest.approx(10 ** constants.TYPICAL[place])
        change = forward(x, families, "cyclic") - forward(typical, families, "cyclic")
        assert effect.factor == pytest.approx(10**change)


def test_unusual_features_are_named_with_their_effect() -> None:
    """Those that change max_lr by more than a quarter are in the report and no others."""
    bounds = suggest_bounds(curve(), total_steps=1200, steps_per_epoch=10)
    text = flat(bounds)
    unusual = [effect for effect in bounds.explanation if not 0.8 < effect.factor < 1.25]
    assert unusual
    for effect in bounds.explanation:
        words = UNUSUAL[effect.feature][effect.value > effect.typical]
        sign = "x" if effect.factor > 1 else "/"
        named = f"{words} (max_lr {sign} {max(effect.factor, 1 / effect.factor):.2g})"
        assert (named in text) == (effect in unusual)


def test_epochs_that_are_not_known_explain_nothing() -> None:
    """Without the updates of an epoch there is no such effect, and none of the passes over the data in the test."""
    explained = {effect.feature for effect in suggest_bounds(curve(), total_steps=1200).explanation}
    assert explained == {*constants.FEATURES} - {"passes", "epochs"}


def test_a_max_lr_at_the_end_of_the_test_is_pointed_out() -> None:
    """Where the rule asks for as much as was tested, or more, the report says that nothing is known beyond."""
    marks = suggest_bounds(curve()).evidence
    sentence = "max_lr is the last LR of the test: nothing is known beyond it."
    assert sentence in reasons(marks, (), marks.last_lr / 4, marks.last_lr, 1)
    assert sentence not in reasons(marks, (), marks.last_lr / 8, marks.last_lr / 2, 1)


@pytest.mark.parametrize("name", ["seeds", "dips"])
def test_several_curves_are_combined(name: str) -> None:
    """The report says that the landmarks are medians and max_lr a geometric mean."""
    text = flat(suggest_bounds(EVERY[name]))
    assert f"(medians of {len(EVERY[name])} range tests, the first one pictured;" in text
    assert f"max_lr is the geometric mean of the suggestions of {len(EVERY[name])} range tests" in text


def test_where_most_curves_are_refused_the_first_is_named() -> None:
    """By its number, and with its reason."""
    lrs = [10 ** (-5 + k / 20) for k in range(100)]
    flat_one = LRCurve(lrs, [2.0] * len(lrs), optimizer="SGD")
    with pytest.raises(Undetermined, match=r"2 of 3 range tests could not be used\. The first of them, 2: The loss"):
        suggest_bounds([curve(seed=1), flat_one, flat_one])


@pytest.mark.parametrize("jump", [1e3, 1e8, math.inf])
@pytest.mark.parametrize("num_steps", [50, 100, 400])
def test_a_test_that_diverged_has_seen_the_rise(num_steps: int, jump: float) -> None:
    """In one update, from one loss to the next: nobody is told to raise end_lr, and the last LR counts as the rise."""
    generator = random.Random(num_steps)
    test = RangeTest(num_steps=num_steps, optimizer="SGD")
    while not test.done:
        drop = 2 / (1 + (0.003 / test.lr) ** 3)
        test.record(jump if test.lr > 0.1 else 2.3 - drop + generator.gauss(0, 0.03))
    bounds = suggest_bounds(test.curve)
    assert test.stop_reason in ("diverged", "non_finite")
    assert bounds.evidence.rise_seen
    assert "end_lr" not in str(bounds)


@pytest.mark.parametrize("made", [5, 20, 60])
def test_an_interrupted_test_is_to_be_finished(made: int) -> None:
    """Nothing else is advised for what its missing part would show."""
    whole = curve()
    part = LRCurve(whole.lrs[:made], whole.losses[:made], optimizer="SGD", stop_reason="interrupted")
    try:
        said = str(suggest_bounds(part))
    except Undetermined as refusal:
        said = str(refusal)
    assert "let it finish" in said
    assert "end_lr" not in said


def test_refused_curves_are_named_and_not_pictured() -> None:
    """One of three range tests is of no use: the other two are read and drawn, and a warning has the reason."""
    good = [curve(seed=1), curve(seed=2)]
    bounds = suggest_bounds([LRCurve([1e-5], [math.nan], optimizer="SGD"), *good])
    assert bounds.curves == tuple(good)
    assert bounds.max_lr == suggest_bounds(good).max_lr
    assert bounds.confidence < suggest_bounds(good).confidence
    assert "Range test 1 of 3 could not be used: The first loss was already nan" in flat(bounds)
    assert bounds._repr_html_()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("total_steps", [1, 7, 8, 321, 5000])
def test_the_line_of_code_makes_the_schedule(kind: str, total_steps: int) -> None:
    """The call in the report runs as it is written, and is bounds.schedule() with LRs of three digits."""
    bounds = suggest_bounds(curve(), kind=kind, total_steps=total_steps)
    found = re.search(r"bounds\.schedule\(\)    # (clr_core\..*)", str(bounds))
    assert found
    typed = eval(found[1], {"clr_core": clr_core})
    schedule = bounds.schedule()
    assert type(typed) is type(schedule)
    assert typed.values(50) == pytest.approx(schedule.values(50), rel=0.01)
    assert max(schedule.values(total_steps + 1)) <= bounds.max_lr * (1 + 1e-12)


def test_the_schedule_follows_the_plan() -> None:
    """Its cycles are those of the plan, the last of which ends with the run; one cycle spans the whole run."""
    plan = clr_core.plan_cycles(epochs=12, examples=1347, batch_size=64)
    bounds = suggest_bounds(curve(), plan)
    schedule = bounds.schedule()
    assert schedule == clr_core.triangular(bounds.base_lr, bounds.max_lr, step_size=plan.step_size)
    assert schedule.is_cycle_end(plan.total_steps - 1)
    one = suggest_bounds(curve(), plan, kind="one_cycle")
    assert one.schedule() == clr_core.one_cycle(one.base_lr, one.max_lr, total_steps=plan.total_steps)
    decay = suggest_bounds(curve(), plan, kind="cosine_decay")
    assert decay.base_lr == 0
    assert "base_lr" not in str(decay)
    assert decay.schedule() == clr_core.cosine_decay(decay.max_lr, plan.total_steps)
    constant = suggest_bounds(curve(), plan, kind="constant")
    assert constant.schedule() == clr_core.constant(constant.lr)


def test_a_plan_and_its_numbers_suggest_the_same() -> None:
    """A plan is a shorter way to give total_steps and steps_per_epoch, and is not given beside them."""
    plan = clr_core.plan_cycles(epochs=12, steps_per_epoch=22)
    bounds = suggest_bounds(curve(), plan)
    numbers = suggest_bounds(curve(), total_steps=plan.total_steps, steps_per_epoch=22)
    assert (bounds.max_lr, bounds.confidence) == (numbers.max_lr, numbers.confidence)
    with pytest.raises(TypeError, match="must not be given beside a plan, got total_steps=5"):
        suggest_bounds(curve(), plan, total_steps=5)
    with pytest.raises(TypeError, match=r"plan must be a CyclePlan, from clr_core\.plan_cycles, got plan=500"):
        suggest_bounds(curve(), 500)  # type: ignore[arg-type]


def test_a_budget_that_was_not_given_is_pointed_out() -> None:
    """Only where the default stands in for it; one longer than those of the fit has a warning."""
    for hint, argument in (("pass a plan or total_steps", "total_steps"), ("Pass a plan (", "steps_per_epoch")):
        assert hint in flat(suggest_bounds(curve()))
        assert hint not in flat(suggest_bounds(curve(), **{argument: 320}))
    assert "training runs of up to 20,000 updates" in flat(suggest_bounds(curve(), total_steps=30_000))


def test_epochs_are_in_the_title_where_they_are_known() -> None:
    """And many of them are among what is unusual."""
    text = flat(suggest_bounds(curve(), total_steps=1200, steps_per_epoch=100))
    assert text.startswith("Bounds for a cyclical schedule over 1,200 updates (12 epochs) ")
    assert "many epochs (max_lr / " in flat(suggest_bounds(curve(), total_steps=1200, steps_per_epoch=10))
    assert "epochs (max_lr" not in flat(suggest_bounds(curve(), total_steps=1200))


def test_many_epochs_come_with_a_hint_about_overfitting() -> None:
    """Where each example is seen twenty times or more, and that is known."""
    assert "Each example is seen 20 times" in flat(suggest_bounds(curve(), total_steps=300, steps_per_epoch=15))
    for few in (None, 16):
        assert "overfit" not in flat(suggest_bounds(curve(), total_steps=300, steps_per_epoch=few))


def test_views_compute_nothing_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Text, HTML, JSON and the scene come from the result alone: the network is not asked a second time."""
    bounds = suggest_bounds(curve())
    expected = str(bounds), bounds._repr_html_(), bounds.to_dict()
    monkeypatch.setattr("clr_core.bounds.network.forward", lambda *_: 1 / 0)
    monkeypatch.setattr("clr_core.bounds.landmarks.read_landmarks", lambda *_: 1 / 0)
    assert (str(bounds), bounds._repr_html_(), bounds.to_dict()) == expected


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
@pytest.mark.parametrize("kind", KINDS)
def test_a_notebook_gets_a_small_fragment(name: str, kind: str) -> None:
    """Well-formed, escaped and self-contained: the numbers, the doubts, the drawing and the whole report."""
    bounds = suggest_bounds(EVERY[name], kind=kind)
    html = bounds._repr_html_()
    reader = Nesting()
    reader.feed(html)
    reader.close()
    assert reader.open == []
    for words in (
        f"{bounds.max_lr:.3g}",
        f"{bounds.confidence:.2f}",
        "drops fastest",
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
    expected = ["loss of each update", "smoothed"]
    if schedule == "constant":
        expected.append(f"lr {bounds.lr:.3g}")
    elif bounds.base_lr == 0:
        expected.append(f"max_lr {bounds.max_lr:.3g}")
    else:
        expected.append(f"base_lr {bounds.base_lr:.3g} to max_lr {bounds.max_lr:.3g}")
    if len(bounds.curves) > 1:
        expected.append("other seeds")
    expected.append(f"drops fastest at {bounds.evidence.steepest_lr:.3g}")
    if bounds.evidence.rise_seen:
        expected.append(f"rises at {bounds.evidence.rise_lr:.3g}")
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
