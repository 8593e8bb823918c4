"""What is shipped: sdist to wheel to import, from a copy of nothing but the sdist."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]


def run(*words: str | Path, cwd: Path) -> str:
    """Standard output of a command that must succeed."""
    result = subprocess.run([*map(str, words)], cwd=cwd, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The source distribution of this checkout."""
    folder = tmp_path_factory.mktemp("sdist")
    run(sys.executable, "-m", "build", "--sdist", "--outdir", folder, REPOSITORY, cwd=folder)
    return next(folder.glob("clr-*.tar.gz"))


@pytest.fixture(scope="module")
def wheel(sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel that is built from the unpacked sdist."""
    folder = tmp_path_factory.mktemp("wheel")
    with tarfile.open(sdist) as archive:
        archive.extractall(folder, filter="data")
    source = next(folder.glob("clr-*"))
    run(sys.executable, "-m", "build", "--wheel", "--outdir", folder / "dist", source, cwd=folder)
    return next((folder / "dist").glob("clr-*.whl"))


def test_the_sdist_holds_what_is_needed_to_test_it(sdist: Path) -> None:
    """Sources, tests and the texts are in it; no caches, no results of a build and no recordings of training runs."""
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"LICENSE", "README.md", "CHANGELOG.md", "tox.ini", "pyproject.toml"} <= names
    assert any(name.startswith("tests/core/") for name in names)
    assert not any("__pycache__" in name or name.startswith((".tox", "dist")) for name in names)
    assert not any(name.endswith(".npz") for name in names)


def test_the_wheel_holds_these_packages_and_no_other(wheel: Path) -> None:
    """Four import packages, each typed; never a module called clr or adapters."""
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    tops = {name.partition("/")[0] for name in names}
    packages = {"clr_core", "clr_torch", "clr_keras", "clr_optax"}
    info = {name for name in tops if name.endswith(".dist-info")}
    assert tops - info == packages
    assert len(info) == 1
    for package in packages:
        assert f"{package}/__init__.py" in names
        assert f"{package}/py.typed" in names


def test_the_wheel_works_with_nothing_but_python(wheel: Path, tmp_path: Path) -> None:
    """Installed alone in a fresh environment, core imports and the command runs."""
    venv.create(tmp_path / "fresh", with_pip=True)
    scripts = tmp_path / "fresh" / ("Scripts" if os.name == "nt" else "bin")
    run(scripts / "python", "-m", "pip", "install", "--no-index", wheel, cwd=tmp_path)
    assert run(scripts / "clr", "--version", cwd=tmp_path).startswith("clr 26.")
    assert run(scripts / "python", "-c", "import clr_core; print(clr_core.constant(0.5)(3))", cwd=tmp_path) == "0.5\n"


@pytest.mark.parametrize(
    ("package", "framework"), [("clr_torch", "torch"), ("clr_keras", "keras"), ("clr_optax", "jax")]
)
def test_a_missing_framework_is_named(wheel: Path, package: str, framework: str) -> None:
    """An adapter without its framework says which is missing and what installs it."""
    code = f"import sys; sys.path.insert(0, {str(wheel)!r}); import {package}"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    last = result.stderr.strip().splitlines()[-1]
    assert last.startswith("ModuleNotFoundError: ")
    assert framework in last
    assert "pip install" in last
