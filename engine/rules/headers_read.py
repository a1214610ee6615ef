"""Whether a rule reads headers of answers: no dead letter keeps those, so such a rule cannot be resumed."""

from __future__ import annotations

from jinja2 import nodes

from engine.rules.model import Rule
from engine.rules.templates import Template

_HEADERS = "headers"
_ELSEWHERE = frozenset({"event", "message"})  # their `headers` are a field, and the event's own


def reads_answer_headers(rule: Rule) -> bool:
    """True unless it is sure that none of the rule's templates looks at a header of an answer."""
    every = {request.id for request in rule.requests}
    single = {request.id for request in rule.requests if request.for_each is None}
    known = _ELSEWHERE | {name for name, _ in rule.vars}  # values from before the first answer
    for request in rule.requests:
        listed = [] if request.for_each is None else list(request.for_each.templates())
        for template in request.templates():
            # a list of answers may be counted, but whoever walks through it as items sees all of each
            if _reads(template, every, every if template in listed else single, known):
                return True
    return False


def _reads(template: Template, answers: set[str], opaque: set[str], known: frozenset[str]) -> bool:
    tree = template.ast()
    members: list[nodes.Getattr | nodes.Getitem] = [*tree.find_all(nodes.Getattr), *tree.find_all(nodes.Getitem)]
    if any(_is_headers(node) and _root(node) not in known for node in members):
        return True
    if not template.names & answers:
        return False
    looked_into = {id(node.node) for node in members if _is_plain(node)}
    whole = any(node.name in opaque and id(node) not in looked_into for node in tree.find_all(nodes.Name))
    # `find | json` has the headers in it; `map(attribute='headers.etag')` names them in a text
    return whole or any(_HEADERS in str(one.value) for one in tree.find_all(nodes.Const))


def _is_headers(node: nodes.Getattr | nodes.Getitem) -> bool:
    if isinstance(node, nodes.Getattr):
        return node.attr == _HEADERS
    return isinstance(node.arg, nodes.Const) and node.arg.value == _HEADERS


def _is_plain(node: nodes.Getattr | nodes.Getitem) -> bool:
    """Whether it is known which member it takes."""
    return isinstance(node, nodes.Getattr) or isinstance(node.arg, nodes.Const)


def _root(node: nodes.Expr) -> str | None:
    """The name that a chain of members begins with."""
    while isinstance(node, (nodes.Getattr, nodes.Getitem)):
        node = node.node
    return node.name if isinstance(node, nodes.Name) else None
