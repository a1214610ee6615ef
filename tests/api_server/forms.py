"""Bodies: JSON, urlencoded and multipart forms become one mapping of fields."""

from __future__ import annotations

from collections.abc import Collection
from email import message_from_bytes
from email.policy import HTTP
from typing import Any
from urllib.parse import parse_qsl

import orjson

from tests.api_server.messages import Request


class Unsupported(Exception):
    """The media type is none that the API reads."""


class Malformed(Exception):
    """The body is not what its media type says."""


def fields(request: Request, lists: Collection[str]) -> dict[str, Any]:
    """The fields of a body; a form's fields named in `lists` become lists, files become `{filename, size}`.

    Raises:
        Unsupported: another media type.
        Malformed: not parseable, or not a mapping.
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if not request.body:
        return {}
    match media_type:
        case "application/json":
            return _json(request.body)
        case "application/x-www-form-urlencoded":
            return _gathered(parse_qsl(request.body.decode(), keep_blank_values=True), lists)
        case "multipart/form-data":
            return _gathered(_parts(request), lists)
    raise Unsupported(media_type)


def file_name(disposition: str) -> str:
    """The file's name in a Content-Disposition, plain or percent-encoded (`filename*`); "" without one."""
    message = message_from_bytes(f"Content-Disposition: {disposition}\r\n\r\n".encode("latin-1"), policy=HTTP)
    return message.get_filename() or ""


def _json(body: bytes) -> dict[str, Any]:
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Malformed(f"JSON parse error - {error}") from error
    if not isinstance(value, dict):
        raise Malformed(f"Invalid data. Expected a dictionary, but got {type(value).__name__}.")
    return value


def _parts(request: Request) -> list[tuple[str, Any]]:
    head = f"Content-Type: {request.headers['content-type']}\r\n\r\n".encode("latin-1")
    message = message_from_bytes(head + request.body, policy=HTTP)
    if not message.is_multipart():
        raise Malformed("Multipart form parse error - Invalid boundary in multipart")
    pairs: list[tuple[str, Any]] = []
    for part in message.iter_parts():
        content = part.get_payload(decode=True)
        assert isinstance(content, bytes)
        name = str(part.get_param("name", header="content-disposition"))
        filename = part.get_filename()
        pairs.append((name, {"filename": filename, "size": len(content)} if filename else content.decode()))
    return pairs


def _gathered(pairs: list[tuple[str, Any]], lists: Collection[str]) -> dict[str, Any]:
    gathered: dict[str, Any] = {}
    for name, value in pairs:
        if name in lists:
            gathered.setdefault(name, []).append(value)
        else:
            gathered[name] = value
    return gathered
