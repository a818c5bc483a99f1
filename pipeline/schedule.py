"""schedule: what an answer means for a feed, and when it is polled next. Pure; docs/scheduling.md has the rules.

After a success the habits of the feed say when the next poll is worth it (pipeline/habits.py), between the floor and
the ceiling of the settings. What the publisher asks for is a lower bound, believed up to the ceiling: Cache-Control
max-age (RFC 9111, 5.2.2.1), ttl, skipHours and skipDays (RSS 2.0), sy:updatePeriod (RSS 1.0 syndication module).
Retry-After (RFC 9110, 10.2.3) is believed up to 8 h. Permanent redirects are believed when seen twice in a row, 410
ends a feed, and failures are weighted and backed off until a feed is declared dead (issue 6).
"""

from __future__ import annotations

import re
import zlib
from datetime import datetime, timedelta
from heapq import nlargest
from typing import Any

from msgspec.structs import replace

from pipeline import habits, walls, websub
from pipeline.address import is_web
from pipeline.errors import FetchRefused, FetchUnavailable, HostBusy, ParseError
from pipeline.fetch import body_hash
from pipeline.model import Feed, FeedState, FetchResponse, Habits, ParsedFeed
from pipeline.polls import Polled, with_poll
from pipeline.retention import listing
from pipeline.settings import Settings

Outcome = FetchResponse | FetchUnavailable | FetchRefused | ParseError
Failure = FetchUnavailable | FetchRefused | ParseError

# How much a failure counts towards a feed's death at DEAD_AT.
HARD, SOFT, NAMELESS = 1.0, 0.5, 0.25
KILLED_OFTEN = 2 * SOFT
"""Failures after which it is said of a feed that its polls are killed."""
DEAD_AT = 30.0
DEAD_EVERY = 86_400.0
"""Seconds between the polls of a dead feed: what comes back needs no person to notice."""
PERMANENT = frozenset({301, 308})
GONE = 410
BLAMED = frozenset({400, 412, 431})
"""Answers that may be to the request's own headers: the validators in them are given up, or the feed died of them."""
BACKOFF_FROM = 60.0  # seconds, of a feed that was never read
MOST_DOUBLINGS = 8.0
ROLLED_OVER = 0.5
"""How much sooner a feed is polled when all of its document was new: entries may have come and gone in between."""
EASING = 1.1  # how fast that wears off, a poll
SPREAD = 0.05
"""Share by which polls are put off, differently each time: feeds that were added together don't stay together."""

LOST = "all of its entries were new at the last poll: others may have come and gone before it"
"""A note on such a feed, which is polled sooner from then on, as far as its publisher wants."""

_MAX_AGE = re.compile(r"(?:^|[,\s])max-age\s*=\s*\"?(\d{1,9})", re.IGNORECASE)


def moves_to(feed: Feed, outcome: Outcome) -> str:
    """The address that the feed takes over with this answer: a permanent redirect, seen now and at the last poll."""
    led_to = permanently_at(outcome)
    return led_to if led_to == feed.moved_to else ""


def misread(response: FetchResponse, error: ParseError) -> FetchRefused | ParseError:
    """What it means that no feed came: a bot wall where one is recognised, else `error`."""
    if not walls.recognise(response.status, response.headers, response.body):
        return error
    beginning = response.body[: walls.BEGINNING]
    return FetchRefused(response.url, error.reason, status=response.status, headers=response.headers, body=beginning)


def after_poll(
    feed: Feed,
    outcome: Outcome,
    *,
    parsed: ParsedFeed | None,
    new_entries: int,
    now: datetime,
    settings: Settings,
    taken: bool = False,
) -> Feed:
    """The feed after a poll: `parsed` is None when nothing had changed. Its lease is given back.

    `taken` says that at what `moves_to` gave another feed is polled.
    """
    if isinstance(outcome, HostBusy):
        return _put_off(feed, outcome, now)
    if isinstance(outcome, FetchResponse):
        after = _after_success(feed, outcome, parsed, new_entries, now, settings, taken=taken)
        return _noted(after, Polled(now, new_entries))
    failed = replace(feed, polled_at=now, lease_until=None, queued_until=None, **_failed(feed, outcome, now, settings))
    return _noted(failed, Polled(now, error=outcome.reason))


def after_lost_poll(feed: Feed, now: datetime, lease: timedelta) -> Feed:
    """The feed as it is claimed when whoever had it before never said what came.

    They were killed, or ran out of time: if this feed is why, it waits longer each time.
    """
    failures = feed.failures + SOFT
    wait = lease * 2 ** min(2 * failures, 8.0)
    error = (
        feed.error if failures < KILLED_OFTEN else "whoever polls it is killed, again and again, or runs out of time"
    )
    return replace(feed, failures=failures, next_poll_at=now + wait, error=error)


def _noted(feed: Feed, polled: Polled) -> Feed:
    return replace(feed, polls=with_poll(feed.polls, polled))


