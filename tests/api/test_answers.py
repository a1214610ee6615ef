"""What answers say."""

from __future__ import annotations

import json
from typing import Any

import pytest

from engine.api.answers import NotJson, complaint, is_html, parse
from engine.api.transports import Answer
from tests.api.parts import answer

HTML = b"<!DOCTYPE html><html><head><title>502 Bad Gateway</title></head><body><h1>Oops</h1></body></html>"


def typed(kind: str, body: bytes) -> Answer:
    """An answer of a media type; "" for none."""
    return Answer(200, {"content-type": kind} if kind else {}, body)


@pytest.mark.parametrize(
    ("kind", "body", "value"),
    [
        ("application/json", b'{"a": 1}', {"a": 1}),
        ("application/json; charset=utf-8", b"[1]", [1]),
        ("application/problem+json", b'{"detail": "x"}', {"detail": "x"}),
        ("Application/JSON", b"1", 1),
        ("", b'{"a": 1}', {"a": 1}),
        ("", b"{not json", "{not json"),
        ("text/plain", b"12", "12"),
        ("text/plain; charset=latin-1", b"caf\xe9", "café"),
        ("text/plain; charset=nonsense", b"abc", "abc"),
        ("text/plain", b"\xff", "\ufffd"),
        ("application/json", b"", None),
        ("application/json", b"123456789012345678901234567890", 123456789012345678901234567890),
        ("application/json", b'{"a": -9223372036854775809, "b": 1.5}', {"a": -9223372036854775809, "b": 1.5}),
    ],
)
def test_bodies(kind: str, body: bytes, value: Any) -> None:
    """JSON where the answer is JSON, else text; None for an empty body; long integers exactly."""
    assert value == parse(typed(kind, body))


@pytest.mark.parametrize(
    "body", [b"{", b"NaN", b"12345678901234567890123 x", b'{"a": NaN, "b": 12345678901234567890}', b"[" * 100_000]
)
def test_broken_json(body: bytes) -> None:
    """Says that it is JSON, but is not: one error, however it is broken."""
    with pytest.raises(NotJson):
        parse(typed("application/json", body))


@pytest.mark.parametrize(
    ("kind", "body", "html"),
    [
        ("text/html; charset=utf-8", b"x", True),
        ("TEXT/HTML", b"x", True),
        ("", b"  <!doctype HTML><p>", True),
        ("text/html", b"", False),
        ("application/json", HTML, False),
        ("text/plain", HTML, False),
    ],
)
def test_html(kind: str, body: bytes, html: bool) -> None:
    """A page is a page by its type, or by its looks where it has none; an empty body is none."""
    assert html is is_html(typed(kind, body))


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({"status": ['"x" is not a valid choice.']}, 'status: "x" is not a valid choice.'),
        ({"a": ["one", "two"], "b": "three"}, "a: one, two; b: three"),
        ({"detail": "Invalid token."}, "Invalid token."),
        ({"error": "no"}, "no"),
        (["This is wrong."], "This is wrong."),
        ({"items": [{}, {"name": ["missing"]}]}, "items: name: missing"),
        ({"ok": False, "count": 3, "rate": 0.5, "none": None}, "ok: False; count: 3; rate: 0.5"),
        ("a\nb\x00c", "a b?c"),
        ({"a": {"b": {"c": {"d": {"e": 2**70}}}}}, "a: b: c: d: ..."),
        ({}, ""),
        (None, ""),
    ],
)
def test_complaints(body: Any, text: str) -> None:
    """The shapes that APIs answer in, as one line."""
    reply = Answer(400, {"content-type": "application/json"}, json.dumps(body).encode())
    assert text == complaint(reply)


def test_a_page_is_its_title() -> None:
    """Of an HTML page the title and the headline are told."""
    assert "502 Bad Gateway: Oops" == complaint(typed("text/html", HTML))
    assert "Just words" == complaint(typed("text/html", b"<p>Just <b>words</b></p><script>var x</script>"))


def test_complaints_are_short() -> None:
    """However long a body is, its complaint is one line of 300 characters."""
    body: Any = "x"
    for _ in range(5):
        body = {"y" * 100: [body] * 8}
    for long in ({"a": ["b" * 5000] * 100}, body, "c" * 100_000):
        text = complaint(answer(400, long))
        assert len(text) <= 300
        assert "\n" not in text


def test_secrets_are_masked() -> None:
    """An API that repeats the token in its complaint does not get it into a log."""
    text = complaint(answer(403, {"detail": "Token s3cret is not allowed"}), ["s3cret", ""])
    assert "Token *** is not allowed" == text
