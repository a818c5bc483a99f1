"""The scheduler on a virtual clock: 200,000 feeds of realistic habits for 7 days, and the cost of picking due feeds.

    .venv/bin/python -m benchmarks.schedule [--quick] [--patience SECONDS] [--only week|due]

Prints tables on stderr and JSON on stdout. The judgement is the real code (pipeline/schedule.py), the publishers are
benchmarks/newsweek.py. Against it: fixed intervals of 15 and 60 minutes, which ask no publisher what he wants, and the
rule of Miniflux's entry-frequency scheduler (a week by the number of stories a week, from 5 minutes to a day, ttl and
max-age kept). A delay is from publication to the poll that sees the story; stories that rolled out of the document
before a poll saw them are counted apart, as missed; "unasked" are those of them whose feed does not ask to be polled
once an hour at the most, so that it was the scheduler who came too late.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import sys
import tempfile
import time
from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from benchmarks import newsweek
from benchmarks.newsweek import DAY, HOUR, START
from pipeline import schedule
from pipeline.adapters import sqlite
from pipeline.errors import FetchRefused
from pipeline.ids import identify
from pipeline.model import Feed, FetchResponse, ParsedEntry, ParsedFeed
from pipeline.settings import Settings, load

DAYS = 7
FEEDS, QUICK = 200_000, 5_000
STORES, QUICK_STORES = (10_000, 100_000, 1_000_000), (10_000, 20_000, 50_000)
SWEPT = 2_000
STEP = 10  # seconds: how finely delays are counted
LONGEST = 2 * 86_400 // STEP
CROWD = 600  # requests a minute that are told apart
POLICIES = ("adaptive", "fixed 15 min", "fixed 60 min", "entry frequency")


@dataclass(slots=True)
class Tally:
    """What a policy came to."""

    polls: int = 0
    idle: int = 0  # found nothing
    missed: int = 0
    missed_unasked: int = 0  # of feeds that don't ask to be polled once an hour at the most
    delays: array[int] = field(default_factory=lambda: array("q", [0] * (LONGEST + 1)))
    crowds: array[int] = field(default_factory=lambda: array("q", [0] * (CROWD + 1)))  # host minutes by requests

    def saw(self, moment: float, stories: list[float]) -> None:
        """Count a poll at `moment` that saw these for the first time."""
        self.polls += 1
        self.idle += not stories
        for published in stories:
            self.delays[min(int(moment - published) // STEP, LONGEST)] += 1

    def add(self, other: Tally) -> None:
        """Count what another one counted."""
        for name in ("polls", "idle", "missed", "missed_unasked"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.delays = array("q", map(int.__add__, self.delays, other.delays))
        self.crowds = array("q", map(int.__add__, self.crowds, other.crowds))


Policy = Callable[[newsweek.Feed, Tally, float], Iterator[float]]
"""The moments at which it polls a feed, from the given one on; it tallies what it finds."""


def main() -> None:
    """Measure, and print."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--quick", action="store_true", help=f"{QUICK} feeds and small stores, to see that it runs")
    options.add_argument("--patience", default=None, help="another WIREWATCH_POLL_PATIENCE than the default")
    options.add_argument("--only", choices=("week", "due"), help="one of the two parts")
    asked = options.parse_args()
    results: dict[str, Any] = {}
    if asked.only != "due":
        results["week"] = week(QUICK if asked.quick else FEEDS, asked.patience)
    if asked.only != "week":
        results["due"] = [due(count) for count in (QUICK_STORES if asked.quick else STORES)]
        due_table(results["due"])
    print(json.dumps(results, indent=1))


# ---------------------------------------------------------------------------------------------------------
# The week


def week(feeds: int, patience: str | None) -> dict[str, Any]:
    """All policies over the same feeds, on all cores."""
    began = time.perf_counter()
    jobs = [(batch, patience) for batch in _batches(newsweek.hosts(feeds, seed=6), 250)]
    totals = {name: Tally() for name in POLICIES}
    done = 0
    with get_context("spawn").Pool() as pool:
        for size, tallies in pool.imap_unordered(_batch, jobs):
            for name, tally in tallies.items():
                totals[name].add(tally)
            done += size
            note(f"\r{done:,} of {feeds:,} feeds, {time.perf_counter() - began:.0f} s ", end="")
    note("")
    rows = {name: summary(tally, feeds) for name, tally in totals.items()}
    table(rows)
    return {"feeds": feeds, "days": DAYS, "took_s": round(time.perf_counter() - began, 1), "policies": rows}


def _batches(hosts: Iterator[tuple[int, int]], size: int) -> Iterator[list[tuple[int, int]]]:
    batch: list[tuple[int, int]] = []
    for host in hosts:
        batch.append(host)
        if sum(feeds for _, feeds in batch) >= size:
            yield batch
            batch = []
    if batch:
        yield batch


