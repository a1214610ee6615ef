"""Files that a body takes from a store: fetched right before the request is sent, never kept."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Protocol

from engine.api.messages import Request
from engine.errors import Stage, Undeliverable

_URL = re.compile(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])/([^\x00-\x1f\x7f]+)")
_LONGEST_KEY = 1024  # bytes, as S3 has it


class Files(Protocol):
    """Where files come from."""

    async def fetch(self, url: str, before: int) -> bytes:
        """The whole file.

        Args:
            url: `s3://bucket/key`.
            before: bytes that the other files of the request have so far; together they have a limit.

        Raises:
            Undeliverable: it is not there, may not be read, or is too large.
            Transient: the store gave no answer; never an outage of the API.
        """
        ...


class Store(Files, Protocol):
    """A store with buckets."""

    async def probe(self, bucket: str) -> None:
        """Ask a bucket for a file that is hardly there: it is enough that the bucket is, and lets us look.

        Raises:
            Undeliverable: there is no such bucket, or it denies to read it.
            Transient: the store gave no answer.
        """
        ...


class NoFiles:
    """Where no store is configured."""

    async def fetch(self, url: str, before: int) -> bytes:  # noqa: ARG002
        """Refuse.

        Raises:
            Undeliverable: always.
        """
        raise Undeliverable(Stage.RENDER, f"{url}: no file store is configured; name its bucket in files.s3.buckets")


def bucket_and_key(url: str) -> tuple[str, str] | None:
    """The parts of `s3://bucket/key`; None where it is no such address, or a store might read its key as another."""
    match = _URL.fullmatch(url)
    if match is None or len(match[2].encode("utf-8", "surrogatepass")) > _LONGEST_KEY:
        return None
    if any(segment in ("", ".", "..") for segment in match[2].split("/")):
        return None
    return match[1], match[2]


async def filled(request: Request, files: Files) -> Request:
    """The request with its files in its body.

    Raises:
        Undeliverable, Transient: see `Files.fetch`; or a file holds the boundary that should end it.
    """
    body, chunks, done, before = request.body or b"", [], 0, 0
    for source in request.sources:
        content = await files.fetch(source.url, before)
        if source.without and source.without in content:
            raise Undeliverable(Stage.REQUEST, f"{source.url}: holds the boundary of the body it should stand in")
        chunks += [body[done : source.at], content]
        done, before = source.at, before + len(content)
    return replace(request, body=b"".join((*chunks, body[done:])), sources=())
