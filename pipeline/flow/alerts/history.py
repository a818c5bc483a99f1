"""history: what a query would have found, and what an edit of it would add and lose. All counts are exact."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from pipeline import match
from pipeline.deliver.excerpt import Excerpt, excerpts
from pipeline.deliver.policy import mails_made, read_zone
from pipeline.flow.alerts.language import lexicon
from pipeline.flow.stories.search import search
from pipeline.model import Story
from pipeline.outlets import cluster_of
from pipeline.ports import Ports, StoryFilter
from pipeline.query.document import Document
from pipeline.query.lint import warnings
from pipeline.query.syntax import Query, parse

EXAMPLES = 10
COUNTED_DAYS = 7
OFTEN = 100.0
"""Times a day from which on an alert is questionable."""


@dataclass(frozen=True, slots=True)
class Example:
    """A story that a query finds, with the sentences that matched."""

    story: Story
    excerpts: tuple[Excerpt, ...]


@dataclass(slots=True)
class Trial:
    """What a query finds from `since` to `until`."""

    since: datetime
    until: datetime
    stories: int = 0
    by_day: Counter[str] = field(default_factory=Counter)  # ISO dates
    by_site: Counter[str] = field(default_factory=Counter)
    examples: list[Example] = field(default_factory=list)
    copies: bool = False  # whether copies of a story are mailed too
    moments: dict[str, datetime] = field(default_factory=dict)
    """When what would have been mailed at once was published, by story; a story and its copies are one."""

    @property
    def per_day(self) -> float:
        """Stories a day. Of less than an hour, as many as in that hour, 24 times."""
        return self.stories / self._days

    def mails_a_day(self, policy: str, throttle: int, zone: str = "UTC") -> float:
        """How many mails a day for one recipient. Raises BadInput for a policy or zone that can't be read."""
        return mails_made(tuple(self.moments.values()), policy, throttle, read_zone(zone)) / self._days

    @property
    def _days(self) -> float:
        return max(1 / 24, (self.until - self.since) / timedelta(days=1))

    def count(self, query: Query, story: Story) -> None:
        """Take in a story that `query` finds; the first that would be mailed are the examples."""
        self.stories += 1
        mailed = story.id if self.copies else cluster_of(story)
        telling = mailed not in self.moments
        self.moments[mailed] = story.published
        self.by_day[story.published.date().isoformat()] += 1
        self.by_site[story.site] += 1
        if telling and len(self.examples) < EXAMPLES:
            self.examples.append(example(query, story))


@dataclass(slots=True)
class Difference:
    """What one query finds and another does not."""

    kept: int = 0
    added: list[Story] = field(default_factory=list)
    lost: list[Story] = field(default_factory=list)

    def count(self, story: Story, *, before: bool, after: bool) -> None:
        """Take in a story, as one query found it and the other does."""
        self.kept += before and after
        if before != after:
            (self.added if after else self.lost).append(story)


def trial(ports: Ports, query: Query, since: datetime, *, copies: bool = False) -> Trial:
    """Hold `query` against the stories published since then; with `copies` each copy of a story is mailed."""
    outcome = Trial(since, ports.clock.now(), copies=copies)
    for story in search(ports, query, StoryFilter(since=since)):
        outcome.count(query, story)
    return outcome


def concerns(ports: Ports, typed: str, meant: Query) -> tuple[list[str], float]:
    """The warnings about a query, and how often a day what it means would have fired, by the stories that are there."""
    found = questionable(ports, typed, meant)
    since = ports.clock.now() - timedelta(days=COUNTED_DAYS)
    often = trial(ports, meant, since).per_day
    return [*found, *too_often(often)], often


def questionable(ports: Ports, typed: str, meant: Query) -> list[str]:
    """The warnings that need no look at stories."""
    return [str(one) for one in warnings(parse(typed, lexicon(ports).lists), meant.root)]


def too_often(per_day: float) -> list[str]:
    """A warning where a query would fire questionably often."""
    if per_day < OFTEN:
        return []
    return [f"it would fire {per_day:.0f} times a day: add a word that narrows it, or a field such as title:"]


def example(query: Query, story: Story) -> Example:
    """A found story with the sentences that matched."""
    found = match.match("", query, Document(story), story.updated_at)
    return Example(story, excerpts(story, found.evidence if found else ()))


def difference(ports: Ports, old: Query, new: Query, since: datetime) -> Difference:
    """What `new` would find and `old` does not, and the other way round."""
    where = StoryFilter(since=since)
    before = {story.id: story for story in search(ports, old, where)}
    outcome = Difference()
    for story in search(ports, new, where):
        if before.pop(story.id, None) is None:
            outcome.added.append(story)
        else:
            outcome.kept += 1
    outcome.lost = list(before.values())
    return outcome
