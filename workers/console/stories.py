"""/stories: search in the language of alerts, with facets and exports; and the page of one story."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import StreamingResponse

from pipeline.deliver.line import web_address
from pipeline.errors import BadInput
from pipeline.flow.alerts.history import questionable
from pipeline.flow.alerts.language import understood
from pipeline.flow.cluster import elsewhere
from pipeline.flow.stories import export
from pipeline.flow.stories.browse import Asked, Browsed, asked, browse, everything, find_story, fired_on, most_relevant
from pipeline.flow.stories.related import related
from pipeline.flow.stories.search import Facets
from pipeline.ports import Ports
from pipeline.query.filters import split
from pipeline.query.render import render
from pipeline.reading import minutes
from workers.console.access import Viewer, sees
from workers.console.shell import page
from workers.console.times import times_of

MOST_OF_A_FACET = 8


class Search:
    """What the address of a search asks for."""

    def __init__(
        self,
        q: str = "",
        since: str = "",
        until: str = "",
        sort: Annotated[str, Query(pattern="^(time|relevance)$")] = "time",
        after: str = "",
    ) -> None:
        self.q, self.since, self.until, self.sort, self.after = q, since, until, sort, after

    def asked(self, ports: Ports) -> Asked:
        """Raises BadInput."""
        return asked(ports, self.q, _day(self.since), _day(self.until))

    def link(self, path: str = "/stories", **changes: str) -> str:
        """The address of this search, with `changes`."""
        facts = {"q": self.q, "since": self.since, "until": self.until, "sort": self.sort} | changes
        return f"{path}?{urlencode({name: value for name, value in facts.items() if value})}"

    @property
    def words(self) -> str:
        """What is typed without the filters, which no alert can have. Raises QueryError."""
        return split(self.q)[0]

    def narrowed(self, more: str) -> str:
        """The address of this search with a clause more."""
        q = f"({self.q})" if " or " in self.q.lower() else self.q
        return self.link(q=f"{q} {more}".strip())


Asking = Annotated[Search, Depends(Search)]


def make_router(ports: Ports) -> APIRouter:
    """The pages of stories."""
    router = APIRouter(prefix="/stories")

    @router.get("")
    def search(request: Request, user: Viewer, search: Asking) -> Response:
        found, wrong = _found(ports, search)
        return page(
            request,
            "stories.html",
            422 if wrong else 200,
            search=search,
            found=found,
            wrong=wrong,
            facets=_facets(search, found.facets),
            hints=[] if wrong or found.found else _hints(ports, search),
            empty=not (found.found or search.q or search.since or search.until or search.after),
            times=times_of(ports, user),
        )

    @router.get(".csv")
    def as_csv(_user: Viewer, search: Asking) -> Response:
        return _download(export.as_csv(everything(ports, search.asked(ports))), "text/csv; charset=utf-8", "csv")

    @router.get(".json")
    def as_json(_user: Viewer, search: Asking) -> Response:
        return _download(export.as_json(everything(ports, search.asked(ports))), "application/json", "json")

    @router.get("/{story_id}")
    def show(request: Request, user: Viewer, story_id: str) -> Response:
        story = find_story(ports, story_id)
        return page(
            request,
            "story.html",
            story=story,
            address=web_address(story.url),
            minutes=minutes(story.word_count),
            elsewhere=elsewhere(ports, story),
            fired=[(alert, sent) for alert, sent in fired_on(ports, story) if sees(user, alert)],
            times=times_of(ports, user),
        )

    @router.get("/{story_id}/related")
    def beside(request: Request, user: Viewer, story_id: str) -> Response:
        story = find_story(ports, story_id)
        part = request.headers.get("hx-request") == "true"
        template = "story_related.html" if part else "story_related_page.html"
        return page(request, template, story=story, related=related(ports, story), times=times_of(ports, user))

    return router


def _found(ports: Ports, search: Search) -> tuple[Browsed, BadInput | None]:
    """What a search finds, or nothing and why it can't be asked."""
    try:
        what = search.asked(ports)
        return (most_relevant(ports, what) if search.sort == "relevance" else browse(ports, what, search.after)), None
    except BadInput as error:
        return Browsed(), error


def _hints(ports: Ports, search: Search) -> list[str]:
    """Why nothing may have been found, as far as what was asked for tells."""
    said: list[str] = []
    if search.since and search.until and search.since >= search.until:
        said.append(f"no day lies from {search.since} on and before {search.until}: the day of “Before” is left out")
    if words := search.words.strip():
        meant = understood(ports, words)
        said += [f"it was read as {render(meant.root)}", *questionable(ports, words, meant)]
    return said


def _day(text: str) -> datetime | None:
    if not text:
        return None
    try:
        return datetime.combine(date.fromisoformat(text), datetime.min.time(), UTC)
    except ValueError:
        raise BadInput(f"{text!r} is no date: give one such as 2026-01-31") from None


def _facets(search: Search, counted: Facets) -> Mapping[str, list[tuple[str, int, str]]]:
    """For each facet its most frequent values, how often they are found, and where they narrow the search to."""
    named = {
        "Outlet": ("site", counted.site),
        "Language": ("lang", counted.language),
        "Named": ("entity", counted.entity),
    }
    made = {
        title: [
            (name, count, search.narrowed(f'{field}:"{name.replace(chr(34), " ")}"'))
            for name, count in counter.most_common(MOST_OF_A_FACET + 1)
            if name
        ][:MOST_OF_A_FACET]
        for title, (field, counter) in named.items()
    }
    days = sorted(counted.day.items(), reverse=True)[:MOST_OF_A_FACET]
    made["Day"] = [(day, count, search.link(since=day, until=_next(day))) for day, count in days]
    return {title: values for title, values in made.items() if values}


def _next(day: str) -> str:
    return (date.fromisoformat(day) + timedelta(days=1)).isoformat()


def _download(content: Iterator[str] | Iterator[bytes], media_type: str, ending: str) -> Response:
    headers = {
        "Content-Disposition": f'attachment; filename="stories.{ending}"',
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
    }
    return StreamingResponse(content, headers=headers, media_type=media_type)
