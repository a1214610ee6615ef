"""`encoding: multipart`: fields and files as one body (RFC 7578), the same bytes for the same values."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from mimetypes import MimeTypes
from typing import Any, NamedTuple

from engine.api.files import bucket_and_key
from engine.api.messages import Source
from engine.findings import suggest
from engine.rules.values import OMIT, Problem, kind, sound, text

FILE_KEYS = ("filename", "content", "media_type", "from")
"""The keys of a value that is a file: a name and its content, or an address `from` which it comes."""

Fault = tuple[tuple[str | int, ...], str, str, str, bool]
"""Place in the body, check id, text, help, and whether the key at the place is meant."""

_RAW_KEYS = ("from", "media_type")

LONGEST = 64 * 1024 * 1024
"""Bytes a body may have: more than any event brings, and an end to a rule that repeats a file in a list."""

UNKNOWN_TYPE = "application/octet-stream"

_NO_URL = "must be text such as s3://bucket/folder/report.pdf"

_TYPES = MimeTypes().types_map  # what Python itself knows: the same on every machine
_MEDIA_TYPE = re.compile(r"[\w!#$&^.+-]+/[\w!#$&^.+-]+(?: *; *[\w-]+=(?:[\w!#$&^.+-]+|\"[^\"\r\n\\]*\"))*", re.ASCII)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_IN_QUOTES = {ord('"'): "%22", ord("\r"): "%0D", ord("\n"): "%0A"}


def is_file(value: Any) -> bool:
    """A mapping with a file's name and content, or its address; any other mapping is a field, sent as JSON."""
    if not isinstance(value, Mapping) or not set(value) <= set(FILE_KEYS):
        return False
    return "from" in value or ("content" in value and "filename" in value)


def file_faults(body: Mapping[str, Any]) -> Iterator[Fault]:
    """What is wrong with the files of a body as written: those with some of a file's keys, but not all, or others.

    Yields:
        Place in the body, check id, text, help, and whether the key at the place is meant.
    """
    for name, value in body.items():
        is_list = isinstance(value, list)
        places: list[tuple[tuple[str | int, ...], Any]] = [((name,), value)]
        for here, one in [((name, at), one) for at, one in enumerate(value)] if is_list else places:
            if not isinstance(one, dict) or not ("filename" in one or "content" in one or is_file(one)):
                continue
            if "from" in one:
                for at, check, text_, help_, key in _from_faults(one):
                    yield (*here, *at), check, text_, help_, key
            others = {key: suggest(key, FILE_KEYS) for key in one if key not in FILE_KEYS}
            needed = () if "from" in one or "from" in others.values() else FILE_KEYS[:2]
            for missing in (key for key in needed if key not in one and key not in others.values()):
                yield here, "missing-key", f"a file needs '{missing}'", "", not is_list
            for other, near in others.items():
                help_ = f"did you mean '{near}'?" if near else f"a file has {', '.join(FILE_KEYS)}"
                yield (*here, other), "unknown-key", f"'{other}' is not a key of a file", help_, True


def raw_faults(body: Any) -> Iterator[Fault]:
    """As `file_faults`, of a body that is no text: it can only be a file with an address."""
    if not isinstance(body, dict) or "from" not in body:
        text_ = "must be text, one {{ expression }} or {from, media_type} with `encoding: raw`"
        yield (), "wrong-value", text_, "", False
        return
    for key in body:
        if key not in _RAW_KEYS:
            near = suggest(key, _RAW_KEYS)
            help_ = f"did you mean '{near}'?" if near else f"a file that is the body has {', '.join(_RAW_KEYS)}"
            yield (key,), "unknown-key", f"'{key}' is not a key of a file that is the whole body", help_, True
    yield from (fault for fault in _from_faults(body) if fault[0] == ("from",))


def _from_faults(file: Mapping[str, Any]) -> Iterator[Fault]:
    if "content" in file:
        yield ("content",), "wrong-value", "a file has 'content' or 'from', not both", "", True
    url = file["from"]
    if not isinstance(url, str) or ("{{" not in url and bucket_and_key(url) is None):
        yield ("from",), "wrong-value", _NO_URL, "", False


def raw_source(value: Mapping[str, Any]) -> tuple[str, tuple[Source, ...]]:
    """Of a body that is a file of its own: the media type, and where it comes from.

    Raises:
        Problem: it is no `{from, media_type}`, or one of them cannot be used.
    """
    if not set(value) <= set(_RAW_KEYS):
        raise Problem("must be {from, media_type} where it comes from a store, has other keys")
    url, name = _source("body", value["from"])
    return _media_type("body", name, value.get("media_type")), (Source(0, url),)


class _Part(NamedTuple):
    """A field or file with its headers. `url`: what is to follow `data` when the body is sent."""

    data: bytes
    url: str = ""


