"""Credentials are renewed when they expire, and stand in no log, dead letter or metric."""

from __future__ import annotations

import pytest

from tests.api_server import credentials
from tests.api_server.client import ApiServer
from tests.rig.engine import Engine
from tests.rig.events import note_json
from tests.rig.waiting import eventually
from tests.rig.world import CONTROLS, World

pytestmark = pytest.mark.services

_LOGIN = {
    "type": "login",
    "path": "/_allauth/app/v1/auth/login",
    "body": {"email": credentials.EMAIL, "password": "${API_PASSWORD}"},
    "token": "meta.access_token",
}
_SECRETS = (
    credentials.PASSWORD,
    credentials.CLIENT_SECRET,
    credentials.TOKEN,
    "login-1",
    "login-2",
    "oauth-1",
    "oauth-2",
)


def _told(world: World, engine: Engine) -> str:
    """All that the engine told anybody: output, metrics, health, dead letters without the original's own bytes."""
    letters = [
        f"{name}={value!r}" for letter in world.topics.read(world.dlq) for name, value in letter.headers if value
    ]
    return "\n".join([world.printed(), *map(str, engine.metrics()), str(engine.ready()), *letters])


def _renewal(world: World, engine: Engine, path: str) -> None:
    """Events before and after the tokens expired are all done; the token was asked for twice."""
    world.notes(20, 5)
    world.wait_applied(20)
    world.api.expire_tokens()
    world.notes(20, 5, first=21)
    world.wait_applied(40)
    asked = [one for one in world.api.requests() if one["path"].endswith(path)]
    assert [200, 200] == [one["status"] for one in asked]
    eventually(lambda: engine.outcomes("done") == 40)
    assert 0 == engine.outcomes("dead")
    stats = world.api.stats()
    assert (0, 0, 0) == (stats["order_violations"], stats["repeats"], stats["violations"])
    told = _told(world, engine)
    assert [] == [secret for secret in _SECRETS if secret in told]


def test_a_login_is_repeated_when_its_token_expired(world: World) -> None:
    """One login serves all events until the API refuses its token, then a second one."""
    world.environment["API_PASSWORD"] = credentials.PASSWORD
    engine = world.engine(api={"auth": _LOGIN}, log={"level": "debug"}).start_ready()
    _renewal(world, engine, "/auth/login")


@pytest.mark.parametrize("client_auth", ["basic", "body"])
def test_client_credentials_are_renewed(world: World, client_auth: str) -> None:
    """OAuth2: one token serves all events until the API refuses it, then a second one."""
    world.environment["CLIENT_SECRET"] = credentials.CLIENT_SECRET
    auth = {
        "type": "oauth2",
        "token_url": f"{world.api.url}/identity/o/api/token",
        "client_id": credentials.CLIENT_ID,
        "client_secret": "${CLIENT_SECRET}",
        "client_auth": client_auth,
    }
    engine = world.engine(api={"auth": auth}, log={"level": "debug"}).start_ready()
    _renewal(world, engine, "/o/api/token")


def test_a_revoked_token_is_an_outage_not_the_events_fault(world: World, api_server: ApiServer) -> None:
    """While the API answers 401 to everything the engine holds; when it takes the token again all is done."""
    settings = {"outage": {"open_after": 5}, "retry": {"initial_delay": "1s", "max_delay": "60s"}}
    engine = world.engine(**settings).start_ready()
    api_server.revoke_tokens()
    world.notes(30, 10)
    reasons = engine.wait_ready(False)["reasons"]
    assert ["outage"] == list(reasons)
    api_server.reset(controls=CONTROLS)
    world.wait_applied(30)
    engine.wait_ready()
    eventually(lambda: engine.outcomes("done") + engine.outcomes("dead") == 30)
    assert engine.outcomes("dead") <= 1  # a probe that got an answer spends an attempt of its event


def test_an_event_that_knows_the_token_cannot_make_the_engine_tell_it(world: World) -> None:
    """The token in an event's field is masked where the failure's text repeats the field."""
    engine = world.engine().start_ready()
    world.topics.produce(world.topic, note_json(credentials.TOKEN, 1), "k")
    world.topics.flush()
    (letter,) = world.topics.letters(world.dlq, 1)
    assert "controls are" in (letter.text("dlq.error") or "")
    assert note_json(credentials.TOKEN, 1) == letter.value
    eventually(lambda: engine.events("event.dead_lettered"))
    assert credentials.TOKEN not in _told(world, engine)