def _batch(job: tuple[list[tuple[int, int]], str | None]) -> tuple[int, dict[str, Tally]]:
    hosts, patience = job
    adaptive = Adaptive(load({}, poll_patience=patience))
    policies = dict(zip(POLICIES, (adaptive, fixed(900), fixed(3600), frequency), strict=True))
    tallies = {name: Tally() for name in POLICIES}
    for seed, size in hosts:
        chance = random.Random(seed)
        feeds = [newsweek.feed(chance, f"{seed} {number}", DAYS) for number in range(size)]
        # As after an import: the first polls are spread over an hour by the budgets of hosts and workers.
        starts = [START + chance.random() * HOUR for _ in feeds]
        for name, policy in policies.items():
            minutes = array("H", bytes(2 * DAYS * 1440))
            for one, start in zip(feeds, starts, strict=True):
                for moment in policy(one, tallies[name], start):
                    minutes[int(moment - START) // 60] += 1
            for requests in minutes:
                tallies[name].crowds[min(requests, CROWD)] += 1
    return sum(size for _, size in hosts), tallies


END = START + DAYS * DAY


def fixed(interval: float) -> Policy:
    """Every `interval` seconds. Reckoned story by story, since most polls find nothing."""

    def policy(feed: newsweek.Feed, tally: Tally, start: float) -> Iterator[float]:
        count = math.ceil((END - start) / interval)
        known, eventful = feed.document(start)[1], 1  # the first poll is no delay's
        while known < len(feed.published):
            moment = start + math.ceil((feed.published[known] - start) / interval) * interval
            while moment < END and feed.fails[0] <= moment < feed.fails[1]:
                moment += interval
            if moment >= END:
                break
            known = _read(feed, tally, moment, known, first=False)
            eventful += 1
        tally.polls, tally.idle = tally.polls + count - eventful + 1, tally.idle + count - eventful
        return (start + number * interval for number in range(count))

    return policy


def frequency(feed: newsweek.Feed, tally: Tally, start: float) -> Iterator[float]:
    """Miniflux's entry-frequency rule, factor 1."""

    def interval(moment: float) -> float:
        count = feed.published_in(moment - 7 * DAY, moment)
        own = min(max(7 * DAY / count, 300.0), DAY) if count else DAY
        return min(max(own, feed.least_interval, feed.max_age), DAY)

    return _polled(feed, tally, start, interval)


def _polled(feed: newsweek.Feed, tally: Tally, start: float, interval: Callable[[float], float]) -> Iterator[float]:
    moment, known = start, len(feed.published[: bisect_left(feed.published, start)])
    first = True
    while moment < END:
        if feed.fails[0] <= moment < feed.fails[1]:
            tally.saw(moment, [])
        else:
            known = _read(feed, tally, moment, known, first=first)
        first = False
        yield moment
        moment += interval(moment)


def _read(feed: newsweek.Feed, tally: Tally, moment: float, known: int, *, first: bool) -> int:
    """Tally what a poll sees, given that `known` stories were seen or missed before; how many are now."""
    oldest, end = feed.document(moment)
    if first:  # what was there before the feed was added is nobody's delay
        tally.polls += 1
        return end
    missed = max(0, oldest - known)
    tally.missed += missed
    tally.missed_unasked += 0 if feed.least_interval else missed
    tally.saw(moment, feed.published[max(oldest, known) : end])
    return end


class Adaptive:
    """The real judgement."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def __call__(self, feed: newsweek.Feed, tally: Tally, start: float) -> Iterator[float]:
        """The moments at which it polls `feed`."""
        moment, known, now = start, 0, datetime.fromtimestamp(start, UTC)
        state = Feed(id=feed.name, url="https://a.example/", added_at=now, next_poll_at=now)
        headers = {"cache-control": f"max-age={feed.max_age:.0f}"} if feed.max_age else {}
        changed = FetchResponse(url=state.url, status=200, headers=headers, body=b"")
        same = FetchResponse(url=state.url, status=304, headers=headers, body=b"")
        refused = FetchRefused(state.url, "answers 404 Not Found", status=404)
        entries = _Entries(feed)
        while moment < END:
            outcome: FetchResponse | FetchRefused = same
            parsed, new = None, 0
            if feed.fails[0] <= moment < feed.fails[1]:
                outcome = refused
                tally.saw(moment, [])
            else:
                before, known = known, _read(feed, tally, moment, known, first=not state.succeeded_at)
                if known > before or not state.succeeded_at:
                    oldest, _ = feed.document(moment)
                    outcome, parsed = changed, entries.document(oldest, known)
                    new = known - max(before, oldest)
            yield moment
            state = schedule.after_poll(
                state, outcome, parsed=parsed, new_entries=new, now=now, settings=self._settings
            )
            now = state.next_poll_at
            moment = now.timestamp()


class _Entries:
    """A feed's documents, each entry made once."""

    def __init__(self, feed: newsweek.Feed) -> None:
        self._feed = feed
        self._made: dict[int, ParsedEntry] = {}

    def document(self, start: int, end: int) -> ParsedFeed:
        entries = tuple([self._entry(number) for number in range(start, end)])
        return ParsedFeed(least_interval=self._feed.least_interval, entries=entries)

    def _entry(self, number: int) -> ParsedEntry:
        made = self._made.get(number)
        if made is None:
            date = datetime.fromtimestamp(self._feed.published[number], UTC) if self._feed.dated else None
            made = self._made[number] = ParsedEntry(identity=str(number), url="", title="", published=date)
        return made


def summary(tally: Tally, feeds: int) -> dict[str, float]:
    """What a person asks of a policy."""
    stories = sum(tally.delays)
    crowded = sum(tally.crowds[1:])
    return {
        "polls_a_day": round(tally.polls / DAYS),
        "polls_a_feed_a_day": round(tally.polls / DAYS / feeds, 2),
        "found_nothing_share": round(tally.idle / tally.polls, 3),
        "stories": stories,
        "median_delay_s": centile(tally.delays, 0.5) * STEP,
        "delay_90_s": centile(tally.delays, 0.9) * STEP,
        "delay_99_s": centile(tally.delays, 0.99) * STEP,
        "missed": tally.missed,
        "missed_unasked": tally.missed_unasked,
        "missed_share": round(tally.missed / (stories + tally.missed), 5),
        "host_requests_a_minute_mean": round(tally.polls / crowded, 2),
        "host_requests_a_minute_99": centile(tally.crowds[1:], 0.99) + 1,
        "host_requests_a_minute_most": max(number for number, minutes in enumerate(tally.crowds) if minutes),
    }


def centile(counts: array[int], share: float) -> float:
    """The place in `counts` up to which that share of them lies, with the middle of a place for its content."""
    wanted, seen = sum(counts) * share, 0
    for place, count in enumerate(counts):
        seen += count
        if seen >= wanted and count:
            return place
    return len(counts) - 1


def table(rows: dict[str, dict[str, float]]) -> None:
    note(
        f"\n{'':>16} {'polls/day':>11} {'a feed':>7} {'nothing':>8} {'median':>8} {'90th':>8} {'99th':>8} "
        f"{'missed':>7} {'unasked':>8} {'host/min 99th':>14} {'most':>5}"
    )
    for name, row in rows.items():
        note(
            f"{name:>16} {row['polls_a_day']:>11,} {row['polls_a_feed_a_day']:>7.1f} "
            f"{row['found_nothing_share']:>8.0%} "
            f"{row['median_delay_s'] / 60:>6.1f} m {row['delay_90_s'] / 60:>6.1f} m {row['delay_99_s'] / 60:>6.1f} m "
            f"{row['missed_share']:>7.2%} {row['missed_unasked']:>8,} {row['host_requests_a_minute_99']:>14.0f} "
            f"{row['host_requests_a_minute_most']:>5.0f}"
        )


# ---------------------------------------------------------------------------------------------------------
# Picking the due feeds


def due(count: int) -> dict[str, float]:
    """Milliseconds to find 2,000 due feeds among `count`, and to mark them, as a sweep does."""
    note(f"{count:,} feeds in SQLite …")
    now = datetime.fromtimestamp(START, UTC)
    with tempfile.TemporaryDirectory() as folder:
        stores = sqlite.open_stores(str(Path(folder) / "feeds.db"))
        stores.prepare()
        chance = random.Random(6)
        for start in range(0, count, 10_000):
            stores.feeds.create([_stored(number, now, chance) for number in range(start, min(start + 10_000, count))])
        picking, marking = [], []
        for sweep in range(5):
            later = now + timedelta(hours=5, seconds=10 * sweep)
            found, took = timed(lambda later=later: stores.feeds.due(later, SWEPT))
            assert len(found) == SWEPT
            picking.append(took)
            until = later + timedelta(hours=6)
            change = lambda feed, until=until: replace(feed, queued_until=until)  # noqa: E731
            marking.append(
                timed(lambda found=found, change=change: stores.feeds.update([f.id for f in found], change))[1]
            )
        stores.close()
    return {"feeds": count, "picking_ms": min(picking) * 1000, "marking_ms": min(marking) * 1000}


def _stored(number: int, now: datetime, chance: random.Random) -> Feed:
    url = f"https://host{number % 5_000}.example/{number}"
    when = now + timedelta(seconds=chance.random() * 4 * HOUR)
    return Feed(id=identify("feed", url), url=url, added_at=now, next_poll_at=when, polled_at=now)


def due_table(rows: list[dict[str, float]]) -> None:
    note(f"\n{'feeds':>10} {'picking 2,000':>14} {'marking them':>13}")
    for row in rows:
        note(f"{row['feeds']:>10,} {row['picking_ms']:>11.1f} ms {row['marking_ms']:>10.1f} ms")


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    began = time.perf_counter()
    found = work()
    return found, time.perf_counter() - began


def note(line: str, end: str = "\n") -> None:
    print(line, file=sys.stderr, end=end, flush=True)


if __name__ == "__main__":
    main()
