r"""A header value that no header can hold.

Wrong:

    headers: {X-Note: "first\nsecond"}

Right:

    headers: {X-Note: "first second"}
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from engine.checks.subject import Subject
from engine.findings import Finding
from engine.rules.parts import Constant

ID = "header-value"

_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


def check(subject: Subject) -> Iterator[Finding]:
    """Constant values with CR, LF, NUL or another control character."""
    for request in subject.rule.requests:
        for name, part in request.headers:
            if isinstance(part, Constant) and isinstance(part.data, str) and _CONTROL.search(part.data):
                spot = subject.at((*request.pointer, "headers", name))
                yield spot.error(ID, "has a line break or another control character, which a header cannot hold")
