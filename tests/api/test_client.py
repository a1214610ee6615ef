"""One request at a time: what is sent, what an answer means, when it is sent again."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from engine.api.messages import Accept, RetryOverrides
from engine.api.transports import Answer
from engine.config.model import Api, HeaderAuth, RetryPolicy
from engine.config.secret import Secret
from engine.errors import NoAnswer, Refused, Revoked, Stage, Throttled, Undeliverable
from tests.api.parts import FakeClock, RecordingCall, RecordingTransport, answer, get, make_client, patch, urls

TOKEN = Api(url="http://api.test/api", auth=HeaderAuth("Authorization", Secret("s3cret"), "Token "))
PAGE = Answer(200, {"content-type": "text/html"}, b"<html><title>Maintenance</title></html>")


@pytest.fixture
def clock() -> FakeClock:
    """Starts at 1000."""
    return FakeClock()


@pytest.fixture
def call(clock: FakeClock) -> RecordingCall:
    """One event."""
    return RecordingCall(clock)


async def test_a_write_as_it_is_sent(clock: FakeClock, call: RecordingCall) -> None:
    """Credentials, type, idempotency key and who we are; no more."""
    transport = RecordingTransport(answer(200, {"id": 1}, etag="x"))
    response = await make_client(transport, clock, api=TOKEN).send(patch(query=(("a", "b"),)), call)
    assert (200, {"id": 1}, 1) == (response.status, response.body, response.attempts)
    assert "x" == response.headers["etag"]
    [sent] = transport.sent
    assert ("PATCH", "http://api.test/api/things/1/?a=b", b'{"a":1}') == (sent.method, sent.url, sent.body)
    assert sent.headers.pop("User-Agent").startswith("ciso-event-engine/")
    assert {
        "Accept": "application/json",
        "Authorization": "Token s3cret",
        "Content-Type": "application/json",
        "Idempotency-Key": "event-1/update",
    } == sent.headers
    assert (30.0, [200], 1) == (sent.deadline, call.statuses, call.permits)


async def test_a_rules_headers_win_over_ours(clock: FakeClock, call: RecordingCall) -> None:
    """A rule's Accept and Content-Type replace ours; the request's own timeout counts."""
    transport = RecordingTransport(answer(200, {}))
    request = patch(headers=(("accept", "text/csv"), ("Content-Type", "text/plain")), media_type=None, timeout=2.0)
    await make_client(transport, clock).send(request, call)
    [sent] = transport.sent
    assert ("text/csv", "text/plain", 2.0) == (sent.headers["accept"], sent.headers["Content-Type"], sent.deadline)
    assert "Accept" not in sent.headers


@pytest.mark.parametrize(
    "header",
    [("X-A", "a\r\nX-B: c"), ("X-A", "a\nb"), ("X-A", "a\0b"), ("X A", "b"), ("X-A\r\n", "b"), ("cookie", "a=b")]
    + [(name, "x") for name in ("Authorization", "HOST", "content-length", "Transfer-Encoding", "Idempotency-Key")],
)
async def test_headers_that_no_rule_can_set(clock: FakeClock, call: RecordingCall, header: tuple[str, str]) -> None:
    """Line breaks, NUL, bad names and reserved names are refused before anything is sent."""
    transport = RecordingTransport(answer(200, {}))
    with pytest.raises(Undeliverable, match="cannot be set") as error:
        await make_client(transport, clock).send(get(headers=(header,)), call)
    assert ("find", 0, []) == (error.value.request_id, error.value.attempts, transport.sent)


async def test_a_rule_cannot_replace_the_credentials(clock: FakeClock, call: RecordingCall) -> None:
    """Where the token has a header of its own, that one is the engine's too."""
    api = Api(url="http://api.test/api", auth=HeaderAuth("X-Api-Key", Secret("k1")))
    transport = RecordingTransport(answer(200, {}))
    await make_client(transport, clock, api=api).send(get(headers=(("x-api-key", "mine"),)), call)
    assert "k1" == transport.sent[0].headers["X-Api-Key"]
    assert "x-api-key" not in transport.sent[0].headers


async def test_retries_then_succeeds(clock: FakeClock, call: RecordingCall) -> None:
    """Two failures, two waits, and the third attempt's answer."""
    transport = RecordingTransport(answer(503), NoAnswer("cut", reason="timeout"), answer(200, []))
    response = await make_client(transport, clock).send(get(), call)
    assert ([], 3) == (response.body, response.attempts)
    assert ([1.0, 2.0], ["503", "timeout"]) == (call.slept, call.reasons)
    assert ([503, None, 200], 3) == (call.statuses, call.permits)


