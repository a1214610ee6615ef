"""Multipart bodies, read back by the standard library's parser, and by an eye where bytes matter."""

from __future__ import annotations

import email
import email.policy
from dataclasses import replace
from typing import Any

import pytest

from engine.api.messages import Request
from engine.errors import Stage
from engine.rules.multipart import multipart, outline
from engine.rules.values import OMIT, Problem
from tests.rules.making import loaded, refusal, request

WHOLE = '{method: POST, path: /a, encoding: multipart, body: "{{ event.payload }}"}'
FILE = """
method: POST
path: /a
encoding: multipart
body:
  name: "{{ event.payload.name }}"
  tags: ["{{ event.payload.tag }}", "{{ omit if event.payload.tag == 'x' else 'y' }}"]
  attachment: {filename: "{{ event.payload.file }}", content: "{{ event.payload.content | b64decode }}"}
"""
PAYLOAD = {"name": "Scan", "tag": "x", "file": "a.pdf", "content": "AP8="}

Part = tuple[str, str | None, str | None, bytes]


def parts(body: bytes, media_type: str, _sources: object = ()) -> list[Part]:
    """Name, file name, media type (None where the part has none) and content of each part."""
    whole = email.message_from_bytes(f"Content-Type: {media_type}\r\n\r\n".encode() + body, policy=email.policy.HTTP)
    found: list[Part] = []
    for part in whole.iter_parts():
        content = part.get_payload(decode=True)
        assert isinstance(content, bytes)
        kind = part.get_content_type() if "content-type" in part else None
        found.append((str(part.get_param("name", header="content-disposition")), part.get_filename(), kind, content))
    return found


def read(made: Request) -> list[Part]:
    """The parts of a request."""
    assert made.body is not None
    assert made.media_type is not None
    return parts(made.body, made.media_type)


def test_fields_and_a_file() -> None:
    """A list repeats its name, `omit` drops an element, a file's bytes are themselves."""
    made = request(FILE, PAYLOAD)
    assert [
        ("name", None, None, b"Scan"),
        ("tags", None, None, b"x"),
        ("attachment", "a.pdf", "application/pdf", b"\x00\xff"),
    ] == read(made)
    assert frozenset({"name", "tags", "attachment"}) == made.fields


def test_the_bytes_of_a_body() -> None:
    """Lines end in CRLF, a field has no media type, the last boundary closes."""
    body, media_type, _ = multipart({"a": "ü", "f": {"filename": "x.txt", "content": "hello", "media_type": None}})
    mark = media_type.removeprefix("multipart/form-data; boundary=").encode()
    assert (
        b"--" + mark + b'\r\nContent-Disposition: form-data; name="a"\r\n\r\n\xc3\xbc\r\n'
        b"--" + mark + b'\r\nContent-Disposition: form-data; name="f"; filename="x.txt"\r\n'
        b"Content-Type: text/plain\r\n\r\nhello\r\n--" + mark + b"--\r\n"
    ) == body


def test_the_same_values_give_the_same_bytes() -> None:
    """A repeated request is the same request; other values have another boundary."""
    assert request(FILE, PAYLOAD) == request(FILE, PAYLOAD)
    assert request(FILE, PAYLOAD).media_type != request(FILE, PAYLOAD | {"name": "Other"}).media_type


@pytest.mark.parametrize(
    ("value", "sent"),
    [
        (5, b"5"),
        (True, b"true"),
        ("", b""),
        ({"a": 1}, b'{"a":1}'),
        ({"filename": "a", "content": "b", "x": 1}, b'{"filename":"a","content":"b","x":1}'),
        ("a\r\nb", b"a\r\nb"),
    ],
)
def test_fields_are_text(value: Any, sent: bytes) -> None:
    """As in a form; a mapping with other keys than a file's is JSON."""
    assert [("f", None, None, sent)] == parts(*multipart({"f": value}))


