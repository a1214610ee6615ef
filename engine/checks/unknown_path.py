"""A path that the API's document does not have.

Wrong:

    request: {method: GET, path: /aplied-controls/}

Right:

    request: {method: GET, path: /applied-controls/}
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from engine.checks.subject import Subject
from engine.findings import Finding, suggest
from engine.openapi.api import KnownApi
from engine.openapi.paths import VALUE, KnownPath, segments_of, shape_of
from engine.rules.model import RequestRule
from engine.rules.syntax import is_template

ID = "unknown-path"
SLASH = "trailing-slash"


def check(subject: Subject) -> Iterator[Finding]:
    """Paths that the document does not have, whatever the values in them are."""
    for request, api in _with_document(subject):
        if api.find(request.path) is None and not _may_exist(request, api) and not _other_slash(request, api):
            spot = subject.at((*request.pointer, "path"))
            yield spot.error(ID, f"the API has no path '{request.path}'", _remedy(request, api))


def check_slash(subject: Subject) -> Iterator[Finding]:
    """Paths that the document has with a slash at the end, or without it."""
    for request, api in _with_document(subject):
        right = _other_slash(request, api) if api.find(request.path) is None else ""
        if right and not _may_exist(request, api):
            said = f"the API has this path {'with' if right.endswith('/') else 'without'} a slash at its end"
            yield subject.at((*request.pointer, "path")).error(SLASH, said, f"write '{right}'")


def _with_document(subject: Subject) -> Iterator[tuple[RequestRule, KnownApi]]:
    for request in subject.rule.requests:
        api = subject.apis.get(request.api)
        is_unread = request.path_template is None and is_template(request.path)  # a finding of its own says so
        if api is not None and not is_unread:
            yield request, api


def _other_slash(request: RequestRule, api: KnownApi) -> str:
    """The path with the slash added or taken away, where the document has that; else ""."""
    path = request.path
    other = path.removesuffix("/") if path.endswith("/") else f"{path}/"
    return other if api.find(other) is not None else ""


def _may_exist(request: RequestRule, api: KnownApi) -> bool:
    """True where a value stands for what is literal in the document, so that the path depends on the event."""
    asked = segments_of(shape_of(request.path))
    return VALUE in shape_of(request.path) and any(
        one.may_match(asked) for one in _as_rules(api).values() if len(one.segments) == len(asked)
    )


def _as_rules(api: KnownApi) -> Mapping[str, KnownPath]:
    return {text: KnownPath(text) for text in api.document.seen_by_rules(api.base)}


def _remedy(request: RequestRule, api: KnownApi) -> str:
    paths = _similar(shape_of(request.path), api.document.seen_by_rules(api.base))
    near = suggest(shape_of(request.path), paths)
    return f"did you mean '{paths[near]}'?" if near else ""


def _similar(asked: str, known: Iterable[str]) -> Mapping[str, str]:
    """The document's paths by what they look like with the rule's own values in place of parameters."""
    mine = asked.split("/")
    found: dict[str, str] = {}
    for text in known:
        parts = text.split("/")
        if len(parts) == len(mine):
            parts = [here if "{" in there and VALUE in here else there for there, here in zip(parts, mine, strict=True)]
        found.setdefault("/".join(parts), text)
    return found
