"""What an answer says: its body as data, and its complaint in one short line."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from engine.api.transports import Answer

_LONGEST = 300  # characters of a complaint
_DEEPEST = 4  # levels of an error body that are read
_JSON = re.compile(r"application/(?:[\w.+-]+\+)?json\b", re.IGNORECASE)
_CHARSET = re.compile(r"charset=\"?([\w.:-]+)", re.IGNORECASE)
# orjson turns integers over 64 bits into floats; a body with that many digits goes to the standard library's parser.
# A translation finds them ten times as fast as a pattern.
_DIGITS = bytes(ord("0") if chr(byte).isdigit() and byte < 128 else 0 for byte in range(256))
_LONG_INTEGER = b"0" * 19
_TITLE = re.compile(r"<(title|h1)[^>]*>(.*?)</\1\s*>", re.IGNORECASE | re.DOTALL)
_UNSEEN = re.compile(r"<(script|style)\b.*?</\1\s*>", re.IGNORECASE | re.DOTALL)
_TAG = re.compile(r"<[^>]*>")


class NotJson(ValueError):
    """A body that calls itself JSON and is none."""


def parse(answer: Answer) -> Any:
    """The body as JSON where it is JSON, else as text; None for an empty body.

    Raises:
        NotJson: the answer says that it is JSON, but is not.
    """
    body = answer.body
    if not body:
        return None
    kind = answer.headers.get("content-type", "")
    if kind == "application/json" or _JSON.match(kind):
        return parse_json(body)
    if not kind and body[:1] in b"{[":
        try:
            return parse_json(body)
        except NotJson:
            return _text(body, kind)
    return _text(body, kind)


def is_html(answer: Answer) -> bool:
    """True for an HTML page, whatever it calls itself, short of JSON."""
    if not answer.body:
        return False
    kind = answer.headers.get("content-type", "")
    if kind:
        kind = kind.lower()
        return kind.startswith(("text/html", "application/xhtml"))
    return answer.body[:100].lstrip().lower().startswith((b"<!doctype html", b"<html"))


def complaint(answer: Answer, secrets: Iterable[str] = ()) -> str:
    """What the API says is wrong: one line of at most about 300 characters, secrets masked; "" where it says nothing.

    Args:
        answer: one that is not a success.
        secrets: texts that an API might repeat.
    """
    try:
        body = parse(answer)
    except NotJson:
        body = _text(answer.body, "")
    text = _plain(body) if is_html(answer) else _spell(body, _DEEPEST)
    for secret in secrets:
        if secret:
            text = text.replace(secret, "***")
    return shorten(text)


def shorten(text: str) -> str:
    """One printable line of at most about 300 characters."""
    line = " ".join(text.split())
    if len(line) > _LONGEST:
        line = line[: _LONGEST - 3] + "..."
    return line if line.isprintable() else "".join(c if c.isprintable() else "?" for c in line)


def parse_json(body: bytes) -> Any:
    """A JSON body as data; integers of any length are exact.

    Raises:
        NotJson: it is none.
    """
    try:
        if _LONG_INTEGER not in body.translate(_DIGITS):
            return orjson.loads(body)
        return json.loads(body, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise NotJson("the answer is not valid JSON") from error


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _text(body: bytes, kind: str) -> str:
    charset = _CHARSET.search(kind)
    try:
        return body.decode(charset[1] if charset else "utf-8", "replace")
    except LookupError:
        return body.decode("utf-8", "replace")


def _plain(body: Any) -> str:
    """A page's title and headline, or its words."""
    text = str(body)[:20_000]
    found = [words for match in _TITLE.finditer(text) if (words := _TAG.sub(" ", match[2]).strip())]
    return ": ".join(dict.fromkeys(found)) if found else _TAG.sub(" ", _UNSEEN.sub(" ", text))


def _spell(body: Any, depth: int) -> str:
    """`{"field": ["msg"]}` as `field: msg`, `{"detail": "msg"}` and `["msg"]` as `msg`."""
    if body is None:
        return ""
    if depth > 0 and isinstance(body, Mapping):
        parts = [_member(str(name), _spell(value, depth - 1)) for name, value in list(body.items())[:20]]
        return "; ".join(part for part in parts if part)
    if depth > 0 and isinstance(body, list):
        return ", ".join(part for value in body[:20] if (part := _spell(value, depth - 1)))
    return "..." if isinstance(body, Mapping | list) else str(body)[: 10 * _LONGEST]


def _member(name: str, text: str) -> str:
    if not text:
        return ""
    return text if name in ("detail", "error", "message", "non_field_errors") else f"{name}: {text}"
