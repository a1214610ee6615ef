"""A document is read, its references are followed, its paths are matched."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest

from engine.errors import Unusable
from engine.openapi.document import ApiDocument
from tests.openapi.documents import CISO, DESK, SHOP, document

MINIMAL = "openapi: 3.1.0\npaths:\n  /a:\n    get:\n      responses: {200: {description: 2026-01-31}}\n"


def test_json_and_yaml_say_the_same(tmp_path: Path) -> None:
    """Keys are text and dates stay text, in both."""
    (tmp_path / "a.yaml").write_text(MINIMAL)
    expected = {"/a": {"get": {"responses": {"200": {"description": "2026-01-31"}}}}}
    (tmp_path / "a.json").write_bytes(orjson.dumps({"openapi": "3.1.0", "paths": expected}))
    for name in ("a.yaml", "a.json"):
        assert expected == ApiDocument.load(tmp_path / name).data["paths"]


def test_json_under_another_name(tmp_path: Path) -> None:
    """What begins with a brace is read as JSON, a byte order mark before it does not matter."""
    (tmp_path / "a.txt").write_bytes(b"\xef\xbb\xbf" + orjson.dumps({"openapi": "3.0.0", "paths": {}}))
    assert () == ApiDocument.load(tmp_path / "a.txt").paths


def test_yaml_in_flow_style(tmp_path: Path) -> None:
    """YAML may begin with a brace too."""
    (tmp_path / "a.yaml").write_text("{openapi: 3.0.0, paths: {/a: {}}}")
    assert ["/a"] == [one.text for one in ApiDocument.load(tmp_path / "a.yaml").paths]


def test_a_document_is_larger_than_a_rule_file(tmp_path: Path) -> None:
    """The bounds of rule files are not those of documents that programs write."""
    rows = "".join(f"  /path-{number}: {{get: {{summary: a path with a text}}}}\n" for number in range(8000))
    (tmp_path / "a.yaml").write_text(f"openapi: 3.0.0\npaths:\n{rows}")
    assert 8000 == len(ApiDocument.load(tmp_path / "a.yaml").paths)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.yaml", b"openapi: [", "line 1"),
        ("a.yaml", b"openapi: 3.0.0\npaths: {<<: {}}", "merge key"),
        ("a.yaml", b"\xff\xfe", "UTF-8"),
        ("a.yaml", b"", "not an OpenAPI 3 document"),
        ("a.yaml", b"swagger: '2.0'\npaths: {}", "not an OpenAPI 3 document"),
        ("a.yaml", b"openapi: 3.0.0", "not an OpenAPI 3 document"),
        ("a.json", b"{", "not JSON"),
        ("a.json", b"[]", "not an OpenAPI 3 document"),
    ],
)
def test_what_is_no_document(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    """Unusable, with the file and the reason."""
    (tmp_path / name).write_bytes(content)
    with pytest.raises(Unusable, match=said) as error:
        ApiDocument.load(tmp_path / name)
    assert name in str(error.value)


@pytest.mark.parametrize("file", [CISO, SHOP, DESK], ids=lambda file: file.name)
def test_every_reference_of_the_test_documents_leads_somewhere(file: Path) -> None:
    """A typing slip in a test document would make tests pass that find nothing."""
    found = ApiDocument.load(file)
    assert [] == [reference for reference in _references(found.data) if found.at(reference) is None]


def _references(node: Any) -> list[str]:
    if isinstance(node, list):
        return [one for item in node for one in _references(item)]
    if not isinstance(node, dict):
        return []
    own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
    return own + [one for value in node.values() for one in _references(value)]


@pytest.mark.parametrize(
    ("reference", "found"),
    [
        ("#/a/b~1c/0", "x"),
        ("#/a/b~1c/7", None),
        ("#/a/%7Bd%7D", "y"),
        ("#/a/none/more", None),
        ("#/a/b~1c/0/x", None),
        ("other.json#/a", None),
        ("#", None),
    ],
)
def test_references(reference: str, found: str | None) -> None:
    """Names are escaped as JSON pointers in URLs are; what is not there is nothing."""
    assert found == document(a={"b/c": ["x"], "{d}": "y"}).at(reference)


def test_references_that_never_end() -> None:
    """A circle of references is nothing."""
    found = document(a={"$ref": "#/b"}, b={"$ref": "#/a"}, c={"$ref": "#/d"}, d={"e": 1})
    assert (None, {"e": 1}) == (found.resolve(found.data["a"]), found.resolve({"$ref": "#/c"}))


PATHS: dict[str, Any] = {
    "/things/": {},
    "/things/{id}/": {},
    "/things/special/": {},
    "/things/{id}/parts/{part}": {},
    "/files/{name}.csv": {},
    "/files/{from}-{to}": {},
    "/files/{name}": {},
}


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("/things/", "/things/"),
        ("/things", None),
        ("/things/7/", "/things/{id}/"),
        ("/things/special/", "/things/special/"),
        ("/things/{{ a['x/y'] / b }}/", "/things/{id}/"),
        ("/things/x-{{ a }}/", "/things/{id}/"),
        ("/things/{% if a %}b{% endif %}/parts/{{ c }}", "/things/{id}/parts/{part}"),
        ("/things//parts/1", None),
        ("/files/a.csv", "/files/{name}.csv"),
        ("/files/{{ a }}.csv", "/files/{name}.csv"),
        ("/files/1-2", "/files/{from}-{to}"),
        ("/files/a.json", "/files/{name}"),
        ("/{{ a }}/", None),
    ],
)
def test_matching(asked: str, found: str | None) -> None:
    """A template matches a parameter, a literal itself; the path with most literals wins."""
    known = document(PATHS).find(asked, "")
    assert found == (None if known is None else known.text)


@pytest.mark.parametrize(
    ("server", "known", "base", "path"),
    [
        (None, "/api/things/", "/api", "/things/"),
        ({"url": "/"}, "/api/things/", "/api", "/things/"),
        ({"url": "https://x.test/api"}, "/things/", "/api", "/things/"),
        ({"url": "https://x.test/api"}, "/things/", "", "/api/things/"),
        ({"url": "https://x.test/gateway/"}, "/api/things/", "/gateway/api", "/things/"),
        ({"url": "{way}/v1", "variables": {"way": {"default": "https://x.test"}}}, "/things/", "/v1", "/things/"),
        ({"url": "https://x.test/v1"}, "/things/", "/gateway/v1", "/things/"),
        (None, "/things/", "/api", "/things/"),
        (None, "/things/", "/gateway/api", "/things/"),
        (None, "/things/", "", "/things/"),
    ],
)
def test_where_a_path_is_looked_up(server: dict[str, Any] | None, known: str, base: str, path: str) -> None:
    """Below the API's path, less the server's path; the rule's path alone where the document knows no such path."""
    found = document({known: {}}, **({} if server is None else {"servers": [server]}))
    assert found.find(path, base) is not None
    assert [path] == list(found.seen_by_rules(base))


def test_the_rule_path_alone_counts_only_where_no_path_is_below_the_api() -> None:
    """A document of many APIs: `/things/` is not the one of another API."""
    found = document({"/things/": {}, "/api/others/": {}})
    assert (None, "/api/others/") == (found.find("/things/", "/api"), found.find("/others/", "/api").text)  # type: ignore[union-attr]
