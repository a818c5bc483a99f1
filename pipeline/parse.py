"""parse: the bytes of a feed become its entries. RSS 0.9x to 2.0, Atom 0.3 and 1.0 by feedparser, and JSON Feed.

Malformed is not failed: what is there is taken, and what was odd is noted. Only what is no feed at all is an error.
"""

from __future__ import annotations

import calendar
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from html import unescape
from typing import Any
from urllib.parse import urljoin, urlsplit

import feedparser
import lxml.html
from lxml.etree import ParserError

from pipeline.errors import ParseError
from pipeline.model import ParsedEntry, ParsedFeed, identify

MAX_TITLE = 1_000
"""Characters of a title that are kept: the longest real headlines have some 300."""
MAX_ENTRIES = 5_000
"""Entries of one document that are read."""
LEAST_YEAR = 1990
"""Dates before the first feed are placeholders."""

_PERIODS = {"hourly": 3600, "daily": 86_400, "weekly": 604_800, "monthly": 2_592_000, "yearly": 31_536_000}
_DOCTYPE = re.compile(rb"<!DOCTYPE[^>\[]*(\[.*?\]\s*)?>", re.DOTALL | re.IGNORECASE)
_HTML = re.compile(rb"\s*(?:<!--.*?-->\s*)*(?:<!doctype\s+html|<html)", re.DOTALL | re.IGNORECASE)
_MARKUP = re.compile(r"<[a-zA-Z/!][^<>]*>|&(?:#\d+|#x[0-9a-fA-F]+|[a-zA-Z]+);")


def parse(feed_url: str, body: bytes, content_type: str) -> ParsedFeed:
    """Read a feed fetched from `feed_url`. Raises ParseError when it is none, in words for a person."""
    if not body.strip():
        raise ParseError(feed_url, "the answer is empty: no feed")
    if _looks_like_json(body):
        return _json_feed(feed_url, body)
    return _xml_feed(feed_url, body, content_type)


# ---------------------------------------------------------------------------------------------------------
# RSS and Atom


def _xml_feed(feed_url: str, body: bytes, content_type: str) -> ParsedFeed:
    # Entities of a document's own are never needed in a feed, and are how bombs and leaks are made.
    body, defused = _without_own_entities(body)
    headers = {"content-location": feed_url}
    if content_type:
        headers["content-type"] = content_type
    try:
        found = feedparser.parse(body, response_headers=headers, sanitize_html=False, resolve_relative_uris=True)
    except Exception as error:
        # feedparser promises to read anything; where it does not, one feed must not stop the others.
        raise ParseError(feed_url, f"can't be read as a feed ({type(error).__name__}: {error})") from error
    if not found.version and not found.entries:
        raise ParseError(feed_url, _what_it_is(body))
    notes = [note for note in (_malformed(found), "its own entities were left out" if defused else "") if note]
    entries = [_xml_entry(feed_url, item) for item in found.entries[:MAX_ENTRIES]]
    return ParsedFeed(
        title=_plain(found.feed.get("title", "")),
        site_url=_absolute(feed_url, found.feed.get("link", "")),
        language=_text(found.feed.get("language", "")),
        hub=next((link.get("href", "") for link in found.feed.get("links", []) if link.get("rel") == "hub"), ""),
        least_interval=_least_interval(found.feed),
        entries=_identified(entries),
        notes=tuple(notes),
    )


def _without_own_entities(body: bytes) -> tuple[bytes, bool]:
    head = body[:100_000]
    found = _DOCTYPE.search(head)
    if not found or b"<!ENTITY" not in found.group().upper():
        return body, False
    return head[: found.start()] + head[found.end() :] + body[100_000:], True


def _what_it_is(body: bytes) -> str:
    if _HTML.match(body[:5_000]):
        return "a web page came, not a feed: give the address of its feed"
    return "what came is no feed"


def _malformed(found: Any) -> str:
    error = found.get("bozo_exception")
    if not found.bozo or error is None:
        return ""
    return f"malformed: {' '.join(str(error).split())[:200]}"


def _least_interval(feed: Mapping[str, Any]) -> float:
    seconds = 0.0
    ttl = str(feed.get("ttl", ""))
    if ttl.isdigit():
        seconds = int(ttl) * 60.0
    period = _PERIODS.get(str(feed.get("sy_updateperiod", "")).strip().lower())
    frequency = str(feed.get("sy_updatefrequency", "1")).strip()
    if period:
        seconds = max(seconds, period / (int(frequency) if frequency.isdigit() and int(frequency) > 0 else 1))
    return seconds


def _xml_entry(feed_url: str, item: Any) -> tuple[str, ParsedEntry]:
    """The entry and its guid, identity yet to be settled."""
    contents = [part.get("value", "") for part in item.get("content", [])]
    summary = _text(item.get("summary", ""))
    content = _text(max(contents, key=len, default=""))
    if content == summary:
        content = ""
    entry = ParsedEntry(
        identity="",
        url=_link(feed_url, item),
        title=_plain(item.get("title", "")),
        summary=summary,
        content=content,
        authors=_names(item),
        tags=tuple(dict.fromkeys(_plain(tag.get("term") or tag.get("label") or "") for tag in item.get("tags", []))),
        language=_text((item.get("title_detail") or {}).get("language") or ""),
        published=_moment(item, "published") or _moment(item, "created") or _moment(item, "updated"),
        updated=_moment(item, "updated"),
    )
    return _text(item.get("id", "")).strip(), entry


def _link(feed_url: str, item: Any) -> str:
    return _absolute(feed_url, item.get("link", "") or _guid_as_link(item))


