"""Hides what may be a secret in config.yaml's own lines before they are shown beside a finding."""

from __future__ import annotations

import re
from typing import Any

from engine.documents import Document, Pointer

_OPEN = frozenset(
    {"type", "name", "path", "method", "encoding", "header", "prefix"}
    | {"token_url", "client_id", "scope", "client_auth", "username"}
)
_NAMED = re.compile(
    r"""(?P<key>[\w.-]*(?:password|passwd|secret|token|credential|api_?key)[\w.-]*["']?\s*:\s+)(?P<value>\S.*)""",
    re.IGNORECASE,
)
_URL_USER = re.compile(r"(?<=://)[^\s/@]+(?=@)")
_VARIABLE = re.compile(r"\$\{[^}]*\}")
_LETTER = re.compile(r"[^\s{}\"',]")


def masked(text: str, document: Document | None) -> str:
    """The text with `*` for each letter of a possible secret; variables, quotes and places stay as they are.

    Args:
        text: config.yaml.
        document: the same as read, None where it is not YAML.
    """
    hidden = _NAMED.sub(lambda match: match["key"] + _stars(match["value"]), text)
    hidden = _URL_USER.sub(lambda match: _stars(match.group()), hidden)
    if document is not None:
        for start, end in _secrets(document, document.data, ()):
            hidden = hidden[:start] + _stars(hidden[start:end]) + hidden[end:]
    return hidden


def _secrets(document: Document, value: Any, pointer: Pointer) -> list[tuple[int, int]]:
    """Offsets of all values under an `auth`, but for those that are plainly no secret."""
    if isinstance(value, dict | list):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        return [place for key, inner in items for place in _secrets(document, inner, (*pointer, key))]
    if "auth" not in pointer[:-1] or pointer[-1] in _OPEN:
        return []
    span = document.span(pointer)
    return [(document.lines[span.line - 1] + span.column - 1, document.lines[span.end_line - 1] + span.end_column - 1)]


def _stars(text: str) -> str:
    parts, behind = [], 0
    for variable in _VARIABLE.finditer(text):
        parts += [_LETTER.sub("*", text[behind : variable.start()]), variable.group()]
        behind = variable.end()
    return "".join((*parts, _LETTER.sub("*", text[behind:])))
