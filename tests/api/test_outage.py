"""While the API is away, events are held and one at a time probes."""

from __future__ import annotations

import asyncio

import pytest

from engine.config.model import Outage, RetryPolicy
from engine.errors import NoAnswer, Refused, Revoked, Undeliverable
from tests.api.parts import FakeClock, RecordingCall, RecordingTransport, answer, get, make_client

AT_ONCE = Outage(open_after=1, probe_every=0.002)
NEVER_PROBES = Outage(open_after=1, probe_every=3600.0)
LOST = NoAnswer("refused")


@pytest.fixture
def clock() -> FakeClock:
    """Starts at 1000."""
    return FakeClock()


async def test_no_answer_spends_nothing_while_away(clock: FakeClock) -> None:
    """Twenty probes without an answer, four attempts allowed: the event is still done in the end."""
    transport = RecordingTransport(*[LOST] * 20, answer(200, {}))
    changes: list[tuple[str, bool]] = []
    client = make_client(
        transport, clock, outage=AT_ONCE, on_outage=lambda name, is_open: changes.append((name, is_open))
    )
    response = await client.send(get(), RecordingCall(clock))
    assert (200, 21) == (response.status, response.attempts)
    assert [("", True), ("", False)] == changes
    assert not client.breaker.is_open


async def test_a_probe_with_an_answer_spends_an_attempt(clock: FakeClock) -> None:
    """A poison event cannot keep the API closed for ever: four answers of 500 end it."""
    transport = RecordingTransport(answer(500))
    client = make_client(transport, clock, outage=AT_ONCE)
    with pytest.raises(Undeliverable) as error:
        await client.send(get(), RecordingCall(clock))
    assert (500, 4, 4) == (error.value.status, error.value.attempts, len(transport.sent))
    await client.close()


async def test_a_spent_budget_is_held_while_away(clock: FakeClock) -> None:
    """The failure that opens it, or comes in later, ends nobody; before that the plain rule applies."""
    transport = RecordingTransport(answer(503), answer(503), answer(200, {}))
    outage = Outage(open_after=2, probe_every=0.002)
    client = make_client(transport, clock, outage=outage, retry=RetryPolicy(max_retries=0))
    with pytest.raises(Undeliverable):
        await client.send(get(), RecordingCall(clock, "a"))
    response = await client.send(get(), RecordingCall(clock, "b"))
    assert 2 == response.attempts


@pytest.mark.parametrize("status", [200, 404])
async def test_any_answer_that_is_not_transient_closes_it(clock: FakeClock, status: int) -> None:
    """Also a 4xx: the API is there."""
    transport = RecordingTransport(LOST, answer(status))
    client = make_client(transport, clock, outage=AT_ONCE)
    if status == 200:
        await client.send(get(), RecordingCall(clock))
    else:
        with pytest.raises(Undeliverable, match="404"):
            await client.send(get(), RecordingCall(clock))
    assert not client.breaker.is_open


@pytest.mark.parametrize("status", [429, 408])
async def test_patience_is_no_outage(clock: FakeClock, status: int) -> None:
    """429 and other transient 4xx never open it."""
    transport = RecordingTransport(answer(status), answer(200))
    client = make_client(transport, clock, outage=AT_ONCE)
    with pytest.raises(Exception, match=str(status)):
        await client.attempt(get(), RecordingCall(clock))
    assert not client.breaker.is_open


async def test_nothing_but_probes_is_sent(clock: FakeClock) -> None:
    """Many events, but each turn sends one of them; the answer lets all through."""
    transport = RecordingTransport(LOST, LOST, LOST, answer(200, {}))
    client = make_client(transport, clock, outage=AT_ONCE)
    with pytest.raises(NoAnswer):
        await client.attempt(get(), RecordingCall(clock, "first"))
    sent_before_each: list[int] = []
    calls = [RecordingCall(clock, number) for number in range(10)]
    answers = await asyncio.gather(*(client.send(get(f"/{call.key}/"), call) for call in calls))
    sent_before_each.extend(len(call.statuses) for call in calls)
    assert 10 == len(answers)
    # Events 0, 1 and 2 probed; the third was answered and opened the way for the others.
    assert [2, 2, 1] == sent_before_each[:3]
    assert [1] * 7 == sent_before_each[3:]