def _put_off(feed: Feed, busy: HostBusy, now: datetime) -> Feed:
    """Nobody was asked, so nothing is learnt and nothing failed. Those that were put off together come back apart."""
    wait = busy.seconds * (1 + SPREAD * _chance(feed.id, now))
    return replace(feed, lease_until=None, queued_until=None, next_poll_at=now + timedelta(seconds=wait))


# ---------------------------------------------------------------------------------------------------------
# Success


def _after_success(
    feed: Feed,
    response: FetchResponse,
    parsed: ParsedFeed | None,
    new_entries: int,
    now: datetime,
    settings: Settings,
    *,
    taken: bool,
) -> Feed:
    lost = _may_have_lost(feed, parsed, new_entries)
    learnt = _learnt(feed, parsed, new_entries, now, lost=lost)
    changes = _asked(feed, response, parsed) | _validators(feed, response) | _moved(feed, response, taken=taken)
    if parsed is not None:
        changes |= _described(feed, response, parsed, now, lost=lost)
    asked = max(changes["max_age"], changes["least_interval"])
    pushed = bool(settings.websub_callback) and websub.pushes(feed, now)
    # Polling is the safety net of a hub; one that finds what the hub had not pushed takes the trust back.
    rarely = websub.POLLS_STRETCHED if pushed and not new_entries else 1.0
    interval = min(max(_worth(learnt, now, settings), asked) * rarely, settings.poll_ceiling)
    wait = interval * (1 + SPREAD * _chance(feed.id, now))
    return replace(
        feed,
        **changes,
        interval=interval,
        next_poll_at=_outside(now, wait, changes["skip_hours"], changes["skip_days"], settings.poll_ceiling),
        polled_at=now,
        succeeded_at=now,
        new_entry_at=now if new_entries else feed.new_entry_at,
        pushed_until=None if pushed and new_entries else feed.pushed_until,
        lease_until=None,
        queued_until=None,
        habits=learnt,
        failures=0.0,
        wall="",
    )


def _worth(learnt: Habits, now: datetime, settings: Settings) -> float:
    """Seconds until a poll is worth it, not below the floor."""
    worth = habits.worth_a_poll(learnt, now, settings.poll_patience, settings.poll_ceiling)
    return max(min(worth, learnt.limit) if learnt.limit else worth, settings.poll_floor)


def _learnt(feed: Feed, parsed: ParsedFeed | None, new_entries: int, now: datetime, *, lost: bool) -> Habits:
    known, since = feed.habits, feed.succeeded_at or now
    if parsed is None:
        return _eased(habits.go_on(known, (), since, now))
    dates = [entry.published for entry in parsed.entries]
    if known.as_of is None:
        return habits.begin([date for date in dates if date], len(dates), now)
    news = nlargest(new_entries, [date for date in dates if date]) if all(dates) else [None] * new_entries
    learnt = replace(habits.go_on(known, news, since, now), window=len(dates))
    if lost:
        return replace(learnt, limit=max((now - since).total_seconds() * ROLLED_OVER, 1.0))
    return _eased(learnt)


def _may_have_lost(feed: Feed, parsed: ParsedFeed | None, new_entries: int) -> bool:
    """Whether nothing in the document was known, so that others may have come and gone since the last poll.

    Not so when one is dated before that poll: then the feed only names its entries anew.
    """
    if parsed is None or not new_entries or new_entries < len(parsed.entries):
        return False
    since = feed.succeeded_at
    return since is not None and all(entry.published is None or entry.published > since for entry in parsed.entries)


def _eased(learnt: Habits) -> Habits:
    if not learnt.limit:
        return learnt
    limit = learnt.limit * EASING
    return replace(learnt, limit=limit if limit < DEAD_EVERY else 0.0)


def _described(feed: Feed, response: FetchResponse, parsed: ParsedFeed, now: datetime, *, lost: bool) -> dict[str, Any]:
    return {
        "body_hash": body_hash(response.body),
        "latest_published": _latest_published(feed, parsed, now),
        "title": feed.title or parsed.title,
        "site_url": parsed.site_url or feed.site_url,
        "notes": (*parsed.notes, LOST) if lost else parsed.notes,
        "listed": listing(feed.id, parsed),
    }


def _latest_published(feed: Feed, parsed: ParsedFeed, now: datetime) -> datetime | None:
    """The latest date that the feed has ever shown, dates in the future left out (freshness.py asks)."""
    known = [feed.latest_published] if feed.latest_published else []
    shown = [entry.published for entry in parsed.entries if entry.published and entry.published <= now]
    return max(known + shown, default=None)


def _validators(feed: Feed, response: FetchResponse) -> dict[str, Any]:
    """As they came; a 304 without them leaves those that it confirmed (RFC 9110, 15.4.5)."""
    etag, last_modified = (feed.etag, feed.last_modified) if response.status == 304 else ("", "")
    return {
        "etag": response.headers.get("etag", etag),
        "last_modified": response.headers.get("last-modified", last_modified),
    }


