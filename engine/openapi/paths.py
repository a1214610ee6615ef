"""A document's paths, and the paths that rules write."""

from __future__ import annotations

import re
from functools import cached_property

_TEMPLATE = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}", re.DOTALL)
_PARAMETER = re.compile(r"\{[^{}]*\}")
VALUE = "\0"
"""Stands for a templated part of a rule's path."""


def shape_of(template: str) -> str:
    """A rule's path with VALUE for each of its templates."""
    return _TEMPLATE.sub(VALUE, template)


def segments_of(path: str) -> tuple[str, ...]:
    """What stands between the slashes; a slash at the end leaves an empty segment behind it."""
    return tuple(path.split("/"))


class KnownPath:
    """A path of the document.

    Attributes:
        text: as the document writes it.
        segments: what stands between the slashes.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.segments = segments_of(text)

    @cached_property
    def parameters(self) -> int:
        """Segments that are no literal."""
        return sum("{" in one for one in self.segments)

    @cached_property
    def _patterns(self) -> tuple[re.Pattern[str] | None, ...]:
        """For each segment with a parameter and more, what it takes; a parameter alone takes anything."""
        return tuple(_pattern(one) if "{" in one and not _PARAMETER.fullmatch(one) else None for one in self.segments)

    def matches(self, asked: tuple[str, ...]) -> bool:
        """Whether a rule's path means this one: a parameter takes any segment, a literal only itself."""
        for there, here in zip(self.segments, asked, strict=True):
            if there != here and ("{" not in there or not here):
                return False
        return all(
            one is None or one.fullmatch(here) is not None for one, here in zip(self._patterns, asked, strict=True)
        )

    def may_match(self, asked: tuple[str, ...]) -> bool:
        """Whether some values make a rule's path this one."""
        return len(asked) == len(self.segments) and all(map(_may_be, self.segments, asked))


def _pattern(segment: str) -> re.Pattern[str]:
    return re.compile(".+".join(re.escape(part) for part in _PARAMETER.split(segment)), re.DOTALL)


def _may_be(there: str, here: str) -> bool:
    if there == here:
        return True
    if VALUE not in here:
        return "{" in there and bool(here)
    return "{" in there or re.fullmatch(".+".join(map(re.escape, here.split(VALUE))), there) is not None
