"""Paths that events cannot bend: values are percent-encoded, and the whole path is looked at before it is used."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote, unquote_to_bytes

from engine.rules.values import Problem, sound, text

_LITERAL = re.compile(r"(?:[A-Za-z0-9\-._~!$&'()*+,;=:@/]|%[0-9A-Fa-f]{2})*")
# What most paths are made of; looked at first, because it is quick.
_PLAIN = re.compile(r"[A-Za-z0-9\-_~/]*")
_UNRESERVED = re.compile(r"[A-Za-z0-9\-._~]+")
_BENT = re.compile(rb"[\\?#\x00-\x1f\x7f]")


def segment(value: Any) -> str:
    """A value as part of one path segment.

    Raises:
        Problem: it has no text, or none that can stand in a path.
    """
    chunk = text(value)
    if not chunk:
        raise Problem("is empty text, which cannot stand in a path")
    if _UNRESERVED.fullmatch(chunk) is not None:
        return chunk  # ids, as a rule: quote() costs ten times as much
    return quote(sound(chunk), safe="")


def check_path(path: str) -> None:
    """Let a path pass that stays what the rule wrote, however a server decodes it.

    Raises:
        Problem: it has `.`, `..` or empty segments, encoded separators, `?`, `#`, a backslash, control characters.
    """
    if not path.startswith("/") or "//" in path:
        raise Problem("is a path with an empty segment")
    if _PLAIN.fullmatch(path) is not None:
        return
    if _LITERAL.fullmatch(path) is None:
        raise Problem("is a path with a character that must be percent-encoded, `?` or `#`")
    if "%" in path:
        _check_encoded(path)
    elif "/." in path:
        _check_dots(path.encode())


def check_literal(path: str) -> None:
    """Let the literal parts of a rule's path pass.

    Raises:
        Problem: a character that a path cannot hold.
    """
    if _LITERAL.fullmatch(path) is None:
        raise Problem("has a character that must be percent-encoded, or a `?` or `#`; use `query` for parameters")


def _check_encoded(path: str) -> None:
    decoded = unquote_to_bytes(path)
    if decoded.count(b"/") != path.count("/"):
        raise Problem("is a path with an encoded `/`")
    if _BENT.search(decoded) is not None:
        raise Problem("is a path with `?`, `#`, a backslash or a control character in a value")
    if b"/." in decoded:
        _check_dots(decoded)


def _check_dots(decoded: bytes) -> None:
    """Servers that know path parameters read `..;x` as `..`."""
    for part in decoded.split(b"/"):
        if part.split(b";", 1)[0] in (b".", b".."):
            raise Problem("is a path with a `.` or `..` segment")
