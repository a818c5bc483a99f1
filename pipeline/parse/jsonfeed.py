"""JSON Feed, version 1.1 (jsonfeed.org)."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from typing import Any

from pipeline.errors import ParseError
from pipeline.model import ParsedFeed
from pipeline.parse.dates import moment
from pipeline.parse.identity import RawEntry, settled
from pipeline.parse.record import MAX_ENTRIES
from pipeline.parse.texts import absolute, as_html, plain, text_of

_HEAD = 4_096
"""Bytes at the beginning that tell what a document is."""
_DECODER = json.JSONDecoder(strict=False)  # control characters in texts are let pass
_ITEMS = re.compile(r'(?<!\\)"items"\s*:\s*\[')
_BETWEEN = re.compile(r"[\s,]*")


def looks_like_json(body: bytes) -> bool:
    """Whether `body` begins as a JSON object does."""
    return _text(body[:_HEAD]).startswith("{")


def read(feed_url: str, body: bytes) -> ParsedFeed:
    """Read a JSON Feed; of one that is malformed the items before the place. Raises ParseError."""
    text = _text(body)
    try:
        document, broken = _DECODER.raw_decode(text)[0], ""
    except (ValueError, RecursionError) as error:
        document, broken = {"items": _whole_items(text)}, f"malformed: {error}"[:200]
        if not document["items"]:
            raise ParseError(feed_url, f"what came is no feed: broken JSON ({type(error).__name__})") from None
    if not isinstance(document, dict) or not isinstance(document.get("items"), list):
        raise ParseError(feed_url, "what came is no feed: JSON without items")
    hubs = [text_of(hub.get("url")) for hub in _list(document, "hubs") if isinstance(hub, dict)]
    items = [item for item in document["items"][:MAX_ENTRIES] if isinstance(item, dict)]
    entries, note = settled(feed_url, [_raw(item) for item in items])
    return ParsedFeed(
        title=plain(document.get("title")),
        site_url=absolute(feed_url, document.get("home_page_url")),
        language=text_of(document.get("language")),
        hub=next((hub for hub in hubs if hub), ""),
        topic=absolute(feed_url, document.get("feed_url")),
        entries=entries,
        notes=tuple(filter(None, (broken, note))),
    )


def _text(body: bytes) -> str:
    """The text of a document, in whichever Unicode encoding its first bytes show (RFC 4627, section 3)."""
    return body.decode(json.detect_encoding(body), "replace").strip()


def _whole_items(text: str) -> list[Any]:
    """The items up to the one that can't be read."""
    found: list[Any] = []
    opening = _ITEMS.search(text)
    at = opening.end() if opening else len(text)
    with suppress(ValueError, RecursionError):
        while len(found) < MAX_ENTRIES:
            item, at = _DECODER.raw_decode(text, _past_commas(text, at))
            found.append(item)
    return found


def _past_commas(text: str, at: int) -> int:
    found = _BETWEEN.match(text, at)
    return found.end() if found else at


def _raw(item: dict[str, Any]) -> RawEntry:
    authors = _list(item, "authors") or [item.get("author")]
    published, updated = moment(text_of(item.get("date_published"))), moment(text_of(item.get("date_modified")))
    attachments = [one for one in _list(item, "attachments") if isinstance(one, dict)]
    return RawEntry(
        guid=text_of(item.get("id")).strip(),
        link=text_of(item.get("url") or item.get("external_url")),
        title=text_of(item.get("title")),
        summary=as_html(text_of(item.get("summary"))),
        contents=[text_of(item.get("content_html")) or as_html(text_of(item.get("content_text")))],
        authors=[text_of(one.get("name")) for one in authors if isinstance(one, dict)],
        tags=[text_of(tag) for tag in _list(item, "tags")],
        language=text_of(item.get("language")),
        published=published or updated,
        updated=updated,
        enclosures=[
            (text_of(one.get("url")), text_of(one.get("mime_type")), text_of(one.get("size_in_bytes")))
            for one in attachments
        ],
    )


def _list(holder: dict[str, Any], name: str) -> list[Any]:
    value = holder.get(name)
    return value if isinstance(value, list) else []
