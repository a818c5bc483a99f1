"""/feeds: how all feeds are, what needs a person first, and what a person can do about each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Form, Request, Response, UploadFile

from pipeline.errors import BadInput, FetchRefused, FetchUnavailable, ParseError
from pipeline.flow.deeds import feeds as deeds
from pipeline.flow.deeds.feeds import Deed
from pipeline.flow.feeds import opml
from pipeline.flow.feeds.adding import Taken, add_documents, add_links, add_unread, found_at
from pipeline.flow.feeds.check import cure_of, look_over, successor
from pipeline.flow.feeds.discover import Site, completed
from pipeline.flow.feeds.imports import Imported
from pipeline.flow.feeds.manage import find_feed
from pipeline.flow.feeds.overview import Page, page_by_urgency
from pipeline.flow.poll import PollReport
from pipeline.health import FeedHealth, Health, health_of
from pipeline.model import Feed, User
from pipeline.polls import polls
from pipeline.ports import Ports
from workers.console.access import Operator
from workers.console.shell import HEADERS, Finished, page, seen
from workers.console.times import times_of

PAGE = 50
MOST_BYTES = 20_000_000
"""Of an OPML file: 100,000 feeds have some 15 MB."""
DONE = {
    "added": "Added. It is polled at the next round.",
    "polled": "Polled: {count} entries are new or changed.",
    "busy": "Not polled: it is paused or ended, or is being polled just now.",
    "pause": "Paused: {count}.",
    "resume": "Resumed: {count}. They are polled at the next round.",
    "remove": "Removed: {count}. Their stories stay.",
    "poll": "Polled: {count} entries are new or changed.",
    "replace": "It is polled at its new address from now on.",
    "nothing": "Nothing was chosen: tick the feeds first.",
}
CURES = {
    FeedHealth.WALLED: "Ask its publisher to let our User-Agent in, or replace it by another address of the feed.",
    FeedHealth.DEAD: "Check it: that names its new address, if its site has one. Else remove it.",
    FeedHealth.GONE: "Check it: that names its successor, if its site has one. Else remove it.",
    FeedHealth.FAILING: "Nothing yet: it is tried again by itself.",
    FeedHealth.SILENT: "Look at the site: the feed may have moved, or be made by nobody any more.",
}

Queue = Callable[[Sequence[str]], None]
"""Has entries of these ids ingested."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Which feeds are to be listed, as an address says it."""

    health: str = ""
    text: str = ""
    start: int = 0

    @property
    def state(self) -> FeedHealth | None:
        """That of `health`; None where it names none."""
        return FeedHealth(self.health) if self.health in list(FeedHealth) else None

    @property
    def first(self) -> int:
        """The place of the first one."""
        return max(0, self.start)

    def page(self, ahead: int) -> str:
        """The address of the page so many feeds ahead."""
        asked = {"health": self.state or "", "text": self.text, "start": max(0, self.first + ahead)}
        query = urlencode({name: value for name, value in asked.items() if value})
        return f"/feeds?{query}" if query else "/feeds"

    @property
    def bulk(self) -> str:
        """Where the form of this page is sent, which leads back to it."""
        return self.page(0).replace("/feeds", "/feeds/bulk", 1)


@dataclass(frozen=True, slots=True)
class Row:
    """A feed in the list."""

    feed: Feed
    how: Health
    cure: str


def make_router(ports: Ports, queue_entries: Queue) -> APIRouter:
    """The pages of feeds."""
    router = APIRouter(prefix="/feeds")
    _add_lists(router, ports, queue_entries)
    _add_new(router, ports)
    _add_one(router, ports, queue_entries)
    return router


