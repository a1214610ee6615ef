"""Replaying: order, what is noted when, what fails again; over a scripted API, without a broker."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import orjson

from engine.api.messages import Request
from engine.api.transports import Answer
from engine.config.model import Dlq, Limits, RetryPolicy
from engine.deadletters.gathering import Gathering
from engine.deadletters.letter import read_letter
from engine.deadletters.preparation import Preparation, Ways
from engine.deadletters.replay import Replay, Turn
from engine.deadletters.selection import LEFT, Selection
from engine.deadletters.standing import Newest
from engine.deadletters.tally import Tally
from engine.errors import Revoked, Stage, Undeliverable
from engine.events.event import Event, Message
from engine.pipeline import Journey, Pipeline
from engine.rules.book import Book
from engine.rules.model import Rule
from engine.stream.lease import Lease, Stamp
from engine.stream.letter import Letter
from engine.stream.reader import Place
from engine.stream.state import Entry, Lane, Parked, Source, State, lane_id, parked_entry
from engine.stream.storm import Storm
from tests.api.parts import FakeClock, RecordingTransport, answer, make_client
from tests.deadletters.making import FAILED_AT, record
from tests.rules.making import event, rule

WRITE = rule(
    'order_by: "{{ event.payload.key }}"\n'
    'request: {method: POST, path: "/x/{{ event.payload.key }}/{{ event.payload.n }}/"}\n'
)


class Quiet:
    """An observer that does not look."""

    def sent(self, journey: Journey, request: Request, status: int | None, seconds: float) -> None:
        """Nothing."""

    def retried(self, *_: object) -> None:
        """Nothing."""


class Scene:
    """A replay over letters in memory.

    Attributes:
        happened: requests (path), new letters ("dead", offset) and notes ("note", what), in order.
    """

    def __init__(self, of: Rule, *records: Message, state: State | None = None, **options: Any) -> None:
        self.happened: list[Any] = []
        self.letters: list[Letter] = []
        self.notes: list[Entry] = []
        self.refuse: set[str] = set()
        self.gone: set[Place] = set()
        self.clock = FakeClock()
        self.transport = RecordingTransport(answer(200, {}))
        self.transport.send = self._send  # type: ignore[method-assign]
        self.state = state or State()
        self._records = {Place(one.partition, one.offset): one for one in records}
        self.lease = Lease(Stamp(math.inf), math.inf, self._confirm, self.clock)
        newest = Newest(self.state, Selection(states=LEFT, **options.pop("selection", {})))
        self.gathering = Gathering("observation", self.state, 5)
        parsed = [found for one in reversed(records) if (found := newest.parse(one)) is not None]
        self.gathering.take(newest.lines(parsed))
        client = make_client(self.transport, self.clock, retry=RetryPolicy(max_retries=0))
        pipeline = Pipeline(Book([of]), {"": client}, Limits(), skip_unknown=False, wall=lambda: 0.0)
        ways = Ways(
            self._load, self._bury, self._note, lambda: FAILED_AT + timedelta(hours=6), self.clock, str, Quiet()
        )
        events = options.pop("events", {})
        preparation = Preparation(self._decode, events.get, pipeline.book, self.gathering, newest, self.state)
        self.replay = Replay(
            ways, pipeline, replace(Limits(), in_flight=options.pop("in_flight", 1000)), preparation, self.gathering,
            turns=options.pop("turns", 16), lease=self.lease, storm=options.pop("storm", None), rate=None,
            from_start=False, tally=Tally(), patience=5.0,
        )  # fmt: skip

    async def run(self) -> Tally:
        await self.replay.run()
        return self.replay.tally

    def states(self) -> list[tuple[str, str]]:
        """(key, state) of what was noted."""
        return [(note.key.decode(), orjson.loads(note.value or b"{}")["state"]) for note in self.notes]

    async def _send(self, method: str, url: str, *_: Any, **__: Any) -> Answer:
        path = url.removeprefix("http://api.test/api/x")
        self.happened.append(path)
        await asyncio.sleep(0)
        return answer(400, {"no": 1}) if path in self.refuse else answer(200, {})

    async def _confirm(self) -> None:
        raise AssertionError("nobody takes a replay's lease away")

    async def _decode(self, message: Message) -> Event:
        data = orjson.loads(message.value or b"")
        if "n" not in data:
            raise Undeliverable(Stage.DECODE, "no number")
        return event(data, message)

    def _load(self, places: Iterable[Place]) -> Mapping[Place, Message]:
        return {place: self._records[place] for place in places if place not in self.gone}

    async def _bury(self, letter: Letter, _lease: Lease) -> None:
        await asyncio.sleep(0)
        self.letters.append(letter)
        self.happened.append(("dead", int(dict(letter.headers)["dlq.source.offset"] or b"")))

    async def _note(self, *entries: Entry) -> None:
        await asyncio.sleep(0)
        self.notes += entries
        self.happened.append(("note", *(entry.key.decode().partition("/")[0] for entry in entries)))


def _record(offset: int, key: str = "k", *, at: int | None = None, **more: Any) -> Message:
    value = orjson.dumps({"key": key, "n": offset})
    facts = {"key": key.encode(), "value": value, "place": Place(0, offset if at is None else at)}
    return record(offset, **{**facts, **more})


async def test_events_of_a_key_are_replayed_in_their_order() -> None:
    """By the offset of the event, not of its letter; the next begins when the one before is noted."""
    scene = Scene(WRITE, _record(9, at=0), _record(3, at=1), _record(5, at=2))
    assert 3 == (await scene.run()).done
    assert ["/k/3/", ("note", "letter"), "/k/5/", ("note", "letter"), "/k/9/", ("note", "letter")] == scene.happened


async def test_keys_are_replayed_side_by_side() -> None:
    """No key waits for another."""
    scene = Scene(WRITE, _record(1, "a"), _record(2, "b"), _record(3, "a"))
    assert 3 == (await scene.run()).done
    assert ["/a/1/", "/b/2/"] == scene.happened[:2]


async def test_no_more_are_under_way_than_a_kill_may_repeat() -> None:
    """The second key has its turn when the first is noted."""
    scene = Scene(WRITE, _record(1, "a"), _record(2, "b"), turns=1)
    await scene.run()
    assert ["/a/1/", ("note", "letter"), "/b/2/", ("note", "letter")] == scene.happened


async def test_a_success_is_noted_with_all_letters_of_its_event() -> None:
    """Of several only the newest is replayed."""
    scene = Scene(WRITE, _record(3, at=0), _record(3, at=4, replays=2))
    assert (1, 1) == ((await scene.run()).done, len(scene.gathering))
    (note,) = scene.notes
    assert (b"letter/observation/0/3", "replayed", 3, [[0, 4], [0, 0]]) == (
        note.key, *(orjson.loads(note.value or b"")[name] for name in ("state", "replays", "letters")),
    )  # fmt: skip


async def test_what_fails_again_is_a_new_letter_of_the_same_event() -> None:
    """It names the event's first place, one more replay; it is durable before the old letter is settled."""
    scene = Scene(WRITE, _record(3, replays=1), _record(4))
    scene.refuse = {"/k/3/"}
    tally = await scene.run()
    assert (1, 1) == (tally.failed, tally.done)
    assert ["/k/3/", ("dead", 3), ("note", "letter")] == scene.happened[:3]
    (letter,) = scene.letters
    found = read_letter(Message("observation.dlq", 0, 9, letter.key, letter.value, letter.headers))
    assert found is not None
    assert (Source("observation", 0, 3), 2, "request", 400) == (found.source, found.replays, found.stage, found.status)
    assert lane_id("k") == found.lane
    assert 1 == sum(name == "dlq.stage" for name, _ in letter.headers)
    assert ("letter/observation/0/3", "open") == scene.states()[0]
    assert ["request"] == [cause.stage for cause in tally.causes]


