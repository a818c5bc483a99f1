"""The whole way of a story with Celery, Redis and Elasticsearch on this one machine: stories a second, CPU, latency.

    .venv/bin/python -m benchmarks.celery_path [--stories 400] [--quick]

Rate: stories of 500 words stand in ten feeds at once; each page is fetched from loopback, extracted, enriched,
clustered, indexed, percolated against 1,000 alerts, and mailed, since each story fires one. It ends when all have; with
one worker that ingests, then with two. CPU is that of the processes of each kind, with their extractors, and of
Elasticsearch as it states it itself: in ms a story.

Latency: 5 stories a second, the same way. From the first answer of a feed that holds the story to the server having
read its mail (issue 8). Servers are found or started as the tests do. A table goes to stderr, JSON to stdout.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from benchmarks import newsstream
from benchmarks.deliver import A_SECOND, FEEDS, WATCHED, figures, publish, table, watch
from benchmarks.poll import family
from pipeline.adapters.elastic.client import connect
from pipeline.model import EntryState
from pipeline.ports import Ports
from pipeline.settings import load
from tests import servers, web
from tests.faults.conservation import entry_id
from tests.faults.scene import drop_indices
from tests.fleet import Fleet, launched
from tests.postbox import Postbox, open_postbox
from tests.press import Press, Published, mailed
from tests.servers import wait_until
from workers import bootstrap

BARS = {"stories_per_s": 25.0, "p99_s": 5.0}
LONGEST = 300.0
WARM = 20
"""Stories that go first, so that every process has its libraries and models."""
TICK = os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Measure, and print."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--stories", type=int, default=400)
    options.add_argument("--quick", action="store_true", help="a tenth of the stories, to see that it runs")
    asked = options.parse_args()
    count = asked.stories // (10 if asked.quick else 1)
    results: dict[str, dict[str, float]] = {}
    with servers.elasticsearch() as store, servers.redis() as broker:
        # A desk of its own: after hundreds of matches at once mails are held as a burst, as they should be.
        with desk(store, broker, count, 1) as made:
            results["latency"] = latency(made, range(WARM, WARM + count))
        for ingesting in (1, 2):
            with desk(store, broker, count, ingesting) as made:
                results[f"{ingesting} ingest"] = rate(made, count)
    table(results, BARS)
    print(json.dumps(results, indent=1))


@dataclass(frozen=True, slots=True)
class Desk:
    """What is measured: its ports for looking, what comes in and what goes out."""

    ports: Ports
    press: Press
    postbox: Postbox
    fleet: Fleet


@contextmanager
def desk(store: str, broker: str, count: int, ingesting: int) -> Iterator[Desk]:
    """A fleet that has done WARM stories, with so many workers that ingest."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        postbox, site = stack.enter_context(open_postbox()), stack.enter_context(web.serve())
        settings = {
            "data": str(folder),
            "store": store,
            "store_prefix": f"bench-{uuid4().hex[:8]}",
            "broker": broker,
            "mail": postbox.url,
            "allow_private": "127.0.0.1/32",
            "host_spacing": "0",
            "host_parallel": "8",
            "pages": "always",
            "poll_floor": "0",
            "poll_ceiling": "1",
            "sweep_every": "1",
            "look_again": "0",
            "log_level": "WARNING",
        }
        ports = bootstrap.make_ports(load({}, **settings))
        stack.callback(bootstrap.close, ports)
        ports.stores.prepare()
        stack.callback(drop_indices, ports)
        press = Press(site, feeds=FEEDS, zones=WATCHED, window=count, pages=True)
        watch(ports, press)
        ingest = ["ingest", *(f"ingest-{number}" for number in range(2, ingesting + 1))]
        fleet = stack.enter_context(launched(folder, "poll", *ingest, "notify", "beat", **settings))
        made = Desk(ports, press, postbox, fleet)
        burst(made, range(WARM))
        yield made


def burst(made: Desk, numbers: Iterable[int]) -> float:
    """Publish these all at once; seconds from then until the last is a story and its alert has fired."""
    chance = random.Random(str(numbers))  # other texts than those of before, which would be copies
    texts = {number: newsstream.story(chance, number).body for number in numbers}
    known = len(made.press.published)
    began = time.perf_counter()
    for number, text in texts.items():
        made.press.publish(number, text)
    pass_through(made.ports, made.press.published[known:], LONGEST)
    return time.perf_counter() - began


def pass_through(ports: Ports, published: Iterable[Published], seconds: float) -> None:
    """Wait until each of these is a story on which the alerts have fired; exits when that takes longer."""
    left = {entry_id(one) for one in published}
    until = time.monotonic() + seconds
    while left:
        if time.monotonic() > until:
            sys.exit(f"after {seconds:g} s {len(left)} stories are not through")
        time.sleep(0.2)  # no oftener: asking is work for Elasticsearch too
        left -= {key for key, one in ports.stores.entries.get(list(left)).items() if one.state is EntryState.DONE}


def rate(made: Desk, count: int) -> dict[str, float]:
    """What `count` stories took together."""
    before = _cpu(made)
    took = burst(made, range(WARM, WARM + count))
    spent = {kind: 1000 * (after - before[kind]) / count for kind, after in _cpu(made).items()}
    return {"count": count, "stories_per_s": count / took} | {f"{kind}_cpu_ms": ms for kind, ms in spent.items()}


def _cpu(made: Desk) -> dict[str, float]:
    """Seconds of CPU so far, of the processes of each kind and of Elasticsearch."""
    spent: dict[str, float] = {}
    for name, process in made.fleet.processes.items():
        kind = name.partition("-")[0]
        spent[kind] = spent.get(kind, 0.0) + sum(_seconds(pid) for pid in family(process.pid))
    with connect(made.ports.settings) as client:
        nodes = client.nodes.stats(metric="process")["nodes"]
    return spent | {"elasticsearch": sum(one["process"]["cpu"]["total_in_millis"] for one in nodes.values()) / 1000}


def _seconds(pid: int) -> float:
    """CPU of a process, and of those of its children that have ended and been waited for (proc(5), stat 14 to 17)."""
    try:
        parts = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return sum(map(int, parts[11:15])) / TICK


def latency(made: Desk, numbers: range) -> dict[str, float]:
    """From arrival to mail, at A_SECOND stories a second."""
    publish(made.press, numbers, A_SECOND)
    wait_until(lambda: mailed(made.postbox).keys() >= set(numbers), LONGEST, "each story is mailed")
    taken = mailed(made.postbox)
    return figures([taken[number] - made.press.arrived[number] for number in numbers])


if __name__ == "__main__":
    main()
