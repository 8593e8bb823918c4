"""The task-optimizer pairs of three kinds, and which of them are held out.

* ``larger``: networks of 0.3 to 11 million weights, from scratch. Written by hand.
* ``pretrained``: trained on one thing, fine-tuned on another. Randomly sampled from what can follow what.
* ``long``: small networks, up to 20,000 updates, on data that never repeats or with regularisation. Written by hand.

The held-out pairs were sampled with the seeds below before any pair was trained. Nothing may be fitted to them, and
nobody looks at them before the rule is committed. Of a long task, both optimizers are held out or none.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from larger import larger
from long import long
from pretrained import pretrained
from task import LARGER, LONG, PRETRAINED, Task

HELD_OUT_SEED = 2102
HELD_OUT_COUNTS = {LARGER: 11, PRETRAINED: 13, LONG: 4}
"""Of larger and pretrained pairs, and of long tasks."""


def _held_out(tasks: Sequence[Task], generator: np.random.Generator, count: int) -> set[str]:
    """Names in random order, but at most half of those of a family."""
    families = {task.name: task.family for task in tasks}
    sizes, chosen = Counter(families.values()), list[str]()
    for place in generator.permutation(len(families)):
        name = list(families)[place]
        taken = sum(families[other] == families[name] for other in chosen)
        if len(chosen) < count and taken < sizes[families[name]] // 2:
            chosen.append(name)
    return {task.slug for task in tasks if task.name in chosen}


_BY_KIND = {LARGER: larger(), PRETRAINED: pretrained(), LONG: long()}
_GENERATOR = np.random.default_rng(HELD_OUT_SEED)
HELD_OUT = frozenset[str]().union(*(_held_out(_BY_KIND[kind], _GENERATOR, n) for kind, n in HELD_OUT_COUNTS.items()))
"""The slugs of the pairs held out."""

TASKS: dict[str, Task] = {task.slug: task for tasks in _BY_KIND.values() for task in tasks}


def queue() -> list[Task]:
    """All pairs in the order of recording: the kinds in turn, those held out last of each."""
    groups: dict[tuple[str, bool, str], list[Task]] = {}
    for task in TASKS.values():
        family = task.family if task.kind == PRETRAINED else ""
        groups.setdefault((task.kind, task.slug in HELD_OUT, family), []).append(task)
    sizes = {kind: len(of_kind) for kind, of_kind in _BY_KIND.items()}
    held = Counter(task.kind for task in TASKS.values() if task.slug in HELD_OUT)
    places = []
    for (kind, is_held_out, _), members in groups.items():
        # Each kind advances by the same share of itself, and so does each family of pretrained networks.
        share = held[kind] / sizes[kind]
        first, length = (1 - share, share) if is_held_out else (0.0, 1 - share)
        places += [(first + length * (n + 0.5) / len(members), len(places) + n, task) for n, task in enumerate(members)]
    return [task for _, _, task in sorted(places, key=lambda place: place[:2])]
