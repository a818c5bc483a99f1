"""Lists: words under one name, which queries use as @name."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from pipeline.flow.deeds import words as deeds
from pipeline.model import WordList
from pipeline.ports import Ports
from workers.console.access import sees
from workers.console.api import paging
from workers.console.api.callers import Operator, Reader


class Words(BaseModel):
    """The members of a list."""

    model_config = ConfigDict(extra="forbid")

    members: list[Annotated[str, Field(max_length=500)]] = Field(max_length=1_000, description="Words and phrases")


class ListOut(BaseModel):
    """A list."""

    name: str
    members: list[str]
    updated_at: datetime


class ListPage(BaseModel):
    """Lists in the order of their ids."""

    lists: list[ListOut]
    next: paging.Next


class Changed(BaseModel):
    """The alerts, of those that the caller sees, that mean another thing now."""

    alerts: list[str]


def make_router(ports: Ports) -> APIRouter:
    """The resource."""
    router = APIRouter(prefix="/lists", tags=["lists"])

    @router.get("")
    def list_lists(_: Reader, cursor: paging.Cursor = "", limit: paging.Limit = 50) -> ListPage:
        found, following = paging.by_id(ports.stores.lists.all(), cursor, limit)
        return ListPage(lists=[_out(one) for one in found], next=following)

    @router.put("/{name}")
    def put_list(name: str, body: Words, caller: Operator) -> Changed:
        changed = deeds.put_list(ports, caller.who, name, body.members)
        return Changed(alerts=[one.name for one in changed if sees(caller.user, one)])

    @router.delete("/{name}", status_code=204)
    def remove_list(name: str, caller: Operator) -> None:
        deeds.remove_list(ports, caller.who, name)

    return router


def _out(one: WordList) -> ListOut:
    return ListOut(name=one.name, members=list(one.members), updated_at=one.updated_at)
