"""A body field that the API's document does not have: many APIs ignore it and answer 200.

Wrong:

    request: {method: PATCH, path: "/applied-controls/{{ event.id }}/", body: {state: active}}

Right:

    request: {method: PATCH, path: "/applied-controls/{{ event.id }}/", body: {status: active}}
"""

from __future__ import annotations

from collections.abc import Iterator

from engine.checks.slots import Slot, body_slots, operations, property_of
from engine.checks.subject import Subject
from engine.checks.sure import is_sure, types_of
from engine.checks.written import Computed, Mapped
from engine.findings import Finding, suggest
from engine.openapi.schema import Alternatives
from engine.typing.model import Record, members
from engine.wording import join

ID = "unknown-body-field"

_LISTED = 12  # names that a remedy lists
_SHOWN = 4  # names of a record that a message lists


def check(subject: Subject) -> Iterator[Finding]:
    """Names in the body, at any depth, that no alternative of the schema has; also those of a record of the event."""
    for request, _ in operations(subject):
        said = f"{request.method} {request.path} takes no field"
        for slot in body_slots(subject, request):
            mappings = slot.mappings
            if not mappings or (slot.as_text and not slot.is_whole):
                continue
            if isinstance(slot.value, Mapped):
                for entry in slot.value.entries:
                    if property_of(mappings, entry.name, slot.schemas) is None:
                        yield entry.key.error(ID, f"{said} '{entry.name}'", _remedy(entry.name, mappings))
            elif unknown := _of_records(subject, slot):
                shown = [f"'{name}'" for name in unknown[:_SHOWN]]
                names = join([*shown, f"{len(unknown) - _SHOWN} more"] if len(unknown) > _SHOWN else shown, "and")
                yield slot.value.spot.error(ID, f"{said} {names}", "write the fields that it takes one by one")


def _of_records(subject: Subject, slot: Slot) -> list[str]:
    """Names of the event's fields that the API does not know, where a whole record of it is sent."""
    if not isinstance(slot.value, Computed) or not is_sure(slot.value.place):
        return []
    types = types_of(subject, slot.value).values()
    records = [one for found in types for one in members(found) if isinstance(one, Record) and not one.open]
    names = dict.fromkeys(name for one in records for name in one.fields)
    return [name for name in names if property_of(slot.mappings, name, slot.schemas) is None]


def _remedy(name: str, mappings: Alternatives) -> str:
    known = list(dict.fromkeys(one for schema in mappings for one in schema.properties))
    near = suggest(name, known)
    if near:
        return f"did you mean '{near}'?"
    return f"it takes {', '.join(known)}" if 0 < len(known) <= _LISTED else ""
