"""Each value of a request's query and body beside what the API's document says about it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from engine.checks.subject import Subject
from engine.checks.written import Computed, Constant, Entry, Listed, Mapped, Omitted, Unread, Value, plain, written
from engine.openapi.constants import misfit
from engine.openapi.operation import Operation, Parameter
from engine.openapi.schema import UNKNOWN, Alternatives, Schema, Schemas
from engine.rules import parts
from engine.rules.model import RequestRule

_NULL = frozenset({"null"})


@dataclass(frozen=True, slots=True)
class Slot:
    """A value and what it should be.

    Attributes:
        value: as written.
        wanted: what the document says.
        schemas: of the document.
        as_text: sent as text, so `5` and `"5"` are the same.
        is_whole: the whole body.
    """

    value: Value
    wanted: Alternatives
    schemas: Schemas
    as_text: bool = False
    is_whole: bool = False

    @property
    def mappings(self) -> Alternatives:
        """The alternatives that are mappings; where the value is one, those that it comes nearest to."""
        found = tuple(one for one in self.wanted if not one.types or "object" in one.types)
        return _nearest(self.value, found, self.schemas) if isinstance(self.value, Mapped) else found


def operations(subject: Subject) -> Iterator[tuple[RequestRule, Operation]]:
    """The rule's requests whose operation the document has."""
    for request in subject.rule.requests:
        operation = subject.operation(request)
        if operation is not None:
            yield request, operation


def body_slots(subject: Subject, request: RequestRule) -> tuple[Slot, ...]:
    """The body and all values in it; nothing for `raw` and where the document says nothing."""
    return subject.once(_body_slots, request)


def query_entries(subject: Subject, request: RequestRule) -> tuple[Entry, ...]:
    """The names of the query, also those in one expression that gives it."""
    return subject.once(_query_entries, request)


def query_slots(subject: Subject, request: RequestRule, operation: Operation) -> Iterator[Slot]:
    """The values of the query whose names the document has."""
    known = operation.query or {}
    for entry in query_entries(subject, request):
        parameter = known.get(entry.name)
        if parameter is not None and not parameter.is_object:
            yield from _query_slots(entry.value, parameter, operation.schemas)


def _body_slots(subject: Subject, request: RequestRule) -> tuple[Slot, ...]:
    operation = subject.operation(request)
    value = None if request.encoding == "raw" else written(subject, (*request.pointer, "body"))
    if value is None or operation is None:
        return ()
    wanted = operation.body(request.encoding, _media_type(request))
    return tuple(_slots(Slot(value, wanted, operation.schemas, request.encoding != "json", is_whole=True)))


def _query_entries(subject: Subject, request: RequestRule) -> tuple[Entry, ...]:
    value = written(subject, (*request.pointer, "query"))
    found = [one.entries for one in plain(value) if isinstance(one, Mapped)] if value is not None else []
    return tuple(entry for entries in found for entry in entries)


def _query_slots(value: Value, parameter: Parameter, schemas: Schemas) -> Iterator[Slot]:
    """A list repeats the name, so one element alone is right for a list too; empty filters have their own check."""
    each = tuple(
        schema
        for one in parameter.schema
        for schema in (schemas.elements(one) if "array" in one.types else (one,))
        if schema.types != _NULL
    )
    for one in plain(value):
        if isinstance(one, Listed) and any("array" in schema.types or not schema.types for schema in parameter.schema):
            for item in one.items:
                yield from _query_slots(item, parameter, schemas)
        elif isinstance(one, Constant) and parameter.joined and isinstance(one.data, str):
            for part in one.data.split(parameter.joined):
                yield Slot(Constant(part, one.spot), each or UNKNOWN, schemas, as_text=True)
        elif one.data not in (None, "") if isinstance(one, Constant) else not isinstance(one, Omitted | Unread):
            yield Slot(one, _with_lists(one, each, parameter), schemas, as_text=True)


def _with_lists(value: Value, each: Alternatives, parameter: Parameter) -> Alternatives:
    """What a computed value may be: one of the elements, or the list."""
    lists = [one for one in parameter.schema if "array" in one.types] if isinstance(value, Computed) else []
    return (*each, *lists) or UNKNOWN


def _slots(slot: Slot) -> Iterator[Slot]:
    if any(one.is_anything for one in slot.wanted):
        return
    for value in plain(slot.value):
        if isinstance(value, Omitted | Unread):
            continue
        here = Slot(value, slot.wanted, slot.schemas, slot.as_text, slot.is_whole)
        yield here
        if isinstance(value, Mapped):
            yield from _below(here, value)
        elif isinstance(value, Listed):
            elements = _elements(here)
            for item in value.items:
                yield from _slots(Slot(item, elements, slot.schemas, slot.as_text))


def _below(slot: Slot, value: Mapped) -> Iterator[Slot]:
    mappings = slot.mappings
    for entry in value.entries:
        wanted = property_of(mappings, entry.name, slot.schemas)
        if wanted is not None and not is_read_only(wanted):
            yield from _slots(Slot(entry.value, wanted, slot.schemas, slot.as_text))


def property_of(mappings: Alternatives, name: str, schemas: Schemas) -> Alternatives | None:
    """What a property of a mapping may be; None where no alternative has it."""
    each = [one for schema in mappings if (one := schemas.property(schema, name)) is not None]
    if not each:
        return None
    return UNKNOWN if UNKNOWN in each else tuple(schema for one in each for schema in one)


def is_read_only(wanted: Alternatives) -> bool:
    """True where the API does not take it."""
    return all(one.read_only for one in wanted)


def _elements(slot: Slot) -> Alternatives:
    """In a form a list repeats the name, so what a single value may be counts too."""
    lists = [one for one in slot.wanted if "array" in one.types]
    return tuple(schema for one in lists for schema in slot.schemas.elements(one)) or UNKNOWN


def _nearest(value: Mapped, mappings: Alternatives, schemas: Schemas) -> Alternatives:
    """Of several alternatives those that know all names; of these those whose constants fit, and nothing is missing."""
    found = mappings
    for is_near in (_knows_names, _fits_constants, _has_required):
        if len(found) < 2:
            break
        found = tuple(one for one in found if is_near(value, one, schemas)) or found
    return found


def _knows_names(value: Mapped, schema: Schema, schemas: Schemas) -> bool:
    return all(schemas.property(schema, entry.name) is not None for entry in value.entries)


def _fits_constants(value: Mapped, schema: Schema, schemas: Schemas) -> bool:
    for entry in value.entries:
        wanted = schemas.property(schema, entry.name)
        if isinstance(entry.value, Constant) and wanted is not None and misfit(entry.value.data, wanted) is not None:
            return False
    return True


def _has_required(value: Mapped, schema: Schema, _: Schemas) -> bool:
    return schema.required <= {entry.name for entry in value.entries}


def _media_type(request: RequestRule) -> str:
    """The rule's own Content-Type, "" where it has none or it depends on the event."""
    own = [part for name, part in request.headers if name.lower() == "content-type"]
    return next((str(part.data) for part in own if isinstance(part, parts.Constant)), "")
