"""The API server has CISO Assistant's traps and notices whoever steps into one."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.api_server.client import ApiServer
from tests.api_server.credentials import CLIENT_ID, CLIENT_SECRET, EMAIL, LOGIN, OAUTH, PASSWORD

Answer = tuple[int, Any]


def _call(
    api: ApiServer,
    method: str,
    path: str,
    body: Mapping[str, Any] | bytes | None = None,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """Status and parsed body; authenticated and with an idempotency key unless `headers` say otherwise."""
    port = int(api.url.rsplit(":", 1)[1].split("/")[0])
    sent = {"Authorization": f"Token {api.token}", "Content-Type": "application/json", "Idempotency-Key": "k"}
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        connection.request(method, path, data, sent | dict(headers or {}))
        answer = connection.getresponse()
        text = answer.read().decode()
    finally:
        connection.close()
    return answer.status, json.loads(text) if text.startswith(("{", "[")) else text


def _find(api: ApiServer, reference: str) -> str:
    _, page = _call(api, "GET", f"/api/applied-controls/?ref_id={reference}")
    return str(page["results"][0]["id"])


def _kinds(api: ApiServer) -> list[str]:
    return [one["kind"] for one in api.violations()]


def test_a_filter_finds_one_object(api_server: ApiServer) -> None:
    """`ref_id` filters applied controls; relations are shown with their names."""
    status, page = _call(api_server, "GET", "/api/applied-controls/?ref_id=AC-2")
    assert (200, 1, "AC-2") == (status, page["count"], page["results"][0]["ref_id"])
    assert "Global" == page["results"][0]["folder"]["str"]
    assert [] == _kinds(api_server)


@pytest.mark.parametrize(("query", "kinds"), [("ref=AC-2", ["unknown-query"]), ("ref_id=", [])])
def test_an_unknown_or_empty_filter_gives_the_whole_list(api_server: ApiServer, query: str, kinds: list[str]) -> None:
    """The trap that changes every object; the unknown name is recorded."""
    _, page = _call(api_server, "GET", f"/api/applied-controls/?{query}")
    assert 10 == page["count"]
    assert kinds == _kinds(api_server)


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("compliance_assessment__ref_id=CA-1&requirement__urn=urn:test:req:3", 1),
        ("compliance_assessment__ref_id=CA-2", 0),
        ("search=R.4", 1),
        ("folder__name=Global", 5),
    ],
)
def test_filters_follow_relations(api_server: ApiServer, query: str, count: int) -> None:
    """The filters that are known to work on requirement assessments."""
    _, page = _call(api_server, "GET", f"/api/requirement-assessments/?{query}")
    assert count == page["count"]


def test_pages_link_by_relative_paths(api_server: ApiServer) -> None:
    """`next` is relative, carries the /api prefix and leads through the whole list."""
    path, seen = "/api/applied-controls/?limit=4", []
    while path:
        _, page = _call(api_server, "GET", path)
        seen += [one["ref_id"] for one in page["results"]]
        path = page["next"]
        assert path is None or path.startswith("/api/applied-controls/?")
    assert [f"AC-{number}" for number in range(1, 11)] == seen


def test_unknown_and_read_only_fields_are_ignored_with_200(api_server: ApiServer) -> None:
    """Nothing changes, the answer is 200, and the record has both."""
    key = _find(api_server, "AC-1")
    status, control = _call(api_server, "PATCH", f"/api/applied-controls/{key}/", {"stauts": "active", "id": "x"})
    assert (200, "to_do", key) == (status, control["status"], control["id"])
    assert ["unknown-field", "read-only-field"] == _kinds(api_server)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"status": "aktiv"}, "status"),
        ({"folder": "Global"}, "folder"),
        ({"folder": "00000000-0000-0000-0000-000000000000"}, "folder"),
        ({"progress_field": 101}, "progress_field"),
        ({"eta": "tomorrow"}, "eta"),
        ({"evidences": "none"}, "evidences"),
        ({"name": None}, "name"),
    ],
)
def test_bad_values_are_refused(api_server: ApiServer, body: dict[str, Any], field: str) -> None:
    """400 with the field's name: choices, UUIDs, relations, ranges, dates, lists, null."""
    key = _find(api_server, "AC-1")
    status, wrong = _call(api_server, "PATCH", f"/api/applied-controls/{key}/", body)
    assert (400, [field]) == (status, list(wrong))