async def test_what_cannot_be_decoded_fails_again() -> None:
    """Nothing is sent for it."""
    scene = Scene(WRITE, _record(3, value=b"{}"))
    assert 1 == (await scene.run()).failed
    assert [("dead", 3), ("note", "letter")] == scene.happened


async def test_a_letter_that_expired_meanwhile_is_gone() -> None:
    """The others are done."""
    scene = Scene(WRITE, _record(3), _record(4))
    scene.gone = {Place(0, 3)}
    tally = await scene.run()
    assert (1, 1, 2) == (tally.gone, tally.done, tally.ended)


async def test_a_letter_without_its_value_is_gone_with_its_event() -> None:
    """The topic of events does not have it either."""
    at = _record(3)
    scene = Scene(WRITE, replace(at, value=None, headers=(*at.headers, ("dlq.truncated", b"value"))))
    assert 1 == (await scene.run()).gone


async def test_a_letter_without_its_value_is_replayed_from_the_topic() -> None:
    """While the event is there; its headers are the letter's."""
    at, own = _record(3), Message("observation", 0, 3, b"k", orjson.dumps({"key": "k", "n": 3}))
    shortened = replace(at, value=None, headers=(*at.headers, ("dlq.truncated", b"value")))
    scene = Scene(WRITE, shortened, events={Source("observation", 0, 3): own})
    assert (1, ["/k/3/"]) == ((await scene.run()).done, scene.happened[:1])


