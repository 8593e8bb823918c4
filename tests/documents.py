"""Runs what a document shows: its Python, its ``clr`` commands, and a comparison with the output printed below them.

A document consists of stories. The blocks of a story share a namespace and a working folder, and the comment
``<!-- clear-namespace -->`` ends it. A story runs where every module it imports is installed.

1. ``python`` is executed. Where it holds ``>>>`` prompts, each result is compared.
2. ``sh``: every line that starts with ``clr`` is run, and must succeed. Other lines are for the reader.
3. ``text`` is what the block above it printed. ``...`` stands for anything, and the amount of white space does
   not matter.
4. ``<!-- invisible-code-block: python`` up to ``-->`` sets up what the reader already has: a model, a loader, a file.
"""

from __future__ import annotations

import ast
import contextlib
import doctest
import io
import shlex
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from sybil import Document, Example, Region
from sybil.evaluators.doctest import OutputChecker
from sybil.parsers.markdown import CodeBlockParser, PythonCodeBlockParser
from sybil.parsers.markdown.lexers import DirectiveInHTMLCommentLexer

FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
ADAPTERS = {"clr_torch": {"torch"}, "clr_keras": {"keras"}, "clr_optax": {"jax", "optax"}}


@dataclass(frozen=True)
class Story:
    """The blocks of a document that share a namespace."""

    path: Path
    examples: list[Example]

    @property
    def needs(self) -> set[str]:
        """The third-party modules that its Python imports."""
        return imports("\n".join(source(example) for example in self.examples if language(example) == "python"))

    @property
    def line(self) -> int:
        """Where it starts."""
        return self.examples[0].line

    def run(self) -> None:
        """Execute it in the current folder; an exception or an AssertionError says where it is wrong."""
        namespace = self.examples[0].namespace
        namespace.clear()
        printed: str | None = None
        for example in self.examples:
            if language(example) == "text":
                compare(example, printed)
                continue
            with contextlib.redirect_stdout(io.StringIO()) as output:
                example.evaluate()
            printed = output.getvalue()
        namespace.clear()


def stories(path: Path) -> list[Story]:
    """Those of a Markdown document that execute anything, in order."""
    parsers = [
        PythonCodeBlockParser(doctest_optionflags=FLAGS),
        CodeBlockParser("sh", run_commands),
        CodeBlockParser("text", lambda example: None),
        story_ends,
    ]
    found: list[list[Example]] = [[]]
    for example in Document.parse(str(path), *parsers):
        if language(example) == "end":
            found.append([])
        else:
            found[-1].append(example)
    return [Story(path, examples) for examples in found if any(map(is_executed, examples))]


def imports(code: str) -> set[str]:
    """The third-party modules that Python code imports; for an adapter, its framework."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names.add(str(node.module))
    tops = {name.partition(".")[0] for name in names}
    frameworks = [ADAPTERS.get(top, {top}) for top in tops]
    return set().union(*frameworks) - sys.stdlib_module_names - {"clr_core"}


def compare(example: Example, printed: str | None) -> None:
    """Fail where a ``text`` block is not what the block above it printed."""
    where, shown = f"{example.path}:{example.line}", source(example)
    assert printed is not None, f"{where}: a text block shows what the block above it prints, and there is none"
    if not OutputChecker().check_output(shown, printed, FLAGS):
        raise AssertionError(f"{where} shows\n{shown}\nbut what is printed is\n{printed}")


def run_commands(example: Example) -> None:
    """Run the ``clr`` commands of a shell block, with this interpreter."""
    for command in commands(example):
        line = f'clr() {{ {shlex.quote(sys.executable)} -m clr_core "$@"; }}\n{command}'
        run = subprocess.run(line, shell=True, capture_output=True, text=True, check=False)
        assert run.returncode == 0, f"{example.path}:{example.line}: {command}\n{run.stdout}{run.stderr}"
        print(run.stdout, end="")


def commands(example: Example) -> list[str]:
    """The lines of a shell block that start with ``clr``."""
    if language(example) != "sh":
        return []
    return [line for line in source(example).replace("\\\n", " ").splitlines() if line.startswith("clr ")]


def is_executed(example: Example) -> bool:
    return language(example) == "python" or bool(commands(example))


def story_ends(document: Document) -> Iterable[Region]:
    for found in DirectiveInHTMLCommentLexer("clear-namespace")(document):
        yield Region(found.start, found.end, lexemes={"arguments": "end"})


def language(example: Example) -> str:
    """``python``, ``sh``, ``text``, or ``end`` for the end of a story."""
    return str(example.region.lexemes.get("arguments", "python"))


def source(example: Example) -> str:
    """The text of a block, or of one prompt of it."""
    return str(getattr(example.parsed, "source", example.parsed))
