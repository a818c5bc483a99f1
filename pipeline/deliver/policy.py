"""When a recipient's mails go: at once, or in digests at their hours; and when nothing may come.

    immediate · hourly · daily 08:00 · weekdays 07:30 · weekly mon 08:00

Times are the recipient's. A digest comes once on a day when clocks are set: at a time that is left out an hour later by
the clock (PEP 495, fold 0), at one that comes twice the first time.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from functools import lru_cache
from math import inf
from zoneinfo import ZoneInfo

from pipeline.errors import BadInput

IMMEDIATE = "immediate"
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_EVERY_DAY = frozenset(range(7))
_FORMS = "immediate, hourly, daily 08:00, weekdays 08:00, or weekly mon 08:00"


@dataclass(frozen=True, slots=True)
class Digest:
    """At `at` on these days of the week (0 is Monday); without `at` at every full hour."""

    at: time | None = None
    days: frozenset[int] = _EVERY_DAY


@dataclass(frozen=True, slots=True)
class Quiet:
    """From one time of the day to another, which may be the next day's."""

    start: time
    end: time


@lru_cache(maxsize=1_000)
def read_policy(text: str) -> Digest | None:
    """The digest that `text` asks for; None for `immediate`. Raises BadInput."""
    match text.lower().split():
        case ["immediate"]:
            return None
        case ["hourly"]:
            return Digest()
        case ["daily", at]:
            return Digest(_time(at, text))
        case ["weekdays", at]:
            return Digest(_time(at, text), frozenset(range(5)))
        case ["weekly", day, at] if found := [n for n, name in enumerate(_DAYS) if day in (name, name[:3])]:
            return Digest(_time(at, text), frozenset(found))
    raise BadInput(f"{text!r} is no policy: give {_FORMS}")


@lru_cache(maxsize=1_000)
def read_quiet(text: str) -> Quiet | None:
    """The quiet hours that `text` names, as 22:00-07:00; None for an empty one. Raises BadInput."""
    if not text.strip():
        return None
    start, dash, end = text.replace("–", "-").partition("-")
    quiet = Quiet(_time(start.strip(), text), _time(end.strip(), text)) if dash else None
    if quiet is None or quiet.start == quiet.end:
        raise BadInput(f"{text!r} are no quiet hours: give them as 22:00-07:00")
    return quiet


@lru_cache(maxsize=1_000)
def read_zone(text: str) -> ZoneInfo:
    """The time zone called `text`. Raises BadInput."""
    try:
        return ZoneInfo(text)
    except (KeyError, ValueError, OSError):
        raise BadInput(f"{text!r} is no time zone: give one of IANA's, such as Europe/Kyiv or UTC") from None


def next_digest(digest: Digest, zone: ZoneInfo, now: datetime) -> datetime:
    """When the next digest goes after `now`, in UTC."""
    if digest.at is None:
        return now.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    today = now.astimezone(zone).date()
    for ahead in range(9):  # a week, and a day for clocks that are set
        day = today + timedelta(days=ahead)
        moment = _utc(datetime.combine(day, digest.at, zone))
        if day.weekday() in digest.days and moment > now:
            return moment
    raise AssertionError("a week has all its days")


def mails_made(moments: Sequence[datetime], policy: str, throttle: int, zone: ZoneInfo) -> int:
    """How many mails matches at these moments would have been for one recipient: quiet hours and bursts are left out.

    Raises BadInput for a policy that can't be read.
    """
    digest = read_policy(policy)
    if digest is not None:
        return len({next_digest(digest, zone, one) for one in moments})
    if not throttle:
        return len(moments)
    hours = Counter(one.replace(minute=0, second=0, microsecond=0) for one in moments)
    return sum(min(count, throttle) for count in hours.values())


def most_a_day(policy: str, throttle: int) -> float:
    """How many mails a day a policy lets through to one recipient at the most. Raises BadInput."""
    digest = read_policy(policy)
    if digest is None:
        return 24.0 * throttle if throttle else inf
    return 24.0 if digest.at is None else len(digest.days) / 7


def quiet_until(quiet: Quiet, zone: ZoneInfo, now: datetime) -> datetime | None:
    """When the quiet hours end in which `now` lies, in UTC; None when it lies in none.

    Hours that begin before others have ended, as they may on a day when clocks are set, end with the last.
    """
    end = _end_of(quiet, zone, now)
    while end and (later := _end_of(quiet, zone, end)):
        end = later
    return end


def _end_of(quiet: Quiet, zone: ZoneInfo, now: datetime) -> datetime | None:
    today = now.astimezone(zone).date()
    for back in (1, 0):
        day = today - timedelta(days=back)
        start = _utc(datetime.combine(day, quiet.start, zone))
        last = day if quiet.start < quiet.end else day + timedelta(days=1)
        end = _utc(datetime.combine(last, quiet.end, zone))
        if start <= now < end:
            return end
    return None


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC)


def _time(text: str, whole: str) -> time:
    found = re.fullmatch(r"(\d{1,2}):(\d{2})", text)
    try:
        return time(int(found.group(1)), int(found.group(2))) if found else time(99)
    except ValueError:
        raise BadInput(f"{text!r} in {whole!r} is no time of the day: give one from 00:00 to 23:59") from None
