"""Feeds of realistic habits and what they publish, the same for the same seed (issue 6, benchmarks/schedule.py).

The mix, feed by feed: rates are log-normal with a median of one story a day and a tail of some hundreds; eight in ten
follow the day of one of seven time zones, six in ten rest at the weekend, three in ten come in bursts; one in fifty
fails in the week (half of them for a day, the others for good), and one in a hundred changes its pace. Three in ten ask
to be left alone for an hour (ttl, sy:updatePeriod: what a common blog engine writes into all its feeds), two in ten
state a max-age of 5 to 15 minutes. One in ten has no dates. A document holds 10 to 50 entries. Hosts have from one to a
thousand feeds. No one has measured this mix: it is made to be like what is known of feeds, not drawn from them.
"""

from __future__ import annotations

import math
import random
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

DAY, HOUR = 86_400.0, 3_600.0
START = datetime(2026, 3, 2, tzinfo=UTC).timestamp()  # a Monday
HISTORY = 28 * DAY  # what feeds had published before the week begins
ZONES = (-8, -5, 0, 1, 3, 8, 9)
# Stories by the local hour, as newsrooms have them: from six in the morning, most around noon, few at night.
NEWSROOM = (2, 1, 1, 1, 2, 4, 7, 9, 10, 10, 10, 10, 9, 9, 9, 9, 9, 8, 7, 6, 5, 4, 3, 3)
MOST_A_DAY = 600.0


@dataclass(frozen=True, slots=True)
class Feed:
    """What one feed is like. `published` are the moments of its stories, in seconds since the epoch, in order."""

    name: str
    published: list[float]
    window: int
    dated: bool
    least_interval: float
    max_age: float
    fails: tuple[float, float]  # from when to when it answers 404

    def document(self, moment: float) -> tuple[int, int]:
        """Which of its stories its document holds at `moment`: from, and up to but without."""
        end = bisect_right(self.published, moment)
        return max(0, end - self.window), end

    def published_in(self, start: float, end: float) -> int:
        """How many stories came at or after `start`, and before `end`."""
        return bisect_left(self.published, end) - bisect_left(self.published, start)


def hosts(feeds: int, seed: int) -> Iterator[tuple[int, int]]:
    """Seeds and sizes of hosts with `feeds` feeds in all: most have one, the largest a thousand."""
    chance = random.Random(seed)
    while feeds > 0:
        size = min(feeds, 1_000, int(chance.paretovariate(1.0)))
        yield chance.getrandbits(63), size
        feeds -= size


def feed(chance: random.Random, name: str, days: float) -> Feed:
    """One feed and its stories of the history and `days` days."""
    rate = min(chance.lognormvariate(0.0, 2.0), MOST_A_DAY)
    asks = chance.random()
    return Feed(
        name=name,
        published=_stories(chance, rate, START + days * DAY),
        window=chance.choice((10, 10, 15, 20, 20, 30, 50)),
        dated=chance.random() >= 0.1,
        least_interval=HOUR if asks < 0.3 else 0.0,
        max_age=chance.choice((300.0, 600.0, 900.0)) if 0.3 <= asks < 0.5 else 0.0,
        fails=_failure(chance, days),
    )


def _failure(chance: random.Random, days: float) -> tuple[float, float]:
    if chance.random() >= 0.02:
        return math.inf, math.inf
    start = START + chance.random() * days * DAY
    return start, start + DAY if chance.random() < 0.5 else math.inf


def _stories(chance: random.Random, rate: float, end: float) -> list[float]:
    """A Poisson stream thinned to the day and the week; bursts are clusters that one story sets off within hours."""
    hours = _day(chance)
    weekend = chance.choice((0.15, 0.3, 0.5)) if chance.random() < 0.6 else 1.0
    followers = chance.uniform(1, 4) if chance.random() < 0.3 else 0.0
    turn, pace = _turn(chance, end)
    top = max(hours)
    most = rate * top / (1 + followers) * max(1.0, pace)
    at, found = START - HISTORY, []
    while (at := at + chance.expovariate(most / DAY)) < end:
        weight = hours[int(at % DAY // HOUR)] / top * (weekend if int(at // DAY + 3) % 7 >= 5 else 1.0)
        if chance.random() < weight * (pace if at >= turn else 1.0) / max(1.0, pace):
            found.append(at)
            if followers:
                found += [at + chance.expovariate(1 / HOUR) for _ in range(_count(chance, followers))]
    return sorted(moment for moment in found if moment < end)


def _day(chance: random.Random) -> list[float]:
    """How a feed's stories are spread over the hours in UTC, their mean 1."""
    if chance.random() < 0.2:
        return [1.0] * 24
    zone = chance.choice(ZONES)
    mean = sum(NEWSROOM) / 24
    return [NEWSROOM[(hour + zone) % 24] / mean for hour in range(24)]


def _turn(chance: random.Random, end: float) -> tuple[float, float]:
    """When a feed changes its pace, and to how many times what it was."""
    if chance.random() >= 0.01:
        return math.inf, 1.0
    return START + chance.random() * (end - START), chance.choice((0.1, 0.3, 3.0, 10.0))


def _count(chance: random.Random, mean: float) -> int:
    """A geometric number with that mean."""
    return int(math.log(1 - chance.random()) / math.log(mean / (1 + mean)))
