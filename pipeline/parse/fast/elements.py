"""The elements that say something of an entry or of a feed, by name, and how each is read."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

from pipeline.parse.dates import LEAST_YEAR, read_moment
from pipeline.parse.fast.ignored import IN_MEDIA, IN_PERSON, IN_PICTURE, IN_SOURCE, ignore, ignore_children
from pipeline.parse.fast.reading import LANG, HandOver, Reading, bare, content, html, keys_of, leaf, local, resolved

Reader = Callable[[Reading, Any], None]

_HTML_TYPES = frozenset({"html", "text/html", "xhtml", "application/xhtml+xml"})
_LINK_KEYS = frozenset({"rel", "type", "href", "hreflang", "title", "length", "count", "updated", "when"})
_TAG_KEYS = frozenset({"term", "scheme", "label", "domain", LANG})
_PLAIN_SUMMARIES = frozenset({"summary", "itunes_summary"})
"""What is plain text where it states no type; a description is HTML."""
_MAIL_AND_NAME = re.compile(r"[\w.+-]+@(?:[a-zA-Z0-9-]+\.)+[a-zA-Z]{2,4} \(([^()@<>&]+)\)", re.ASCII)


def _title(reading: Reading, element: Any) -> None:
    """The first title that is not empty."""
    text = content(element)
    if reading.titled:
        return
    language = element.get(LANG)
    reading.title, reading.titled = text, bool(text)
    reading.title_language = reading.language if language is None else language.replace("_", "-")


def _media_title(reading: Reading, element: Any) -> None:
    """The title of a picture, where the entry's own is known."""
    content(element)
    if not reading.titled:
        raise HandOver


def _link(reading: Reading, element: Any) -> None:
    keys = element.keys()
    if keys:
        _linked(reading, element, keys)
        return
    address = resolved(reading.base, leaf(element))
    if "&" in address and ";" in address:
        raise HandOver
    reading.link = address
    reading.links.append(("alternate", address))


def _linked(reading: Reading, element: Any, keys: Iterable[str]) -> None:
    """A link by its attributes: the last alternate page is where the entry leads."""
    address = element.get("href")
    if not address or len(element) or not (_LINK_KEYS.issuperset(keys) or _LINK_KEYS.issuperset(map(local, keys))):
        raise HandOver
    rel = element.get("rel", "alternate").lower()
    kind = element.get("type", "application/atom+xml" if rel == "self" else "text/html").lower()
    address = resolved(reading.base, address)
    if rel == "enclosure":
        reading.enclosures.append((address, kind, element.get("length", "")))
    reading.links.append((rel, address))
    if rel == "alternate" and kind in _HTML_TYPES:
        reading.link = address


def _guid(reading: Reading, element: Any) -> None:
    """The guid, which is the link too where it may be and there is none so far."""
    keys = element.keys()
    if keys and [key.lower() for key in keys] != ["ispermalink"]:
        raise HandOver
    is_link = not keys or element.get(keys[0]) == "true"
    text = leaf(element)
    reading.guid = resolved(reading.base, text) if is_link else text
    if is_link and reading.link is None:
        reading.link = reading.guid


def _date(name: str) -> Reader:
    def read_date(reading: Reading, element: Any) -> None:
        text = bare(element)
        stated = read_moment(text)
        if text and stated is None:
            raise HandOver
        reading.dates[name] = stated if stated and stated.year >= LEAST_YEAR else None

    return read_date


def _summary(reading: Reading, element: Any, depth: int = 0) -> None:
    """The first is the summary, the next one a content, and after a content it is the summary again."""
    if reading.summary is not None and not reading.has_content:
        _full_content(reading, element)
        return
    text = html(element, "text" if reading.names[element.tag] in _PLAIN_SUMMARIES else "html")
    if reading.summary_depth is None or depth <= reading.summary_depth:
        reading.summary, reading.summary_depth = text, depth


def _full_content(reading: Reading, element: Any) -> None:
    text = html(element, "html" if reading.names[element.tag] == "content_encoded" else "text")
    reading.has_content = True
    reading.contents.append(text)
    if reading.summary is None:
        reading.summary = text


def _author(reading: Reading, element: Any) -> None:
    if element.keys():
        raise HandOver
    if not len(element):
        reading.authors.append(_person(leaf(element)))
        reading.author_in_text = True
        return
    name = None
    for child in element:
        kind = reading.names[child.tag]
        ignore(reading, child, kind, IN_PERSON)
        if kind == "name":
            name = child.text or ""
    if name is None or reading.author_in_text:
        raise HandOver
    reading.authors.append(name.strip())


