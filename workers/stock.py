"""Metrics of what stands in the store and the broker, read when it is scraped, by the console alone."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator, Mapping
from datetime import datetime

from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from redis.exceptions import RedisError

from pipeline.errors import WirewatchError
from pipeline.flow.operations.queues import Queue
from pipeline.flow.operations.status import Status, status
from pipeline.health import FeedHealth
from pipeline.model import DeliveryState
from pipeline.ports import Ports
from workers import bootstrap, broker

log = logging.getLogger(__name__)

KEPT_SECONDS = 25.0
"""For so long what was read is shown again: two Prometheus servers and a curious person cost one look. It is nearly the
interval of ops/prometheus.yml, so that what a look came to that took longer than a scrape may is there for the next."""


class Stock(Collector):
    """Looks at most every `KEPT_SECONDS`. When the store does not answer, it shows that and nothing old."""

    def __init__(self, ports: Ports) -> None:
        self._ports = bootstrap.looking(ports)
        self._lock = threading.Lock()
        self._shown: list[Metric] = []
        self._looked_at = -KEPT_SECONDS

    def describe(self) -> list[Metric]:
        """Nothing in advance: a registry that takes this in must not ask the store."""
        return []

    def collect(self) -> Iterator[Metric]:
        """All of them."""
        with self._lock:
            if time.monotonic() - self._looked_at >= KEPT_SECONDS:
                self._shown = [*self._of_store(), *self._of_broker()]
                self._looked_at = time.monotonic()
            yield from self._shown

    def _of_store(self) -> Iterator[Metric]:
        began = time.monotonic()
        try:
            found = status(self._ports)
        except WirewatchError as error:
            log.warning("metrics: %s", error)
            yield _one("wirewatch_store_up", "Whether the store answers.", 0)
            return
        yield _one("wirewatch_store_up", "Whether the store answers.", 1)
        yield from _of_feeds(found)
        yield from _of_queues(found.queues)
        yield from _of_deliveries(found)
        yield from _of_watchdogs(found)
        yield _by("wirewatch_store_bytes", "Size of each file or index of the store.", "part", found.sizes)
        took = time.monotonic() - began
        yield _one("wirewatch_store_look_seconds", "How long reading all this from the store took.", took)

    def _of_broker(self) -> Iterator[Metric]:
        if self._ports.settings.broker.startswith("memory"):
            return
        try:
            waiting = broker.messages(self._ports.settings)
        except RedisError as error:
            log.warning("metrics: the broker does not answer: %s", error)
            yield _one("wirewatch_broker_up", "Whether the broker answers.", 0)
            return
        yield _one("wirewatch_broker_up", "Whether the broker answers.", 1)
        yield _by("wirewatch_broker_messages", "Messages in each queue of the broker.", "queue", waiting)


def _of_feeds(found: Status) -> Iterator[Metric]:
    health = {one.value: found.feeds.health.get(one.value, 0) for one in FeedHealth}
    yield _by("wirewatch_feeds", "Feeds by how they are.", "health", health)
    yield _one(
        "wirewatch_newest_entry_timestamp_seconds", "When the newest entry came.", _moment(found.feeds.newest_entry_at)
    )


def _of_queues(found: list[Queue]) -> Iterator[Metric]:
    lengths = {one.task: one.waiting for one in found}
    abandoned = {one.task: one.abandoned for one in found}
    yield _by("wirewatch_queue_length", "What is due and not done, up to 1,000.", "queue", lengths)
    yield _by("wirewatch_queue_abandoned", "Of this, what a worker had until its lease ran out.", "queue", abandoned)
    now = time.time()
    ages = {one.task: max(0.0, now - one.oldest.timestamp()) if one.oldest else 0.0 for one in found}
    yield _by("wirewatch_queue_age_seconds", "For how long the first in each queue has been due.", "queue", ages)


def _of_deliveries(found: Status) -> Iterator[Metric]:
    states = {one.value: found.deliveries.get(one.value, 0) for one in DeliveryState}
    yield _by("wirewatch_ledger_deliveries", "Deliveries in the ledger by their state.", "state", states)
    yield _one("wirewatch_quarantined_entries", "Entries that wait for a person.", found.quarantined)
    yield _one("wirewatch_alerts_in_trouble", "Alerts that could not be evaluated.", len(found.alerts_in_trouble))
    yield _one("wirewatch_alerts", "Alerts there are.", found.alerts)


def _of_watchdogs(found: Status) -> Iterator[Metric]:
    states = {one.name: int(one.trouble_since is not None) for one in found.watchdogs}
    yield _by("wirewatch_watchdog_trouble", "Whether a watchdog has found trouble.", "watchdog", states)
    yield _one(
        "wirewatch_last_look_timestamp_seconds", "When a worker last looked after the feeds.", _moment(found.looked)
    )


def _moment(at: datetime | None) -> float:
    return at.timestamp() if at else 0.0


def _one(name: str, meaning: str, value: float) -> Metric:
    return GaugeMetricFamily(name, meaning, value=value)


def _by(name: str, meaning: str, label: str, values: Mapping[str, float]) -> Metric:
    made = GaugeMetricFamily(name, meaning, labels=[label])
    for value, number in values.items():
        made.add_metric([value], number)
    return made
