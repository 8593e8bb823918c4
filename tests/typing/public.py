"""The types a user sees, pinned; checked by mypy and pyright on the installed wheel, never run."""

from typing import Any, assert_type

import clr_core

schedule = clr_core.triangular(1e-3, 6e-3, step_size=2000)
assert_type(schedule, clr_core.triangular)
assert_type(schedule(3), float)
assert_type(schedule([1, 2], xp=object()), Any)
assert_type(schedule.values(3), list[float])
assert_type(schedule.cycle(3), int)
assert_type(schedule.is_cycle_end(3), bool)
assert_type(schedule.to_dict(), dict[str, Any])
assert_type(clr_core.from_dict(schedule.to_dict()), clr_core.Schedule)
assert_type(clr_core.with_warmup(schedule, 10), clr_core.join)
assert_type(clr_core.plan_cycles(epochs=10, steps_per_epoch=100), clr_core.CyclePlan)

test = clr_core.RangeTest()
assert_type(test.lr, float)
assert_type(test.done, bool)
assert_type(test.stop_reason, str | None)
assert_type(test.curve, clr_core.LRCurve)
assert_type(clr_core.LRCurve.from_csv("curve.csv"), clr_core.LRCurve)

plan = clr_core.plan_cycles(epochs=10, steps_per_epoch=100)
bounds = clr_core.suggest_bounds([test.curve], plan, kind="one_cycle")
assert_type(bounds, clr_core.Bounds)
assert_type(clr_core.find_bounds(lambda **_: test.curve, plan), clr_core.Bounds)
assert_type(bounds.base_lr, float)
assert_type(bounds.confidence, float)
assert_type(bounds.evidence, clr_core.Landmarks)
assert_type(bounds.doubts, tuple[str, ...])
assert_type(bounds.kind, str)
assert_type(bounds.plan, clr_core.CyclePlan)
assert_type(bounds.rule_version, str)
assert_type(bounds.schedule(), clr_core.Schedule)
assert_type(bounds.to_dict(), dict[str, Any])
