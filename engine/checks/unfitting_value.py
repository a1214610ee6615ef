"""A value that the API's document does not allow where it stands: of another type, outside the enum, not of the format.

Wrong:

    request: {method: PATCH, path: "/applied-controls/{{ event.id }}/", body: {status: actve}}

Right:

    request: {method: PATCH, path: "/applied-controls/{{ event.id }}/", body: {status: active}}
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from engine.checks.slots import Slot, body_slots, operations, query_slots
from engine.checks.subject import Subject
from engine.checks.sure import is_sure, types_of
from engine.checks.written import Computed, Constant, Listed, Mapped, plain
from engine.findings import Finding, Span, many
from engine.openapi.constants import Misfit, misfit
from engine.openapi.fitting import may_be_null, type_misfit
from engine.typing import model
from engine.typing.model import Type

ID = "unfitting-value"


def check(subject: Subject) -> Iterator[Finding]:
    """Values of `query` and `body`, at any depth: those that are written out, and the types of the others."""
    for request, operation in operations(subject):
        slots = [*query_slots(subject, request, operation), *body_slots(subject, request)]
        found = [_finding(slot, why) for slot in slots if (why := _misfit(slot)) is not None]
        yield from found
        told = {finding.span for finding in found}
        for slot in slots:
            if isinstance(slot.value, Computed):
                yield from _by_type(subject, slot, slot.value, told)


def _misfit(slot: Slot) -> Misfit | None:
    match slot.value:
        case Constant(data=data):
            return misfit(data, slot.wanted, as_text=slot.as_text)
        case Listed():
            return misfit([], slot.wanted, as_text=slot.as_text)
        case Mapped() if not slot.as_text:
            return misfit({}, slot.wanted)
        case Computed(is_text=True):
            return type_misfit(model.TEXT, slot.wanted, slot.schemas, as_text=slot.as_text)
        case _:
            return None


def _finding(slot: Slot, why: Misfit) -> Finding:
    """A mapping where the document has text is a warning: documents are often wrong about related objects."""
    spot = slot.value.spot
    is_text = any("string" in one.types for one in slot.wanted)
    if isinstance(slot.value, Mapped) and is_text:
        return spot.warning(ID, why.said, why.remedy)
    return spot.error(ID, why.said, why.remedy)


def _by_type(subject: Subject, slot: Slot, value: Computed, told: Collection[Span]) -> Iterator[Finding]:
    """What does not fit in some version, unless a value that is written in the same template was told already."""
    if value.is_text or (told and _spans(value) & set(told)):
        return
    types = types_of(subject, value)
    found = {version: why for version, one in types.items() if (why := _of_type(value, one, slot)) is not None}
    if found:
        why = next(iter(found.values()))
        which = (
            f" ({many(len(found), 'version').partition(' ')[2]} {', '.join(map(str, found))})" if len(types) > 1 else ""
        )
        yield value.spot.error(ID, why.said + which, why.remedy)


def _of_type(value: Computed, found: Type, slot: Slot) -> Misfit | None:
    return _null(value, found, slot) or type_misfit(found, slot.wanted, slot.schemas, as_text=slot.as_text)


def _null(value: Computed, found: Type, slot: Slot) -> Misfit | None:
    """Null where the API takes none; in a query it has a check of its own, and in a form no text."""
    if slot.as_text or not model.may_be_null(found) or may_be_null(slot.wanted) or not is_sure(value.place):
        return None
    return Misfit("may be null, and the API takes no null here", "write `omit if ... is none else ...` to leave it out")


def _spans(value: Computed) -> set[Span]:
    return {one.spot.span for one in plain(value)}
