"""OpenAPI documents for tests: a few lines each, and the shipped one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engine.openapi.api import KnownApi
from engine.openapi.document import ApiDocument
from engine.openapi.schema import Schemas

ROOT = Path(__file__).parents[2]
CISO = ROOT / "schemas" / "ciso-assistant.openapi.json"
SHOP = ROOT / "tests" / "cases" / "openapi" / "shop.yaml"
DESK = ROOT / "tests" / "cases" / "openapi" / "desk.yaml"


def document(paths: Mapping[str, Any] | None = None, **rest: Any) -> ApiDocument:
    """A document with these paths."""
    return ApiDocument({"openapi": "3.0.3", "paths": dict(paths or {}), **rest}, Path("api.json"))


def with_schemas(**schemas: Any) -> Schemas:
    """The schemas of a document that has these components."""
    return Schemas(document(components={"schemas": schemas}))


def api(paths: Mapping[str, Any], url: str = "https://x.example", **rest: Any) -> KnownApi:
    """An API with these paths."""
    return KnownApi(document(paths, **rest), url)


def ref(name: str) -> dict[str, str]:
    """A reference to a schema of the components."""
    return {"$ref": f"#/components/schemas/{name}"}
