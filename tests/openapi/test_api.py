"""An API as rules meet it."""

from __future__ import annotations

import pytest

from engine.openapi.api import KnownApi
from engine.openapi.operation import Operation
from engine.openapi.schema import UNKNOWN
from tests.openapi.documents import CISO, api, ref

UUID = {"name": "id", "in": "path", "required": True, "schema": {"type": "string", "format": "uuid"}}


def operation(known: KnownApi, method: str, path: str) -> Operation:
    """An operation that is there."""
    found = known.operation(method, path)
    assert found is not None
    return found


def test_a_literal_that_is_no_parameter() -> None:
    """A word where a UUID stands is no path; a value of the event may be one."""
    known = api({"/a/{id}": {"parameters": [UUID], "get": {}}, "/b/{id}": {"get": {"parameters": [UUID]}}})
    for path in ("/a/word", "/b/word"):
        assert known.find(path) is None
    for path in ("/a/{{ x }}", "/b/{{ x }}", "/a/x-{{ y }}", "/a/6fd2b3a4-2a53-4c9b-9a54-4f1ed7c7a6e5"):
        assert known.find(path) is not None


def test_methods() -> None:
    """HEAD comes with GET, OPTIONS with any path."""
    known = api({"/a": {"get": {}, "summary": "x"}, "/b": {"post": {}}})
    paths = [("GET", "/a"), ("HEAD", "/a"), ("OPTIONS", "/b"), ("HEAD", "/b"), ("GET", "/b"), ("POST", "/c")]
    assert [True, True, True, False, False, False] == [known.operation(*one) is not None for one in paths]
    assert (("GET",), ()) == (known.methods("/a"), known.methods("/c"))


@pytest.mark.parametrize(
    ("parameter", "name", "known"),
    [
        ({"name": "a", "schema": {"type": "string"}}, "a", True),
        ({"name": "a", "schema": {"type": "string"}}, "b", False),
        ({"name": "a", "schema": {"type": "object"}, "style": "deepObject"}, "a[x]", True),
        ({"name": "a", "schema": {"type": "object"}, "style": "deepObject"}, "b[x]", False),
        ({"name": "a", "schema": {"type": "object"}}, "x", True),
        ({"name": "a", "content": {"application/json": {}}}, "a", True),
    ],
)
def test_query_names(parameter: dict[str, object], name: str, known: bool) -> None:
    """Objects have names of their own in a query."""
    found = operation(api({"/a": {"get": {"parameters": [{"in": "query", **parameter}]}}}), "GET", "/a")
    assert known is found.knows(name)


def test_parameters_of_the_path_and_credentials() -> None:
    """Both may stand in a query of any method."""
    schemes = {"key": {"type": "apiKey", "in": "query", "name": "api_key"}}
    paths = {"/a": {"parameters": [{"name": "page", "in": "query"}], "get": {}}}
    found = operation(api(paths, components={"securitySchemes": schemes}), "GET", "/a")
    assert [True, True, False] == [found.knows(name) for name in ("page", "api_key", "other")]


def test_the_body_of_a_media_type() -> None:
    """The one that the rule sends; where the document has no such one, any."""
    content = {
        "application/json; charset=utf-8": {"schema": {"type": "string"}},
        "application/x-www-form-urlencoded": {"schema": {"type": "boolean"}},
        "text/x": {"schema": {"type": "integer"}},
    }
    found = operation(api({"/a": {"post": {"requestBody": {"content": content}}}}), "POST", "/a")

    def types(*asked: str) -> list[str]:
        return [kind for one in found.body(*asked) for kind in one.types]

    assert (["string"], ["boolean"], ["integer"]) == (types("json"), types("form"), types("json", "text/x; a=b"))
    assert ["string", "boolean", "integer"] == types("multipart")


def test_operations_that_say_nothing_about_their_body() -> None:
    """No body, no content, no schema: anything goes."""
    paths = {"/a": {"post": {}, "put": {"requestBody": {}}, "patch": {"requestBody": ref("Nowhere")}}}
    known = api(paths)
    assert [UNKNOWN] * 3 == [operation(known, method, "/a").body("json") for method in ("POST", "PUT", "PATCH")]


def test_every_operation_of_the_shipped_document_is_understood() -> None:
    """All paths are found under the names that rules give them, and every answer gets a type."""
    known = KnownApi.load(CISO, "http://localhost:8000/api")
    seen = known.document.seen_by_rules("/api")
    assert len(known.document.paths) == len(seen)
    for path, one in seen.items():
        asked = path.replace("{id}", "{{ x }}")
        assert one is known.find(asked)
        for method in known.methods(asked):
            known.answer(operation(known, method, asked), (), (2,))