@pytest.mark.parametrize(
    ("filename", "media_type", "expected"),
    [
        ("a.PDF", None, "application/pdf"),
        ("a.csv", None, "text/csv"),
        ("noending", None, "application/octet-stream"),
        ("a.unheard-of", None, "application/octet-stream"),
        ("a.pdf", "image/png", "image/png"),
        ("a.txt", "text/plain; charset=utf-8", "text/plain"),
    ],
)
def test_media_types(filename: str, media_type: str | None, expected: str) -> None:
    """What is given stands; else the name's ending decides."""
    file = {"filename": filename, "content": b"", "media_type": media_type}
    assert [("f", filename, expected, b"")] == parts(*multipart({"f": file}))


def test_several_files_under_one_name() -> None:
    """A list of files repeats the name."""
    files = [{"filename": f"{one}.txt", "content": one} for one in "ab"]
    assert [("f", "a.txt", "text/plain", b"a"), ("f", "b.txt", "text/plain", b"b")] == parts(*multipart({"f": files}))


def test_quotes_cannot_end_a_name() -> None:
    """As browsers write them."""
    body, *_ = multipart({'a"; filename="x': "v", "f": {"filename": 'q".exe', "content": b""}})
    assert b'name="a%22; filename=%22x"\r\n' in body
    assert b'filename="q%22.exe"\r\n' in body


def test_line_breaks_cannot_add_a_header() -> None:
    """In the name of a field they are encoded."""
    assert b'name="a%0D%0AX-Evil: 1"' in multipart({"a\r\nX-Evil: 1": "v"})[0]


def test_a_boundary_in_the_content_is_avoided() -> None:
    """Whatever a file holds, it is one part."""
    _, media_type, _ = multipart({"f": "x"})
    boundary = media_type.rpartition("=")[2]
    value = f"x\r\n--{boundary}--\r\n"
    assert [("f", None, None, value.encode())] == parts(*multipart({"f": value}))


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"f": ["x" * 1_000_000] * 70}, "would be longer than 64 MiB"),
        (["a"], "must be a mapping with `encoding: multipart`, is a list"),
        ({"f": None}, "f: is null"),
        ({"f": b"x"}, "f: is bytes"),
        ({"f": {"filename": None, "content": b"x"}}, "f.filename: must be text that is not empty"),
        ({"f": {"filename": "", "content": b"x"}}, "f.filename: must be text that is not empty"),
        ({"f": {"filename": "a\r\nb", "content": b"x"}}, "f.filename: has a line break"),
        ({"f": {"filename": "a", "content": None}}, "f.content: must be text or bytes, is null"),
        (
            {"f": {"filename": "a", "content": b"", "media_type": "text/plain\r\nX: 1"}},
            "f.media_type: is no media type",
        ),
        ({"f": {"from": "file:///etc/passwd"}}, "f.from: must be text such as s3://"),
        ({"f": {"from": None}}, "f.from: must be text such as s3://"),
        ({"f": {"from": "s3://bucket/a", "filename": None}}, "f.filename: must be text that is not empty"),
        ({"f": {"from": "s3://bucket/a", "content": b""}}, "f: a file has 'content' or 'from', not both"),
        ({"f": {"filename": "a", "content": b"", "media_type": "pdf"}}, "f.media_type: is no media type"),
    ],
)
def test_what_is_refused(values: Any, said: str) -> None:
    """Each names its place; no value of the event is told."""
    with pytest.raises(Problem) as caught:
        multipart(values)
    assert str(caught.value).startswith(said)


def test_the_outline_tells_no_content_of_a_file() -> None:
    """For people: fields, names and sizes."""
    files = [{"filename": "ü.bin", "content": b"\x00\xff"}, {"filename": "b.txt", "content": "hello"}]
    assert {
        "name": "Scän",
        "tags": ["a", "b", "c"],
        "files": [
            {"filename": "ü.bin", "media_type": "application/octet-stream", "content": "(2 bytes)"},
            {"filename": "b.txt", "media_type": "text/plain", "content": "(5 bytes)"},
        ],
    } == outline(*multipart({"name": "Scän", "tags": ["a", "b", "c"], "files": files}))


