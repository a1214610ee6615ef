"""The names and labels that dashboards rely on."""

from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from engine.observe.metrics import Metrics


@pytest.fixture
def metrics() -> Metrics:
    """Metrics of their own."""
    return Metrics(CollectorRegistry())


def _samples(metrics: Metrics) -> dict[str, float]:
    """Value by name and labels, as Prometheus reads them."""
    text = metrics.expose()[0].decode()
    return {
        sample.name + "".join(f" {k}={v}" for k, v in sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_an_event_is_counted_timed_and_aged(metrics: Metrics) -> None:
    """One call counts the outcome and observes duration and age."""
    metrics.event("a", "done", 0.02, 3.0)
    metrics.event("a", "done", 0.03, 4.0)
    metrics.event("a", "skipped", 0.01, None)
    samples = _samples(metrics)
    assert 2 == samples["engine_events_total event_type=a outcome=done"]
    assert 1 == samples["engine_events_total event_type=a outcome=skipped"]
    assert 3 == samples["engine_event_seconds_count event_type=a"]
    assert 0.06 == pytest.approx(samples["engine_event_seconds_sum event_type=a"])
    assert 2 == samples["engine_event_age_seconds_count event_type=a"]
    assert 7.0 == samples["engine_event_age_seconds_sum event_type=a"]


def test_an_age_is_never_negative(metrics: Metrics) -> None:
    """A producer whose clock is ahead makes an age of 0."""
    metrics.event("a", "done", 0.02, -5.0)
    assert 0 == _samples(metrics)["engine_event_age_seconds_sum event_type=a"]


def test_a_request_is_counted_by_status(metrics: Metrics) -> None:
    """An attempt without an answer has a status, too."""
    metrics.request("a", "find", "GET", 200, 0.1)
    metrics.request("a", "find", "GET", None, 30.0)
    samples = _samples(metrics)
    assert 1 == samples["engine_requests_total event_type=a method=GET request=find status=200"]
    assert 1 == samples["engine_requests_total event_type=a method=GET request=find status=no_answer"]
    assert 2 == samples["engine_request_seconds_count request=find"]


def test_every_other_number_has_its_name(metrics: Metrics) -> None:
    """The names of the design, letter by letter."""
    metrics.retry("a", "503")
    metrics.dead_letter("a", "decode")
    metrics.dead_letter_failure()
    metrics.dead_letter_messages(7)
    metrics.lag(3, 12)
    metrics.in_flight(5)
    metrics.outage(True)
    metrics.paused(3, "buffer", True)
    metrics.rules(6)
    metrics.rule_reload("ok")
    metrics.expired(3, 40)
    metrics.commit_failure()
    wanted = {
        "engine_retries_total event_type=a reason=503": 1,
        "engine_dead_letters_total event_type=a stage=decode": 1,
        "engine_dead_letter_failures_total": 1,
        "engine_dead_letter_messages": 7,
        "engine_consumer_lag partition=3": 12,
        "engine_in_flight": 5,
        "engine_outage": 1,
        "engine_partition_paused partition=3 reason=buffer": 1,
        "engine_rules": 6,
        "engine_rule_reloads_total result=ok": 1,
        "engine_events_expired_total partition=3": 40,
        "engine_commit_failures_total": 1,
    }
    samples = _samples(metrics)
    assert wanted == {name: samples.get(name) for name in wanted}


def test_what_runs_is_stated(metrics: Metrics) -> None:
    """`engine_build_info` names version, Python and transport."""
    metrics.built("1.2.3", "httpx")
    (line,) = [name for name in _samples(metrics) if name.startswith("engine_build_info")]
    assert "transport=httpx version=1.2.3" in line
    assert "python=3." in line


def test_a_partition_that_is_given_away_is_forgotten(metrics: Metrics) -> None:
    """Its gauges end, those of other partitions stay; taken again it counts again."""
    metrics.lag(1, 5)
    metrics.lag(2, 6)
    metrics.paused(1, "buffer", True)
    metrics.forget_partition(1)
    metrics.forget_partition(1)
    assert {"engine_consumer_lag partition=2": 6} == {k: v for k, v in _samples(metrics).items() if "partition=" in k}
    metrics.lag(1, 2)
    assert 2 == _samples(metrics)["engine_consumer_lag partition=1"]


def test_creation_times_are_left_out(metrics: Metrics) -> None:
    """A series is its number; a second one with its birthday is not served."""
    metrics.event("a", "done", 0.02, 3.0)
    assert [] == [name for name in _samples(metrics) if "_created" in name]


def test_the_process_describes_itself() -> None:
    """With a registry of its own, memory and CPU of the process are served."""
    assert "process_resident_memory_bytes" in _samples(Metrics())


def test_open_metrics_is_served_to_who_asks(metrics: Metrics) -> None:
    """Prometheus asks for OpenMetrics and gets it, with an end mark."""
    text, media_type = metrics.expose("application/openmetrics-text; version=1.0.0")
    assert "application/openmetrics-text" in media_type
    assert text.endswith(b"# EOF\n")
