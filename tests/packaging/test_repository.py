"""The promises the repository makes about itself."""

from __future__ import annotations

import ast
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
README = (REPOSITORY / "README.md").read_text(encoding="utf-8")
TOX = (REPOSITORY / "tox.ini").read_text(encoding="utf-8")
GROUPS = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["dependency-groups"]
ENVIRONMENTS = TOX.partition("env_list =")[2].partition("skip_missing")[0].split()


def test_ci_calls_the_test_command_of_the_readme() -> None:
    """CI holds no logic: its one command stands in the README."""
    command = (REPOSITORY / ".ci/run").read_text(encoding="utf-8").strip().splitlines()[-1]
    assert f"\n{command}\n" in README


def test_the_workflow_runs_every_environment() -> None:
    """Its matrix has the environments of tox, no more and no fewer."""
    workflow = (REPOSITORY / ".github/workflows/ci.yml").read_text(encoding="utf-8")
    matrix = workflow.partition("matrix:")[2].partition("steps:")[0]
    named = re.findall(r"^ +- ([\w-]+)$", matrix, re.MULTILINE) + re.findall(r"env: ([\w-]+) }", matrix)
    assert sorted(named) == sorted(ENVIRONMENTS)


def test_the_changelog_opens_with_what_is_unreleased() -> None:
    """A change has a place to be written down before there is a version for it."""
    headings = re.findall(r"^## (.+)$", (REPOSITORY / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert headings[0] == "Unreleased"


def test_every_environment_has_a_section() -> None:
    """None of them falls back on the defaults, which test nothing."""
    sections = re.findall(r"^\[testenv:(.+)\]$", TOX, re.MULTILINE)
    for name in ENVIRONMENTS:
        patterns = [re.sub(r"{(.*?)}", lambda factors: f"({factors[1].replace(',', '|')})", each) for each in sections]
        assert any(re.fullmatch(pattern, name) for pattern in patterns), name


def test_pre_commit_has_the_versions_of_tox() -> None:
    """A tool that both run is pinned in pyproject.toml, and pre-commit agrees."""
    pinned = {requirement for group in GROUPS.values() for requirement in group if "==" in str(requirement)}
    hooks = (REPOSITORY / ".pre-commit-config.yaml").read_text(encoding="utf-8")
    used = re.findall(r"[\w-]+==[\w.]+", hooks)
    assert len(used) >= 4
    assert set(used) <= pinned


def test_every_adapter_test_is_selected_by_some_environment() -> None:
    """tox picks adapter tests by name, so each file names its framework, or runs through all of them."""
    for path in (REPOSITORY / "tests/adapters").glob("test_*.py"):
        framework = path.stem.split("_")[1]
        assert framework in {"torch", "keras", "optax", "conformance", "demo"}, path.name


def test_every_benchmark_is_documented_and_run_in_quick_form() -> None:
    """Each script is in benchmarks/README.md and in tox's bench env."""
    documented = (REPOSITORY / "benchmarks/README.md").read_text(encoding="utf-8")
    scripts = sorted(path.name for path in (REPOSITORY / "benchmarks").glob("[!_]*.py"))
    assert scripts
    for name in scripts:
        assert name in documented
        assert f"benchmarks/{name} --quick" in TOX
    documented = (REPOSITORY / "benchmarks/suggestion/README.md").read_text(encoding="utf-8")
    for path in (REPOSITORY / "benchmarks/suggestion").glob("*.py"):
        assert path.name in documented
        if "def main(" in path.read_text(encoding="utf-8"):
            assert f"benchmarks/suggestion/{path.name} --quick" in TOX


def test_no_package_marker_where_there_is_no_package() -> None:
    """adapters, tests and benchmarks are folders, not packages."""
    for folder in ("adapters", "tests", "benchmarks"):
        assert not list((REPOSITORY / folder).glob("__init__.py"))
    assert not list((REPOSITORY / "tests").rglob("__init__.py"))


@pytest.mark.parametrize("package", ["clr_core", "adapters/clr_torch", "adapters/clr_keras", "adapters/clr_optax"])
def test_all_lists_the_public_names(package: str) -> None:
    """``__all__`` is sorted and names all that ``__init__.py`` binds without an underscore, and nothing else."""
    tree = ast.parse((REPOSITORY / package / "__init__.py").read_text(encoding="utf-8"))
    bound, listed = set(), []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            bound |= {alias.asname or alias.name for alias in node.names}
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            bound.add(node.targets[0].id)
            if node.targets[0].id == "__all__":
                listed = ast.literal_eval(node.value)
    assert listed == sorted({name for name in bound if not name.startswith("_")})


def test_every_folder_of_core_is_explained() -> None:
    """CONTRIBUTING says what each is for."""
    text = (REPOSITORY / "CONTRIBUTING.md").read_text(encoding="utf-8")
    for folder in (REPOSITORY / "clr_core").iterdir():
        if (folder / "__init__.py").exists():
            assert f"`clr_core/{folder.name}/`" in text, folder.name


def test_nothing_committed_names_a_machine() -> None:
    """No path of somebody's computer and no host of a package registry: they hold for one person only."""
    if not (REPOSITORY / ".git").exists():
        pytest.skip("not a checkout")
    machine = re.compile(
        r"/(home|root|Users|tmp|work|opt|mnt)/\w|\w:\\\\?Users|file://|index-url|pypi|pythonhosted|localhost"
    )
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=REPOSITORY, capture_output=True, text=True, check=True
    ).stdout
    for name in listed.rstrip("\0").split("\0"):
        if name.endswith((".npz", ".png")) or (REPOSITORY / name) == Path(__file__):
            continue
        for number, line in enumerate((REPOSITORY / name).read_text(encoding="utf-8").splitlines(), 1):
            assert not machine.search(line), f"{name}:{number}: {line}"


def test_the_guide_has_every_policy() -> None:
    """Its table names each, it has a picture of each, and so has the API page."""
    page = (REPOSITORY / "docs/policies.md").read_text(encoding="utf-8")
    api = (REPOSITORY / "docs/api/schedules.md").read_text(encoding="utf-8")
    source = "".join(path.read_text(encoding="utf-8") for path in (REPOSITORY / "clr_core/schedules").glob("*.py"))
    policies = re.findall(r"@policy\nclass (\w+)", source)
    assert len(policies) >= 14
    for name in policies:
        assert f"`{name}`" in page
        assert re.search(rf"\]\(policies/{name}(_[a-z_]+)?\.svg\)", page), name
        assert f":: {name}\n" in api


def test_the_front_page_is_short() -> None:
    """The README sells; what explains is in the guide."""
    assert len(README.splitlines()) < 120


def test_pictures_of_the_guide_are_small() -> None:
    """There are many of them, and every clone has them all."""
    pictures = list((REPOSITORY / "docs/policies").glob("*.svg"))
    assert len(pictures) >= 14
    for path in pictures:
        assert path.stat().st_size < 30_000, path.name


def test_links_between_documents_lead_somewhere() -> None:
    """Every relative link and picture of README, guide and benchmarks exists, and so does the heading it names."""
    link = re.compile(r"""(?:\]\(|src="|srcset=")(?!https?:)([^)"\s]+)""")
    code = re.compile(r"```.*?```|`[^`]+`|<!--.*?-->", re.DOTALL)
    paths = [*REPOSITORY.glob("*.md"), *(REPOSITORY / "docs").rglob("*.md"), *(REPOSITORY / "benchmarks").rglob("*.md")]
    links = [(path, each) for path in paths for each in link.findall(code.sub("", path.read_text(encoding="utf-8")))]
    assert len(links) >= 50
    for path, each in links:
        name, _, anchor = each.partition("#")
        target = path.parent / name if name else path
        assert target.exists(), f"{path.name}: {each}"
        if anchor:
            headings = re.findall(r"^#+ (.+)$", target.read_text(encoding="utf-8"), re.MULTILINE)
            assert anchor in {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}, each
