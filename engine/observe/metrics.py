"""The engine's Prometheus metrics. Children are prepared once a label set: counting is a few additions."""

from __future__ import annotations

import math
import platform
from collections.abc import Iterable
from typing import Literal, Protocol, cast

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_AGE = (0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300, 900, 3600, 6 * 3600, 86_400, 3 * 86_400, 7 * 86_400, 30 * 86_400)
_Mode = Literal["livesum", "livemax", "livemostrecent"]


class _Add(Protocol):
    def __call__(self, amount: float = 1) -> None: ...


class _Observe(Protocol):
    def __call__(self, amount: float) -> None: ...


class Source(Protocol):
    """What has metrics: a registry, or the collector of a group of workers."""

    def collect(self) -> Iterable[Metric]:
        """The metrics now."""
        ...


def expose(source: Source, accept: str = "") -> tuple[bytes, str]:
    """The source's metrics as text and its media type, by a request's Accept header."""
    encode, media_type = choose_encoder(accept)
    return encode(cast("CollectorRegistry", _Shown(source))), media_type


class Metrics:
    """Every number of the design's page `Metrics`; safe to use from several threads.

    In a worker (see `observe.workers`) the numbers go to files that the parent adds up; then gauges of a partition are
    the most recent ones, and those of a process are summed or the greatest.

    Args:
        registry: where they are registered; None: a registry of their own, with the process's own numbers too.
    """

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self._registry = registry if registry is not None else _own_registry()
        self._make_counters()
        self._make_histograms()
        self._make_gauges()
        self._events: dict[tuple[str, str], tuple[_Add, _Observe, _Observe]] = {}
        self._requests: dict[tuple[str, str, str, int | None], tuple[_Add, _Observe]] = {}
        self._reasons: dict[int, set[str]] = {}

    def event(self, event_type: str, outcome: str, seconds: float, age: float | None) -> None:
        """An event ended.

        Args:
            event_type: `unknown` where no rule is there for it: invented types must not become series.
            outcome: done, skipped, dead, duplicate, tombstone.
            seconds: since it was taken from the topic.
            age: seconds since its message's timestamp, None without one.
        """
        prepared = self._events.get((event_type, outcome))
        if prepared is None:
            prepared = self._event_children(event_type, outcome)
        count, took, old = prepared
        count()
        took(seconds)
        if age is not None:
            old(max(0.0, age))  # clocks differ

    def request(self, event_type: str, request_id: str, method: str, status: int | None, seconds: float) -> None:
        """An attempt ended after `seconds`; `status` None: no answer."""
        prepared = self._requests.get((event_type, request_id, method, status))
        if prepared is None:
            prepared = self._request_children(event_type, request_id, method, status)
        count, took = prepared
        count()
        took(seconds)

    def retry(self, event_type: str, reason: str) -> None:
        """A request will be tried again; `reason` as in `api.call.Call.retried`."""
        self._retries.labels(event_type, reason).inc()

    def dead_letter(self, event_type: str, stage: str) -> None:
        """A dead letter was acknowledged by the broker."""
        self._dead_letters.labels(event_type, stage).inc()

    def dead_letter_failure(self) -> None:
        """A dead letter could not be written; its partition holds."""
        self._dead_letter_failures.inc()

    def dead_letter_messages(self, messages: int) -> None:
        """Messages that are now in the dead-letter topic."""
        self._dead_letter_messages.set(messages)

    def dead_letters_open(self, messages: int) -> None:
        """Dead letters that were neither replayed nor given up."""
        self._dead_letters_open.set(messages)

    def lag(self, partition: int, messages: int) -> None:
        """Messages between what is committed and the end of a partition."""
        self._lag.labels(partition).set(messages)

    def in_flight(self, events: int) -> None:
        """Events taken and not yet done, of all partitions."""
        self._in_flight.set(events)

    def outage(self, open_: bool) -> None:
        """True while an API is taken to be away."""
        self._outage.set(open_)

    def paused(self, partition: int, reason: str, paused: bool) -> None:
        """A partition was paused or resumed for a reason."""
        self._reasons.setdefault(partition, set()).add(reason)
        self._paused.labels(partition, reason).set(paused)

    def rules(self, rules: int) -> None:
        """Rules that are loaded."""
        self._rules.set(rules)

    def rule_reload(self, result: str) -> None:
        """Rules were read again; `result` is `ok` or `failed` (then the old ones stay)."""
        self._reloads.labels(result).inc()

    def expired(self, partition: int, messages: int) -> None:
        """Messages that retention removed before they were read."""
        self._expired.labels(partition).inc(messages)

    def commit_failure(self) -> None:
        """A commit failed and is tried again."""
        self._commit_failures.inc()

    def built(self, version: str, transport: str) -> None:
        """State what runs: the engine's version and the HTTP transport."""
        self._build.labels(version, platform.python_version(), transport).set(1)

    def forget_partition(self, partition: int) -> None:
        """A partition is no longer ours: its gauges end. What was counted stays."""
        # NaN is not shown. Removing the series would not do: a worker's file keeps the last value.
        self._lag.labels(partition).set(math.nan)
        for reason in self._reasons.pop(partition, ()):
            self._paused.labels(partition, reason).set(math.nan)

    def expose(self, accept: str = "") -> tuple[bytes, str]:
        """The metrics as text and its media type, by a request's Accept header."""
        return expose(self._registry, accept)

    def _event_children(self, event_type: str, outcome: str) -> tuple[_Add, _Observe, _Observe]:
        prepared = (
            self._events_total.labels(event_type, outcome).inc,
            self._event_seconds.labels(event_type).observe,
            self._event_age.labels(event_type).observe,
        )
        self._events[event_type, outcome] = prepared
        return prepared

    def _request_children(
        self, event_type: str, request_id: str, method: str, status: int | None
    ) -> tuple[_Add, _Observe]:
        shown = "no_answer" if status is None else str(status)
        prepared = (
            self._requests_total.labels(event_type, request_id, method, shown).inc,
            self._request_seconds.labels(request_id).observe,
        )
        self._requests[event_type, request_id, method, status] = prepared
        return prepared

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"engine_{name}", text, labels, registry=self._registry)

    def _make_counters(self) -> None:
        counter = self._counter
        self._events_total = counter("events_total", "Events that ended, by outcome.", "event_type", "outcome")
        self._requests_total = counter(
            "requests_total", "Attempts of requests.", "event_type", "request", "method", "status"
        )
        self._retries = counter("retries_total", "Retries of requests.", "event_type", "reason")
        self._dead_letters = counter("dead_letters_total", "Dead letters written.", "event_type", "stage")
        self._dead_letter_failures = counter(
            "dead_letter_failures_total", "Dead letters that could not be written yet."
        )
        self._reloads = counter("rule_reloads_total", "Times the rules were read again.", "result")
        self._expired = counter("events_expired_total", "Messages removed by retention unread.", "partition")
        self._commit_failures = counter("commit_failures_total", "Commits that failed and were tried again.")

    def _make_histograms(self) -> None:
        def histogram(name: str, text: str, label: str, buckets: tuple[float, ...]) -> Histogram:
            return Histogram(f"engine_{name}", text, (label,), buckets=buckets, registry=self._registry)

        self._event_seconds = histogram("event_seconds", "From taking an event to its end.", "event_type", _SECONDS)
        self._event_age = histogram("event_age_seconds", "Age of an event at its end.", "event_type", _AGE)
        self._request_seconds = histogram("request_seconds", "Duration of one attempt.", "request", _SECONDS)

    def _make_gauges(self) -> None:
        def gauge(name: str, text: str, *labels: str, mode: _Mode) -> Gauge:
            return Gauge(f"engine_{name}", text, labels, registry=self._registry, multiprocess_mode=mode)

        self._dead_letter_messages = gauge(
            "dead_letter_messages", "Messages now in the dead-letter topic.", mode="livemostrecent"
        )
        self._dead_letters_open = gauge(
            "dead_letters_open", "Dead letters neither replayed nor given up.", mode="livemostrecent"
        )
        self._lag = gauge("consumer_lag", "Messages not yet committed.", "partition", mode="livemostrecent")
        self._in_flight = gauge("in_flight", "Events taken and not yet done.", mode="livesum")
        self._outage = gauge("outage", "1 while an API is taken to be away.", mode="livemax")
        self._paused = gauge(
            "partition_paused", "1 while a partition is paused.", "partition", "reason", mode="livemostrecent"
        )
        self._rules = gauge("rules", "Rules loaded.", mode="livemax")
        self._build = gauge("build_info", "What runs.", "version", "python", "transport", mode="livemax")


class _Shown:
    """Leaves out what nobody needs: creation times of series (they double the page), and numbers that ended (NaN)."""

    def __init__(self, source: Source) -> None:
        self._source = source

    def collect(self) -> Iterable[Metric]:
        for metric in self._source.collect():
            samples = [s for s in metric.samples if not s.name.endswith("_created") and not math.isnan(s.value)]
            shown = Metric(metric.name, metric.documentation, metric.type, metric.unit)
            shown.samples = samples
            yield shown


def _own_registry() -> CollectorRegistry:
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    return registry
