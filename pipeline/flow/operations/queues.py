"""queues: what waits for each task and for how long, as the store knows it. A broker only carries ids."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

from pipeline.flow.beat import known_beat
from pipeline.flow.watchdog import COVERAGE, MINUTE, watchdog_id
from pipeline.model import Delivery, Entry, Feed, Subscription
from pipeline.ports import DueRecords, Ports

MOST = 1_000
"""Things of a queue that are looked at: beyond, its length is told as so many at the least."""

LEASES, SWEEPS = 2, 6
"""In which whatever is due is taken by somebody, unless those before it take all the time."""

_STORES: dict[str, Callable[[Ports], DueRecords[Any]]] = {
    "poll": lambda ports: ports.stores.feeds,
    "ingest": lambda ports: ports.stores.entries,
    "notify": lambda ports: ports.stores.deliveries,
    "subscribe": lambda ports: ports.stores.subscriptions,
}

Waiting = TypeVar("Waiting", Feed, Entry, Delivery, Subscription)


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """What waits for a task: due, and not done."""

    task: str
    waiting: int
    named: int  # how many a message in the broker names: all of them, as those taken
    taken: int  # and how many a worker has under its lease
    abandoned: int  # of those looked at, how many a worker had whose lease has run out: it died, or was too slow
    oldest: datetime | None  # since when the longest waiting one is due
    more: bool  # there are more than were looked at


def queues(ports: Ports) -> list[Queue]:
    """The queue of each task, in the order of the stages."""
    return [_queue(ports, task, store(ports)) for task, store in _STORES.items()]


def stuck(ports: Ports, task: str) -> str:
    """Why the queue of `task` does not move, in words; empty where nothing waits for long or a worker is at it."""
    queue = _queue(ports, task, _STORES[task](ports))
    now, settings = ports.clock.now(), ports.settings
    patience = timedelta(seconds=LEASES * settings.lease + SWEEPS * settings.sweep_every)
    if queue.oldest is None or queue.taken or now - queue.oldest < patience:
        return ""
    if task == "poll" and known_beat(ports).slowed:
        return ""  # on purpose
    waited = (now - queue.oldest).total_seconds()
    return f"{queue.waiting} wait for {task}, the oldest for {waited:,.0f} s, and no worker is at any of them"


def unswept(ports: Ports) -> str:
    """Why nobody looks for what is due, in words; empty where a sweep came to its end lately."""
    swept_at, every = known_beat(ports).swept_at, ports.settings.sweep_every
    if swept_at is None:
        return "no sweep has come to its end yet"
    ago = (ports.clock.now() - swept_at).total_seconds()
    return (
        "" if ago < max(SWEEPS * every, MINUTE.total_seconds()) else f"the last sweep came to its end {ago:,.0f} s ago"
    )


def looked_at(ports: Ports) -> datetime | None:
    """When a worker last looked after the feeds, as one does each minute while beat and workers run; None: never."""
    found = ports.stores.watchdogs.get([watchdog_id(COVERAGE)]).get(watchdog_id(COVERAGE))
    return found.look_at - MINUTE if found else None


def _queue(ports: Ports, task: str, store: DueRecords[Waiting]) -> Queue:
    now = ports.clock.now()
    # What is named or taken counts as ready when that ends, which is within a lease: behind all else that is due.
    until = now + timedelta(seconds=ports.settings.lease)
    ready, held = store.due(until, MOST + 1), store.held(now, until)
    waiting = [one for one in ready[:MOST] if _due_at(one) <= now]
    return Queue(
        task=task,
        waiting=len(waiting),
        named=held.named,
        taken=held.taken,
        abandoned=sum(_ran_out(getattr(one, "lease_until", None), now) for one in waiting),
        oldest=min(map(_due_at, waiting), default=None),
        more=len(ready) > MOST,
    )


def _due_at(thing: Feed | Entry | Delivery | Subscription) -> datetime:
    return thing.next_poll_at if isinstance(thing, Feed) else thing.due_at


def _ran_out(end: datetime | None, now: datetime) -> bool:
    return end is not None and end <= now
