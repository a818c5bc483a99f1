"""preview: what an alert means, and would have found and mailed, while it is typed.

Stories are read from the latest backwards for `PATIENCE`, so that it answers at once; the days that this did not
reach are estimated, and `bounded` says so. What was read is exact: the judge read it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import chain

from pipeline.deliver.plan import first
from pipeline.deliver.policy import most_a_day
from pipeline.flow.alerts.history import Difference, Trial, too_often
from pipeline.flow.alerts.language import lexicon
from pipeline.flow.readers.recipients import members, recipients_of
from pipeline.flow.stories.search import Reach, latest, within
from pipeline.ids import identify
from pipeline.model import Alert, Delivery, DeliveryState, Story
from pipeline.ports import Ports, StoryFilter
from pipeline.query.document import Document
from pipeline.query.evaluate import matches
from pipeline.query.lint import warnings
from pipeline.query.meaning import understand, varied
from pipeline.query.outline import Outline, outline
from pipeline.query.syntax import Or, Query, parse

SHOWN = timedelta(days=30)
PATIENCE = timedelta(milliseconds=100)
MOST_TOLD = 20
"""Recipients of whom it is said when their next mail would come."""


@dataclass(frozen=True, slots=True)
class Preview:
    """A query as it was understood, and what it finds; `difference` is from the query that is saved, if one is.

    The days before `trial.since` were not read where that is later than `since`: what the engine would narrow to is
    counted there, times the share of what was read that matched.
    """

    meant: Query
    outline: Outline
    warnings: tuple[str, ...]
    since: datetime
    by_day: dict[str, int]  # every day since then, as ISO dates
    trial: Trial  # what was read
    difference: Difference | None

    @property
    def bounded(self) -> bool:
        """Whether some of the days are estimated."""
        return self.trial.since > self.since

    @property
    def per_day(self) -> float:
        """Stories a day."""
        return sum(self.by_day.values()) / SHOWN.days

    def mails_a_day(self, policy: str, throttle: int, zone: str = "UTC") -> float:
        """How many mails a day for one recipient. Raises BadInput for a policy or zone that can't be read."""
        if not self.bounded:
            return self.trial.mails_a_day(policy, throttle, zone)
        firings = self.per_day * len(self.trial.moments) / (self.trial.stories or 1)
        return min(firings, most_a_day(policy, throttle))


def preview(
    ports: Ports, typed: str, *, variants: bool = True, copies: bool = False, saved: str | None = None
) -> Preview:
    """Hold what `typed` means against the last days, and against the meaning that is `saved`. Raises QueryError."""
    words = lexicon(ports)
    meant = understand(typed, words, variants=variants)
    plain = parse(typed, words.lists)
    spelled = varied(plain, words, variants=variants)
    since = ports.clock.now() - SHOWN
    counted = _Reading(ports, meant, parse(saved) if saved is not None else None, since, copies=copies)
    made = Preview(
        meant=meant,
        outline=outline(spelled),
        warnings=tuple(str(one) for one in warnings(plain, spelled.root)),
        since=since,
        by_day=counted.by_day(ports, meant, since),
        trial=counted.trial,
        difference=counted.difference,
    )
    return replace(made, warnings=(*made.warnings, *too_often(made.per_day)))


class _Reading:
    """One pass over the latest stories for both queries, as far as it gets."""

    def __init__(self, ports: Ports, new: Query, old: Query | None, since: datetime, *, copies: bool) -> None:
        self.trial, self.read = Trial(since, ports.clock.now(), copies=copies), 0
        self.difference = Difference() if old else None
        either = Query("", Or((new.root, old.root))) if old else new
        reach = Reach()
        for story in within(ports, latest(ports, either, StoryFilter(since=since)), PATIENCE, reach):
            self._take_in(story, new, old)
        self.trial.since = reach.since or since

    def _take_in(self, story: Story, new: Query, old: Query | None) -> None:
        document = Document(story)
        found, before = matches(new, document), bool(old and matches(old, document))
        self.read += found or not before  # what only the saved query finds is no candidate of the new one
        if found:
            self.trial.count(new, story)
        if self.difference is not None:
            self.difference.count(story, before=before, after=found)

    def by_day(self, ports: Ports, new: Query, since: datetime) -> dict[str, int]:
        """Every day, with what was found; where it was not read to its end, what is to be expected of it."""
        days = {(since + timedelta(days=one)).date().isoformat(): 0 for one in range(SHOWN.days + 1)}
        days |= self.trial.by_day
        if self.trial.since > since:
            share = self.trial.stories / (self.read or 1)
            unread = self.trial.since.date().isoformat()
            for day, count in ports.stores.stories.narrowed_days(new, StoryFilter(since=since)).items():
                if day <= unread:
                    days[day] = max(days[day], round(share * count))
        return dict(sorted(days.items()))


def first_deliveries(ports: Ports, alerts: Sequence[Alert]) -> list[list[Delivery]]:
    """For each alert what a match right now would be written as, a delivery for each recipient (MOST_TOLD at the most).

    Nothing is written. Pending goes at once, held at its `due_at`, suppressed never.
    """
    now = ports.clock.now()
    named = [members(ports, alert.recipients)[:MOST_TOLD] for alert in alerts]
    known = recipients_of(ports, chain.from_iterable(named))
    return [
        [first(_delivery(alert, address, now), alert, known[address], now) for address in addresses]
        for alert, addresses in zip(alerts, named, strict=True)
    ]


def next_mails(ports: Ports, alerts: Sequence[Alert]) -> list[Delivery | None]:
    """The earliest of the `first_deliveries` of each alert; None where nobody is told."""
    return [
        min(waiting, key=lambda one: (one.state is DeliveryState.SUPPRESSED, one.due_at), default=None)
        for waiting in first_deliveries(ports, alerts)
    ]


def _delivery(alert: Alert, address: str, now: datetime) -> Delivery:
    key = identify("delivery", "preview", alert.id, address)
    return Delivery(
        id=key,
        match_id="",
        alert_id=alert.id,
        story_id="",
        recipient=address,
        due_at=now,
        created_at=now,
        updated_at=now,
    )
