"""overview: how all feeds are, for lists of them and for `status`; the feeds pass by, only their order is kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from heapq import nsmallest
from itertools import islice

from pipeline.health import FeedHealth, Health, health_of, needs_person, state_of, urgency
from pipeline.model import Feed, FeedState, Glance
from pipeline.ports import Ports

PAGE = 500
LATELY = timedelta(hours=1)
WORST = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """All feeds, counted: by state, by health, and the worst of those that need a person."""

    states: dict[str, int]
    health: dict[str, int]
    failing: int  # those with an error
    polled_lately: int  # within LATELY
    newest_entry_at: datetime | None  # when the last new entry came, of any feed
    worst: list[tuple[Feed, Health]]


def overview(ports: Ports) -> Overview:
    """Count the feeds in one pass."""
    now = ports.clock.now()
    states, health, failing, polled = Counter[str](), Counter[str](), 0, 0
    newest: datetime | None = None

    def wrong() -> Iterator[tuple[int, str, str]]:
        nonlocal failing, polled, newest
        for feed in ports.stores.feeds.glances():
            how = state_of(feed, now)
            states[feed.state] += 1
            health[how] += 1
            failing += bool(feed.error)
            polled += feed.polled_at is not None and now - feed.polled_at <= LATELY
            if feed.new_entry_at and (newest is None or feed.new_entry_at > newest):
                newest = feed.new_entry_at
            if needs_person(feed, how):
                yield (*urgency(feed, how), feed.id)

    worst = nsmallest(WORST, wrong())
    return Overview(
        states={state.value: states[state] for state in FeedState},
        health={state.value: health[state] for state in FeedHealth if health[state]},
        failing=failing,
        polled_lately=polled,
        newest_entry_at=newest,
        worst=_read(ports, worst, now),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Some of the feeds that were asked for, what needs a person first. `counts`, by health, are of all feeds."""

    rows: list[tuple[Feed, Health]]
    found: int  # of how many these are some
    counts: dict[str, int]


def page_by_urgency(ports: Ports, *, state: FeedHealth | None, text: str, start: int, size: int) -> Page:
    """`size` feeds from place `start` on, of those in `state` whose address, title or tags hold `text` in any case."""
    now, wanted, counts = ports.clock.now(), text.casefold(), Counter[str]()
    found: list[tuple[int, str, str]] = []
    for feed in ports.stores.feeds.glances():
        how = state_of(feed, now)
        counts[how] += 1
        if state in (None, how) and (not wanted or wanted in _said(feed)):
            found.append((*urgency(feed, how), feed.id))
    return Page(
        rows=_read(ports, nsmallest(start + size, found)[start:], now),
        found=len(found),
        counts={one.value: counts[one] for one in FeedHealth if counts[one]},
    )


def _said(feed: Glance) -> str:
    return "\n".join((feed.url, feed.title, *feed.tags)).casefold()


def by_urgency(ports: Ports, *, state: FeedHealth | None = None, limit: int = 0) -> Iterator[tuple[Feed, Health]]:
    """The feeds (only those in `state`, where given), what needs a person first; at most `limit`, 0 for all.

    What stands in memory for each is its place, address and id; the feeds themselves are read again in that order.
    """
    now = ports.clock.now()
    places = _places(ports, now, state)
    order = iter(nsmallest(limit, places) if limit else sorted(places))
    while page := list(islice(order, PAGE)):
        yield from _read(ports, page, now)


def _places(ports: Ports, now: datetime, state: FeedHealth | None) -> Iterator[tuple[int, str, str]]:
    for feed in ports.stores.feeds.glances():
        found = state_of(feed, now)
        if state in (None, found):
            yield (*urgency(feed, found), feed.id)


def _read(ports: Ports, places: Sequence[tuple[int, str, str]], now: datetime) -> list[tuple[Feed, Health]]:
    known = ports.stores.feeds.get([key for _, _, key in places])
    return [(feed, health_of(feed, now)) for feed in known.values()]
