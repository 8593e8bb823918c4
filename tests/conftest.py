"""Fewer examples for Hypothesis where an environment asks for them: ``CLR_TEST_EXAMPLES=0.1`` runs a tenth."""

from __future__ import annotations

import signal

import fewer
import pytest
from hypothesis import is_hypothesis_test, settings

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell starts its background jobs so; the tests of Ctrl-C, and the processes they start, must hear it.
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Scale max_examples of every property test; what a test pins with @example is always run."""
    for item in items:
        test = getattr(item, "obj", None)
        if is_hypothesis_test(test):
            given = test._hypothesis_internal_use_settings
            test._hypothesis_internal_use_settings = settings(given, max_examples=fewer.examples(given.max_examples))
