"""Optional frameworks in tests: a missing one skips locally and fails where its tox env requires it."""

from __future__ import annotations

import importlib
import os
from typing import Any

import pytest

REQUIRED = set(os.environ.get("CLR_TEST_REQUIRES", "").split())
"""Modules that must be there; each tox env names its own."""


def load(module: str) -> Any:
    """The imported module; a skip where it is missing, unless it is required here."""
    if module.partition(".")[0] in REQUIRED:
        return importlib.import_module(module)
    return pytest.importorskip(module)
