"""Templates of literal text and plain lookups, `{{ event.payload.ref_id }}`, as most are: rendered without Jinja.

Whatever is not plain at run time, a missing field, a null on the way, too long a text, is UNSURE here: then the sandbox
renders the template, and says what is wrong.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from jinja2 import nodes

from engine.rules.paths import segment
from engine.rules.syntax import whole_expression
from engine.rules.values import Problem, text

UNSURE: Final = object()
"""The sandbox must render this one."""


class Shortcut:
    """Literal texts and lookups, in order.

    Args:
        pieces: a text, or a name with the keys that follow it.
        path: True where every value becomes a percent-encoded part of a path.
        limit: characters that the result may have.
    """

    __slots__ = ("_first", "_limit", "_pieces", "_write")

    def __init__(self, pieces: tuple[str | Lookup, ...], *, path: bool, limit: int) -> None:
        self._pieces = pieces
        self._first = pieces[0] if isinstance(pieces[0], Lookup) else None
        self._write = segment if path else text
        self._limit = limit

    def value(self, names: Mapping[str, Any]) -> Any:
        """The value of the one lookup, or UNSURE."""
        if self._first is None:
            return UNSURE
        found = self._first.find(names)
        return UNSURE if type(found) is str and len(found) > self._limit else found

    def text(self, names: Mapping[str, Any]) -> str | None:
        """The text, None where it is unsure."""
        parts = []
        for piece in self._pieces:
            if isinstance(piece, str):
                parts.append(piece)
                continue
            found = piece.find(names)
            if found is UNSURE:
                return None
            try:
                parts.append(self._write(found))
            except Problem:
                return None
        made = "".join(parts)
        return made if len(made) <= self._limit else None


class Lookup:
    """A name of the scope and the keys that follow it; a text is a key of a map, a number an index of a list."""

    __slots__ = ("_keys", "_name")

    def __init__(self, name: str, keys: tuple[str | int, ...]) -> None:
        self._name = name
        self._keys = keys

    def find(self, names: Mapping[str, Any]) -> Any:
        """What is there, or UNSURE."""
        found: Any = names.get(self._name, UNSURE)
        try:
            for key in self._keys:
                if type(found) is not (dict if type(key) is str else list):
                    return UNSURE
                found = found[key]  # type: ignore[index]  # a dict's text or a list's number, as just seen
        except (KeyError, IndexError):
            return UNSURE
        return found


def shortcut(tree: nodes.Template, *, path: bool, limit: int) -> Shortcut | None:
    """The template's short way; None where it needs the sandbox.

    Args:
        tree: as parsed; not changed.
        path: as for `Shortcut`.
        limit: as for `Shortcut`.
    """
    whole = None if path else whole_expression(tree)
    if whole is not None:
        children = [whole]
    elif len(tree.body) == 1 and isinstance(tree.body[0], nodes.Output):
        children = tree.body[0].nodes
    else:
        return None
    pieces = [child.data if isinstance(child, nodes.TemplateData) else _lookup(child) for child in children]
    found = tuple(piece for piece in pieces if piece is not None)
    return Shortcut(found, path=path, limit=limit) if found and len(found) == len(pieces) else None


def _lookup(node: nodes.Node) -> Lookup | None:
    keys: list[str | int] = []
    while not isinstance(node, nodes.Name):
        if isinstance(node, nodes.Getattr):
            keys.append(node.attr)
        elif (
            isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Const) and type(node.arg.value) in (str, int)
        ):
            keys.append(node.arg.value)
        else:
            return None
        node = node.node
    return Lookup(node.name, tuple(reversed(keys)))
