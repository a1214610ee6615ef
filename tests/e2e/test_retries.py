"""What fails for a while is tried again, what cannot succeed is a dead letter at once."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import pytest

from tests.api_server.client import ApiServer
from tests.rig.engine import Engine
from tests.rig.topics import Record
from tests.rig.waiting import eventually
from tests.rig.world import World
from tests.services.kafka import Kafka

pytestmark = pytest.mark.services

_NUMBERS = itertools.count(10)  # an event that came before would be a duplicate


@pytest.fixture(scope="module")
def running(
    tmp_path_factory: pytest.TempPathFactory, kafka: Kafka, api_server_process: ApiServer
) -> Iterator[tuple[World, Engine]]:
    """One engine for all tests of this file."""
    world = World(tmp_path_factory.mktemp("retries"), kafka, api_server_process)
    yield world, world.engine(api={"timeout": "1s"}, outage="off").start_ready()
    world.close()


def _done(running: tuple[World, Engine], number: int) -> list[dict[str, Any]]:
    """Publish one event for AC-1; the requests for it when it is done."""
    world, engine = running
    done = engine.outcomes("done")
    world.notes(1, 1, first=number)
    eventually(lambda: engine.outcomes("done") > done, what="the event is done")
    assert [number] == world.api.applied()["AC-1"][-1:]
    return world.api.requests()


def _dead(running: tuple[World, Engine], number: int) -> Record:
    """Publish one event for AC-1; its dead letter."""
    world, _ = running
    before = {letter.source for letter in world.topics.read(world.dlq)}
    world.notes(1, 1, first=number)
    letters = world.topics.letters(world.dlq, len(before) + 1)
    (letter,) = [letter for letter in letters if letter.source not in before]
    return letter


def _writes(requests: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [one for one in requests if one["method"] == "PATCH"]


def test_retry_after_of_a_503_is_waited_for(running: tuple[World, Engine], api_server: ApiServer) -> None:
    """The write is repeated with the same Idempotency-Key, not before the second that the API asked for."""
    api_server.faults({"status": 503, "retry_after": "1", "method": "PATCH", "times": 1})
    first, second = _writes(_done(running, 1))
    assert [503, 200] == [first["status"], second["status"]]
    assert first["headers"]["idempotency-key"] == second["headers"]["idempotency-key"]
    assert second["time"] - first["time"] >= 0.95


def test_four_attempts_then_a_dead_letter(running: tuple[World, Engine], api_server: ApiServer) -> None:
    """An API that keeps failing gets four attempts; the dead letter says so, and names the request."""
    api_server.faults({"status": 503, "method": "PATCH"})
    letter = _dead(running, 2)
    assert 4 == len(_writes(api_server.requests()))
    names = ("stage", "status", "attempts", "rule", "request", "event.type")
    assert ["request", "503", "4", "note", "update", "note"] == [letter.text(f"dlq.{name}") for name in names]
    assert [] == api_server.objects("applied-controls")[0].get("evidences")


def test_a_429_spends_no_attempt(running: tuple[World, Engine], api_server: ApiServer) -> None:
    """Six 429 in a row are more than four attempts, and the event is done all the same."""
    api_server.faults({"status": 429, "method": "PATCH", "times": 6})
    assert [429] * 6 + [200] == [one["status"] for one in _writes(_done(running, 3))]


def test_a_refusal_is_not_tried_again(running: tuple[World, Engine], api_server: ApiServer) -> None:
    """A 400 is permanent: one attempt, then the dead letter."""
    api_server.faults({"status": 400, "method": "PATCH"})
    letter = _dead(running, 4)
    assert ("request", "400", "1") == tuple(letter.text(f"dlq.{name}") for name in ("stage", "status", "attempts"))
    assert 1 == len(_writes(api_server.requests()))


@pytest.mark.parametrize(
    "fault",
    [{"drop": True}, {"hang": True}, {"status": 200, "html": True}, {"status": 502, "html": True}],
    ids=["cut", "silent", "page", "bad-gateway"],
)
@pytest.mark.parametrize("method", ["GET", "PATCH"])
def test_an_answer_that_is_none_is_asked_for_again(
    running: tuple[World, Engine], api_server: ApiServer, fault: dict[str, Any], method: str
) -> None:
    """A connection that is cut or silent, and a proxy's page, are transient, for reading and writing."""
    api_server.faults({"method": method, "times": 1, **fault})
    asked = [one for one in _done(running, next(_NUMBERS)) if one["method"] == method]
    assert 2 == len(asked)


def test_a_write_whose_answer_was_lost_is_recognisable(running: tuple[World, Engine], api_server: ApiServer) -> None:
    """The repeat of a write that was applied carries the same Idempotency-Key."""
    api_server.faults({"method": "PATCH", "times": 1, "drop": True, "applied": True})
    first, second = _writes(_done(running, 6))
    assert first["headers"]["idempotency-key"] == second["headers"]["idempotency-key"]
    assert 1 == api_server.stats()["duplicate_keys"]
    assert [] == api_server.violations()
