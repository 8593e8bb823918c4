"""Texts that come with Python, its packages and the system, as characters or as words.

The system texts are those of Debian 12 (licences, manual pages, Perl's own library); another system has others.
"""

from __future__ import annotations

import ast
import gzip
import re
import sysconfig
from collections import Counter
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from pydoc_data import topics
from typing import Any

import numpy as np
import sklearn

LIBRARY = Path(sysconfig.get_path("stdlib"))
PACKAGES = ("asyncio", "email", "xml", "http", "unittest", "multiprocessing", "idlelib", "importlib")
LONGEST = 2_000_000

CHARACTERS = "\n" + "".join(map(chr, range(32, 127)))
CHARACTER_COUNT = len(CHARACTERS) + 1
"""With one for all others."""

WORD_COUNT = 2000
_WORD = re.compile(r"[A-Za-z]+|\d|[^\w\s]|_|\n| +")


def _read(paths: Iterable[Path]) -> str:
    parts, length = [], 0
    for path in sorted(paths):
        content = path.read_bytes()
        text = gzip.decompress(content) if path.suffix == ".gz" else content
        parts.append(text.decode("utf-8", "ignore"))
        length += len(text)
        if length > LONGEST:
            break
    return "\n".join(parts)[:LONGEST]


def _docstrings(folder: Path) -> str:
    found = []
    for path in sorted(folder.rglob("*.py")):
        if "tests" not in path.parts:
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.FunctionDef | ast.ClassDef):
                    found.append(ast.get_docstring(node) or "")
    return "\n\n".join(filter(None, found))[:LONGEST]


@cache
def corpus(name: str) -> str:
    """A text of at most two million characters."""
    if name in PACKAGES:
        return _read((LIBRARY / name).rglob("*.py"))
    return {
        "library": lambda: _read(LIBRARY.glob("*.py")),
        "tests": lambda: _read((LIBRARY / "test").glob("test_*.py")),
        "manual": lambda: "\n".join(text for _, text in sorted(topics.topics.items())),
        "docstrings": lambda: _docstrings(Path(sklearn.__file__).parent),
        "licences": lambda: _read(p for p in Path("/usr/share/common-licenses").iterdir() if not p.is_symlink()),
        "perl": lambda: _read(Path("/usr/share/perl").rglob("*.pm")),
        "commands": lambda: _read(Path("/usr/share/man/man1").glob("*.gz")),
        "administration": lambda: _read(Path("/usr/share/man/man8").glob("*.gz")),
    }[name]()


@cache
def characters(name: str) -> Any:
    """The codes of a text, 0 for what is not ASCII."""
    table = np.zeros(65536, np.int32)
    table[[ord(character) for character in CHARACTERS]] = np.arange(1, CHARACTER_COUNT)
    return table[np.frombuffer(corpus(name).encode("utf-16-le"), np.uint16)]


@cache
def _vocabulary() -> dict[str, int]:
    counts = Counter(word for name in ("library", "manual", "docstrings") for word in _WORD.findall(corpus(name)))
    return {word: number for number, (word, _) in enumerate(counts.most_common(WORD_COUNT - 1), 1)}


@cache
def words(name: str) -> Any:
    """The codes of the words, punctuation and spaces of a text, 0 for rare words."""
    vocabulary = _vocabulary()
    return np.array([vocabulary.get(word, 0) for word in _WORD.findall(corpus(name))], np.int32)
