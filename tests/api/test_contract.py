"""A request is held against the API's document."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest

from engine.api.contract import Contract
from engine.api.messages import Request
from engine.errors import Stage, Undeliverable, Unusable

ROOT = Path(__file__).parents[2]
CISO = ROOT / "schemas" / "ciso-assistant.openapi.json"

DOCUMENT: dict[str, Any] = {
    "openapi": "3.1.0",
    "paths": {
        "/api/things/": {
            "parameters": [{"name": "page", "in": "query", "schema": {"type": "integer"}}],
            "get": {
                "parameters": [
                    {"$ref": "#/components/parameters/ref_id"},
                    {"name": "X-Trace", "in": "header", "schema": {"type": "string"}},
                ]
            },
            "post": {"requestBody": {"$ref": "#/components/requestBodies/Thing"}},
        },
        "/api/things/{id}/": {
            "patch": {
                "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Either"}}}}
            },
            "delete": {},
        },
        "/api/things/special/": {"patch": {"requestBody": {"content": {"application/json": {}}}}},
        "/api/open/": {
            "post": {
                "requestBody": {
                    "content": {
                        "application/json": {
                            "schema": {"properties": {"a": {}}, "additionalProperties": {"type": "string"}}
                        }
                    }
                }
            }
        },
        "/api/free/": {"post": {"requestBody": {"content": {"application/json": {"schema": {"type": "object"}}}}}},
        "/api/deep/": {
            "get": {
                "parameters": [{"name": "filter", "in": "query", "style": "deepObject", "schema": {"type": "object"}}]
            }
        },
    },
    "components": {
        "parameters": {"ref_id": {"name": "ref_id", "in": "query"}},
        "requestBodies": {
            "Thing": {
                "content": {
                    "application/json": {"schema": {"$ref": "#/components/schemas/Thing"}},
                    "multipart/form-data": {"schema": {"properties": {"attachment": {}}}},
                }
            }
        },
        "schemas": {
            "Thing": {
                "allOf": [{"$ref": "#/components/schemas/Named"}, {"properties": {"status": {"type": "string"}}}]
            },
            "Named": {
                "type": "object",
                "properties": {
                    "name": {"type": "string"},
                    "id": {"type": "string", "readOnly": True},
                    "folder": {"allOf": [{"$ref": "#/components/schemas/Named"}], "readOnly": True},
                },
                "additionalProperties": False,
            },
            "Either": {"oneOf": [{"$ref": "#/components/schemas/Thing"}, {"properties": {"other": {}}}]},
        },
    },
}
CONTRACT = Contract(DOCUMENT, Path("api.json"))


def ask(method: str, template: str, *query: str, fields: set[str] | None = None) -> Request:
    """A request as the client sees it."""
    pairs = tuple((name, "x") for name in query)
    return Request(
        "r", "", method, "/rendered/", template, query=pairs, fields=None if fields is None else frozenset(fields)
    )


ACCEPTED = [
    ask("GET", "/things/", "ref_id", "page", "ref_id"),
    ask("GET", "/unknown/", "whatever"),
    ask("PUT", "/things/", fields={"whatever"}),
    ask("POST", "/things/", fields={"name", "status", "attachment"}),
    ask("POST", "/things/"),
    ask("PATCH", "/things/{{ find.items[0].id }}/", fields={"name", "other"}),
    ask("PATCH", "/things/{{ a / b }}/", fields={"other"}),
    ask("PATCH", "/things/special/", fields={"whatever"}),
    ask("POST", "/open/", fields={"whatever"}),
    ask("POST", "/free/", fields={"whatever"}),
    ask("GET", "/deep/", "filter[a]"),
]


@pytest.mark.parametrize("request_", ACCEPTED, ids=lambda one: f"{one.method} {one.template}")
def test_accepted(request_: Request) -> None:
    """Known names; and everything where the document says nothing, or permits further names."""
    CONTRACT.check(request_, "/api")


@pytest.mark.parametrize(
    ("request_", "text"),
    [
        (ask("GET", "/things/", "refid"), "no query parameter 'refid': .*; did you mean 'ref_id'"),
        (ask("GET", "/things/", "X-Trace"), "no query parameter 'X-Trace'"),
        (ask("DELETE", "/things/{{ id }}/", "force"), "no query parameter 'force'"),
        (ask("POST", "/things/", fields={"name", "stauts"}), "no body field 'stauts': .*; did you mean 'status'"),
        (ask("PATCH", "/things/1/", fields={"nmae"}), "no body field 'nmae'"),
        (ask("PATCH", "/things/x-{{ id }}/", fields={"id"}), "no writable field 'id' .it is read-only"),
        (ask("POST", "/things/", fields={"folder"}), "no writable field 'folder'"),
    ],
)
def test_refused(request_: Request, text: str) -> None:
    """An unknown name is a permanent failure before anything is sent, each time."""
    for _ in range(2):
        with pytest.raises(Undeliverable, match=text) as error:
            CONTRACT.check(request_, "/api")
        assert (Stage.RENDER, "r", 0) == (error.value.stage, error.value.request_id, error.value.attempts)


@pytest.mark.parametrize(
    ("server", "known", "base"),
    [
        (None, "/api/things/", "/api"),
        ("/", "/api/things/", "/api"),
        ("https://x.test/api", "/things/", "/api"),
        ("https://x.test/gateway", "/api/things/", "/gateway/api"),
        (None, "/things/", "/api"),
        (None, "/things/", "/gateway/api"),
        ("/v1", "/things/", "/gateway/v1"),
        (None, "/things/", ""),
    ],
)
def test_where_a_path_is_looked_up(server: str | None, known: str, base: str) -> None:
    """Below the API's path, less the server's path; the rule's path alone where the document knows no such path."""
    document: dict[str, Any] = {"openapi": "3.0.3", "paths": {known: {"get": {}}}}
    if server is not None:
        document["servers"] = [{"url": server}]
    with pytest.raises(Undeliverable):
        Contract(document, Path("x")).check(ask("GET", "/things/", "unknown"), base)