def multipart(values: Any) -> tuple[bytes, str, tuple[Source, ...]]:
    """The body, its media type, boundary included, and the files that it lacks until it is sent.

    Args:
        values: a mapping; `{filename, content, media_type}` is a file, a list repeats its name.

    Raises:
        Problem: it is no mapping, or a value cannot be sent.
    """
    if not isinstance(values, Mapping):
        raise Problem(f"must be a mapping with `encoding: multipart`, is {kind(values)}")
    parts, left = [], LONGEST
    for name, value in values.items():
        for one in _repeated(value):
            parts.append(_part(sound(text(name)), one))
            left -= len(parts[-1].data)
            if left < 0:
                raise Problem(f"would be longer than {LONGEST // 1024**2} MiB")
    boundary = _boundary(parts)
    mark = b"--" + boundary.encode()
    body = b"".join(mark + b"\r\n" + part.data + b"\r\n" for part in parts) + mark + b"--\r\n"
    return body, f"multipart/form-data; boundary={boundary}", tuple(_sources(parts, mark))


def _sources(parts: list[_Part], mark: bytes) -> Iterator[Source]:
    at = 0
    for part in parts:
        at += len(mark) + 2 + len(part.data)
        if part.url:
            yield Source(at, part.url, mark)
        at += 2


def outline(body: bytes, media_type: str, sources: Sequence[Source] = ()) -> dict[str, Any]:
    """What people read of a body that `multipart` made: fields as text, of files all but the content.

    Args:
        body: the bytes.
        media_type: with their boundary.
        sources: files that the body lacks.
    """
    from email import message_from_bytes  # noqa: PLC0415 - slow, and only where people look at such a body
    from email.policy import HTTP  # noqa: PLC0415

    urls = {body.count(one.without, 0, one.at): one.url for one in sources}  # by the number of their part
    head = f"Content-Type: {media_type}\r\n\r\n".encode()
    found: dict[str, Any] = {}
    for number, part in enumerate(message_from_bytes(head + body, policy=HTTP).iter_parts(), 1):
        content, file = part.get_payload(decode=True), part.get_filename()
        data = content if isinstance(content, bytes) else b""
        shown: Any = data.decode(errors="replace")
        if file is not None:
            what = {"from": urls[number]} if number in urls else {"content": f"({len(data)} bytes)"}
            shown = {"filename": file, "media_type": part.get_content_type(), **what}
        name = str(part.get_param("name", header="content-disposition"))
        before = found.get(name, [])
        found[name] = [*(before if isinstance(before, list) else [before]), shown] if name in found else shown
    return found


def _repeated(value: Any) -> Iterator[Any]:
    many = value if isinstance(value, (list, tuple, range)) else (value,)
    return (one for one in many if one is not OMIT)


def _part(name: str, value: Any) -> _Part:
    """One field or file with its headers."""
    head = f'Content-Disposition: form-data; name="{name.translate(_IN_QUOTES)}"'
    if not is_file(value):
        return _Part(f"{head}\r\n\r\n".encode() + _field(name, value))
    url, filename = _source(name, value["from"]) if "from" in value else ("", "")
    filename = value.get("filename", filename)
    if not isinstance(filename, str) or not filename:
        raise Problem(f"{name}.filename: must be text that is not empty")
    if _CONTROL.search(sound(filename)) is not None:
        raise Problem(f"{name}.filename: has a line break or another control character")
    content = b"" if url and "content" not in value else _content(name, value, url)
    media = _media_type(name, filename, value.get("media_type"))
    head = f'{head}; filename="{filename.translate(_IN_QUOTES)}"\r\nContent-Type: {media}\r\n\r\n'
    return _Part(head.encode() + content, url)


def _content(name: str, value: Mapping[str, Any], url: str) -> bytes:
    content = value["content"]
    if url:
        raise Problem(f"{name}: a file has 'content' or 'from', not both")
    if isinstance(content, str):
        content = sound(content).encode()
    if not isinstance(content, bytes):
        raise Problem(f"{name}.content: must be text or bytes, is {kind(content)}")
    return content


def _source(name: str, url: Any) -> tuple[str, str]:
    """The address, and the last part of its key."""
    found = bucket_and_key(sound(url)) if isinstance(url, str) else None
    if found is None:
        raise Problem(f"{name}.from: {_NO_URL}")
    return url, found[1].rpartition("/")[2]


def _field(name: str, value: Any) -> bytes:
    try:
        return sound(text(value)).encode()
    except Problem as error:
        raise Problem(f"{name}: {error}") from error


def _media_type(name: str, filename: str, given: Any) -> str:
    """The file's own, else what its name's ending says."""
    if given is None:
        _, dot, ending = filename.rpartition(".")
        return _TYPES[True].get(dot + ending.lower(), UNKNOWN_TYPE)
    if not isinstance(given, str) or _MEDIA_TYPE.fullmatch(given) is None:
        raise Problem(f"{name}.media_type: is no media type such as application/pdf")
    return given


def _boundary(parts: list[_Part]) -> str:
    """A line that stands in no part. By the content, so that an event gives the same bytes at every try."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part.data).to_bytes(8, "big") + part.data + part.url.encode())
    boundary = f"part-{digest.hexdigest()[:32]}"
    while any(boundary.encode() in part.data for part in parts):
        digest.update(b"again")
        boundary = f"part-{digest.hexdigest()[:32]}"
    return boundary
