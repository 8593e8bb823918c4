"""The contracts on imports hold, also those that import-linter has no words for, and each of them can fail."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
ADAPTERS = ["clr_torch", "clr_keras", "clr_optax"]

CIRCLES = """
import graphlib, grimp
graph = grimp.build_graph("clr_core", "clr_torch", "clr_keras", "clr_optax", cache_dir=None)
imports = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
graphlib.TopologicalSorter(imports).prepare()
"""
CONTRACTS = "from importlinter.cli import lint_imports_command; lint_imports_command()"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The packages and the contracts, in a folder of their own."""
    for name in ["clr_core", *(f"adapters/{adapter}" for adapter in ADAPTERS)]:
        shutil.copytree(REPOSITORY / name, tmp_path / Path(name).name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(REPOSITORY / "pyproject.toml", tmp_path)
    return tmp_path


def run(code: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """A program that looks at the packages in a folder."""
    command = [sys.executable, "-c", code, *(["--no-cache"] if code == CONTRACTS else [])]
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def append(path: Path, text: str) -> None:
    path.write_text(f"{path.read_text('utf-8')}\n{text}\n", encoding="utf-8")


def test_no_circle_of_modules(copy: Path) -> None:
    """No module imports itself through others, not even through its own package or inside a function."""
    result = run(CIRCLES, copy)
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("module", ["clr_core/schedules/base.py", "clr_keras/_schedule.py"])
def test_a_circle_through_the_package_is_found(copy: Path, module: str) -> None:
    """A module that imports the package which imports it is a circle."""
    append(copy / module, f"def late() -> None:\n    import {module.partition('/')[0]}")
    assert "CycleError" in run(CIRCLES, copy).stderr


@pytest.mark.parametrize(
    ("module", "line", "contract"),
    [
        ("clr_core/schedules/base.py", "import clr_core.range_test.curve", "Each floor of core"),
        ("clr_core/views/text.py", "import clr_core.bounds.suggest", "Each floor of core"),
        ("clr_core/bounds/suggest.py", "import clr_core.demo", "Each floor of core"),
        ("clr_core/demo/problem.py", "import clr_torch", "core imports no adapter"),
        ("clr_torch/_schedule.py", "import clr_keras", "no adapter imports another"),
        ("clr_torch/_restore.py", "import clr_torch._range_test", "No import circles"),
        ("clr_core/unknown.py", "", "Each floor of core"),
    ],
)
def test_a_broken_contract_is_found(copy: Path, module: str, line: str, contract: str) -> None:
    """Inside a function as at the top of a module; and every module of core has a floor."""
    path = copy / module
    path.touch()
    append(path, f"def late() -> None:\n    {line or 'pass'}")
    report = run(CONTRACTS, copy).stdout
    broken = [name for name in report.splitlines() if name.endswith(" BROKEN")]
    assert any(contract in name for name in broken), report


def test_core_imports_nothing_by_a_computed_name() -> None:
    """What no tool can see: adapters register themselves as entry points instead."""
    for path in (REPOSITORY / "clr_core").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            name = getattr(node, "attr", getattr(node, "id", ""))
            assert name not in {"import_module", "__import__", "exec", "eval"}, f"{path}:{node.lineno}"


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_adapters_use_public_names_of_core(adapter: str) -> None:
    """No module and no name of core that starts with an underscore."""
    for path in (REPOSITORY / "adapters" / adapter).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom) and str(node.module).startswith("clr_core"):
                names = [*str(node.module).split("."), *(alias.name for alias in node.names)]
            elif isinstance(node, ast.Import):
                names = [
                    part for alias in node.names if alias.name.startswith("clr_core") for part in alias.name.split(".")
                ]
            else:
                continue
            assert not [name for name in names if name.startswith("_") and name != "__version__"], (
                f"{path}:{node.lineno}"
            )
