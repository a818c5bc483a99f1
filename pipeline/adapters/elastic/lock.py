"""One at a time: whoever reindexes or prunes holds the upkeep of the store, under a lease that it renews."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from elasticsearch import Elasticsearch
from msgspec import Struct
from msgspec.structs import replace

from pipeline.adapters.elastic.indices import Names
from pipeline.adapters.elastic.mappings import Kind
from pipeline.adapters.elastic.records import ElasticRecords, Shelf
from pipeline.errors import StoreUnavailable

LEASE = timedelta(minutes=2)
"""Longer than any one request takes that is made in between."""
RENEW_EVERY = 20.0
UPKEEP = "upkeep"


class Lock(Struct, frozen=True, kw_only=True):
    """Who is at work, and until when nobody else may be."""

    id: str
    holder: str
    until: datetime


@contextmanager
def alone(client: Elasticsearch, names: Names, work: str) -> Iterator[Callable[[], None]]:
    """Hold the upkeep for `work`; gives what renews it, which is to be called again and again.

    Raises StoreUnavailable, naming them, while others hold it, and where it was lost to them.
    """
    locks = ElasticRecords(client, Shelf(names, Kind.LOCKS, Lock))
    mine = f"`wirewatch {work}` on {socket.gethostname()}, process {os.getpid()}, {time.monotonic_ns()}"
    locks.create([Lock(id=UPKEEP, holder="", until=datetime.now(UTC))])
    if not locks.update([UPKEEP], lambda one: _taken(one, mine)):
        holder = locks.get([UPKEEP])[UPKEEP].holder.rpartition(",")[0]
        raise StoreUnavailable(f"{holder} is at work on the store: wait for it, or two minutes after its death")
    try:
        yield _renewal(locks, mine)
    finally:
        locks.update(
            [UPKEEP], lambda one: replace(one, holder="", until=datetime.now(UTC)) if one.holder == mine else None
        )


def _taken(lock: Lock, mine: str) -> Lock | None:
    now = datetime.now(UTC)
    return replace(lock, holder=mine, until=now + LEASE) if not lock.holder or lock.until <= now else None


def _renewal(locks: ElasticRecords[Lock], mine: str) -> Callable[[], None]:
    renewed = time.monotonic()

    def renew() -> None:
        nonlocal renewed
        if time.monotonic() - renewed < RENEW_EVERY:
            return
        until = datetime.now(UTC) + LEASE
        if not locks.update([UPKEEP], lambda one: replace(one, until=until) if one.holder == mine else None):
            raise StoreUnavailable(
                "others took over the upkeep of the store, since this process stood still: begin again"
            )
        renewed = time.monotonic()

    return renew
