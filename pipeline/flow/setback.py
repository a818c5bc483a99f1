"""The clock was set back: what was to be done by the clock of before is brought forward by as much.

Else feeds, entries and deliveries would wait for the old time to come again, an hour where the clock was an hour ahead.
Of leases and marks of the queue only those are touched that nobody can have written by the clock of now. What is held
is looked at again, and held as long as it has to be by now; but for a digest, whose time of day has not changed, unless
it is farther off than any.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar

from msgspec.structs import replace

from pipeline.deliver.plan import DIGEST
from pipeline.flow.mail import LONGEST_DIGEST
from pipeline.flow.watchdog import COVERAGE, MINUTE, watchdog_id
from pipeline.model import Delivery, DeliveryState, Entry, Feed, Outbox, Subscription, Watchdog, ready_at
from pipeline.ports import DueRecords, Ports

log = logging.getLogger(__name__)

EVERY = 1_000_000
FAR = timedelta(days=3_650)

Waiting = TypeVar("Waiting", Feed, Entry, Delivery, Subscription)
Leased = TypeVar("Leased", Feed, Entry, Delivery, Outbox, Watchdog)


def set_right(ports: Ports) -> timedelta:
    """Find out whether the clock was set back, and bring forward what waits for the old one; by how much it was.

    Two at once, or one that was broken off, do no harm: what comes too early is done too early.
    """
    by = set_back(ports)
    if by:
        log.warning(
            "the clock was set back by %s or a little more: what was due by the old one is due so much earlier", by
        )
        _bring_forward(ports, by)
    return by


def set_back(ports: Ports) -> timedelta:
    """By how much the clock was set back since the last look at coverage, at the least; nothing below two minutes.

    That look is never farther off than a minute, so what is more was said by another clock.
    """
    now = ports.clock.now()
    known = ports.stores.watchdogs.get([watchdog_id(COVERAGE)]).values()
    ahead = max((one.look_at - now - MINUTE for one in known), default=timedelta())
    return ahead if ahead > MINUTE else timedelta()


def _bring_forward(ports: Ports, by: timedelta) -> None:
    """The watchdogs come last: as long as theirs is not done, it is done again."""
    now, stores = ports.clock.now(), ports.stores
    lease = timedelta(seconds=ports.settings.lease)
    _each(stores.feeds, now, partial(_feed, now=now, by=by, lease=lease))
    _each(stores.subscriptions, now, lambda one: replace(one, queued_until=None, due_at=_before(one.due_at, now, by)))
    _each(stores.entries, now, partial(_entry, now=now, by=by, lease=lease))
    _each(stores.deliveries, now, partial(_delivery, now=now, by=by, lease=lease))
    outboxes = [one.id for one in stores.outboxes.all() if (one.lease_until or now) > now + lease]
    stores.outboxes.update(outboxes, partial(_unleased, now=now, by=by, lease=lease))
    watchdogs = [one.id for one in stores.watchdogs.all()]
    stores.watchdogs.update(watchdogs, partial(_watchdog, now=now, by=by))


def _each(store: DueRecords[Waiting], now: datetime, change: Callable[[Waiting], Waiting | None]) -> None:
    waiting: Sequence[Waiting] = store.due(now + FAR, EVERY)
    store.update([one.id for one in waiting if ready_at(one) > now], change)


def _feed(feed: Feed, *, now: datetime, by: timedelta, lease: timedelta) -> Feed:
    old = feed.polled_at is not None and feed.polled_at > now
    due = _before(feed.next_poll_at, now, by) if old else feed.next_poll_at
    return replace(_unqueued(_unleased(feed, now=now, by=by, lease=lease), now, lease), next_poll_at=due)


def _entry(entry: Entry, *, now: datetime, by: timedelta, lease: timedelta) -> Entry:
    return replace(
        _unqueued(_unleased(entry, now=now, by=by, lease=lease), now, lease), due_at=_before(entry.due_at, now, by)
    )


def _delivery(delivery: Delivery, *, now: datetime, by: timedelta, lease: timedelta) -> Delivery:
    due = _before(delivery.due_at, now, by)
    if delivery.state is DeliveryState.HELD:
        waits = delivery.reason.startswith(DIGEST) and delivery.due_at <= now + LONGEST_DIGEST
        due = delivery.due_at if waits else min(delivery.due_at, now)
    return replace(_unqueued(_unleased(delivery, now=now, by=by, lease=lease), now, lease), due_at=due)


def _watchdog(one: Watchdog, *, now: datetime, by: timedelta) -> Watchdog:
    due, look = _before(one.due_at, now, by), _before(one.look_at, now, by)
    return replace(
        one, due_at=due, look_at=look, queued_until=None, lease_until=one.lease_until and one.lease_until - by
    )


Queued = TypeVar("Queued", Feed, Entry, Delivery)


def _unqueued(one: Queued, now: datetime, lease: timedelta) -> Queued:
    """A message that names it twice does no harm: who holds no claim does nothing."""
    return replace(one, queued_until=None) if (one.queued_until or now) > now + lease else one


def _unleased(one: Leased, *, now: datetime, by: timedelta, lease: timedelta) -> Leased:
    """With its lease as it would be by the clock of now: work may be going on under it."""
    until = one.lease_until
    return replace(one, lease_until=until - by) if until is not None and until > now + lease else one


def _before(due: datetime, now: datetime, by: timedelta) -> datetime:
    return due - by if due > now else due
