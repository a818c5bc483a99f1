"""Stories: a search in the language of alerts, latest published first, and each by its id."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from pipeline.deliver.excerpt import excerpts
from pipeline.deliver.render import in_text
from pipeline.errors import BadInput, NotFound
from pipeline.flow import export
from pipeline.flow.language import understood
from pipeline.flow.search import evidence, search
from pipeline.model import Story
from pipeline.ports import Ports, StoryFilter
from pipeline.query import syntax
from pipeline.query.filters import split
from workers.console import cursors
from workers.console.api import paging
from workers.console.api.callers import Reader
from workers.console.api.queries import QueryText

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


class Whole(StoryOut):
    """A story with its text."""

    body: str


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
        since: Annotated[datetime | None, Query(description="Published at or after")] = None,
        until: Annotated[datetime | None, Query(description="Published before")] = None,
        cursor: paging.Cursor = "",
        limit: paging.Limit = 50,
    ) -> StoryPage:
        typed, filters = split(q)
        meant = understood(ports, typed)
        last = _read(cursor)
        before = _aware(until) or filters.until
        where = StoryFilter(
            since=_aware(since) or filters.since,
            until=min(filter(None, (before, last and last[0] + _TICK)), default=None),
        )
        stories = _after(search(ports, meant, where, outlets=filters.outlets), last)
        found, following = cursors.page(stories, limit, _place)
        return StoryPage(stories=[_found(meant, one) for one in found], next=following)

    @router.get("/{story_id}")
    def get_story(story_id: str, _: Reader) -> Whole:
        story = ports.stores.stories.get([story_id]).get(story_id)
        if story is None:
            raise NotFound("story", story_id)
        return Whole(**_facts(story), body=story.body)

    return router


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
