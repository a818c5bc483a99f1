"""The parser of record: feedparser, which reads anything, and what it leaves to us."""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from io import BytesIO
from time import struct_time
from typing import Any

import feedparser
from feedparser.api import LooseFeedParser, StrictFeedParser
from lxml import etree

from pipeline.errors import ParseError
from pipeline.model import ParsedFeed
from pipeline.parse import restraint
from pipeline.parse.dates import LEAST_YEAR, moment
from pipeline.parse.encoding import guessed_utf8
from pipeline.parse.identity import RawEntry, settled
from pipeline.parse.texts import absolute, as_html, hardened, plain, text_of

MAX_ENTRIES = 5_000
"""Entries of one document that are read."""

MAX_BYTES = 2_000_000
"""Bytes of a document that feedparser is given: it takes about a second for a million."""
MAX_MALFORMED_BYTES = 1_000_000
"""The same where XML is malformed: some of what it does then takes the square of the length."""
MAX_DEPTH = 10_000
"""Elements within elements that feedparser is given; no feed has a hundred."""

MAX_TAGS = 2_000
"""Categories of one entry that are read."""

_DOCTYPE = re.compile(rb"<!DOCTYPE[^>\[]*(\[.*?\]\s*)?>", re.DOTALL | re.IGNORECASE)
_TAG = re.compile(rb"<!\[CDATA\[.*?\]\]>|<(/?)[A-Za-z][^<>]*>", re.DOTALL)
_ENTRY_END = re.compile(rb"</(?:\w+:)?(?:item|entry)>", re.IGNORECASE)
_INERT = re.compile(rb"<!--|<!\[CDATA\[")
# Of a comment the end that the first of feedparser's two parsers sees.
_INERT_END = {b"<!--": re.compile(rb"--\s*>"), b"<![CDATA[": re.compile(rb"\]\]>")}
_IN_WORDS = re.compile(r"[^\W\d_]{3}")
_HTML = re.compile(rb"\s*(?:<!--.*?-->\s*)*(?:<!doctype\s+html|<html)", re.DOTALL | re.IGNORECASE)


def _add_tag(self: Any, term: str | None, scheme: str | None, label: str | None) -> None:
    """Add a category to the entry that feedparser is at. Its own way compares each with all there are, at great length.

    The last one may have got its term since it was added.
    """
    tags = self._get_context().setdefault("tags", [])
    known = self.__dict__.setdefault("known_tags", {}).setdefault(id(tags), set())
    if tags and tags[-1]["term"]:
        last = tags[-1]
        known.discard((None, last["scheme"], last["label"]))
        known.add((last["term"], last["scheme"], last["label"]))
    tag = (term or None, scheme, label)
    if any(tag) and tag not in known and len(tags) < MAX_TAGS:
        known.add(tag)
        tags.append(feedparser.FeedParserDict(term=term, scheme=scheme, label=label))


# No parameter of feedparser's reaches there, and to count categories before is to read XML as both its parsers do.
StrictFeedParser._add_tag = LooseFeedParser._add_tag = _add_tag


def read(feed_url: str, body: bytes, content_type: str, utf8: bytes | None) -> ParsedFeed:
    """Read RSS or Atom; `utf8` is `body` where its encoding is known, else feedparser finds it. Raises ParseError."""
    body, odd = (utf8, "") if utf8 is not None else guessed_utf8(body, content_type)
    body, cut = _bounded(feed_url, body)
    # Entities of a document's own are never needed in a feed, and are how bombs and leaks are made.
    body, defused = _without_own_entities(body)
    if b"<!ENTITY" in _bare(body).upper():
        raise ParseError(feed_url, "not read: it defines entities of its own where no feed does")
    found = _parsed(feed_url, body)
    if not found.get("version") and not found.entries:
        raise ParseError(feed_url, _what_it_is(body))
    feed = found.feed
    entries, note = settled(feed_url, [_raw(item) for item in found.entries[:MAX_ENTRIES]])
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
        entries=entries,
        notes=tuple(
            filter(None, (cut or _malformed(found, odd), "its own entities were left out" if defused else "", note))
        ),
    )


def _parsed(feed_url: str, body: bytes) -> Any:
    headers = {"content-location": feed_url, "content-type": "application/xml; charset=utf-8"}
    try:
        # Markup stays as given: extract cleans what is shown, and the page has the links.
        # As a file: bytes it would take for the name of one, and open that.
        return feedparser.parse(
            BytesIO(body), response_headers=headers, sanitize_html=False, resolve_relative_uris=False
        )
    except Exception as error:
        # feedparser promises to read anything; where it does not, one feed must not stop the others.
        raise ParseError(feed_url, f"can't be read as a feed ({type(error).__name__}: {error})") from error


def _bounded(feed_url: str, body: bytes) -> tuple[bytes, str]:
    """What feedparser can read in a second or two, and a note where that is not all. Raises ParseError."""
    note = ""
    most = MAX_BYTES if len(body) <= MAX_MALFORMED_BYTES or _well_formed(body) else MAX_MALFORMED_BYTES
    if len(body) > most:
        ends = [found.end() for found in _ENTRY_END.finditer(body, 0, most)]
        body = body[: ends[-1] if ends else most]
        note = f"malformed or unusual, and large: only its first {len(body):,} bytes were read"
    # Once as some parsers see it and once as others do, who pass over comments.
    if max(_depth(body), _depth(_bare(body))) > MAX_DEPTH:
        raise ParseError(feed_url, f"not read: its elements are nested {MAX_DEPTH:,} deep, which no feed's are")
    return body, note


