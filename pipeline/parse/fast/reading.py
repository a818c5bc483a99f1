"""A feed or an entry while its elements are read, and the texts of elements as feedparser gives them."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urljoin

from pipeline.parse.fast.names import Names
from pipeline.parse.identity import RawEntry
from pipeline.parse.texts import PLAIN_URL, as_html

LANG = "{http://www.w3.org/XML/1998/namespace}lang"
_BASE = "{http://www.w3.org/XML/1998/namespace}base"
_OF_TEXTS = frozenset({"type", LANG, _BASE})
_PLAIN_TYPES = frozenset({"text", "plain", "text/plain"})
_TEXT_TYPES = _PLAIN_TYPES | {"", "html", "text/html"}
_C1 = re.compile(r"[\x80-\x9f]")
_SLASHES = re.compile(r"[A-Za-z][A-Za-z0-9+.,-]*:///")
_NAMED = re.compile(r"(?:tag|urn):[^/]")


MAX_TAGS = 500
"""Telling tags apart takes the square of their number."""


class HandOver(Exception):
    """Something that is not ordinary: the parser of record is to read this document."""


Tag = tuple[str, str, str]
"""Term, scheme and label of a category."""


@dataclass(slots=True)
class Reading:
    """What has been read so far, in the order of the document."""

    base: str
    names: Names
    language: str = ""
    titled: bool = False  # a title has been seen that later ones don't replace
    title_language: str = ""
    title: str = ""
    link: str | None = None
    guid: str = ""
    summary: str | None = None
    summary_depth: int | None = None
    has_content: bool = False
    contents: list[str] = field(default_factory=list)
    authors: list[str] = field(default_factory=list)
    author_in_text: bool = False  # a plain text named an author, whom feedparser confuses with the next
    tags: list[Tag] = field(default_factory=list)
    links: list[tuple[str, str]] = field(default_factory=list)  # rel, address
    enclosures: list[tuple[str, str, str]] = field(default_factory=list)
    dates: dict[str, datetime | None] = field(default_factory=dict)
    kept: dict[str, str] = field(default_factory=dict)  # texts of a feed that need no more thought

    def raw(self) -> RawEntry:
        """The entry that was read."""
        updated = self.dates.get("updated")
        return RawEntry(
            guid=self.guid.strip(),
            link=self.link or "",
            title=self.title,
            summary=self.summary or "",
            contents=self.contents,
            authors=self.authors,
            tags=[term or label for term, _, label in self.tags],
            language=self.title_language,
            published=self.dates.get("published") or self.dates.get("created") or updated,
            updated=updated,
            enclosures=self.enclosures,
        )

    def linked(self, rel: str) -> str:
        """The first address that is linked as `rel`."""
        return next((address for of, address in self.links if of == rel), "")

    def add_tag(self, tag: Tag) -> None:
        """Add a category that says something new. Who has hundreds is no ordinary entry."""
        if len(self.tags) > MAX_TAGS:
            raise HandOver
        if any(tag) and tag not in self.tags:
            self.tags.append(tag)


def keys_of(element: Any) -> list[str]:
    """The names of its attributes. (`in element` would go over its children.)"""
    return element.keys()  # type: ignore[no-any-return]


def local(key: str) -> str:
    """The name of an attribute without its namespace, in lower case."""
    return key.rpartition("}")[2].lower()


def leaf(element: Any) -> str:
    """The text of an element that holds nothing else."""
    if len(element):
        raise HandOver
    text = (element.text or "").strip()
    return text if text.isascii() else _mended(text)


def bare(element: Any) -> str:
    """The text of an element without attributes."""
    if element.keys():
        raise HandOver
    return leaf(element)


def html(element: Any, kind: str) -> str:
    """A text that may be of a type, and is of this `kind` where it names none, as HTML."""
    text = content(element)
    return as_html(text) if element.get("type", kind).lower() in _PLAIN_TYPES else text


def content(element: Any) -> str:
    """A text that may be of a type: text or escaped HTML, never XHTML or base64."""
    keys = element.keys()
    if keys and (not _OF_TEXTS.issuperset(keys) or element.get("type", "").lower() not in _TEXT_TYPES):
        raise HandOver
    return leaf(element)


def resolved(base: str, address: str) -> str:
    """`address` joined to `base`."""
    if not address or PLAIN_URL.fullmatch(address) or _NAMED.match(address):
        return address
    if _SLASHES.match(address):
        raise HandOver
    try:
        return urljoin(base, address)
    except ValueError:
        raise HandOver from None


def _mended(text: str) -> str:
    """`text` as feedparser mends it: encoded twice, or Windows-1252 put in as code points."""
    with suppress(UnicodeError):
        text = text.encode("latin-1").decode("utf-8")
    return _C1.sub(_from_windows, text)


def _from_windows(found: re.Match[str]) -> str:
    return found.group().encode("latin-1").decode("cp1252", "ignore") or found.group()
