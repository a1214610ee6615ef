"""`engine dlq show`: one dead letter, with everything that helps to understand it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from engine.config.load import load_config
from engine.config.model import Config, Log
from engine.deadletters.box import Box, open_box
from engine.deadletters.conversation import Conversation, read_conversation
from engine.deadletters.letter import original, resume_of
from engine.deadletters.opening import Decoding
from engine.deadletters.portrait import conversation_text, dump, event_text, facts, next_text, rule_text
from engine.deadletters.screen import Screen
from engine.deadletters.selection import Selection
from engine.deadletters.standing import Line
from engine.errors import Unavailable, Undeliverable, Unusable
from engine.events.event import Event, Message
from engine.observe.log import configure
from engine.observe.mask import Mask, secrets_of
from engine.rules.book import load_book
from engine.stream.reader import Place, TopicReader


def dlq_show(offset: int, partition: int | None, config_file: Path | None) -> int:
    """Print one dead letter: its event, the error, the answers so far, the rule now, what a replay would send.

    Args:
        offset: of the event.
        partition: of the event; None: the only one that has a dead letter of this offset.
        config_file: the configuration, None for ./config.yaml or the defaults.

    Raises:
        Unusable: the configuration or the rules, or there is no such dead letter.
        Unavailable: the broker does not answer.
    """
    config = load_config(config_file, os.environ, secrets={"kafka", "schema_registry"})
    screen = Screen(sys.stdout, sys.stderr)
    configure(Log(level="warning", format=config.log.format), file=screen.talk_file())
    partitions = frozenset() if partition is None else frozenset({partition})
    selection = Selection(partitions=partitions, offsets=frozenset({offset}))
    with open_box(config, selection, screen) as box:
        line = _line(box, offset, config, screen)
        message = box.reader.load([line.letter.place]).get(line.letter.place)
        reason = box.state.reasons.get(line.letter.source)
    if message is None:
        raise Unusable(f"the dead letter of offset {offset} expired just now")
    for text in _portrait(config, line, message, reason):
        screen.write(text)
    return 0


def _line(box: Box, offset: int, config: Config, screen: Screen) -> Line:
    with screen.reading("dead letters") as progress:
        found = [line for line in box.meant(progress) if line.letter.source.topic == config.kafka.topic]
    if not found:
        raise Unusable(f"{config.dlq.topic} has no dead letter of offset {offset}; `engine dlq list` shows them")
    if len(found) > 1:
        partitions = ", ".join(str(line.letter.source.partition) for line in found)
        raise Unusable(f"offset {offset} is a dead letter in partitions {partitions}; say which by --partition")
    return found[0]


def _portrait(config: Config, line: Line, message: Message, reason: str | None) -> Iterator[str]:
    mask = Mask(config.log.mask, secrets_of(config))
    conversation = read_conversation(resume_of(message))
    record = original(message, line.letter)
    yield from facts(line, record, config.dlq.topic, reason)
    if line.letter.truncated:
        record = replace(record, value=_value(config, line))
    event, complaint = _decode(config, record)
    if event is None:
        yield f"\nThe event cannot be decoded: {complaint}\n"
        yield from dump(record.value)
        return
    yield f"\nThe event:\n\n{event_text(event, mask)}"
    if conversation is not None:
        yield "\nThe answers so far:\n"
        yield from conversation_text(conversation, mask)
    yield from _prospect(config, line, event, conversation)


def _value(config: Config, line: Line) -> bytes | None:
    """The value that was too big for the dead-letter topic, as far as the event's own topic has it."""
    source = line.letter.source
    place = Place(source.partition, source.offset)
    with TopicReader(config.kafka, source.topic) as reader:
        found = reader.load([place]).get(place)
    return None if found is None else found.value


def _decode(config: Config, record: Message) -> tuple[Event | None, str]:
    decoding = Decoding(config)
    try:
        return decoding.event(record), ""
    except Undeliverable as error:
        return None, str(error)
    except Unavailable as error:
        return None, f"the registry does not answer: {error}"
    finally:
        decoding.close()


def _prospect(config: Config, line: Line, event: Event, conversation: Conversation | None) -> Iterator[str]:
    try:
        book = load_book(config.rules.path, config.limits, config.apis)
    except Unusable as error:
        yield f"\nThe rules cannot be used now: {error}"
        return
    rule = book.find(event.type, event.version)
    if rule is None:
        yield "\nNo rule has this type and version now: a replay would be a dead letter again, at stage route."
        return
    same = conversation is None or conversation.digest == rule.digest
    changed = "" if same else ", changed since the event failed"
    yield f"\nThe rule now ({rule.path}:{rule.line}{changed}):\n\n{rule_text(rule)}"
    yield "\nA replay would send:\n"
    yield from next_text(rule, event, line.letter, conversation, config)
