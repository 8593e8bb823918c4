"""``Bounds``: two learning rates, what they were read from, and how to use them."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from os import PathLike
from typing import TYPE_CHECKING, Any

from clr_core.bounds.landmarks import Landmarks
from clr_core.bounds.network import Effect
from clr_core.range_test.curve import LRCurve
from clr_core.schedules.base import Schedule
from clr_core.schedules.baselines import constant, cosine_decay, linear_decay, warmup_stable_decay
from clr_core.schedules.cyclic import triangular
from clr_core.schedules.one_cycle import one_cycle
from clr_core.schedules.plan import CyclePlan

if TYPE_CHECKING:
    from clr_core.views.report import Report
    from clr_core.views.scene import Scene

DECAYS = {"linear_decay": linear_decay, "cosine_decay": cosine_decay}

# What only shows a result is imported where it is used, so that importing clr_core stays cheap.


@dataclass(frozen=True)
class Bounds:
    """Two learning rates for a schedule, and what they were read from; ``print`` it for the report.

    Attributes:
        base_lr: Lower bound of the schedule; equal to ``max_lr`` for a constant one, 0 for one that decays.
        max_lr: Upper bound, its peak.
        lr: The LR for a training run at one constant LR, whatever kind of schedule the bounds are for.
        confidence: 0 to 1. It is calibrated such that above 0.8 nine of ten suggestions lose less than 0.05 of what
            the best LR gains (``benchmarks/suggestion`` has how often that held on held-out tasks).
        kind: The kind of schedule the bounds are for, as given to ``suggest_bounds``.
        plan: The budget of the training run they are for.
        evidence: The landmarks of the curve; of several curves, the median of each.
        explanation: What each feature of the curve and of the plan does to ``max_lr``; of several curves, to that of
            the medians.
        doubts: The warnings: what lowers the confidence, each with its remedy.
        rule_version: Which fit of the rule the bounds come from.
        curves: The curves that were read; refused ones are not among them.
        test_updates: Updates of all range tests that were made for them, refused ones included.
    """

    base_lr: float
    max_lr: float
    lr: float
    confidence: float
    kind: str
    plan: CyclePlan
    evidence: Landmarks
    explanation: tuple[Effect, ...]
    doubts: tuple[str, ...]
    rule_version: str
    curves: tuple[LRCurve, ...] = field(repr=False)
    test_updates: int

    def schedule(self) -> Schedule:
        """The schedule that the bounds were suggested for, ready to train with.

        ``triangular`` cycles of ``plan.step_size``, ``one_cycle`` over ``plan.total_steps`` (one update fewer where
        that is odd), a ``constant`` LR, a linear or cosine decay from ``max_lr`` to 0, or a
        ``warmup_stable_decay`` with a tenth of the updates for the warmup and a fifth for the decay.

        Example:
            >>> import clr_core
            >>> curve = clr_core.LRCurve(*zip(*[(1e-4 * 1.2**i, 1 + abs(i - 40) / 40) for i in range(60)]))
            >>> plan = clr_core.plan_cycles(epochs=12, steps_per_epoch=100)
            >>> schedule = clr_core.suggest_bounds(curve, plan).schedule()
            >>> type(schedule).__name__, schedule.step_size
            ('triangular', 200)
        """
        steps = self.plan.total_steps
        if self.kind == "cyclic":
            return triangular(self.base_lr, self.max_lr, step_size=self.plan.step_size)
        if self.kind == "one_cycle":
            return one_cycle(self.base_lr, self.max_lr, total_steps=self.plan.even_steps)
        if self.kind == "warmup_stable_decay":
            return warmup_stable_decay(self.max_lr, steps, warmup_steps=steps // 10, decay_steps=max(1, steps // 5))
        if self.kind in DECAYS:
            return DECAYS[self.kind](self.max_lr, steps)
        return constant(self.lr)

    def to_dict(self) -> dict[str, Any]:
        """Everything but the curves, as plain JSON values, the schedule among them."""
        return {
            "base_lr": self.base_lr,
            "max_lr": self.max_lr,
            "lr": self.lr,
            "confidence": self.confidence,
            "kind": self.kind,
            "plan": asdict(self.plan),
            "schedule": self.schedule().to_dict(),
            "evidence": asdict(self.evidence),
            "explanation": [asdict(effect) for effect in self.explanation],
            "doubts": list(self.doubts),
            "rule_version": self.rule_version,
            "test_updates": self.test_updates,
        }

    def scene(self) -> Scene:
        """The first curve, and the losses of the others, with the bounds shaded and the landmarks marked."""
        from clr_core.bounds import report as words
        from clr_core.views.scene import Band, Mark, Series

        marks = [Mark(f"drops fastest at {self.evidence.steepest_lr:.3g}", self.evidence.steepest_lr, "S")]
        if self.evidence.rise_seen:
            rise = self.evidence.rise_lr
            marks.append(Mark(f"rises at {rise:.3g}", rise, "R", is_warning=True))
        label = f"base_lr {self.base_lr:.3g} to max_lr {self.max_lr:.3g}"
        low_lr = self.base_lr
        if self.kind == "constant":
            label = f"lr {self.lr:.3g}"
        elif not self.base_lr:
            label, low_lr = f"max_lr {self.max_lr:.3g}", self.max_lr
        first, *others = (curve.scene() for curve in self.curves)
        low, high = first.y_limits
        raw = (series for other in others for series in other.series if not series.is_line)
        seeds = (Series("other seeds", each.x, tuple(min(max(y, low), high) for y in each.y), False) for each in raw)
        return replace(
            first,
            series=(*seeds, *first.series),
            title=f"{words.title(self.kind, self.plan)}, confidence {self.confidence:.2f}",
            bands=(Band(label, low_lr, self.max_lr),),
            marks=tuple(marks),
        )

    def report(self) -> Report:
        """What ``print`` and notebooks show, as data."""
        from clr_core.bounds import report as words
        from clr_core.views.report import Report, Section

        numbers = {"lr": self.lr} if self.kind == "constant" else {"base_lr": self.base_lr, "max_lr": self.max_lr}
        rounded = {name: f"{value:.3g}" for name, value in numbers.items() if value}
        before = [
            Section(
                f"Confidence {self.confidence:.2f} of 1",
                (
                    words.trust(self.confidence),
                    *words.reasons(self.evidence, self.explanation, self.base_lr, self.max_lr, len(self.curves)),
                ),
            )
        ]
        if self.doubts:
            before.append(Section("Warnings", self.doubts, is_list=True))
        return Report(
            title=words.title(self.kind, self.plan),
            numbers=tuple(rounded.items()),
            code=words.code(self.kind, self.schedule()),
            before=tuple(before),
            scene=self.scene(),
            after=(
                Section(words.source(self.curves, self.evidence), tuple(words.observations(self.evidence))),
                Section("Next", tuple(words.next_steps(self.kind, self.lr, self.plan)), is_list=True),
            ),
        )

    def __str__(self) -> str:
        from clr_core.views.text import report_text

        return report_text(self.report())

    def _repr_html_(self) -> str:
        from clr_core.views.html import report_html

        return report_html(self.report())

    def plot(self, path: str | PathLike[str] | None = None, *, ax: Any = None) -> Any:
        """A matplotlib figure of the curve with the bounds shaded.

        Args:
            path: Where to save it; its ending names the format.
            ax: Axes to draw into, in place of a new figure.

        Raises:
            ModuleNotFoundError: matplotlib is not installed.
        """
        from clr_core.views.figure import figure_of

        return figure_of(self.scene(), path, ax)
