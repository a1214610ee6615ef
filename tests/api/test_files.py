"""Requests whose body takes a file from a store: filled at every attempt, the same bytes and keys each time."""

from __future__ import annotations

import asyncio

import pytest

from engine.api.client import Client
from engine.api.files import bucket_and_key, filled
from engine.api.messages import Request, Source
from engine.config.model import Api, Limits, Outage, RetryPolicy
from engine.errors import NoAnswer, Stage, Transient, Undeliverable
from tests.api.parts import FakeClock, RecordingCall, RecordingTransport, answer, get, patch

URL = "s3://reports/a.pdf"


class Shelf:
    """A store that gives what it holds, or raises it, in order; the last again and again."""

    def __init__(self, *contents: bytes | Exception) -> None:
        self.contents = list(contents)
        self.asked: list[tuple[str, int]] = []

    async def fetch(self, url: str, before: int) -> bytes:
        """The next one."""
        self.asked.append((url, before))
        await asyncio.sleep(0)
        content = self.contents.pop(0) if len(self.contents) > 1 else self.contents[0]
        if isinstance(content, Exception):
            raise content
        return content


def upload(*sources: Source) -> Request:
    """A write with a hole in its body."""
    return patch(body=b"<>", media_type="application/octet-stream", sources=sources or (Source(1, URL),))


def client(
    transport: RecordingTransport, shelf: Shelf | None, clock: FakeClock, outage: Outage | None = None
) -> Client:
    """A client whose retries wait for a fake clock."""
    return Client(
        Api(url="http://api.test/api"),
        RetryPolicy(),
        outage,
        Limits(),
        transport=transport,
        clock=clock,
        random=lambda: 0.5,
        files=shelf,
    )


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("s3://reports/a/b c.pdf", ("reports", "a/b c.pdf")),
        ("s3://reports/ü", ("reports", "ü")),
        ("s3://reports/" + "k" * 1024, ("reports", "k" * 1024)),
        ("s3://reports/" + "k" * 1025, None),
        ("s3://reports/", None),
        ("s3://reports", None),
        ("s3://REPORTS/a", None),
        ("s3:///a", None),
        ("s3://user@reports/a", None),
        ("https://reports/a", None),
        ("/etc/passwd", None),
        ("s3://reports/a//b", None),
        ("s3://reports/../b", None),
        ("s3://reports/a/", None),
        ("s3://reports/a\nb", None),
        ("s3://reports/\ud800", ("reports", "\ud800")),
    ],
)
def test_addresses(url: str, expected: tuple[str, str] | None) -> None:
    """Bucket and key; nothing that a store could read as another key."""
    assert expected == bucket_and_key(url)


async def test_files_stand_where_they_belong() -> None:
    """In order; each is told how much the others before it have."""
    shelf = Shelf(b"one", b"two2", b"")
    request = upload(Source(0, "s3://a"), Source(1, "s3://b"), Source(2, "s3://c"))
    made = await filled(request, shelf)
    assert (b"one<two2>", ()) == (made.body, made.sources)
    assert [("s3://a", 0), ("s3://b", 3), ("s3://c", 7)] == shelf.asked


async def test_a_file_cannot_end_its_part() -> None:
    """Whoever knows the boundary could else add fields to the request."""
    with pytest.raises(Undeliverable, match="holds the boundary") as caught:
        await filled(upload(Source(1, URL, b"--mark")), Shelf(b"x\r\n--mark\r\n"))
    assert Stage.REQUEST is caught.value.stage


async def test_a_lost_answer_sends_the_same_again() -> None:
    """Fetched anew, so that no file is held while the event waits; same bytes, same key."""
    clock, shelf = FakeClock(), Shelf(b"file")
    transport = RecordingTransport(NoAnswer("reset"), answer(200))
    response = await client(transport, shelf, clock).send(upload(), RecordingCall(clock))
    assert 2 == response.attempts
    assert [b"<file>", b"<file>"] == [one.body for one in transport.sent]
    assert 1 == len({one.headers["Idempotency-Key"] for one in transport.sent})
    assert [(URL, 0), (URL, 0)] == shelf.asked


async def test_a_store_that_is_away_is_asked_again() -> None:
    """By the request's own retry policy; nothing is sent meanwhile."""
    clock, shelf = FakeClock(), Shelf(Transient(f"{URL}: no answer"), b"file")
    transport, call = RecordingTransport(answer(200)), RecordingCall(clock)
    await client(transport, shelf, clock).send(upload(), call)
    assert [b"<file>"] == [one.body for one in transport.sent]
    assert ([1.0], ["no_answer"]) == (call.slept, call.reasons)


async def test_a_store_that_stays_away_is_no_outage() -> None:
    """The event is dead after its attempts; the API is not held to be away, however many keys fail."""
    clock = FakeClock()
    transport = RecordingTransport(answer(200))
    api = client(transport, Shelf(Transient(f"{URL}: no answer")), clock, Outage(open_after=2))
    for key in range(4):
        with pytest.raises(Undeliverable, match="no answer") as caught:
            await api.send(upload(), RecordingCall(clock, key=key))
        assert (Stage.REQUEST, "update", 4) == (caught.value.stage, caught.value.request_id, caught.value.attempts)
    assert not api.breaker.is_open
    assert [] == transport.sent


async def test_no_store() -> None:
    """Without one the request cannot be made; nothing is tried."""
    clock, transport = FakeClock(), RecordingTransport(answer(200))
    with pytest.raises(Undeliverable, match=f"{URL}: no file store is configured") as caught:
        await client(transport, None, clock).send(upload(), RecordingCall(clock))
    assert (Stage.RENDER, "update", 0) == (caught.value.stage, caught.value.request_id, caught.value.attempts)
    assert [] == transport.sent


async def test_a_missing_file_gives_its_turn_to_the_next() -> None:
    """An event that probes an API which is away, and has no file, is no answer of the API."""
    clock = FakeClock()
    transport = RecordingTransport(NoAnswer("away"), answer(200))
    missing = Shelf(Undeliverable(Stage.REQUEST, f"{URL}: none"))
    api = client(transport, missing, clock, Outage(open_after=1, probe_every=0.01))
    with pytest.raises(NoAnswer):
        await api.attempt(get(), RecordingCall(clock, key="first"))
    assert api.breaker.is_open
    async with asyncio.timeout(5):
        with pytest.raises(Undeliverable, match="none"):
            await api.send(upload(), RecordingCall(clock, key="second"))
        assert api.breaker.is_open
        await api.send(get(), RecordingCall(clock, key="third"))
    assert not api.breaker.is_open
    await api.close()


async def test_the_slot_comes_back() -> None:
    """A file that cannot be had holds nobody up."""
    clock, transport = FakeClock(), RecordingTransport(answer(200))
    api = client(transport, Shelf(Undeliverable(Stage.REQUEST, "none")), clock)
    async with asyncio.timeout(5):
        for _ in range(40):
            with pytest.raises(Undeliverable):
                await api.send(upload(), RecordingCall(clock))
        assert 200 == (await api.send(get(), RecordingCall(clock))).status
