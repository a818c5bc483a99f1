"""status: what a person on call asks: is news coming in, what is stuck, are mails going, and what is to be done."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

from pipeline.flow.beat import known_beat
from pipeline.flow.feeds.overview import Overview, overview
from pipeline.flow.operations.quarantine import quarantine
from pipeline.flow.operations.queues import MOST, Queue, looked_at, queues
from pipeline.flow.watchdog import COVERAGE, LEDGER
from pipeline.health import span
from pipeline.model import Delivery, DeliveryState, Watchdog
from pipeline.ports import LedgerFilter, Ports

LATE = timedelta(minutes=5)
"""After which a look that is due each minute says that nobody works, and what waits that it is stuck."""
DAY = timedelta(days=1)
TRY_AGAIN = timedelta(hours=2)
"""Within which a delivery is tried again that its server did not take."""

CURES = {
    LEDGER: "`wirewatch ledger --reconcile` names the matches and recipients",
    COVERAGE: "`wirewatch feeds list` has what is wrong with each; when all are, look at this machine's way out",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """How everything is at `at`. What is counted one by one stops at `queues.MOST`."""

    at: datetime
    feeds: Overview
    queues: list[Queue]
    quarantined: int
    slowed: str  # why feeds are polled less often than is due; empty when they are not
    looked: datetime | None  # when a worker last looked after the feeds; None: never
    deliveries: Mapping[str, int]  # by state
    last_sent: Delivery | None  # of the deliveries sent, the one that was made last
    failed_lately: int  # deliveries made within a day
    postponed: list[Delivery]  # that their server did not take yet
    watchdogs: list[Watchdog]
    alerts: int
    alerts_in_trouble: list[str]  # their names
    entries: int
    stories: int
    matches: int
    sizes: Mapping[str, int]  # bytes, by file or index


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something that needs a person, and what they can do."""

    what: str
    cure: str


def status(ports: Ports) -> Status:
    """Look at everything once. Raises StoreUnavailable and StoreError."""
    stores, now = ports.stores, ports.clock.now()
    return Status(
        at=now,
        feeds=overview(ports),
        queues=queues(ports),
        quarantined=len(quarantine(ports).waiting),
        slowed=known_beat(ports).slowed,
        looked=looked_at(ports),
        deliveries=dict(stores.deliveries.counts()),
        last_sent=next(stores.deliveries.ledger(LedgerFilter(state=DeliveryState.SENT)), None),
        failed_lately=_failed_since(ports, now - DAY),
        postponed=_postponed(ports, now),
        watchdogs=sorted(stores.watchdogs.all(), key=lambda one: one.name),
        alerts=stores.alerts.count(),
        alerts_in_trouble=sorted(alert.name for alert in stores.alerts.all() if alert.health),
        entries=stores.entries.count(),
        stories=stores.stories.count(),
        matches=stores.matches.count(),
        sizes=stores.sizes(),
    )


def troubles(found: Status) -> list[Trouble]:
    """What needs a person, what stops the most first; empty when nothing does."""
    return [*_idle(found), *_stuck(found), *_mails(found), *_lasting(found)]


def is_late(found: Status) -> bool:
    """Whether workers looked after the feeds once, and do no more."""
    return found.looked is not None and found.at - found.looked > LATE


def _failed_since(ports: Ports, since: datetime) -> int:
    where = LedgerFilter(state=DeliveryState.FAILED, since=since)
    return sum(1 for _ in islice(ports.stores.deliveries.ledger(where), MOST))


def _postponed(ports: Ports, now: datetime) -> list[Delivery]:
    waiting = ports.stores.deliveries.due(now + TRY_AGAIN, MOST)
    return [one for one in waiting if one.state is DeliveryState.PENDING and one.attempts]


def _idle(found: Status) -> Iterator[Trouble]:
    if is_late(found) and found.looked:
        gone = span((found.at - found.looked).total_seconds())
        cure = (
            "see that beat and a worker of the queues notify and sweep run (or `wirewatch up`), and what their logs say"
        )
        yield Trouble(f"no worker has looked after the feeds for {gone}", cure)


def _stuck(found: Status) -> Iterator[Trouble]:
    for queue in found.queues:
        if queue.oldest and found.at - queue.oldest > LATE:
            waiting = f"{queue.waiting}{' or more' if queue.more else ''}"
            since = span((found.at - queue.oldest).total_seconds())
            cure = f"see that a worker takes the queue {queue.task} (or `wirewatch up` runs), and what its log says"
            yield Trouble(f"{queue.task}: {waiting} wait, the first for {since}", cure)
    if found.slowed:
        yield Trouble(
            f"feeds are polled less often: {found.slowed}", "more ingest workers, or more disk (docs/scale.md)"
        )
    if found.quarantined:
        cure = "`wirewatch quarantine list` says why; after a fix, `wirewatch quarantine replay all`"
        yield Trouble(f"{found.quarantined} entries are in quarantine", cure)


def _mails(found: Status) -> Iterator[Trouble]:
    if found.postponed:
        worst = max(found.postponed, key=lambda one: one.attempts)
        cure = "see that the server answers and takes our sender; each is tried for a day"
        yield Trouble(f"{len(found.postponed)} deliveries were not taken yet: {worst.reason}", cure)
    if found.failed_lately:
        cure = "`wirewatch ledger --state failed --since 1d` has what the servers said"
        yield Trouble(f"{found.failed_lately} deliveries of the last day have failed", cure)


def _lasting(found: Status) -> Iterator[Trouble]:
    for one in found.watchdogs:
        if one.trouble_since:
            said = f"watchdog {one.name}: trouble since {one.trouble_since:%Y-%m-%d %H:%M} UTC"
            yield Trouble(said, CURES.get(one.name, "its notice was mailed to the operators"))
    for name in found.alerts_in_trouble:
        yield Trouble(f"alert {name!r} could not be evaluated", "`wirewatch alerts list` says why; change its query")
