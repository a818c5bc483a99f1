"""once: one round in this process, without a broker. For cron, and for every check."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar

from pipeline.errors import HostBusy
from pipeline.flow.firing import complete_deliveries
from pipeline.flow.ingest import IngestReport, ingest
from pipeline.flow.notify import NotifyReport, notify
from pipeline.flow.poll import PollReport, poll
from pipeline.flow.sweep import batches, batches_of_entries, by_host
from pipeline.model import POLLED, Delivery, Entry
from pipeline.ports import Ports

PAGE = 2_000
"""How many pending things are looked for at a time."""

POLL_BATCH = 25
INGEST_BATCH = 50
NOTIFY_BATCH = 50

Progress = Callable[[str, int, int], None]
"""Called with the stage, how many are done, and how many there are."""
Ingesting = Callable[[Sequence[str]], IngestReport]
"""`ingest`, of the ids of entries."""
Report = TypeVar("Report")
Pending = TypeVar("Pending", Entry, Delivery)


@dataclass(slots=True)
class Round:
    """What one round came to."""

    feeds: int = 0
    unchanged: int = 0
    failed_feeds: dict[str, str] = field(default_factory=dict)
    entries: int = 0
    changed: int = 0
    stories: int = 0
    failed_entries: dict[str, str] = field(default_factory=dict)
    quarantined: dict[str, str] = field(default_factory=dict)
    matches: int = 0
    sent: int = 0
    postponed: int = 0
    failed: int = 0
    suppressed: int = 0

    def counts(self) -> dict[str, object]:
        """The keys of `wirewatch once --json` (docs/cli.md)."""
        return asdict(self)


def once(
    ports: Ports,
    *,
    everything: bool,
    progress: Progress,
    threads: int = 4,
    ingesting: Ingesting | None = None,
    get_ready: Callable[[], None] = lambda: None,
) -> Round:
    """Poll due feeds (`everything`: all but paused and gone ones), then ingest and deliver all that is pending.

    `ingesting` does a batch somewhere else than in this process; it may `get_ready` meanwhile, as entries come.
    """
    outcome = Round()
    with ThreadPoolExecutor(threads, thread_name_prefix="once") as pool:
        _poll(ports, pool, outcome, get_ready, everything=everything, progress=progress)
        _ingest(ports, pool, outcome, progress, ingesting or partial(ingest, ports))
        _notify(ports, pool, outcome, progress)
    return outcome


def _poll(
    ports: Ports,
    pool: ThreadPoolExecutor,
    outcome: Round,
    get_ready: Callable[[], None],
    *,
    everything: bool,
    progress: Progress,
) -> None:
    def work(feed_ids: Sequence[str]) -> PollReport:
        report = poll(ports, feed_ids, forced=forced)
        if report.new:
            get_ready()
        return report

    if everything:
        feeds = [feed for feed in ports.stores.feeds.all() if feed.state in POLLED]
    else:
        feeds = ports.stores.feeds.due(ports.clock.now(), 1_000_000)

    forced, named = everything, by_host(feeds, POLL_BATCH)
    while named:
        put_off: dict[str, float] = {}
        for report in _in_parallel(pool, "poll", named, work, progress):
            put_off |= {feed_id: wait for feed_id, wait in report.put_off.items() if wait <= HostBusy.SOON}
            outcome.feeds += report.polled - len(report.put_off)
            outcome.unchanged += report.unchanged
            outcome.entries += report.new
            outcome.changed += report.changed
            outcome.failed_feeds |= report.failed
        forced, named = True, batches(list(put_off), POLL_BATCH)
        ports.clock.wait(max(put_off.values(), default=0.0))


def _ingest(ports: Ports, pool: ThreadPoolExecutor, outcome: Round, progress: Progress, work: Ingesting) -> None:
    while wait := _ingest_all(ports, pool, outcome, progress, work):
        ports.clock.wait(wait)


def _ingest_all(ports: Ports, pool: ThreadPoolExecutor, outcome: Round, progress: Progress, work: Ingesting) -> float:
    """Ingest all that is pending; the seconds until hosts have turns for the pages that they had none for."""
    put_off = 0.0
    for entries in _pages(ports, ports.stores.entries.due):
        for report in _in_parallel(pool, "ingest", batches_of_entries(entries, INGEST_BATCH), work, progress):
            put_off = max(put_off, report.put_off)
            outcome.stories += report.stories
            outcome.matches += report.matches
            outcome.suppressed += report.suppressed
            outcome.failed_entries |= report.failed
            outcome.quarantined |= report.quarantined
    return put_off


def _notify(ports: Ports, pool: ThreadPoolExecutor, outcome: Round, progress: Progress) -> None:
    def work(batch: Sequence[str]) -> NotifyReport:
        return notify(ports, batch)

    complete_deliveries(ports)
    for deliveries in _pages(ports, ports.stores.deliveries.due):
        ids = batches([delivery.id for delivery in deliveries], NOTIFY_BATCH)
        for report in _in_parallel(pool, "notify", ids, work, progress):
            outcome.sent += report.sent
            outcome.postponed += report.postponed
            outcome.failed += report.failed
            outcome.suppressed += report.suppressed


def _pages(ports: Ports, due: Callable[[datetime, int], list[Pending]]) -> Iterator[list[Pending]]:
    """All that is pending, each thing once, a page at a time: what could not be done is still there at the end."""
    # What a message in a broker names is looked at too: the claim sees to it that nobody does it twice.
    beyond = timedelta(seconds=ports.settings.lease)
    seen: set[str] = set()
    left = 0  # of what was seen, what is still pending and comes again with every look
    while True:
        limit = PAGE + left
        found = due(ports.clock.now() + beyond, limit)
        fresh = [one for one in found if one.id not in seen]
        left = len(found) - len(fresh)
        if fresh:
            seen |= {one.id for one in fresh}
            yield fresh
        elif len(found) < limit:
            return


def _in_parallel(
    pool: ThreadPoolExecutor,
    stage: str,
    work: Sequence[Sequence[str]],
    do: Callable[[Sequence[str]], Report],
    progress: Progress,
) -> list[Report]:
    reports: list[Report] = []
    total, done = sum(map(len, work)), 0
    progress(stage, 0, total)
    for batch, report in zip(work, pool.map(do, work), strict=True):
        reports.append(report)
        done += len(batch)
        progress(stage, done, total)
    return reports
