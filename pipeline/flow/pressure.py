"""pressure: feeds are polled less often while news pile up before ingest, or the store's disk fills up."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import NamedTuple

from pipeline.model import Feed
from pipeline.ports import Ports


class Pace(NamedTuple):
    """How often feeds are polled: `share` times as often as is due, from 1 down to 0 for not at all, and why."""

    share: float
    why: str = ""


FULL = Pace(1.0)


def pace(ports: Ports) -> Pace:
    """The pace that the queue and the disk allow, the slower of the two."""
    return min(_of_queue(ports), _of_disk(ports), key=lambda one: one.share)


def polled_now(ports: Ports, feeds: Sequence[Feed], now: Pace) -> list[Feed]:
    """Those of the due feeds that are polled at this pace: at half of it each is left for its interval once more."""
    if now.share >= 1:
        return list(feeds)
    if now.share <= 0:
        return []
    longer = 1 / now.share - 1
    at = ports.clock.now()
    return [feed for feed in feeds if feed.next_poll_at + timedelta(seconds=feed.interval * longer) <= at]


def _of_queue(ports: Ports) -> Pace:
    most = ports.settings.ingest_backlog
    # What a message names, or a worker holds, is ready again within a lease.
    soon = ports.clock.now() + timedelta(seconds=ports.settings.lease)
    waiting = ports.stores.entries.ready(soon, backfill=False)
    if waiting <= most:
        return FULL
    return Pace(max(0.0, 2 - waiting / most), f"{waiting:,} entries wait to be ingested (ingest_backlog is {most:,})")


def _of_disk(ports: Ports) -> Pace:
    reserve = ports.settings.disk_reserve
    disk = ports.stores.disk() if reserve else None
    if disk is None or (left := max(0, disk.free - disk.floor)) >= 2 * reserve:
        return FULL
    why = f"the store's disk has {left / 1e9:.1f} GB left to write to (disk_reserve is {reserve / 1e9:.1f} GB)"
    return Pace(max(0.0, left / reserve - 1), why)
