"""The feed's own text: its paragraphs, and whether they are the whole story."""

from __future__ import annotations

import re

import lxml.html
from lxml.etree import ParserError

from pipeline.extract.lines import FURNITURE, clean

WHOLE_TEXT_LETTERS = 1_500
"""A feed's text at least this long, and not cut off, is the whole story."""

_TEASER_END = re.compile(
    r"(?:\[?(?:…|\.\.\.)\]?|(?:read|continue|weiterlesen|lire|leer)\b[^.]{0,40})\s*$", re.IGNORECASE
)
_SIGNATURE = re.compile(r"^\s*the post .{0,300}first .{0,20}on .{0,200}$", re.IGNORECASE)
_CUT_OFF = re.compile(r"\s*\[(?:…|\.\.\.|&hellip;)\]\s*$")


def feed_text(html: str, base_url: str) -> tuple[str, ...]:
    """The paragraphs of a feed's summary or content, without the furniture that feeds add."""
    lines = (clean(_CUT_OFF.sub("", line)) for line in _feed_lines(html, base_url))
    return tuple(line for line in lines if line and not FURNITURE.match(line))


def _feed_lines(html: str, base_url: str) -> list[str]:
    if not html.strip():
        return []
    try:
        tree = lxml.html.fromstring(f"<div>{html}</div>", base_url=base_url)
    except (ParserError, ValueError):
        return []
    for element in tree.xpath("//script|//style|//figcaption|//iframe|//img"):
        element.drop_tree()
    for element in tree.iter("p", "br", "div", "li", "blockquote", "h1", "h2", "h3", "h4", "tr"):
        element.tail = f"\n{element.tail or ''}"
        element.text = f"\n{element.text or ''}"
    return [line for line in str(tree.text_content()).split("\n") if line.strip()]


def is_whole_text(content: str) -> bool:
    """Whether a feed's content is the whole story, so that its page need not be fetched."""
    if len(content) < WHOLE_TEXT_LETTERS:
        return False
    lines = [line for line in _feed_lines(content, "") if not _SIGNATURE.match(line)]
    return sum(map(len, lines)) >= WHOLE_TEXT_LETTERS and not _TEASER_END.search(lines[-1])


def is_cut_off(html: str) -> bool:
    """Whether a feed's text says at its end that it is not all: "…", "[...]", "Read more"."""
    lines = [line for line in _feed_lines(html, "") if not _SIGNATURE.match(line)]
    return bool(lines) and bool(_TEASER_END.search(lines[-1]))
