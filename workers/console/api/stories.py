"""Stories: a search in the language of alerts, latest published first, and each by its id."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field

from pipeline.deliver.channel import shown
from pipeline.deliver.excerpt import excerpts
from pipeline.deliver.render import in_text
from pipeline.errors import BadInput
from pipeline.flow.alerts.language import understood
from pipeline.flow.cluster import elsewhere
from pipeline.flow.stories import export
from pipeline.flow.stories.browse import asked, browse, everything, find_story, fired_on, most_relevant
from pipeline.flow.stories.related import related
from pipeline.flow.stories.search import evidence, search
from pipeline.model import Alert, Delivery, DeliveryState, Revision, Story
from pipeline.ports import Ports, StoryFilter
from pipeline.query import syntax
from pipeline.query.filters import Filters, split
from workers.console import cursors
from workers.console.access import sees
from workers.console.api import paging
from workers.console.api.callers import Reader
from workers.console.api.queries import QueryText

CSV = "text/csv"
MOST_NAMES = 200
"""Of those that the stories found name, the most frequent."""
Since = Annotated[datetime | None, Query(description="Published at or after")]
Until = Annotated[datetime | None, Query(description="Published before")]
Order = Annotated[Literal["time", "relevance"], Query(description="relevance: the best 50, on one page")]
_TICK = timedelta(milliseconds=1)
"""As finely as both engines tell moments apart: of one tick, stories come in the order of their ids."""


class StoryOut(BaseModel):
    """A story without its text."""

    id: str
    url: str
    title: str
    published: datetime
    site: str
    language: str
    authors: list[str]
    sentiment: str
    words: int
    version: int
    copy_of: str = Field(description="The story that leads its cluster; empty: itself")


class Found(StoryOut):
    """A story that a search found."""

    highlights: list[str] = Field(description="Sentences that matched, with the words marked")


class VersionOut(BaseModel):
    """A later version of a story, and what it changed in the one before."""

    version: int
    at: datetime
    edited: bool = Field(description="By its publisher; else the text only came from elsewhere than before")
    headline_before: str
    added: list[str]
    removed: list[str]


class Whole(StoryOut):
    """A story with its text."""

    body: str
    versions: list[VersionOut]
    copies: list[str] = Field(description="Ids of the stories that carry its text in other outlets")


class RelatedOut(StoryOut):
    """A story of the same event, and what both name."""

    names: list[str]
    shared_words: list[str]


class RelatedStories(BaseModel):
    """Those that share most with a story."""

    stories: list[RelatedOut]


class SentOut(BaseModel):
    """What became of a message: of a chat's address what is no secret."""

    recipient: str
    state: DeliveryState


class FiredOut(BaseModel):
    """An alert that fired on a story, and its messages."""

    alert_id: str
    alert: str
    deliveries: list[SentOut]


class FiredAlerts(BaseModel):
    """The alerts, of those that the caller sees, that fired on a story."""

    alerts: list[FiredOut]


class FacetsOut(BaseModel):
    """How many of the stories found have which outlet, language, name and day (of UTC)."""

    stories: int
    outlets: dict[str, int]
    languages: dict[str, int]
    names: dict[str, int]
    days: dict[str, int]
    counted_since: datetime | None = Field(description="Only those published after it were counted; null: all")


class StoryPage(BaseModel):
    """Stories, latest published first."""

    stories: list[Found]
    next: str = Field(description="The cursor of the next page; empty where this is the last")


