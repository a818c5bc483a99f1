"""discover: which feeds a site has, and which of them is meant. No I/O: flow/feeds/discover.py asks.

In this order: Link headers (RFC 8288) and <link rel=alternate> (RSS Autodiscovery, WHATWG HTML 4.6.7.1), else links of
the page that look like feeds, else the few addresses where feeds usually stand.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

import lxml.html
from lxml.etree import ParserError
from lxml.html import HtmlElement

from pipeline.address import address_key, is_web, origin, site_host
from pipeline.links import read_links
from pipeline.model import FetchResponse

MOST_LINKS = 50
"""Feeds of one page that are looked at."""
USUAL_PATHS = ("/feed", "/rss.xml", "/atom.xml", "/feed.json", "/rss", "/index.xml")
"""Tried when a site names no feed: WordPress, static generators, JSON Feed, news systems, Hugo."""

_SURE_TYPES = re.compile(r"(?:application|text)/(?:x[.-])?(?:rss|atom|rdf)(?:\+xml)?|application/feed\+json")
_VAGUE_TYPES = frozenset({"application/xml", "text/xml", "application/json"})
_FEED_PATH = re.compile(
    r"/(?:feeds?|rss|atom)(?:[/.]|$)|\.(?:rss|atom|rdf)$|(?:rss|atom|feed)[\w-]*\.(?:xml|json)$", re.I
)
_COMMENTS = re.compile(
    r"\b(?:comments?|kommentare?|commentaires?|comentários?|comentarios?|commenti|reacties|komentarze|комментари\w*)\b"
    r"|コメント|评论",
    re.IGNORECASE,
)
_SECTION_PATH = re.compile(
    r"/(?:categor(?:y|ies)|tags?|authors?|topics?|sections?|search|labels?|kategorie|rubrik)/", re.I
)
_SECTION_PARAMETERS = frozenset({"cat", "tag", "author", "s", "q", "topic"})
_FORMAT_WORDS = re.compile(r"\b(?:rss|atom|rdf|json|xml|feeds?|index|default|\d(?:\.\d+)?)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class FeedLink:
    """A feed as somebody links to it."""

    url: str
    title: str = ""


def feed_links(page: FetchResponse) -> tuple[FeedLink, ...]:
    """The feeds that a page names, the best first: the main one before those of a section, comments last."""
    tree = _tree(page)
    found = [*_header_links(page), *_head_links(tree)] or list(_body_links(tree, page.url))
    unique: dict[str, FeedLink] = {}
    for link in found:
        if is_web(link.url) and link.url != page.url:
            unique.setdefault(address_key(link.url), link)
    return tuple(sorted(unique.values(), key=lambda link: _rank(link, page.url))[:MOST_LINKS])


def usual_addresses(url: str) -> list[str]:
    """Where a site that names no feed may have one: below the page that was asked for, then at the root."""
    path = urlsplit(url).path.rstrip("/")
    below = [f"{origin(url)}{path}/feed"] if path and "." not in path.rpartition("/")[2] else []
    return [*below, *(origin(url) + usual for usual in USUAL_PATHS)]


def choices(links: Sequence[FeedLink], page_url: str) -> list[FeedLink]:
    """The links among which only a person can choose: of one rank, and not the same feed in another format."""
    if not links:
        return []
    best = _rank(links[0], page_url)
    different: dict[str, FeedLink] = {}
    for link in links:
        if _rank(link, page_url) == best:
            different.setdefault(_subject(link), link)
    return list(different.values())


def replacement(feed_url: str, links: Iterable[FeedLink]) -> FeedLink | None:
    """The feed a site names instead of the one at `feed_url`; None when it names no other but those of comments."""
    gone = address_key(feed_url)
    others = (link for link in links if address_key(link.url) != gone and not _is_comments(link))
    return next(others, None)


# ---------------------------------------------------------------------------------------------------------
# Where links stand


def _tree(page: FetchResponse) -> HtmlElement | None:
    try:
        page.body.decode("utf-8")
        parser = lxml.html.HTMLParser(encoding="utf-8")
    except UnicodeDecodeError:
        parser = lxml.html.HTMLParser()
    try:
        tree = lxml.html.document_fromstring(page.body, parser=parser)
        tree.make_links_absolute(page.url, resolve_base_href=True, handle_failures="discard")
    except (ParserError, ValueError):
        return None
    return tree


def _header_links(page: FetchResponse) -> Iterator[FeedLink]:
    for link in read_links(page.headers.get("link", ""), page.url):
        if _is_feed(" ".join(link.relations), link.kind, link.url):
            yield FeedLink(link.url, _squeezed(link.title))


def _head_links(tree: HtmlElement | None) -> Iterator[FeedLink]:
    for link in tree.iter("link") if tree is not None else ():
        url = (link.get("href") or "").strip()
        if url and _is_feed(link.get("rel") or "", link.get("type") or "", url):
            yield FeedLink(url, _squeezed(link.get("title") or ""))


def _body_links(tree: HtmlElement | None, page_url: str) -> Iterator[FeedLink]:
    """Links of the page itself that look like feeds of its own site."""
    for link in tree.iter("a") if tree is not None else ():
        url = (link.get("href") or "").strip()
        if _looks_like_feed(url) and site_host(url) == site_host(page_url):
            yield FeedLink(url, _squeezed(link.get("title") or str(link.text_content())))


def _is_feed(rel: str, kind: str, url: str) -> bool:
    """Whether a link says that it leads to a feed. `application/json` is WordPress's API and oEmbed, too."""
    relations, media = rel.lower().split(), kind.partition(";")[0].strip().lower()
    if "alternate" not in relations and "feed" not in relations:
        return False
    return bool(_SURE_TYPES.fullmatch(media)) or (media in _VAGUE_TYPES and _looks_like_feed(url))


