"""A field that the API needs to create something, and that the body does not have.

Wrong:

    request: {method: POST, path: /incidents/, body: {status: new}}

Right:

    request: {method: POST, path: /incidents/, body: {name: "{{ event.name }}", status: new}}
"""

from __future__ import annotations

from collections.abc import Iterator

from engine.checks.slots import Slot, body_slots, operations
from engine.checks.subject import Subject
from engine.checks.sure import types_of
from engine.checks.written import Computed, Mapped, Omitted
from engine.findings import Finding, suggest
from engine.openapi.operation import Operation
from engine.openapi.schema import Alternatives, Schema, Schemas
from engine.rules.model import RequestRule
from engine.typing.model import Record, members
from engine.wording import join

ID = "missing-body-field"

_CREATING = frozenset({"POST", "PUT"})


def check(subject: Subject) -> Iterator[Finding]:
    """Bodies of POST and PUT without a field that is `required`; a `readOnly` one never is."""
    for request, operation in operations(subject):
        if request.method not in _CREATING or request.encoding == "raw":
            continue
        if request.body is None:
            yield from _without_body(subject, request, operation)
        for slot in body_slots(subject, request):
            missing = _missing(subject, slot)
            if missing and slot.is_whole:
                yield subject.at((*request.pointer, "body"), key=True).error(ID, *_words(request, missing))
            elif missing and isinstance(slot.value, Mapped) and not slot.as_text:
                said = f"the API needs {join([repr(one) for one in missing], 'and')} here"
                yield slot.value.spot.error(ID, said)


def _without_body(subject: Subject, request: RequestRule, operation: Operation) -> Iterator[Finding]:
    wanted = operation.body(request.encoding)
    needed = [required(one, operation.schemas) for one in wanted if not one.types or "object" in one.types]
    if operation.needs_body and needed and all(needed):
        yield subject.at((*request.pointer, "method")).error(ID, *_words(request, needed[0]))


def _words(request: RequestRule, missing: list[str]) -> tuple[str, str]:
    names = join([f"'{one}'" for one in missing], "and")
    return f"{request.method} {request.path} needs {names}", "add it" if len(missing) == 1 else "add them"


def _missing(subject: Subject, slot: Slot) -> list[str]:
    """Names that all alternatives need and that are not there; [] where one alternative has all it needs."""
    given = _given(subject, slot)
    if given is None:
        return []
    misspelt = {suggest(name, one.properties) for one in slot.mappings for name in given - one.properties.keys()}
    each = [[name for name in required(one, slot.schemas) if name not in given] for one in slot.mappings]
    return [name for name in min(each, key=len, default=[]) if name not in misspelt]


def _given(subject: Subject, slot: Slot) -> set[str] | None:
    """The names of a mapping, or of the record that an expression gives; None where they are not known."""
    value = slot.value
    if isinstance(value, Mapped):
        given = {entry.name for entry in value.entries if not isinstance(entry.value, Omitted)}
        return given if value.whole else None
    types = types_of(subject, value).values() if isinstance(value, Computed) and slot.is_whole else ()
    records = [one for found in types for one in members(found)]
    if not records or not all(isinstance(one, Record) and not one.open for one in records):
        return None
    return {name for one in records if isinstance(one, Record) for name in one.fields}


def required(schema: Schema, schemas: Schemas) -> list[str]:
    """Names that a mapping has to have in a request, in the document's order."""
    named = [name for name in schema.properties if name in schema.required]
    names = dict.fromkeys([*named, *sorted(schema.required)])
    return [name for name in names if not _is_read_only(schemas.property(schema, name))]


def _is_read_only(wanted: Alternatives | None) -> bool:
    return wanted is not None and all(one.read_only for one in wanted)
