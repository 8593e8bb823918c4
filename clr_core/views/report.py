"""A result in words, as data: what text and HTML show of it."""

from __future__ import annotations

from dataclasses import dataclass

from clr_core.views.scene import Scene


@dataclass(frozen=True)
class Section:
    """A heading and what stands below it.

    Attributes:
        heading: One line.
        sentences: Each a paragraph.
        is_list: Whether they are separate items.
    """

    heading: str
    sentences: tuple[str, ...]
    is_list: bool = False


@dataclass(frozen=True)
class Report:
    """What a person needs of a result, in the order they need it.

    Attributes:
        title: One line.
        numbers: Names and values, the result itself.
        code: The line of Python that uses it.
        before: Sections above the picture.
        scene: The picture.
        after: Sections below the picture.
    """

    title: str
    numbers: tuple[tuple[str, str], ...]
    code: str
    before: tuple[Section, ...]
    scene: Scene
    after: tuple[Section, ...]
