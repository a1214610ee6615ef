"""Credentials: obtained once, renewed when refused or about to expire, never shown."""

from __future__ import annotations

import asyncio
from base64 import b64decode
from typing import Any
from urllib.parse import parse_qs

import orjson
import pytest

from engine.api.auth import Authenticator, Desk
from engine.api.auth.registry import AUTHS, authenticator
from engine.api.origin import Origin
from engine.config import model
from engine.config.model import Api, BasicAuth, HeaderAuth, LoginAuth, NoAuth, OAuth2Auth, Outage
from engine.config.secret import Secret
from engine.errors import NoAnswer, Stage, Throttled, Transient, Undeliverable, Unusable
from tests.api.parts import FakeClock, RecordingCall, RecordingTransport, answer, get, make_client, urls

URL = "http://api.test/api"
LOGIN = LoginAuth(
    path="/_allauth/app/v1/auth/login",
    body={"email": "a@b.c", "password": Secret("hunter2")},
    token="meta.access_token",
)
OAUTH2 = OAuth2Auth("http://id.test/o/token", "client", Secret("hunter2"), scope="read write")


def grant(token: str) -> Any:
    """A login's answer."""
    return answer(200, {"meta": {"access_token": token}})


def make(auth: model.Auth, transport: RecordingTransport, clock: FakeClock, interval: float = 5.0) -> Authenticator:
    """The Authenticator for `auth`."""
    return authenticator(Desk(Api(url=URL, auth=auth), Origin(URL), transport, 1024, interval, clock))


@pytest.fixture
def clock() -> FakeClock:
    """Starts at 1000."""
    return FakeClock()


def test_every_kind_has_a_file() -> None:
    """A kind that the configuration knows and the registry does not would fail at the first request."""
    assert set(AUTHS) == set(model.Auth.__args__)


@pytest.mark.parametrize(
    ("auth", "headers"),
    [
        (NoAuth(), ()),
        (HeaderAuth("Authorization", Secret("t0k"), "Token "), (("Authorization", "Token t0k"),)),
        (HeaderAuth("X-Api-Key", Secret("t0k\n")), (("X-Api-Key", "t0k"),)),
        (BasicAuth("user", Secret("pässword")), (("Authorization", "Basic dXNlcjpww6Rzc3dvcmQ="),)),
    ],
)
def test_fixed_credentials(clock: FakeClock, auth: model.Auth, headers: tuple[tuple[str, str], ...]) -> None:
    """They are there at once; the line break at the end of a secret's file is not part of it."""
    assert headers == make(auth, RecordingTransport(answer()), clock).current()


@pytest.mark.parametrize("text", ["a\r\nX: b", "a\0b", "tökén"])
def test_a_token_that_no_header_can_carry(clock: FakeClock, text: str) -> None:
    """Is told when the client is built, without showing it."""
    with pytest.raises(Unusable, match=r"api\.auth") as error:
        make(HeaderAuth("Authorization", Secret(text)), RecordingTransport(answer()), clock)
    assert text not in str(error.value)


async def test_login(clock: FakeClock) -> None:
    """The token at the path of the login's answer is sent, and kept."""
    transport = RecordingTransport(grant("t1"), answer(200, {}))
    client = make_client(transport, clock, api=Api(url=URL, auth=LOGIN))
    for _ in range(3):
        await client.send(get(), RecordingCall(clock))
    login, *others = transport.sent
    assert ("POST", f"{URL}/_allauth/app/v1/auth/login") == (login.method, login.url)
    assert {"email": "a@b.c", "password": "hunter2"} == orjson.loads(login.body or b"")
    assert "Authorization" not in login.headers
    assert ["Token t1"] * 3 == [sent.headers["Authorization"] for sent in others]


async def test_login_with_a_form(clock: FakeClock) -> None:
    """Other encodings, headers and places of the token."""
    auth = LoginAuth(
        path="http://api.test/login",
        body={"user": "a", "nested": ["x", "y"]},
        token="tokens.0",
        encoding="form",
        headers={"X-Key": Secret("k"), "X-Plain": "p"},
        header="X-Session",
        prefix="",
    )
    transport = RecordingTransport(answer(200, {"tokens": ["t1"]}))
    assert (("X-Session", "t1"),) == await make(auth, transport, clock).renew(None)
    [login] = transport.sent
    assert ("http://api.test/login", {"user": ["a"], "nested": ["x", "y"]}) == (
        login.url,
        parse_qs((login.body or b"").decode()),
    )
    assert ("k", "p") == (login.headers["X-Key"], login.headers["X-Plain"])


