"""browse: stories as a person looks through them: a page of what is found, its facets, and all that is known of one.

A page costs the same however much is found: it reads until it is full, and on for its facets for `PATIENCE` in all.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from pipeline.deliver.excerpt import Excerpt, excerpts, headline
from pipeline.errors import BadInput, NotFound
from pipeline.flow.alerts.language import understood
from pipeline.flow.cluster import elsewhere
from pipeline.flow.stories.search import Facets, evidence, latest, relevance
from pipeline.model import Alert, Delivery, Story
from pipeline.outlets import cluster_of
from pipeline.ports import LedgerFilter, Ports, StoryFilter
from pipeline.query.document import Document
from pipeline.query.evaluate import matches
from pipeline.query.filters import Filters, split
from pipeline.query.syntax import EVERYTHING, Query

ON_A_PAGE = 20
BEST = 50
PATIENCE = timedelta(milliseconds=60)
LONGEST = timedelta(milliseconds=500)
"""How long a page that is not full is read for; then it says how far it got."""
TICK = timedelta(milliseconds=1)
"""The finest that every store keeps of a date."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What is looked for."""

    query: Query
    where: StoryFilter
    outlets: int = 1


@dataclass(frozen=True, slots=True)
class Found:
    """A story that was found; its copies in other outlets are folded into it."""

    story: Story
    headline: Excerpt
    excerpts: tuple[Excerpt, ...]
    elsewhere: tuple[Story, ...]


@dataclass(slots=True)
class Browsed:
    """A page of stories. `facets` are of those published after `counted_since`, or of all where it is None."""

    found: list[Found] = field(default_factory=list)
    facets: Facets = field(default_factory=Facets)
    counted_since: datetime | None = None
    after: str = ""  # where the next page begins; empty where there is none


def asked(ports: Ports, typed: str, since: datetime | None, until: datetime | None) -> Asked:
    """What is typed into a search, with its filters; nothing typed asks for every story. Raises QueryError."""
    words, filters = split(typed)
    query = understood(ports, words) if words.strip() else EVERYTHING
    both = filters.and_also(Filters(since=since, until=until))
    return Asked(query, StoryFilter(since=both.since, until=both.until), both.outlets)


def everything(ports: Ports, what: Asked) -> Iterator[Story]:
    """All that is found, the latest first."""
    return (story for story in latest(ports, what.query, what.where) if _is_found(ports, what, story))


def browse(ports: Ports, what: Asked, after: str = "") -> Browsed:
    """The page that begins `after` another, the latest first. Raises BadInput for an `after` that is none."""
    page, began = _Page(), ports.clock.now()
    for story in _candidates(ports, what, after):
        spent = ports.clock.now() - began
        if spent > (PATIENCE if page.full else LONGEST):
            page.browsed.counted_since = story.published
            break
        page.last_read = story
        if _is_found(ports, what, story):
            page.take_in(story)
    if page.browsed.counted_since:
        page.broken_off()
    page.browsed.found = [found_by(ports, what.query, one) for one in page.stories.values()]
    return page.browsed


def most_relevant(ports: Ports, what: Asked) -> Browsed:
    """The BEST stories of those that `PATIENCE` lets count, what says most of what was asked first."""
    browsed, began, ranked = Browsed(), ports.clock.now(), dict[str, tuple[int, datetime, Story]]()
    for story in latest(ports, what.query, what.where):
        if ports.clock.now() - began > (PATIENCE if ranked else LONGEST):
            browsed.counted_since = story.published
            break
        if _is_found(ports, what, story):
            browsed.facets.count(story)
            ranked.setdefault(cluster_of(story), (relevance(what.query, story), story.published, story))
    best = sorted(ranked.values(), key=lambda one: one[:2], reverse=True)[:BEST]
    browsed.found = [found_by(ports, what.query, story) for _, _, story in best]
    return browsed


def found_by(ports: Ports, query: Query, story: Story) -> Found:
    """A story with its words marked, and where else it stands."""
    why = evidence(query, story)
    return Found(story, headline(story, why), excerpts(story, why), tuple(elsewhere(ports, story)))


def find_story(ports: Ports, story_id: str) -> Story:
    """The story of this id. Raises NotFound."""
    found = ports.stores.stories.get([story_id])
    if story_id not in found:
        raise NotFound("story", story_id)
    return found[story_id]


def fired_on(ports: Ports, story: Story) -> list[tuple[Alert, Sequence[Delivery]]]:
    """The alerts that fired on a story, by name, each with what it sent; those that are gone are left out."""
    sent: dict[str, list[Delivery]] = {}
    for one in ports.stores.deliveries.ledger(LedgerFilter(story_id=story.id)):
        sent.setdefault(one.alert_id, []).append(one)
    alerts = ports.stores.alerts.get(list(sent))
    return [(alert, sent[alert.id]) for alert in sorted(alerts.values(), key=lambda one: one.name)]


class _Page:
    """A page while it is filled: a story whose cluster stands on it is folded."""

    def __init__(self) -> None:
        self.browsed = Browsed()
        self.stories: dict[str, Story] = {}
        self.last_read: Story | None = None
        self._last: Story | None = None  # of this page

    @property
    def full(self) -> bool:
        return len(self.stories) >= ON_A_PAGE

    def take_in(self, story: Story) -> None:
        self.browsed.facets.count(story)
        if self.browsed.after:
            return
        if self.full and cluster_of(story) not in self.stories and self._last:
            self.go_on_after(self._last)
            return
        self.stories.setdefault(cluster_of(story), story)
        self._last = story

    def broken_off(self) -> None:
        """There may be more: after the last of a page that is full, or else after the last that was read."""
        last = self._last if self.full else self.last_read
        if last and not self.browsed.after:
            self.go_on_after(last)

    def go_on_after(self, story: Story) -> None:
        self.browsed.after = f"{story.published.isoformat()}~{story.id}"


def _is_found(ports: Ports, what: Asked, story: Story) -> bool:
    if not matches(what.query, Document(story)):
        return False
    return what.outlets <= 1 or 1 + len(elsewhere(ports, story)) >= what.outlets


def _candidates(ports: Ports, what: Asked, after: str) -> Iterator[Story]:
    if not after:
        yield from latest(ports, what.query, what.where)
        return
    moment, story_id = _place(after)
    until = min(moment + TICK, what.where.until or moment + TICK)
    for story in latest(ports, what.query, replace(what.where, until=until)):
        if story.published < moment or (story.published == moment and story.id > story_id):
            yield story


def _place(after: str) -> tuple[datetime, str]:
    moment, _, story_id = after.partition("~")
    try:
        read = datetime.fromisoformat(moment)
        _ = read.astimezone(UTC) + TICK  # which a page of ours allows
    except (ValueError, OverflowError):
        read = None
    if read is None or read.tzinfo is None or not story_id:
        raise BadInput("this page begins nowhere: go back to the first")
    return read, story_id