TWO = rule(
    'order_by: "{{ event.payload.key }}"\n'
    "requests:\n"
    "  - {id: one, method: POST, path: /x/one/}\n"
    '  - {id: two, method: POST, path: "/x/two/{{ one.body.id }}/"}\n'
)


async def test_it_goes_on_where_it_stopped() -> None:
    """The first write is not made again; a further failure keeps the whole conversation."""
    answers = ({"id": "one", "status": 201, "body": {"id": 8}},)
    facts: dict[str, Any] = {"rule": TWO, "request": "two", "answers": answers}
    scene = Scene(TWO, _record(3, **facts))
    tally = await scene.run()
    assert (1, 1, ["/two/8/"]) == (tally.done, tally.resumed, scene.happened[:1])
    scene = Scene(TWO, _record(3, **facts))
    scene.refuse = {"/two/8/"}
    await scene.run()
    headers = dict(scene.letters[0].headers)
    assert list(answers) == orjson.loads(headers["dlq.resume"] or b"")["answers"]


async def test_answers_outlive_a_try_that_came_to_none() -> None:
    """Whoever replays while the rule is gone, or the bytes have no meaning, does not lose what was done before."""
    answers = ({"id": "one", "status": 201, "body": {"id": 8}},)
    facts: dict[str, Any] = {"rule": TWO, "request": "two", "answers": answers}
    scene = Scene(replace(TWO, event_type="another"), _record(3, **facts))
    assert 1 == (await scene.run()).failed
    headers = dict(scene.letters[0].headers)
    assert (b"route", b"1") == (headers["dlq.stage"], headers["dlq.replays"])
    place = Place(0, 1)
    again = Message("observation.dlq", *place, scene.letters[0].key, scene.letters[0].value, scene.letters[0].headers)
    scene = Scene(TWO, again)
    assert (1, ["/two/8/"]) == ((await scene.run()).resumed, scene.happened[:1])


# --- parked keys ------------------------------------------------------------------------------------------------------

LANE = Lane("observation", 0, lane_id("k"))


def _parked(last: int) -> State:
    state = State()
    entry = parked_entry(LANE, Parked(FAILED_AT, 3, last, "a", "request", "it failed"))
    state.apply(entry.key, entry.value)
    return state


def _behind(offset: int, **more: Any) -> Message:
    return _record(offset, lane=LANE.id, stage=Stage.PARKED, **more)


async def test_a_parked_key_is_released_with_its_last_letter() -> None:
    """In one go with the note that this is done."""
    scene = Scene(WRITE, _record(3, lane=LANE.id), _behind(4), _behind(6), _record(5, "other"), state=_parked(6))
    tally = await scene.run()
    assert (4, 1) == (tally.done, tally.released)
    assert [("note", "letter", "released")] == [one for one in scene.happened if "released" in one]
    released = orjson.loads(scene.notes[-1].value or b"")
    assert (f"released/observation/0/{LANE.id}".encode(), 6) == (scene.notes[-1].key, released["through"])