async def test_a_request_in_flight_fails_for_free(clock: FakeClock) -> None:
    """Sent before the API was known to be away, lost afterwards: no attempt is spent."""
    transport = RecordingTransport(LOST)
    client = make_client(transport, clock, outage=Outage(open_after=2, probe_every=3600.0))
    together = [client.attempt(get(), RecordingCall(clock, key)) for key in "abc"]
    failures = await asyncio.gather(*together, return_exceptions=True)
    assert [False, True, True] == [isinstance(one, NoAnswer) and one.free for one in failures]
    await client.close()


async def test_who_got_leave_too_late_is_held(clock: FakeClock) -> None:
    """The API went away while an event waited for leave: it is not sent."""
    transport = RecordingTransport(LOST)
    client = make_client(transport, clock, outage=NEVER_PROBES)
    allowed = asyncio.Event()

    class Patient(RecordingCall):
        async def permit(self) -> None:
            await allowed.wait()

    late = asyncio.ensure_future(client.attempt(get("/late/"), Patient(clock, "late")))
    await asyncio.sleep(0)
    with pytest.raises(NoAnswer):
        await client.attempt(get(), RecordingCall(clock))
    allowed.set()
    for _ in range(5):
        await asyncio.sleep(0)
    assert (False, 1) == (late.done(), len(transport.sent))
    late.cancel()
    await client.close()


async def test_a_held_event_can_be_revoked(clock: FakeClock) -> None:
    """Its partition is taken away while it waits: it leaves, and takes no turn."""
    transport = RecordingTransport(LOST)
    client = make_client(transport, clock, outage=NEVER_PROBES)
    with pytest.raises(NoAnswer):
        await client.attempt(get(), RecordingCall(clock))
    taken = asyncio.Event()

    class Taken(RecordingCall):
        async def sleep(self, seconds: float) -> None:
            await taken.wait()
            raise Revoked("taken away")

    held = asyncio.ensure_future(client.attempt(get(), Taken(clock, "held")))
    await asyncio.sleep(0)
    taken.set()
    with pytest.raises(Revoked):
        await held
    assert 1 == len(transport.sent)
    await client.close()


async def test_a_revoked_probe_passes_its_turn_on(clock: FakeClock) -> None:
    """The next event probes in its place, without waiting for the next round."""
    transport = RecordingTransport(LOST, answer(200, {}))
    client = make_client(transport, clock, outage=AT_ONCE)
    with pytest.raises(NoAnswer):
        await client.attempt(get(), RecordingCall(clock))
    gone = RecordingCall(clock, "gone")

    class Gone(RecordingCall):
        async def permit(self) -> None:
            raise Revoked("gone")

    first = asyncio.ensure_future(client.attempt(get(), Gone(clock, "gone")))
    second = asyncio.ensure_future(client.attempt(get(), RecordingCall(clock, "second")))
    with pytest.raises(Revoked):
        await first
    assert 200 == (await second).status
    assert [] == gone.statuses


async def test_refused_credentials_count(clock: FakeClock) -> None:
    """401 after renewal of as many keys as it takes is an outage too."""
    transport = RecordingTransport(answer(401))
    client = make_client(transport, clock, outage=Outage(open_after=3, probe_every=3600.0))
    for key in "abc":
        with pytest.raises(Refused):
            await client.attempt(get(), RecordingCall(clock, key))
    assert client.breaker.is_open
    await client.close()


async def test_off(clock: FakeClock) -> None:
    """`outage: off`: however many keys fail, the plain rule applies."""
    transport = RecordingTransport(LOST)
    client = make_client(transport, clock, outage=None)
    for key in range(50):
        with pytest.raises(NoAnswer) as error:
            await client.attempt(get(), RecordingCall(clock, key))
        assert not error.value.free
    assert not client.breaker.is_open
