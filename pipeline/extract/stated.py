"""What a page states about itself in meta elements and JSON-LD (schema.org): title, authors, date, site, address.

What trafilatura leaves to others is done here: the moment of publication (it keeps only the day), authors as names, a
title without its site, and a canonical address that is believed only within the same site.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from functools import cached_property
from itertools import zip_longest
from typing import Any
from urllib.parse import urljoin, urlsplit

from lxml.html import HtmlElement
from trafilatura.metadata import extract_metadata
from trafilatura.settings import Document

from pipeline.address import site_host
from pipeline.extract.lines import clean, squeezed, unmarked

_BY = re.compile(r"^\s*(?:by|von|par|por|di|door|written by|author[:\s•]*)\s+", re.IGNORECASE)
_BETWEEN = re.compile(
    r"\s*(?:;|,(?! (?:jr|sr|phd|md)\b)|\band\b|\bund\b|\bet\b|&|\|)\s*|\s+(?:is|was) an? .*", re.IGNORECASE
)
_OFFICE = re.compile(
    r"\b(?:writer|reporter|editor|correspondent|columnist|staff|bureau|desk|contributor|redakteur(?:in)?|redacción)\b",
    re.IGNORECASE,
)
_ALSO_CALLED = ("", "news", "online", "com", "tv", "world", "sport", "sports")
"""What a site may add to its name at the end of a title."""
_TITLE_BREAK = re.compile(r"\s+[|–—·•:»*-]\s+|\s*[｜：]\s*")


class Stated:
    """What the page at `url` states; `large` pages are not searched for what they don't state."""

    def __init__(self, tree: HtmlElement, url: str, *, large: bool) -> None:
        self.tree, self.url, self._large = tree, url, large
        self._meta: dict[str, str] = {}
        self._authors: list[str] = []
        for element in tree.iter("meta"):
            name = (element.get("property") or element.get("name") or element.get("itemprop") or "").lower()
            content = clean(element.get("content") or "")
            if name and content:
                self._meta.setdefault(name, content)
                if name in ("author", "article:author", "parsely-author", "dc.creator"):
                    self._authors.append(content)
        self.things = [thing for thing in _json_ld(tree) if _is_article(thing)]

    def meta(self, *names: str) -> str:
        """The content of the first meta element there is of these names."""
        return next((self._meta[name] for name in names if name in self._meta), "")

    def thing(self, *names: str) -> Any:
        """The first of these properties that an article of the page's JSON-LD has."""
        return next((thing[name] for name in names for thing in self.things if thing.get(name)), None)

    def title(self) -> str:
        """The headline, without the name of the site."""
        headline = self.thing("headline")
        title = self.meta("og:title", "twitter:title") or (clean(headline) if isinstance(headline, str) else "")
        return without_site(unmarked(title or clean(self.guessed.title or "")), self.site(), self.url)

    def descriptions(self) -> tuple[str, ...]:
        """What it says of itself in a sentence or two, often its lead."""
        found = (self.meta(name) for name in ("og:description", "description", "twitter:description"))
        return tuple(dict.fromkeys(one for one in found if one))

    def site(self) -> str:
        """What the site calls itself."""
        return self.meta("og:site_name", "application-name")

    def authors(self) -> tuple[str, ...]:
        """Who wrote it, as names; the site itself only where it names nobody."""
        linked, named = _names(_author_names(self.thing("author"))), _names(self._authors)
        people = self._people(linked) or self._people(named)
        return people or linked or named or _names((self.guessed.author or "").split("; "))

    def _people(self, names: tuple[str, ...]) -> tuple[str, ...]:
        """Those that are not the site's own name: many a site signs beside its authors, or for them."""
        own = {squeezed(self.site()), squeezed(site_host(self.url))} - {""}
        return tuple(name for name in names if "www." not in name and squeezed(name) not in own)

    @cached_property
    def guessed(self) -> Any:
        """What trafilatura makes of the page's elements: only asked where nothing is stated, for it takes its time."""
        if self._large:
            return Document(title=self.tree.findtext(".//title"))
        return extract_metadata(self.tree, self.url)

    def published(self) -> datetime | None:
        """As stated, in UTC; a page without a zone means UTC for want of better."""
        stated = [
            self.meta("article:published_time", "og:article:published_time", "og:published_time"),
            self.thing("datePublished", "dateCreated"),
            self.meta(
                "datepublished", "parsely-pub-date", "sailthru.date", "dc.date.issued", "dcterms.created", "date"
            ),
            *(element.get("datetime") for element in self.tree.iter("time")),
        ]
        return next((moment for one in stated if (moment := _moment(one))), None)

    def language(self) -> str:
        """The page's own claim."""
        root = self.tree.getroottree().getroot()
        return clean(
            root.get("lang") or root.get("{http://www.w3.org/XML/1998/namespace}lang") or self.meta("og:locale")
        )

    def image(self) -> str:
        """The address of its lead image."""
        try:
            image = urljoin(self.url, self.meta("og:image", "twitter:image"))
        except ValueError:
            return ""
        return image if image != self.url else ""

    def canonical(self) -> str:
        """The address the page calls its own, if it lies on the same site and is not just the home page."""
        links = self.tree.xpath('//link[@rel="canonical"]/@href')
        for link in [*links, self.meta("og:url")]:
            try:
                address = urljoin(self.url, str(link).strip())
                parts = urlsplit(address)
            except ValueError:
                continue
            on_site = parts.scheme in ("http", "https") and _same_site(parts.netloc, urlsplit(self.url).netloc)
            if link and on_site and (parts.path not in ("", "/") or parts.query):
                return address
        return ""


