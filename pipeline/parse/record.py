"""The parser of record: feedparser, which reads anything, and what it leaves to us."""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import feedparser

from pipeline.errors import ParseError
from pipeline.model import ParsedFeed
from pipeline.parse import restraint
from pipeline.parse.dates import LEAST_YEAR, moment
from pipeline.parse.identity import RawEntry, settled
from pipeline.parse.texts import absolute, plain, text_of

MAX_ENTRIES = 5_000
"""Entries of one document that are read."""

_DOCTYPE = re.compile(rb"<!DOCTYPE[^>\[]*(\[.*?\]\s*)?>", re.DOTALL | re.IGNORECASE)
_HTML = re.compile(rb"\s*(?:<!--.*?-->\s*)*(?:<!doctype\s+html|<html)", re.DOTALL | re.IGNORECASE)


def read(feed_url: str, body: bytes, content_type: str, utf8: bytes | None) -> ParsedFeed:
    """Read RSS or Atom; `utf8` is `body` where its encoding is known, else feedparser finds it. Raises ParseError."""
    if utf8 is not None:
        body, content_type = utf8, "application/xml; charset=utf-8"
    # Entities of a document's own are never needed in a feed, and are how bombs and leaks are made.
    body, defused = _without_own_entities(body)
    found = _parsed(feed_url, body, content_type)
    if not found.version and not found.entries:
        raise ParseError(feed_url, _what_it_is(body))
    feed = found.feed
    return ParsedFeed(
        title=plain(feed.get("title", "")),
        site_url=absolute(feed_url, feed.get("link", "")),
        language=text_of(feed.get("language", "")),
        hub=_linked(feed, "hub"),
        topic=_linked(feed, "self"),
        least_interval=restraint.least_interval(
            str(feed.get("ttl", "")), str(feed.get("sy_updateperiod", "")), str(feed.get("sy_updatefrequency", ""))
        ),
        skip_hours=restraint.skip_hours(body),
        skip_days=restraint.skip_days(body),
        entries=settled(feed_url, [_raw(item) for item in found.entries[:MAX_ENTRIES]]),
        notes=tuple(note for note in (_malformed(found), "its own entities were left out" if defused else "") if note),
    )


def _parsed(feed_url: str, body: bytes, content_type: str) -> Any:
    headers = {"content-location": feed_url}
    if content_type:
        headers["content-type"] = content_type
    try:
        # Markup stays as given: extract cleans what is shown, and the page has the links.
        return feedparser.parse(body, response_headers=headers, sanitize_html=False, resolve_relative_uris=False)
    except Exception as error:
        # feedparser promises to read anything; where it does not, one feed must not stop the others.
        raise ParseError(feed_url, f"can't be read as a feed ({type(error).__name__}: {error})") from error


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
    if not found.bozo or error is None or isinstance(error, feedparser.NonXMLContentType):
        return ""
    return f"malformed: {' '.join(str(error).split())[:200]}"


def _linked(feed: Any, rel: str) -> str:
    return next((text_of(link.get("href", "")) for link in feed.get("links", []) if link.get("rel") == rel), "")


def _raw(item: Any) -> RawEntry:
    return RawEntry(
        guid=text_of(item.get("id", "")).strip(),
        link=text_of(item.get("link", "")),
        title=text_of(item.get("title", "")),
        summary=text_of(item.get("summary", "")),
        contents=[text_of(part.get("value", "")) for part in item.get("content", [])],
        authors=[text_of(one.get("name", "")) for one in item.get("authors", [])],
        tags=[text_of(tag.get("term") or tag.get("label") or "") for tag in item.get("tags", [])],
        language=text_of((item.get("title_detail") or {}).get("language") or ""),
        published=_moment(item, "published") or _moment(item, "created") or _moment(item, "updated"),
        updated=_moment(item, "updated"),
        enclosures=list(_enclosures(item)),
    )


def _enclosures(item: Any) -> Iterator[tuple[str, str, str]]:
    for link in item.get("links", []):
        if link.get("rel") == "enclosure":
            yield text_of(link.get("href", "")), text_of(link.get("type", "")), text_of(link.get("length", ""))


def _moment(item: Any, name: str) -> datetime | None:
    # Past `get`, which would give `published` where there is no `updated`.
    return moment(str(dict.get(item, name, ""))) or _by_feedparser(dict.get(item, f"{name}_parsed"))


def _by_feedparser(parsed: Any) -> datetime | None:
    if parsed is None or parsed.tm_year < LEAST_YEAR:
        return None
    try:
        return datetime.fromtimestamp(calendar.timegm(parsed), UTC)
    except (ValueError, OverflowError, OSError):
        return None
