"""coverage: how many of the feeds that may bring a story are silent or down, of an alert or of all. Pure.

The *sources* of an alert are the polled feeds whose stories its `feed:` and `site:` terms let through; of an alert
without such terms all polled feeds. What a feed's stories will say of their site is not known before they come: it is
judged by the host and the title of the feed and by the site it names.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import NamedTuple

from pipeline.deliver.language import ENGLISH, Language
from pipeline.health import FeedHealth, health_of
from pipeline.model import POLLED, Feed, Story
from pipeline.query.document import Document, Field
from pipeline.query.evaluate import evaluate
from pipeline.query.syntax import And, Node, Not, Or, Phrase, Query

DOWN = frozenset({FeedHealth.WALLED, FeedHealth.DEAD, FeedHealth.GONE, FeedHealth.FAILING, FeedHealth.SILENT})
PATIENCE = timedelta(hours=1)
"""How long a source is silent before a reader is told: one poll that failed is no news."""
_OF_SOURCES = (Field.FEED, Field.SITE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """How many sources there are, how many are silent or down, and since when all of these have been."""

    sources: int
    silent: int = 0
    since: datetime | None = None

    @property
    def share(self) -> float:
        """Of the sources, those that are silent or down: from 0 to 1."""
        return self.silent / self.sources if self.sources else 0.0


def coverage(feeds: Iterable[Feed], now: datetime, patience: timedelta = timedelta()) -> Coverage:
    """How `feeds` cover what they should; those that are silent for less than `patience` still count as heard."""
    sources = silent = 0
    since: datetime | None = None
    for feed in feeds:
        sources += 1
        began = silent_since(feed, now)
        if began is not None and began <= now - patience:
            silent += 1
            since = max(since or began, began)
    return Coverage(sources=sources, silent=silent, since=since)


def silent_since(feed: Feed, now: datetime) -> datetime | None:
    """When the last news came of a feed that is silent or down; None for one that is neither (health.py).

    Of a feed that answers with nothing new that is its latest story, else its last good answer.
    """
    state = health_of(feed, now).state
    if state not in DOWN:
        return None
    if state is FeedHealth.SILENT:
        return feed.habits.latest
    return feed.succeeded_at or feed.added_at


class Source(NamedTuple):
    """A feed, and a story as it might bring it: with nothing in it but where it comes from."""

    feed: Feed
    document: Document


def sources(feeds: Iterable[Feed]) -> list[Source]:
    """Those of `feeds` that are polled."""
    return [Source(feed, _as_document(feed)) for feed in feeds if feed.state in POLLED]


def sources_of(query: Query, known: Iterable[Source]) -> Iterator[Feed]:
    """Those of `known` that may bring what `query` asks for."""
    return (source.feed for source in known if _may_bring(query.root, source.document))


def in_words(found: Coverage, now: datetime, zone: tzinfo = UTC, said_in: Language = ENGLISH) -> str:
    """A line for a reader in `zone`; empty when all sources are heard: 3 of the 40 sources of this alert …"""
    if not found.silent or found.since is None:
        return ""
    began, today = found.since.astimezone(zone), now.astimezone(zone)
    day = "" if began.date() == today.date() else f"{said_in.day_of_year(began)}, "
    return said_in.ngettext(
        "%(num)d of the %(sources)d sources of this alert has been silent since %(since)s",
        "%(num)d of the %(sources)d sources of this alert have been silent since %(since)s",
        found.silent,
        sources=found.sources,
        since=day + said_in.time(began.time()),
    )


def notes(found: Mapping[str, Coverage], now: datetime, zone: tzinfo = UTC, said_in: Language = ENGLISH) -> list[str]:
    """A line for the alerts (by name) whose sources are silent; those of which the same is to be said share one."""
    said: dict[str, list[str]] = {}
    for name, one in found.items():
        if line := in_words(one, now, zone, said_in):
            said.setdefault(line, []).append(name)
    return [f"{', '.join(names)}: {line}" for line, names in said.items()]


def _may_bring(node: Node, document: Document) -> bool:
    if isinstance(node, And):
        return all(_may_bring(part, document) for part in node.parts)
    if isinstance(node, Or):
        return any(_may_bring(part, document) for part in node.parts)
    if isinstance(node, Not):
        # Only where it speaks of nothing but sources does its opposite say something of them.
        return not all(map(_is_of_sources, _leaves(node))) or not _may_bring(node.part, document)
    return not _is_of_sources(node) or evaluate(Query("", node), document) is not None


def _is_of_sources(node: Node) -> bool:
    return isinstance(node, Phrase) and node.field in _OF_SOURCES


def _nodes(node: Node) -> Iterator[Node]:
    yield node
    for part in node.parts if isinstance(node, And | Or) else (node.part,) if isinstance(node, Not) else ():
        yield from _nodes(part)


def _leaves(node: Node) -> Iterator[Node]:
    return (one for one in _nodes(node) if not isinstance(one, And | Or | Not))


def _as_document(feed: Feed) -> Document:
    return Document(
        Story(
            id="",
            url=feed.site_url or feed.url,
            title="",
            body="",
            published=feed.added_at,
            first_seen_at=feed.added_at,
            updated_at=feed.added_at,
            site=feed.title,
            feed_ids=(feed.id,),
            feed_titles=(feed.title,) if feed.title else (),
        )
    )