def _looks_like_feed(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return "oembed" not in url and bool(_FEED_PATH.search(parts.path) or "feed" in parse_qs(parts.query))


def _squeezed(text: str) -> str:
    return " ".join(text.split())[:200]


# ---------------------------------------------------------------------------------------------------------
# Which is meant


def _rank(link: FeedLink, page_url: str) -> tuple[bool, int, bool]:
    """Lower is better."""
    return _is_comments(link), _distance(link, page_url), site_host(link.url) != site_host(page_url)


def _is_comments(link: FeedLink) -> bool:
    return bool(_COMMENTS.search(f"{link.title} {urlsplit(link.url).path}"))


def _distance(link: FeedLink, page_url: str) -> int:
    """How far the feed is from what was asked for: 0 below that very page, 1 the whole site's, 2 another section's."""
    parts, asked = urlsplit(link.url), urlsplit(page_url).path.rstrip("/")
    if asked and parts.path.startswith(f"{asked}/"):
        return 0
    is_section = _SECTION_PATH.search(parts.path) or not _SECTION_PARAMETERS.isdisjoint(parse_qs(parts.query))
    return 2 if is_section else 1


def _subject(link: FeedLink) -> str:
    """What is left of a link without the words for formats: the same for one feed in RSS and in Atom."""
    for text in (link.title, urlsplit(link.url).path):
        said = "".join(char for char in _FORMAT_WORDS.sub(" ", text).casefold() if char.isalnum())
        if said:
            return said
    return ""


# ---------------------------------------------------------------------------------------------------------
# What a document calls itself, for people


_ROOT = re.compile(rb"<(?:\w+:)?(rss|feed|RDF)\b([^<>]*)>")
_ATTRIBUTE_VERSION = re.compile(rb"""\sversion\s*=\s*["']([\w.]+)["']""")
_JSON_VERSION = re.compile(rb"jsonfeed\.org\\?/version\\?/([\d.]+)")
_DECLARED = re.compile(rb"""^\s*<\?xml[^>]*\sencoding\s*=\s*["']([\w.:-]+)["']""")
_CHARSET = re.compile(r"""charset\s*=\s*["']?([\w.:-]+)""", re.IGNORECASE)
_MARKS = ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16le"), (b"\xfe\xff", "utf-16be"))


def format_of(body: bytes) -> str:
    """The format a feed's document begins as; empty where its beginning says nothing."""
    head = body[:10_000]
    if head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{"):
        version = _JSON_VERSION.search(head)
        return f"JSON Feed {version.group(1).decode()}" if version else "JSON Feed"
    root = _ROOT.search(head.replace(b"\x00", b""))
    if root is None:
        return ""
    name, attributes = root.groups()
    version = _ATTRIBUTE_VERSION.search(attributes)
    if name == b"rss":
        return f"RSS {version.group(1).decode()}" if version else "RSS"
    if name == b"feed":
        return "Atom 0.3" if version and version.group(1) == b"0.3" else "Atom 1.0"
    return "RSS 1.0" if b"purl.org/rss/1.0" in attributes else "RSS 0.90"


def stated_encoding(body: bytes, content_type: str) -> str:
    """The encoding a feed states: by its byte order mark, the header, or its XML declaration (RFC 7303, 3)."""
    mark = next((name for sign, name in _MARKS if body.startswith(sign)), "")
    header = _CHARSET.search(content_type)
    declared = _DECLARED.search(body[:1_000])
    return (
        mark or (header.group(1).lower() if header else "") or (declared.group(1).decode().lower() if declared else "")
    )