async def test_gives_up_after_four_attempts(clock: FakeClock, call: RecordingCall) -> None:
    """The dead letter says what the API said last, and how often it was asked."""
    transport = RecordingTransport(answer(500, {"detail": "database\nis away"}))
    with pytest.raises(Undeliverable) as error:
        await make_client(transport, clock).send(get(), call)
    assert "GET /things/ answered 500: database is away" == str(error.value)
    assert (Stage.REQUEST, "find", 500, 4) == (
        error.value.stage,
        error.value.request_id,
        error.value.status,
        error.value.attempts,
    )
    assert 4 == len(transport.sent)


async def test_no_answer_at_all(clock: FakeClock, call: RecordingCall) -> None:
    """A dead letter without an answer has no status."""
    transport = RecordingTransport(NoAnswer("the connection failed: refused"))
    with pytest.raises(Undeliverable, match="GET /things/: the connection failed: refused") as error:
        await make_client(transport, clock).send(get(), call)
    assert (None, 4) == (error.value.status, error.value.attempts)


@pytest.mark.parametrize(
    ("status", "stage"),
    [
        (400, Stage.REQUEST),
        (403, Stage.REQUEST),
        (404, Stage.REQUEST),
        (501, Stage.REQUEST),
        (201, Stage.EXPECT),
        (304, Stage.EXPECT),
    ],
)
async def test_permanent_answers(clock: FakeClock, call: RecordingCall, status: int, stage: Stage) -> None:
    """No retry: an error the API would repeat, or a success that the rule does not expect."""
    transport = RecordingTransport(answer(status, {"name": ["bad"]}))
    request = get(accept=Accept(frozenset({200}), frozenset()))
    with pytest.raises(Undeliverable, match=str(status)) as error:
        await make_client(transport, clock).send(request, call)
    assert (stage, status, 1, 1) == (
        error.value.stage,
        error.value.status,
        error.value.attempts,
        len(transport.sent),
    )


@pytest.mark.parametrize("status", [404, 409, 500, 429, 401, 301])
async def test_a_listed_status_is_a_success(clock: FakeClock, call: RecordingCall, status: int) -> None:
    """Whatever it usually means."""
    transport = RecordingTransport(answer(status, {"detail": "x"}, location="/api/other/"))
    response = await make_client(transport, clock).send(get(accept=Accept(frozenset({status}))), call)
    assert (status, 1) == (response.status, len(transport.sent))


async def test_a_permanent_answer_after_a_retry(clock: FakeClock, call: RecordingCall) -> None:
    """Attempts count all sends."""
    transport = RecordingTransport(answer(503), answer(400, ["no"]))
    with pytest.raises(Undeliverable) as error:
        await make_client(transport, clock).send(get(), call)
    assert 2 == error.value.attempts


async def test_a_requests_own_policy(clock: FakeClock, call: RecordingCall) -> None:
    """A rule may retry less, or another status."""
    transport = RecordingTransport(answer(409))
    overrides = RetryOverrides(max_retries=1, statuses=frozenset({409}))
    with pytest.raises(Undeliverable):
        await make_client(transport, clock).send(get(retry=overrides), call)
    assert (2, ["409"]) == (len(transport.sent), call.reasons)


async def test_retry_after_is_honoured(clock: FakeClock, call: RecordingCall) -> None:
    """A 503 may say when to come back."""
    transport = RecordingTransport(answer(503, retry_after="17"), answer(200, {}))
    await make_client(transport, clock).send(get(), call)
    assert [17.0] == call.slept


@pytest.mark.parametrize(("method", "dead"), [(patch, True), (get, False)])
async def test_a_write_whose_answer_was_lost(clock: FakeClock, call: RecordingCall, method: Any, dead: bool) -> None:
    """`ambiguous: dead` never sends a write twice, and a lookup as often as ever."""
    transport = RecordingTransport(NoAnswer("cut"), answer(200, {}))
    client = make_client(transport, clock, retry=RetryPolicy(ambiguous="dead"))
    if dead:
        with pytest.raises(Undeliverable, match="cut"):
            await client.send(method(), call)
    else:
        await client.send(method(), call)
    assert (1 if dead else 2) == len(transport.sent)


