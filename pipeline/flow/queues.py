"""queues: what waits for each task and for how long, as the store knows it. A broker only carries ids."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from pipeline.flow.watchdog import COVERAGE, MINUTE, watchdog_id
from pipeline.model import Delivery, Entry, Feed, Subscription
from pipeline.ports import DueRecords, Ports

MOST = 1_000
"""Things of a queue that are looked at: beyond, its length is told as so many at the least."""

Waiting = TypeVar("Waiting", Feed, Entry, Delivery, Subscription)


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """What waits for a task: due, and not done."""

    task: str
    waiting: int
    named: int  # of these, how many a message in the broker names
    taken: int  # and how many a worker has under its lease
    abandoned: int  # and how many a worker had whose lease has run out: it died, or was too slow
    oldest: datetime | None  # since when the longest waiting one is due
    more: bool  # there are more than were looked at


def queues(ports: Ports) -> list[Queue]:
    """The queue of each task, in the order of the stages."""
    stores = ports.stores
    return [
        _queue(ports, "poll", stores.feeds),
        _queue(ports, "ingest", stores.entries),
        _queue(ports, "notify", stores.deliveries),
        _queue(ports, "subscribe", stores.subscriptions),
    ]


def looked_at(ports: Ports) -> datetime | None:
    """When a worker last looked after the feeds, as one does each minute while beat and workers run; None: never."""
    found = ports.stores.watchdogs.get([watchdog_id(COVERAGE)]).get(watchdog_id(COVERAGE))
    return found.look_at - MINUTE if found else None


def _queue(ports: Ports, task: str, store: DueRecords[Waiting]) -> Queue:
    now = ports.clock.now()
    # What is named or taken counts as ready when that ends, which is within a lease.
    ready = store.due(now + timedelta(seconds=ports.settings.lease), MOST + 1)
    waiting = [one for one in ready[:MOST] if _due_at(one) <= now]
    return Queue(
        task=task,
        waiting=len(waiting),
        named=sum(_until(one.queued_until, now) for one in waiting),
        taken=sum(_until(getattr(one, "lease_until", None), now) for one in waiting),
        abandoned=sum(_ran_out(getattr(one, "lease_until", None), now) for one in waiting),
        oldest=min(map(_due_at, waiting), default=None),
        more=len(ready) > MOST,
    )


def _due_at(thing: Feed | Entry | Delivery | Subscription) -> datetime:
    return thing.next_poll_at if isinstance(thing, Feed) else thing.due_at


def _ran_out(end: datetime | None, now: datetime) -> bool:
    return end is not None and end <= now


def _until(end: datetime | None, now: datetime) -> bool:
    return end is not None and end > now
