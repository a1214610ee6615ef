"""The API's OpenAPI document (3.0, 3.1), asked at run time: does the operation know these names?

An API that ignores what it does not know would match or change something else than the rule means.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engine.api.messages import Request
from engine.errors import Stage, Undeliverable
from engine.findings import suggest
from engine.openapi.document import ApiDocument
from engine.openapi.operation import Operation
from engine.openapi.schema import Schemas

_MOST = 10_000  # operations that are remembered


@dataclass(frozen=True, slots=True)
class Names:
    """What an operation knows.

    Attributes:
        operation: whose query parameters are asked; None: the query is not checked.
        writable: top-level fields that a body may have; None: not checked.
        readonly: top-level fields that the API gives but does not take.
    """

    operation: Operation | None = None
    writable: frozenset[str] | None = None
    readonly: frozenset[str] = field(default=frozenset())


_UNKNOWN = Names()


class Contract:
    """One document. Nothing but its paths is looked at before a request asks for an operation."""

    def __init__(self, document: Mapping[str, Any], path: Path) -> None:
        self._document = ApiDocument(document, path)
        self._schemas = Schemas(self._document)
        self._names: dict[tuple[str, str, str], Names] = {}

    @classmethod
    def load(cls, path: Path) -> Contract:
        """Read a document in JSON or YAML.

        Raises:
            Unusable: unreadable, or no OpenAPI 3 document.
        """
        return cls(ApiDocument.load(path).data, path)

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
        if names.operation is not None:
            for name, _ in request.query:
                if not names.operation.knows(name):
                    raise _unknown(request, f"query parameter '{name}'", suggest(name, names.operation.query or ()))
        if request.fields and names.writable is not None and not request.fields <= names.writable:
            raise _wrong_field(request, names)

    def _find(self, method: str, template: str, base_path: str) -> Names:
        known = self._document.find(template, base_path)
        if known is None:
            return _UNKNOWN
        operation = Operation(self._document, self._schemas, known, method)
        return Names(operation, *self._body(operation)) if method in operation.methods else _UNKNOWN

    def _body(self, operation: Operation) -> tuple[frozenset[str] | None, frozenset[str]]:
        """The names that a body of any media type may have, and those that are read-only in all of them."""
        writable: set[str] = set()
        readonly: set[str] = set()
        mappings = [one for one in operation.all_bodies() or () if not one.types or "object" in one.types]
        if not mappings or any(one.takes_any_name for one in mappings):
            return None, frozenset()
        for schema in mappings:
            for name, nodes in schema.properties.items():
                is_readonly = all(one.read_only for one in self._schemas.all_of(nodes))
                (readonly if is_readonly else writable).add(name)
        return frozenset(writable), frozenset(readonly - writable)


def _wrong_field(request: Request, names: Names) -> Undeliverable:
    wrong = min((request.fields or frozenset()) - (names.writable or frozenset()))
    if wrong in names.readonly:
        return _unknown(request, f"writable field '{wrong}' (it is read-only)", None)
    return _unknown(request, f"body field '{wrong}'", suggest(wrong, names.writable or ()))


def _unknown(request: Request, what: str, near: str | None) -> Undeliverable:
    hint = f"; did you mean '{near}'?" if near else ""
    text = f"{request.method} {request.template} has no {what}: the API would ignore it{hint}"
    return Undeliverable(Stage.RENDER, text, request_id=request.id)
