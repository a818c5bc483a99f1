"""Feeds: what is polled, how each is, and new ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Annotated, TypeVar

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from pipeline.address import without_keys
from pipeline.errors import BadInput, FetchRefused, FetchUnavailable, NotFound, ParseError
from pipeline.flow.deeds import feeds as deeds
from pipeline.flow.deeds.feeds import Deed
from pipeline.flow.feeds.adding import found_at
from pipeline.flow.feeds.check import cure_of, look_over, successor
from pipeline.flow.feeds.discover import Site
from pipeline.flow.feeds.manage import NewFeed, feed_id, find_feed, known_feeds, refuse_known
from pipeline.flow.feeds.overview import overview
from pipeline.health import FeedHealth, health_of
from pipeline.model import Feed, FeedState, Pages, Scope
from pipeline.polls import Polled, polls
from pipeline.ports import Ports
from workers.console.api import paging
from workers.console.api.callers import Caller, Operator, Reader
from workers.console.api.replies import IdempotencyKey, Nothing, made_once

Short = Annotated[str, Field(max_length=500)]
Told = TypeVar("Told", bound=BaseModel)


class NewFeedBody(BaseModel):
    """A feed to be polled. Nothing is fetched before it is added: its health says later whether it is one."""

    model_config = ConfigDict(extra="forbid")

    url: Annotated[str, Field(max_length=2_000, description="http:// or https://")]
    title: Short = ""
    tags: list[Short] = Field(default=[], max_length=100)
    pages: Pages | None = Field(default=None, description="When pages are fetched; null: as the settings say")


class FeedOut(BaseModel):
    """A feed and how it is. In addresses, what may be a secret is for callers alone who may change feeds."""

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


class Counts(BaseModel):
    """How many feeds there are."""

    health: dict[str, int] = Field(description="By how they are; none is left out")


class PolledOut(BaseModel):
    """What one poll came to."""

    at: datetime
    new: int = Field(description="Entries that were new")
    error: str


class FeedWithPolls(FeedOut):
    """A feed, with its last polls, the latest first."""

    polls: list[PolledOut]


class PollOut(BaseModel):
    """What came of polling now. Not polled: it is paused or ended, or is being polled just now."""

    polled: bool
    new: int
    changed: int
    error: str


class Replacement(BaseModel):
    """Where a feed is polled from now on."""

    model_config = ConfigDict(extra="forbid")

    url: Annotated[str, Field(max_length=2_000)]


class CheckOut(BaseModel):
    """What a poll would see; nothing is kept of it."""

    readable: bool
    format: str = ""
    entries: int = 0
    counts: dict[str, int] = {}
    trouble: str = ""
    cure: str = ""
    successor: str = Field(default="", description="The address that its site names in its place")


class Discoverable(BaseModel):
    """A feed that could be added."""

    url: str
    title: str


class Discovered(BaseModel):
    """What stands at an address."""

    feeds: list[Discoverable]


def make_router(ports: Ports, queue_entries: Callable[[Sequence[str]], None]) -> APIRouter:
    """The resource."""
    router = APIRouter(prefix="/feeds", tags=["feeds"])

    @router.get("")
    def list_feeds(
        caller: Reader,
        health: FeedHealth | None = None,
        text: Annotated[str, Query(max_length=500, description="In the address, the title or a tag, in any case")] = "",
        cursor: paging.Cursor = "",
        limit: paging.Limit = 50,
    ) -> FeedPage:
        now = ports.clock.now()
        feeds = (
            one
            for one in ports.stores.feeds.all()
            if health in (None, health_of(one, now).state) and text.casefold() in _said(caller, one)
        )
        found, following = paging.by_id(feeds, cursor, limit)
        return FeedPage(feeds=[_told(caller, _out(one, now)) for one in found], next=following)

    @router.post("", status_code=201, response_model=FeedOut)
    def add_feed(body: NewFeedBody, caller: Operator, key: IdempotencyKey = "") -> Response:
        def make() -> FeedOut:
            refuse_known(known_feeds(ports), body.url)
            new = NewFeed(url=body.url, title=body.title, tags=tuple(body.tags), pages=body.pages)
            deeds.add_feeds(ports, caller.who, [new])
            return _out(find_feed(ports, feed_id(body.url)), ports.clock.now())

        return made_once(ports, caller, key, body, make)

    _add_one(router, ports)
    _add_deeds(router, ports, queue_entries)
    return router


def _add_one(router: APIRouter, ports: Ports) -> None:
    @router.get("/counts")
    def count_feeds(_: Reader) -> Counts:
        return Counts(health=overview(ports).health)

    @router.get("/discover")
    def discover_feeds(_: Operator, url: Annotated[str, Query(max_length=2_000)]) -> Discovered:
        """The feed at an address, or those of the site there, the best first. Nothing is kept."""
        try:
            found = found_at(ports, url)
        except (FetchUnavailable, FetchRefused) as error:
            raise BadInput(f"{url!r} can't be had now: {error.reason}") from None
        if isinstance(found, Site):
            return Discovered(feeds=[Discoverable(url=one.url, title=one.title) for one in found.links])
        return Discovered(feeds=[Discoverable(url=found.url, title=found.parsed.title)])

    @router.get("/{feed_id}")
    def get_feed(feed_id: str, caller: Reader) -> FeedWithPolls:
        feed = _feed(ports, feed_id)
        facts = _told(caller, _out(feed, ports.clock.now())).model_dump()
        return FeedWithPolls(**facts, polls=[_told(caller, _polled(one)) for one in polls(feed.polls)])

    @router.get("/{feed_id}/check")
    def check_feed(feed_id: str, _: Operator) -> CheckOut:
        feed = _feed(ports, feed_id)
        try:
            found = look_over(ports, feed)
        except (FetchUnavailable, FetchRefused, ParseError) as error:
            named = successor(ports, feed, error)
            successor_url = named.url if named else feed.moved_to
            return CheckOut(readable=False, trouble=error.reason, cure=cure_of(error), successor=successor_url)
        counts = {str(fate): number for fate, number in found.counts.items()}
        return CheckOut(readable=True, format=found.format, entries=len(found.fates), counts=counts)

    @router.delete("/{feed_id}", status_code=204)
    def remove_feed(feed_id: str, caller: Operator) -> None:
        deeds.change_feed(ports, caller.who, Deed.REMOVE, _feed(ports, feed_id).id)


def _add_deeds(router: APIRouter, ports: Ports, queue_entries: Callable[[Sequence[str]], None]) -> None:
    @router.post("/{feed_id}/poll", response_model=PollOut)
    def poll_feed(feed_id: str, caller: Operator, key: IdempotencyKey = "") -> Response:
        def make() -> PollOut:
            feed = _feed(ports, feed_id)
            report = deeds.poll_feeds(ports, caller.who, {feed.id: feed})
            queue_entries(report.entry_ids)
            error = report.failed.get(feed.url, "")
            return PollOut(polled=bool(report.polled), new=report.new, changed=report.changed, error=error)

        return made_once(ports, caller, key, Nothing(), make, about=f"poll {feed_id}", status=200)

    @router.post("/{feed_id}/pause", response_model=FeedOut)
    def pause_feed(feed_id: str, caller: Operator, key: IdempotencyKey = "") -> Response:
        return _done(ports, caller, feed_id, Deed.PAUSE, key)

    @router.post("/{feed_id}/resume", response_model=FeedOut)
    def resume_feed(feed_id: str, caller: Operator, key: IdempotencyKey = "") -> Response:
        return _done(ports, caller, feed_id, Deed.RESUME, key)

    @router.post("/{feed_id}/replace", response_model=FeedOut)
    def replace_feed(feed_id: str, body: Replacement, caller: Operator, key: IdempotencyKey = "") -> Response:
        def make() -> FeedOut:
            after = deeds.replace_feed(ports, caller.who, _feed(ports, feed_id).id, body.url)
            return _out(after, ports.clock.now())

        return made_once(ports, caller, key, body, make, about=f"replace {feed_id}", status=200)


def _done(ports: Ports, caller: Caller, feed_id: str, deed: Deed, key: str) -> Response:
    def make() -> FeedOut:
        return _out(deeds.change_feed(ports, caller.who, deed, _feed(ports, feed_id).id), ports.clock.now())

    return made_once(ports, caller, key, Nothing(), make, about=f"{deed} {feed_id}", status=200)


def _feed(ports: Ports, feed_id: str) -> Feed:
    """The feed with that id. Raises NotFound."""
    found = ports.stores.feeds.get([feed_id]).get(feed_id)
    if found is None:
        raise NotFound("feed", feed_id)
    return found


def _told(caller: Caller, out: Told) -> Told:
    """What a caller is told of a feed: keys of readers stand in addresses, and those in what went wrong there."""
    if caller.may(Scope.OPERATE):
        return out
    texts = {name: without_keys(value) for name, value in out if type(value) is str}
    return out.model_copy(update=texts)


def _said(caller: Caller, feed: Feed) -> str:
    """What is looked through for a text. A key that is not told can't be guessed letter by letter either."""
    address = feed.url if caller.may(Scope.OPERATE) else without_keys(feed.url)
    return "\n".join((address, feed.title, *feed.tags)).casefold()


def _polled(one: Polled) -> PolledOut:
    return PolledOut(at=one.at, new=one.new, error=one.error)


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
