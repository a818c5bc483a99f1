"""The fast path: ordinary RSS 2.0, RSS 1.0 and Atom 1.0 by lxml, some ten times faster than the parser of record.

It gives exactly what `record` gives, or hands over. feedparser lets elements touch each other through their order, so
what is read here follows its rules for what is ordinary, and everything that is not listed hands over: malformed XML,
a DOCTYPE, markup inside texts, xml:base on anything but a text, dates that only feedparser can read. That both give the
same is shown on the corpus and by property tests (`tests/test_parse_fast.py`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from lxml import etree

from pipeline.model import ParsedFeed
from pipeline.parse import restraint
from pipeline.parse.fast.elements import OF_ENTRY, OF_FEED
from pipeline.parse.fast.ignored import IN_ENTRY, IN_FEED, IN_PICTURE, ignore, ignore_children
from pipeline.parse.fast.names import Names, prefixes_mislead
from pipeline.parse.fast.reading import LANG, HandOver, Reading, keys_of, local
from pipeline.parse.identity import RawEntry, settled
from pipeline.parse.record import MAX_ENTRIES
from pipeline.parse.texts import absolute, hardened, plain

_PROLOG = re.compile(
    rb"(?:<\?xml\s+version\s*=\s*[\"']1\.0[\"'][^<>?]*\?>)?\s*"
    rb"(?:(?:<\?xml-stylesheet\s[^<>?]*\?>|<!--(?:[^-]|-[^-])*-->)\s*)*<[A-Za-z]"
)
"""What may stand before the root: no DOCTYPE, whose entities would be needed or a danger."""
_RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}RDF"
_ABOUT = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}about"


def read(feed_url: str, document: bytes) -> ParsedFeed | None:
    """Read `document`, in UTF-8; None when it is to be read by the parser of record."""
    if not _PROLOG.match(document) or prefixes_mislead(document):
        return None
    try:
        return _feed(feed_url, document, etree.fromstring(document, hardened()))
    except (HandOver, etree.XMLSyntaxError):
        return None


def _feed(feed_url: str, document: bytes, root: Any) -> ParsedFeed:
    feed = Reading(base=feed_url, names=Names(), language=_root_language(root))
    items = _items(feed, root)
    if not items:
        raise HandOver
    kept = feed.kept
    entries, note = settled(feed_url, items)
    return ParsedFeed(
        title=plain(feed.title),
        site_url=absolute(feed_url, feed.link),
        # feedparser takes the language of a whole document from its root, but not from that of RSS 1.0.
        language=kept.get("language", "" if root.tag == _RDF else feed.language),
        hub=feed.linked("hub"),
        topic=feed.linked("self"),
        least_interval=restraint.least_interval(
            kept.get("ttl", ""), kept.get("sy_updateperiod", ""), kept.get("sy_updatefrequency", "")
        ),
        skip_hours=restraint.skip_hours(document),
        skip_days=restraint.skip_days(document),
        entries=entries,
        notes=(note,) if note else (),
    )


def _root_language(root: Any) -> str:
    if any(key not in (LANG, "lang", "version") and local(key) != "schemalocation" for key in keys_of(root)):
        raise HandOver
    return (root.get(LANG) or root.get("lang") or "").replace("_", "-")


def _items(feed: Reading, root: Any) -> list[RawEntry]:
    shape = feed.names[root.tag]
    if shape == "feed":
        return _children(feed, root, item="entry")
    if shape == "rss":
        if len(root) != 1 or feed.names[root[0].tag] != "channel" or keys_of(root[0]):
            raise HandOver
        return _children(feed, root[0], item="item")
    if root.tag == _RDF:
        return _rdf(feed, root)
    raise HandOver


def _rdf(feed: Reading, root: Any) -> list[RawEntry]:
    """RSS 1.0: the items stand beside the channel, which comes first."""
    if not len(root) or feed.names[root[0].tag] != "channel" or set(keys_of(root[0])) - {_ABOUT}:
        raise HandOver
    _children(feed, root[0], item="")
    items: list[RawEntry] = []
    for child in root[1:]:
        name = feed.names[child.tag]
        if name == "item" and len(items) < MAX_ENTRIES:
            items.append(_item(feed, child))
        elif name in ("image", "textinput"):
            ignore_children(feed, child, IN_PICTURE)
        elif name != "item":
            raise HandOver
    return items


def _children(feed: Reading, parent: Any, item: str) -> list[RawEntry]:
    """Read what a channel or an Atom feed says of itself; its items."""
    items: list[RawEntry] = []
    names = feed.names
    for child in parent:
        name = names[child.tag]
        if name == item:
            if len(items) < MAX_ENTRIES:
                items.append(_item(feed, child))
            feed.titled = False
        elif name in OF_FEED:
            OF_FEED[name](feed, child)
        else:
            ignore(feed, child, name, IN_FEED)
    return items


def _item(feed: Reading, element: Any) -> RawEntry:
    entry = Reading(base=feed.base, names=feed.names, language=feed.language)
    keys = element.keys()
    if keys:
        entry.guid = _about(element, keys)
    names = feed.names
    for child in element:
        name = names[child.tag]
        if name in OF_ENTRY:
            OF_ENTRY[name](entry, child)
        else:
            ignore(entry, child, name, IN_ENTRY)
    return entry.raw()


def _about(element: Any, keys: Iterable[str]) -> str:
    """What an item of RSS 1.0 is about, its identity. Attributes of foreign namespaces are let pass."""
    for key in keys:
        if key != _ABOUT and (not key.startswith("{") or local(key) in ("lang", "base", "href", "lastmod", "about")):
            raise HandOver
    return str(element.get(_ABOUT, ""))