@pytest.mark.parametrize(
    "reply", [PAGE, Answer(200, {"content-type": "application/json"}, b'{"cut": '), PAGE._replace(headers={})]
)
async def test_a_page_where_json_is_due(clock: FakeClock, call: RecordingCall, reply: Answer) -> None:
    """A proxy's page and a broken body are transient: they are not the API's answer."""
    transport = RecordingTransport(reply, answer(200, {"ok": True}))
    response = await make_client(transport, clock).send(get(), call)
    assert ({"ok": True}, ["body"]) == (response.body, call.reasons)


async def test_a_page_that_was_asked_for(clock: FakeClock, call: RecordingCall) -> None:
    """A rule that accepts HTML gets it, as text."""
    transport = RecordingTransport(PAGE)
    response = await make_client(transport, clock).send(get(headers=(("Accept", "text/html"),)), call)
    assert response.body.startswith("<html>")


async def test_an_empty_answer(clock: FakeClock, call: RecordingCall) -> None:
    """204 has no body, whatever type it claims."""
    transport = RecordingTransport(Answer(204, {"content-type": "text/html"}, b""))
    assert (await make_client(transport, clock).send(get(), call)).body is None


async def test_429_slows_the_whole_api(clock: FakeClock, call: RecordingCall) -> None:
    """Another event waits too, and no attempt is spent."""
    transport = RecordingTransport(answer(429, retry_after="20"), answer(200, {}))
    client = make_client(transport, clock)
    with pytest.raises(Throttled):
        await client.attempt(get(), call)
    other = RecordingCall(clock, "other")
    await client.attempt(get(), other)
    assert [20.0] == other.slept


async def test_only_429_ends_after_throttled_for(clock: FakeClock, call: RecordingCall) -> None:
    """15 minutes of nothing but 429, many more than four attempts: then the event is dead."""
    transport = RecordingTransport(answer(429))
    with pytest.raises(Undeliverable, match="429") as error:
        await make_client(transport, clock).send(get(), call)
    assert error.value.attempts > 10
    assert 1900.0 <= clock.now < 1961.0


async def test_credentials_that_did_not_change(clock: FakeClock, call: RecordingCall) -> None:
    """A 401 with an unchanged secret is not repeated at once; it counts towards an outage."""
    transport = RecordingTransport(answer(401, {"detail": "Invalid token."}))
    with pytest.raises(Refused, match=r"Invalid token\.") as error:
        await make_client(transport, clock, api=TOKEN).attempt(get(), call)
    assert (True, 401, 1) == (error.value.outage, error.value.status, len(transport.sent))


async def test_a_rotated_secret_is_read_again(clock: FakeClock, call: RecordingCall, tmp_path: Path) -> None:
    """A 401 makes the client read the secret's file, and repeat the request with what it says now."""
    file = tmp_path / "token"
    file.write_text("new\n")
    auth = HeaderAuth("Authorization", Secret("old", file.read_text), "Bearer ")
    transport = RecordingTransport(answer(401), answer(200, {}))
    client = make_client(transport, clock, api=Api(url="http://api.test", auth=auth))
    response = await client.send(get(), call)
    assert ["Bearer old", "Bearer new"] == [sent.headers["Authorization"] for sent in transport.sent]
    assert (1, 2, [401, 200]) == (response.attempts, call.permits, call.statuses)


async def test_still_401_after_renewal(clock: FakeClock, call: RecordingCall) -> None:
    """One renewal, one repetition, then a transient failure."""
    tokens = iter(["b", "c"])
    auth = HeaderAuth("Authorization", Secret("a", lambda: next(tokens)), "")
    transport = RecordingTransport(answer(401))
    with pytest.raises(Refused):
        await make_client(transport, clock, api=Api(url="http://api.test", auth=auth)).attempt(get(), call)
    assert ["a", "b"] == [sent.headers["Authorization"] for sent in transport.sent]


async def test_a_get_follows_within_the_origin(clock: FakeClock, call: RecordingCall) -> None:
    """A redirect's target is asked instead, credentials included."""
    transport = RecordingTransport(answer(301, location="/api/things/?x=1"), answer(200, [1]))
    response = await make_client(transport, clock, api=TOKEN).send(get("/things"), call)
    assert [1] == response.body
    assert ["http://api.test/api/things", "http://api.test/api/things/?x=1"] == urls(transport.sent)
    assert "Token s3cret" == transport.sent[1].headers["Authorization"]


