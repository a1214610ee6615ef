"""What values become in text and in JSON."""

from __future__ import annotations

import datetime as dt
import math
from collections import OrderedDict
from decimal import Decimal
from types import MappingProxyType
from typing import Any
from uuid import UUID

import pytest

from engine.rules.values import OMIT, Plain, Problem, dumps, json_bytes, kind, text

UTC_TIME = dt.datetime(2026, 3, 1, 12, 30, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("plain", "plain"),
        (True, "true"),
        (False, "false"),
        (0, "0"),
        (-7, "-7"),
        (2**70, "1180591620717411303424"),
        (1.5, "1.5"),
        (UTC_TIME, "2026-03-01T12:30:00+00:00"),
        (dt.date(2026, 3, 1), "2026-03-01"),
        (dt.time(12, 30), "12:30:00"),
        (Decimal("1.50"), "1.50"),
        (Decimal("1E+3"), "1000"),
        (Decimal("0E-8"), "0.00000000"),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        ([1, "a", None, True], '[1,"a",null,true]'),
        ({"a": {"b": Decimal("0.1")}}, '{"a":{"b":0.1}}'),
        ((), "[]"),
        (range(3), "[0,1,2]"),
        (MappingProxyType({"a": 1}), '{"a":1}'),
    ],
)
def test_text(value: Any, expected: str) -> None:
    """A value in text is written as people and APIs expect it."""
    assert expected == text(value)


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (None, "null"),
        (b"a", "b64encode"),
        (OMIT, "omit"),
        (math.nan, "NaN"),
        (math.inf, "NaN or infinite"),
        (Decimal("NaN"), "NaN"),
        (Decimal("1E+1000000"), "too many digits"),
        pytest.param(10**5000, "too many digits", id="long"),
        ({1, 2}, "set"),
        (len, "builtin_function_or_method"),
        ([None, math.nan], "NaN"),
        ({1: "a"}, "keys"),
    ],
)
def test_no_text(value: Any, why: str) -> None:
    """What has no text is an error that says why."""
    with pytest.raises(Problem, match=why):
        text(value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, b"null"),
        ({"a": None}, b'{"a":null}'),
        (b"\x00\xff", b'"AP8="'),
        ({"t": UTC_TIME, "d": UTC_TIME.date()}, b'{"t":"2026-03-01T12:30:00+00:00","d":"2026-03-01"}'),
        ({"id": UUID(int=1)}, b'{"id":"00000000-0000-0000-0000-000000000001"}'),
        ({"n": Decimal("12345678901234567890.123456789")}, b'{"n":12345678901234567890.123456789}'),
        (
            {"n": 2**63, "m": 2**64, "k": -(2**63) - 1},
            b'{"n":9223372036854775808,"m":18446744073709551616,"k":-9223372036854775809}',
        ),
        ({"a": OMIT, "b": [1, OMIT, 2], "c": {"d": OMIT}}, b'{"b":[1,2],"c":{}}'),
        (OrderedDict(a=1), b'{"a":1}'),
        ("ü€", '"ü€"'.encode()),
        (True, b"true"),
    ],
)
def test_json(value: Any, expected: bytes) -> None:
    """A value as JSON: exact numbers, base64, ISO 8601, `omit` dropped at any depth."""
    assert expected == json_bytes(value, 10_000)


@pytest.mark.parametrize("value", [math.nan, [math.inf], {"a": -math.inf}, Decimal("sNaN"), OMIT, {"a": {1}}, "\ud800"])
def test_no_json(value: Any) -> None:
    """NaN and the like are an error, never a silent null."""
    with pytest.raises(Problem):
        json_bytes(value, 10_000)


def test_json_is_bounded() -> None:
    """A value that holds itself many times does not grow without end."""
    value: Any = ["x" * 100] * 100
    for _ in range(6):
        value = [value] * 100
    with pytest.raises(Problem, match=r"limits\.rendered"):
        json_bytes(value, 10_000)


def test_deep_nesting_is_a_problem() -> None:
    """A value nested too deeply for the writer is a failure of the value, not of the engine."""
    value: Any = 1
    for _ in range(100_000):
        value = [value]
    with pytest.raises(Problem, match="nested too deeply"):
        json_bytes(value, 10_000_000)


def test_plain_keeps_what_is_plain() -> None:
    """Text, booleans, null and small numbers come out as they went in."""
    value = {"a": ["x", True, None, 1, 1.5]}
    assert value == Plain(100).plain(value)
    assert b'{"a":["x",true,null,1,1.5]}' == dumps(value)


@pytest.mark.parametrize(
    ("value", "name"), [(None, "null"), ("", "text"), (1.0, "a number"), ({}, "a map"), ({1}, "set")]
)
def test_kind(value: Any, name: str) -> None:
    """Kinds have the names that a rule's author knows."""
    assert name == kind(value)