def test_the_document_of_ciso_assistant() -> None:
    """The shipped document catches the misspelt filter that would change every control."""
    contract = Contract.load(CISO)
    contract.check(ask("GET", "/applied-controls/", "ref_id", "folder"), "/api")
    contract.check(ask("PATCH", "/applied-controls/{{ control.id }}/", fields={"status"}), "/api")
    for wrong in (
        ask("GET", "/applied-controls/", "refid"),
        ask("PATCH", "/applied-controls/{{ x }}/", fields={"state"}),
    ):
        with pytest.raises(Undeliverable, match="would ignore it"):
            contract.check(wrong, "/api")


def test_a_document_in_yaml(tmp_path: Path) -> None:
    """Is read like one in JSON."""
    file = tmp_path / "api.yaml"
    file.write_text("openapi: 3.1.0\npaths: {/a: {get: {parameters: [{name: page, in: query}]}}}\n")
    contract = Contract.load(file)
    contract.check(ask("GET", "/a", "page"), "")
    with pytest.raises(Undeliverable, match="did you mean 'page'"):
        contract.check(ask("GET", "/a", "pgae"), "")


def test_a_read_only_field_that_may_be_null() -> None:
    """Is read-only all the same."""
    schema = {"properties": {"a": {}, "b": {"type": "string", "nullable": True, "readOnly": True}}}
    body = {"requestBody": {"content": {"application/json": {"schema": schema}}}}
    contract = Contract({"openapi": "3.0.0", "paths": {"/a": {"post": body}}}, Path("x"))
    contract.check(ask("POST", "/a", fields={"a"}), "")
    with pytest.raises(Undeliverable, match="no writable field 'b'"):
        contract.check(ask("POST", "/a", fields={"b"}), "")


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"openapi": "3.0.0"}', '{"swagger": "2.0", "paths": {}}'])
def test_not_a_document(tmp_path: Path, text: str) -> None:
    """Is told when the client is built."""
    file = tmp_path / "api.json"
    file.write_text(text)
    with pytest.raises(Unusable, match=r"api\.json"):
        Contract.load(file)


def test_a_missing_document(tmp_path: Path) -> None:
    """Is told with its path."""
    with pytest.raises(Unusable, match="cannot read"):
        Contract.load(tmp_path / "none.json")


@pytest.mark.parametrize(
    "item",
    [
        None,
        [],
        {"post": None},
        {"post": {"requestBody": {"$ref": "#/loop"}}},
        {"post": {"requestBody": {"$ref": "other.json#/x"}}},
        {"post": {"requestBody": {"content": {"application/json": None}}}},
        {"post": {"requestBody": {"content": {"a/b": {"schema": {"allOf": [{"$ref": "#/self"}]}}}}}},
    ],
)
def test_an_odd_document_checks_nothing(item: Any) -> None:
    """What cannot be understood, refers to itself or elsewhere is no reason to refuse a request."""
    document = {
        "openapi": "3.0.0",
        "paths": {"/a/": item},
        "loop": {"$ref": "#/loop"},
        "self": {"allOf": [{"$ref": "#/self"}]},
    }
    assert orjson.dumps(document)
    Contract(document, Path("x")).check(ask("POST", "/a/", fields={"x"}), "")