def test_omit_leaves_a_field_out() -> None:
    """As an element of a list, or as a whole field."""
    assert [("a", None, None, b"1")] == parts(*multipart({"a": [1, OMIT], "b": OMIT}))


def test_a_failure_is_one_of_the_stage_render() -> None:
    """With the place in the rule."""
    error = refusal(WHOLE, {"f": None})
    assert (Stage.RENDER, "request.body: f: is null, which has no text") == (error.stage, str(error).partition(";")[0])


@pytest.mark.parametrize(
    ("request_", "check", "said"),
    [
        ("body: {f: {filename: a, content: b, mime: c}}", "unknown-key", "'mime' is not a key of a file"),
        ("body: {f: {from: 's3://b'}}", "wrong-value", "must be text such as s3://bucket/folder/report.pdf"),
        ("body: {f: {from: 'http://bucket/a'}}", "wrong-value", "must be text such as s3://bucket/"),
        ("body: {f: [{from: 5, filename: a}]}", "wrong-value", "must be text such as s3://bucket/"),
        ("body: {f: {from: 's3://bucket/a', filename: a, mime: c}}", "unknown-key", "'mime' is not a key of a file"),
        ("body: {f: {form: 's3://bucket/a', filename: a}}", "unknown-key", "'form' is not a key of a file"),
        ("body: {f: {from: 's3://bucket/a', filename: a, content: c}}", "wrong-value", "not both"),
        ("body: {f: {filename: a}}", "missing-key", "a file needs 'content'"),
        ("body: {f: [{content: a}]}", "missing-key", "a file needs 'filename'"),
        ("body: {a: b}, headers: {content-type: multipart/form-data}", "wrong-header", "has its boundary in it"),
    ],
)
def test_findings(request_: str, check: str, said: str) -> None:
    """What can be seen in the rule is said before it runs."""
    _, findings = loaded(f"event_type: changed\nrequest: {{method: POST, path: /a, encoding: multipart, {request_}}}\n")
    assert [(check, True)] == [(finding.id, said in finding.message) for finding in findings], findings


STORED = """
method: POST
path: /a
encoding: multipart
body: {name: Scan, files: [{from: "{{ event.payload.url }}"}, {filename: b.txt, content: b}]}
"""


def test_a_file_of_a_store() -> None:
    """It lacks its content; where that belongs stands beside the body. Its name and type are those of its key."""
    made = request(STORED, {"url": "s3://bucket/scans/a.pdf"})
    assert made.body is not None
    (source,) = made.sources
    assert "s3://bucket/scans/a.pdf" == source.url
    whole = replace(made, body=made.body[: source.at] + b"\x00content\r\n" + made.body[source.at :])
    assert [
        ("name", None, None, b"Scan"),
        ("files", "a.pdf", "application/pdf", b"\x00content\r\n"),
        ("files", "b.txt", "text/plain", b"b"),
    ] == read(whole)
    assert made.media_type is not None
    assert b"--" + made.media_type.rpartition("=")[2].encode() == source.without


def test_another_address_is_another_request() -> None:
    """The boundary, and with it all that names a body, tells two files apart before they are read."""
    one, again, other = (request(STORED, {"url": f"s3://bucket/{key}/a.pdf"}) for key in "112")
    assert one == again
    assert one.media_type != other.media_type


def test_the_outline_tells_where_a_file_comes_from() -> None:
    """Its address instead of a size, at the right one of several files."""
    files = [{"filename": "a.txt", "content": "hello"}, {"from": "s3://bucket/k/b.pdf", "filename": "report.pdf"}]
    assert {
        "files": [
            {"filename": "a.txt", "media_type": "text/plain", "content": "(5 bytes)"},
            {"filename": "report.pdf", "media_type": "application/pdf", "from": "s3://bucket/k/b.pdf"},
        ]
    } == outline(*multipart({"files": files}))


def test_a_range_is_no_file() -> None:
    """A mapping with a `from` of its own and other keys is a field."""
    assert b'{"from":"2024","to":"2025"}' in multipart({"f": {"from": "2024", "to": "2025"}})[0]
