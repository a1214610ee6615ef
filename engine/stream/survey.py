"""Looks at the broker without changing anything; for `engine doctor`."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from confluent_kafka import KafkaException

from engine.config.model import Kafka
from engine.errors import Unavailable, Unusable
from engine.quix import QuixException, TopicAdmin, TopicPermissionError, application

PATIENCE = 9.0
"""Seconds for one answer of the broker."""


class Survey:
    """A connection for questions.

    Args:
        kafka: how to reach the broker.
        patience: seconds for one answer.

    Raises:
        Unavailable: the settings are refused before anything is asked, e.g. a CA file without certificates.
    """

    def __init__(self, kafka: Kafka, patience: float = PATIENCE) -> None:
        self._brokers = kafka.brokers
        self._patience = patience
        self._said: list[str] = []
        quiet = logging.Logger("survey")  # librdkafka's lines come as errors, too
        quiet.addHandler(logging.NullHandler())
        options: dict[str, Any] = {"error_cb": self._heard, "socket.timeout.ms": int(patience * 1000)}
        try:
            address = application(kafka, create_topics=False).config.broker_address
            self._admin = TopicAdmin(address, quiet, {**kafka.producer_options, **options})
            self._admin.admin_client.poll(0)
        except (KafkaException, QuixException, ValueError) as error:
            raise Unavailable(f"the settings for {kafka.brokers} are refused: {_line(error)}") from error

    def topics(self) -> Mapping[str, int]:
        """All topics and the number of their partitions.

        Raises:
            Unavailable: no broker answers, with what librdkafka says is the cause.
        """
        for last in (False, False, True):
            try:
                found = self._admin.list_topics(timeout=self._patience / 3)
            except KafkaException as error:
                self._admin.admin_client.poll(0)  # hear what was said meanwhile
                if last or self._cause():
                    raise Unavailable(f"{self._brokers} does not answer: {self._cause() or _line(error)}") from error
            else:
                break
        return {name: len(topic.partitions) for name, topic in found.items()}

    def settings(self, topics: list[str]) -> Mapping[str, Mapping[str, str] | None]:
        """The settings of topics, None for one that is not there.

        Raises:
            Unusable: they must not be read.
            Unavailable: no answer came.
        """
        try:
            found = self._admin.inspect_topics(topics, timeout=self._patience)
        except TopicPermissionError as error:
            raise Unusable(_line(error)) from error
        except (KafkaException, QuixException) as error:
            raise Unavailable(f"no answer about the settings of topics: {_line(error)}") from error
        return {name: None if topic is None else topic.extra_config for name, topic in found.items()}

    def _heard(self, error: Any) -> None:
        self._said.append(f"{error.str()} ({error.name()})")

    def _cause(self) -> str:
        """What says most: that all brokers are down only repeats that there is no answer."""
        telling = [text for text in self._said if "_ALL_BROKERS_DOWN" not in text]
        return _short(telling[0]) if telling else ""


def _line(error: Exception) -> str:
    inner = error.args[0] if error.args else error
    return _short(str(inner.str()) if hasattr(inner, "str") else str(error))


def _short(text: str) -> str:
    return " ".join(text.split())[:300]
