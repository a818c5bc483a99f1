"""The lead above a story, which extractors take for a part of the page's head: it holds the words that matter most."""

from __future__ import annotations

import re
from collections.abc import Iterable

from lxml.html import HtmlElement

from pipeline.extract.lines import clean, squeezed

LEAST_LETTERS, MOST_LETTERS = 40, 700
_LEAD = re.compile(
    r"standfirst|preamble|perex|\bdek\b|\blede\b|chapo\b|vorspann|entradilla|article_*(?:summary|lead)\b"
)


def lead(tree: HtmlElement, descriptions: Iterable[str]) -> str:
    """The lead of a page, empty when none is found: the first that its descriptions begin with, or its class says.

    `descriptions` are what the page's meta elements say of it. A description that stands nowhere is none of the text.
    """
    described = [squeezed(one) for one in descriptions]
    for element in tree.iter("p", "h2", "h3", "div"):
        text = _text(element)
        if text and (_is_named(element) or any(one.startswith(squeezed(text)) for one in described)):
            return text
    return ""


def _text(element: HtmlElement) -> str:
    """The text of an element that may be a lead. One with blocks in it is none: these come by themselves."""
    if len(element) > 10 or any(child.tag in ("p", "div", "ul", "h1", "h2", "section") for child in element):
        return ""
    text = clean(str(element.text_content()))
    return text if LEAST_LETTERS <= len(text) <= MOST_LETTERS else ""


def _is_named(element: HtmlElement) -> bool:
    """Whether its class, or that of what it stands in, is one that publishers give to leads."""
    parent = element.getparent()
    return any(_LEAD.search(one.get("class") or "") for one in (element, parent) if one is not None)