@pytest.mark.parametrize("location", ["http://evil.test/api/things/", "https://api.test/api/things/", "//evil.test/"])
async def test_no_redirect_to_another_origin(clock: FakeClock, call: RecordingCall, location: str) -> None:
    """It is not followed; the failure is permanent."""
    transport = RecordingTransport(answer(302, location=location))
    with pytest.raises(Undeliverable, match="302") as error:
        await make_client(transport, clock, api=TOKEN).send(get(), call)
    assert (Stage.EXPECT, 1) == (error.value.stage, len(transport.sent))


async def test_a_write_is_never_redirected(clock: FakeClock, call: RecordingCall) -> None:
    """The text says what is wrong with the rule."""
    transport = RecordingTransport(answer(301, location="/api/things/1/"))
    with pytest.raises(Undeliverable, match="lacks its last slash"):
        await make_client(transport, clock).send(patch("/things/1"), call)
    assert 1 == len(transport.sent)


async def test_redirects_end(clock: FakeClock, call: RecordingCall) -> None:
    """After five redirects the sixth is the answer, and no success."""
    transport = RecordingTransport(answer(302, location="/api/things/"))
    with pytest.raises(Undeliverable, match="302"):
        await make_client(transport, clock).send(get(), call)
    assert 6 == len(transport.sent)


async def test_a_next_link(clock: FakeClock, call: RecordingCall) -> None:
    """A further page is asked at our origin; one elsewhere is refused."""
    transport = RecordingTransport(answer(200, {}))
    client = make_client(transport, clock, api=TOKEN)
    await client.send(get(next_link="http://api.test/api/things/?page=2"), call)
    with pytest.raises(Undeliverable, match="another host"):
        await client.send(get(next_link="http://evil.test/api/things/?page=3"), call)
    assert ["http://api.test/api/things/?page=2"] == urls(transport.sent)


async def test_no_token_in_a_text(clock: FakeClock, call: RecordingCall) -> None:
    """An API that repeats the Authorization header does not get it into the dead letter."""
    transport = RecordingTransport(answer(400, {"detail": "header was Token s3cret"}))
    with pytest.raises(Undeliverable) as error:
        await make_client(transport, clock, api=TOKEN).send(get(), call)
    assert "s3cret" not in str(error.value)


async def test_revoked_before_the_wire(clock: FakeClock, call: RecordingCall) -> None:
    """Nothing is sent for a partition that is no longer ours."""
    transport = RecordingTransport(answer(200, {}))
    call.revoked = True
    with pytest.raises(Revoked):
        await make_client(transport, clock).send(get(), call)
    assert [] == transport.sent


async def test_revoked_between_attempts(clock: FakeClock, call: RecordingCall) -> None:
    """A wait for a retry ends with the partition, and its slot is free again."""
    transport = RecordingTransport(answer(503))
    client = make_client(transport, clock, api=Api(url="http://api.test", concurrency=1))

    async def revoke() -> None:
        call.revoked = True

    transport.before = revoke
    with pytest.raises(Revoked):
        await client.send(get(), call)
    transport.before = None
    with pytest.raises(Refused):
        await client.attempt(get(), RecordingCall(clock))
    assert 2 == len(transport.sent)


async def test_concurrency(clock: FakeClock) -> None:
    """Never more requests in flight than allowed, and all get their turn."""
    flying = most = 0

    async def fly() -> None:
        nonlocal flying, most
        flying += 1
        most = max(most, flying)
        for _ in range(5):
            await asyncio.sleep(0)
        flying -= 1

    transport = RecordingTransport(answer(200, {}))
    transport.before = fly
    client = make_client(transport, clock, api=Api(url="http://api.test", concurrency=3))
    await asyncio.gather(*(client.send(get(), RecordingCall(clock, number)) for number in range(20)))
    assert (20, 3) == (len(transport.sent), most)


async def test_rate(clock: FakeClock, call: RecordingCall) -> None:
    """Requests are evenly spaced."""
    transport = RecordingTransport(answer(200, {}))
    client = make_client(transport, clock, api=Api(url="http://api.test", rate=4.0))
    for _ in range(4):
        await client.send(get(), call)
    assert [0.25, 0.25, 0.25] == call.slept


async def test_close(clock: FakeClock) -> None:
    """Closes the connections."""
    transport = RecordingTransport(answer(200, {}))
    await make_client(transport, clock).close()
    assert transport.closed
