"""Filters of a search that no alert can have: what they ask about changes after a match.

`outlets>=3` (that have the story or a copy of it) and `published>=2026-01-31`, typed among the words of a search.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from pipeline.errors import QueryError
from pipeline.query.syntax import FILTER

_QUOTED = re.compile(r'("[^"]*")')


@dataclass(frozen=True, slots=True)
class Filters:
    """What a search asks besides its query. `since` is inclusive, `until` exclusive."""

    outlets: int = 0
    since: datetime | None = None
    until: datetime | None = None


def split(typed: str) -> tuple[str, Filters]:
    """The query in `typed` and the filters among its words. Raises QueryError for a filter that can't be read."""
    filters = Filters()
    parts = _QUOTED.split(typed)
    for place in range(0, len(parts), 2):
        for found in FILTER.finditer(parts[place]):
            filters = _with(filters, found, typed)
        parts[place] = FILTER.sub(" ", parts[place])
    return "".join(parts).strip(), filters


def _with(filters: Filters, found: re.Match[str], typed: str) -> Filters:
    name, sign, value = found.group(1).lower(), found.group(2), found.group(3)
    if name == "outlets":
        if sign != ">=" or not (value.isascii() and value.isdigit()):
            raise QueryError(
                typed, typed.find(found.group().strip()), f"{found.group().strip()} is no filter", "write outlets>=3"
            )
        return Filters(int(value), filters.since, filters.until)
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        cure = "write published>=2026-01-31 or published<2026-02-01"
        raise QueryError(typed, typed.find(found.group().strip()), f"{value!r} is no date", cure) from None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    if sign == ">=":
        return Filters(filters.outlets, moment, filters.until)
    if sign == "<":
        return Filters(filters.outlets, filters.since, moment)
    raise QueryError(typed, typed.find(found.group().strip()), f"{sign} is no sign of a date here", "write >= or <")
