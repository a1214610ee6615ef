"""Path, query, headers and body, as they would stand on the wire."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from textwrap import dedent, indent
from typing import Any

import pytest

from engine.api.messages import Source
from engine.config.model import Limits
from engine.errors import Stage
from engine.rules.plan import run
from engine.rules.templates import RenderFailed
from tests.rules.making import answer, event, loaded, refusal, request, rule
from tests.rules.making import value as rendered

GET = '{method: GET, path: /a, query: {q: "{{ event.payload.v }}"}}'
QUERY = '{method: GET, path: /a, query: "{{ event.payload.v }}"}'
EMPTY = '{method: GET, path: /a, allow_empty: true, query: {q: "{{ event.payload.v }}"}}'
HEADER = '{method: GET, path: /a, headers: {X-V: "{{ event.payload.v }}"}}'
BODY = '{method: POST, path: /a, body: "{{ event.payload.v }}"}'
FORM = '{method: POST, path: /a, encoding: form, body: "{{ event.payload.v }}"}'
RAW = '{method: POST, path: /a, encoding: raw, body: "{{ event.payload.v }}"}'


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ("42", "/c/42/"),
        (42, "/c/42/"),
        (True, "/c/true/"),
        ("a b", "/c/a%20b/"),
        ("100%", "/c/100%25/"),
        ("ü", "/c/%C3%BC/"),
        ("a:b@c", "/c/a%3Ab%40c/"),
        ("%2e%2e", "/c/%252e%252e/"),
        ("%2F", "/c/%252F/"),
        ("..a", "/c/..a/"),
        ("a&b=c", "/c/a%26b%3Dc/"),
        ("{{ 1 }}", "/c/%7B%7B%201%20%7D%7D/"),
    ],
)
def test_values_in_a_path_are_percent_encoded(value: Any, path: str) -> None:
    """A value is one part of one segment, whatever it holds, and is never a template itself."""
    assert path == request("{method: GET, path: '/c/{{ event.payload.v }}/'}", {"v": value}).path


@pytest.mark.parametrize(
    "value",
    [
        "..",
        ".",
        "../x",
        "../../admin",
        "a/b",
        "/",
        "//evil.example",
        "\\",
        "..\\x",
        "?x=1",
        "x?y",
        "#x",
        "a\r\nHost: x",
        "a\0",
        "a\tb",
        "\x7f",
        "..;x",
        ";x/../y",
        "",
        None,
        b"x",
        "\ud800",
    ],
)
def test_values_cannot_bend_a_path(value: Any) -> None:
    """A value that could change the target is refused before anything is sent."""
    error = refusal("{method: GET, path: '/c/{{ event.payload.v }}/'}", {"v": value})
    assert (Stage.RENDER, "request") == (error.stage, error.request_id)
    assert str(error).startswith("request.path: ")


@pytest.mark.parametrize(
    ("path", "payload"),
    [
        ("/c/.{{ event.payload.v }}/", {"v": "."}),
        ("/c/{{ event.payload.v }}{{ event.payload.v }}", {"v": "."}),
        ("/c/{{ event.payload.v }};x/", {"v": ".."}),
        ("/c/{% if event.payload.v %}x{% endif %}/d", {"v": False}),
        ("/c/%2e{{ event.payload.v }}/d", {"v": "."}),
        ("/c/%{{ event.payload.v }}/d", {"v": "2F"}),
    ],
)
def test_the_whole_path_is_looked_at(path: str, payload: Any) -> None:
    """Parts that are harmless alone are judged together."""
    rules, findings = loaded(f"event_type: changed\nrequest: {{method: GET, path: '{path}'}}")
    assert rules == [] or refusal(f"{{method: GET, path: '{path}'}}", payload).stage == Stage.RENDER
    assert bool(rules) != bool(findings)


def test_statements_in_a_path() -> None:
    """A path may choose its literal parts; what `set` keeps is encoded once."""
    chosen = "/{% if event.payload.v %}a{% else %}b{% endif %}"
    kept = "/{% set x %}{{ event.payload.w }}{% endset %}{{ x }}"
    text = f"{{method: GET, path: '{chosen}{kept}'}}"
    _, findings = loaded(f"event_type: changed\nrequest: {text}")
    assert ["wrong-value"] == [finding.id for finding in findings]
    assert "/x/b/a%20b" == request(text.replace("'/{%", "'/x/{%"), {"v": False, "w": "a b"}).path


@pytest.mark.parametrize(
    ("value", "pairs"),
    [
        ("x", (("q", "x"),)),
        (False, (("q", "false"),)),
        (0, (("q", "0"),)),
        (Decimal("1.0"), (("q", "1.0"),)),
        (dt.date(2026, 3, 1), (("q", "2026-03-01"),)),
        (["a", 1], (("q", "a"), ("q", "1"))),
        ("a&b=c", (("q", "a&b=c"),)),
        ({"a": 1}, (("q", '{"a":1}'),)),
    ],
)
def test_query(value: Any, pairs: Any) -> None:
    """Query values are text, not yet encoded; a list repeats the name."""
    assert pairs == request(GET, {"v": value}).query


@pytest.mark.parametrize("value", [None, "", [], ["a", ""], ["a", None], ()])
def test_empty_query_values_are_refused(value: Any) -> None:
    """An empty filter would match everything, so it is not sent unless the rule says so."""
    error = refusal(GET, {"v": value})
    assert str(error).startswith("request.query.q: is ")
    assert "allow_empty" in str(error)
    assert all(text == "" for _, text in request(EMPTY, {"v": value}).query if text != "a")


def test_query_in_one_expression() -> None:
    """The whole query may come from a mapping; `omit` drops names and elements."""
    assert (("a", "1"), ("b", "x"), ("b", "y")) == request(QUERY, {"v": {"a": 1, "b": ["x", "y"]}}).query
    text = (
        "{method: GET, path: /a, query: \"{{ {'a': omit, 'b': ['x', omit], 'c': event.payload.v | default(omit)} }}\"}"
    )
    assert (("b", "x"),) == request(text, {}).query
    refused: list[Any] = [[], "a=b", None, {"a": None}]
    for value in refused:
        assert Stage.RENDER == refusal(QUERY, {"v": value}).stage


def test_a_name_that_only_the_event_had_is_not_told() -> None:
    """An error about a dynamic query name does not repeat it."""
    assert "s3cr3t" not in str(refusal(QUERY, {"v": {"s3cr3t value": None}}))


def test_omit_leaves_a_filter_out() -> None:
    """`omit` is the way to leave a filter out on purpose; elements can be omitted too, but not all of them."""
    text = '{method: GET, path: /a, query: {a: "{{ omit }}", b: ["{{ omit }}", x], c: 1}}'
    assert (("b", "x"), ("c", "1")) == request(text).query
    assert "is empty" in str(refusal('{method: GET, path: /a, query: {b: ["{{ omit }}"]}}'))


def test_a_long_query_is_refused() -> None:
    """A query has the limit of everything that is rendered."""
    error = refusal(QUERY, {"v": {str(n): "x" * 10 for n in range(20)}}, Limits(rendered=100))
    assert "query: is too long" in str(error)


@pytest.mark.parametrize(
    ("value", "headers"),
    [
        ("x", (("X-V", "x"),)),
        (5, (("X-V", "5"),)),
        (True, (("X-V", "true"),)),
        (None, ()),
        ("", (("X-V", ""),)),
        (" x\t", (("X-V", "x"),)),
        ("ü", (("X-V", "ü"),)),
    ],
)
def test_headers(value: Any, headers: Any) -> None:
    """A header is text; null drops it, and so does `omit`."""
    assert headers == request(HEADER, {"v": value}).headers
    assert () == request('{method: GET, path: /a, headers: {X-V: "{{ omit }}", X-W: null}}').headers


@pytest.mark.parametrize("value", ["a\r\nX-Evil: 1", "a\nb", "a\rb", "a\0b", "\x1b[0m"])
def test_headers_cannot_be_split(value: Any) -> None:
    """Line breaks and control characters are refused."""
    assert str(refusal(HEADER, {"v": value})).startswith("request.headers.X-V: ")


@pytest.mark.parametrize(
    ("value", "body", "fields"),
    [
        ({"a": None}, b'{"a":null}', {"a"}),
        ([1], b"[1]", None),
        (None, b"null", None),
        ("x", b'"x"', None),
        ({"at": dt.datetime(2026, 3, 1, tzinfo=dt.UTC)}, b'{"at":"2026-03-01T00:00:00+00:00"}', {"at"}),
        ({"d": Decimal("0.10"), "b": b"\x00"}, b'{"d":0.10,"b":"AA=="}', {"d", "b"}),
        ({"n": 2**70}, b'{"n":1180591620717411303424}', {"n"}),
    ],
)
def test_json(value: Any, body: bytes, fields: Any) -> None:
    """JSON is the default; its top-level names are told for the check against the API's document."""
    made = request(BODY, {"v": value})
    assert (body, "application/json", fields) == (made.body, made.media_type, made.fields)