def _same_site(one: str, other: str) -> bool:
    one, other = one.lower().removeprefix("www."), other.lower().removeprefix("www.")
    return one == other or one.endswith(f".{other}") or other.endswith(f".{one}")


def _json_ld(tree: HtmlElement) -> Iterator[dict[str, Any]]:
    for script in tree.xpath('//script[@type="application/ld+json"]'):
        try:
            yield from _objects(json.loads(script.text or "", strict=False), 0)
        except (ValueError, RecursionError):
            continue


def _objects(value: Any, depth: int) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
        graph = value.get("@graph")
        value = graph if isinstance(graph, list) else [value.get("mainEntity")]
    if isinstance(value, list) and depth < 4:
        for part in value:
            yield from _objects(part, depth + 1)


def _is_article(thing: dict[str, Any]) -> bool:
    kinds = thing.get("@type")
    kinds = kinds if isinstance(kinds, list) else [kinds]
    return any(isinstance(kind, str) and ("Article" in kind or kind in ("Report", "BlogPosting")) for kind in kinds)


def _author_names(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return _author_names(value.get("name"))
    if isinstance(value, list):
        return [name for one in value for name in _author_names(one)]
    return []


def _names(stated: Iterable[str]) -> tuple[str, ...]:
    """Names of people out of what pages call authors: no "By", no addresses, no profile links, no offices, no bios."""
    parts = (part for line in stated for part in _BETWEEN.split(unmarked(line)))
    names = [name for part in parts if (name := _BY.sub("", part).strip(" •·-–—")) and _is_name(name)]
    people = [name for name in names if not _OFFICE.search(name)]
    return tuple(dict.fromkeys(people or names))


def _is_name(text: str) -> bool:
    return "://" not in text and "@" not in text and len(text) <= 60 and len(text.split()) <= 6


def _moment(value: Any) -> datetime | None:
    if not isinstance(value, str) or len(value) < 10:
        return None
    try:
        moment = datetime.fromisoformat(value.strip())
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def without_site(title: str, site: str, url: str) -> str:
    """`title` without the name of its site behind a dash or a bar, and what stands behind that."""
    breaks = list(_TITLE_BREAK.finditer(title))
    name, host = squeezed(site), squeezed(site_host(url))
    for one, following in zip_longest(breaks, breaks[1:]):
        piece = squeezed(title[one.end() : following.start() if following else None])
        is_part = following is None and len(piece) > 2 and (piece in host or piece in name)
        if piece and (is_part or (name and piece in {name + more for more in _ALSO_CALLED})):
            return title[: one.start()]
    return title
