"""How long a feed asks to be left alone, and when."""

from __future__ import annotations

import re

_PERIODS = {"hourly": 3600, "daily": 86_400, "weekly": 604_800, "monthly": 2_592_000, "yearly": 31_536_000}
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")

# feedparser keeps only the last of several elements of one name, so both paths read these off the document itself.
_SKIP_HOURS, _SKIP_DAYS = (
    (re.compile(rb"<%b>" % name, re.IGNORECASE), re.compile(rb"</%b>" % name, re.IGNORECASE))
    for name in (b"skipHours", b"skipDays")
)
LONGEST = 2_000
"""Bytes between the two tags of a list."""
_HOUR = re.compile(rb"<hour>\s*(\d{1,2})\s*</hour>", re.IGNORECASE)
_DAY = re.compile(rb"<day>\s*([a-z]+)\s*</day>", re.IGNORECASE)
_FIRST_ITEM = re.compile(rb"<(?:\w+:)?item\b", re.IGNORECASE)


def least_interval(ttl: str, period: str, frequency: str) -> float:
    """Seconds between polls that the feed asks for: ttl (RSS 2.0, minutes), sy:updatePeriod and sy:updateFrequency."""
    minutes = int(ttl) if ttl.isdecimal() and len(ttl) < 8 else 0
    seconds = _PERIODS.get(period.strip().lower(), 0)
    frequency = frequency.strip()
    times = int(frequency) if frequency.isdecimal() and len(frequency) < 8 else 1
    return max(minutes * 60.0, seconds / max(times, 1))


def skip_hours(document: bytes) -> tuple[int, ...]:
    """The hours, UTC, in which a feed asks to be left alone (RSS 2.0 skipHours; 24 is what RSS 0.91 calls midnight)."""
    hours = {int(hour) for hour in _HOUR.findall(_listed(_SKIP_HOURS, document))}
    return tuple(sorted({hour % 24 for hour in hours if hour <= 24}))


def skip_days(document: bytes) -> tuple[int, ...]:
    """The days of the week, 0 is Monday, on which a feed asks to be left alone (RSS 2.0 skipDays)."""
    names = {name.decode().lower() for name in _DAY.findall(_listed(_SKIP_DAYS, document))}
    return tuple(number for number, name in enumerate(_DAYS) if name in names)


def _listed(tags: tuple[re.Pattern[bytes], re.Pattern[bytes]], document: bytes) -> bytes:
    """What stands in the first such element; one in an item is text about one."""
    opening = tags[0].search(document)
    closing = tags[1].search(document, opening.end(), opening.end() + LONGEST) if opening else None
    if not opening or not closing:
        return b""
    first_item = _FIRST_ITEM.search(document)
    in_an_item = first_item and first_item.start() < opening.start() < document.rfind(b"</item>")
    return b"" if in_an_item else document[opening.end() : closing.start()]
