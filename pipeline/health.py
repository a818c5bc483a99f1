"""health: how a feed is, in words, and what to do about it. Pure: a Feed and the time give a Health.

A feed is *silent* when it answers and yet nothing new came for SILENT_GAPS times its longest gap known, in which its
usual pace would have brought SILENT_STORIES stories, and for at least SILENT_LEAST. The longest gap holds nights and
weekends, so a feed that rests on Sundays is not silent on Sunday; a monthly one is silent after some seven months.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from shlex import quote

from pipeline import habits, walls
from pipeline.model import Feed, FeedState, Glance

SILENT_STORIES = 7.0
"""A feed at a steady pace misses that many in a row once in a thousand times (e to the power of -7)."""
SILENT_GAPS = 3.0
SILENT_LEAST = 2 * 86_400.0
RARELY = 0.5
"""Pages of the last ones that could not be had: fewer are not worth a word."""


class FeedHealth(StrEnum):
    """How a feed is, the worst first: `feeds list` sorts by this order."""

    WALLED = "walled"  # a bot wall answers instead of the publisher
    DEAD = "dead"  # failed too often
    GONE = "gone"  # ended by its publisher
    FAILING = "failing"
    SILENT = "silent"  # answers, but nothing new came for far longer than is its habit
    NEW = "new"  # not polled yet
    PAUSED = "paused"  # by a person
    QUIET = "quiet"  # nothing is wrong: it publishes less than a story a week
    WELL = "well"

    # Enum's own is written in Python, and every feed is counted by its health.
    __hash__ = str.__hash__


ORDER = {state: place for place, state in enumerate(FeedHealth)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """How one feed is. `wrong` and `cure` are empty when there is nothing to do."""

    state: FeedHealth
    wrong: str = ""
    cure: str = ""
    pages: str = ""  # "12 of the last 20 pages could not be had, lately: answers 403 Forbidden"; empty below RARELY
    pace: str = ""  # "every 12 min: 30 stories a day, mostly 6–18 UTC"


def health_of(feed: Feed, now: datetime) -> Health:
    """How `feed` is at `now`."""
    state = state_of(feed, now)
    wrong, cure = _words(feed, state, now)
    return Health(state=state, wrong=wrong, cure=cure, pages=barred_pages(feed), pace=_pace(feed))


def needs_person(feed: Feed | Glance, state: FeedHealth) -> bool:
    """Whether something is wrong with it: whether `health_of` would say what."""
    return state is FeedHealth.SILENT or bool(feed.error)


def urgency(feed: Feed | Glance, state: FeedHealth) -> tuple[int, str]:
    """What to sort by, so that what needs a person comes first."""
    return ORDER[state], feed.url


def state_of(feed: Feed | Glance, now: datetime) -> FeedHealth:
    """How `feed` is at `now`, in a word."""
    if feed.state is FeedState.PAUSED:
        return FeedHealth.PAUSED
    if feed.state is FeedState.GONE:
        return FeedHealth.GONE
    if feed.wall:
        return FeedHealth.WALLED
    if feed.state is FeedState.DEAD:
        return FeedHealth.DEAD
    if feed.error:
        return FeedHealth.FAILING
    if feed.polled_at is None:
        return FeedHealth.NEW
    if silent_after(feed) and _silence(feed, now) > silent_after(feed):
        return FeedHealth.SILENT
    return FeedHealth.QUIET if 0 < feed.habits.usual < 1 / 7 else FeedHealth.WELL


def silent_after(feed: Feed | Glance) -> float:
    """Seconds without a story after which the feed is silent; 0 while too little is known of it."""
    known = feed.habits
    if known.latest is None or not known.longest_gap or not known.usual:
        return 0.0
    return max(SILENT_STORIES / known.usual * habits.DAY, SILENT_GAPS * known.longest_gap, SILENT_LEAST)


def _silence(feed: Feed | Glance, now: datetime) -> float:
    return (now - (feed.habits.latest or now)).total_seconds()


def _words(feed: Feed, state: FeedHealth, now: datetime) -> tuple[str, str]:
    """What is wrong, and what to do."""
    if state is FeedHealth.WALLED:
        return feed.error, walls.CURE
    if state is FeedHealth.GONE:
        return feed.error, f"{_check(feed)} names its successor, if its site has one; or remove it"
    if state is FeedHealth.DEAD:
        return feed.error, f"{_check(feed)} names its new address, if its site has one"
    if state is FeedHealth.FAILING:
        return feed.error, f"nothing yet: it is tried again at {feed.next_poll_at:%Y-%m-%d %H:%M} UTC"
    if state is FeedHealth.SILENT:
        return _silent(feed, now), "look at the site: the feed may have moved, or be made by nobody any more"
    if state is FeedHealth.PAUSED and feed.error:
        return feed.error, "remove it, or `wirewatch feeds resume`"
    return "", ""


def _check(feed: Feed) -> str:
    """A line to be pasted. Quoted, for the address may be a stranger's: a feed moves where its publisher says."""
    return f"`wirewatch feeds check {quote(feed.url)}`"


def _silent(feed: Feed, now: datetime) -> str:
    known = feed.habits
    return (
        f"no new story for {span(_silence(feed, now))}, though it answers: it used to publish "
        f"{habits.pace(known.usual)} and never rested longer than {span(known.longest_gap)}"
    )


def barred_pages(feed: Feed) -> str:
    """How often the pages of `feed` could not be had, so that its stories have its own text; empty when hardly ever."""
    record = feed.page_record
    if record.barred < RARELY:
        return ""
    return f"{record.barred:.0f} of the last {record.tried} pages could not be had, lately: {record.reason}"


def _pace(feed: Feed) -> str:
    if not feed.interval:
        return ""
    asked = max(feed.max_age, feed.least_interval)
    why = " as its publisher asks" if asked and asked >= feed.interval else ""
    said = habits.in_words(feed.habits)
    return f"every {span(feed.interval)}{why}" + (f": {said}" if said else "")


def span(seconds: float) -> str:
    """A length of time as people say it: 45 s, 12 min, 3 h, 9 days."""
    if seconds >= 2 * 86_400:
        return f"{seconds / 86_400:.0f} days"
    if seconds >= 2 * 3_600:
        return f"{seconds / 3_600:.0f} h"
    return f"{seconds / 60:.0f} min" if seconds >= 60 else f"{seconds:.0f} s"
