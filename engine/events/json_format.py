"""Strict JSON: UTF-8 without exceptions, no NaN, no duplicate names, no lone surrogates, bounded depth."""

from __future__ import annotations

import json
import math
from typing import Any

import orjson

DEPTH = 64
"""Brackets within brackets that an event may have."""


class NotJson(ValueError):
    """The value is no usable JSON object; the text says why."""


def read(value: bytes) -> dict[str, Any]:
    """Parse one event. The five bytes that a JSON-schema serializer puts before it are passed over.

    Raises:
        NotJson: see there.
    """
    if value[:1] == b"\x00":
        value = value[5:]
    try:
        text = value.decode("utf-8")
        if b"\\u" in value:
            orjson.loads(value)  # refuses a lone surrogate, which no request could carry
        document = _DECODER.decode(text)
    except (ValueError, RecursionError) as error:
        raise NotJson(f"not JSON: {error}") from error
    if type(document) is not dict:
        raise NotJson("the event is not a JSON object")
    if value.count(b"{") + value.count(b"[") > DEPTH:
        _check_depth(document)
    return document


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) != len(pairs):
        raise ValueError("a name stands twice in an object")
    return document


def _number(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"{text[:20]} is out of range")
    return number


def _refuse(constant: str) -> float:
    raise ValueError(f"{constant} is not JSON")


_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_float=_number, parse_constant=_refuse)


def _check_depth(document: Any) -> None:
    layer = [document]
    for _ in range(DEPTH):
        nested = [node.values() if type(node) is dict else node for node in layer if type(node) in (dict, list)]
        layer = [child for children in nested for child in children]
    if any(type(node) in (dict, list) for node in layer):
        raise NotJson(f"the event is nested deeper than {DEPTH}")
