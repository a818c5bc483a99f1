"""fetch: what to ask a server for, and what its answer means for the feed. No I/O: adapters/http.py does that.

The rules: conditional requests as sent (RFC 9110, 13), Retry-After (RFC 9110, 10.2.3) up to 8 h, permanent redirects
believed when seen twice in a row, 410 ends a feed, failures weighted and backed off, and an interval that follows what
the feed really publishes, between the floor and the ceiling of the settings.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace
from datetime import datetime, timedelta

from pipeline.errors import FetchRefused, FetchUnavailable, ParseError
from pipeline.model import Feed, FeedState, FetchRequest, FetchResponse, ParsedFeed
from pipeline.settings import Settings

ACCEPT_FEED = (
    "application/atom+xml, application/rss+xml, application/feed+json, application/rdf+xml;q=0.9, "
    "application/xml;q=0.8, text/xml;q=0.8, */*;q=0.5"
)
ACCEPT_PAGE = "text/html, application/xhtml+xml;q=0.9, */*;q=0.5"

# How much a failure counts towards a feed's death at DEAD_AT.
HARD, SOFT, NAMELESS = 1.0, 0.5, 0.25
DEAD_AT = 30.0
PERMANENT = frozenset({301, 308})
GONE = 410

# New entries shorten the interval at once, quiet lengthens it slowly: missing news costs more than a request.
SHORTEN, LENGTHEN = 0.5, 1.3
FIRST_INTERVAL = 900.0

_MAX_AGE = re.compile(r"(?:^|,)\s*max-age=(\d{1,9})", re.IGNORECASE)


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
    """The request for an article's page."""
    return FetchRequest(url=url, max_bytes=settings.page_bytes, accept=ACCEPT_PAGE)


def body_hash(body: bytes) -> str:
    """What tells one body from another: 32 hex digits."""
    return hashlib.blake2b(body, digest_size=16).hexdigest()


def unchanged(feed: Feed, response: FetchResponse) -> bool:
    """Whether the feed says what it said the last time."""
    return response.status == 304 or body_hash(response.body) == feed.body_hash


def after_poll(
    feed: Feed,
    outcome: FetchResponse | FetchUnavailable | FetchRefused | ParseError,
    *,
    parsed: ParsedFeed | None,
    new_entries: int,
    now: datetime,
    settings: Settings,
) -> Feed:
    """The feed after a poll: `parsed` is None when nothing had changed. Its lease is given back."""
    feed = replace(feed, polled_at=now, lease_until=None, queued_until=None)
    if isinstance(outcome, FetchResponse):
        return _after_success(feed, outcome, parsed, new_entries, now, settings)
    return _after_failure(feed, outcome, now, settings)


def _after_success(
    feed: Feed, response: FetchResponse, parsed: ParsedFeed | None, new_entries: int, now: datetime, settings: Settings
) -> Feed:
    interval = _next_interval(feed, new_entries, settings)
    asked = max(_max_age(response), parsed.least_interval if parsed else 0.0)
    wait = min(max(interval, asked), settings.poll_ceiling)
    feed = _moved(feed, response)
    feed = replace(
        feed,
        etag=response.headers.get("etag", "" if response.status != 304 else feed.etag),
        last_modified=response.headers.get("last-modified", "" if response.status != 304 else feed.last_modified),
        interval=interval,
        next_poll_at=now + timedelta(seconds=wait),
        succeeded_at=now,
        new_entry_at=now if new_entries else feed.new_entry_at,
        failures=0.0,
        error="",
    )
    if parsed is None:
        return feed
    return replace(
        feed,
        body_hash=body_hash(response.body),
        latest_published=_latest_published(feed, parsed, now),
        title=feed.title or parsed.title,
        site_url=parsed.site_url or feed.site_url,
        notes=parsed.notes,
    )


def _latest_published(feed: Feed, parsed: ParsedFeed, now: datetime) -> datetime | None:
    known = [feed.latest_published] if feed.latest_published else []
    shown = [entry.published for entry in parsed.entries if entry.published and entry.published <= now]
    return max(known + shown, default=None)


def _next_interval(feed: Feed, new_entries: int, settings: Settings) -> float:
    before = feed.interval or FIRST_INTERVAL
    factor = SHORTEN if new_entries else LENGTHEN
    if not feed.interval:
        factor = 1.0  # the first poll finds everything new and says nothing about habits
    return min(max(before * factor, settings.poll_floor), settings.poll_ceiling)


def _max_age(response: FetchResponse) -> float:
    found = _MAX_AGE.search(response.headers.get("cache-control", ""))
    return float(found.group(1)) if found else 0.0


def _moved(feed: Feed, response: FetchResponse) -> Feed:
    """A permanent redirect is saved when two polls in a row saw it: one may be a mistake of a minute."""
    statuses = {status for status, _ in response.redirects}
    if not statuses or not statuses <= PERMANENT:
        return replace(feed, moved_to="")
    if feed.moved_to != response.url:
        return replace(feed, moved_to=response.url)
    return replace(feed, url=response.url, moved_to="")


def _after_failure(
    feed: Feed, error: FetchUnavailable | FetchRefused | ParseError, now: datetime, settings: Settings
) -> Feed:
    if getattr(error, "status", None) == GONE:
        return replace(feed, state=FeedState.GONE, error="answers 410 Gone: its publisher ended it")
    failures = feed.failures + _weight(error)
    if failures >= DEAD_AT:
        return replace(
            feed,
            state=FeedState.DEAD,
            failures=failures,
            error=f"given up after failing again and again, the last time: {error.reason}; "
            "see whether it moved, then `wirewatch feeds resume`",
        )
    wait = min(settings.poll_ceiling, max(settings.poll_floor, feed.interval or 60.0) * 2 ** min(failures, 8))
    wait *= _jitter(feed.id, failures)
    asked = error.retry_after if isinstance(error, FetchUnavailable) and error.retry_after else 0.0
    return replace(
        feed,
        failures=failures,
        error=error.reason,
        interval=feed.interval or FIRST_INTERVAL,
        next_poll_at=now + timedelta(seconds=max(wait, asked)),
    )


def _weight(error: FetchUnavailable | FetchRefused | ParseError) -> float:
    if not isinstance(error, FetchUnavailable):
        return HARD
    return NAMELESS if error.nameless else SOFT


def _jitter(feed_id: str, failures: float) -> float:
    """Between 0.9 and 1.1, the same for the same failure: many feeds of a dead host don't come back as one."""
    number = hashlib.blake2b(f"{feed_id} {failures}".encode(), digest_size=2).digest()
    return 0.9 + 0.2 * int.from_bytes(number, "big") / 65_535