@pytest.mark.parametrize("value", [float("nan"), {"a": float("inf")}, {1: 2}, {"a": {1}}, "\ud800"])
def test_json_refuses(value: Any) -> None:
    """What JSON does not know is an error at its place, not a null."""
    assert Stage.RENDER == refusal(BODY, {"v": value}).stage


def test_body_at_any_depth() -> None:
    """Templates stand at any depth; `omit` drops keys and elements; constants stay as they are."""
    text = """
    method: POST
    path: /a
    body:
      a: [{b: "{{ event.payload.v }}", c: "{{ omit }}"}, "{{ omit }}", null, 1.5]
      d: {e: "{{ event.payload.w | default(omit) }}"}
      f: "x {{ event.payload.v }}"
      g: "2026-03-01"
      h: {i: [true, "{ not: a template }"]}
    """
    expected = b'{"a":[{"b":7},null,1.5],"d":{},"f":"x 7","g":"2026-03-01","h":{"i":[true,"{ not: a template }"]}}'
    assert expected == request(text, {"v": 7}).body


def test_the_place_of_a_failure_in_a_body() -> None:
    """An error names the place as a person would write it."""
    text = '{method: POST, path: /a, body: {a: [{b: "{{ event.payload.nope }}"}]}}'
    assert "request.body.a[0].b: event.payload.nope is undefined" == str(refusal(text))
    assert "request.body: is `omit`" in str(refusal('{method: POST, path: /a, body: "{{ omit }}"}'))


