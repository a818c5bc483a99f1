"""habits: what a feed's past says of its next story. Pure; pipeline/schedule.py asks it when a poll is worth its cost.

A poll costs one request, whatever it finds, and a story that waits costs a reader its delay. So a feed is polled when
the stories that are probably waiting in it have probably waited, all of them together, as long as a poll is worth (the
setting `poll_patience`, in seconds). At a steady rate r that makes intervals of sqrt(2 * patience / r): by the square
root of the rate, which is how a given number of polls is best dealt out between feeds (Sia, Cho and Cho, "Efficient
Monitoring Algorithm for Fast News Alerts", IEEE TKDE 2007). With a rate that goes up and down by day it polls soon
after a busy hour and hardly at night.

The rate is a count of stories over the days it is of, both fading by half in FADING, with a little of what feeds in
general do mixed in (a Gamma prior), times the share of this hour and this day of the week. What came in the last few
hours does not count for more: it was tried, and bursts are over by the time a poll sees them (docs/scheduling.md).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from math import sqrt
from typing import Any

from msgspec.structs import replace

from pipeline.model import Habits

HOUR, DAY = 3_600.0, 86_400.0
FADING = 7 * DAY  # half of what was learnt is forgotten in this time
GAP_FADING = 365 * DAY
AVERAGED = 20  # stories
BACKDATED = 2 * DAY
HISTORY = 56 * DAY  # of a first document: older entries weigh nothing
REST = 0.25 * DAY  # habits that no story changed are written this often

# What is believed of a feed before it is known, as stories and days that were never seen.
PRIOR_STORIES, PRIOR_DAYS = 0.5, 0.125
PRIOR_HOUR = 0.5  # stories in each hour: how many it takes before the time of day counts
PRIOR_WEEKDAY = 2.0  # days at the mean rate, for each day of the week
PINNED = 10  # of a first document, one entry in so many may be pinned to it and say nothing of its pace


def stories_a_day(habits: Habits) -> float:
    """How many stories the feed publishes a day, over all hours and days of the week."""
    return (PRIOR_STORIES + sum(habits.weekdays)) / (PRIOR_DAYS + sum(habits.watched))


def rates(habits: Habits, start: datetime) -> Iterator[tuple[float, float]]:
    """From `start` on, without end, piece by piece up to each full hour: its seconds, and stories a second in it."""
    mean = stories_a_day(habits)
    total = sum(habits.hours) + 24 * PRIOR_HOUR
    hours = habits.hours
    weekday, hour = start.weekday(), start.hour
    length = HOUR - start.minute * 60 - start.second
    while True:
        day = (habits.weekdays[weekday] + PRIOR_WEEKDAY * mean) / (habits.watched[weekday] + PRIOR_WEEKDAY)
        around = (hours[hour - 1] + 2 * hours[hour] + hours[(hour + 1) % 24]) / 4 + PRIOR_HOUR
        yield length, day * 24 * around / total / DAY
        length, hour = HOUR, hour + 1
        if hour == 24:
            hour, weekday = 0, (weekday + 1) % 7


def worth_a_poll(habits: Habits, now: datetime, patience: float, most: float) -> float:
    """Seconds after a poll at `now` until the next one is worth it, at most `most`.

    That is when the stories expected since have waited `patience` seconds in all, or would fill half of the document:
    what rolls out of it is lost.
    """
    fill = habits.window / 2 or float("inf")
    elapsed = stories = waited = 0.0
    for length, rate in rates(habits, now):
        more = stories + rate * length
        after = waited + (stories + more) / 2 * length
        if after >= patience or more >= fill:
            elapsed += min(_until_waited(stories, patience - waited, rate), (fill - stories) / rate, length)
            break
        elapsed, stories, waited = elapsed + length, more, after
        if elapsed >= most:
            break
    return min(elapsed, most)


def _until_waited(stories: float, patience: float, rate: float) -> float:
    """When `stories` and those that come at `rate` have waited `patience`: stories * t + rate * t² / 2 = patience."""
    return (sqrt(stories * stories + 2 * rate * patience) - stories) / rate


# ---------------------------------------------------------------------------------------------------------
# Learning


def begin(dated: Sequence[datetime], window: int, now: datetime) -> Habits:
    """What the first document says: `dated` are the dates of its entries, `window` how many entries there are.

    Dates that are all the same are the time at which the document was made, and say nothing.
    """
    known = sorted((min(moment, now) for moment in dated), reverse=True)
    known = known[: len(known) - len(known) // PINNED]
    if len(known) < 2 or known[0] - known[-1] < timedelta(minutes=1):
        return Habits(as_of=now, window=window)
    known.reverse()
    start = max(known[0], now - timedelta(seconds=HISTORY))
    learnt = _counted(Habits(as_of=start, window=window), [moment for moment in known[1:] if moment > start], now)
    return replace(
        learnt,
        latest=known[-1],
        usual=(len(known) - 1) / _days(known[0], known[-1]),
        longest_gap=_longest_gap(known),
    )


def go_on(habits: Habits, news: Sequence[datetime | None], since: datetime, now: datetime) -> Habits:
    """What a later poll adds: `news` are the dates of the new entries, `since` is when the last poll that read it was.

    A story without a date, or with one from before `since`, came in between: its time is the middle, or `since`. One
    from long before is of a back catalogue (a feed that names its entries anew), and no news.
    """
    middle, oldest = since + (now - since) / 2, since - timedelta(seconds=BACKDATED)
    moments = sorted(min(max(moment, since), now) for one in news if (moment := one or middle) >= oldest)
    if moments:
        return replace(_counted(habits, moments, now), **_paced(habits, moments))
    if habits.as_of is not None and (now - habits.as_of).total_seconds() < REST:
        return habits
    return _counted(habits, (), now)


def _counted(habits: Habits, news: Sequence[datetime], now: datetime) -> Habits:
    """`habits` with their counts as of `now`, `news` among them."""
    before = habits.as_of or now
    kept = 0.5 ** (max(0.0, (now - before).total_seconds()) / FADING)
    hours, weekdays, watched = ([one * kept for one in counts] for counts in _counts(habits))
    for moment in news:
        weight = 0.5 ** ((now - moment).total_seconds() / FADING)
        hours[moment.hour] += weight
        weekdays[moment.weekday()] += weight
    for weekday, days in _day_by_day(before, now):
        watched[weekday] += days
    return replace(habits, hours=_rounded(hours), weekdays=_rounded(weekdays), watched=_rounded(watched), as_of=now)


def _paced(habits: Habits, news: Sequence[datetime]) -> dict[str, Any]:
    """The pace, told by what came (never nothing): an average over a week and over AVERAGED stories at the least.

    Unlike the counts it says the same of a monthly feed on the day of its story and a month after it.
    """
    if habits.latest is None or news[-1] <= habits.latest:
        return {"latest": habits.latest or news[-1]}
    days = _days(habits.latest, news[-1])
    kept = 0.5 ** min(len(news) / AVERAGED, days * DAY / FADING) if habits.usual else 0.0
    gap = kept / (habits.usual or 1.0) + (1 - kept) * days / len(news)
    faded = habits.longest_gap * 0.5 ** (days * DAY / GAP_FADING)
    return {
        "latest": news[-1],
        "usual": 1 / gap,
        "longest_gap": max(faded, _longest_gap([habits.latest, *news])),
    }


def _longest_gap(moments: Sequence[datetime]) -> float:
    return max((later - earlier).total_seconds() for earlier, later in pairwise(moments))


def _counts(habits: Habits) -> tuple[tuple[float, ...], ...]:
    return habits.hours, habits.weekdays, habits.watched


def _rounded(counts: Sequence[float]) -> tuple[float, ...]:
    """To what a store need keep: a thousandth of a story."""
    return tuple([round(one, 3) for one in counts])


def _days(start: datetime, end: datetime) -> float:
    return (end - start).total_seconds() / DAY


def _day_by_day(start: datetime, end: datetime) -> Iterator[tuple[int, float]]:
    """From `start` to `end`: each day's weekday, and how much of it there was, faded as of `end`."""
    while start < end:
        midnight = start.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
        stop = min(midnight, end)
        yield start.weekday(), _days(start, stop) * 0.5 ** ((end - stop).total_seconds() / FADING)
        start = stop


# ---------------------------------------------------------------------------------------------------------
# In words


def in_words(habits: Habits) -> str:
    """For a person: "30 stories a day, mostly 6–18 UTC"; empty where nothing is known yet."""
    if not habits.usual:
        return ""
    return f"{pace(habits.usual)}{_when(habits.hours)}"


def pace(rate: float) -> str:
    """`rate` stories a day, in the unit in which a person would count them."""
    units = {"day": 1.0, "week": 7.0, "month": 30.4, "year": 365.0}
    unit, count = next(((unit, round(rate * days)) for unit, days in units.items() if rate * days >= 0.8), ("year", 1))
    return f"{count} stories a {unit}" if count > 1 else f"a story a {unit}"


def _when(hours: Sequence[float]) -> str:
    """The shortest run of hours with nine tenths of the stories, where it says something."""
    total = sum(hours)
    if total < 12:
        return ""
    for length in range(1, 15):
        first = max(range(24), key=lambda hour: sum(hours[(hour + step) % 24] for step in range(length)))
        if sum(hours[(first + step) % 24] for step in range(length)) >= 0.9 * total:
            return f", mostly {first}–{(first + length) % 24} UTC"
    return ""
