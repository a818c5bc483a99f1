"""related: other stories of the same event, within three days of a story; shown, never merged."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import combinations, islice

from pipeline.flow.cluster import elsewhere
from pipeline.model import Story
from pipeline.outlets import cluster_of
from pipeline.ports import Ports, StoryFilter
from pipeline.query.syntax import Query, parse
from pipeline.related import Shared, Traits, rare, shared, traits
from pipeline.text import words

WITHIN = timedelta(hours=72)
"""How far apart two stories of one event may be published."""
BESIDE_WITHIN = timedelta(hours=6)
"""What is rare is told by the stories of these hours, before and after: the news of the day."""
MOST_BESIDE = 200
MOST_CANDIDATES = 500
"""Candidates that are read, the latest published: of an event that more stories tell of, older ones are missed."""
MOST_ASKED = 12
"""Names and words of which a candidate must have two."""
BEST = 10


@dataclass(frozen=True, slots=True)
class Related:
    """A story, why it is related, and the copies of it in other outlets."""

    story: Story
    why: Shared
    copies: tuple[Story, ...] = ()


def related(ports: Ports, story: Story) -> list[Related]:
    """The ten stories that share most with `story`, one a cluster, none of them a copy of it."""
    mine = rare(traits(story), _beside(ports, story))
    asked = _asking(story, mine)
    if asked is None:
        return []
    where = StoryFilter(since=story.published - WITHIN, until=story.published + WITHIN)
    candidates = list(islice(ports.stores.stories.narrow(asked, where), MOST_CANDIDATES))
    found = (Related(one, shared(mine, traits(one))) for one in _one_a_cluster(candidates, story))
    best = sorted((one for one in found if one.why.related), key=_best_first)[:BEST]
    return [replace(one, copies=tuple(elsewhere(ports, one.story))) for one in best]


def _beside(ports: Ports, story: Story) -> list[Traits]:
    """The stories in the same language of about the same time, those of the cluster of `story` left out."""
    where = StoryFilter(since=story.published - BESIDE_WITHIN, until=story.published + BESIDE_WITHIN)
    latest = islice(ports.stores.stories.narrow(parse(f"lang:{story.language}"), where), MOST_BESIDE)
    return [traits(one) for one in _one_a_cluster(latest, story)]


def _asking(story: Story, mine: Traits) -> Query | None:
    """Ask for stories that have two of the rare names and words; None when there are no two to ask for.

    Names first, then words of the headline, then the longest: a long word is the more telling one.
    """
    headline = set(words(story.title))
    told = sorted(mine.words, key=lambda word: (word not in headline, -len(word), word))
    terms = [f'"{" ".join(words(name))}"' for name in sorted(mine.names) if words(name)] + [f'"{one}"' for one in told]
    pairs = list(combinations(terms[:MOST_ASKED], 2))
    return parse(" OR ".join(f"({one} AND {other})" for one, other in pairs)) if pairs else None


def _one_a_cluster(found: Iterable[Story], story: Story) -> Iterator[Story]:
    """One story for each cluster but that of `story`: its leader, else the first seen."""
    seen: dict[str, Story] = {}
    for one in sorted(found, key=lambda one: (bool(one.copy_of), one.first_seen_at, one.id)):
        seen.setdefault(cluster_of(one), one)
    return (one for cluster, one in seen.items() if cluster != cluster_of(story))


def _best_first(one: Related) -> tuple[int, float, str]:
    return -one.why.score, -one.story.published.timestamp(), one.story.id