async def test_nothing_of_a_parked_key_overtakes_what_failed_again() -> None:
    """The rest stays as it is, and the key parked."""
    scene = Scene(WRITE, _record(3, lane=LANE.id), _behind(4), _behind(6), state=_parked(6))
    scene.refuse = {"/k/3/"}
    tally = await scene.run()
    assert (1, 2, 0) == (tally.failed, tally.behind, tally.released)
    assert ["/k/3/", ("dead", 3), ("note", "letter")] == scene.happened


async def test_nor_what_was_not_meant() -> None:
    """Who names one letter of a parked key does not turn its order around."""
    selection = {"offsets": frozenset({4})}
    scene = Scene(WRITE, _record(3, lane=LANE.id), _behind(4), state=_parked(4), selection=selection)
    assert (1, []) == ((await scene.run()).behind, scene.happened)


async def test_a_release_that_was_not_written_is_written() -> None:
    """All its letters were done when a kill came."""
    state = _parked(3)
    first = Scene(WRITE, _record(3, lane=LANE.id), state=state)
    await first.run()
    for note in first.notes[:1]:
        state.apply(note.key, note.value)
    second = Scene(WRITE, _record(3, lane=LANE.id), state=state)
    assert (0, 1) == ((await second.run()).done, second.replay.tally.released)
    assert [("note", "released")] == second.happened


# --- how it ends ------------------------------------------------------------------------------------------------------


async def test_nothing_but_failures_ends_it() -> None:
    """The cause is not mended: the rest is left as it is."""
    records = [_record(number, f"k{number}") for number in range(40)]
    storm = Storm(Dlq(dead_after=12), lambda _: None)
    scene = Scene(WRITE, *records, storm=storm, turns=1)
    scene.refuse = {f"/k{number}/{number}/" for number in range(40)}
    tally = await scene.run()
    assert (True, 12) == (scene.replay.hopeless, tally.failed)


async def test_one_success_is_hope() -> None:
    """Then it goes on to the end."""
    records = [_record(number, f"k{number}") for number in range(40)]
    scene = Scene(WRITE, *records, storm=Storm(Dlq(dead_after=12), lambda _: None), turns=1)
    scene.refuse = {f"/k{number}/{number}/" for number in range(1, 40)}
    tally = await scene.run()
    assert (False, 39) == (scene.replay.hopeless, tally.failed)


async def test_it_stops_between_two_letters() -> None:
    """What is under way is finished and noted; nothing is begun any more, nothing is half done."""
    scene = Scene(WRITE, *[_record(number) for number in range(5)], in_flight=2)

    note = scene.replay._ways.note

    async def last(*entries: Entry) -> None:
        await note(*entries)
        scene.lease.close()

    scene.replay._ways = replace(scene.replay._ways, note=last)
    await scene.run()
    requests = [one for one in scene.happened if isinstance(one, str)]
    assert len(requests) == len(scene.notes) == scene.replay.tally.done < 5


async def test_a_bug_stops_it() -> None:
    """Nothing of the key follows, and it is said."""
    scene = Scene(WRITE, _record(3), _record(4))

    async def broken(*_: Entry) -> None:
        raise ZeroDivisionError

    scene.replay._ways = replace(scene.replay._ways, note=broken)
    await scene.run()
    assert isinstance(scene.replay.failure, ZeroDivisionError)
    assert ["/k/3/"] == scene.happened


async def test_a_wait_of_one_is_the_turn_of_another() -> None:
    """A letter that waits for its retry keeps nobody."""
    turns = asyncio.Semaphore(1)
    lease = Lease(Stamp(math.inf), math.inf, None, FakeClock())  # type: ignore[arg-type]
    await turns.acquire()
    waits = asyncio.create_task(Turn(lease, turns).sleep(30.0))
    await asyncio.wait_for(turns.acquire(), 5)
    turns.release()
    lease.close()
    try:
        await waits
    except Revoked:
        assert turns.locked()
