"""fetch: what to ask a server for, and whether its answer is news. No I/O: adapters/http.py does that.

Requests are conditional, with the validators as they were sent (RFC 9110, 13). What an answer means for the feed, and
when it is polled next, is judged in pipeline/schedule.py.
"""

from __future__ import annotations

import hashlib

from pipeline.model import Feed, FetchRequest, FetchResponse
from pipeline.settings import Settings

ACCEPT_FEED = (
    "application/atom+xml, application/rss+xml, application/feed+json, application/rdf+xml;q=0.9, "
    "application/xml;q=0.8, text/xml;q=0.8, */*;q=0.5"
)
ACCEPT_PAGE = "text/html, application/xhtml+xml;q=0.9, */*;q=0.5"
REDIRECTS = frozenset({301, 302, 303, 307, 308})
"""The statuses that lead elsewhere (RFC 9110, 15.4)."""


def request_for(feed: Feed, settings: Settings) -> FetchRequest:
    """The conditional request for a feed, validators as the server sent them."""
    return FetchRequest(
        url=feed.url,
        etag=feed.etag,
        last_modified=feed.last_modified,
        max_bytes=settings.feed_bytes,
        accept=ACCEPT_FEED,
    )


def page_request(url: str, settings: Settings) -> FetchRequest:
    """The request for a page."""
    return FetchRequest(url=url, max_bytes=settings.page_bytes, accept=ACCEPT_PAGE)


def body_hash(body: bytes) -> str:
    """What tells one body from another: 32 hex digits."""
    return hashlib.blake2b(body, digest_size=16).hexdigest()


def unchanged(feed: Feed, response: FetchResponse) -> bool:
    """Whether the feed says what it said the last time."""
    return response.status == 304 or body_hash(response.body) == feed.body_hash