def _person(text: str) -> str:
    """The name out of RSS 2.0's `mail@host (Name)`; a text without an address as it is."""
    if "@" not in text:
        return text
    found = _MAIL_AND_NAME.fullmatch(text)
    if not found:
        raise HandOver
    return found.group(1).strip()


def _category(reading: Reading, element: Any) -> None:
    """Attributes make one tag; a text gives the last tag its term, or makes one of its own."""
    text = leaf(element)
    keys = element.keys()
    if keys:
        if not _TAG_KEYS.issuperset(keys):
            raise HandOver
        scheme = element.get("scheme", element.get("domain", ""))
        reading.add_tag((element.get("term", ""), scheme, element.get("label", "")))
    if text and reading.tags and not reading.tags[-1][0]:
        reading.tags[-1] = (text, *reading.tags[-1][1:])
    elif text:
        reading.add_tag((text, "", ""))


def _keywords(scheme: str) -> Reader:
    def read_keywords(reading: Reading, element: Any) -> None:
        for term in bare(element).split(","):
            if term.strip():
                reading.add_tag((term.strip(), scheme, ""))

    return read_keywords


def _enclosure(reading: Reading, element: Any) -> None:
    if len(element) or set(element.keys()) - {"url", "type", "length"}:
        raise HandOver
    reading.enclosures.append((element.get("url", ""), element.get("type", "").lower(), element.get("length", "")))


def _source(reading: Reading, element: Any) -> None:
    """Where an entry was taken from. After it another title may come."""
    reading.titled = False
    if set(element.keys()) - {"url"}:
        raise HandOver
    ignore_children(reading, element, IN_SOURCE)


def _media(reading: Reading, element: Any, depth: int = 1) -> None:
    """media:content and media:group: a description in them stands in for a summary that the entry has not."""
    if any(local(key) in ("lang", "base") for key in keys_of(element)):
        raise HandOver
    for child in element:
        name = reading.names[child.tag]
        if name in ("media_content", "media_group"):
            _media(reading, child, depth + 1)
        elif name == "media_description":
            _summary(reading, child, depth)
        elif name in ("media_title", "media_keywords"):
            OF_ENTRY[name](reading, child)
        else:
            ignore(reading, child, name, IN_MEDIA)


def _kept(name: str) -> Reader:
    def keep(reading: Reading, element: Any) -> None:
        reading.kept[name] = bare(element)

    return keep


def _feed_summary(reading: Reading, element: Any) -> None:
    """A podcast's itunes:summary, which would change how its entries are read if a description came after it."""
    content(element)
    if reading.has_content:
        raise HandOver
    reading.has_content = True


def _feed_description(reading: Reading, element: Any) -> None:
    content(element)
    if reading.has_content:
        raise HandOver


def _picture(reading: Reading, element: Any) -> None:
    """image and textInput have titles and links of their own, after which another title may come."""
    reading.titled = False
    if element.keys():
        raise HandOver
    ignore_children(reading, element, IN_PICTURE)


_published, _updated, _created = _date("published"), _date("updated"), _date("created")

OF_ENTRY: dict[str, Reader] = {
    "title": _title,
    "dc_title": _title,
    "media_title": _media_title,
    "link": _link,
    "guid": _guid,
    "id": _guid,
    "pubdate": _published,
    "published": _published,
    "issued": _published,
    "dcterms_issued": _published,
    "updated": _updated,
    "lastbuilddate": _updated,
    "dc_date": _updated,
    "dcterms_modified": _updated,
    "created": _created,
    "dcterms_created": _created,
    "description": _summary,
    "summary": _summary,
    "dc_description": _summary,
    "media_description": _summary,
    "itunes_summary": _summary,
    "content": _full_content,
    "content_encoded": _full_content,
    "author": _author,
    "dc_creator": _author,
    "itunes_author": _author,
    "category": _category,
    "dc_subject": _category,
    "media_keywords": _keywords(""),
    "itunes_keywords": _keywords("http://www.itunes.com/"),
    "enclosure": _enclosure,
    "source": _source,
    "media_content": _media,
    "media_group": _media,
}
OF_FEED: dict[str, Reader] = {
    "title": _title,
    "dc_title": _title,
    "media_title": _media_title,
    "link": _link,
    "id": _guid,
    "language": _kept("language"),
    "dc_language": _kept("language"),
    "ttl": _kept("ttl"),
    "sy_updateperiod": _kept("sy_updateperiod"),
    "sy_updatefrequency": _kept("sy_updatefrequency"),
    "description": _feed_description,
    "dc_description": _feed_description,
    "media_description": _feed_description,
    "itunes_summary": _feed_summary,
    "image": _picture,
    "textinput": _picture,
}