def _guid_as_link(item: Any) -> str:
    guid = str(item.get("id", ""))
    return guid if guid.startswith(("http://", "https://")) else ""


def _names(item: Any) -> tuple[str, ...]:
    details = item.get("authors") or ([{"name": item.get("author", "")}] if item.get("author") else [])
    return tuple(dict.fromkeys(name for detail in details if (name := _plain(detail.get("name", "")))))


def _moment(item: Any, name: str) -> datetime | None:
    parsed = dict.get(item, f"{name}_parsed")  # without feedparser's own guesses
    if parsed is None or parsed.tm_year < LEAST_YEAR:
        return None
    try:
        return datetime.fromtimestamp(calendar.timegm(parsed), UTC)
    except (ValueError, OverflowError, OSError):
        return None


# ---------------------------------------------------------------------------------------------------------
# JSON Feed, version 1.1 (jsonfeed.org)


def _looks_like_json(body: bytes) -> bool:
    return body[:64].lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{")


def _json_feed(feed_url: str, body: bytes) -> ParsedFeed:
    try:
        document = json.loads(body.decode("utf-8-sig", "replace"))
    except (ValueError, RecursionError) as error:
        raise ParseError(feed_url, f"what came is no feed: broken JSON ({type(error).__name__})") from None
    if not isinstance(document, dict) or not isinstance(document.get("items"), list):
        raise ParseError(feed_url, "what came is no feed: JSON without items")
    items = [item for item in document["items"][:MAX_ENTRIES] if isinstance(item, dict)]
    hubs = [hub.get("url") for hub in _list(document, "hubs") if isinstance(hub, dict)]
    return ParsedFeed(
        title=_plain(document.get("title", "")),
        site_url=_absolute(feed_url, document.get("home_page_url", "")),
        language=_text(document.get("language", "")),
        hub=next((_text(hub) for hub in hubs if hub), ""),
        entries=_identified(_json_entry(feed_url, item) for item in items),
    )


def _json_entry(feed_url: str, item: dict[str, Any]) -> tuple[str, ParsedEntry]:
    authors = _list(item, "authors") or [item.get("author")]
    published, updated = _rfc3339(item.get("date_published")), _rfc3339(item.get("date_modified"))
    entry = ParsedEntry(
        identity="",
        url=_absolute(feed_url, item.get("url") or item.get("external_url") or ""),
        title=_plain(item.get("title", "")),
        summary=_text(item.get("summary", "")),
        content=_text(item.get("content_html") or item.get("content_text") or ""),
        authors=tuple(name for one in authors if isinstance(one, dict) and (name := _plain(one.get("name", "")))),
        tags=tuple(dict.fromkeys(_plain(tag) for tag in _list(item, "tags"))),
        language=_text(item.get("language", "")),
        published=published or updated,
        updated=updated,
    )
    return _text(item.get("id", "")), entry


def _list(holder: dict[str, Any], name: str) -> list[Any]:
    value = holder.get(name)
    return value if isinstance(value, list) else []


def _rfc3339(value: Any) -> datetime | None:
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)


# ---------------------------------------------------------------------------------------------------------
# Identity, and what all formats share


def _identified(found: Iterable[tuple[str, ParsedEntry]]) -> tuple[ParsedEntry, ...]:
    """Settle each entry's identity: guid, else link, else a hash of title and date; repeats are dropped.

    A guid that several entries with different links or titles carry says nothing, and is passed over.
    """
    pairs = list(found)
    bearers: dict[str, set[tuple[str, str]]] = {}
    for guid, entry in pairs:
        bearers.setdefault(guid, set()).add((entry.url, entry.title))
    links = Counter(entry.url for _, entry in pairs)
    entries: dict[str, ParsedEntry] = {}
    for guid, entry in pairs:
        own_guid = guid if guid and len(bearers[guid]) == 1 else ""
        own_link = entry.url if links[entry.url] == 1 or not entry.title else f"{entry.url} {entry.title}"
        dated = identify("undated" if entry.published is None else entry.published.isoformat(), entry.title)
        identity = own_guid or (own_link if entry.url else "") or dated
        if not (entry.title or entry.url or entry.summary or entry.content):
            continue
        entries.setdefault(identity, _hashed(replace(entry, identity=identity)))
    return tuple(entries.values())


def _hashed(entry: ParsedEntry) -> ParsedEntry:
    """With the hash of what a reader would see: white space and dates change nothing."""
    seen = (" ".join(_plain(text).split()) for text in (entry.title, entry.summary, entry.content))
    return replace(entry, content_hash=identify(*seen, entry.url))


def _absolute(base: str, link: Any) -> str:
    if not link:
        return ""
    try:
        absolute = urljoin(base, _text(link).strip())
        return absolute if urlsplit(absolute).scheme in ("http", "https") else ""
    except ValueError:
        return ""


def _text(value: Any) -> str:
    """`value` as text that every store can hold: no NULs, no lone surrogates."""
    text = value if isinstance(value, str) else "" if value is None else str(value)
    return text.replace("\x00", "").encode("utf-8", "replace").decode("utf-8")


def _plain(value: Any) -> str:
    """Text without markup, entities decoded (twice, as some feeds escape twice), white space squeezed."""
    text = _text(value)
    for _ in range(2):
        if not _MARKUP.search(text):
            break
        text = _without_tags(text) if "<" in text else unescape(text)
    return _text(" ".join(text.split())[:MAX_TITLE])


def _without_tags(text: str) -> str:
    try:
        return str(lxml.html.fromstring(f"<div>{text}</div>").text_content())
    except (ParserError, ValueError):
        return unescape(re.sub(r"<[^>]*>", " ", text))
