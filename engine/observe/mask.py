"""Keeps secrets out of the log: by the name of a field, by a known value, and by how credentials look in text."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass
from datetime import date, datetime
from typing import Any
from urllib.parse import quote

import orjson

from engine.config.model import BasicAuth
from engine.config.secret import Secret

MASKED = "***"
_NAMES = (
    "token", "password", "passwd", "passphrase", "secret", "authorization", "api_key", "apikey", "credential",
    "cookie", "private_key", "access_key",
)  # fmt: skip
_FLAT = frozenset({str, int, float, bool, type(None), datetime})
_SHORTEST = 4  # a shorter secret would hide half of every line and protect nothing
_REMEMBERED = 10_000
_DEEPEST = 20
# `Authorization: Token abc`, `"password": "abc"`, `access_token=abc`, `Bearer abc`, `https://user:abc@host`
_WRITTEN = re.compile(
    r"""(?ix)
    ( \b[\w-]*(?:token|password|passwd|secret|authorization|api[_-]?key)["']?\s*[:=]\s*["']?
      (?:(?:token|bearer|basic)\s+)?
    | \b(?:bearer|basic)\s+(?=\S*[\d=])
    | ://[^/\s:@]*:(?=[^/\s@]+@)
    ) ([^\s"',;&}\])@]+)"""
)
_HINT = re.compile(rb"(?i)token|passw|secret|authorization|bearer|basic|api.?key|://[^/]*:")


class Mask:
    """What must not be logged.

    Known values are read from their secrets again for every line, because a secret file may be rotated at any time.

    Args:
        names: further field names whose values are masked; case, `-` and `_` do not count.
        secrets: their texts are masked wherever they stand, also percent-encoded and as HTTP Basic.
    """

    def __init__(self, names: Iterable[str] = (), secrets: Iterable[Secret] = ()) -> None:
        self._names = tuple(_plain(name) for name in _NAMES)
        self._exact = frozenset(_plain(name) for name in names)
        self._hidden: dict[Any, bool] = {}
        self._shown: set[Any] = set()  # names that were looked at and are not secret
        self._secrets = tuple(secrets)
        self._revealed: list[str] = []
        self._forms: tuple[str, ...] = ()
        self._encoded: tuple[bytes, ...] = ()

    def fields(self, line: dict[str, Any]) -> dict[str, Any]:
        """The line with the values of secret names masked, at any depth; the same object where nothing was."""
        if self._shown.issuperset(line) and _FLAT.issuperset(map(type, line.values())):
            return line
        walked: dict[str, Any] = self._walk(line, 0)
        return walked

    def holds_secret(self, encoded: bytes) -> bool:
        """True where a JSON line holds a known secret."""
        if self._secrets:
            self._refresh()
            for form in self._encoded:
                if form in encoded:
                    return True
        return False

    def looks_secret(self, encoded: bytes) -> bool:
        """True where a line may hold a credential that nobody registered: a cheap look before the costly one."""
        return _HINT.search(encoded) is not None

    def text(self, text: str) -> str:
        """The text with known secrets, and what looks like a credential, replaced by `***`."""
        if self._secrets:
            self._refresh()
        for form in self._forms:
            text = text.replace(form, MASKED)
        return _WRITTEN.sub(rf"\1{MASKED}", text)

    def deep(self, value: Any, depth: int = 0) -> Any:
        """The value with `text` applied to every string inside; what is nested too deeply becomes `...`."""
        if isinstance(value, str):
            return self.text(value)
        if value is None or isinstance(value, int | float):
            return value
        if depth > _DEEPEST:
            return "..."
        if isinstance(value, Mapping):
            return {key: self.deep(inner, depth + 1) for key, inner in value.items()}
        if isinstance(value, list | tuple | set | frozenset):
            return [self.deep(inner, depth + 1) for inner in value]
        return self.text(as_text(value))

    def _refresh(self) -> None:
        revealed = [secret.reveal() for secret in self._secrets]
        if revealed != self._revealed:
            forms = {form for text in revealed if len(text) >= _SHORTEST for form in (text, quote(text, safe=""))}
            self._forms = tuple(sorted(forms, key=len, reverse=True))
            self._encoded = tuple(_json_text(form) for form in self._forms)
            self._revealed = revealed

    def _walk(self, value: Any, depth: int) -> Any:
        if isinstance(value, Mapping | list | tuple | set | frozenset) and depth > _DEEPEST:
            return "..."
        if isinstance(value, Mapping):
            return {
                key: MASKED if self._hides(key) and inner is not None else self._walk(inner, depth + 1)
                for key, inner in value.items()
            }
        if isinstance(value, list | tuple | set | frozenset):
            return [self._walk(inner, depth + 1) for inner in value]
        return value

    def _hides(self, key: Any) -> bool:
        known = self._hidden.get(key)
        if known is None:
            plain = _plain(str(key))
            known = plain in self._exact or any(name in plain for name in self._names)
            if len(self._hidden) >= _REMEMBERED:  # names inside events are anybody's
                self._hidden.clear()
                self._shown.clear()
            self._hidden[key] = known
            if not known:
                self._shown.add(key)
        return known


def as_text(value: Any) -> str:
    """Any value as text, whatever its own `__str__` does."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    try:
        return value.isoformat() if isinstance(value, date) else str(value)
    except Exception:  # it is somebody else's code, and a log line must not fail
        return f"<{type(value).__name__}>"


def secrets_of(value: Any) -> list[Secret]:
    """Every secret in a configuration, HTTP Basic's encoded pair included."""
    if isinstance(value, Secret):
        return [value]
    if isinstance(value, Mapping):
        return [secret for inner in value.values() for secret in secrets_of(inner)]
    if isinstance(value, list | tuple):
        return [secret for inner in value for secret in secrets_of(inner)]
    if not is_dataclass(value) or isinstance(value, type):
        return []
    found = [secret for field in fields(value) for secret in secrets_of(getattr(value, field.name))]
    if isinstance(value, BasicAuth):
        found.append(_Pair(value.username, value.password))
    return found


class _Pair(Secret):
    """The credentials of HTTP Basic as they stand in the header."""

    def __init__(self, username: str, password: Secret) -> None:
        super().__init__("")
        self._username = username
        self._password = password

    __slots__ = ("_password", "_username")

    def reveal(self) -> str:
        pair = f"{self._username}:{self._password.reveal()}"
        return base64.b64encode(pair.encode()).decode()


def _plain(name: str) -> str:
    return name.lower().replace("-", "_")


def _json_text(text: str) -> bytes:
    try:
        return orjson.dumps(text)[1:-1]
    except TypeError:  # lone surrogates: such a text is never in a line that orjson made
        return text.encode("utf-8", "surrogatepass")
