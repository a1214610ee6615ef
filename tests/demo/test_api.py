"""The sample API behaves as the real one where rules notice."""

from __future__ import annotations

from typing import Any

import pytest

from engine.demo.api import CONTROLS, FOLDER, TOKEN, SampleApi, identity
from engine.demo.web import Answered, Asked

_HEADERS = {"authorization": f"Token {TOKEN}"}
_FOLDER = identity("folders", FOLDER)


def _ask(api: SampleApi, method: str, path: str, query: dict[str, str] | None = None, body: Any = None) -> Answered:
    return api.answer(Asked(method, path, path, query or {}, _HEADERS, body))


def test_credentials_are_needed() -> None:
    """Without the token, or with it as Bearer: 401."""
    for headers in ({}, {"authorization": f"Bearer {TOKEN}"}):
        assert 401 == SampleApi().answer(Asked("GET", "/api/", "/api/", headers=headers)).status


@pytest.mark.parametrize(
    ("collection", "query", "hits"),
    [
        ("applied-controls", {"ref_id": CONTROLS[0]}, 1),
        ("applied-controls", {"ref_id": CONTROLS[0], "folder": _FOLDER}, 1),
        ("applied-controls", {"ref_id": "none"}, 0),
        ("applied-controls", {"ref_idd": "none"}, len(CONTROLS)),
        ("applied-controls", {"ref_id": ""}, len(CONTROLS)),
        ("folders", {"name": FOLDER}, 1),
        ("folders", {"name": "Elsewhere"}, 0),
    ],
)
def test_only_known_filters_filter(collection: str, query: dict[str, str], hits: int) -> None:
    """An unknown filter, or an empty one, gives the whole list: the real API's trap."""
    answered = _ask(SampleApi(), "GET", f"/api/{collection}/", query)
    assert (200, hits, hits) == (answered.status, answered.body["count"], len(answered.body["results"]))


def test_next_is_a_relative_path_to_the_other_rows() -> None:
    """Following `next` gives every row once."""
    api = SampleApi()
    first = _ask(api, "GET", "/api/applied-controls/", {"limit": "7"}).body
    assert "/api/applied-controls/?limit=7&offset=7" == first["next"]
    second = _ask(api, "GET", "/api/applied-controls/", {"limit": "7", "offset": "7"}).body
    assert (None, list(CONTROLS)) == (second["next"], [row["ref_id"] for row in first["results"] + second["results"]])


def test_unknown_fields_of_a_change_are_ignored() -> None:
    """They are answered with 200 and change nothing."""
    api = SampleApi()
    key = identity("applied-controls", CONTROLS[0])
    answered = _ask(api, "PATCH", f"/api/applied-controls/{key}/", body={"status": "active", "statuss": "x"})
    assert (200, "active", False) == (answered.status, answered.body["status"], "statuss" in answered.body)


def test_a_duplicate_is_refused_within_its_folder() -> None:
    """The second incident with a ref_id: 400, with the words that rules look for."""
    api = SampleApi()
    body = {"ref_id": "I-1", "name": "n", "folder": _FOLDER}
    assert 201 == _ask(api, "POST", "/api/incidents/", body=body).status
    again = _ask(api, "POST", "/api/incidents/", body=body)
    assert (400, {"ref_id": ["This ref_id is already used in this scope."]}) == (again.status, again.body)


def test_a_severity_that_does_not_exist_is_refused() -> None:
    """An incident's severity is 1 to 6."""
    answered = _ask(SampleApi(), "POST", "/api/incidents/", body={"ref_id": "I-1", "name": "n", "severity": 9})
    assert (400, {"severity": ['"9" is not a valid choice.']}) == (answered.status, answered.body)


def test_a_stumble_fails_once() -> None:
    """The first time 503, then as if nothing had been."""
    key = identity("applied-controls", CONTROLS[0])
    api = SampleApi((("PATCH", key),))
    statuses = [_ask(api, "PATCH", f"/api/applied-controls/{key}/", body={"status": "active"}).status for _ in "ab"]
    assert [503, 200] == statuses


@pytest.mark.parametrize(("method", "path"), [("GET", "/api/users/"), ("DELETE", "/api/folders/"), ("GET", "/other/")])
def test_the_rest_is_404(method: str, path: str) -> None:
    """What the sample does not have is not found."""
    assert 404 == _ask(SampleApi(), method, path).status
