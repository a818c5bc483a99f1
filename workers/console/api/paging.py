"""Pages of a list: a cursor says where the last one ended, so that what comes in between shifts nothing."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Protocol, TypeVar

from fastapi import Query
from pydantic import Field

from workers.console.cursors import page, read

MOST = 200

CURSOR_SAYS = "`next` of the page before; empty for the first"

Cursor = Annotated[str, Query(max_length=300, description=CURSOR_SAYS)]
Limit = Annotated[int, Query(ge=1, le=MOST, description="How many at the most")]

Next = Annotated[str, Field(description="The cursor of the next page; empty where this is the last")]


class _Kept(Protocol):
    @property
    def id(self) -> str: ...


Kept = TypeVar("Kept", bound=_Kept)


def by_id(things: Iterable[Kept], cursor: str, limit: int) -> tuple[list[Kept], str]:
    """The page of things that come in the order of their ids behind `cursor`. Raises BadInput."""
    after = read(cursor)
    return page((one for one in things if one.id > after), limit, lambda one: one.id)
