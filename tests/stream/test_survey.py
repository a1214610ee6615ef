"""Questions to a broker that is there, and to one that is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.config.model import Kafka, Security
from engine.errors import Unavailable
from engine.stream.survey import Survey
from tests.services.embedded import Embedded


def test_topics_are_listed_with_their_partitions(embedded: Embedded) -> None:
    """What the broker has, by name."""
    name = embedded.create_topic()
    assert 4 == Survey(Kafka(brokers=embedded.address)).topics()[name]


def test_an_unreachable_broker_is_told_with_its_cause() -> None:
    """The text says what went wrong, not only that there was no answer."""
    with pytest.raises(Unavailable, match=r"^127.0.0.1:1 does not answer: .*refused.*_TRANSPORT"):
        Survey(Kafka(brokers="127.0.0.1:1"), patience=1.5).topics()


def test_settings_that_librdkafka_refuses_are_told(tmp_path: Path) -> None:
    """A CA file without a certificate is found before anything is asked."""
    ca = tmp_path / "ca.pem"
    ca.write_text("nothing")
    with pytest.raises(Unavailable, match="are refused"):
        Survey(Kafka(security=Security(protocol="ssl", ca=ca)))