def make_router(ports: Ports) -> APIRouter:
    """The resource."""
    router = APIRouter(prefix="/stories", tags=["stories"])

    @router.get("")
    def search_stories(
        _: Reader,
        q: QueryText,
        since: Since = None,
        until: Until = None,
        sort: Order = "time",
        cursor: paging.Cursor = "",
        limit: paging.Limit = 50,
    ) -> StoryPage:
        if sort == "relevance":
            what = asked(ports, q, _aware(since), _aware(until))
            best = [one.story for one in most_relevant(ports, what).found[:limit]]
            return StoryPage(stories=[_found(what.query, one) for one in best], next="")
        typed, filters = split(q)
        meant = understood(ports, typed)
        last = _read(cursor)
        both = filters.and_also(Filters(since=_aware(since), until=_aware(until)))
        if last:
            both = both.and_also(Filters(until=last[0] + _TICK))
        where = StoryFilter(since=both.since, until=both.until)
        stories = _after(search(ports, meant, where, outlets=filters.outlets), last)
        found, following = cursors.page(stories, limit, _place)
        return StoryPage(stories=[_found(meant, one) for one in found], next=following)

    @router.get("/facets")
    def count_facets(_: Reader, q: QueryText, since: Since = None, until: Until = None) -> FacetsOut:
        browsed = browse(ports, asked(ports, q, _aware(since), _aware(until)))
        counted = browsed.facets
        return FacetsOut(
            stories=counted.stories,
            outlets=dict(counted.site.most_common()),
            languages=dict(counted.language.most_common()),
            names=dict(counted.entity.most_common(MOST_NAMES)),
            days=dict(sorted(counted.day.items())),
            counted_since=browsed.counted_since,
        )

    @router.get("/csv", response_class=Response, responses={200: {"content": {CSV: {"schema": {"type": "string"}}}}})
    def export_stories(_: Reader, q: QueryText, since: Since = None, until: Until = None) -> Response:
        """All that a search finds, as CSV (RFC 4180)."""
        lines = export.as_csv(everything(ports, asked(ports, q, _aware(since), _aware(until))))
        return StreamingResponse(lines, media_type=f"{CSV}; charset=utf-8")

    @router.get("/{story_id}")
    def get_story(story_id: str, _: Reader) -> Whole:
        story = find_story(ports, story_id)
        copies = [one.id for one in elsewhere(ports, story)]
        return Whole(**_facts(story), body=story.body, versions=list(map(_version, story.revisions)), copies=copies)

    @router.get("/{story_id}/related")
    def get_related(story_id: str, _: Reader) -> RelatedStories:
        found = related(ports, find_story(ports, story_id))
        return RelatedStories(
            stories=[
                RelatedOut(**_facts(one.story), names=list(one.why.names), shared_words=list(one.why.words))
                for one in found
            ]
        )

    @router.get("/{story_id}/alerts")
    def get_fired(story_id: str, caller: Reader) -> FiredAlerts:
        fired = fired_on(ports, find_story(ports, story_id))
        return FiredAlerts(alerts=[_fired(alert, sent) for alert, sent in fired if sees(caller.user, alert)])

    return router


def _fired(alert: Alert, sent: Sequence[Delivery]) -> FiredOut:
    deliveries = [SentOut(recipient=shown(one.recipient), state=one.state) for one in sent]
    return FiredOut(alert_id=alert.id, alert=alert.name, deliveries=deliveries)


def _version(one: Revision) -> VersionOut:
    changes = one.changes
    return VersionOut(
        version=one.version,
        at=one.at,
        edited=one.edited,
        headline_before=changes.headline_before,
        added=list(changes.added),
        removed=list(changes.removed),
    )


def _place(story: Story) -> str:
    return f"{_moment(story).isoformat()} {story.id}"


def _moment(story: Story) -> datetime:
    return story.published.replace(microsecond=story.published.microsecond // 1_000 * 1_000)


def _read(cursor: str) -> tuple[datetime, str] | None:
    if not cursor:
        return None
    moment, _, story_id = cursors.read(cursor).partition(" ")
    try:
        last = datetime.fromisoformat(moment).astimezone(UTC)
        _ = last + _TICK  # which a cursor of ours allows
    except (ValueError, OverflowError):
        raise BadInput("this cursor is none of ours: begin without one") from None
    return last, story_id


def _after(stories: Iterable[Story], last: tuple[datetime, str] | None) -> Iterator[Story]:
    """`stories` behind the place `last`; those of one moment in the order of their ids, which no engine promises."""
    for moment, together in groupby(stories, key=_moment):
        for story in sorted(together, key=lambda one: one.id):
            if last is None or moment < last[0] or (moment == last[0] and story.id > last[1]):
                yield story


def _aware(moment: datetime | None) -> datetime | None:
    return moment.replace(tzinfo=UTC) if moment and moment.tzinfo is None else moment


def _found(meant: syntax.Query, story: Story) -> Found:
    return Found(**_facts(story), highlights=[in_text(one) for one in excerpts(story, evidence(meant, story))])


def _facts(story: Story) -> dict[str, Any]:
    facts = export.facts(story)
    return {name: facts[name] for name in StoryOut.model_fields}