@pytest.mark.parametrize("path", ["http://evil.test/login", "//evil.test/login", "login", "https://api.test/login"])
def test_a_login_elsewhere(clock: FakeClock, path: str) -> None:
    """Credentials never leave the origin."""
    auth = LoginAuth(path=path, body={}, token="t")
    with pytest.raises(Unusable, match=r"auth\.path"):
        make(auth, RecordingTransport(answer()), clock)


async def test_many_events_log_in_once(clock: FakeClock) -> None:
    """The first one fetches, the others wait for its token."""
    transport = RecordingTransport(grant("t1"), answer(200, {}))
    client = make_client(transport, clock, api=Api(url=URL, auth=LOGIN))
    await asyncio.gather(*(client.send(get(), RecordingCall(clock, key)) for key in range(10)))
    assert 1 == sum("login" in url for url in urls(transport.sent))


async def test_a_refused_token_is_renewed_once(clock: FakeClock) -> None:
    """401 for several events at once: one login, and each repeats its request with the new token."""
    old, new = (("Authorization", "Token t1"),), (("Authorization", "Token t2"),)
    transport = RecordingTransport(grant("t1"), grant("t2"))
    auth = make(LOGIN, transport, clock)
    assert old == await auth.renew(None)
    stale = auth.current()
    clock.now += 10.0
    assert [new] * 5 == await asyncio.gather(*(auth.renew(stale) for _ in range(5)))
    assert 2 == len(transport.sent)


async def test_renewal_at_most_once_an_interval(clock: FakeClock) -> None:
    """A new token that is refused at once is not renewed again before the interval has passed."""
    transport = RecordingTransport(grant("t1"), grant("t2"))
    auth = make(LOGIN, transport, clock)
    first = await auth.renew(None)
    assert await auth.renew(first) is None
    clock.now += 4.7
    assert await auth.renew(first) is None
    clock.now += 0.1
    assert (("Authorization", "Token t2"),) == await auth.renew(first)
    assert 2 == len(transport.sent)


@pytest.mark.parametrize(
    ("reply", "text"),
    [
        (NoAnswer("the connection failed: refused"), "failed: the connection failed"),
        (Undeliverable(Stage.REQUEST, "too large"), "failed: too large"),
        (answer(503), r"failed \(503\)"),
        (answer(302), r"failed \(302\)"),
        (
            answer(400, {"password": ["hunter2 is wrong"]}),
            r"refused the credentials \(400\): password: \*\*\* is wrong",
        ),
        (answer(401), r"refused the credentials \(401\)"),
        (answer(200, {"meta": {}}), "without a text at"),
        (answer(200, [1]), "without a text at"),
        (answer(200), "without JSON"),
        (grant("t\n1"), "cannot be sent in a header"),
    ],
)
async def test_a_login_that_fails(clock: FakeClock, reply: Any, text: str) -> None:
    """No event is at fault: transient, counts towards an outage, and never shows the password."""
    auth = make(LOGIN, RecordingTransport(reply), clock)
    for _ in range(2):
        with pytest.raises(Transient, match=text) as error:
            await auth.renew(None)
        assert (True, False, None) == (error.value.outage, error.value.ambiguous, error.value.status)
        assert "hunter2" not in str(error.value)


async def test_a_failed_login_is_not_repeated_at_once(clock: FakeClock) -> None:
    """All events hear of the one failure, until the interval has passed."""
    transport = RecordingTransport(answer(503), grant("t1"))
    auth = make(LOGIN, transport, clock)
    for _ in range(5):
        with pytest.raises(Transient):
            await auth.renew(None)
    assert 1 == len(transport.sent)
    clock.now += 5.0
    assert await auth.renew(None) is not None


async def test_a_throttled_login(clock: FakeClock) -> None:
    """429 of the login is patience, not an outage."""
    auth = make(LOGIN, RecordingTransport(answer(429, retry_after="7")), clock)
    with pytest.raises(Throttled) as error:
        await auth.renew(None)
    assert (7.0, True, False) == (error.value.retry_after, error.value.free, error.value.outage)


