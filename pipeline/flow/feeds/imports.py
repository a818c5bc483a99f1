"""imports: feeds taken in from a list, on the command line and in the console. A bad line never stops the others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from pipeline.address import address_key
from pipeline.errors import BadInput
from pipeline.flow.feeds.manage import KnownFeeds, NewFeed, add_feeds, checked_url, feed_id, known_feeds
from pipeline.flow.feeds.opml import Outlines
from pipeline.ports import Ports

BATCH = 500
"""Feeds that are written at once."""


@dataclass(slots=True)
class Imported:
    """What an import came to."""

    added: int = 0
    changed: int = 0
    known: int = 0
    refused: list[str] = field(default_factory=list)
    changes: list[str] = field(default_factory=list)  # a line for each, as a diff has them
    warnings: list[str] = field(default_factory=list)  # of what is taken in all the same


def import_feeds(ports: Ports, outlines: Outlines, progress: Callable[[int], object] = lambda _: None) -> Imported:
    """Add feeds; those that are there already, or can't be polled, are counted and named.

    Nothing is fetched. `progress` hears after each batch how many feeds it had.
    """
    imported = Imported(refused=list(outlines.refused))
    known = known_feeds(ports)
    taken: dict[str, NewFeed] = {}
    for start in range(0, len(outlines.feeds), BATCH):
        batch = outlines.feeds[start : start + BATCH]
        fresh = [feed for feed in batch if _is_fresh(feed, known, taken, imported)]
        added = sum(add_feeds(ports, fresh))
        imported.added += added
        imported.known += len(fresh) - added  # somebody else was faster
        progress(len(batch))
    return imported


def _is_fresh(feed: NewFeed, known: KnownFeeds, taken: dict[str, NewFeed], imported: Imported) -> bool:
    """Whether to add `feed`; otherwise it is counted or named."""
    try:
        there = known.at(checked_url(feed.url))
        if there is not None and feed.url != there.url and feed_id(feed.url) != there.id:
            raise BadInput(f"{feed.url} is there already, as {there.url}")
        twin = taken.setdefault(address_key(feed.url), feed)
        if twin is not feed:
            raise BadInput(f"{feed.url} is the same as {twin.url} ({twin.where})")
    except BadInput as error:
        imported.refused.append(f"{feed.where}: {error}" if feed.where else str(error))
        return False
    imported.known += there is not None
    return there is None
