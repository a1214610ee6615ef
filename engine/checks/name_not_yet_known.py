"""A name that exists in the rule, but not where it is used: `order_by` and `when`, then `vars`, then each request.

Wrong:

    requests:
      - {id: update, method: PATCH, path: "/assets/{{ find.body.id }}/", body: {name: x}}
      - {id: find, method: GET, path: /assets/}

Right:

    requests:
      - {id: find, method: GET, path: /assets/}
      - {id: update, method: PATCH, path: "/assets/{{ find.body.id }}/", body: {name: x}}
"""

from __future__ import annotations

from collections.abc import Iterator

from engine.checks.subject import Subject
from engine.findings import Finding
from engine.rules.scope import Place

ID = "name-not-yet-known"


def check(subject: Subject) -> Iterator[Finding]:
    """Vars before their definition, responses before their request has run, items outside their `for_each`."""
    for place in subject.places:
        for name in sorted(place.template.names - place.names.keys() & place.hidden.keys()):
            if spot := subject.use(place, name):
                said = f"'{name}' is not known here: {place.hidden[name]}"
                yield spot.error(ID, said, _remedy(name, place))


def _remedy(name: str, place: Place) -> str:
    request = place.request
    if name == "item" and request is not None and request.for_each is not None and request.item != "item":
        return f"the item is named '{request.item}' here"
    return ""
