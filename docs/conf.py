"""Sphinx builds the guide: ``tox -e guide``."""

from __future__ import annotations

import re
from typing import Any

import clr_core

project = "clr"
author = copyright = "The clr maintainers"
version = release = clr_core.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_copybutton"]
nitpicky = True
suppress_warnings = ["myst.xref_missing"]  # links to documents outside of the guide; a test checks all links
myst_heading_anchors = 2

html_theme = "furo"
html_title = "clr"
html_static_path = ["_static"]
html_css_files = ["guide.css"]
html_copy_source = False
html_show_sphinx = False
copybutton_prompt_text = r">>> |\.\.\. "
copybutton_prompt_is_regexp = True

autodoc_typehints = "none"
autodoc_member_order = "bysource"
napoleon_use_ivar = True
napoleon_attr_annotations = False
python_maximum_signature_line_length = 80


def sections(app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Turn ``Error:`` and ``Source:`` into fields beside the parameters, and "Args: as X, and" into two of them."""
    text = "\n".join(lines)
    text = re.sub(r"^Args: (as .*), and$", r":Parameters: \1, and those below\n\nArgs:", text, flags=re.MULTILINE)
    text = re.sub(r"^Args: (as .*)$", r":Parameters: \1", text, flags=re.MULTILINE)

    def field(found: re.Match[str]) -> str:
        return f":{found[1]}: " + found[2].replace("\n", "\n    ")

    if what == "property":
        first, end, rest = text.partition("\n")
        text = first.replace(": ", "; ") + end + rest  # napoleon takes what stands before a colon there for a type
    lines[:] = re.sub(r"^(Error|Source): ((?:.+\n?)+)", field, text, flags=re.MULTILINE).split("\n")


def setup(app: Any) -> None:
    app.connect("autodoc-process-docstring", sections, priority=400)  # before napoleon
