"""What the names in a template are, and what has been proven about them where it stands."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from jinja2 import nodes

from engine.rules.syntax import children
from engine.typing import model
from engine.typing.model import Field, ListOf, Map, Record, Source, Text, Type, union

Path = tuple[str | int, ...]
"""A value by the way to it: `('event', 'payload', 'name')`."""

RESPONSE = "response"
"""The name of the record that stands for an answer of the API."""


@dataclass(frozen=True, slots=True)
class Env:
    """Names and facts; never changed.

    Attributes:
        names: types by name.
        facts: narrower types by path, from the conditions around.
        aliases: vars that are another value under a new name, by the path to it.
        sure: names whose types are certain: not those from an API's document.
        broken: vars whose own value has a flaw.
        event: the event without the fields that all events have.
        faulty: a condition around has a flaw, so it may have meant to prove what looks unproven.
        dead: this cannot be reached.
    """

    names: Mapping[str, Type]
    facts: Mapping[Path, Type] = field(default_factory=dict)
    aliases: Mapping[str, Path] = field(default_factory=dict)
    sure: frozenset[str] = frozenset()
    broken: frozenset[str] = frozenset()
    event: Type = model.UNKNOWN
    faulty: bool = False
    dead: bool = False

    def bind(self, name: str, found: Type, *, sure: bool, alias: Path | None = None, broken: bool = False) -> Env:
        """A name with a new meaning; nothing proven about its old one holds."""
        facts = {path: known for path, known in self.facts.items() if path[0] != name}
        aliases = {other: path for other, path in self.aliases.items() if other != name and path[0] != name}
        if alias is not None and alias[0] != name:
            aliases[name] = alias
        trusted = self.sure | {name} if sure else self.sure - {name}
        names = {**self.names, name: found}
        marked = self.broken | {name} if broken else self.broken - {name}
        return replace(self, names=names, facts=facts, aliases=aliases, sure=trusted, broken=marked)

    def prove(self, path: Path, found: Type | None) -> Env:
        """A narrower type for a path; None: no value is left, so this cannot be reached."""
        if found is None:
            return replace(self, dead=True)
        return replace(self, facts={**self.facts, path: found})

    def unproven(self) -> Env:
        """The names alone."""
        return replace(self, facts={})

    def doubt(self) -> Env:
        """The same below a condition that has a flaw."""
        return self if self.faulty else replace(self, faulty=True)

    def end(self) -> Env:
        """The same where it cannot be reached."""
        return self if self.dead else replace(self, dead=True)


def join(one: Env, other: Env) -> Env:
    """What holds whichever of two ways was taken from the same place."""
    if one.dead:
        return other
    if other.dead:
        return one
    facts = {path: union(found, other.facts[path]) for path, found in one.facts.items() if path in other.facts}
    return replace(one, facts=facts, faulty=one.faulty or other.faulty)


def path_of(node: nodes.Node, env: Env) -> Path | None:
    """The way to the value of `a.b['c'][0]`, through aliases; None for any other expression."""
    if type(node) is nodes.Name:
        return env.aliases.get(node.name, (node.name,))
    if type(node) is nodes.Getattr:
        owner = path_of(node.node, env)
        return None if owner is None else (*owner, node.attr)
    if type(node) is nodes.Getitem and type(node.arg) is nodes.Const:
        owner = path_of(node.node, env)
        key = node.arg.value
        return (*owner, key) if owner is not None and isinstance(key, str | int) else None
    return None


def proven(node: nodes.Node, env: Env) -> Type | None:
    """What a condition around proves of an expression; None where nothing does."""
    path = path_of(node, env) if env.facts else None
    return None if path is None else env.facts.get(path)


def names_in(node: nodes.Node) -> Iterator[str]:
    """Every name that an expression reads."""
    waiting = [node]
    while waiting:
        found = waiting.pop()
        if type(found) is nodes.Name:
            yield found.name
        else:
            waiting += children(found)


def is_sure(node: nodes.Node, env: Env) -> bool:
    """True where nothing in an expression comes from an API's document."""
    return all(name in env.sure for name in names_in(node))


def event_scope(event: Type, name: str, version: int | None) -> Env:
    """What `order_by` and the rule's `when` see.

    Args:
        event: the type of the record.
        name: the event type of the rule.
        version: of the event, None where nothing is known of it.
    """
    common = {
        "event_id": Field(model.TEXT),
        "event_type": Field(Text(symbols=(name,), source=Source.EVENT)),
        "version": Field(model.INTEGER if version is None else model.Number(values=(version,))),
    }
    whole = [_with(one, common) for one in model.members(event)]
    names = {"event": union(*whole), "message": MESSAGE, "omit": model.OMITTED}
    return Env(names, sure=frozenset(names), event=event)


def response(body: Type, item: Type, *, paginate: bool) -> Record:
    """An answer; open, as a check of its own knows its fields."""
    fields = {
        "skipped": Field(model.BOOLEAN),
        "status": Field(model.INTEGER),
        "headers": Field(Map(model.TEXT)),
        "body": Field(body),
    }
    if paginate:
        fields["items"] = Field(ListOf(item))
    return Record(fields, open=True, name=RESPONSE, source=Source.RESPONSE)


def loop(item: Type) -> Record:
    """`loop` inside a `for`."""
    numbers = ("index", "index0", "revindex", "revindex0", "length", "depth", "depth0")
    fields = {name: Field(model.INTEGER) for name in numbers}
    fields |= {name: Field(model.BOOLEAN) for name in ("first", "last")}
    fields |= {name: Field(item, optional=True) for name in ("previtem", "nextitem")}
    return Record(fields, name="loop", source=Source.RULE)


def fields_of(found: Type) -> Iterable[str]:
    """The names of the fields that a value may have."""
    records = [one for one in model.members(found) if isinstance(one, Record)]
    return dict.fromkeys(name for one in records for name in one.fields)


def _with(one: Type, common: Mapping[str, Field]) -> Type:
    return replace(one, fields={**one.fields, **common}) if isinstance(one, Record) else one


MESSAGE = Record(
    {
        "topic": Field(model.TEXT),
        "partition": Field(model.INTEGER),
        "offset": Field(model.INTEGER),
        "key": Field(model.UNKNOWN),  # null, text or bytes, as the producer likes: nothing can be held against a use
        "timestamp": Field(model.DATETIME),
        "headers": Field(Map(model.TEXT)),
    },
    name="message",
)
