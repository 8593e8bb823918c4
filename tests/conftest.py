"""Fewer examples for Hypothesis where an environment asks for them: ``CLR_TEST_EXAMPLES=0.1`` runs a tenth."""

from __future__ import annotations

import fewer
import pytest
from hypothesis import is_hypothesis_test, settings


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Scale max_examples of every property test; what a test pins with @example is always run."""
    for item in items:
        test = getattr(item, "obj", None)
        if is_hypothesis_test(test):
            given = test._hypothesis_internal_use_settings
            test._hypothesis_internal_use_settings = settings(given, max_examples=fewer.examples(given.max_examples))
