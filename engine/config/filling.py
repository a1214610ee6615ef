"""Fills a whole document from the environment: same places, filled values."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from engine.config.environment import Filled, fill
from engine.documents import Document, Pointer
from engine.findings import Finding, Level, spell
from engine.nodes import core

Secrets = bool | Collection[str]
"""True: all credentials are used; else the sections whose are: `kafka`, `schema_registry`, `api` (with `apis`)."""

_CREDENTIALS = frozenset({"auth", "username", "password", "proxy", "certificate", "key", "access_key", "secret_key"})


@dataclass(frozen=True, slots=True)
class FilledDocument:
    """config.yaml with its variables filled in.

    Attributes:
        document: `data` is filled; keys without a value are gone, they have their default.
        findings: variables that are not set, files that cannot be read.
        unknown: places whose value is not known because of such a finding.
        from_files: raw texts of values that were read from files, by place.
    """

    document: Document
    findings: list[Finding]
    unknown: frozenset[Pointer]
    from_files: Mapping[Pointer, str]


def fill_document(
    document: Document, environ: Mapping[str, str], schema: Mapping[str, Any], *, secrets: Secrets
) -> FilledDocument:
    """Fill all values.

    Args:
        document: as read.
        environ: variables by name.
        schema: tells where a number or a boolean is due, so that `port: ${PORT}` gives a number.
        secrets: whose unset variables are findings; elsewhere such a value stands as written.
    """
    filler = _Filler(document, environ, schema, secrets=secrets)
    data = filler.value(document.data, ())
    return FilledDocument(replace(document, data=data), filler.findings, frozenset(filler.unknown), filler.from_files)


def needs(secrets: Secrets, pointer: Pointer) -> bool:
    """Whether the verb connects with the credentials of this place."""
    if isinstance(secrets, bool):
        return secrets
    return ("api" if pointer[0] == "apis" else pointer[0]) in secrets


def is_credential(pointer: Pointer) -> bool:
    """A place whose value only verbs that connect somewhere need."""
    if pointer[-1:] in (("type",), ("method",), ("encoding",), ("client_auth",)):
        return False  # they decide which other keys there are
    return any(step in _CREDENTIALS for step in pointer) or (
        pointer[:2] == ("kafka", "options") and "password" in str(pointer[-1])
    )


class _Filler:
    def __init__(
        self, document: Document, environ: Mapping[str, str], schema: Mapping[str, Any], *, secrets: Secrets
    ) -> None:
        self._document = document
        self._environ = environ
        self._schema = schema
        self._secrets = secrets
        self.findings: list[Finding] = []
        self.unknown: set[Pointer] = set()
        self.from_files: dict[Pointer, str] = {}

    def value(self, value: Any, pointer: Pointer) -> Any:
        if isinstance(value, dict):
            filled = {key: self.value(inner, (*pointer, key)) for key, inner in value.items()}
            return filled if _is_sent(pointer) else {key: one for key, one in filled.items() if one is not None}
        if isinstance(value, list):
            return [self.value(inner, (*pointer, index)) for index, inner in enumerate(value)]
        return self._text(value, pointer) if isinstance(value, str) else value

    def _text(self, text: str, pointer: Pointer) -> Any:
        filled = fill(text, self._environ)
        if filled.faults:
            self.unknown.add(pointer)
            self._note(filled, pointer)
        elif filled.from_file:
            self.from_files[pointer] = text
        if not filled.variables:
            return filled.text
        if not filled.text and not _is_sent(pointer):
            return None  # `${NAME:-}`: as if the key had no value
        types = _types(self._schema, pointer)
        return filled.text if not types or "string" in types else core(filled.text)

    def _note(self, filled: Filled, pointer: Pointer) -> None:
        for fault in filled.faults:
            if fault.check != "wrong-variable" and is_credential(pointer) and not needs(self._secrets, pointer):
                continue
            span = self._document.inside(pointer, fault.start, fault.end)
            message = f"{spell(pointer)}: {fault.message}"
            self.findings.append(Finding(self._document.path, span, Level.ERROR, fault.check, message, fault.help))


def _is_sent(pointer: Pointer) -> bool:
    """Inside the body of a login, where null and empty text are values of their own."""
    return any(pair == ("auth", "body") for pair in pairwise(pointer))


def _types(schema: Mapping[str, Any], pointer: Pointer) -> list[str]:
    """The types a schema allows at a place; none where it does not say."""
    at: Any = schema
    for step in pointer:
        at = _resolve(schema, at)
        if isinstance(step, int):
            at = at.get("items", {})
        else:
            at = at.get("properties", {}).get(step) or at.get("additionalProperties") or {}
    types = _resolve(schema, at).get("type", [])
    return [types] if isinstance(types, str) else list(types)


def _resolve(schema: Mapping[str, Any], at: Any) -> Mapping[str, Any]:
    """Follow a `$ref`, and of alternatives take the mapping."""
    if not isinstance(at, Mapping):
        return {}
    if "$ref" in at:
        return _resolve(schema, schema["$defs"][at["$ref"].removeprefix("#/$defs/")])
    mappings = [branch for branch in at.get("oneOf", ()) if "properties" in branch]
    return mappings[0] if len(mappings) == 1 else at
