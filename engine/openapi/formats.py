"""Formats of text that can be told from the text alone; of others nothing is said."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping
from ipaddress import IPv4Address, IPv6Address

_UUID = re.compile(r"(?:urn:uuid:)?[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}", re.IGNORECASE)
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_DATETIME = re.compile(r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}(:\d{2}([.,]\d+)?)?\s?([Zz]|[+-]\d{2}(:?\d{2})?)?", re.ASCII)
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:\S+")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")

WORDS: Mapping[str, str] = {
    "uuid": "a UUID",
    "date": "a date such as 2026-01-31",
    "date-time": "a time such as 2026-01-31T12:00:00Z",
    "uri": "a URL",
    "url": "a URL",
    "email": "an e-mail address",
    "ipv4": "an IPv4 address",
    "ipv6": "an IPv6 address",
}
"""What a text of the format is, for people."""


def has_format(text: str, name: str, *, lenient: bool = False) -> bool:
    """False where a text is certainly not of a format.

    Args:
        text: the whole value.
        name: of the format.
        lenient: a date will do for a date with a time, as it does in filters.
    """
    if name == "date-time" and lenient and _is_date(text):
        return True
    return name not in _FORMATS or _FORMATS[name](text)


def _is_date(text: str) -> bool:
    return _DATE.fullmatch(text) is not None and _parses(dt.date.fromisoformat, text)


def _is_datetime(text: str) -> bool:
    return _DATETIME.fullmatch(text) is not None and _parses(dt.date.fromisoformat, text[:10])


def _parses(parse: Callable[[str], object], text: str) -> bool:
    try:
        parse(text)
    except ValueError:
        return False
    return True


_FORMATS: Mapping[str, Callable[[str], bool]] = {
    "uuid": lambda text: _UUID.fullmatch(text) is not None,
    "date": _is_date,
    "date-time": _is_datetime,
    "uri": lambda text: _URI.fullmatch(text) is not None,
    "url": lambda text: _URI.fullmatch(text) is not None,
    "email": lambda text: _EMAIL.fullmatch(text) is not None,
    "ipv4": lambda text: _parses(IPv4Address, text),
    "ipv6": lambda text: _parses(IPv6Address, text),
}
