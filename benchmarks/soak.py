"""A soak: Celery, Redis, Elasticsearch and SMTP under load for long, with faults that come at random.

    .venv/bin/python -m benchmarks.soak [--minutes 20] [--seed 10]

First the capacity: 100 stories at once, until all are through, and the same again. Then 70% of that, story after
story; each page is fetched from loopback, and each story fires an alert. Between faults there is calm; each is one of
tests/faults/faults.py, from a generator of the seed. At the end all that was published is held to the stores, the
ledger and the mails (tests/faults/conservation.py), and the memory of each process that lived ten minutes to a line
through the second half of its life: in the first its caches fill, each of which has a bound.
Table on stderr, JSON on stdout; exits 1 when something is lost, doubled unmarked, or memory grows.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import linear_regression, pstdev

from benchmarks.celery_path import pass_through
from benchmarks.deliver import figures
from benchmarks.poll import family, note, pss
from tests.faults import scene
from tests.faults.faults import FAULTS
from tests.faults.scene import Scene, meanwhile
from tests.press import mailed

CALM, TROUBLE = (15.0, 45.0), (3.0, 15.0)
"""Seconds between two faults, and for which one lasts: from, to."""
PART = 0.7
BURST = 100
SETTLED = 300.0
LOOK_EVERY = 5.0
"""Seconds between two looks at memory."""
SHORTEST_LIFE = 600.0
"""Seconds of a process: one that lived shorter says nothing of growth. Half of four minutes was a peak of a digest."""
NOISE_MB = 3.0


@dataclass(slots=True)
class Fault:
    """One that was done, by time.time()."""

    name: str
    began: float
    ended: float


@dataclass(slots=True)
class Memory:
    """What each process held, in MB, by seconds since it was first seen; what is shared counts for each its part."""

    held: dict[tuple[str, int], list[tuple[float, float]]] = field(default_factory=dict)
    first: dict[int, float] = field(default_factory=dict)

    def look(self, at_work: Scene) -> None:
        now = time.monotonic()
        for kind, process in list(at_work.fleet.processes.items()):
            for pid in family(process.pid):
                if mb := pss(pid) / 1e6:
                    begun = self.first.setdefault(pid, now)
                    self.held.setdefault((kind, pid), []).append((now - begun, mb))


def main() -> None:
    """Soak, and print."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--minutes", type=float, default=20)
    options.add_argument("--seed", type=int, default=10)
    asked = options.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        scene.in_killable_fleet(Path(folder), feeds=20, window=100, poll_ceiling="4") as at_work,
    ):
        results = soaked(at_work, asked.minutes * 60, random.Random(asked.seed))
    print(json.dumps(results | {"seed": asked.seed}, indent=1))
    sys.exit(1 if results["conservation"]["broken"] or results["grows"] else 0)


def soaked(at_work: Scene, seconds: float, chance: random.Random) -> dict[str, object]:
    """All of the soak; what it came to."""
    capacity = measured(at_work)
    a_second = PART * capacity
    note(f"capacity {capacity:.1f} stories/s; {a_second:.1f}/s for {seconds / 60:g} min …")
    memory, began = Memory(), at_work.numbers
    with meanwhile(lambda: memory.look(at_work), every=LOOK_EVERY), at_work.load(a_second):
        done = list(trouble(at_work, time.monotonic() + seconds, chance))
    published = range(began, at_work.numbers)
    note("no more is published; what is left is done …")
    try:
        kept = at_work.settle(SETTLED)  # as it was then: what is held for a burst goes on its way later
    except AssertionError as error:
        note(str(error)[:4_000])
        kept = at_work.found()
    lives = [life for life in map(grown, memory.held.items()) if life]
    results = {
        "minutes": seconds / 60,
        "capacity_per_s": capacity,
        "published": len(published),
        "faults": [(one.name, round(one.ended - one.began, 1)) for one in done],
        "latency": latencies(at_work, published, done),
        "memory": lives,
        "too_short_to_say": sorted({kind for kind, _ in memory.held} - {life["process"] for life in lives}),
        "grows": any(life["grows"] for life in lives),
        "conservation": asdict(kept),
    }
    table(results)
    return results


def measured(at_work: Scene) -> float:
    """Stories a second, of the second of two bursts."""
    for _ in range(2):
        began, known = time.perf_counter(), len(at_work.press.published)
        for _ in range(BURST):
            at_work.publish()
        pass_through(at_work.ports, at_work.press.published[known:], SETTLED)
        took = time.perf_counter() - began
    return BURST / took


def trouble(at_work: Scene, until: float, chance: random.Random) -> Iterator[Fault]:
    """Faults with calm between them, until then."""
    while True:
        calm, lasts, name = chance.uniform(*CALM), chance.uniform(*TROUBLE), chance.choice(list(FAULTS))
        if time.monotonic() + calm + lasts > until:
            time.sleep(max(0.0, until - time.monotonic()))
            return
        time.sleep(calm)
        note(f"  {name}, {lasts:.0f} s")
        began = time.time()
        FAULTS[name](at_work, lasts)
        yield Fault(name, began, time.time())


def latencies(at_work: Scene, published: range, done: list[Fault]) -> dict[str, dict[str, float]]:
    """Seconds from arrival to mail: of all stories, and of those that came when no fault was, nor one minute before."""
    taken, arrived = mailed(at_work.postbox), at_work.press.arrived
    took = {number: taken[number] - arrived[number] for number in published if number in taken and number in arrived}
    calm = [one for number, one in took.items() if not _troubled(arrived[number], arrived[number] + one, done)]
    return {name: figures(ones) for name, ones in (("all", list(took.values())), ("calm", calm)) if len(ones) > 1}


def _troubled(began: float, ended: float, done: list[Fault]) -> bool:
    return any(began < one.ended + 60 and ended > one.began for one in done)


def grown(item: tuple[tuple[str, int], list[tuple[float, float]]]) -> dict[str, object] | None:
    """How the memory of one process grew in the second half of its life; None for one that did not live for long.

    It grows where a line through what it held rises by more than three times what the looks differ from it, and by
    NOISE_MB.
    """
    (kind, pid), looks = item
    age = looks[-1][0]
    if age < SHORTEST_LIFE:
        return None
    times, held = zip(*[one for one in looks if one[0] >= age / 2], strict=True)
    line = linear_regression(times, held)
    noise = pstdev(mb - line.intercept - line.slope * at for at, mb in zip(times, held, strict=True))
    rise = line.slope * (times[-1] - times[0])
    return {
        "process": kind,
        "pid": pid,
        "minutes": round(age / 60, 1),
        "mb_half": round(held[0], 1),
        "mb_last": round(held[-1], 1),
        "mb_most": round(max(held), 1),
        "mb_an_hour": round(line.slope * 3600, 2),
        "rise_mb": round(rise, 2),
        "noise_mb": round(noise, 2),
        "grows": rise > max(NOISE_MB, 3 * noise),
    }


def table(results: dict[str, object]) -> None:
    """The figures for people, on stderr."""
    for key, value in results.items():
        rows = value if isinstance(value, list) else [value]
        for row in rows:
            note(f"{key:14} {row}")


if __name__ == "__main__":
    main()
