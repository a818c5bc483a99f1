"""check: what a poll of a feed would see, and what it would make of it; nothing is kept."""

from __future__ import annotations

from collections import Counter
from copy import copy
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from shlex import quote

from msgspec.structs import replace

from pipeline import discover, extract, health, schedule
from pipeline.discover import FeedLink
from pipeline.errors import FetchRefused, FetchUnavailable, ParseError
from pipeline.flow.feeds.discover import Document, Failure, read_feed, suggest
from pipeline.flow.feeds.manage import feed_id, known_feeds
from pipeline.ids import identify
from pipeline.model import Feed, FeedState, Pages, ParsedEntry
from pipeline.ports import Ports

_CURES = {
    401: "it is for subscribers of its publisher only",
    403: "its publisher refuses us: ask for leave, naming the address in WIREWATCH_CONTACT",
    404: "it has moved or ended: give the address of its site to `wirewatch feeds add`",
    410: "its publisher ended it: give the address of its site to `wirewatch feeds add`",
    429: "it has been asked too often: leave it alone for a while",
}


class Fate(StrEnum):
    """What a poll would make of an entry."""

    NEW = "new"
    CHANGED = "changed"  # known, and says something else now
    KNOWN = "known"


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """What a poll would see. `feed` is the one of the store at that address, if there is one."""

    document: Document
    format: str  # RSS 2.0, Atom 1.0, JSON Feed 1.1 …, as the document calls itself
    encoding: str  # as stated; empty when nothing states one
    feed: Feed | None
    fates: tuple[tuple[ParsedEntry, Fate], ...]
    next_poll_at: datetime  # if it were polled now
    pages: str  # when its pages are fetched, and how often they could not be had, in words

    @property
    def newest(self) -> datetime | None:
        """When the newest entry says it was published."""
        return max((entry.published for entry, _ in self.fates if entry.published), default=None)

    @property
    def counts(self) -> dict[Fate, int]:
        """How many entries have each fate."""
        counted = Counter(fate for _, fate in self.fates)
        return {fate: counted[fate] for fate in Fate}


def check(ports: Ports, url: str) -> Check:
    """Fetch and read the feed at `url` as a poll would, but for conditional requests.

    Raises FetchUnavailable, FetchRefused or ParseError; for a feed of the store, with the one its site names instead.
    """
    feed = known_feeds(ports).at(url)
    try:
        return look_over(ports, feed or unknown(ports, url), known=feed is not None)
    except (FetchUnavailable, FetchRefused, ParseError) as error:
        raise _with_cure(ports, feed, url, error) from None


def look_over(ports: Ports, feed: Feed, *, known: bool = True) -> Check:
    """As `check`, of a feed of the store (`known`) or one that `unknown` made; its errors without a cure."""
    document = read_feed(ports, feed.url)
    content_type = document.response.headers.get("content-type", "")
    fates = _fates(ports, feed if known else None, document)
    return Check(
        document=document,
        format=discover.format_of(document.response.body),
        encoding=discover.stated_encoding(document.response.body, content_type),
        feed=feed if known else None,
        fates=fates,
        next_poll_at=_next_poll(ports, feed, document, fates),
        pages=_pages(ports, feed if known else None),
    )


def _pages(ports: Ports, feed: Feed | None) -> str:
    """Its policy, what was learnt beside it, and what could not be had."""
    own = feed.pages if feed else None
    policy = own or Pages(ports.settings.pages)
    parts = [policy if own else f"{policy}, as the settings say"]
    if feed:
        parts += [extract.lesson(policy, feed.page_record), health.barred_pages(feed)]
    return "; ".join(part for part in parts if part)


def _with_cure(ports: Ports, feed: Feed | None, url: str, error: Failure) -> Failure:
    """The error, its reason with what to do: to turn to the feed that the site names instead, if it names one."""
    cure = _replacement(ports, feed, url, error) or cure_of(error)
    if not cure:
        return error
    explained = copy(error)
    explained.reason = f"{error.reason}: {cure}"
    explained.args = (f"{error.url}: {explained.reason}",)
    return explained


def _replacement(ports: Ports, feed: Feed | None, url: str, error: Failure) -> str:
    named = successor(ports, feed or unknown(ports, url), error)
    if named is None or named.url in error.reason:
        return ""
    if feed is None:
        return f"its site names {named.url}"
    # Quoted, for the address is a stranger's and the line is made to be pasted.
    return f"its site names {named.url} (`wirewatch feeds replace {quote(feed.url)} {quote(named.url)}`)"


def successor(ports: Ports, feed: Feed, error: Failure) -> FeedLink | None:
    """The feed that the site of `feed` names instead, which can't be read for `error`; verified.

    A server that does not answer now is not asked for more, unless its feed was given up.
    """
    if isinstance(error, FetchUnavailable) and feed.state is not FeedState.DEAD:
        return None
    return suggest(ports, feed)


def cure_of(error: Failure) -> str:
    """What a person can do about a feed that can't be read; empty where the error says it, or nothing is known."""
    if isinstance(error, ParseError):
        return ""  # says it already
    if isinstance(error, FetchUnavailable) and error.nameless:
        return "check the spelling of its host"
    return _CURES.get(error.status or 0, "")


def unknown(ports: Ports, url: str) -> Feed:
    """A feed that is not in the store, at `url`."""
    now = ports.clock.now()
    return Feed(id=feed_id(url), url=url, added_at=now, next_poll_at=now)


def _fates(ports: Ports, feed: Feed | None, document: Document) -> tuple[tuple[ParsedEntry, Fate], ...]:
    entries = document.parsed.entries
    if feed is None:
        return tuple((entry, Fate.NEW) for entry in entries)
    ids = [identify("entry", feed.id, entry.identity) for entry in entries]
    known = ports.stores.entries.get(ids)
    hashes = [known[key].content_hash if key in known else None for key in ids]
    return tuple((entry, _fate(entry, there)) for entry, there in zip(entries, hashes, strict=True))


def _fate(entry: ParsedEntry, known_hash: str | None) -> Fate:
    if known_hash is None:
        return Fate.NEW
    return Fate.KNOWN if known_hash == entry.content_hash else Fate.CHANGED


def _next_poll(ports: Ports, feed: Feed, document: Document, fates: tuple[tuple[ParsedEntry, Fate], ...]) -> datetime:
    new = sum(fate is Fate.NEW for _, fate in fates)
    polled = schedule.after_poll(
        replace(feed, body_hash=""),
        document.response,
        parsed=document.parsed,
        new_entries=new,
        now=ports.clock.now(),
        settings=ports.settings,
    )
    return polled.next_poll_at
