"""parse: the bytes of a feed become its entries. RSS 0.9x to 2.0, Atom 0.3 and 1.0, and JSON Feed.

feedparser is the parser of record (`record`). In front of it stands a fast path for ordinary documents (`fast`), which
gives the same or hands over. Malformed is not failed: what is there is taken, and what was odd is noted. Only what is
no feed at all is an error.
"""

from __future__ import annotations

from pipeline.errors import ParseError
from pipeline.model import ParsedFeed
from pipeline.parse import fast, jsonfeed, record
from pipeline.parse.encoding import as_utf8
from pipeline.parse.identity import is_another

__all__ = ["is_another", "parse"]


def parse(feed_url: str, body: bytes, content_type: str) -> ParsedFeed:
    """Read a feed fetched from `feed_url`. Raises ParseError when it is none, in words for a person."""
    if not body.strip(b"\xef\xbb\xbf\xff\xfe\x00 \t\r\n"):
        raise ParseError(feed_url, "the answer is empty: no feed")
    if jsonfeed.looks_like_json(body):
        return jsonfeed.read(feed_url, body)
    plain = as_utf8(body, content_type)
    found = fast.read(feed_url, plain) if plain is not None else None
    return found or record.read(feed_url, body, content_type, plain)
