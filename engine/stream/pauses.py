"""Which partitions are paused and why, as the consumer thread tells librdkafka and the metrics."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from confluent_kafka import KafkaException, TopicPartition

from engine.config.model import Limits
from engine.quix import Consumer
from engine.stream.flow import Flow


class Pauses:
    """Used on the consumer thread alone.

    Args:
        consumer: what is paused.
        topic: of events.
        limits: when a partition pauses.
        tell: told partition, reason and whether it is paused now.

    Attributes:
        reasons: of the partitions that are paused, by number.
    """

    def __init__(self, consumer: Consumer, topic: str, limits: Limits, tell: Callable[[int, str, bool], None]) -> None:
        self._consumer = consumer
        self._topic = topic
        self._limits = limits
        self._tell = tell
        self.reasons: dict[int, str] = {}

    def regulate(self, flows: Mapping[int, Flow], following: Mapping[int, int]) -> None:
        """Pause and resume.

        Args:
            flows: the counts of the assigned partitions.
            following: the offset of each that is to come next.
        """
        everything = sum(flow.bytes for flow in flows.values())
        for number, flow in flows.items():
            former = self.reasons.get(number)
            reason = flow.reason(self._limits, everything, paused=former is not None)
            if reason == former:
                continue
            if reason is None:
                self._resume(number, following[number])
            else:
                self._pause(number, reason, former)

    def room(self, flows: Mapping[int, Flow], most: int) -> int:
        """How many records, up to `most`, may be taken at once without passing the bound of a partition."""
        fullest = max((flow.events for number, flow in flows.items() if number not in self.reasons), default=0)
        return min(most, self._limits.in_flight - fullest)

    def forget(self, numbers: Iterable[int]) -> None:
        """Partitions go."""
        paused = [number for number in numbers if self.reasons.pop(number, None) is not None]
        if paused:
            # librdkafka remembers a pause, and a resume right after the next assignment may get lost (its issue 5591)
            self._consumer.resume([TopicPartition(self._topic, number) for number in paused])

    def _pause(self, number: int, reason: str, former: str | None) -> None:
        """Pause, or go on pausing for another reason."""
        if former is None:
            self._consumer.pause([TopicPartition(self._topic, number)])
        else:
            self._tell(number, former, False)
        self.reasons[number] = reason
        self._tell(number, reason, True)

    def _resume(self, number: int, offset: int) -> None:
        self._consumer.resume([TopicPartition(self._topic, number)])
        try:
            # librdkafka's thread for the broker may sleep, up to a second; a seek wakes it, a resume does not. Nothing
            # is fetched twice for it: the pause threw away what was fetched before.
            self._consumer.seek(TopicPartition(self._topic, number, offset))
        except KafkaException:  # the partition has not begun yet: tried again at the next turn
            self._consumer.pause([TopicPartition(self._topic, number)])
            return
        self._tell(number, self.reasons.pop(number), False)