def test_a_list_is_replaced(api_server: ApiServer) -> None:
    """PATCH of a many-to-many field forgets what was there."""
    key = _find(api_server, "AC-1")
    first, second = (api_server.add("evidences", name=name)["id"] for name in ("one", "two"))
    for evidence in (first, second):
        _call(api_server, "PATCH", f"/api/applied-controls/{key}/", {"evidences": [evidence]})
    _, control = _call(api_server, "GET", f"/api/applied-controls/{key}/")
    assert [{"str": "two", "id": second}] == control["evidences"]


def test_a_missing_slash_is_redirected(api_server: ApiServer) -> None:
    """301 for every method, and recorded."""
    statuses = [_call(api_server, method, "/api/applied-controls")[0] for method in ("GET", "POST", "PATCH")]
    assert ([301] * 3, ["no-trailing-slash"] * 3) == (statuses, _kinds(api_server))


@pytest.mark.parametrize(
    ("method", "path", "status", "kind"),
    [
        ("GET", "/api/applied-contols/", 404, "unknown-path"),
        ("PUT", "/api/applied-controls/", 405, "wrong-method"),
    ],
)
def test_what_the_document_does_not_know_is_recorded(
    api_server: ApiServer, method: str, path: str, status: int, kind: str
) -> None:
    """Paths and methods."""
    assert status == _call(api_server, method, path)[0]
    assert [kind] == _kinds(api_server)


def test_a_write_without_idempotency_key_is_recorded(api_server: ApiServer) -> None:
    """The engine promises one on every write."""
    api_server.expire_tokens()
    port = int(api_server.url.rsplit(":", 1)[1].split("/")[0])
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    headers = {"Authorization": f"Token {api_server.token}", "Content-Type": "application/json"}
    connection.request("POST", "/api/incidents/", b'{"name": "n"}', headers)
    assert 201 == connection.getresponse().status
    connection.close()
    assert ["no-idempotency-key"] == _kinds(api_server)


def test_a_new_incident_is_made_once(api_server: ApiServer) -> None:
    """201, then 400 `already used`; without ref_id nothing is refused."""
    body = {"name": "Leak", "ref_id": "INC-9", "severity": 2, "status": "new"}
    assert 201 == _call(api_server, "POST", "/api/incidents/", body)[0]
    status, wrong = _call(api_server, "POST", "/api/incidents/", body)
    assert (400, True) == (status, "already used in this scope" in wrong["ref_id"][0])
    assert [201, 201] == [_call(api_server, "POST", "/api/incidents/", {"name": "Leak"})[0] for _ in range(2)]


def test_a_required_field_is_missed(api_server: ApiServer) -> None:
    """POST without a name."""
    assert (400, {"name": ["This field is required."]}) == _call(api_server, "POST", "/api/evidences/", {})


def test_an_evidence_made_with_controls_stands_on_both_sides(api_server: ApiServer) -> None:
    """Multipart, repeated field: the control shows the new evidence."""
    key = _find(api_server, "AC-3")
    lines = []
    for name, value in (("name", "Report"), ("applied_controls", key)):
        lines += ["--b", f'Content-Disposition: form-data; name="{name}"', "", value]
    lines += ["--b", 'Content-Disposition: form-data; name="attachment"; filename="a.txt"', "", "text", "--b--", ""]
    body = "\r\n".join(lines).encode()
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    status, evidence = _call(api_server, "POST", "/api/evidences/", body, headers)
    assert (201, [key]) == (status, evidence["applied_controls"])
    _, control = _call(api_server, "GET", f"/api/applied-controls/{key}/")
    assert [evidence["id"]] == [one["id"] for one in control["evidences"]]


@pytest.mark.parametrize(
    ("header", "detail"),
    [
        ("Token wrong", "Invalid token."),
        ("Bearer test-token", "Authentication credentials were not provided."),
    ],
)
def test_other_credentials_are_refused(api_server: ApiServer, header: str, detail: str) -> None:
    """401 as the real API answers it; a personal token is no bearer token."""
    answer = _call(api_server, "GET", "/api/assets/", headers={"Authorization": header})
    assert (401, {"detail": detail}) == answer


def test_a_login_gives_a_token_that_can_expire(api_server: ApiServer) -> None:
    """The login's token is accepted until it expires."""
    status, answer = _call(api_server, "POST", LOGIN, {"email": EMAIL, "password": PASSWORD})
    header = {"Authorization": f"Token {answer['meta']['access_token']}"}
    assert (200, 200) == (status, _call(api_server, "GET", "/api/assets/", headers=header)[0])
    api_server.expire_tokens()
    assert 401 == _call(api_server, "GET", "/api/assets/", headers=header)[0]
    assert 400 == _call(api_server, "POST", LOGIN, {"email": EMAIL, "password": "wrong"})[0]


