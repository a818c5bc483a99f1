"""Feeds: what is polled, how each is, and new ones."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field

from pipeline.flow.audit import record
from pipeline.flow.manage import NewFeed, add_feeds, feed_id, find_feed, known_feeds, refuse_known
from pipeline.health import health_of
from pipeline.model import Feed, FeedState, Pages
from pipeline.ports import Ports
from workers.console.api import paging
from workers.console.api.callers import Operator, Reader
from workers.console.api.replies import IdempotencyKey, made_once

Short = Annotated[str, Field(max_length=500)]


class NewFeedBody(BaseModel):
    """A feed to be polled. Nothing is fetched before it is added: its health says later whether it is one."""

    model_config = ConfigDict(extra="forbid")

    url: Annotated[str, Field(max_length=2_000, description="http:// or https://")]
    title: Short = ""
    tags: list[Short] = Field(default=[], max_length=100)
    pages: Pages | None = Field(default=None, description="When pages are fetched; null: as the settings say")


class FeedOut(BaseModel):
    """A feed and how it is."""

    id: str
    url: str
    title: str
    tags: list[str]
    state: FeedState
    pages: Pages | None
    health: str
    wrong: str
    cure: str
    next_poll_at: datetime
    succeeded_at: datetime | None
    error: str


class FeedPage(BaseModel):
    """Feeds in the order of their ids."""

    feeds: list[FeedOut]
    next: str = Field(description="The cursor of the next page; empty where this is the last")


def make_router(ports: Ports) -> APIRouter:
    """The resource."""
    router = APIRouter(prefix="/feeds", tags=["feeds"])

    @router.get("")
    def list_feeds(_: Reader, cursor: paging.Cursor = "", limit: paging.Limit = 50) -> FeedPage:
        after, now = paging.read(cursor), ports.clock.now()
        found, following = paging.page(
            (one for one in ports.stores.feeds.all() if one.id > after), limit, lambda one: one.id
        )
        return FeedPage(feeds=[_out(one, now) for one in found], next=following)

    @router.post("", status_code=201, response_model=FeedOut)
    def add_feed(body: NewFeedBody, caller: Operator, key: IdempotencyKey = "") -> Response:
        def make() -> FeedOut:
            refuse_known(known_feeds(ports), body.url)
            add_feeds(ports, [NewFeed(url=body.url, title=body.title, tags=tuple(body.tags), pages=body.pages)])
            made = find_feed(ports, feed_id(body.url))
            record(ports, caller.user.address, "add feed", made.url, None, None)
            return _out(made, ports.clock.now())

        return made_once(ports, caller, key, body, make)

    return router


def _out(feed: Feed, now: datetime) -> FeedOut:
    how = health_of(feed, now)
    return FeedOut(
        id=feed.id,
        url=feed.url,
        title=feed.title,
        tags=list(feed.tags),
        state=feed.state,
        pages=feed.pages,
        health=how.state,
        wrong=how.wrong,
        cure=how.cure,
        next_poll_at=feed.next_poll_at,
        succeeded_at=feed.succeeded_at,
        error=feed.error,
    )