def _add_lists(router: APIRouter, ports: Ports, queue_entries: Queue) -> None:
    @router.get("")
    def listed(request: Request, who: Operator, asked: Annotated[Asked, Depends()], done: Finished) -> Response:
        found = _page(ports, asked)
        if not found.rows and found.found:  # those that stood there were removed
            asked = replace(asked, start=(found.found - 1) // PAGE * PAGE)
            found = _page(ports, asked)
        facts = {"rows": [_row(*one) for one in found.rows], "found": found.found, "counts": found.counts}
        where = {"asked": asked, "size": PAGE, "states": list(FeedHealth)}
        return page(request, "feeds.html", 200, **facts, **where, times=times_of(ports, who), done=done.said(DONE))

    @router.post("/bulk")
    def bulk(
        request: Request,
        who: Operator,
        asked: Annotated[Asked, Depends()],
        deed: Annotated[Deed | Literal["poll"], Form()],
        feed_ids: Annotated[list[str] | None, Form()] = None,
    ) -> Response:
        here = asked.page(0)
        if not feed_ids:
            return seen(request, here, "nothing")
        feeds = ports.stores.feeds.get(feed_ids)
        if deed == "poll":
            return seen(request, here, deed, len(_polled(ports, who, feeds, queue_entries).entry_ids))
        return seen(request, here, deed, len(deeds.change_feeds(ports, who.address, deed, feeds)))

    @router.get("/export.opml")
    def export(_: Operator) -> Response:
        headers = HEADERS | {"Content-Disposition": 'attachment; filename="feeds.opml"'}
        return Response(opml.write(ports.stores.feeds.all()), 200, headers, "text/x-opml; charset=utf-8")


def _add_new(router: APIRouter, ports: Ports) -> None:
    @router.get("/new")
    def new(request: Request, _: Operator) -> Response:
        return _new_page(request)

    @router.post("/new")
    def add(
        request: Request, who: Operator, url: Annotated[str, Form()] = "", unread: Annotated[bool, Form()] = False
    ) -> Response:
        try:
            if unread:
                return _taken_page(request, ports, Taken(added=[add_unread(ports, who.address, url)], refused=[]))
            found = found_at(ports, url)
        except BadInput as error:
            return _new_page(request, 422, url=url, error=str(error))
        except (FetchUnavailable, FetchRefused) as error:
            return _new_page(request, 422, url=url, error=str(error), may_add_unread=True)
        if isinstance(found, Site):
            return _new_page(request, url=url, site=found)
        return _taken_page(request, ports, add_documents(ports, who.address, [found]))

    @router.post("/chosen")
    def chosen(request: Request, who: Operator, urls: Annotated[list[str] | None, Form()] = None) -> Response:
        if not urls:
            return _new_page(request, 422, error="none was chosen: tick at least one feed of the site")
        return _taken_page(request, ports, add_links(ports, who.address, urls))

    @router.post("/import", max_body_size=2 * MOST_BYTES)  # what is beyond MOST_BYTES is told better below
    def take_in(request: Request, who: Operator, file: UploadFile) -> Response:
        try:
            imported = _imported(ports, who, file)
        except BadInput as error:
            return _new_page(request, 422, file_error=str(error))
        return _new_page(request, imported=imported)


def _add_one(router: APIRouter, ports: Ports, queue_entries: Queue) -> None:
    @router.get("/{feed_id}")
    def one(request: Request, who: Operator, feed_id: str, done: Finished) -> Response:
        return _feed_page(request, ports, who, find_feed(ports, feed_id), done=done.said(DONE))

    @router.get("/{feed_id}/check")
    def check(request: Request, who: Operator, feed_id: str) -> Response:
        feed = find_feed(ports, feed_id)
        try:
            return _feed_page(request, ports, who, feed, check=look_over(ports, feed))
        except (FetchUnavailable, FetchRefused, ParseError) as error:
            named = successor(ports, feed, error)
            cure = "its site names another feed: replace it by that one below" if named else cure_of(error)
            trouble = f"{error.reason}: {cure}" if cure else error.reason
            return _feed_page(request, ports, who, feed, trouble=trouble, address=named.url if named else feed.moved_to)

    @router.post("/{feed_id}/replace")
    def change(request: Request, who: Operator, feed_id: str, url: Annotated[str, Form()] = "") -> Response:
        feed = find_feed(ports, feed_id)
        try:
            deeds.replace_feed(ports, who.address, feed.id, completed(url))
        except BadInput as error:
            return _feed_page(request, ports, who, feed, 422, address=url, error=str(error))
        return seen(request, f"/feeds/{feed.id}", "replace")

    @router.post("/{feed_id}/poll")
    def poll(request: Request, who: Operator, feed_id: str) -> Response:
        feed = find_feed(ports, feed_id)
        report = _polled(ports, who, {feed.id: feed}, queue_entries)
        return seen(request, f"/feeds/{feed.id}", "polled" if report.polled else "busy", len(report.entry_ids))

    @router.post("/{feed_id}/{deed}")
    def do(request: Request, who: Operator, feed_id: str, deed: Deed) -> Response:
        feed = deeds.change_feed(ports, who.address, deed, feed_id)
        return seen(request, "/feeds" if deed is Deed.REMOVE else f"/feeds/{feed.id}", deed, 1)


def _page(ports: Ports, asked: Asked) -> Page:
    return page_by_urgency(ports, state=asked.state, text=asked.text.strip(), start=asked.first, size=PAGE)


def _imported(ports: Ports, who: User, file: UploadFile) -> Imported:
    """Import a file of OPML. Raises BadInput."""
    name, content = file.filename or "the file", file.file.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise BadInput(f"the file has more than {MOST_BYTES:,} bytes: split it")
    return deeds.import_list(ports, who.address, opml.read(content, name), name)


def _polled(ports: Ports, who: User, feeds: Mapping[str, Feed], queue_entries: Queue) -> PollReport:
    report = deeds.poll_feeds(ports, who.address, feeds)
    queue_entries(report.entry_ids)
    return report


def _row(feed: Feed, how: Health) -> Row:
    return Row(feed, how, CURES.get(how.state, "") if how.wrong else "")


def _new_page(request: Request, status: int = 200, **facts: object) -> Response:
    """The page on which feeds are added; `facts` are what came of a try."""
    nothing: dict[str, object] = dict.fromkeys(("url", "error", "file_error"), "")
    nothing |= dict.fromkeys(("site", "taken", "imported", "may_add_unread"))
    return page(request, "feeds_new.html", status, **nothing | facts)


def _taken_page(request: Request, ports: Ports, taken: Taken) -> Response:
    """The page of the one feed that was added, or what became of each."""
    if len(taken.added) == 1 and not taken.refused:
        return seen(request, f"/feeds/{find_feed(ports, taken.added[0]).id}", "added")
    return _new_page(request, 200 if taken.added else 422, taken=taken)


def _feed_page(
    request: Request, ports: Ports, who: Operator, feed: Feed, status: int = 200, **facts: object
) -> Response:
    """The page of a feed; `facts` are what came of what was done to it."""
    row = _row(feed, health_of(feed, ports.clock.now()))
    facts |= {"polls": polls(feed.polls)}
    nothing = {"done": "", "check": None, "trouble": "", "address": feed.moved_to, "error": ""}
    return page(request, "feed.html", status, feed=feed, row=row, times=times_of(ports, who), **nothing | facts)
