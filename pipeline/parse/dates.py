"""Dates as feeds state them: RFC 822 with the zones people write, RFC 3339 with what people leave out, Unix time."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

LEAST_YEAR = 1990
"""Dates before the first feed are placeholders."""

_MONTHS = {name: number for number, name in enumerate("jan feb mar apr may jun jul aug sep oct nov dec".split(), 1)}
_ZONES = (
    "z+0 ut+0 utc+0 gmt+0 wet+0 est-5 edt-4 cst-6 cdt-5 mst-7 mdt-6 pst-8 pdt-7 ast-4 adt-3 akst-9 akdt-8 hst-10 "
    "bst+1 west+1 cet+1 met+1 mez+1 cest+2 mest+2 mesz+2 sast+2 eet+2 eest+3 msk+3 hkt+8 sgt+8 awst+8 jst+9 kst+9 "
    "acst+9.5 aest+10 aedt+11 nzst+12 nzdt+13"
)
_MINUTES_AHEAD = {"": 0} | {name: int(float(hours) * 60) for name, hours in re.findall(r"([a-z]+)([+-][\d.]+)", _ZONES)}
"""Zones by name, minutes ahead of UTC. RFC 822 names those of the United States; the others mean one zone in news."""

_RFC822 = re.compile(
    r"(?:[a-z]{2,9}\.?,?\s+)?(\d{1,2})[\s-]+([a-z]{3})[a-z]{0,6}\.?[\s-]+(\d{4}|\d\d)"
    r"(?:,?\s+(\d{1,2}):(\d\d)(?::(\d\d))?(?:\.\d+)?\s*(?:(?:gmt|utc)?([+-])(\d\d):?(\d\d)|([a-z]{0,4}))(?:\s*\([a-z]+\))?)?",
    re.ASCII | re.IGNORECASE,
)
_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?[ ]?(?:Z|[+-]\d\d:?\d\d)?)?", re.ASCII)
_UNIX = re.compile(r"(1\d{9}|2\d{9})(\d{3})?", re.ASCII)


def moment(text: str) -> datetime | None:
    """The moment that `text` states, in UTC and whole seconds; None where it is no date or a placeholder."""
    found = read_moment(text)
    return found if found and found.year >= LEAST_YEAR else None


def read_moment(text: str) -> datetime | None:
    """The moment that `text` states, UTC where it names no zone, placeholders too.

    None where it is no date, and for a zone that nobody knows: feedparser may still make something of it.
    """
    text = text.strip()
    try:
        if text[:4].isdecimal():
            return _rfc3339(text) or _unix(text)
        return _rfc822(text)
    except (ValueError, OverflowError):
        return None


def _rfc822(text: str) -> datetime | None:
    found = _RFC822.fullmatch(text)
    if not found:
        return None
    day, month, year, hour, minute, second, sign, ahead_hours, ahead_minutes, zone = found.groups()
    if month.lower() not in _MONTHS or (zone or "").lower() not in _MINUTES_AHEAD:
        return None
    ahead = _MINUTES_AHEAD[(zone or "").lower()]
    if sign:
        ahead = (int(ahead_hours) * 60 + int(ahead_minutes)) * (-1 if sign == "-" else 1)
    full_year = int(year) + (0 if len(year) == 4 else 2000 if int(year) < 90 else 1900)
    stated = datetime(
        full_year, _MONTHS[month.lower()], int(day), int(hour or 0), int(minute or 0), int(second or 0), tzinfo=UTC
    )
    return stated - timedelta(minutes=ahead)


def _rfc3339(text: str) -> datetime | None:
    if not _RFC3339.fullmatch(text):
        return None
    stated = datetime.fromisoformat(text.replace(" +", "+").replace(" -", "-").replace(" Z", "Z"))
    if stated.tzinfo is None:
        stated = stated.replace(tzinfo=UTC)
    return stated.astimezone(UTC).replace(microsecond=0) if stated.tzinfo is not UTC or stated.microsecond else stated


def _unix(text: str) -> datetime | None:
    found = _UNIX.fullmatch(text)
    return datetime.fromtimestamp(int(found.group(1)), UTC) if found else None
