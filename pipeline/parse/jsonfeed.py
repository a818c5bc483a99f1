"""JSON Feed, version 1.1 (jsonfeed.org)."""

from __future__ import annotations

import json
from typing import Any

from pipeline.errors import ParseError
from pipeline.model import ParsedFeed
from pipeline.parse.dates import moment
from pipeline.parse.identity import RawEntry, settled
from pipeline.parse.record import MAX_ENTRIES
from pipeline.parse.texts import absolute, as_html, plain, text_of


def looks_like_json(body: bytes) -> bool:
    """Whether `body` begins as a JSON object does."""
    return body[:64].lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{")


def read(feed_url: str, body: bytes) -> ParsedFeed:
    """Read a JSON Feed. Raises ParseError."""
    try:
        document = json.loads(body.decode("utf-8-sig", "replace"))
    except (ValueError, RecursionError) as error:
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
        notes=(note,) if note else (),
    )


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
