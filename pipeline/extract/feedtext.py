"""The feed's own text: its paragraphs, and whether they are the whole story."""

from __future__ import annotations

import re
from collections.abc import Iterator

import lxml.html
from lxml.etree import ParserError, iterwalk

from pipeline.extract.lines import clean, is_furniture, storable

WHOLE_TEXT_LETTERS = 1_500
"""A feed's text at least this long, and not cut off, is the whole story."""

_BLOCKS = frozenset({"p", "br", "div", "li", "blockquote", "h1", "h2", "h3", "h4", "tr"})
_DROPPED = frozenset({"script", "style", "figcaption", "iframe", "img"})
_TEASER_END = re.compile(
    r"(?:\[?(?:…|\.\.\.)\]?|(?:read|continue|weiterlesen|lire|leer)\b[^.]{0,40})\s*$", re.IGNORECASE
)
_SIGNATURE = re.compile(r"^\s*the post .{0,300}first .{0,20}on .{0,200}$", re.IGNORECASE)
_CUT_OFF = re.compile(r"\s*\[(?:…|\.\.\.|&hellip;)\]\s*$")


def feed_text(html: str, base_url: str) -> tuple[str, ...]:
    """The paragraphs of a feed's summary or content, without the furniture that feeds add."""
    lines = (clean(_CUT_OFF.sub("", line)) for line in _feed_lines(html, base_url))
    return tuple(line for line in lines if line and not is_furniture(line))


def _feed_lines(html: str, base_url: str) -> list[str]:
    if not html.strip():
        return []
    try:
        tree = lxml.html.fromstring(f"<div>{storable(html)}</div>", base_url=base_url)
    except (ParserError, ValueError):
        return []
    return [line for line in "".join(_pieces(tree)).split("\n") if line.strip()]


def _pieces(tree: lxml.html.HtmlElement) -> Iterator[str]:
    """The texts of a tree with a line break around each block. It is only read: lxml takes no control signs back."""
    walk = iterwalk(tree, events=("start", "end", "comment", "pi"))
    for event, element in walk:
        if element.tag in _BLOCKS:
            yield "\n"
        if event == "start" and element.tag in _DROPPED:
            walk.skip_subtree()
        elif event == "start":
            yield element.text or ""
        elif element is not tree:
            yield element.tail or ""


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
