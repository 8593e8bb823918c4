"""Whether another library is here, and timm without the torchvision that importing all of it would need."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from types import ModuleType
from typing import Any


def module(name: str) -> Any:
    """The module, or None where it is missing."""
    try:
        if name.startswith("timm."):
            _without_its_init("timm")
        return importlib.import_module(name)
    except ModuleNotFoundError:
        return None


def _without_its_init(package: str) -> None:
    spec = importlib.util.find_spec(package) if package not in sys.modules else None
    if spec and spec.submodule_search_locations:
        sys.modules[package] = empty = ModuleType(package)
        empty.__path__ = list(spec.submodule_search_locations)
