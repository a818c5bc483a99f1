"""search: the stories that a query matches. The engine narrows, the evaluator judges, so every count is exact."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from pipeline.flow.cluster import elsewhere
from pipeline.model import Evidence, Story
from pipeline.ports import Ports, StoryFilter
from pipeline.query.document import Document, Field
from pipeline.query.evaluate import evaluate, matches
from pipeline.query.syntax import Query

TITLE_COUNTS = 5
"""A word in the title says as much of what a story is about as so many in its body."""


@dataclass(slots=True)
class Facets:
    """How many of the stories found have which site, language, entity and day."""

    stories: int = 0
    site: Counter[str] = field(default_factory=Counter)
    language: Counter[str] = field(default_factory=Counter)
    entity: Counter[str] = field(default_factory=Counter)
    day: Counter[str] = field(default_factory=Counter)  # ISO dates

    def count(self, story: Story) -> None:
        """Take in a story that was found."""
        self.stories += 1
        self.site[story.site] += 1
        self.language[story.language] += 1
        self.day[story.published.date().isoformat()] += 1
        self.entity.update({one.name for one in story.entities})


WINDOWS = (timedelta(days=1), timedelta(days=7), timedelta(days=30))
"""Back from now: engines sort what they find, and of the latest stories there are fewer to sort."""


@dataclass(slots=True)
class Reach:
    """How far back a reading got that was bounded: to stories published after `since`; None when it read all."""

    since: datetime | None = None


def latest(ports: Ports, query: Query, where: StoryFilter) -> Iterator[Story]:
    """Candidates as the store narrows them, in the same order, looked for day by day: the first come sooner."""
    now = ports.clock.now()
    edges = [edge for back in WINDOWS if (edge := now - back) < (where.until or now)]
    until = where.until
    for since in edges:
        if where.since and since <= where.since:
            break
        yield from ports.stores.stories.narrow(query, replace(where, since=since, until=until))
        until = since
    yield from ports.stores.stories.narrow(query, replace(where, until=until))


def within(ports: Ports, stories: Iterable[Story], patience: timedelta, reach: Reach) -> Iterator[Story]:
    """`stories`, latest first, until `patience` is over; `reach` has then how far back they go."""
    deadline = ports.clock.now() + patience
    for story in stories:
        if ports.clock.now() > deadline:
            reach.since = story.published
            return
        yield story


def search(ports: Ports, query: Query, where: StoryFilter, outlets: int = 1) -> Iterator[Story]:
    """Stories that match and stand in so many outlets at the least, latest published first."""
    for story in ports.stores.stories.narrow(query, where):
        if matches(query, Document(story)) and (outlets <= 1 or 1 + len(elsewhere(ports, story)) >= outlets):
            yield story


def by_relevance(query: Query, stories: Iterable[Story]) -> list[Story]:
    """The stories that say most of what was asked first; of equals the latest."""
    return sorted(stories, key=lambda story: (relevance(query, story), story.published), reverse=True)


def relevance(query: Query, story: Story) -> int:
    """How much a story says of what was asked: the places found, those in the title counted more."""
    return sum(TITLE_COUNTS if one.field == Field.TITLE else 1 for one in evidence(query, story))


def evidence(query: Query, story: Story) -> tuple[Evidence, ...]:
    """Why a story was found."""
    return evaluate(query, Document(story)) or ()


def facets(stories: Iterable[Story]) -> Facets:
    """Count over all the stories found."""
    counted = Facets()
    for story in stories:
        counted.count(story)
    return counted
