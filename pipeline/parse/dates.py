"""Dates as feeds state them: RFC 822 with the zones people write, RFC 3339 with what people leave out, Unix time, and
what else says without doubt which day it means. `03/04/2026` does not: it is no date.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache

from babel import Locale

LEAST_YEAR = 1990
"""Dates before the first feed are placeholders."""

_LONGEST = 80
"""Characters of a date; of what is longer the patterns below would be tried in too many ways."""
_MONTHS = {name: number for number, name in enumerate("jan feb mar apr may jun jul aug sep oct nov dec".split(), 1)}
_LANGUAGES = "en de fr es it pt nl sv da nb fi pl cs ru uk tr el hu ro".split()
"""Whose months are known by name."""
_ZONES = (
    "z+0 ut+0 utc+0 gmt+0 wet+0 est-5 edt-4 cst-6 cdt-5 mst-7 mdt-6 pst-8 pdt-7 ast-4 adt-3 akst-9 akdt-8 hst-10 "
    "bst+1 west+1 cet+1 met+1 mez+1 cest+2 mest+2 mesz+2 sast+2 eet+2 eest+3 msk+3 hkt+8 sgt+8 awst+8 jst+9 kst+9 "
    "acst+9.5 aest+10 aedt+11 nzst+12 nzdt+13"
)
_MINUTES_AHEAD = {"": 0} | {name: int(float(hours) * 60) for name, hours in re.findall(r"([a-z]+)([+-][\d.]+)", _ZONES)}
"""Zones by name, minutes ahead of UTC. RFC 822 names those of the United States; the others mean one zone in news."""

_TIME = (
    r"(?P<hour>\d{1,2}):(?P<minute>\d\d)(?::(?P<second>\d\d)(?:\.\d{1,9})?)?\s*(?P<half>[ap]\.?m\.?)?\s*"
    r"(?:(?:gmt|utc)?(?P<sign>[+-])(?P<hours_ahead>\d{1,2})(?::?(?P<minutes_ahead>\d\d))?|(?P<zone>[a-z]{0,4}))?"
    r"(?:\s*\([a-z]+\))?"
)
_RFC822 = re.compile(
    rf"(?:[a-z]{{2,9}}\.?,?\s+)?(?P<day>\d{{1,2}})[\s-]+(?P<month>[a-z]{{3}})[a-z]{{0,6}}\.?[\s-]+"
    rf"(?P<year>\d{{4}}|\d\d)(?:,?\s+{_TIME})?",
    re.ASCII | re.IGNORECASE,
)
_DAY_NAME = r"(?:[^\W\d_]{2,12}\.?,?\s+)?"
_THEN = rf"(?:(?:T|,?\s+|\s+-\s+){_TIME})?"
_OTHERS = tuple(
    re.compile(date + _THEN, re.IGNORECASE)
    for date in (
        r"(?P<year>\d{4})([-/.])(?P<month>\d\d?)\2(?P<day>\d\d?)",
        r"(?P<day>\d\d?)\.(?P<month>\d\d?)\.(?P<year>\d{4})",
        r"(?P<first>\d\d?)([-/])(?P<other>\d\d?)\2(?P<year>\d{4})",
        r"(?P<year>\d{4})\s?[年년]\s?(?P<month>\d\d?)\s?[月월]\s?(?P<day>\d\d?)\s?[日일]",
        rf"{_DAY_NAME}(?P<name>[^\W\d_]{{3,12}})\.?\s+(?P<day>\d\d?),?\s+(?P<year>\d{{4}})",
        rf"{_DAY_NAME}(?P<day>\d\d?)(?:\.|er|º)?\s+(?:de\s+)?(?P<name>[^\W\d_]{{3,12}})\.?\s+(?:de\s+)?(?P<year>\d{{4}})",
    )
)
_COMPACT = re.compile(r"(\d{4})(\d\d)(\d\d)(?:T?(\d\d)(\d\d)(\d\d)?(Z|[+-]\d\d:?\d\d)?)?", re.ASCII)
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
    if len(text) > _LONGEST:
        return None
    readers = (_rfc3339, _unix, _compact, _other) if text[:4].isdecimal() else (_rfc822, _other)
    return next((found for reader in readers if (found := _tried(reader, text))), None)


def _tried(reader: Callable[[str], datetime | None], text: str) -> datetime | None:
    try:
        return reader(text)
    except (ValueError, OverflowError):
        return None


def _rfc822(text: str) -> datetime | None:
    found = _RFC822.fullmatch(text)
    if not found or found["month"].lower() not in _MONTHS:
        return None
    year = int(found["year"]) + (0 if len(found["year"]) == 4 else 2000 if int(found["year"]) < 90 else 1900)
    return _at(found, year, _MONTHS[found["month"].lower()], int(found["day"]))


def _other(text: str) -> datetime | None:
    found = next((found for shape in _OTHERS if (found := shape.fullmatch(text))), None)
    if found is None:
        return None
    parts = found.groupdict()
    if parts.get("name"):
        month = _MONTHS.get(parts["name"].lower()) or _months_in_words().get(parts["name"].lower(), 0)
        return _at(found, int(parts["year"]), month, int(parts["day"]))
    if parts.get("first"):
        return _in_either_order(found)
    return _at(found, int(parts["year"]), int(parts["month"]), int(parts["day"]))


def _in_either_order(found: re.Match[str]) -> datetime | None:
    """The day and the month, where only one of them can be a month."""
    one, other = int(found["first"]), int(found["other"])
    if one > 12 or one == other:
        return _at(found, int(found["year"]), other, one)
    return _at(found, int(found["year"]), one, other) if other > 12 else None


def _at(found: re.Match[str], year: int, month: int, day: int) -> datetime | None:
    """That day at the time that was found with it. Raises ValueError where there is no such day or time."""
    zone = (found["zone"] or "").lower()
    if zone not in _MINUTES_AHEAD:
        return None
    ahead = _MINUTES_AHEAD[zone]
    if found["sign"]:
        ahead = int(found["hours_ahead"]) * 60 + int(found["minutes_ahead"] or 0)
        ahead = -ahead if found["sign"] == "-" else ahead
    hour, minute, second = int(found["hour"] or 0), int(found["minute"] or 0), int(found["second"] or 0)
    if found["half"]:
        hour = hour % 12 + (12 if found["half"][0] in "pP" else 0)
    if hour > 24 or minute > 59 or second > 60 or (hour == 24 and (minute or second)) or abs(ahead) > 15 * 60:
        raise ValueError(found.group())
    # 24:00 is the end of a day, and a leap second that of a minute.
    return datetime(year, month, day, tzinfo=UTC) + timedelta(hours=hour, minutes=minute - ahead, seconds=second)


@cache
def _months_in_words() -> dict[str, int]:
    """Months by their names in small letters, as dates have them; none that two languages mean otherwise."""
    named: dict[str, set[int]] = {}
    for locale in map(Locale.parse, _LANGUAGES):
        for form in ("wide", "abbreviated"):
            for number, name in locale.months["format"][form].items():
                named.setdefault(name.lower().rstrip("."), set()).add(number)
    return {name: numbers.pop() for name, numbers in named.items() if len(numbers) == 1}


def _compact(text: str) -> datetime | None:
    found = _COMPACT.fullmatch(text)
    if not found:
        return None
    year, month, day, hour, minute, second, zone = found.groups(default="")
    return _rfc3339(f"{year}-{month}-{day}T{hour or '00'}:{minute or '00'}:{second or '00'}{zone}")


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
