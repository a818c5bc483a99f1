"""trends: what alerts matched, day by day, and in which outlets and of whom. Days are UTC's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from pipeline.model import Alert
from pipeline.ports import Ports

MOST_READ = 500
"""Of the latest matches, whose stories are read for their outlets and entities."""
TOP = 10


@dataclass(frozen=True, slots=True)
class Volume:
    """How many matches one alert has had on each of some days."""

    alert: Alert
    by_day: Sequence[int]

    @property
    def total(self) -> int:
        """On all these days."""
        return sum(self.by_day)


@dataclass(frozen=True, slots=True)
class Named:
    """The outlets and entities of the latest matches, most often first, and of how many matches these are."""

    outlets: list[tuple[str, int]]
    entities: list[tuple[str, int]]
    read: int


def days_until(now: datetime, number: int) -> list[date]:
    """The last `number` days, today's the last."""
    return [now.date() - timedelta(days=number - 1 - at) for at in range(number)]


def volumes(ports: Ports, alerts: Collection[Alert], days: Sequence[date]) -> list[Volume]:
    """How many matches each of these alerts has had on each of `days`, which follow each other; the busiest first."""
    counted = ports.stores.matches.by_day(days[0])
    none: dict[date, int] = {}
    found = [Volume(one, [counted.get(one.id, none).get(day, 0) for day in days]) for one in alerts]
    return sorted(found, key=lambda one: (-one.total, one.alert.name.casefold()))


def named(ports: Ports, alerts: Collection[Alert], days: Sequence[date]) -> Named:
    """In which outlets and of whom the latest matches of these alerts are."""
    start = datetime.combine(days[0], time(), UTC)
    found = ports.stores.matches.latest([one.id for one in alerts], start, MOST_READ)
    stories = ports.stores.stories.get(list({one.story_id for one in found}))
    outlets, entities = Counter[str](), Counter[str]()
    for story in stories.values():
        outlets[story.site or "an outlet without a name"] += 1
        entities.update({one.name for one in story.entities})
    return Named(outlets.most_common(TOP), entities.most_common(TOP), len(found))
