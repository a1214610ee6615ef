"""A rule and its requests, compiled: everything that can be known before an event comes is known here."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from engine.api.messages import Accept, RetryOverrides
from engine.errors import Stage, Undeliverable
from engine.events.event import Event, Message
from engine.rules.parts import Part
from engine.rules.sandbox import Scope
from engine.rules.templates import Pointer, RenderFailed, Template, Templates
from engine.rules.values import Problem, text

Condition = Template | bool


@dataclass(frozen=True, slots=True)
class Expect:
    """What an answer must be.

    Attributes:
        accept: statuses that are a success.
        that: condition on the answer, None for none.
        message: what the dead letter says where `that` is false.
    """

    accept: Accept = field(default=Accept())
    that: Condition | None = None
    message: Part | None = None


@dataclass(frozen=True, slots=True)
class RequestRule:
    """One request of a rule.

    Attributes:
        pointer: its place in the document: `("request",)` or `("requests", 0)`.
        id: the name of its response.
        api: name in `apis`, "" for `api`.
        method: upper case.
        path: as written; `path_template` renders it, None where it is literal.
        query: a mapping or one expression, None for none.
        headers: names as written, with what gives the value.
        body: None for none.
        for_each: what gives the list; `item` names its elements.
        retry: the rule's and the request's overrides, merged.
        timeout: seconds, None for the API's.
    """

    pointer: Pointer
    id: str
    api: str
    method: str
    path: str
    path_template: Template | None
    query: Part | None
    allow_empty: bool
    headers: tuple[tuple[str, Part], ...]
    body: Part | None
    encoding: Literal["json", "form", "multipart", "raw"]
    expect: Expect
    when: Condition
    for_each: Part | None
    item: str
    paginate: bool
    retry: RetryOverrides
    timeout: float | None

    def templates(self) -> Iterator[Template]:
        """All of them: those that choose, then those that make the request, then those that judge the answer."""
        for part in (self.for_each, self.when, self.path_template, self.query):
            yield from _templates(part)
        for _, part in self.headers:
            yield from part.templates()
        for part in (self.body, self.expect.that, self.expect.message):
            yield from _templates(part)


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule.

    Attributes:
        name: the file's stem; `stem#2` for the second document of a file.
        path: the file as the user named it.
        line: where the rule begins, from 1.
        event_type: the type of its events.
        versions: the versions it lists, None for every version that no other rule lists.
        digest: SHA-256 over what the rule says, hexadecimal; comments and layout do not count.
        retry: what differs from the configured policy.
        restart: a retry begins at the first request again.
        max_age: seconds, None for no limit.
        on_old: what happens to an older event.
        on_dead: what happens to later events of its key when an event is a dead letter.
        order_by: gives the ordering key, None for the message's.
        when: False: the event is skipped.
        vars: in file order.
        requests: in file order.
        sandbox: what the rule's templates were made by.
        uses_message: a template reads `message`.
    """

    name: str
    path: Path
    line: int
    event_type: str
    versions: tuple[int, ...] | None
    digest: str
    retry: RetryOverrides
    restart: bool
    max_age: float | None
    on_old: Literal["skip", "dead"]
    on_dead: Literal["continue", "park"]
    order_by: Part | None
    when: Condition
    vars: tuple[tuple[str, Part], ...]
    requests: tuple[RequestRule, ...]
    sandbox: Templates
    uses_message: bool

    def scope(self, event: Event) -> Scope:
        """What the rule's first templates see: `event` and `message`."""
        names = self.sandbox.names()
        names["event"] = event.record
        if self.uses_message:
            names["message"] = message_fields(event.message)
        return self.sandbox.scope(names)

    def order_key(self, event: Event) -> str | bytes | None:
        """The ordering key: text where it is UTF-8, so that `order_by` and message keys that say the same are the same.

        Raises:
            Undeliverable: stage `render`: `order_by` cannot be rendered for this event.
        """
        try:
            found = None if self.order_by is None else self.order_by.value(self.scope(event))
            if found is None:
                found = event.message.key
            return _readable(found) if isinstance(found, bytes) else found if found is None else text(found)
        except RenderFailed as error:
            raise Undeliverable(Stage.RENDER, str(error)) from error
        except Problem as error:
            raise Undeliverable(Stage.RENDER, f"order_by: {error}") from error

    def applies(self, event: Event) -> bool:
        """False where the event is skipped.

        Raises:
            Undeliverable: stage `render`: `when` cannot be rendered, or gives no boolean.
        """
        when = self.when
        if isinstance(when, bool):
            return when
        try:
            return when.truth(self.scope(event))
        except RenderFailed as error:
            raise Undeliverable(Stage.RENDER, str(error)) from error

    def templates(self) -> Iterator[Template]:
        """All of them, in the order in which they are rendered."""
        yield from _templates(self.order_by)
        yield from _templates(self.when)
        for _, part in self.vars:
            yield from part.templates()
        for request in self.requests:
            yield from request.templates()

    def prepare(self) -> None:
        """Compile all templates now rather than for the first event."""
        for template in self.templates():
            template.prepare()


def message_fields(message: Message) -> Mapping[str, Any]:
    """`message` as templates see it: the key as text where it is UTF-8, the time as a UTC datetime."""
    stamp = message.timestamp
    return {
        "topic": message.topic,
        "partition": message.partition,
        "offset": message.offset,
        "key": None if message.key is None else _readable(message.key),
        "timestamp": None if stamp is None else _EPOCH + dt.timedelta(milliseconds=stamp),
        "headers": {name: value.decode(errors="replace") for name, value in message.headers if value is not None},
    }


_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def _readable(key: bytes) -> str | bytes:
    try:
        return key.decode()
    except UnicodeDecodeError:
        return key


def _templates(part: Part | Condition | None) -> Iterator[Template]:
    """The templates of whatever may stand at a key of a rule."""
    if isinstance(part, Template):
        yield part
    elif part is not None and not isinstance(part, bool):
        yield from part.templates()
