"""Out of a page comes the article: its text without furniture, its title, authors, date and address.

trafilatura finds the body; the page is parsed once and the tree is shared. What the page states about itself is read in
stated.py.
"""

from __future__ import annotations

import re
from itertools import islice

import trafilatura
from lxml.html import HtmlElement
from trafilatura.settings import Document

from pipeline.errors import ExtractError
from pipeline.extract.barriers import barrier
from pipeline.extract.lead import lead
from pipeline.extract.lines import clean, is_bio, is_furniture, squeezed
from pipeline.extract.stated import Stated
from pipeline.model import Article

LEAST_LETTERS = 25
"""A body shorter than this is none."""
MOST_ELEMENTS = 10_000
"""Elements of a page that trafilatura is given: its time grows with them, to some 2 s. News have 4,000 at the most."""

MOSTLY = 2
"""A page has so many times as many letters in UTF-8 as bytes that are not. Text in other encodings has hardly any."""

_ESCAPED = re.compile("[\udc80-\udcff]+")
_PDF = b"%PDF-"
_CHARSET = re.compile(rb"""charset\s*=\s*["']?\s*([a-z0-9_:.-]+)""", re.IGNORECASE)
_LATIN_1 = frozenset({"iso-8859-1", "latin-1", "latin1", "us-ascii", "ascii"})


def extract(html: bytes, url: str, content_type: str) -> Article:
    """Extract the article of a page fetched from `url`. Raises ExtractError when there is none, in words."""
    tree = _tree(html, url, content_type)
    large = _is_large(tree)
    stated = Stated(tree, url, large=large)
    above = lead(tree, stated.descriptions())
    text = _paragraph_lines(tree) if large else _body(tree, url)
    title, authors = stated.title(), stated.authors()
    paragraphs = _with_lead(above, _without_bios(_paragraphs(text, title), authors))
    if standing := barrier(tree, url, paragraphs, stated.things):
        raise ExtractError(url, f"{standing} came, not the article")
    if sum(map(len, paragraphs)) < LEAST_LETTERS:
        raise ExtractError(url, "no article is found on its page")
    return Article(
        url=url,
        canonical_url=stated.canonical(),
        title=title,
        paragraphs=paragraphs,
        authors=authors,
        published=stated.published(),
        site=stated.site(),
        section=stated.meta("article:section"),
        language=stated.language(),
        image=stated.image(),
    )


def _body(tree: HtmlElement, url: str) -> str:
    """The text of the article, a line a paragraph."""
    found = trafilatura.bare_extraction(tree, url=url, include_comments=False)
    return (found.text or "") if isinstance(found, Document) else ""


def _paragraph_lines(tree: HtmlElement) -> str:
    """All paragraphs of a page too large to tell its article apart, a line each."""
    return "\n".join(str(paragraph.text_content()) for paragraph in tree.iter("p"))


def _is_large(tree: HtmlElement) -> bool:
    return next(islice(tree.iter(), MOST_ELEMENTS, None), None) is not None


def _tree(html: bytes, url: str, content_type: str) -> HtmlElement:
    if html[:1024].lstrip().startswith(_PDF) or "application/pdf" in content_type:
        raise ExtractError(url, "a PDF came, not a page")
    if content_type.startswith(("image/", "video/", "audio/")):
        raise ExtractError(url, f"{content_type.split(';', maxsplit=1)[0]} came, not a page")
    tree = trafilatura.load_html(_as_utf8(html, content_type)) if html.strip() else None
    if tree is None:
        raise ExtractError(url, "the page is empty or no HTML")
    return tree


def _as_utf8(html: bytes, content_type: str) -> bytes:
    """The page in UTF-8: as it is where it is that already, else by the charset that header or page states.

    UTF-8 comes first, whatever is stated: other text is never valid UTF-8 by accident, and servers are often set up
    wrongly. Where nearly all of it is UTF-8, the rest is what a box pasted in, and read as windows-1252. ISO-8859-1
    means windows-1252, as in the WHATWG Encoding Standard. What states nothing that fits is left to trafilatura.
    """
    if mixed := _mixed(html):
        return mixed.encode()
    stated = [_CHARSET.search(content_type.encode()), _CHARSET.search(html[:4096])]
    for charset in ("utf-8", *(found.group(1).decode().lower() for found in stated if found)):
        try:
            text = html.decode("windows-1252" if charset in _LATIN_1 else charset)
        except (UnicodeDecodeError, LookupError):
            continue
        return html if charset == "utf-8" else text.encode()
    return html


def _mixed(html: bytes) -> str:
    """The text of a page in UTF-8 with stretches that are not; empty when it is all UTF-8, or hardly any of it is."""
    try:
        html.decode("utf-8")
    except UnicodeDecodeError:
        text = html.decode("utf-8", "surrogateescape")
    else:
        return ""
    beyond = [char for char in text if char > "\x7f"]
    bad = sum("\udc80" <= char <= "\udcff" for char in beyond)
    if len(beyond) - bad <= MOSTLY * bad:
        return ""
    return _ESCAPED.sub(lambda one: one.group().encode("utf-8", "surrogateescape").decode("cp1252", "replace"), text)


def _paragraphs(text: str, title: str) -> tuple[str, ...]:
    """The body's paragraphs; the title repeated in front of them, as breadcrumbs do, is none of them."""
    lines = [clean(line) for line in text.split("\n")]
    kept = [line for line in lines if line and not is_furniture(line)]
    while kept and _is_title(kept[0], title):
        kept.pop(0)
    return tuple(kept)


def _without_bios(paragraphs: tuple[str, ...], authors: tuple[str, ...]) -> tuple[str, ...]:
    """The paragraphs but for those at the end that are about the authors."""
    while len(paragraphs) > 1 and is_bio(paragraphs[-1], authors):
        paragraphs = paragraphs[:-1]
    return paragraphs


def _with_lead(above: str, paragraphs: tuple[str, ...]) -> tuple[str, ...]:
    """The paragraphs with the lead before them, where it is not among them already."""
    if not above or not paragraphs or squeezed(above) in squeezed("".join(paragraphs)):
        return paragraphs
    return (above, *paragraphs)


def _is_title(line: str, title: str) -> bool:
    return bool(title) and " ".join(line.split()).replace(title, "").strip() == ""
