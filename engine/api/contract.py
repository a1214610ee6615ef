"""The API's OpenAPI document (3.0, 3.1), asked at run time: does the operation know these names?

An API that ignores what it does not know would match or change something else than the rule means.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import orjson

from engine.api.messages import Request
from engine.errors import Stage, Undeliverable, Unusable
from engine.findings import suggest

_TEMPLATE = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}", re.DOTALL)
_VALUE = "\0"  # stands for a templated part of a rule's path
_DEEPEST = 32  # nested $ref and allOf of one schema
_MOST = 10_000  # operations that are remembered

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Names:
    """What an operation knows.

    Attributes:
        query: names of query parameters; None: not checked.
        writable: top-level fields that a body may have; None: not checked.
        readonly: top-level fields that the API gives but does not take.
    """

    query: frozenset[str] | None = None
    writable: frozenset[str] | None = None
    readonly: frozenset[str] = field(default=frozenset())


_UNKNOWN = Names()


class Contract:
    """One document. Nothing but its paths is looked at before a request asks for an operation."""

    def __init__(self, document: Json, path: Path) -> None:
        self._document = document
        self._path = path
        self._server = _server(document)
        self._names: dict[tuple[str, str, str], Names] = {}
        self._paths = [(tuple(known.split("/")), known) for known in document["paths"]]

    @classmethod
    def load(cls, path: Path) -> Contract:
        """Read a document in JSON.

        Raises:
            Unusable: unreadable, or no OpenAPI 3 document.
        """
        try:
            document = orjson.loads(path.read_bytes())
        except OSError as error:
            raise Unusable(f"cannot read the OpenAPI document {path}: {error.strerror}") from error
        except ValueError as error:
            raise Unusable(f"the OpenAPI document {path} is not JSON: {error}") from error
        if (
            not isinstance(document, dict)
            or not str(document.get("openapi", "")).startswith("3.")
            or not isinstance(document.get("paths"), dict)
        ):
            raise Unusable(f"{path} is not an OpenAPI 3 document with paths")
        return cls(document, path)

    def check(self, request: Request, base_path: str) -> None:
        """Refuse a request with a query name or top-level body field that its operation does not know.

        Args:
            request: as rendered.
            base_path: path of `api.url`, e.g. `/api`.

        Raises:
            Undeliverable: stage `render`; nothing was sent.
        """
        if not request.query and not request.fields:
            return
        key = (request.method, request.template, base_path)
        names = self._names.get(key)
        if names is None:
            if len(self._names) >= _MOST:
                self._names.clear()
            names = self._names[key] = self._find(request.method, request.template, base_path)
        if names.query is not None:
            for name, _ in request.query:
                if name not in names.query:
                    raise _unknown(request, f"query parameter '{name}'", suggest(name, names.query))
        if request.fields and names.writable is not None and not request.fields <= names.writable:
            raise _wrong_field(request, names)

    def _find(self, method: str, template: str, base_path: str) -> Names:
        item = self._item(template, base_path)
        operation = None if item is None else item.get(method.lower())
        if item is None or not isinstance(operation, Mapping):
            return _UNKNOWN
        writable, readonly = self._body(operation)
        return Names(self._query(item, operation), writable, readonly)

    def _item(self, template: str, base_path: str) -> Json | None:
        """The path item of a rule's path below the API's own path, less the server's; else of the rule's path alone."""
        path = _TEMPLATE.sub(_VALUE, template)
        whole = base_path + path
        if self._server and whole.startswith(self._server + "/"):
            whole = whole[len(self._server) :]
        found = self._closest(whole)
        below = any(known == base_path or known.startswith(base_path + "/") for _, known in self._paths)
        return found if found is not None or below else self._closest(path)

    def _closest(self, path: str) -> Json | None:
        """The item that a path matches; the one with most literal segments where several do."""
        segments = tuple(path.split("/"))
        matching = [known for parts, known in self._paths if _matches(parts, segments)]
        if not matching:
            return None
        return self._resolve(self._document["paths"][min(matching, key=lambda known: known.count("{"))])

    def _query(self, item: Json, operation: Json) -> frozenset[str] | None:
        names = set()
        for listed in [*_list(item.get("parameters")), *_list(operation.get("parameters"))]:
            parameter = self._resolve(listed)
            if parameter is None or parameter.get("in") != "query":
                continue
            if self._is_object(parameter):
                return None  # its properties may be names of their own
            names.add(str(parameter.get("name")))
        return frozenset(names)

    def _is_object(self, parameter: Json) -> bool:
        schema = self._resolve(parameter.get("schema"))
        kind = None if schema is None else schema.get("type")
        return kind == "object" or (isinstance(kind, list) and "object" in kind)

    def _body(self, operation: Json) -> tuple[frozenset[str] | None, frozenset[str]]:
        body = self._resolve(operation.get("requestBody"))
        content = None if body is None else body.get("content")
        if not isinstance(content, Mapping) or not content:
            return None, frozenset()
        writable: set[str] = set()
        readonly: set[str] = set()
        for media in content.values():
            schema = media.get("schema") if isinstance(media, Mapping) else None
            if not self._collect(schema, writable, readonly, _DEEPEST):
                return None, frozenset()
        return frozenset(writable), frozenset(readonly - writable)

    def _collect(self, schema: Any, writable: set[str], readonly: set[str], depth: int) -> bool:
        """Gather the names of a schema and of its branches; False where other names are permitted too."""
        found = self._resolve(schema)
        if found is None or depth == 0:
            return False
        branches = [branch for key in ("allOf", "oneOf", "anyOf") for branch in _list(found.get(key))]
        properties = found.get("properties")
        if not isinstance(properties, Mapping):
            properties = {}
        if found.get("additionalProperties", False) is not False or found.get("patternProperties"):
            return False
        if not properties and not branches:
            return "additionalProperties" in found  # `{type: object}` alone says nothing about names
        for name, inner in properties.items():
            (readonly if self._is_readonly(inner) else writable).add(name)
        return all(self._collect(branch, writable, readonly, depth - 1) for branch in branches)

    def _is_readonly(self, schema: Any) -> bool:
        found = self._resolve(schema)
        own = isinstance(schema, Mapping) and schema.get("readOnly") is True  # 3.1 allows it beside a $ref
        return own or (found is not None and found.get("readOnly") is True)

    def _resolve(self, node: Any) -> Json | None:
        """The object behind local `$ref`s; None where there is none."""
        for _ in range(_DEEPEST):
            if not isinstance(node, Mapping):
                return None
            reference = node.get("$ref")
            if not isinstance(reference, str):
                return node
            node = self._at(reference)
        return None

    def _at(self, reference: str) -> Any:
        if not reference.startswith("#/"):
            return None
        node: Any = self._document
        for step in reference[2:].split("/"):
            name = unquote(step).replace("~1", "/").replace("~0", "~")
            if not isinstance(node, Mapping):
                return None
            node = node.get(name)
        return node


def _matches(known: Sequence[str], asked: Sequence[str]) -> bool:
    """Whether a rule's path is an operation's: a parameter takes any segment, a literal only itself."""
    return len(known) == len(asked) and all(
        ("{" in there and here != "") or there == here for there, here in zip(known, asked, strict=True)
    )


def _server(document: Json) -> str:
    servers = document.get("servers")
    url = servers[0].get("url") if isinstance(servers, list) and servers and isinstance(servers[0], Mapping) else None
    return urlsplit(url).path.rstrip("/") if isinstance(url, str) else ""


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _wrong_field(request: Request, names: Names) -> Undeliverable:
    wrong = _first_wrong(request, names)
    if wrong in names.readonly:
        return _unknown(request, f"writable field '{wrong}' (it is read-only)", None)
    return _unknown(request, f"body field '{wrong}'", suggest(wrong, names.writable or ()))


def _first_wrong(request: Request, names: Names) -> str:
    return next(iter(sorted((request.fields or frozenset()) - (names.writable or frozenset()))))


def _unknown(request: Request, what: str, near: str | None) -> Undeliverable:
    hint = f"; did you mean '{near}'?" if near else ""
    text = f"{request.method} {request.template} has no {what}: the API would ignore it{hint}"
    return Undeliverable(Stage.RENDER, text, request_id=request.id)
