"""Finds out that no record stands between a watermark and the end: marks of transactions do, or compaction took them.

The main consumer cannot tell: librdkafka's partition-end events lose records of a partition that pauses and resumes
(2.12, tried). So a second consumer, outside the group and never paused, looks once at a partition that stays short of
its end.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from confluent_kafka import KafkaError, TopicPartition

from engine.config.model import Kafka
from engine.quix import Consumer, onlooker
from engine.stream.partition import Partition

_PATIENCE = 5.0  # seconds for one look
_AFTER = 2  # looks in a row at an unchanged watermark before a consumer is opened
_END = KafkaError._PARTITION_EOF  # noqa: SLF001 - confluent-kafka's name for it


class Gaps:
    """Watches watermarks; one for all partitions.

    Args:
        kafka: brokers and topic.
        open_consumer: opens one that tells partition ends.
    """

    def __init__(self, kafka: Kafka, open_consumer: Callable[[Kafka], Consumer] = onlooker) -> None:
        self._kafka = kafka
        self._open = open_consumer
        self._seen: dict[int, tuple[int, int, int]] = {}

    def suspects(self, partitions: list[Partition], ends: dict[int, int]) -> list[tuple[Partition, int]]:
        """Partitions with their watermarks that did not move for some looks, and are short of their end.

        A partition that was looked at in vain is a suspect again only when its watermark or its end has moved.
        """
        found = []
        for partition in partitions:
            watermark, end = partition.progress.watermark, ends.get(partition.number, -1)
            if watermark >= end:
                self._seen.pop(partition.number, None)
                continue
            before = self._seen.get(partition.number)
            looks = before[2] + 1 if before is not None and before[:2] == (watermark, end) else 0
            self._seen[partition.number] = (watermark, end, looks)
            if looks == _AFTER:
                found.append((partition, watermark))
        return found

    def end(self, number: int, watermark: int) -> int | None:
        """The end of a partition, where no record stands from `watermark` on; None where one does. Blocks."""
        with self._open(self._kafka) as consumer:
            consumer.assign([TopicPartition(self._kafka.topic, number, watermark)])
            until = time.monotonic() + _PATIENCE
            while time.monotonic() < until:
                record = consumer.poll(0.2)
                error = None if record is None else record.error()
                if record is not None and (error is None or error.code() == _END):
                    end: int | None = record.offset()
                    return None if error is None else end
        return None