def _asked(feed: Feed, response: FetchResponse, parsed: ParsedFeed | None) -> dict[str, Any]:
    """What the publisher asks for: by this answer, else as the last time."""
    said = parsed or feed
    return {
        "max_age": _max_age(feed, response),
        "least_interval": said.least_interval,
        "skip_hours": said.skip_hours,
        "skip_days": said.skip_days,
    }


def _max_age(feed: Feed, response: FetchResponse) -> float:
    """Seconds for which the answer is fresh, without those it spent in caches (RFC 9111, 4.2)."""
    control = response.headers.get("cache-control")
    if control is None:
        return feed.max_age if response.status == 304 else 0.0
    found = _MAX_AGE.search(control)
    age = response.headers.get("age", "")
    return max(0.0, float(found.group(1)) - (float(age) if age.isdecimal() else 0.0)) if found else 0.0


def permanently_at(outcome: Outcome) -> str:
    """Where permanent redirects, and no others, led; empty when there were none, or to what nobody could have added."""
    if not isinstance(outcome, FetchResponse) or not outcome.redirects:
        return ""
    permanent = all(status in PERMANENT for status, _ in outcome.redirects)
    return outcome.url if permanent and is_web(outcome.url) else ""


def _moved(feed: Feed, response: FetchResponse, *, taken: bool) -> dict[str, Any]:
    """A permanent redirect is saved when two polls in a row saw it: one may be a mistake of a minute."""
    state = FeedState.ACTIVE if feed.state is FeedState.DEAD else feed.state
    address = moves_to(feed, response)
    if not address:
        return {"state": state, "moved_to": permanently_at(response), "error": ""}
    if not taken:
        return {"state": state, "url": address, "moved_to": "", "error": ""}
    error = f"moved to {address}, which is polled as another feed already: this one rests; remove it"
    return {"state": FeedState.PAUSED, "moved_to": address, "error": error}


def _outside(now: datetime, wait: float, hours: tuple[int, ...], days: tuple[int, ...], ceiling: float) -> datetime:
    """`wait` seconds from `now`, or the first hour after that in which the feed may be asked, up to `ceiling`."""
    moment = now + timedelta(seconds=wait)
    if not hours and not days:
        return moment
    latest = max(moment, now + timedelta(seconds=ceiling))
    while moment < latest and (moment.hour in hours or moment.weekday() in days):
        moment = moment.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    return min(moment, latest)


def _chance(feed_id: str, now: datetime) -> float:
    """Between 0 and 1, the same for the same feed and second."""
    return zlib.crc32(f"{feed_id}{now.timestamp():.0f}".encode()) / 0xFFFFFFFF


# ---------------------------------------------------------------------------------------------------------
# Failure


def _failed(feed: Feed, error: Failure, now: datetime, settings: Settings) -> dict[str, Any]:
    status = getattr(error, "status", None)
    if status == GONE:
        return {"state": FeedState.GONE, "error": "answers 410 Gone: its publisher ended it", "wall": ""}
    wall = "" if isinstance(error, ParseError) else walls.recognise(status, error.headers, error.body)
    failures = feed.failures + _weight(error)
    dead = feed.state is FeedState.DEAD or (feed.state is FeedState.ACTIVE and failures >= DEAD_AT)
    return {
        "state": FeedState.DEAD if dead else feed.state,
        "failures": failures,
        "error": _in_words(error, wall, dead=dead),
        "wall": wall,
        "moved_to": "",
        "next_poll_at": now + timedelta(seconds=_backoff(feed, error, failures, now, settings, dead=dead)),
        **({"etag": "", "last_modified": ""} if status in BLAMED else {}),
    }


def _in_words(error: Failure, wall: str, *, dead: bool) -> str:
    reason = f"{error.reason} ({wall}'s bot wall)" if wall else error.reason
    if not dead:
        return reason
    return (
        f"declared dead after failing again and again, the last time: {reason}; it is still tried once a day, "
        "or now after `wirewatch feeds resume`"
    )


def _backoff(feed: Feed, error: Failure, failures: float, now: datetime, settings: Settings, *, dead: bool) -> float:
    """Seconds until a feed that failed is tried again, never sooner than the server asks."""
    usual = max(settings.poll_floor, feed.interval or BACKOFF_FROM)
    wait = DEAD_EVERY if dead else min(settings.poll_ceiling, usual * 2 ** min(failures, MOST_DOUBLINGS))
    wait *= 0.9 + 0.2 * _chance(feed.id, now)
    asked = error.retry_after if isinstance(error, FetchUnavailable) else None
    return max(wait, asked or 0.0)


def _weight(error: Failure) -> float:
    if not isinstance(error, FetchUnavailable):
        return HARD
    return NAMELESS if error.nameless else SOFT
