"""Google News gives redirects in place of publishers' addresses; what can be told offline is told here."""

from __future__ import annotations

import binascii
import re
from base64 import urlsafe_b64decode

_REDIRECT = re.compile(r"https?://news\.google\.com/(?:__i/)?(?:rss/)?articles/([\w-]+=*)", re.ASCII)
_ADDRESS = re.compile(rb"https?://[\x21-\x7e]+")


def publishers_address(url: str) -> str:
    """The address behind a Google News link of the old form, which holds it in base64; any other `url` as it is.

    The new form (since 2024) holds only a token that Google resolves: such a link stays, and the story gets its
    address when its page is fetched and redirects.
    """
    found = _REDIRECT.match(url)
    if not found:
        return url
    token = found.group(1).rstrip("=")
    try:
        message = urlsafe_b64decode(token + "=" * (-len(token) % 4))
    except (binascii.Error, ValueError):
        return url
    return _first_address(message) or url


def _first_address(message: bytes) -> str:
    """The first address in a protocol buffer: a length (one or two bytes of seven bits each), then so many bytes."""
    found = _ADDRESS.search(message)
    if not found or found.start() < 2:
        return ""
    start = found.start()
    length = message[start - 1]
    if message[start - 2] & 0x80:
        length = (length << 7) | (message[start - 2] & 0x7F)
    address = message[start : start + length]
    return address.decode("ascii") if len(address) == length and _ADDRESS.fullmatch(address) else ""
