"""The literal parts of a path with templates in it, looked at with every value in its place.

Wrong:

    path: /assets/../users/{{ event.id }}/

Right:

    path: /users/{{ event.id }}/
"""

from __future__ import annotations

from collections.abc import Iterator

from engine.checks.expressions import literals
from engine.checks.subject import Subject
from engine.findings import Finding
from engine.rules.paths import check_literal, check_path
from engine.rules.values import Problem

ID = "wrong-path"

_VALUE = "x"  # stands for what an event gives


def check(subject: Subject) -> Iterator[Finding]:
    """`.` and `..` segments, empty segments and encoded separators in the literal parts."""
    for place in subject.places:
        parts = literals(place.template.ast()) if place.role == "path" else None
        if parts is None or not all(map(_is_literal, parts)):
            continue  # statements: what the path is depends on the event; or a finding says so already
        try:
            check_path(_VALUE.join(parts))
        except Problem as error:
            yield subject.at(place.template.pointer).error(ID, str(error))


def _is_literal(part: str) -> bool:
    try:
        check_literal(part)
    except Problem:
        return False
    return True
