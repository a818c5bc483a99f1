"""freshness: what is old when it arrives is indexed and searchable, but alerts nobody. docs/freshness.md has the rule.

Age is judged by the date that the feed states, else the page; the page is not asked where the feed has a date, since a
page's wrong date would silence an alert. Dates in the future are no evidence of anything.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from pipeline.model import Arrival, Article, Entry, Feed, Story
from pipeline.settings import Settings

KNOWN_AT_MOST = 0.1
"""A document that comes anew still holds at most this share of entries that were known."""
FLOOD = 5
"""Fewer back numbers than this flood nobody: a publisher's late entries, and short feeds, are left alone."""


def why_old(entry: Entry, feed: Feed, article: Article | None, settings: Settings) -> str:
    """Why what `entry` brings alerts nobody, in words; empty when it is news."""
    stated = entry.published or (article.published if article else None)
    if entry.arrival is Arrival.REISSUED:
        return "came again under another identity, with its feed's back catalogue"
    if entry.arrival is Arrival.PRUNED:
        return "changed after its story was pruned"
    if stated is None:
        return "undated, in the first poll of its feed" if entry.arrival is Arrival.FIRST_POLL else ""
    before_added = feed.added_at - stated
    if before_added > timedelta(seconds=settings.old_before_added):
        return f"published {_in_words(before_added)} before its feed was added"
    before_seen = entry.first_seen_at - stated
    if before_seen > timedelta(seconds=settings.old_when_seen):
        return f"published {_in_words(before_seen)} before it was first seen"
    return ""


def still_old(known: Story, seen: Story, *, again: bool) -> str:
    """Why the story stays old when it is seen once more; empty when it is news by now.

    It is news when an entry brings it as news, and when its publisher changes it under our eyes: `again` says that the
    entry had brought it before. A text that came from elsewhere than before (the page could be had at last) is no
    change of the publisher's.
    """
    if not known.old or not seen.old:
        return ""
    changed = again and seen.text_from is known.text_from and seen.content_hash != known.content_hash
    return "" if changed else known.old


def arrival(feed: Feed) -> Arrival:
    """How the entries of this poll arrive, as far as the feed before the poll tells."""
    return Arrival.NEWS if feed.succeeded_at else Arrival.FIRST_POLL


def reissued(feeds: Mapping[str, Feed], entries: Sequence[Entry], new: Sequence[bool]) -> list[str]:
    """The ids of the entries that are back numbers under new identities. `feeds` are as they were before the poll.

    A publisher that changes its guids and links sends all it has as if it were new. Such a document holds (nearly) no
    entry that was known, and most of it is dated before the latest date that the feed had shown: a busy feed that has
    turned over since is dated after it. Then what is dated up to that date, or not at all, is a back number.
    """
    found: list[str] = []
    for feed_id, ours in _by_feed(entries, new).items():
        feed = feeds[feed_id]
        if feed.latest_published and sum(is_new for _, is_new in ours) >= FLOOD:
            found += _back_numbers(ours, feed.latest_published)
    return found


def _by_feed(entries: Sequence[Entry], new: Sequence[bool]) -> dict[str, list[tuple[Entry, bool]]]:
    feeds: dict[str, list[tuple[Entry, bool]]] = {}
    for entry, is_new in zip(entries, new, strict=True):
        feeds.setdefault(entry.feed_id, []).append((entry, is_new))
    return feeds


def _back_numbers(document: Sequence[tuple[Entry, bool]], latest: datetime) -> list[str]:
    fresh = [entry for entry, is_new in document if is_new]
    before = [entry for entry in fresh if entry.published and entry.published < latest]
    known = len(document) - len(fresh)
    if len(before) < FLOOD or known > KNOWN_AT_MOST * len(document) or 2 * len(before) <= len(document):
        return []
    # Up to it: the latest that was shown comes again too. Before it, above: feeds that date by the day have many of it.
    return [entry.id for entry in fresh if entry.published is None or entry.published <= latest]


def _in_words(span: timedelta) -> str:
    return f"{span.days:,} days" if span >= timedelta(days=2) else f"{span.total_seconds() / 3600:.0f} hours"
