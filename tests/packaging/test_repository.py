"""The promises the repository makes about itself."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
README = (REPOSITORY / "README.md").read_text(encoding="utf-8")


def test_ci_calls_the_test_command_of_the_readme() -> None:
    """CI holds no logic: its one command stands in the README."""
    command = (REPOSITORY / ".ci/run").read_text(encoding="utf-8").strip().splitlines()[-1]
    assert f"\n{command}\n" in README


def test_every_benchmark_is_documented_and_run_in_quick_form() -> None:
    """Each script is in benchmarks/README.md and in tox's bench env."""
    documented = (REPOSITORY / "benchmarks/README.md").read_text(encoding="utf-8")
    tox = (REPOSITORY / "tox.ini").read_text(encoding="utf-8")
    scripts = sorted(path.name for path in (REPOSITORY / "benchmarks").glob("[!_]*.py"))
    assert scripts
    for name in scripts:
        assert name in documented
        assert f"benchmarks/{name} --quick" in tox
    documented = (REPOSITORY / "benchmarks/suggestion/README.md").read_text(encoding="utf-8")
    for path in (REPOSITORY / "benchmarks/suggestion").glob("*.py"):
        assert path.name in documented
        if "def main(" in path.read_text(encoding="utf-8"):
            assert f"benchmarks/suggestion/{path.name} --quick" in tox


@pytest.mark.parametrize("package", ["clr_core", "clr_torch", "clr_keras", "clr_optax"])
def test_imports_point_inward(package: str) -> None:
    """Adapters import core; core imports no adapter, and no adapter another."""
    folder = REPOSITORY / ("" if package == "clr_core" else "adapters") / package
    others = {"clr_core", "clr_torch", "clr_keras", "clr_optax"} - {package, "clr_core"}
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                modules = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                modules = [node.module or ""]
            else:
                continue
            assert not {name.partition(".")[0] for name in modules} & others, path


def test_no_package_marker_where_there_is_no_package() -> None:
    """adapters, tests and benchmarks are folders, not packages."""
    for folder in ("adapters", "tests", "benchmarks"):
        assert not list((REPOSITORY / folder).glob("__init__.py"))
    assert not list((REPOSITORY / "tests").rglob("__init__.py"))


def test_the_readme_names_every_policy() -> None:
    """The table of policies is complete."""
    source = "".join(path.read_text(encoding="utf-8") for path in (REPOSITORY / "clr_core/schedules").glob("*.py"))
    policies = re.findall(r"@policy\nclass (\w+)", source)
    assert len(policies) >= 14
    for name in policies:
        assert f"`{name}`" in README