class Ticking(FakeClock):
    """A clock that moves whenever it is looked at."""

    def __call__(self) -> float:
        """A second later each time."""
        self.now += 1.0
        return self.now


async def test_logins_that_fail_open_the_breaker() -> None:
    """Refused credentials hold the events instead of ending them; a later login lets them through."""
    clock = Ticking()
    transport = RecordingTransport(answer(400), answer(400), grant("t1"), answer(200, {}))
    client = make_client(transport, clock, api=Api(url=URL, auth=LOGIN), outage=Outage(open_after=1, probe_every=0.002))
    response = await client.send(get(), RecordingCall(clock))
    assert (200, 1) == (response.status, sum("things" in url for url in urls(transport.sent)))


async def test_oauth2(clock: FakeClock) -> None:
    """Client credentials in a Basic header; the token as a Bearer, at the API only."""
    transport = RecordingTransport(answer(200, {"access_token": "t1", "expires_in": 3600}), answer(200, {}))
    client = make_client(transport, clock, api=Api(url=URL, auth=OAUTH2))
    await client.send(get(), RecordingCall(clock))
    token, request = transport.sent
    assert {"grant_type": ["client_credentials"], "scope": ["read write"]} == parse_qs((token.body or b"").decode())
    assert b"client:hunter2" == b64decode(token.headers["Authorization"].removeprefix("Basic "))
    assert ("http://id.test/o/token", "Bearer t1") == (token.url, request.headers["Authorization"])


async def test_oauth2_in_the_body(clock: FakeClock) -> None:
    """`client_auth: body` for endpoints that know no Basic."""
    transport = RecordingTransport(answer(200, {"access_token": "t1"}))
    auth = OAuth2Auth("http://id.test/token", "client", Secret("hun&ter"), client_auth="body")
    await make(auth, transport, clock).renew(None)
    [token] = transport.sent
    form = parse_qs((token.body or b"").decode())
    assert (["client"], ["hun&ter"]) == (form["client_id"], form["client_secret"])
    assert "Authorization" not in token.headers


async def test_a_token_is_renewed_before_it_expires(clock: FakeClock) -> None:
    """Half a minute before its end, or a tenth of its life for short ones."""
    transport = RecordingTransport(
        answer(200, {"access_token": "t1", "expires_in": 3600}), answer(200, {"access_token": "t2", "expires_in": "60"})
    )
    auth = make(OAUTH2, transport, clock)
    await auth.renew(None)
    clock.now += 3569.0
    assert (("Authorization", "Bearer t1"),) == auth.current()
    clock.now += 1.0
    assert auth.current() is None
    assert (("Authorization", "Bearer t2"),) == await auth.renew(None)
    clock.now += 53.0
    assert auth.current() is not None
    clock.now += 1.0
    assert auth.current() is None


async def test_a_failed_early_renewal_costs_nothing(clock: FakeClock) -> None:
    """As long as the old token holds, it is sent; then the failure is told."""
    transport = RecordingTransport(answer(200, {"access_token": "t1", "expires_in": 100}), answer(503))
    auth = make(OAUTH2, transport, clock)
    held = await auth.renew(None)
    clock.now += 95.0
    assert auth.current() is None
    assert held == await auth.renew(None)
    clock.now += 6.0
    with pytest.raises(Transient):
        await auth.renew(None)


async def test_a_cancelled_login_is_no_failure(clock: FakeClock) -> None:
    """Whoever comes next logs in at once, and sends nothing without a token."""
    transport = RecordingTransport(grant("t1"))
    auth = make(LOGIN, transport, clock)
    first = asyncio.ensure_future(auth.renew(None))
    await asyncio.sleep(0)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    assert (("Authorization", "Token t1"),) == await auth.renew(None)


@pytest.mark.parametrize("body", [{}, {"access_token": 5}, [], {"access_token": ""}])
async def test_no_access_token(clock: FakeClock, body: Any) -> None:
    """An endpoint that answers something else is a transient failure."""
    with pytest.raises(Transient, match="access_token"):
        await make(OAUTH2, RecordingTransport(answer(200, body)), clock).renew(None)
