"""Optional frameworks in tests: a missing one skips locally and fails where its tox env requires it."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import os
from collections.abc import Iterable
from typing import Any

import pytest

REQUIRED = set(os.environ.get("CLR_TEST_REQUIRES", "").split())
"""Modules that must be there; each tox env names its own."""


def load(module: str) -> Any:
    """The imported module; a skip where it is missing, unless it is required here."""
    if module.partition(".")[0] in REQUIRED:
        return importlib.import_module(module)
    return pytest.importorskip(module)


def need(modules: Iterable[str]) -> None:
    """Skip where a top-level module is missing, or fail where it is required here; imports nothing."""
    missing = [module for module in sorted(modules) if importlib.util.find_spec(module) is None]
    assert not REQUIRED.intersection(missing), f"required here but not installed: {missing}"
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")


def has_tensor_betas(torch: Any) -> bool:
    """Whether Adam's betas may be Tensors, which torch 2.4 accepts without a word but cannot compute with."""
    return "Tensor" in str(inspect.signature(torch.optim.Adam).parameters["betas"].annotation)
