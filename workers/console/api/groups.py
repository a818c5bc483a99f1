"""Groups: recipients under one name, which alerts use as @name."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from pipeline.deliver.channel import shown
from pipeline.flow.deeds import people as deeds
from pipeline.flow.readers.people import NewGroup
from pipeline.model import Group
from pipeline.ports import Ports
from workers.console.api import paging
from workers.console.api.callers import Operator


class Members(BaseModel):
    """Who is in a group."""

    model_config = ConfigDict(extra="forbid")

    members: list[Annotated[str, Field(max_length=2_000)]] = Field(max_length=1_000, description="Addresses")


class GroupOut(BaseModel):
    """A group: of a chat's address what is no secret."""

    name: str
    members: list[str]
    updated_at: datetime


class GroupPage(BaseModel):
    """Groups in the order of their ids."""

    groups: list[GroupOut]
    next: paging.Next


def make_router(ports: Ports) -> APIRouter:
    """The resource."""
    router = APIRouter(prefix="/groups", tags=["groups"])

    @router.get("")
    def list_groups(_: Operator, cursor: paging.Cursor = "", limit: paging.Limit = 50) -> GroupPage:
        found, following = paging.by_id(ports.stores.groups.all(), cursor, limit)
        return GroupPage(groups=[_out(one) for one in found], next=following)

    @router.put("/{name}")
    def put_group(name: str, body: Members, caller: Operator) -> GroupOut:
        return _out(deeds.put_group(ports, caller.who, NewGroup(name=name, members=tuple(body.members))))

    @router.delete("/{name}", status_code=204)
    def remove_group(name: str, caller: Operator) -> None:
        deeds.remove_group(ports, caller.who, name)

    return router


def _out(one: Group) -> GroupOut:
    return GroupOut(name=one.name, members=list(map(shown, one.members)), updated_at=one.updated_at)
