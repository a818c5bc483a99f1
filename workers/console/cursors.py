"""Cursors: where the page of a list ended, so that what comes in between shifts nothing, and none is read twice."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from itertools import islice
from typing import TypeVar

from pipeline.errors import BadInput
from pipeline.model import Delivery

Thing = TypeVar("Thing")

EARLIEST, LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2262, 1, 1, tzinfo=UTC)
"""Elasticsearch keeps no moment of the ledger before or after (`date_nanos`), and refuses to be asked for one."""
_NONE_OF_OURS = "this cursor is none of ours: begin without one"


def page(things: Iterable[Thing], limit: int, place: Callable[[Thing], str]) -> tuple[list[Thing], str]:
    """The first `limit` of `things`, and the cursor for what follows, empty where nothing does."""
    found = list(islice(things, limit + 1))
    return found[:limit], write(place(found[limit - 1])) if len(found) > limit else ""


def write(place: str) -> str:
    """The cursor of a place in a list."""
    return base64.urlsafe_b64encode(place.encode()).decode().rstrip("=")


def read(cursor: str) -> str:
    """The place that a cursor says. Raises BadInput."""
    try:
        return base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        raise BadInput(_NONE_OF_OURS) from None


def place_of(delivery: Delivery) -> str:
    """The place of a row of the ledger, which is newest first."""
    return f"{delivery.created_at.isoformat()} {delivery.id}"


def behind(cursor: str) -> tuple[datetime, str] | None:
    """The row that a cursor of the ledger says (LedgerFilter.after); None for the first page. Raises BadInput."""
    if not cursor:
        return None
    moment, _, delivery_id = read(cursor).partition(" ")
    try:
        return within(datetime.fromisoformat(moment).astimezone(UTC)), delivery_id
    except (ValueError, OverflowError):
        raise BadInput(_NONE_OF_OURS) from None


def within(moment: datetime) -> datetime:
    """A moment of the ledger that every store can be asked about; beyond these bounds there is no row."""
    return min(max(moment, EARLIEST), LATEST)
