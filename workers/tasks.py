"""The Celery tasks: ids in, ids on. An error that was foreseen is one line in the log; the sweep comes back to it."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from pipeline import flow
from pipeline.errors import WirewatchError
from pipeline.flow.sweep import batches
from pipeline.flow.watchdog import LONGEST
from workers import bootstrap, crew
from workers.app import ROUTES, app
from workers.metrics import meter
from workers.turns import BACKFILL

log = logging.getLogger(__name__)

INGEST_BATCH = 10
NOTIFY_BATCH = 50
WATCH_SECONDS = LONGEST.total_seconds()
NOTIFY_PART = 0.4
"""Of a lease, in which mails are begun: well before its process is ended (settings.TASK_PART) with a mail in hand."""


@app.task(name="wirewatch.poll", throws=(WirewatchError,))
def poll(feed_ids: list[str]) -> None:
    """Poll a batch of feeds and queue what is new."""
    report = flow.poll(bootstrap.ports(), feed_ids)
    meter.count_poll(report)
    log.info(
        "poll: %d feeds, %d failed, %d new entries, %d changed",
        report.polled,
        len(report.failed),
        report.new,
        report.changed,
    )
    queue_entries(report.news_ids)
    queue_entries(report.backfill_ids, queue=BACKFILL)


@app.task(name="wirewatch.ingest", throws=(WirewatchError,))
def ingest(entry_ids: list[str]) -> None:
    """Ingest a batch of entries and queue the deliveries they cause."""
    report = crew.ingest(entry_ids)
    meter.count_ingest(report)
    log.info("ingest: %d stories, %d failed, %d matches", report.stories, len(report.failed), report.matches)
    for batch in batches(report.delivery_ids, NOTIFY_BATCH):
        notify.delay(batch)


@app.task(name="wirewatch.notify", throws=(WirewatchError,))
def notify(delivery_ids: list[str]) -> None:
    """Send a batch of deliveries; what takes longer than a task may is queued again."""
    ports = bootstrap.ports()
    report = flow.notify(ports, delivery_ids, seconds=ports.settings.lease * NOTIFY_PART)
    for batch in batches(report.left, NOTIFY_BATCH):
        notify.delay(batch)
    meter.count_notify(report)
    log.info("notify: %d sent, %d postponed, %d failed", report.sent, report.postponed, report.failed)


@app.task(name="wirewatch.sweep", throws=(WirewatchError,))
def sweep(token: int | None = None) -> None:
    """Queue what is due and what was left lying. `token` is of the beat that leads; none is asked of `up`'s own."""
    work = flow.sweep(bootstrap.ports(), token)
    for feed_ids in work.polls:
        poll.delay(feed_ids)
    for entry_ids in work.ingests:
        ingest.delay(entry_ids)
    for entry_ids in work.backfills:
        ingest.apply_async((entry_ids,), queue=BACKFILL)
    for delivery_ids in work.notifies:
        notify.delay(delivery_ids)
    for subscription_ids in work.subscribes:
        subscribe.delay(subscription_ids)
    for name in work.watchdogs:
        watch.delay(name)
    if work.more:  # behind them in their queue, so that its workers go on without a pause
        sweep.apply_async((token,), queue=ROUTES["ingest"] if work.ingests else BACKFILL)
    crew.rest()


@app.task(name="wirewatch.subscribe", throws=(WirewatchError,))
def subscribe(subscription_ids: list[str]) -> None:
    """Ask the hubs of a batch of subscriptions."""
    report = flow.subscribe(bootstrap.ports(), subscription_ids)
    log.info("subscribe: %d hubs asked, %d refused", report.asked, len(report.refused))


@app.task(name="wirewatch.watch", throws=(WirewatchError,), time_limit=WATCH_SECONDS)
def watch(name: str) -> None:
    """Have a watchdog look whether all is well."""
    flow.watch(bootstrap.ports(), name)


def queue_entries(entry_ids: Sequence[str], queue: str = "ingest") -> None:
    """Have these entries ingested. Should the broker be away, the sweep names them after their lease."""
    for batch in batches(entry_ids, INGEST_BATCH):
        ingest.apply_async((batch,), queue=queue)
