"""Addresses: how one is written when it is shared, and what tells one from another.

Tracking parameters are dropped by courlan; the scheme, a leading www., a closing slash and the fragment make no other
address, and every other parameter does (`?id=3`, `?p=9` are how many sites tell their articles apart).
"""

from __future__ import annotations

import re
from functools import lru_cache
from urllib.parse import urlsplit, urlunsplit

from courlan import clean_url

# What courlan leaves, though no site tells its articles apart by it: of the BBC, Webtrekk, HubSpot, social networks.
_TRACKING = re.compile(r"(?:at_\w+|ns_\w+|wt_(?:mc|zmc)|_hs\w+|ttclid|igsh|srsltid|cmpid|smid|smtyp)=", re.IGNORECASE)

_WEB = re.compile(r"https?://[^\s\"'<>]+", re.IGNORECASE)

# Fragments that name no post on a page: tracking, text to be marked, edits that are counted, and what every page has.
_NO_ANCHOR = re.compile(
    r"!.*|.*[=:].*|\d{1,3}|rss|atom|feed|top|main|content|comments?|respond|disqus_thread", re.IGNORECASE | re.DOTALL
)


@lru_cache(maxsize=1024)
def canonical_url(url: str) -> str:
    """`url` as it would be shared: no tracking, no fragment (but `#!`), host in lower case, parameters in order.

    Remembered: an entry asks for it four times, of its address, its keys, and whether it is a home page.
    """
    cleaned = clean_url(url) or url
    try:
        parts = urlsplit(cleaned)
    except ValueError:
        return url
    fragment = parts.fragment if parts.fragment.startswith("!") else ""
    query = "&".join(one for one in parts.query.split("&") if not _TRACKING.match(one))
    return urlunsplit(parts._replace(query=query, fragment=fragment))


def address_key(url: str) -> str:
    """What two addresses of the same thing have in common."""
    try:
        parts = urlsplit(canonical_url(url))
    except ValueError:
        return url
    host = parts.netloc.lower().removeprefix("www.")
    fragment = f"#{parts.fragment}" if parts.fragment else ""
    query = f"?{parts.query}" if parts.query else ""
    return f"{host}{parts.path.rstrip('/')}{query}{fragment}"


def anchor(url: str) -> str:
    """The fragment of `url` where it names one of several things that stand at its address, as posts do; else empty."""
    fragment = url.partition("#")[2].strip()
    return "" if _NO_ANCHOR.fullmatch(fragment) else fragment


def is_web(url: str) -> bool:
    """Whether `url` is one that can be asked for: http or https, a host, nothing unprintable."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname) and url.isprintable()


def site_host(url: str) -> str:
    """The host of `url` without a leading www.; empty where there is none."""
    return (urlsplit(url).hostname or "").removeprefix("www.")


def origin(url: str) -> str:
    """Scheme, host and port of `url` (RFC 6454): where robots.txt and the well-known paths stand."""
    parts = urlsplit(url)
    return f"{parts.scheme.lower()}://{parts.netloc.rpartition('@')[2].lower()}"


def served_at(host: str, port: int) -> str:
    """The address of a server of ours that listens there; where it listens everywhere, on loopback."""
    if host in ("0.0.0.0", "::", ""):  # noqa: S104 -- compared, not bound
        host = "127.0.0.1"
    return f"http://{f'[{host}]' if ':' in host else host}:{port}/"


def without_keys(text: str) -> str:
    """`text` with what may be a secret left out of the addresses in it: who asks, and what is asked for with `?`."""
    return _WEB.sub(lambda found: _keyless(found.group()), text)


def _keyless(url: str) -> str:
    try:
        parts = urlsplit(url)
    except ValueError:
        return "…"
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path, "…" if parts.query else "", ""))