def test_form() -> None:
    """A form is a mapping; lists repeat the name; null has no text in it."""
    made = request(FORM, {"v": {"a": "x y&z", "b": [1, True], "c": ""}})
    assert (b"a=x+y%26z&b=1&b=true&c=", frozenset({"a", "b", "c"})) == (made.body, made.fields)
    assert "application/x-www-form-urlencoded" == made.media_type
    assert b"a=1" == request('{method: POST, path: /a, encoding: form, body: {a: 1, b: "{{ omit }}"}}').body
    refused: list[Any] = [None, [1], "a=b", {"a": None}]
    for value in refused:
        assert Stage.RENDER == refusal(FORM, {"v": value}).stage


def test_raw() -> None:
    """Raw is text or bytes, as they are, and not checked against a document."""
    text = request(RAW, {"v": "ü"})
    assert ("ü".encode(), "text/plain; charset=utf-8", None) == (text.body, text.media_type, text.fields)
    data = request(RAW, {"v": b"\x00\xff"})
    assert (b"\x00\xff", "application/octet-stream", None) == (data.body, data.media_type, data.fields)
    refused: list[Any] = [5, {}, None]
    for value in refused:
        assert "text or bytes" in str(refusal(RAW, {"v": value}))


def test_content_type_of_the_rule_wins() -> None:
    """A rule's Content-Type stands in place of the encoding's; dropped, the encoding's is back."""
    text = '{method: POST, path: /a, body: {a: 1}, headers: {content-type: "{{ event.payload.t }}"}}'
    made = request(text, {"t": "application/merge-patch+json"})
    assert (None, (("content-type", "application/merge-patch+json"),)) == (made.media_type, made.headers)
    assert "application/json" == request(text, {"t": None}).media_type


def test_no_body() -> None:
    """Without `body` nothing is sent, and nothing is said about its type."""
    made = request("{method: POST, path: /a}")
    assert (None, None, None) == (made.body, made.media_type, made.fields)


def test_a_value_over_the_limit_is_refused() -> None:
    """One template makes no more than `limits.rendered`; other parts of the request do not count."""
    with pytest.raises(RenderFailed, match=r"limits\.rendered"):
        rendered("{{ text }}", limit=10, text="x" * 11)


def test_a_raw_body_of_a_store() -> None:
    """The file is the whole body; its ending says what it is, unless the rule does."""
    text = "{method: POST, path: /a, encoding: raw, body: {from: 's3://bucket/k/a.pdf'}}"
    made = request(text, {})
    assert (b"", "application/pdf", (Source(0, "s3://bucket/k/a.pdf"),)) == (made.body, made.media_type, made.sources)
    given = request(RAW, {"v": {"from": "s3://bucket/a", "media_type": "text/csv"}})
    assert ("text/csv", (Source(0, "s3://bucket/a"),)) == (given.media_type, given.sources)


def test_items_of_a_store_have_their_own_keys() -> None:
    """Two files with the same empty body are two writes."""
    text = """
    method: POST
    path: /a
    encoding: raw
    for_each: [a, b, a]
    body: {from: "s3://bucket/{{ item }}"}
    """
    plan = run(rule("request:\n" + indent(dedent(text), "  ")), event(), Limits())
    first, second, third = (next(plan), plan.send(answer()), plan.send(answer()))
    assert first.idempotency_key == third.idempotency_key
    assert first.idempotency_key != second.idempotency_key


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"from": "https://bucket/a"}, "body.from: must be text such as s3://"),
        ({"from": "s3://bucket/a", "filename": "a"}, "has other keys"),
        ({"from": "s3://bucket/a", "media_type": "pdf"}, "body.media_type: is no media type"),
    ],
)
def test_raw_files_that_are_refused(value: Any, said: str) -> None:
    """Before anything is asked."""
    assert said in str(refusal(RAW, {"v": value}))


@pytest.mark.parametrize(
    ("body", "check", "said"),
    [
        ("[a]", "wrong-value", "must be text, one {{ expression }} or {from, media_type}"),
        ("{a: b}", "wrong-value", "must be text, one {{ expression }} or {from, media_type}"),
        ("{from: 'bucket/a'}", "wrong-value", "must be text such as s3://"),
        ("{from: 's3://bucket/a', filename: a}", "unknown-key", "'filename' is not a key of a file that is the whole"),
    ],
)
def test_findings_of_a_raw_body(body: str, check: str, said: str) -> None:
    """What can be seen in the rule is said before it runs."""
    _, findings = loaded(f"event_type: changed\nrequest: {{method: POST, path: /a, encoding: raw, body: {body}}}\n")
    assert [(check, True)] == [(finding.id, said in finding.message) for finding in findings], findings
