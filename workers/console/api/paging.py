"""Pages of a list: a cursor says where the last one ended, so that what comes in between shifts nothing."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterable
from itertools import islice
from typing import Annotated, Protocol, TypeVar

from fastapi import Query
from pydantic import Field

from pipeline.errors import BadInput

MOST = 200

CURSOR_SAYS = "`next` of the page before; empty for the first"

Cursor = Annotated[str, Query(max_length=300, description=CURSOR_SAYS)]
Limit = Annotated[int, Query(ge=1, le=MOST, description="How many at the most")]

Next = Annotated[str, Field(description="The cursor of the next page; empty where this is the last")]

Thing = TypeVar("Thing")


class _Kept(Protocol):
    @property
    def id(self) -> str: ...


Kept = TypeVar("Kept", bound=_Kept)


def page(things: Iterable[Thing], limit: int, place: Callable[[Thing], str]) -> tuple[list[Thing], str]:
    """The first `limit` of `things`, and the cursor for what follows, empty where nothing does."""
    found = list(islice(things, limit + 1))
    return found[:limit], write(place(found[limit - 1])) if len(found) > limit else ""


def by_id(things: Iterable[Kept], cursor: str, limit: int) -> tuple[list[Kept], str]:
    """The page of things that come in the order of their ids behind `cursor`. Raises BadInput."""
    after = read(cursor)
    return page((one for one in things if one.id > after), limit, lambda one: one.id)


def write(place: str) -> str:
    """The cursor of a place in a list."""
    return base64.urlsafe_b64encode(place.encode()).decode().rstrip("=")


def read(cursor: str) -> str:
    """The place that a cursor says. Raises BadInput."""
    try:
        return base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        raise BadInput("this cursor is none of ours: begin without one") from None
