"""The lead above a story, which extractors take for a part of the page's head: it holds the words that matter most."""

from __future__ import annotations

import re
from collections.abc import Sequence

from lxml.html import HtmlElement

from pipeline.extract.lines import clean, squeezed

LEAST_LETTERS, MOST_LETTERS = 40, 700
OPENING = 15
"""Letters that an element must have in common with a description before the whole of it is compared."""

_LEAD = re.compile(
    r"standfirst|preamble|perex|\bdek\b|\blede\b|chapo\b|vorspann|entradilla|article_*(?:summary|lead)\b"
)
_BLOCKS = frozenset({"p", "div", "ul", "h1", "h2", "section"})


def lead(tree: HtmlElement, descriptions: Sequence[str]) -> str:
    """The lead of a page, empty when none is found: the first that its descriptions begin with, or its class says.

    `descriptions` are what the page's meta elements say of it. A description that stands nowhere is none of the text.
    """
    openings = tuple(one[:OPENING] for one in descriptions)
    described = [squeezed(one) for one in descriptions]
    for element in tree.iter("p", "h2", "h3", "div"):
        named = _is_named(element)
        if named or _opening(element) in openings:
            text = _text(element)
            if text and (named or any(one.startswith(squeezed(text)) for one in described)):
                return text
    return ""


def _opening(element: HtmlElement) -> str:
    text = (element.text or "").strip() or (element[0].text or "" if len(element) else "")
    return text.strip()[:OPENING]


def _text(element: HtmlElement) -> str:
    """The text of an element that may be a lead. One with blocks in it is none: these come by themselves."""
    if len(element) > 10 or any(child.tag in _BLOCKS for child in element):
        return ""
    text = clean(str(element.text_content()))
    return text if LEAST_LETTERS <= len(text) <= MOST_LETTERS else ""


def _is_named(element: HtmlElement) -> bool:
    """Whether its class, or that of what it stands in, is one that publishers give to leads."""
    name, parent = element.get("class"), element.getparent()
    above = parent.get("class") if parent is not None else None
    return bool((name and _LEAD.search(name)) or (above and _LEAD.search(above)))
