"""Takedowns: stories that are erased wherever they are kept, and do not come back."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field

from pipeline.flow.deeds.stories import forget
from pipeline.ports import Ports
from workers.console.api import paging
from workers.console.api.callers import Operator
from workers.console.api.replies import IdempotencyKey, made_once


class TakedownBody(BaseModel):
    """Which story."""

    model_config = ConfigDict(extra="forbid")

    url: Annotated[str, Field(max_length=2_000, description="Of the story; one that nobody has seen yet is kept away")]


class ForgottenOut(BaseModel):
    """What was erased, and what was not."""

    story_id: str
    stories: int
    entries: int
    matches: int
    deliveries: int = Field(description="That were waiting, and are not sent")
    copies: list[str] = Field(description="Where the same text stands in other outlets")


class TakedownOut(BaseModel):
    """A story that is to be forgotten whenever it comes."""

    id: str
    url: str
    at: datetime


class TakedownPage(BaseModel):
    """Takedowns in the order of their ids."""

    takedowns: list[TakedownOut]
    next: paging.Next


def make_router(ports: Ports) -> APIRouter:
    """The resource."""
    router = APIRouter(prefix="/takedowns", tags=["takedowns"])

    @router.get("")
    def list_takedowns(_: Operator, cursor: paging.Cursor = "", limit: paging.Limit = 50) -> TakedownPage:
        found, following = paging.by_id(ports.stores.takedowns.all(), cursor, limit)
        return TakedownPage(takedowns=[TakedownOut(id=one.id, url=one.url, at=one.at) for one in found], next=following)

    @router.post("", status_code=201, response_model=ForgottenOut)
    def take_down(body: TakedownBody, caller: Operator, key: IdempotencyKey = "") -> Response:
        def make() -> ForgottenOut:
            gone = forget(ports, caller.who, body.url)
            return ForgottenOut(
                story_id=gone.story_id,
                stories=gone.stories,
                entries=gone.entries,
                matches=gone.matches,
                deliveries=gone.deliveries,
                copies=list(gone.copies),
            )

        return made_once(ports, caller, key, body, make)

    return router
