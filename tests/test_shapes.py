"""Shapes: what a schema refuses, in words and at its place."""

from __future__ import annotations

import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from engine.documents import read_documents
from engine.errors import Unusable
from engine.shapes import check_shape, load_schema

SCHEMA: Mapping[str, Any] = {
    "title": "rule",
    "type": "object",
    "required": ["event_type"],
    "oneOf": [{"required": ["request"]}, {"required": ["requests"]}],
    "additionalProperties": False,
    "properties": {
        "event_type": {"type": "string", "minLength": 1, "maxLength": 20},
        "request": {"$ref": "#/$defs/request"},
        "requests": {"type": "array", "minItems": 1, "maxItems": 2, "items": {"$ref": "#/$defs/request"}},
        "vars": {"type": "object", "propertyNames": {"pattern": "^[a-z]+$", "x-expected": "a name"}},
        "propertyNames": {"type": "string", "pattern": "^x"},
        "versions": {"type": "array", "uniqueItems": True, "items": {"type": "integer", "minimum": 1, "maximum": 9}},
        "delay": {"type": "string", "pattern": "^[0-9]+s$", "x-expected": "a duration such as 10s"},
        "outage": {"oneOf": [{"const": "off"}, {"type": "object", "properties": {"n": {"type": "integer"}}}]},
        "jitter": {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
        "url": {"type": "string", "pattern": "^http", "x-message": "must be a URL"},
        "old": {"not": {}},
        "later": {"not": {}, "x-message": "'later' comes later"},
        "auth": {
            "oneOf": [
                {"type": "object", "properties": {"type": {"const": "none"}}, "required": ["type"]},
                {
                    "title": "token auth",
                    "type": "object",
                    "properties": {"type": {"const": "token"}, "token": {"type": "string", "writeOnly": True}},
                    "required": ["type", "token"],
                    "unevaluatedProperties": False,
                },
            ]
        },
    },
    "$defs": {
        "request": {
            "title": "request",
            "type": "object",
            "required": ["method", "path"],
            "additionalProperties": False,
            "patternProperties": {"^x-": {}},
            "dependentRequired": {"certificate": ["key"]},
            "properties": {
                "method": {"enum": ["GET", "POST"]},
                "path": {"type": "string"},
                "body": {"type": ["object", "string", "null"]},
                "query": {"oneOf": [{"type": "object", "minProperties": 1}, {"type": "string", "pattern": "{{"}]},
                "paginate": {"type": "boolean"},
                "certificate": {},
                "key": {},
            },
        }
    },
}
GOOD = "event_type: a\nrequest: {method: GET, path: /}\n"
WITHIN = "event_type: a\nrequests:\n  - method: GET\n    path: /\n"


def check(text: str) -> list[tuple[int, int, str, str]]:
    documents, _ = read_documents(Path("a.yaml"), text)
    return [
        (one.span.line, one.span.column, one.id, one.message + (f"; {one.help}" if one.help else ""))
        for one in check_shape(documents[0], SCHEMA)
    ]


@pytest.mark.parametrize("text", [GOOD, WITHIN, GOOD + "outage: off\nauth: {type: token, token: x}\n"])
def test_what_fits_has_no_findings(text: str) -> None:
    """A good document is left alone."""
    assert [] == check(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            WITHIN + "    boddy: 1\n",
            (5, 5, "unknown-key", "requests[0]: 'boddy' is not a key of a request; did you mean 'body'?"),
        ),
        (
            WITHIN + "    zzzzz: 1\n",
            (5, 5, "unknown-key", (
                "requests[0]: 'zzzzz' is not a key of a request; "
                "known: method, path, body, query, paginate, certificate, key"
            )),
        ),
        (WITHIN + "    certificate: c\n", (5, 5, "missing-key", "requests[0]: 'certificate' needs 'key' beside it")),
        (GOOD + "old: 1\n", (3, 1, "unknown-key", "'old' is not allowed here")),
        (GOOD + "later: 1\n", (3, 1, "unknown-key", "'later' comes later")),
        ("request: {method: GET, path: /}\n", (1, 1, "missing-key", "a rule needs 'event_type'")),
        ("event_type: a\nrequest: {}\n", (2, 1, "missing-key", "request: a request needs 'method' and 'path'")),
        (
            "event_type: a\nrequests:\n  - x-a: 1\n",
            (3, 5, "missing-key", "requests[0]: a request needs 'method' and 'path'"),
        ),
        ("event_type: a\n", (1, 1, "missing-key", "a rule needs 'request' or 'requests'")),
        (
            GOOD + "requests:\n  - {method: GET, path: /}\n",
            (3, 1, "exclusive-keys", (
                "'requests' cannot stand beside 'request'; write 'request' or 'requests', not both"
            )),
        ),
        (
            GOOD.replace("a\n", "5\n"),
            (1, 13, "wrong-type", "event_type: must be text, not 5; write it in quotes: \"5\""),
        ),
        (GOOD.replace("a\n", "\n"), (1, 12, "wrong-type", "event_type: must be text, not nothing")),
        (GOOD.replace(": a\n", ": [a]\n"), (1, 13, "wrong-type", "event_type: must be text, not a list")),
        (
            WITHIN + "    body: [1]\n",
            (5, 11, "wrong-type", "requests[0].body: must be a mapping or text, not a list"),
        ),
        (
            WITHIN + "    query: 1\n",
            (5, 12, "wrong-type", "requests[0].query: must be a mapping or text, not 1; write it in quotes: \"1\""),
        ),
        (WITHIN + "    query: {}\n", (5, 12, "wrong-value", "requests[0].query: must not be empty")),
        (WITHIN + "    query: x\n", (5, 12, "wrong-value", "requests[0].query: 'x' does not match {{")),
        (
            WITHIN + "    paginate: yes\n",
            (5, 15, "wrong-type", "requests[0].paginate: must be true or false, not 'yes'"),
        ),
        (
            WITHIN.replace("GET", "get"),
            (3, 13, "wrong-value", "requests[0].method: 'get' is not one of 'GET', 'POST'; did you mean 'GET'?"),
        ),
        (GOOD + "vars: {A1: 3}\n", (3, 8, "wrong-key", "vars: 'A1' is not a name")),
        (GOOD + "propertyNames: a\n", (3, 16, "wrong-value", "propertyNames: 'a' does not match ^x")),
        (GOOD + "versions: [1, 2, 1]\n", (3, 18, "wrong-value", "versions[2]: 1 stands here a second time")),
        (GOOD + "versions: [0]\n", (3, 12, "wrong-value", "versions[0]: must be at least 1, not 0")),
        (GOOD + "versions: [10]\n", (3, 12, "wrong-value", "versions[0]: must be at most 9, not 10")),
        (GOOD + "jitter: 0\n", (3, 9, "wrong-value", "jitter: must be above 0, not 0")),
        (GOOD + "jitter: 1.5\n", (3, 9, "wrong-value", "jitter: must be below 1, not 1.5")),
        (GOOD + "delay: 10m\n", (3, 8, "wrong-value", "delay: '10m' is not a duration such as 10s")),
        (GOOD + "delay: 10\n", (3, 8, "wrong-type", "delay: must be a duration such as 10s, not 10")),
        (
            GOOD + "outage: of\n",
            (3, 9, "wrong-value", "outage: must be a mapping or 'off', not 'of'; did you mean 'off'?"),
        ),
        (GOOD + "outage: {n: x}\n", (3, 13, "wrong-type", "outage.n: must be a whole number, not 'x'")),
        (GOOD + "url: ftp\n", (3, 6, "wrong-value", "url: must be a URL")),
        (
            GOOD + "auth: {type: tokn}\n",
            (3, 14, "wrong-value", "auth.type: 'tokn' is not one of 'none', 'token'; did you mean 'token'?"),
        ),
        (GOOD + "auth: {type: token}\n", (3, 1, "missing-key", "auth: a token auth needs 'token'")),
        (
            GOOD + "auth: {type: token, token: s, tken: 1}\n",
            (3, 31, "unknown-key", "auth: 'tken' is not a key of a token auth; did you mean 'token'?"),
        ),
        (GOOD + "auth: token\n", (3, 7, "wrong-type", "auth: must be a mapping, not 'token'")),
        (GOOD.replace(": a\n", ": ''\n"), (1, 13, "wrong-value", "event_type: must not be empty")),
        (
            GOOD.replace(": a\n", f": {'a' * 21}\n"),
            (1, 13, "wrong-value", "event_type: must have at most 20 characters"),
        ),
        ("event_type: a\nrequests: []\n", (2, 11, "wrong-value", "requests: must not be empty")),
        ("- a\n", (1, 1, "wrong-type", "must be a mapping, not a list")),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_found_at_its_place(text: str, expected: tuple[int, int, str, str]) -> None:
    """One finding, where a person would fix it, with the name as written and what to write instead."""
    assert [expected] == check(text)


def test_a_secret_is_never_shown() -> None:
    """A `writeOnly` value stands neither in the message nor in the help."""
    found = check(GOOD + "auth: {type: token, token: 987654321}\n")
    assert [(3, 28, "wrong-type", "auth.token: must be text, not a number; write it in quotes")] == found


def test_findings_come_in_file_order() -> None:
    """Whatever order the schema is evaluated in."""
    found = check("versions: [x]\nevent_type: 5\nrequest: {method: GET, path: 1}\nzzz: 1\n")
    assert [1, 2, 3, 4] == [line for line, *_ in found]


def test_a_long_value_is_cropped() -> None:
    """A message stays readable."""
    (found,) = check(GOOD + f"delay: {'x' * 500}\n")
    assert len(found[3]) < 120


@pytest.mark.parametrize("name", ["config", "config.schema.json"])
def test_own_schemas_are_found_by_name(name: str) -> None:
    """With and without the file name's end."""
    assert "the configuration" == load_schema(name)["title"]


def test_a_missing_schema_says_what_to_do() -> None:
    """Only a broken installation lacks one."""
    with pytest.raises(Unusable, match="install the engine again"):
        load_schema("nope")


def test_random_documents_never_raise() -> None:
    """Whatever stands in the file, checking gives findings."""
    dice = random.Random(3)
    keys = [*SCHEMA["properties"], *SCHEMA["$defs"]["request"]["properties"], "type", "token", "zzz"]
    values = ["", "[]", "{}", "[a, 1]", "5", "off", "{type: x}", "{method: 1}", "true"]
    for _ in range(300):
        parts = [f"{dice.choice(keys)}: {dice.choice(values)}" for _ in range(4)]
        documents, _ = read_documents(Path("a.yaml"), "\n".join(parts))
        for document in documents:
            assert all(finding.span.line >= 1 for finding in check_shape(document, SCHEMA))
