"""An alert's matches as an Atom feed (RFC 4287). Text of others is text there, never markup.

Written with lxml, as OPML is. Ids are UUIDs of our own ids (RFC 9562, version 5): the same wherever it is served from.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from lxml import etree

from pipeline.address import is_web
from pipeline.deliver.excerpt import excerpts
from pipeline.deliver.render import in_text
from pipeline.model import Alert, Match, Story

MEDIA_TYPE = "application/atom+xml"
NAMESPACE = "http://www.w3.org/2005/Atom"
_ILLEGAL = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 (2.2) can't hold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """The absolute addresses of a feed: its own, its alert's page, and what those of stories begin with."""

    feed: str
    alert: str
    stories: str


def write(alert: Alert, found: Iterable[tuple[Match, Story]], places: Places, *, longest: int) -> bytes:
    """The feed of `alert`: an entry for each match, in their order, with excerpts of `longest` letters at the most."""
    pairs = list(found)
    feed = etree.Element(f"{{{NAMESPACE}}}feed", nsmap={None: NAMESPACE})
    _add(feed, "id", urn(alert.id))
    _add(feed, "title", f"Wirewatch: {alert.name}")
    _add(feed, "updated", _moment(max((match.matched_at for match, _ in pairs), default=alert.created_at)))
    _add(_add(feed, "author"), "name", "Wirewatch")
    _link(feed, "self", places.feed, MEDIA_TYPE)
    _link(feed, "alternate", places.alert, "text/html")
    for match, story in pairs:
        _write_entry(feed, match, story, places, longest)
    return bytes(etree.tostring(feed, xml_declaration=True, encoding="utf-8"))


def urn(our_id: str) -> str:
    """An id of ours as an IRI, which Atom asks for."""
    return uuid.uuid5(uuid.NAMESPACE_OID, f"wirewatch {our_id}").urn


def _write_entry(feed: etree._Element, match: Match, story: Story, places: Places, longest: int) -> None:
    entry, page = _add(feed, "entry"), f"{places.stories}/{story.id}"
    _add(entry, "id", urn(match.id))
    _add(entry, "title", story.title or story.url)
    _add(entry, "updated", _moment(match.matched_at))
    _add(entry, "published", _moment(story.published))
    _link(entry, "alternate", story.url if is_web(story.url) else page, "text/html")
    _link(entry, "related", page, "text/html")
    for name in story.authors or ((story.site,) if story.site else ()):
        _add(_add(entry, "author"), "name", name)
    _add(entry, "summary", "\n\n".join(map(in_text, excerpts(story, match.evidence, longest))))


def _add(parent: etree._Element, name: str, text: str = "") -> etree._Element:
    made = etree.SubElement(parent, f"{{{NAMESPACE}}}{name}")
    if text:
        made.text = _legal(text)
    return made


def _link(parent: etree._Element, relation: str, address: str, media_type: str) -> None:
    link = _add(parent, "link")
    for name, value in (("rel", relation), ("type", media_type), ("href", _legal(address))):
        link.set(name, value)


def _legal(text: str) -> str:
    return _ILLEGAL.sub("\ufffd", text)


def _moment(when: datetime) -> str:
    """As RFC 3339 has it."""
    return when.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
