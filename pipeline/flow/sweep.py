"""sweep: names what is due, what was abandoned, and what was left half-written.

The store is the truth and a broker message only carries ids, so a lost broker loses nothing: what no message names
any more is ready again when its `queued_until` or its lease has run out (model.ready_at).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar
from urllib.parse import urlsplit

from msgspec.structs import replace

from pipeline.flow.beat import admits, swept
from pipeline.flow.firing import complete_deliveries
from pipeline.flow.pressure import pace, polled_now
from pipeline.flow.setback import set_right
from pipeline.flow.watchdog import due_watchdogs
from pipeline.model import Delivery, Entry, Feed, Subscription, ready_at
from pipeline.ports import DueRecords, Ports, Records

MOST = 2_000
"""How many things of a kind one sweep names; the next one goes on. Of entries no more than that wait in messages, news
and backfill apart: what no worker has come to within a lease would be named again, and the queue grow of itself."""
EVERY = 1_000_000


@dataclass(slots=True)
class Work:
    """Batches of ids, one task each."""

    polls: list[list[str]]
    ingests: list[list[str]]
    backfills: list[list[str]]  # to be ingested when no news wait
    notifies: list[list[str]]
    subscribes: list[list[str]]
    watchdogs: list[str]  # by name
    more: bool = False  # entries are left that no message names: the next sweep is wanted as soon as these are done


def sweep(ports: Ports, token: int | None = None) -> Work:
    """Find what is ready and mark it as queued; whoever calls puts the batches into the queue.

    `token` is that of the beat that named this sweep (flow/beat.py); nothing is found for one that was succeeded.
    """
    if not admits(ports, token):
        return Work([], [], [], [], [], [])
    set_right(ports)
    complete_deliveries(ports)  # before the time is taken by which they are due
    now = ports.clock.now()
    stores = ports.stores
    until = now + timedelta(seconds=ports.settings.lease)
    allowed = pace(ports)
    feeds = _mark(stores.feeds, polled_now(ports, stores.feeds.due(now, MOST), allowed), now, until)
    found = stores.entries.due(now, MOST)
    entries = _mark(stores.entries, _with_room(ports, found, now, until), now, until)
    deliveries = _mark(stores.deliveries, stores.deliveries.due(now, MOST), now, until)
    # Without a callback no hub is asked for anything.
    due = stores.subscriptions.due(now, MOST) if ports.settings.websub_callback else []
    subscriptions = _mark(stores.subscriptions, due, now, until)
    work = Work(
        polls=by_host(feeds, 50),
        ingests=batches_of_entries([entry for entry in entries if not entry.backfill], 10),
        backfills=batches_of_entries([entry for entry in entries if entry.backfill], 10),
        notifies=batches([delivery.id for delivery in deliveries], 50),
        subscribes=batches([subscription.id for subscription in subscriptions], 50),
        watchdogs=due_watchdogs(ports, until),
        # Half, so that of two sweeps after each other only one is followed by the next.
        more=len(found) == MOST and len(entries) >= MOST // 2,
    )
    swept(ports, allowed.why)
    return work


def _with_room(ports: Ports, found: Sequence[Entry], now: datetime, until: datetime) -> list[Entry]:
    """Those of the entries that may be named besides what messages name already."""
    chosen: list[Entry] = []
    for backfill in (False, True):
        of_kind = [entry for entry in found if entry.backfill is backfill]
        if of_kind:
            chosen += of_kind[: max(0, MOST - ports.stores.entries.under_way(now, until, backfill=backfill))]
    return chosen


def forget_queue(ports: Ports) -> int:
    """Take back that messages name things, where the broker is known to hold none; how many there were.

    For a broker in memory, which forgets with its process: else what it named would wait for a whole lease.
    """
    soon = ports.clock.now() + timedelta(seconds=ports.settings.lease)
    stores = ports.stores
    return (
        _unmark(stores.feeds, soon)
        + _unmark(stores.subscriptions, soon)
        + _unmark(stores.entries, soon)
        + _unmark(stores.deliveries, soon)
    )


Queued = TypeVar("Queued", Feed, Entry, Delivery, Subscription)


def _unmark(store: DueRecords[Queued], soon: datetime) -> int:
    found = [one.id for one in store.due(soon, EVERY) if one.queued_until]
    return len(store.update(found, lambda one: replace(one, queued_until=None)))


def _mark(store: Records[Queued], found: Sequence[Queued], now: datetime, until: datetime) -> list[Queued]:
    """Mark what is still ready as queued; of two sweeps at once only one gets each thing."""
    change: Callable[[Queued], Queued | None] = lambda one: (  # noqa: E731
        replace(one, queued_until=until) if ready_at(one) <= now else None
    )
    return store.update([one.id for one in found], change)


def by_host(feeds: Sequence[Feed], size: int) -> list[list[str]]:
    """Batches of feed ids with the hosts dealt out in turn, so that one host's feeds don't fill a batch."""
    waiting: dict[str, list[str]] = {}
    for feed in feeds:
        waiting.setdefault(urlsplit(feed.url).netloc, []).append(feed.id)
    dealt: list[str] = []
    while waiting:
        for host in list(waiting):
            dealt.append(waiting[host].pop(0))
            if not waiting[host]:
                del waiting[host]
    return batches(dealt, size)


def batches_of_entries(entries: Sequence[Entry], size: int) -> list[list[str]]:
    """Batches of entry ids. An entry that came back goes alone: it may be what its batch failed by."""
    back = [[entry.id] for entry in entries if _came_back(entry)]
    return back + batches([entry.id for entry in entries if not _came_back(entry)], size)


def _came_back(entry: Entry) -> bool:
    return entry.attempts > 0 or bool(entry.failed_stage)


def batches(ids: Sequence[str], size: int) -> list[list[str]]:
    """`ids` in rows of at most `size`."""
    return [list(ids[start : start + size]) for start in range(0, len(ids), size)]
