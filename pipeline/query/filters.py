"""Filters of a search that no alert can have: what they ask about changes after a match.

`outlets>=3` (that have the story or a copy of it) and `published>=2026-01-31`, typed among the words of a search.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from pipeline.errors import QueryError
from pipeline.query.syntax import FILTER, as_meant

_QUOTED = re.compile(r'"[^"]*"')
_FORBIDDEN = re.compile(r"(?<![^\s()])(?:[-!]|NOT\s+)((?:outlets|published)[<>=][^\s()]*)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Filters:
    """What a search asks besides its query. `since` is inclusive, `until` exclusive."""

    outlets: int = 0
    since: datetime | None = None
    until: datetime | None = None

    def and_also(self, other: Filters) -> Filters:
        """What both ask."""
        return Filters(
            max(self.outlets, other.outlets),
            max(filter(None, (self.since, other.since)), default=None),
            min(filter(None, (self.until, other.until)), default=None),
        )


def split(typed: str) -> tuple[str, Filters]:
    """The query in `typed`, every word in its place, and the filters among its words, each of which is to hold.

    Raises QueryError for a filter that can't be read.
    """
    meant = _QUOTED.sub(lambda quoted: '"' * len(quoted.group()), as_meant(typed))
    if forbidden := _FORBIDDEN.search(meant):
        raise QueryError(typed, forbidden.start(), f"{forbidden.group(1)} can't be forbidden", "ask for what is wanted")
    filters, query = Filters(), typed
    for found in FILTER.finditer(meant):
        filters = filters.and_also(_read(found, typed))
        query = query[: found.start()] + " " * len(found.group()) + query[found.end() :]
    return query.rstrip(), filters


def _read(found: re.Match[str], typed: str) -> Filters:
    name, sign, value = found.group(1).lower(), found.group(2), found.group(3)
    if name == "outlets":
        if sign != ">=" or not (value.isascii() and value.isdigit()):
            raise QueryError(typed, found.start(), f"{found.group()} is no filter", "write outlets>=3")
        return Filters(outlets=int(value))
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        cure = "write published>=2026-01-31 or published<2026-02-01"
        raise QueryError(typed, found.start(), f"{value!r} is no date", cure) from None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    if sign == ">=":
        return Filters(since=moment)
    if sign == "<":
        return Filters(until=moment)
    raise QueryError(typed, found.start(), f"{sign} is no sign of a date here", "write >= or <")
