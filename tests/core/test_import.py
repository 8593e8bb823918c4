"""What ``import clr_core`` brings along: the standard library, and no more of it than it needs."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
import types
from pathlib import Path

import clr_core

ROOT = Path(clr_core.__file__).parents[1]


def loaded(statement: str) -> set[str]:
    """The modules a statement adds to those of an interpreter that has started."""
    code = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
before = set(sys.modules)
{statement}
added = sorted(set(sys.modules) - before)
import json
print(json.dumps(added))
"""
    # Isolated and without site-packages, whose own start-up files may import anything.
    run = subprocess.run(
        [sys.executable, "-I", "-S", "-W", "error", "-c", code], check=True, capture_output=True, text=True
    )
    assert run.stderr == ""
    return set(json.loads(run.stdout))


def test_only_the_standard_library_is_loaded() -> None:
    """No third-party module, also where some are installed."""
    added = {name.partition(".")[0] for name in loaded("import clr_core")}
    assert "clr_core" in added
    assert added - {"clr_core"} <= sys.stdlib_module_names


def test_no_source_file_imports_anything_else_at_its_top() -> None:
    """The same of the modules that are loaded later, for what they import whenever they are."""
    for path in (ROOT / "clr_core").rglob("*.py"):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                assert not node.level, f"{path.name} imports relatively"
                names = [str(node.module)]
            for name in names:
                assert name.partition(".")[0] in {*sys.stdlib_module_names, "clr_core"}, f"{path.name}: {name}"


def test_what_is_needed_seldom_is_not_loaded() -> None:
    """Files, figures and the command line come when they are used; importing stays cheap."""
    added = loaded("import clr_core")
    unneeded = {"argparse", "json", "csv", "fractions", "decimal", "statistics", "logging", "pathlib", "random"}
    assert not added & unneeded
    assert not {name for name in added if name.startswith(("clr_core.cli", "clr_core.demo"))}


def test_all_lists_the_public_names() -> None:
    """Sorted, without doubles, and complete: what the package binds and is no module is in it."""
    names = clr_core.__all__
    assert names == sorted(set(names))
    bound = {
        name
        for name, value in vars(clr_core).items()
        if not name.startswith("_") and not isinstance(value, types.ModuleType)
    }
    assert bound == set(names)


def test_every_public_name_is_documented() -> None:
    """With a first line that stands alone, and what it raises where it takes arguments that can be wrong."""
    for name in clr_core.__all__:
        documentation = getattr(clr_core, name).__doc__ or ""
        first = documentation.strip().split("\n\n")[0]
        assert first.endswith((".", ":", "``")), f"{name}: {first!r}"
        assert not documentation.startswith(f"{name}("), f"{name} has only the docstring dataclasses write"
