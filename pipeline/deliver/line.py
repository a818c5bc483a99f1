"""Foreign text as it may stand in a header, a line of a mail, or a link."""

from __future__ import annotations

import unicodedata
from urllib.parse import urlsplit

_JOINERS = "\u200c\u200d"
"""Invisible, but letters of Persian and parts of emoji are joined or kept apart by them."""


def printable(text: str) -> str:
    """`text` without what steers a terminal or turns the direction of writing; line ends are spaces."""
    return text if text.isprintable() else "".join(map(_shown, text))


def one_line(text: str, most: int) -> str:
    """`text` on one line of `most` letters, cut at a word."""
    line = " ".join(printable(text).split())
    return line if len(line) <= most else f"{line[: most - 2].rsplit(' ', 1)[0]} …"


def web_address(url: str) -> str:
    """`url` if it can be a link: http or https, on one line; empty otherwise."""
    try:
        scheme = urlsplit(url).scheme
    except ValueError:
        return ""
    return url if scheme in ("http", "https") and url.isprintable() and " " not in url else ""


def _shown(char: str) -> str:
    if char.isprintable() or char in _JOINERS:
        return char
    return "" if unicodedata.category(char) == "Cf" else " "
