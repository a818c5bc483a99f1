"""Documents, texts and addresses as all formats share them."""

from __future__ import annotations

import re
from html import escape, unescape
from typing import Any
from urllib.parse import urljoin, urlsplit

import lxml.html
from feedparser.api import LooseFeedParser
from lxml import etree

MAX_TITLE = 1_000
"""Characters of a title that are kept: the longest real headlines have some 300."""

PLAIN_URL = re.compile(
    r"https?://[A-Za-z0-9.-]+(?::\d+)?(?:/[\w.~%!$'()*+,=:@&/-]*(?:\?[\w.~%!$'()*+,=:@&/?-]+)?)?", re.ASCII
)
"""Addresses that joining to a base leaves as they are."""

_MARKUP = re.compile(r"<[a-zA-Z/!][^<>]*>|&(?:#\d+|#x[0-9a-fA-F]+|[a-zA-Z]+);")
_TAG = re.compile(r"<[^<>]*>")


def hardened() -> etree.XMLParser:
    """A parser of XML: no entities, no DTD, no network, no tree deeper than 256 and no text longer than 10 MB."""
    return etree.XMLParser(
        encoding="utf-8",
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )


def text_of(value: Any) -> str:
    """`value` as text that every store can hold: no NULs, no lone surrogates."""
    text = value if isinstance(value, str) else "" if value is None else str(value)
    if text.isascii() and "\x00" not in text:
        return text
    return text.replace("\x00", "").encode("utf-8", "replace").decode("utf-8")


def plain(value: Any) -> str:
    """Text without markup, entities decoded (twice, as some feeds escape twice), white space squeezed."""
    text = text_of(value)
    if "<" not in text and "&" not in text:
        return " ".join(text.split())[:MAX_TITLE]
    for _ in range(2):
        if not _MARKUP.search(text):
            break
        text = _without_tags(text) if "<" in text else unescape(text)
    return text_of(" ".join(text.split())[:MAX_TITLE])


def _without_tags(text: str) -> str:
    try:
        return str(lxml.html.fromstring(f"<div>{text}</div>").text_content())
    except (etree.ParserError, ValueError):
        return unescape(_TAG.sub(" ", text))


def as_html(text: str) -> str:
    """Text that its feed calls plain, as the HTML that all texts are: "a<b" is no tag.

    Many a feed calls plain what is HTML: what looks like it is taken for that.
    """
    return text if "<" not in text or LooseFeedParser.looks_like_html(text) else escape(text, quote=False)


def letters_of(html: str) -> bytes:
    """`html` without tags and white space, in UTF-8: for telling whether it changed, not for reading.

    Much cheaper than parsing it; entities and what stands in scripts stay.
    """
    text = _TAG.sub("", html) if "<" in html else html
    return text.encode("utf-8", "replace").translate(None, b" \t\r\n")


def absolute(base: str, link: Any) -> str:
    """`link` as an http or https address, relative ones joined to `base`; empty where it is none."""
    if not link:
        return ""
    link = text_of(link).strip()
    if PLAIN_URL.fullmatch(link):
        return str(link)
    try:
        joined = urljoin(base, link)
        return joined if urlsplit(joined).scheme in ("http", "https") else ""
    except ValueError:
        return ""
