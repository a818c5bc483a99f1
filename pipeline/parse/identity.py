"""Identity: what makes an entry the same entry at the next poll, and what makes it a changed one."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from msgspec.structs import replace

from pipeline.address import address_key
from pipeline.ids import identify
from pipeline.model import Enclosure, Entry, ParsedEntry
from pipeline.parse.aggregator import publishers_address
from pipeline.parse.texts import absolute, letters_of, plain
from pipeline.text import is_alike, words


@dataclass(slots=True)
class RawEntry:
    """An entry as its format has it, whatever the format: texts not yet plain, links not yet absolute."""

    guid: str = ""
    link: str = ""
    title: str = ""
    summary: str = ""
    contents: list[str] = field(default_factory=list)
    authors: list[str] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    language: str = ""
    published: datetime | None = None
    updated: datetime | None = None
    enclosures: list[tuple[str, str, str]] = field(default_factory=list)  # address, media type, length


def settled(feed_url: str, found: Sequence[RawEntry]) -> tuple[tuple[ParsedEntry, ...], str]:
    """The entries with their identities, repeats and blanks dropped; and a note where others were dropped for theirs.

    An identity is the guid, else the link, else a hash of title and date. A guid says nothing, and is passed over, when
    entries with different links or titles carry it, and when it is the headline itself, or the link with a fragment
    that counts the edits: then the link is the identity. Where entries without a guid have the same link and title,
    their dates tell them apart, else their texts.
    """
    named = [(raw, absolute_link(feed_url, raw), plain(raw.title)) for raw in found]
    bearers: dict[str, set[tuple[str, str]]] = {}
    for raw, url, title in named:
        bearers.setdefault(raw.guid, set()).add((url, title))
    links = Counter(url for _, url, _ in named)
    entries: dict[str, list[ParsedEntry]] = {}
    by_guid: set[str] = set()
    for raw, url, title in named:
        if not (title or url or raw.summary or any(raw.contents)):
            continue
        alone = links[url] == 1
        guid = raw.guid if len(bearers[raw.guid]) == 1 and not (alone and _follows_edits(raw.guid, url, title)) else ""
        identity = guid or _of_link(url, title, alone) or _of_date(raw, title)
        by_guid |= {guid} - {""}
        entries.setdefault(identity, []).append(_entry(feed_url, raw, identity, url, title))
    kept: dict[str, ParsedEntry] = {}
    lost = 0
    for identity, ones in entries.items():
        told = ones[:1] if identity in by_guid else _apart(ones)
        lost += len({one.content_hash for one in ones}) - len(told)
        for one in told:
            kept.setdefault(one.identity, one)
    note = f"of entries with one guid, link and title the first was taken: {lost} left out" if lost else ""
    return _marked(tuple(kept.values())), note


def _apart(alike: Sequence[ParsedEntry]) -> list[ParsedEntry]:
    """Entries that have one identity but no guid, each with one of its own where their texts differ."""
    different = list({one.content_hash: one for one in reversed(alike)}.values())[::-1]
    if len(different) == 1:
        return different
    dates = Counter(one.published for one in different)
    return [_told_by(one, one.published if dates[one.published] == 1 else None) for one in different]


def _told_by(entry: ParsedEntry, date: datetime | None) -> ParsedEntry:
    told = f"{entry.url} {entry.title} {date.isoformat() if date else entry.content_hash}"
    return replace(entry, identity=told, shares_address=bool(entry.url))


def _marked(entries: tuple[ParsedEntry, ...]) -> tuple[ParsedEntry, ...]:
    """The entries, those marked that share the page they link to with others of other titles, as posts do."""
    titles: dict[str, set[str]] = {}
    for entry in entries:
        titles.setdefault(_page(entry.url), set()).add(entry.title)
    if all(len(there) == 1 for there in titles.values()):
        return entries
    return tuple(
        replace(entry, shares_address=True) if entry.url and len(titles[_page(entry.url)]) > 1 else entry
        for entry in entries
    )


def _page(url: str) -> str:
    """The page at an address: of one that a script reads behind `#!`, the whole of it."""
    return url if "#!" in url else url.partition("#")[0]


def is_another(known: Entry, now: Entry) -> bool:
    """Whether what comes under an entry's identity is another: link and headline both differ, as under a constant guid.

    A link that is made of the headline changes with it: so half of the words in common are an edit.
    """
    if not known.url or not now.url or address_key(known.url) == address_key(now.url):
        return False
    return bool(words(known.title) and words(now.title)) and not is_alike(known.title, now.title)


def absolute_link(feed_url: str, raw: RawEntry) -> str:
    """Where an entry leads: its link, else its guid where that is an address; behind Google News the publisher's."""
    guid_as_link = raw.guid if raw.guid.startswith(("http://", "https://")) else ""
    return publishers_address(absolute(feed_url, raw.link or guid_as_link))


def _follows_edits(guid: str, url: str, title: str) -> bool:
    """Whether `guid` changes when the headline does. BBC News counts edits in the fragment: …/c0ffee#0, #1."""
    address, has_fragment, _ = guid.partition("#")
    return bool(url) and (guid == title or (bool(has_fragment) and address == url.partition("#")[0]))


def _of_link(url: str, title: str, alone: bool) -> str:
    return url if alone or not url or not title else f"{url} {title}"


def _of_date(raw: RawEntry, title: str) -> str:
    """Of what has neither guid nor link. What has neither title nor date says only what it is by its text."""
    if not title and raw.published is None:
        return identify("text", raw.summary, *raw.contents)
    return identify("undated" if raw.published is None else raw.published.isoformat(), title)


def _entry(feed_url: str, raw: RawEntry, identity: str, url: str, title: str) -> ParsedEntry:
    content = max(raw.contents, key=len, default="")
    content = "" if content == raw.summary else content
    return ParsedEntry(
        identity=identity,
        url=url,
        title=title,
        summary=raw.summary,
        content=content,
        authors=_distinct(raw.authors),
        tags=_distinct(raw.tags),
        language=raw.language,
        published=raw.published,
        updated=raw.updated,
        enclosures=_enclosures(feed_url, raw) if raw.enclosures else (),
        content_hash=_hash(title, raw.summary, content, url),
    )


def _hash(title: str, summary: str, content: str, url: str) -> str:
    """What changes when a reader would see something else: not for white space, tags or dates. 32 hex digits."""
    seen = b"\0".join((title.encode(), letters_of(summary), letters_of(content), url.encode()))
    return hashlib.blake2b(seen, digest_size=16).hexdigest()


def _distinct(values: list[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(text for value in values if (text := plain(value))))


def _enclosures(feed_url: str, raw: RawEntry) -> tuple[Enclosure, ...]:
    made = [
        Enclosure(url=url, media_type=media_type, length=int(length) if length.isdecimal() and len(length) < 16 else 0)
        for link, media_type, length in raw.enclosures
        if (url := absolute(feed_url, link))
    ]
    return tuple(dict.fromkeys(made))
