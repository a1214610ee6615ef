"""`encoding: multipart`: fields and files as one body (RFC 7578), the same bytes for the same values."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from email import message_from_bytes
from email.policy import HTTP
from mimetypes import MimeTypes
from typing import Any

from engine.findings import suggest
from engine.rules.values import OMIT, Problem, kind, sound, text

FILE_KEYS = ("filename", "content", "media_type")
"""The keys of a value that is a file; the last one may be absent."""

LONGEST = 64 * 1024 * 1024
"""Bytes a body may have: more than any event brings, and an end to a rule that repeats a file in a list."""

UNKNOWN_TYPE = "application/octet-stream"

_TYPES = MimeTypes().types_map  # what Python itself knows: the same on every machine
_MEDIA_TYPE = re.compile(r"[\w!#$&^.+-]+/[\w!#$&^.+-]+(?: *; *[\w-]+=(?:[\w!#$&^.+-]+|\"[^\"\r\n\\]*\"))*", re.ASCII)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_IN_QUOTES = {ord('"'): "%22", ord("\r"): "%0D", ord("\n"): "%0A"}


def is_file(value: Any) -> bool:
    """A mapping with a file's name and content; any other mapping is a field, sent as JSON."""
    return isinstance(value, Mapping) and "content" in value and "filename" in value and set(value) <= set(FILE_KEYS)


def file_faults(body: Mapping[str, Any]) -> Iterator[tuple[tuple[str | int, ...], str, str, str, bool]]:
    """What is wrong with the files of a body as written: those with some of a file's keys, but not all, or others.

    Yields:
        Place in the body, check id, text, help, and whether the key at the place is meant.
    """
    for name, value in body.items():
        is_list = isinstance(value, list)
        places: list[tuple[tuple[str | int, ...], Any]] = [((name,), value)]
        for here, one in [((name, at), one) for at, one in enumerate(value)] if is_list else places:
            if not isinstance(one, dict) or not ("filename" in one or "content" in one):
                continue
            others = {key: suggest(key, FILE_KEYS) for key in one if key not in FILE_KEYS}
            for missing in (key for key in FILE_KEYS[:2] if key not in one and key not in others.values()):
                yield here, "missing-key", f"a file needs '{missing}'", "", not is_list
            for other, near in others.items():
                help_ = f"did you mean '{near}'?" if near else f"a file has {', '.join(FILE_KEYS)}"
                yield (*here, other), "unknown-key", f"'{other}' is not a key of a file", help_, True


def multipart(values: Any) -> tuple[bytes, str]:
    """The body and its media type, boundary included.

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
            left -= len(parts[-1])
            if left < 0:
                raise Problem(f"would be longer than {LONGEST // 1024**2} MiB")
    boundary = _boundary(parts)
    mark = b"--" + boundary.encode()
    body = b"".join(mark + b"\r\n" + part + b"\r\n" for part in parts) + mark + b"--\r\n"
    return body, f"multipart/form-data; boundary={boundary}"


def outline(body: bytes, media_type: str) -> dict[str, Any]:
    """What people read of a body that `multipart` made: fields as text, of files all but the content.

    Args:
        body: the bytes.
        media_type: with their boundary.
    """
    head = f"Content-Type: {media_type}\r\n\r\n".encode()
    found: dict[str, Any] = {}
    for part in message_from_bytes(head + body, policy=HTTP).iter_parts():
        content, file = part.get_payload(decode=True), part.get_filename()
        data = content if isinstance(content, bytes) else b""
        shown: Any = data.decode(errors="replace")
        if file is not None:
            shown = {"filename": file, "media_type": part.get_content_type(), "content": f"({len(data)} bytes)"}
        name = str(part.get_param("name", header="content-disposition"))
        before = found.get(name, [])
        found[name] = [*(before if isinstance(before, list) else [before]), shown] if name in found else shown
    return found


def _repeated(value: Any) -> Iterator[Any]:
    many = value if isinstance(value, (list, tuple, range)) else (value,)
    return (one for one in many if one is not OMIT)


def _part(name: str, value: Any) -> bytes:
    """One field or file with its headers."""
    head = f'Content-Disposition: form-data; name="{name.translate(_IN_QUOTES)}"'
    if not is_file(value):
        return f"{head}\r\n\r\n".encode() + _field(name, value)
    filename, content = value["filename"], value["content"]
    if not isinstance(filename, str) or not filename:
        raise Problem(f"{name}.filename: must be text that is not empty")
    if _CONTROL.search(sound(filename)) is not None:
        raise Problem(f"{name}.filename: has a line break or another control character")
    if isinstance(content, str):
        content = sound(content).encode()
    if not isinstance(content, bytes):
        raise Problem(f"{name}.content: must be text or bytes, is {kind(content)}")
    media = _media_type(name, filename, value.get("media_type"))
    return f'{head}; filename="{filename.translate(_IN_QUOTES)}"\r\nContent-Type: {media}\r\n\r\n'.encode() + content


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


def _boundary(parts: list[bytes]) -> str:
    """A line that stands in no part. By the content, so that an event gives the same bytes at every try."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big") + part)
    boundary = f"part-{digest.hexdigest()[:32]}"
    while any(boundary.encode() in part for part in parts):
        digest.update(b"again")
        boundary = f"part-{digest.hexdigest()[:32]}"
    return boundary
