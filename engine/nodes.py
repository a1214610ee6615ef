"""A YAML value with its place, and what a plain scalar means (YAML 1.2, core schema)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

_INT = re.compile(r"[-+]?[0-9]+\Z")
_RADIX = re.compile(r"0o[0-7]+\Z|0x[0-9a-fA-F]+\Z")
_FLOAT = re.compile(
    r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?\Z|[-+]?\.(?:inf|Inf|INF)\Z|\.(?:nan|NaN|NAN)\Z"
)
_WORDS = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_MAX_DIGITS = 4300  # int() of Python refuses more

_TAG = "tag:yaml.org,2002:"
MAPPING, SEQUENCE = _TAG + "map", _TAG + "seq"
_TAGS: dict[str, tuple[type, ...]] = {
    _TAG + "int": (int,),
    _TAG + "float": (int, float),
    _TAG + "bool": (bool,),
    _TAG + "null": (type(None),),
}


@dataclass(slots=True)
class Node:
    """A value and where it stands; filled while the file is read, then left alone.

    Attributes:
        data: the value as plain data.
        start, end: offsets in characters.
        style: of a scalar, PyYAML's: None or "" for plain, else the quote or `|`, `>`.
        text: of a scalar, its characters.
        keys, values: of a mapping or list, by key or index.
        target: of an alias, the anchor's node.
        size: nodes in it, aliases expanded, keys included.
        height: levels of mappings and lists.
        flow: written with brackets.
        open: its end has not been read yet.
    """

    data: Any
    start: int
    end: int
    style: str | None = None
    text: str | None = None
    keys: dict[str | int, Node] = field(default_factory=dict)
    values: dict[str | int, Node] = field(default_factory=dict)
    target: Node | None = None
    size: int = 1
    height: int = 0
    flow: bool = False
    open: bool = False


def core(text: str) -> Any:
    """What a plain scalar means in the core schema of YAML 1.2."""
    first = text[:1]
    if first in "0123456789+-.":
        if text in _WORDS:  # "" is in every text
            return None
        if _INT.match(text):
            return int(text) if len(text) <= _MAX_DIGITS else text
        if _RADIX.match(text):
            return int(text, 0)
        if _FLOAT.match(text):
            return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
        return text
    return _WORDS.get(text, text) if first in "~ntfNTF" else text


def resolve(text: str, tag: str | None, *, plain: bool) -> tuple[Any, str]:
    """The data of a scalar with an optional tag, and what is wrong with it, "" for nothing."""
    if tag is None:
        data = core(text) if plain else text
        too_long = plain and len(text) > _MAX_DIGITS and _INT.match(text)
        return data, f"a number of {len(text)} digits is too long" if too_long else ""
    if tag in ("!", _TAG + "str"):
        return text, ""
    data = core(text)
    return (data, "") if type(data) in _TAGS.get(tag, ()) else (text, unknown_tag(tag))


def unknown_tag(tag: str) -> str:
    """The message for a tag that is none of the core schema's, or does not fit its value."""
    return f"the tag {tag.replace(_TAG, '!!')} is not known here, or does not fit"
