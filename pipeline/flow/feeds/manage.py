"""What people do to feeds: add, pause, resume, replace, remove. Everything is checked before it is kept."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from msgspec.structs import replace

from pipeline.address import address_key, is_web
from pipeline.errors import BadInput, NotFound
from pipeline.flow.subscribe import end, follow
from pipeline.ids import identify
from pipeline.model import Feed, FeedState, Pages
from pipeline.ports import Ports


@dataclass(frozen=True, slots=True, kw_only=True)
class NewFeed:
    """A feed as a person or an OPML file gives it."""

    url: str
    title: str = ""
    tags: tuple[str, ...] = ()
    site_url: str = ""
    state: FeedState = FeedState.ACTIVE
    pages: Pages | None = None  # its own policy; None: that of the settings
    outline: tuple[tuple[str, str], ...] = ()
    where: str = ""  # file and line it comes from, for what has to be said of it


def feed_id(url: str) -> str:
    """The id of the feed that was added under `url`."""
    return identify("feed", url)


def add_feeds(ports: Ports, new: Sequence[NewFeed]) -> list[bool]:
    """Add them, due at once; for each whether it is new. Raises BadInput for an address that can't be polled."""
    now = ports.clock.now()
    feeds = [
        Feed(
            id=feed_id(checked_url(one.url)),
            url=one.url,
            title=one.title,
            tags=one.tags,
            site_url=one.site_url,
            state=one.state,
            pages=one.pages,
            outline=one.outline,
            added_at=now,
            next_poll_at=now,
        )
        for one in new
    ]
    return ports.stores.feeds.create(feeds)


def checked_url(url: str) -> str:
    """`url` as it is. Raises BadInput when it can't be polled."""
    if not is_web(url):
        raise BadInput(f"{url!r} is no address of a feed: give one that begins with http:// or https://")
    return url


class KnownFeeds:
    """The feeds of a store by what their addresses have in common, as they were when this was made."""

    def __init__(self, feeds: Iterable[Feed]) -> None:
        self._ids: dict[str, Feed] = {}
        self._keys: dict[str, Feed] = {}
        for feed in feeds:
            self._ids[feed.id] = feed
            self._keys.setdefault(address_key(feed.url), feed)

    def at(self, url: str) -> Feed | None:
        """The feed at `url`, under an address that means the same, or that was added there and has moved since."""
        return self._keys.get(address_key(url)) or self._ids.get(feed_id(url))


def known_feeds(ports: Ports) -> KnownFeeds:
    """The feeds of the store; reads them all."""
    return KnownFeeds(ports.stores.feeds.all())


def refuse_known(known: KnownFeeds, url: str) -> None:
    """Raise BadInput when there is a feed at `url` already, naming it."""
    there = known.at(url)
    if there is not None:
        name = "" if there.url == url else f" {there.url},"
        raise BadInput(f"{url} is there already, as{name} feed {there.id}")


def find_feed(ports: Ports, name: str) -> Feed:
    """The feed with this address or id. Raises NotFound."""
    found = ports.stores.feeds.get([feed_id(name), name])
    feed = found.get(feed_id(name)) or found.get(name) or known_feeds(ports).at(name)
    if feed is None:
        raise NotFound("feed", name)
    return feed


def _changed_feed(ports: Ports, name: str, change: Callable[[Feed], Feed]) -> Feed:
    changed = ports.stores.feeds.update([find_feed(ports, name).id], change)
    if not changed:  # somebody removed it in between
        raise NotFound("feed", name)
    return changed[0]


def set_feed_state(ports: Ports, name: str, state: FeedState) -> Feed:
    """Pause or resume the feed of that address or id, and its subscription. Raises NotFound. Resumed, it is due now."""
    now = ports.clock.now()
    changed = _changed_feed(
        ports, name, lambda feed: replace(feed, state=state, next_poll_at=now, failures=0.0, error="", wall="")
    )
    follow(ports, [changed])
    return changed


def set_feed_pages(ports: Ports, name: str, pages: Pages | None) -> Feed:
    """Give the feed of that address or id a policy of its own, or none; what was learnt stays. Raises NotFound."""
    return _changed_feed(ports, name, lambda feed: replace(feed, pages=pages))


def remove_feed(ports: Ports, name: str) -> Feed:
    """Remove the feed of that address or id; its stories and what they matched stay. Raises NotFound."""
    feed = find_feed(ports, name)
    ports.stores.feeds.delete([feed.id])
    end(ports, [feed.id])
    return feed


def replace_feed(ports: Ports, name: str, url: str) -> Feed:
    """Poll the feed of that address or id at `url` from now on. Its id stays, and with it the identity of its entries.

    Raises NotFound, or BadInput when `url` can't be polled or is another feed's.
    """
    feed, other = find_feed(ports, name), known_feeds(ports).at(checked_url(url))
    if other is not None and other.id != feed.id:
        raise BadInput(f"{url} is there already, as {other.url}: remove one of the two")
    now = ports.clock.now()
    return _changed_feed(ports, feed.id, lambda one: _moved(one, url, now))


def _moved(feed: Feed, url: str, now: datetime) -> Feed:
    """At its new address nothing is known of validators or failures; a feed that was given up is polled again."""
    given_up = feed.state in (FeedState.DEAD, FeedState.GONE)
    return replace(
        feed,
        url=url,
        state=FeedState.ACTIVE if given_up else feed.state,
        etag="",
        last_modified="",
        body_hash="",
        moved_to="",
        failures=0.0,
        error="",
        wall="",
        next_poll_at=now,
    )
