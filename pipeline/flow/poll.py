"""poll: due feeds are fetched and parsed, and what is new or changed is written as pending entries."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

from msgspec.structs import replace

from pipeline import fetch, freshness, index, parse, schedule
from pipeline.address import address_key, site_host
from pipeline.errors import FetchRefused, FetchUnavailable, HostBusy, ParseError
from pipeline.flow.subscribe import discover
from pipeline.ids import identify
from pipeline.model import (
    POLLED,
    Arrival,
    Entry,
    Feed,
    FetchRequest,
    FetchResponse,
    ParsedEntry,
    ParsedFeed,
    Stage,
)
from pipeline.ports import Ports

log = logging.getLogger(__name__)

SETTLED = 10
"""Feeds whose documents are read before what they say is written: so many parsed ones are held at a time."""


@dataclass(slots=True)
class PollReport:
    """What one poll came to. `entry_ids` are to be ingested."""

    polled: int = 0
    unchanged: int = 0
    new: int = 0
    changed: int = 0
    failed: dict[str, str] = field(default_factory=dict)  # feed url to the error in words
    put_off: dict[str, float] = field(default_factory=dict)  # feed id to the seconds until its host has a turn for it
    entry_ids: list[str] = field(default_factory=list)
    backfill_ids: list[str] = field(default_factory=list)  # those of them that are no news

    @property
    def news_ids(self) -> list[str]:
        """The others."""
        backfill = set(self.backfill_ids)
        return [one for one in self.entry_ids if one not in backfill]


Outcome = FetchResponse | FetchUnavailable | FetchRefused | ParseError


def poll(ports: Ports, feed_ids: Sequence[str], *, forced: bool = False) -> PollReport:
    """Poll the feeds that are due (`forced`: all that are not paused or gone) and not being polled by somebody else."""
    now = ports.clock.now()
    until = now + timedelta(seconds=ports.settings.lease)
    feeds = ports.stores.feeds.update(feed_ids, lambda feed: _claimed(feed, now, until, forced=forced))
    report = PollReport(polled=len(feeds))
    requests = [fetch.request_for(feed, ports.settings) for feed in feeds]
    for come in _fetched(ports, requests):
        _settle(ports, [feeds[place] for place, _ in come], [outcome for _, outcome in come], report)
    return report


def _fetched(ports: Ports, requests: Sequence[FetchRequest]) -> Iterator[Sequence[tuple[int, Outcome]]]:
    """As `fetch_as_they_come`, some at a time; the waiting is the stage that is observed, and not what follows it."""
    coming, left = ports.fetcher.fetch_as_they_come(requests), len(requests)
    while left:
        with ports.observer.stage(Stage.FETCH):
            come = next(coming)
        left -= len(come)
        yield from (come[start : start + SETTLED] for start in range(0, len(come), SETTLED))


def _settle(ports: Ports, feeds: Sequence[Feed], outcomes: Sequence[Outcome], report: PollReport) -> None:
    """All that follows from what came for these feeds. Those that still wait for a slow host hold nobody up."""
    read = take_in(ports, feeds, outcomes, report)
    # As with the entries: what a document says stands before its validators do, or it would not be read again.
    discover(ports, [(feed, *one) for feed, one in zip(feeds, read, strict=True)])
    moves = {feed.id: schedule.moves_to(feed, outcome) for feed, outcome in zip(feeds, outcomes, strict=True)}
    late = _latecomers(ports, {key: address for key, address in moves.items() if address})
    finished = {
        feed.id: partial(
            schedule.after_poll,
            outcome=outcome,
            parsed=parsed,
            new_entries=new,
            now=ports.clock.now(),
            settings=ports.settings,
            taken=feed.id in late,
        )
        for feed, (outcome, parsed, new) in zip(feeds, read, strict=True)
    }
    ports.stores.feeds.update(list(finished), lambda current: finished[current.id](current))
    for feed, (outcome, parsed, _) in zip(feeds, read, strict=True):
        _tell(feed, outcome, parsed, report)


def take_in(
    ports: Ports, feeds: Sequence[Feed], outcomes: Sequence[Outcome], report: PollReport
) -> list[tuple[Outcome, ParsedFeed | None, int]]:
    """Read what came for each feed and write what is new or changed: the same for a poll and for a push.

    For each feed: the outcome, with a ParseError in place of a body that could not be read; what was read, or None
    when nothing has changed; and how many entries are new.
    """
    read = [_read(ports, feed, outcome) for feed, outcome in zip(feeds, outcomes, strict=True)]
    written = _write_entries(ports, feeds, [parsed for _, parsed in read], report)
    return [(outcome, parsed, new) for (outcome, parsed), new in zip(read, written, strict=True)]


def _claimed(feed: Feed, now: datetime, until: datetime, *, forced: bool) -> Feed | None:
    if feed.state not in POLLED or (feed.lease_until or now) > now:
        return None
    if feed.next_poll_at > now and not forced:
        return None
    claimed = replace(feed, lease_until=until, queued_until=None)
    if feed.lease_until is None:
        return claimed
    return schedule.after_lost_poll(claimed, now, until - now)


def _read(ports: Ports, feed: Feed, outcome: Outcome) -> tuple[Outcome, ParsedFeed | None]:
    if not isinstance(outcome, FetchResponse) or fetch.unchanged(feed, outcome):
        return outcome, None
    try:
        with ports.observer.stage(Stage.PARSE, feed=feed.id):
            return outcome, parse.parse(outcome.url, outcome.body, outcome.headers.get("content-type", ""))
    except ParseError as error:
        return schedule.misread(outcome, error), None


def _latecomers(ports: Ports, moves: Mapping[str, str]) -> set[str]:
    """Those of the feeds that move, ids with their new addresses, where another is polled or moves to first."""
    late: set[str] = set()
    polled = _polled_at(ports, set(moves.values())) if moves else {}
    for mover, address in moves.items():
        there = polled.setdefault(address_key(address), set())
        if there - {mover}:
            late.add(mover)
        else:
            there.add(mover)
    return late


def _polled_at(ports: Ports, addresses: Set[str]) -> dict[str, set[str]]:
    """The feeds polled at these addresses, ids by what the addresses have in common.

    All feeds pass by, so this is asked only when one is about to move. What is written in another way (http, www.) and
    is being led on itself does not count: two that lead to one address would each give way to the other.
    """
    keys, hosts = {address_key(one) for one in addresses}, {site_host(one) for one in addresses}
    near = (one for one in ports.stores.feeds.glances() if one.state in POLLED and site_host(one.url) in hosts)
    there = ports.stores.feeds.get([one.id for one in near if address_key(one.url) in keys])
    found: dict[str, set[str]] = {}
    for feed in there.values():
        if feed.url in addresses or not feed.moved_to:
            found.setdefault(address_key(feed.url), set()).add(feed.id)
    return found


def _write_entries(
    ports: Ports, feeds: Sequence[Feed], parsed: Sequence[ParsedFeed | None], report: PollReport
) -> list[int]:
    """Write what is new or changed in one go; the number of new entries for each feed.

    The entries stand before the feed's validators do: a poll that dies in between is simply done again.
    """
    now = ports.clock.now()
    queued = now + timedelta(seconds=ports.settings.lease)
    owners = [number for number, one in enumerate(parsed) if one for _ in one.entries]
    entries = [
        _entry(feed, item, one, now, queued)
        for feed, one in zip(feeds, parsed, strict=True)
        if one
        for item in one.entries
    ]
    entries, created, changed = _stored(ports, entries)
    reissued = _mark_reissued(ports, feeds, entries, created)
    _log_entries("new", [entry for entry, new in zip(entries, created, strict=True) if new])
    _log_entries("changed", changed)
    report.entry_ids += [entry.id for entry, new in zip(entries, created, strict=True) if new]
    report.entry_ids += [entry.id for entry in changed]
    report.backfill_ids += [entry.id for entry, new in zip(entries, created, strict=True) if new and entry.backfill]
    report.backfill_ids += reissued
    report.new += sum(created)
    report.changed += len(changed)
    counts = [0] * len(feeds)
    for owner, new in zip(owners, created, strict=True):
        counts[owner] += new
    return counts


def _stored(ports: Ports, entries: Sequence[Entry]) -> tuple[list[Entry], list[bool], list[Entry]]:
    """Write the entries; each under the identity that it is kept under, whether it is new, and which had changed.

    Of those that carry the guid of quite another entry, each is known by its link, as entries without a guid are.
    """
    created = ports.stores.entries.create(entries)
    changed, others = _updated(ports, [entry for entry, new in zip(entries, created, strict=True) if not new])
    if not others:
        return list(entries), created, changed
    of_link = {one: _known_by_link(entry) for one, entry in others.items()}
    new = dict(zip(of_link, ports.stores.entries.create(list(of_link.values())), strict=True))
    changed += _updated(ports, [of_link[one] for one in of_link if not new[one]])[0]
    settled = [of_link.get(entry.id, entry) for entry in entries]
    return settled, [new.get(entry.id, known) for entry, known in zip(entries, created, strict=True)], changed


def _updated(ports: Ports, entries: Sequence[Entry]) -> tuple[list[Entry], dict[str, Entry]]:
    """Of entries that are known: those that had changed, and those that are others than what their ids stand for."""
    now = {entry.id: entry for entry in entries}
    others: dict[str, Entry] = {}

    def change(old: Entry) -> Entry | None:
        if not parse.is_another(old, now[old.id]):
            return _changed(old, now[old.id])
        others[old.id] = now[old.id]
        return None

    return ports.stores.entries.update(list(now), change), others


def _known_by_link(entry: Entry) -> Entry:
    return replace(entry, id=identify("entry", entry.feed_id, entry.url), identity=entry.url)


def _log_entries(how: str, entries: Sequence[Entry]) -> None:
    for one in entries:
        log.info("parse: entry is %s", how, extra={"feed": one.feed_id, "entry": one.id, "url": one.url})


def _mark_reissued(ports: Ports, feeds: Sequence[Feed], entries: Sequence[Entry], created: Sequence[bool]) -> list[str]:
    """Mark back numbers before this poll lets go of them: `queued_until` keeps everybody else away till then."""
    found = freshness.reissued({feed.id: feed for feed in feeds}, entries, created)
    if found:
        ports.stores.entries.update(found, lambda entry: replace(entry, arrival=Arrival.REISSUED, backfill=True))
    return found


def _entry(feed: Feed, item: ParsedEntry, parsed: ParsedFeed, now: datetime, queued: datetime) -> Entry:
    return Entry(
        id=identify("entry", feed.id, item.identity),
        feed_id=feed.id,
        identity=item.identity,
        url=item.url,
        title=item.title,
        summary=item.summary,
        content=item.content,
        authors=item.authors,
        tags=item.tags,
        language=item.language or parsed.language,
        published=item.published,
        updated=item.updated,
        enclosures=item.enclosures,
        shares_address=item.shares_address,
        content_hash=item.content_hash,
        first_seen_at=now,
        arrival=freshness.arrival(feed),
        backfill=freshness.arrival(feed) is Arrival.FIRST_POLL,
        notes=_notes(item, now),
        due_at=now,
        queued_until=queued,
    )


def _notes(item: ParsedEntry, now: datetime) -> tuple[str, ...]:
    """What was odd about an entry; a date in the future is kept as stated here and taken back to now by index."""
    if item.published is None or item.published <= now + index.CLOCKS_DIFFER:
        return item.notes
    return (*item.notes, f"dated ahead: {item.published:%Y-%m-%d %H:%M} UTC")


def _changed(old: Entry, new: Entry) -> Entry | None:
    """The entry as the feed has it now, to be ingested again; None when the feed says what it said before."""
    if old.content_hash == new.content_hash:
        return None
    return replace(new, first_seen_at=old.first_seen_at, arrival=old.arrival, story_id=old.story_id, looks=old.looks)


def _tell(feed: Feed, outcome: Outcome, parsed: ParsedFeed | None, report: PollReport) -> None:
    if isinstance(outcome, FetchResponse):
        report.unchanged += parsed is None
        return
    if isinstance(outcome, HostBusy):
        report.put_off[feed.id] = outcome.seconds
        return
    report.failed[feed.url] = outcome.reason
    log.warning("fetch: feed %s: %s", feed.url, outcome.reason, extra={"feed": feed.id})
