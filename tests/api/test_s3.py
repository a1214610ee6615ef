"""Files of a real store over HTTP: what is read, and what each failure means for the event."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import get_args

import pytest

from engine.api.clients import build_clients
from engine.api.s3 import S3Files
from engine.config.model import S3, Api, Config, Files, Limits, TransportName
from engine.config.secret import Secret
from engine.errors import Stage, Transient, Undeliverable, Unusable
from engine.rules.plan import run
from tests.api.parts import FakeClock, RecordingCall
from tests.api.s3_server import S3Server, s3_server
from tests.rules.making import event, rule
from tests.rules.test_multipart import parts

SECRET = "very-secret-key"  # nobody's
UPLOAD = """
request:
  method: POST
  path: /evidences/
  encoding: multipart
  body: {name: Scan, attachment: {from: "s3://reports/{{ event.payload.key }}"}}
"""


def files(server: S3Server, limit: int = 100, timeout: float = 5.0, access_key: Secret | None = None) -> S3Files:
    """The client under test; only `reports` may be read, and `gone`, which is no bucket."""
    access_key = access_key or Secret("AK")
    return S3Files(S3(("reports", "gone"), server.url, "eu-west-1", access_key, Secret(SECRET), limit, timeout))


async def failure(server: S3Server, url: str, **more: float) -> Undeliverable | Transient:
    """What fetching raises."""
    store = files(server, **more)  # type: ignore[arg-type]
    with pytest.raises((Undeliverable, Transient)) as caught:
        await store.fetch(url, 0)
    error = caught.value
    assert SECRET not in str(error)
    assert "\n" not in str(error)
    assert isinstance(error, Undeliverable | Transient)
    return error


async def test_a_file_is_read_whole() -> None:
    """Path style, signed; a key is taken as it is, blanks and all."""
    async with s3_server() as server:
        server.objects["/reports/2026/a ü%20.pdf"] = b"\x00\xff"
        assert b"\x00\xff" == await files(server).fetch("s3://reports/2026/a ü%20.pdf", 0)
        assert ["/reports/2026/a ü%20.pdf"] == server.asked
        assert ["AK"] == server.keys


async def test_configured_keys_are_used_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """A session token of the environment belongs to other keys."""
    monkeypatch.setenv("AWS_SESSION_TOKEN", "other")
    async with s3_server(a=b"abc") as server:
        await files(server).fetch("s3://reports/a", 0)
        assert "x-amz-security-token" not in server.head


@pytest.mark.parametrize(
    ("url", "stage", "said"),
    [
        ("s3://reports/none.pdf", Stage.REQUEST, "s3://reports/none.pdf: the store has no such file"),
        ("s3://gone/a", Stage.REQUEST, "s3://gone/a: the store has no such bucket"),
        ("s3://other/a", Stage.RENDER, "s3://other/a: its bucket is not one of files.s3.buckets"),
        ("s3://reports/../other/a", Stage.RENDER, "s3://reports/../other/a: its bucket is not one of files.s3.buckets"),
    ],
)
async def test_what_cannot_be_read(url: str, stage: Stage, said: str) -> None:
    """A dead letter; buckets that are not listed are never asked."""
    async with s3_server() as server:
        error = await failure(server, url)
        assert isinstance(error, Undeliverable)
        assert (stage, said) == (error.stage, str(error))
        assert (stage is Stage.REQUEST) == bool(server.asked)


@pytest.mark.parametrize(
    ("fault", "kind", "said"),
    [
        (403, Undeliverable, "the store denies to read it"),
        (400, Undeliverable, "the store answered 400"),
        (500, Transient, "the store answered 500"),
        (503, Transient, "the store answered 503"),
        (0, Transient, "the store gave no whole answer in time"),
        (1, Transient, "the store gave no answer"),
    ],
)
async def test_what_a_failure_means(fault: int, kind: type[Exception], said: str) -> None:
    """Denied is the end; a store that is away, slow or cut off is asked again. Never an outage of the API."""
    async with s3_server(a=b"abc") as server:
        server.faults = [fault]
        error = await failure(server, "s3://reports/a", timeout=0.5 if fault == 0 else 5.0)
        assert (kind, f"s3://reports/a: {said}") == (type(error), str(error))
        assert not getattr(error, "outage", False)
        assert not getattr(error, "ambiguous", False)
        assert ["/reports/a"] == server.asked


async def test_nobody_listens() -> None:
    """A store that is not there may be there later."""
    async with s3_server() as server:
        url = server.url
    assert isinstance(await failure(S3Server(url=url), "s3://reports/a"), Transient)


async def test_the_limit() -> None:
    """The files of one request have it together; the size is looked at before a byte is read."""
    async with s3_server(a=b"x" * 60) as server:
        store = files(server, limit=100)
        assert 60 == len(await store.fetch("s3://reports/a", 40))
        with pytest.raises(Undeliverable) as caught:
            await store.fetch("s3://reports/a", 41)
    said = "s3://reports/a: has 60 bytes beside 41 bytes of other files, files.s3.limit allows 100"
    assert (Stage.REQUEST, said) == (caught.value.stage, str(caught.value))


async def test_rotated_credentials(tmp_path: Path) -> None:
    """When the store denies, the files of the credentials are read again."""
    file = tmp_path / "key"
    file.write_text("OLD")
    async with s3_server(a=b"abc") as server:
        store = files(server, access_key=Secret("OLD", file.read_text))
        assert b"abc" == await store.fetch("s3://reports/a", 0)
        file.write_text("NEW")
        server.allowed = "NEW"
        assert b"abc" == await store.fetch("s3://reports/a", 0)
        assert ["OLD", "OLD", "NEW"] == server.keys


async def test_a_bucket_is_probed() -> None:
    """That a file is not there is answer enough; that there is no bucket is not."""
    async with s3_server() as server:
        await files(server).probe("reports")
        assert ["/reports/engine-doctor"] == server.asked
        with pytest.raises(Undeliverable, match="s3://gone/engine-doctor: the store has no such bucket"):
            await files(server).probe("gone")
        server.allowed = "other"
        with pytest.raises(Undeliverable, match="s3://reports/engine-doctor: the store denies to read it"):
            await files(server).probe("reports")


@pytest.mark.parametrize("transport", get_args(TransportName))
async def test_from_the_store_to_the_api(transport: TransportName) -> None:
    """A rule's file comes out of the store and arrives at the API, over each transport."""
    request = next(run(rule(UPLOAD), event({"key": "2026/a.pdf"}), Limits()))
    async with s3_server() as server, listening() as (url, bodies):
        server.objects["/reports/2026/a.pdf"] = bytes(range(256)) * 1000
        s3 = S3(("reports",), server.url, None, Secret("AK"), Secret(SECRET))
        client = build_clients(Config(api=Api(url=url, transport=transport), files=Files(s3)))[""]
        response = await client.send(request, RecordingCall(FakeClock()))
        await client.close()
    assert 200 == response.status
    assert request.media_type is not None
    assert [
        ("name", None, None, b"Scan"),
        ("attachment", "a.pdf", "application/pdf", bytes(range(256)) * 1000),
    ] == parts(bodies[0], request.media_type)


@asynccontextmanager
async def listening() -> AsyncIterator[tuple[str, list[bytes]]]:
    """The URL of an API that answers `{}`, and the bodies that it gets."""
    bodies: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        bodies.append(await reader.readexactly(int(head.partition(b"content-length:")[2].split()[0])))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n")
        writer.write(b"Connection: close\r\n\r\n{}")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, limit=1024 * 1024)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/api", bodies


def test_the_extra_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only where a bucket is configured, and it is said what to install."""
    monkeypatch.delitem(sys.modules, "engine.api.s3")
    monkeypatch.setitem(sys.modules, "obstore", None)  # as if it were not there
    assert {""} == set(build_clients(Config()))
    with pytest.raises(Unusable, match=r"needs the extra 's3', .* pip install 'ciso-event-engine\[s3\]'"):
        build_clients(Config(files=Files(S3(("reports",)))))
