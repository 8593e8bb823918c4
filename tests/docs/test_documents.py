"""Every block of README and the other documents is executed, and so is every example."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import documents
import frameworks
import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
README = REPOSITORY / "README.md"
FOLDERS = ("adapters", "benchmarks", "clr_core", "docs", "examples")
DOCUMENTS = [*REPOSITORY.glob("*.md"), *(path for folder in FOLDERS for path in (REPOSITORY / folder).rglob("*.md"))]
STORIES = [story for path in sorted(DOCUMENTS) for story in documents.stories(path)]
EXAMPLES = sorted((REPOSITORY / "examples").glob("*.py"))


def label(path: Path, needs: set[str]) -> str:
    """What ``-k`` selects by: the file and the modules it needs."""
    return f"{path.relative_to(REPOSITORY).as_posix()} {' '.join(sorted(needs)) or 'alone'}"


@pytest.mark.parametrize("story", STORIES, ids=lambda story: f"{label(story.path, story.needs)} {story.line}")
def test_documents_do_what_they_show(story: documents.Story, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The blocks run in order, and print what is shown below them."""
    frameworks.need(story.needs)
    monkeypatch.chdir(tmp_path)
    story.run()


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: label(path, documents.imports(path.read_text("utf-8"))))
def test_examples_run(path: Path, tmp_path: Path) -> None:
    """Each is a program of its own that succeeds and has nothing to complain about."""
    frameworks.need(documents.imports(path.read_text("utf-8")))
    run = subprocess.run([sys.executable, path], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert "Traceback" not in run.stderr, run.stderr
    assert run.stdout


def test_each_runs_in_one_environment_at_least() -> None:
    """All that a story or an example imports is required by some tox environment, so it is not skipped everywhere."""
    required = re.findall(r"CLR_TEST_REQUIRES = (.*)", (REPOSITORY / "tox.ini").read_text("utf-8"))
    environments = [set(names.split()) for names in required]
    needed = {label(story.path, story.needs): story.needs for story in STORIES}
    needed |= {path.name: documents.imports(path.read_text("utf-8")) for path in EXAMPLES}
    assert README in {story.path for story in STORIES}
    for name, modules in needed.items():
        assert any(modules <= environment for environment in environments), (
            f"{name}: put <!-- clear-namespace --> between"
        )


# The guard guards: a wrong line of any kind fails.

RIGHT = """
```python
import clr_core
schedule = clr_core.triangular(1e-3, 6e-3, step_size=2000)
print(schedule(0), schedule(2000))
```

```text
0.001 0.006
```

<!-- invisible-code-block: python
hidden = schedule(1000)
-->

```python
>>> hidden
0.0035
```

```sh
pip install nothing-of-this-is-run
clr schedule constant --lr 0.5 --steps 2 --csv
```

```text
step,lr
0,0.5
1,0.5
```
"""


def run_text(text: str, folder: Path) -> None:
    path = folder / "document.md"
    path.write_text(text, encoding="utf-8")
    for story in documents.stories(path):
        story.run()


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("schedule(2000))", "schedule(2000), schedul)"),
        ("0.001 0.006", "0.001 0.007"),
        ("hidden = schedule", "hidden = schedul"),
        ("0.0035", "0.0036"),
        ("--lr 0.5", "--lr half"),
        ("0,0.5", "0,0.25"),
        ("import clr_core\n", "import clr_core\n```\n\n<!-- clear-namespace -->\n\n```python\n"),
    ],
)
def test_a_wrong_line_fails(right: str, wrong: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A document that is right passes; with one line changed it fails."""
    monkeypatch.chdir(tmp_path)
    run_text(RIGHT, tmp_path)
    assert RIGHT.count(right) == 1
    with pytest.raises((AssertionError, NameError)):
        run_text(RIGHT.replace(right, wrong), tmp_path)


README_STORIES = documents.stories(README)


@pytest.mark.parametrize(
    "index", range(len(README_STORIES)), ids=[label(story.path, story.needs) for story in README_STORIES]
)
def test_a_wrong_line_in_the_readme_fails(index: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A copy of the README with a wrong line at the end of a story's last block fails in that story."""
    story = README_STORIES[index]
    frameworks.need(story.needs)
    monkeypatch.chdir(tmp_path)
    text = README.read_text("utf-8")
    last = [example for example in story.examples if documents.is_executed(example)][-1]
    end = text.index("\n```\n", last.start)
    line = "wrong_line" if documents.language(last) == "python" else "clr wrong_line"
    copy = tmp_path / "README.md"
    copy.write_text(f"{text[:end]}\n{line}{text[end:]}", encoding="utf-8")
    with pytest.raises((NameError, AssertionError), match="wrong_line"):
        documents.stories(copy)[index].run()
