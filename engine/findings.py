"""What is wrong in a file the user wrote, and where; one kind of value for config, rules and tests."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from pathlib import Path

_WORD = re.compile(r"[\w.@/-]+")
_LONGEST = 80  # names longer than this are not typing slips


class Level(StrEnum):
    """How bad it is."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Span:
    """A place: 1-based line and column in characters; `end_line`, `end_column` point behind the last character."""

    line: int
    column: int
    end_line: int
    end_column: int


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to fix.

    Attributes:
        path: the file as the user would name it.
        span: where to point.
        level: error or warning.
        id: stable name of the check, kebab-case.
        message: what is wrong, names as written; begins with the place in the document, e.g. `requests[0]: ...`.
        help: what to write instead, "" without a suggestion.
    """

    path: Path
    span: Span
    level: Level
    id: str
    message: str
    help: str = ""


def suggest(word: str, known: Iterable[str]) -> str | None:
    """The known name nearest to `word`, None where none is near; case, `-` and `_` do not count."""
    names = list(known)
    plain = {_plain(name): name for name in reversed(names)}
    exact = plain.get(_plain(word))
    if exact is not None:
        return exact if exact != word else None
    near = get_close_matches(_plain(word)[:_LONGEST], list(plain), n=1, cutoff=0.6)
    return plain[near[0]] if near else None


def _plain(name: str) -> str:
    return name.lower().replace("-", "_")


def many(number: int, word: str) -> str:
    """A number with its word: `1 rule`, `2 rules`."""
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


def spell(pointer: Iterable[str | int]) -> str:
    """A place in a document as people write it: `requests[0].body.status`; "" for the document itself."""
    text = ""
    for step in pointer:
        if isinstance(step, int):
            text += f"[{step}]"
        elif _WORD.fullmatch(step):
            text += f".{step}" if text else step
        else:
            text += f"[{step!r}]"
    return text
