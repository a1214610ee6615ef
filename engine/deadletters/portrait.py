"""One dead letter as people read it: the event, what failed, the answers so far, what a replay would send."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from engine.config.model import Config
from engine.deadletters.conversation import Beginning, Conversation, begin
from engine.deadletters.letter import DeadLetter
from engine.deadletters.screen import plain
from engine.deadletters.standing import Line
from engine.errors import Undeliverable
from engine.events.event import Event, Message
from engine.observe.mask import Mask
from engine.rules.model import Rule
from engine.rules.preview import Known, preview
from engine.sketch import Contracts, lines

_DUMPED = 512  # bytes of a value that cannot be decoded
_ROW = 16
_KEY = 80  # characters of a key


def facts(line: Line, message: Message, dlq_topic: str, reason: str | None) -> Iterator[str]:
    """Where the letter and its event stand, and what failed."""
    letter = line.letter
    given_up = f" ({plain(reason)})" if reason else ""
    yield f"source    {_place(letter.source)}{_stamp(message)}{_key(message)}"
    yield f"letter    {dlq_topic}[{letter.place.partition}]@{letter.place.offset}, {_time(letter.failed_at)}"
    yield f"state     {str(line.standing).replace('_', ' ')}{given_up}, {_times(line.replays, 'replay')}"
    if letter.event_type is not None:
        yield f"event     {plain(letter.event_type)}, version {letter.event_version}, id {plain(letter.event_id)}"
    status = "" if letter.status is None else f", status {letter.status}"
    failed = ""
    if letter.request is not None:
        failed = f", request {plain(letter.request)}{status}, {_times(letter.attempts, 'attempt')}"
    yield f"failed    {letter.stage}{failed} ({plain(letter.error_class)})"
    yield f"error     {plain(letter.error)}"


def event_text(event: Event, mask: Mask) -> str:
    """The decoded event, values of secret names masked."""
    return pretty(event.record, mask)


def dump(value: bytes | None) -> Iterator[str]:
    """A value as bytes: offset, hexadecimal, ASCII."""
    data = value or b""
    for start in range(0, min(len(data), _DUMPED), _ROW):
        row = data[start : start + _ROW]
        shown = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in row)
        yield f"{start:08x}  {row.hex(' '):<{_ROW * 3}} {shown}"
    if len(data) > _DUMPED:
        yield f"... {len(data) - _DUMPED:,} more bytes"
    if not data:
        yield "(no bytes)"


def conversation_text(conversation: Conversation, mask: Mask) -> Iterator[str]:
    """The answers so far."""
    for number, answer in enumerate(conversation.answers, 1):
        yield f"{number}. {answer.id}: {answer.status}"
        yield pretty(answer.body, mask)


def rule_text(rule: Rule) -> str:
    """The rule as its file says it now."""
    try:
        text = rule.path.read_text(encoding="utf-8-sig").splitlines()
    except OSError:
        return ""
    document = text[rule.line - 1 :]
    end = next((number for number, one in enumerate(document) if number and one.startswith(("---", "..."))), None)
    return "\n".join(document[:end]).rstrip()


def next_text(
    rule: Rule, event: Event, letter: DeadLetter, conversation: Conversation | None, config: Config
) -> Iterator[str]:
    """What a replay would send, the next request as it would be, those after it as far as they are known."""
    try:
        if not rule.applies(event):
            yield "nothing: the rule's `when` is false for this event"
            return
        beginning = begin(rule, event, config.limits, letter, conversation)
        yield from _begun(beginning, rule, event, config)
    except Undeliverable as error:
        yield f"nothing: a replay would be a dead letter again, at stage {error.stage}: {plain(str(error))}"


def where(beginning: Beginning) -> str:
    """Where a replay begins, in words."""
    if beginning.answers:
        number = len(beginning.answers)
        words = f"resumed after {number} answer{'s' if number > 1 else ''}"
    else:
        words = f"from the start: {beginning.why}" if beginning.why else "from the start"
    repeated = f"; sent again: {', '.join(beginning.repeated)}" if beginning.repeated else ""
    return words + repeated


def pretty(value: Any, mask: Mask) -> str:
    """A value as JSON, without secrets and without characters that a terminal would obey."""
    masked = mask.deep(mask.fields({"": _jsonable(value)}))[""]
    text = json.dumps(masked, indent=2, ensure_ascii=False, default=str)
    return "\n".join(plain(line) for line in text.splitlines())


def _begun(beginning: Beginning, rule: Rule, event: Event, config: Config) -> Iterator[str]:
    yield where(beginning)
    if beginning.failure is not None:
        raise beginning.failure
    request = beginning.request
    if request is None:
        yield "nothing is left to be sent"
        return
    index = next(number for number, one in enumerate(rule.requests) if one.id == request.id)
    Contracts(config).check(request)
    yield from lines(index + 1, Known(rule.requests[index], request), event, config)
    for sight in preview(rule, event, config.limits):
        after = rule.requests.index(sight.rule)
        if after > index:
            yield from lines(after + 1, sight, event, config)


def _jsonable(value: Any) -> Any:
    """Values of an event that JSON does not know, as text; bytes by their number."""
    if isinstance(value, Mapping):
        return {str(key): _jsonable(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_jsonable(inner) for inner in value]
    if isinstance(value, bytes):
        return f"({len(value)} bytes)"
    return value


def _place(source: tuple[str, int, int]) -> str:
    topic, partition, offset = source
    return f"{plain(topic)}[{partition}]@{offset}"


def _stamp(message: Message) -> str:
    if message.timestamp is None:
        return ""
    try:
        return f", {_time(datetime.fromtimestamp(message.timestamp / 1000, UTC))}"
    except (ValueError, OverflowError, OSError):
        return ""  # a producer may write any number


def _key(message: Message) -> str:
    if message.key is None:
        return ", no key"
    return f", key {message.key.decode(errors='backslashreplace')[:_KEY]!r}"


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _times(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
