"""Many deliveries in one mail: why, in what order, and how much of each is shown.

By alert, urgent ones first, and then by what is first in each; in an alert by cluster: a story and its copies are one.
A story comes before another when it stands in more outlets; then when more clauses hold in its headline; then when it
is newer.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

from pipeline.deliver.item import Item
from pipeline.deliver.language import Language
from pipeline.deliver.plan import BURST, DIGEST
from pipeline.deliver.policy import read_policy
from pipeline.errors import BadInput
from pipeline.model import Alert, DeliveryState, Story
from pipeline.outlets import other_outlets

MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Cluster:
    """A story that an alert matched, with its copies and versions in this mail: `lead` speaks for all of them."""

    lead: Item
    size: int  # deliveries
    elsewhere: tuple[Story, ...]  # one story for each other outlet

    @property
    def importance(self) -> tuple[int, int, float, str]:
        """Sorts before what is less important (see above); the id leaves nothing to chance."""
        in_headline = {one.clause for one in self.lead.match.evidence if one.field == "title"}
        newest = self.lead.story.published.timestamp()
        return -len(self.elsewhere), -len(in_headline), -newest, self.lead.story.id


@dataclass(frozen=True, slots=True)
class Section:
    """What a mail says of one alert, the most important first."""

    alert: Alert
    clusters: tuple[Cluster, ...]


def sections(items: Sequence[Item]) -> list[Section]:
    """The deliveries of a mail by alert and cluster."""
    by_alert: dict[str, dict[str, list[Item]]] = {}
    for one in items:
        by_alert.setdefault(one.alert.id, {}).setdefault(one.cluster, []).append(one)
    made = [
        Section(
            next(iter(clusters.values()))[0].alert,
            tuple(sorted(map(_cluster, clusters.values()), key=lambda one: one.importance)),
        )
        for clusters in by_alert.values()
    ]
    return sorted(made, key=lambda one: (not one.alert.urgent, one.clusters[0].importance, one.alert.name))


def in_turn(made: Sequence[Section]) -> Iterator[tuple[Section, Cluster]]:
    """The first of each section, then the second of each …: so that no alert takes all the room of a mail."""
    for place in range(max(len(one.clusters) for one in made)):
        yield from ((one, one.clusters[place]) for one in made if place < len(one.clusters))


def why_held(items: Sequence[Item], said_in: Language) -> list[str]:
    """Why these come when they do, and in one mail, as their histories tell; empty for one that came at once."""
    told = dict.fromkeys(filter(None, map(_held, items)))
    sentences = dict.fromkeys(_in_words(one, said_in) for one in told)
    return list(sentences) or (_why_together(items, said_in) if len(items) > 1 else [])


def _cluster(items: Sequence[Item]) -> Cluster:
    """The cluster's own leader speaks for it, in the version that matched first, or else the copy that came first."""
    lead = min(items, key=lambda one: (one.story.id != one.cluster, one.match.matched_at, one.match.story_version))
    others = [story for one in items for story in (one.story, *one.elsewhere) if story.id != lead.story.id]
    return Cluster(lead, len(items), tuple(other_outlets(lead.story, [*lead.elsewhere, *others])))


def _held(item: Item) -> str:
    """The last reason for which a delivery was held."""
    notes = (event.note for event in reversed(item.delivery.history) if event.state is DeliveryState.HELD)
    return next(notes, "")


def _in_words(note: str, said_in: Language) -> str:
    """What plan.py writes into a history, as a reader is told it."""
    kind, _, rest = note.partition(" ")
    if note.startswith(DIGEST):
        return said_in.gettext("Your digest: %(policy)s.", policy=policy_in_words(note.removeprefix(DIGEST), said_in))
    if note.startswith("quiet hours, "):
        hours = note.removeprefix("quiet hours, ").replace("-", "–")
        return said_in.gettext("Held during your quiet hours, %(hours)s.", hours=hours)
    if kind == "throttle:" and rest.partition(" ")[0].isdecimal():
        return _throttled(int(rest.partition(" ")[0]), said_in)
    return said_in.gettext("Held while many stories came at once.")


def _throttled(most: int, said_in: Language) -> str:
    return said_in.ngettext(
        "This alert sends at most %(num)d mail an hour; what came meanwhile is in this one.",
        "This alert sends at most %(num)d mails an hour; what came meanwhile is in this one.",
        most,
    )


def _why_together(items: Sequence[Item], said_in: Language) -> list[str]:
    """Nothing was held: these came so close together that they were put in one mail."""
    throttle = items[0].alert.throttle
    if throttle and len(items) <= BURST:
        return [_throttled(throttle, said_in)]
    created = [one.delivery.created_at for one in items]
    minutes = max(1, -((min(created) - max(created)) // MINUTE))
    return [
        said_in.ngettext(
            "A burst: %(count)d matches in %(num)d minute, put in one mail.",
            "A burst: %(count)d matches in %(num)d minutes, put in one mail.",
            minutes,
            count=len(items),
        )
    ]


def policy_in_words(text: str, said_in: Language) -> str:
    """A digest's policy as its reader is told it: daily at 08:00. One that is no longer known is said as it stands."""
    try:
        digest = read_policy(text)
    except BadInput:
        return text
    if digest is None or digest.at is None:
        return said_in.gettext("hourly")
    at = said_in.time(digest.at)
    if len(digest.days) == 1:
        return said_in.gettext("every %(day)s at %(at)s", day=said_in.day(min(digest.days)), at=at)
    if len(digest.days) == 7:
        return said_in.gettext("daily at %(at)s", at=at)
    return said_in.gettext("on weekdays at %(at)s", at=at)