def _bare(body: bytes) -> bytes:
    """A document without its comments and CDATA sections, in which nothing is markup."""
    kept: list[bytes] = []
    at = 0
    for opening in _INERT.finditer(body):
        if opening.start() < at:
            continue
        closing = _INERT_END[opening.group()].search(body, opening.end())
        if closing is None:
            break
        kept.append(body[at : opening.start()])
        at = closing.end()
    return b"".join([*kept, body[at:]])


def _well_formed(body: bytes) -> bool:
    try:
        etree.fromstring(body, hardened())
    except etree.XMLSyntaxError:
        return False
    return True


def _depth(body: bytes) -> int:
    """How deep elements are nested, those of HTML that are never closed counted too."""
    if body.count(b"<") <= MAX_DEPTH:
        return 0
    depth = deepest = 0
    for found in _TAG.finditer(body):
        closing = found.group(1)
        if closing is not None and not found.group().endswith(b"/>"):
            depth += -1 if closing else 1
            deepest = max(deepest, depth)
    return deepest


def _without_own_entities(body: bytes) -> tuple[bytes, bool]:
    head = body[:100_000]
    # Only where the first one stands: a search would go to the end of the head from each of thousands.
    found = _DOCTYPE.match(head, max(head.upper().find(b"<!DOCTYPE"), 0))
    if not found or b"<!ENTITY" not in found.group().upper():
        return body, False
    return head[: found.start()] + head[found.end() :] + body[100_000:], True


def _what_it_is(body: bytes) -> str:
    if _HTML.match(body[:5_000]):
        return "a web page came, not a feed: give the address of its feed"
    return "what came is no feed"


def _malformed(found: Any, odd: str) -> str:
    error = found.get("bozo_exception") if found.bozo else None
    said = odd if error is None else " ".join(str(error).split())
    return f"malformed: {said[:200]}" if said else ""


def _linked(feed: Any, rel: str) -> str:
    return next((text_of(link.get("href", "")) for link in _parts(feed, "links") if link.get("rel") == rel), "")


def _parts(holder: Any, name: str) -> list[Any]:
    """The records under `name`: a document may have an element called `links`, whose text then stands there."""
    value = holder.get(name)
    return [part for part in value if isinstance(part, dict)] if isinstance(value, list) else []


def _raw(item: Any) -> RawEntry:
    return RawEntry(
        guid=text_of(item.get("id", "")).strip(),
        link=text_of(item.get("link", "")),
        title=text_of(item.get("title", "")),
        summary=_summary(item),
        contents=[_text(part) for part in _parts(item, "content")],
        authors=[text_of(one.get("name", "")) for one in _parts(item, "authors")],
        tags=[text_of(tag.get("term") or tag.get("label") or "") for tag in _parts(item, "tags")],
        language=_title_language(item),
        published=_moment(item, "published") or _moment(item, "created") or _moment(item, "updated"),
        updated=_moment(item, "updated"),
        enclosures=list(_enclosures(item)),
    )


def _summary(item: Any) -> str:
    """The summary; where it is only the first content, it is of that one's type."""
    text = text_of(item.get("summary", ""))
    details = [item.get("summary_detail"), *_parts(item, "content")]
    return next((_text(one) for one in details if isinstance(one, dict) and one.get("value") == text), text)


def _text(part: dict[str, Any]) -> str:
    text = text_of(part.get("value", ""))
    return as_html(text) if part.get("type") == "text/plain" else text


def _title_language(item: Any) -> str:
    detail = item.get("title_detail")
    return text_of(detail.get("language")) if isinstance(detail, dict) else ""


def _enclosures(item: Any) -> Iterator[tuple[str, str, str]]:
    for link in _parts(item, "links"):
        if link.get("rel") == "enclosure":
            yield text_of(link.get("href", "")), text_of(link.get("type", "")), text_of(link.get("length", ""))


def _moment(item: Any, name: str) -> datetime | None:
    # Past `get`, which would give `published` where there is no `updated`.
    stated = str(dict.get(item, name, ""))
    return moment(stated) or _by_feedparser(stated, dict.get(item, f"{name}_parsed"))


def _by_feedparser(stated: str, parsed: Any) -> datetime | None:
    """What feedparser makes of a date in words. Of one in figures it reads a part and makes up the rest.

    It takes `2026/11/26 19:50` for 2026, and that for the first of the current month.
    """
    if not isinstance(parsed, struct_time) or parsed.tm_year < LEAST_YEAR:
        return None
    if stated[:4].isdecimal() or not _IN_WORDS.search(stated) or f"{parsed.tm_year % 100:02}" not in stated:
        return None
    try:
        return datetime.fromtimestamp(calendar.timegm(parsed), UTC)
    except (ValueError, OverflowError, OSError):
        return None
