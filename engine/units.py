"""Durations `500ms 10s 5m 1h 30d`, sizes `10MiB`, rates `50/s` as numbers."""

from __future__ import annotations

import re

_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_BYTES = {"B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
_NUMBER = r"([0-9]{1,9}(?:\.[0-9]{1,6})?)"
_DURATION = re.compile(_NUMBER + r"(ms|s|m|h|d)")
_SIZE = re.compile(_NUMBER + r"(B|kB|MB|GB|KiB|MiB|GiB)")
_RATE = re.compile(_NUMBER + r"/(s|m|h)")


def duration(text: str) -> float:
    """Seconds of a duration such as `500ms`, `10s`, `1.5m`, `1h`, `30d`.

    Raises:
        ValueError: the text is no duration; says what one looks like.
    """
    match = _DURATION.fullmatch(text)
    if match is None:
        raise ValueError(f"'{text}' is not a duration; write a number and a unit, such as 500ms, 10s, 5m, 1h or 30d")
    # Whole milliseconds divide exactly: 0.1 s, not 0.1 s and a trace.
    return float(match[1]) / 1000 if match[2] == "ms" else float(match[1]) * _SECONDS[match[2]]


def size(text: str) -> int:
    """Bytes of a size such as `512KiB`, `10MiB`, `1GB`; a fraction of a byte is dropped.

    Raises:
        ValueError: the text is no size; says what one looks like.
    """
    match = _SIZE.fullmatch(text)
    if match is None:
        raise ValueError(f"'{text}' is not a size; write a number and a unit, such as 512KiB, 10MiB or 1GiB")
    return int(float(match[1]) * _BYTES[match[2]])


def rate(text: str) -> float:
    """Requests a second of a rate such as `50/s`, `300/m`, `1000/h`; above 0.

    Raises:
        ValueError: the text is no rate; says what one looks like.
    """
    match = _RATE.fullmatch(text)
    if match is None or float(match[1]) <= 0:
        raise ValueError(f"'{text}' is not a rate; write a number above 0 and a unit, such as 50/s, 300/m or 1000/h")
    return float(match[1]) / _SECONDS[match[2]]
