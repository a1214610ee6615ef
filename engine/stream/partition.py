"""One assigned partition on the event loop: its progress, lanes, lease and what waits to be decoded."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass

from confluent_kafka import Message as Record

from engine.errors import Undeliverable
from engine.events.event import Event, Message
from engine.stream.flow import Flow
from engine.stream.lanes import Lanes
from engine.stream.lease import Lease
from engine.stream.metadata import remember
from engine.stream.notes import Notes
from engine.stream.progress import Progress

_TOO_LONG = 2_500  # characters of metadata from which the partition takes no further events
_SHORT_AGAIN = 1_500


@dataclass(slots=True)
class Job:
    """A record in its lane. Not frozen: see `api.messages`.

    Attributes:
        partition: where it belongs.
        message: as it stood on the topic.
        event: what it means, None where that is not known.
        failure: why not.
        key: the ordering key.
        size: bytes of key and value.
        taken_at: monotonic seconds when it was taken from the topic.
    """

    partition: Partition
    message: Message
    event: Event | None
    failure: Undeliverable | None
    key: Hashable
    size: int
    taken_at: float


class Partition:
    """State of one partition, from its assignment to its end.

    Attributes:
        number: of the partition.
        progress: what is done.
        flow: counts shared with the consumer thread.
        lease: leave to send.
        lanes: where its events run.
        waiting: records that cannot be decoded before a schema is there; order is kept.
        metadata_length: characters of the metadata last encoded.
        notes: what the state topic says of it.
    """

    __slots__ = ("flow", "lanes", "lease", "metadata_length", "notes", "number", "progress", "waiting")

    def __init__(
        self, number: int, progress: Progress, flow: Flow, lease: Lease, handle: Callable[[Job], Awaitable[bool]]
    ) -> None:
        self.number = number
        self.progress = progress
        self.flow = flow
        self.lease = lease
        self.lanes: Lanes[Job] = Lanes(handle)
        self.waiting: deque[Record] = deque()
        self.metadata_length = 0
        self.notes = Notes(self.lanes.cancel)

    def ended(self, offset: int, size: int) -> None:
        """An event needs nothing more."""
        self.progress.finish(offset)
        self.passed(size)

    def passed(self, size: int) -> None:
        """A record that was handed over is no longer under way."""
        self.flow.ended += 1
        self.flow.ended_bytes += size

    def metadata(self) -> str:
        """The text that remembers what is done beyond the watermark; pauses the partition before it would not fit.

        Never while nothing is pending: then all of it is a former owner's, and only reading on makes it shorter.
        """
        text = remember(self.progress)
        self.metadata_length = len(text)
        if len(text) > _TOO_LONG and self.progress.pending:
            self.flow.hold("metadata", True)
        elif (len(text) < _SHORT_AGAIN or not self.progress.pending) and "metadata" in self.flow.holds:
            self.flow.hold("metadata", False)
        return text