def test_client_credentials_give_a_bearer_token(api_server: ApiServer) -> None:
    """OAuth2: accepted as Bearer only."""
    form = urlencode({"grant_type": "client_credentials", "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET})
    _, answer = _call(api_server, "POST", OAUTH, form.encode(), {"Content-Type": "application/x-www-form-urlencoded"})
    statuses = [
        _call(api_server, "GET", "/api/assets/", headers={"Authorization": f"{kind} {answer['access_token']}"})[0]
        for kind in ("Bearer", "Token")
    ]
    assert [200, 401] == statuses


def test_the_order_of_each_object_is_watched(api_server: ApiServer) -> None:
    """A lower number after a higher one is a violation, the same again a repeat."""
    key = _find(api_server, "AC-1")
    for number in (1, 3, 2, 3):
        body = {"observation": f"seq {number}"}
        _call(api_server, "PATCH", f"/api/applied-controls/{key}/", body, {"Idempotency-Key": f"e{number}"})
    stats = api_server.stats()
    assert (1, 1, 3, 1) == tuple(stats[name] for name in ("order_violations", "repeats", "distinct", "duplicate_keys"))
    assert {"AC-1": [1, 3, 2, 3]} == api_server.applied()


def test_a_fault_strikes_one_object_behind_query_and_id(api_server: ApiServer) -> None:
    """A poisoned key fails in its lookup and in its PATCH, others do not."""
    key, other = _find(api_server, "AC-1"), _find(api_server, "AC-2")
    api_server.faults({"reference": "AC-1", "status": 503, "retry_after": "7"})
    paths = ["/api/applied-controls/?ref_id=AC-1", f"/api/applied-controls/{key}/", f"/api/applied-controls/{other}/"]
    assert [503, 503, 200] == [_call(api_server, "GET", path)[0] for path in paths]


def test_a_fault_may_strike_after_the_write(api_server: ApiServer) -> None:
    """The write counts although its answer was lost, and the fault ends after its time."""
    key = _find(api_server, "AC-1")
    api_server.faults({"method": "PATCH", "drop": True, "applied": True, "times": 1})
    with pytest.raises(http.client.RemoteDisconnected):
        _call(api_server, "PATCH", f"/api/applied-controls/{key}/", {"status": "active"})
    _, control = _call(api_server, "GET", f"/api/applied-controls/{key}/")
    assert ("active", 1) == (control["status"], api_server.stats()["applied"])
    assert 200 == _call(api_server, "PATCH", f"/api/applied-controls/{key}/", {"status": "to_do"})[0]


def test_a_fault_may_be_a_page(api_server: ApiServer) -> None:
    """A proxy's page with status 200."""
    api_server.faults({"html": True, "status": 200})
    status, text = _call(api_server, "GET", "/api/assets/")
    assert (200, True) == (status, text.startswith("<!doctype html>"))


def test_an_unknown_fault_is_refused(api_server: ApiServer) -> None:
    """A misspelt fault would prove nothing."""
    with pytest.raises(ValueError, match="shaer"):
        api_server.faults({"shaer": 0.1})


def test_the_api_can_be_away(api_server: ApiServer) -> None:
    """Refused while down, there again after its time, with the record kept."""
    _find(api_server, "AC-1")
    api_server.down()
    with pytest.raises(ConnectionRefusedError):
        _call(api_server, "GET", "/api/assets/")
    api_server.up()
    assert 200 == _call(api_server, "GET", "/api/assets/")[0]
    assert 2 == api_server.stats()["requests"]


def test_requests_are_kept_with_their_headers(api_server: ApiServer) -> None:
    """What was sent can be read."""
    _call(api_server, "GET", "/api/assets/?name=a", headers={"X-Trace": "7"})
    (sent,) = api_server.requests()
    assert ("GET", [["name", "a"]], "7", 200) == (
        sent["method"],
        sent["query"],
        sent["headers"]["x-trace"],
        sent["status"],
    )


def test_latency_delays_every_answer(api_server: ApiServer) -> None:
    """An answer is never earlier than the latency."""
    api_server.faults(latency=0.05)
    start = time.monotonic()
    _find(api_server, "AC-1")
    assert time.monotonic() - start >= 0.05
