"""Queries that nobody has saved: how they are understood, and what they would have found."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from pipeline.deliver.render import in_text
from pipeline.flow.alerts.history import EXAMPLES, concerns, difference, trial
from pipeline.flow.alerts.language import lexicon, understood
from pipeline.flow.alerts.manage import MOST_THROTTLE
from pipeline.flow.alerts.preview import preview
from pipeline.model import Story
from pipeline.ports import Ports
from pipeline.query.meaning import understand, varied
from pipeline.query.outline import Outline, outline
from pipeline.query.presearch import filed_under
from pipeline.query.render import render
from pipeline.query.syntax import leaves, parse
from pipeline.query.variants import spellings
from workers.console.api.callers import Caller, Reader
from workers.console.times import times_of

QueryText = Annotated[str, Query(max_length=10_000, description="In the language of alerts (docs/query.md)")]
WithVariants = Annotated[bool, Query(description="Look for other spellings of the words too")]


class Mailed(BaseModel):
    """How an alert would mail what its query finds."""

    copies: bool = Field(default=False, description="Every copy of a story, not only the first")
    policy: Annotated[str, Field(max_length=200)] = "immediate"
    throttle: Annotated[int, Field(ge=0, le=MOST_THROTTLE)] = 0


class Clause(BaseModel):
    """A part of a query that a story holds or does not."""

    clause: str
    variants: list[str]


class Part(BaseModel):
    """A part of a query in words, and the parts that it says it of."""

    says: str
    also: list[str] = Field(description="Other spellings that are looked for")
    parts: list[Part]


class Understood(BaseModel):
    """A query as it is understood."""

    query: str
    understood: str
    meaning: str
    clauses: list[Clause]
    tree: Part
    warnings: list[str]
    per_day: float = Field(description="How often a day it would have fired, over the last week")
    cost: list[str] = Field(description="It is held against stories with one of these; empty: against all")


class ExampleOut(BaseModel):
    """A story that a query finds."""

    id: str
    url: str
    title: str
    sentences: list[str]


class Preview(BaseModel):
    """What a query would have found."""

    days: int
    stories: int
    per_day: float
    by_day: dict[str, int]
    by_site: dict[str, int]
    mails_per_day: float = Field(description="For each recipient under that policy, in the caller's zone: of 30 days")
    examples: list[ExampleOut]


class StoryNamed(BaseModel):
    """A story, as far as it is named."""

    id: str
    url: str
    title: str


class DifferenceOut(BaseModel):
    """What one query finds and another does not; of the stories the first few."""

    kept: int
    number_gained: int
    number_lost: int
    gained: list[StoryNamed]
    lost: list[StoryNamed]


def make_router(ports: Ports) -> APIRouter:
    """The resource."""
    router = APIRouter(prefix="/queries", tags=["queries"])

    @router.get("/check")
    def check_query(_: Reader, q: QueryText, variants: WithVariants = True) -> Understood:
        words = lexicon(ports)
        meant = understand(q, words, variants=variants)
        warnings, often = concerns(ports, q, meant)
        found = [
            Clause(clause=render(one, variants=False), variants=list(spellings(one))) for one in leaves(meant.root)
        ]
        return Understood(
            query=q,
            understood=render(meant.root, variants=False),
            meaning=meant.text,
            clauses=found,
            tree=_part(outline(varied(parse(q, words.lists), words, variants=variants))),
            warnings=warnings,
            per_day=often,
            cost=list(filed_under(meant)),
        )

    @router.get("/preview")
    def preview_query(
        caller: Reader,
        q: QueryText,
        asked: Annotated[Mailed, Query()],
        variants: WithVariants = True,
        days: Annotated[int, Query(ge=1, le=90)] = 30,
    ) -> Preview:
        meant = understood(ports, q, variants=variants)
        outcome = trial(ports, meant, ports.clock.now() - timedelta(days=days))
        examples = [
            ExampleOut(
                id=one.story.id, url=one.story.url, title=one.story.title, sentences=list(map(in_text, one.excerpts))
            )
            for one in outcome.examples
        ]
        return Preview(
            days=days,
            stories=outcome.stories,
            per_day=outcome.per_day,
            by_day=dict(sorted(outcome.by_day.items())),
            by_site=dict(outcome.by_site.most_common()),
            mails_per_day=_mails_a_day(ports, caller, q, asked, variants=variants),
            examples=examples,
        )

    @router.get("/difference")
    def compare_queries(
        _: Reader,
        old: QueryText,
        new: QueryText,
        variants: WithVariants = True,
        days: Annotated[int, Query(ge=1, le=90)] = 30,
    ) -> DifferenceOut:
        """What an alert would gain and lose if its query became another."""
        since = ports.clock.now() - timedelta(days=days)
        before, after = (understood(ports, one, variants=variants) for one in (old, new))
        found = difference(ports, before, after, since)
        return DifferenceOut(
            kept=found.kept,
            gained=[_named(one) for one in found.added[:EXAMPLES]],
            lost=[_named(one) for one in found.lost[:EXAMPLES]],
            number_gained=len(found.added),
            number_lost=len(found.lost),
        )

    return router


def _part(found: Outline) -> Part:
    return Part(says=found.says, also=list(found.also), parts=list(map(_part, found.parts)))


def _mails_a_day(ports: Ports, caller: Caller, q: str, asked: Mailed, *, variants: bool) -> float:
    """As the console's editor has it. Raises BadInput for a policy that can't be read."""
    found = preview(ports, q, variants=variants, copies=asked.copies)
    return found.mails_a_day(asked.policy, asked.throttle, times_of(ports, caller.user).zone.key)


def _named(story: Story) -> StoryNamed:
    return StoryNamed(id=story.id, url=story.url, title=story.title)
