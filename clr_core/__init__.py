"""clr: cyclical learning rates. Range test, bounds, schedule; standard library only.

>>> import clr_core
>>> schedule = clr_core.triangular(1e-3, 6e-3, step_size=2000)
>>> schedule(0), schedule(2000)
(0.001, 0.006)
"""

from clr_core.bounds.find import find_bounds
from clr_core.bounds.landmarks import Landmarks
from clr_core.bounds.refusals import Undetermined
from clr_core.bounds.result import Bounds
from clr_core.bounds.suggest import suggest_bounds
from clr_core.range_test.curve import LRCurve
from clr_core.range_test.machine import RangeTest
from clr_core.range_test.smoothing import smooth, steepest_descent
from clr_core.schedules.base import Schedule
from clr_core.schedules.baselines import constant, cosine_decay, linear_decay, step_decay, warmup_stable_decay
from clr_core.schedules.compose import join, momentum_for, with_warmup
from clr_core.schedules.cyclic import cyclic, exp_range, triangular, triangular2
from clr_core.schedules.one_cycle import one_cycle
from clr_core.schedules.plan import CyclePlan, plan_cycles
from clr_core.schedules.ramps import exponential_ramp, linear_ramp
from clr_core.schedules.restarts import cosine_restarts
from clr_core.schedules.saving import from_dict
from clr_core.schedules.scale_fns import register_scale_fn

__version__ = "26.11.0"

__all__ = [
    "Bounds",
    "CyclePlan",
    "LRCurve",
    "Landmarks",
    "RangeTest",
    "Schedule",
    "Undetermined",
    "constant",
    "cosine_decay",
    "cosine_restarts",
    "cyclic",
    "exp_range",
    "exponential_ramp",
    "find_bounds",
    "from_dict",
    "join",
    "linear_decay",
    "linear_ramp",
    "momentum_for",
    "one_cycle",
    "plan_cycles",
    "register_scale_fn",
    "smooth",
    "steepest_descent",
    "step_decay",
    "suggest_bounds",
    "triangular",
    "triangular2",
    "warmup_stable_decay",
    "with_warmup",
]
