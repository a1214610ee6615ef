"""engine.events.json_format: strict JSON."""

from __future__ import annotations

import pytest

from engine.events.json_format import NotJson, read


@pytest.mark.parametrize(
    ("value", "document"),
    [
        (b"{}", {}),
        (b'{"a": [1, 2.5, null, true, "x"]}', {"a": [1, 2.5, None, True, "x"]}),
        (b'{"a": 36893488147419103232}', {"a": 2**65}),
        ('{"é": "\\ud83d\\ude00"}'.encode(), {"é": "😀"}),
        (b"\x00\x00\x00\x00\x07{}", {}),
        (b'{"a": "' + b"{" * 100 + b'"}', {"a": "{" * 100}),
        (b'{"a":' * 64 + b"1" + b"}" * 64, None),
    ],
)
def test_json_is_read(value: bytes, document: object) -> None:
    """Objects are read, whatever their values; big integers stay exact; 64 levels are allowed."""
    found = read(value)
    assert found == document or (document is None and list(found) == ["a"])


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"[]",
        b"1",
        b"null",
        b"{",
        b"{} {}",
        b"{a: 1}",
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b'{"a": -Infinity}',
        b'{"a": 1e999}',
        b'{"a": 01}',
        b'{"a": 1, "a": 2}',
        b'{"x": {"a": 1, "a": 1}}',
        b'{"a": "\xff"}',
        b'{"a": "\\ud800"}',
        b'{"a": "\\uD800x"}',
        b'{"a": "\n"}',
        '{"a": 1}'.encode("utf-16"),
        b"\xef\xbb\xbf{}",
        b'{"a":' * 65 + b"1" + b"}" * 65,
        b'{"a":' * 5000 + b"1" + b"}" * 5000,
        b'{"a": ' + b"[" * 100_000,
        b'{"a": ' + b"9" * 5000 + b"}",
        b"\x00\x00\x00\x00\x07",
    ],
)
def test_anything_else_is_refused(value: bytes) -> None:
    """No JSON, no object, not UTF-8, no number, a name twice, half a character, too deep: one error."""
    with pytest.raises(NotJson):
        read(value)
