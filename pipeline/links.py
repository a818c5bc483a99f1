"""The Link header (RFC 8288): where a resource says what it is related to."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

_LINK = re.compile(r'<([^<>]*)>((?:\s*;\s*[^\s;,="<>]+(?:\s*=\s*(?:"(?:[^"\\]|\\.)*"|[^\s;,"]*))?)*)')
_PARAMETER = re.compile(r';\s*([^\s;,="<>]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;,"]*))')


@dataclass(frozen=True, slots=True)
class Link:
    """One link: an absolute address of the web, its relations in lower case, and what else is said of it."""

    url: str
    relations: tuple[str, ...]
    kind: str = ""  # media type
    title: str = ""


def read_links(header: str, base: str) -> Iterator[Link]:
    """The links of a Link header that came from `base`; those about another document (anchor) are left out."""
    for target, parameters in _LINK.findall(header):
        named = _parameters(parameters)
        url = absolute(base, target)
        if url and "anchor" not in named:
            yield Link(url, tuple(named.get("rel", "").lower().split()), named.get("type", ""), named.get("title", ""))


def by_relation(header: str, base: str) -> dict[str, str]:
    """The first address for each relation of a Link header."""
    found: dict[str, str] = {}
    for link in read_links(header, base):
        for relation in link.relations:
            found.setdefault(relation, link.url)
    return found


def absolute(base: str, link: str) -> str:
    """`link` made absolute; empty for what is no address of the web.

    One that is absolute stays as it is, to the letter: a WebSub topic is compared as a string.
    """
    link = link.strip()
    try:
        address = link if not link or urlsplit(link).netloc else urljoin(base, link)
        return address if urlsplit(address).scheme in ("http", "https") else ""
    except ValueError:
        return ""


def _parameters(text: str) -> dict[str, str]:
    """Parameters by name in lower case; of a name that is repeated the first counts (RFC 8288, 3.3)."""
    found: dict[str, str] = {}
    for name, quoted, plain in _PARAMETER.findall(text):
        found.setdefault(name.lower(), re.sub(r"\\(.)", r"\1", quoted) or plain)
    return found
