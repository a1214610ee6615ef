"""One operation of a document: its query parameters, what its body may hold, what it answers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from engine.openapi.document import METHODS, ApiDocument, Json
from engine.openapi.paths import KnownPath
from engine.openapi.schema import UNKNOWN, Alternatives, Schemas

_JSON = re.compile(r"(?:application/(?:[\w.+-]+\+)?json|\*/\*|application/\*)\b.*", re.IGNORECASE)
_MEDIA = {
    "json": _JSON,
    "form": re.compile(r"application/x-www-form-urlencoded\b.*", re.IGNORECASE),
    "multipart": re.compile(r"multipart/form-data\b.*", re.IGNORECASE),
}


@dataclass(frozen=True, slots=True)
class Parameter:
    """A query or path parameter.

    Attributes:
        name: as the document writes it.
        schema: what it may be.
        is_object: it is a mapping, whose names stand in the query as the document's style says.
        is_deep: names in the query are `name[...]`.
        joined: a list is one text, its elements with this sign between; "" where the name is repeated.
    """

    name: str
    schema: Alternatives
    is_object: bool = False
    is_deep: bool = False
    joined: str = ""


class Operation:
    """A method of a path.

    Attributes:
        method: upper case.
        known: its path.
    """

    def __init__(self, document: ApiDocument, schemas: Schemas, known: KnownPath, method: str) -> None:
        self._document = document
        self.schemas = schemas
        self.known = known
        self.method = method

    @cached_property
    def _item(self) -> Json:
        return self._document.item(self.known)

    @cached_property
    def _raw(self) -> Json | None:
        return self._document.resolve(self._item.get(self.method.lower()))

    @property
    def exists(self) -> bool:
        """True where the path has the method; HEAD comes with GET."""
        return self._raw is not None or (self.method == "HEAD" and "get" in self._item) or self.method == "OPTIONS"

    @cached_property
    def methods(self) -> tuple[str, ...]:
        """All methods of the path, upper case."""
        return tuple(one.upper() for one in METHODS if one in self._item)

    @cached_property
    def query(self) -> Mapping[str, Parameter] | None:
        """Query parameters by name; None where names that cannot be listed are allowed."""
        if self._raw is None:
            return None
        found = {one.name: one for one in self._parameters("query")}
        if any(one.is_object and not one.is_deep for one in found.values()):
            return None
        return {**{name: Parameter(name, UNKNOWN) for name in self._keys_in_query()}, **found}

    @cached_property
    def path(self) -> Mapping[str, Parameter]:
        """Path parameters by name."""
        return {one.name: one for one in self._parameters("path")}

    def knows(self, name: str) -> bool:
        """True where the query may have the name."""
        if self.query is None or name in self.query:
            return True
        return any(one.is_deep and name.startswith(f"{one.name}[") for one in self.query.values())

    @cached_property
    def _body(self) -> Json | None:
        return None if self._raw is None else self._document.resolve(self._raw.get("requestBody"))

    @property
    def needs_body(self) -> bool:
        """True where the document says that there has to be a body."""
        return self._body is not None and self._body.get("required") is True

    def body(self, encoding: str, media_type: str = "") -> Alternatives:
        """What a body may be; UNKNOWN where the document does not say.

        Args:
            encoding: of the rule.
            media_type: the rule's own Content-Type, "" for the encoding's.
        """
        content = None if self._body is None else self._body.get("content")
        if not isinstance(content, Mapping) or not content:
            return UNKNOWN
        wanted = re.compile(re.escape(media_type.partition(";")[0].strip()), re.IGNORECASE) if media_type else None
        wanted = wanted or _MEDIA.get(encoding)
        chosen = [one for name, one in content.items() if wanted is not None and wanted.fullmatch(name)]
        return self._either(chosen or list(content.values()))

    def all_bodies(self) -> Alternatives | None:
        """What a body of any media type may be; None where there is none in the document."""
        content = None if self._body is None else self._body.get("content")
        return self._either(list(content.values())) if isinstance(content, Mapping) and content else None

    @cached_property
    def statuses(self) -> frozenset[str]:
        """The statuses of the answers as the document writes them, in upper case: `200`, `2XX`, `DEFAULT`."""
        responses = None if self._raw is None else self._raw.get("responses")
        return frozenset(str(one).upper() for one in responses) if isinstance(responses, Mapping) else frozenset()

    def answer(self, codes: Iterable[int], classes: Iterable[int]) -> Alternatives:
        """What the body of an accepted answer may be; UNKNOWN where one may come that the document does not have.

        Args:
            codes: accepted statuses.
            classes: first digits of accepted ones, 2 for `2xx`.
        """
        responses = None if self._raw is None else self._raw.get("responses")
        listed: Mapping[str, Any] = responses if isinstance(responses, Mapping) else {}
        usual = listed.get("default")
        chosen: list[Any] = [listed.get(str(code), listed.get(f"{code // 100}XX", usual)) for code in codes]
        for one in classes:
            matching = [found for code, found in listed.items() if str(code).upper().startswith(str(one))]
            chosen += matching or [usual if one == 2 else None]
        return self._merged([self._answer(one) for one in chosen])

    def _answer(self, response: Any) -> Alternatives:
        found = self._document.resolve(response)
        content = None if found is None else found.get("content")
        if not isinstance(content, Mapping):
            return UNKNOWN
        return self._either([one for name, one in content.items() if _JSON.fullmatch(name)])

    def _either(self, media: list[Any]) -> Alternatives:
        return self._merged([self.schemas.of(one.get("schema") if isinstance(one, Mapping) else None) for one in media])

    def _merged(self, each: list[Alternatives]) -> Alternatives:
        found = {id(schema): schema for one in each for schema in one}
        return tuple(found.values()) if found and not any(one.is_anything for one in found.values()) else UNKNOWN

    def _parameters(self, place: str) -> Iterator[Parameter]:
        lists = [self._item.get("parameters"), None if self._raw is None else self._raw.get("parameters")]
        for listed in (one for found in lists if isinstance(found, list) for one in found):
            raw = self._document.resolve(listed)
            if raw is not None and raw.get("in") == place and isinstance(raw.get("name"), str):
                yield self._parameter(raw)

    def _parameter(self, raw: Json) -> Parameter:
        schema = self.schemas.of(raw.get("schema"))
        is_object = any("object" in one.types or one.properties for one in schema)
        style = raw.get("style", "form")
        sign = {"form": ",", "spaceDelimited": " ", "pipeDelimited": "|"}.get(str(style), ",")
        joined = sign if raw.get("explode", style == "form") is False else ""
        return Parameter(str(raw["name"]), schema, is_object, style == "deepObject", joined)

    def _keys_in_query(self) -> Iterator[str]:
        """Names under which credentials stand in the query."""
        components = self._document.data.get("components")
        known = components.get("securitySchemes") if isinstance(components, Mapping) else None
        for one in known.values() if isinstance(known, Mapping) else ():
            raw = self._document.resolve(one)
            if raw is not None and raw.get("in") == "query" and isinstance(raw.get("name"), str):
                yield str(raw["name"])
