"""retention: what is kept of an entry whose story was pruned or forgotten. Pure: flow/ asks, as it prunes or forgets.

An entry is the mark by which the next poll knows that it has seen something. While its feed may still list it, it is
kept, without its words; from when the feed lists it no more, it may go. So a feed keeps what its last document listed.
"""

from __future__ import annotations

from msgspec.structs import replace

from pipeline.ids import identify
from pipeline.model import Arrival, Entry, Feed, ParsedFeed

_LETTERS = 12
"""Of an id that are kept: two entries with the same ones are only kept longer."""
PRUNED = "its story was pruned"


def listing(feed_id: str, parsed: ParsedFeed) -> tuple[str, ...]:
    """What a document lists, as `Feed.listed` keeps it."""
    return tuple(_mark(identify("entry", feed_id, one.identity)) for one in parsed.entries)


def may_be_listed(entry: Entry, feed: Feed | None) -> bool:
    """Whether the feed may still list the entry; nothing is listed by a feed that was removed.

    A document from before the entry was first seen (a hub had pushed it) does not tell.
    """
    if feed is None:
        return False
    if feed.listed is None or feed.succeeded_at is None or feed.succeeded_at < entry.first_seen_at:
        return True
    return _mark(entry.id) in feed.listed


def emptied(entry: Entry) -> Entry:
    """The entry as a mark: should its feed change it, that is no news (freshness.py)."""
    return replace(without_words(entry), arrival=Arrival.PRUNED, notes=(PRUNED,))


def without_words(entry: Entry) -> Entry:
    """The entry without what its feed said. Its hash stays, by which the same is known again at the next poll."""
    return replace(entry, title="", summary="", content="", authors=(), tags=(), enclosures=())


def _mark(entry_id: str) -> str:
    return entry_id[:_LETTERS]
