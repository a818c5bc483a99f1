"""Feeds: add, import, poll, pause, resume, replace, remove."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from enum import StrEnum

from msgspec import Struct

from pipeline.errors import NotFound
from pipeline.flow.accounts import audit
from pipeline.flow.feeds import manage
from pipeline.flow.feeds.imports import Imported, import_feeds
from pipeline.flow.feeds.manage import NewFeed
from pipeline.flow.feeds.opml import Outlines
from pipeline.flow.poll import PollReport, poll
from pipeline.model import Feed, FeedState, Pages
from pipeline.ports import Ports


class Deed(StrEnum):
    """What can be done to one feed or to several."""

    PAUSE = "pause"
    RESUME = "resume"
    REMOVE = "remove"


class Described(Struct, frozen=True, kw_only=True):
    """What the audit log tells of a feed: what people decide, and nothing that polls learn."""

    url: str
    title: str
    tags: tuple[str, ...]
    state: FeedState
    pages: Pages | None


def add_feeds(ports: Ports, who: str, new: Sequence[NewFeed]) -> list[bool]:
    """Add feeds, due at once; for each whether it is new. Raises BadInput for an address that can't be polled."""
    added = manage.add_feeds(ports, new)
    fresh = [audit.Changed(one.url) for one, is_new in zip(new, added, strict=True) if is_new]
    audit.record_all(ports, who, "add feed", fresh)
    return added


def import_list(
    ports: Ports, who: str, outlines: Outlines, name: str, progress: Callable[[int], object] = lambda _: None
) -> Imported:
    """Add the feeds of a list called `name`; bad ones are named, the rest is added."""
    imported = import_feeds(ports, outlines, progress)
    if imported.added:
        audit.record(ports, who, "import feeds", f"{imported.added} from {name}", None, None)
    return imported


def poll_feeds(ports: Ports, who: str, feeds: Mapping[str, Feed]) -> PollReport:
    """Poll these feeds, by their ids, now; the log names those that were not paused, ended or just being polled."""
    report = poll(ports, list(feeds), forced=True)
    after = ports.stores.feeds.get(list(feeds)).values()
    polled = [audit.Changed(one.url) for one in after if one.polled_at != feeds[one.id].polled_at]
    audit.record_all(ports, who, "poll feed", polled)
    return report


def change_feeds(ports: Ports, who: str, deed: Deed, feeds: Mapping[str, Feed]) -> list[Feed]:
    """Do it to these feeds, by their ids; those it was done to. One that somebody has removed stops no other."""
    done, logged = [], []
    for feed in feeds.values():
        with suppress(NotFound):
            after = _done_to(ports, deed, feed)
            done.append(after)
            logged.append(audit.Changed(feed.url, _described(feed), None if deed is Deed.REMOVE else _described(after)))
    audit.record_all(ports, who, f"{deed} feed", logged)
    return done


def change_feed(ports: Ports, who: str, deed: Deed, name: str) -> Feed:
    """Do it to the feed of that address or id. Raises NotFound."""
    feed = manage.find_feed(ports, name)
    done = change_feeds(ports, who, deed, {feed.id: feed})
    if not done:
        raise NotFound("feed", name)
    return done[0]


def replace_feed(ports: Ports, who: str, name: str, url: str) -> Feed:
    """Poll the feed of that address or id at `url` from now on. Raises NotFound, BadInput."""
    before = manage.find_feed(ports, name)
    after = manage.replace_feed(ports, before.id, url)
    audit.record(ports, who, "replace feed", before.url, _described(before), _described(after))
    return after


def set_feed_pages(ports: Ports, who: str, name: str, pages: Pages | None) -> Feed:
    """Give the feed of that address or id a policy of its own, or none. Raises NotFound."""
    before = manage.find_feed(ports, name)
    after = manage.set_feed_pages(ports, before.id, pages)
    audit.record(ports, who, "change feed", before.url, _described(before), _described(after))
    return after


def _done_to(ports: Ports, deed: Deed, feed: Feed) -> Feed:
    """The feed as it is after it, or was when it was removed. Raises NotFound."""
    if deed is Deed.REMOVE:
        return manage.remove_feed(ports, feed.id)
    return manage.set_feed_state(ports, feed.id, FeedState.PAUSED if deed is Deed.PAUSE else FeedState.ACTIVE)


def _described(feed: Feed) -> Described:
    return Described(url=feed.url, title=feed.title, tags=feed.tags, state=feed.state, pages=feed.pages)
