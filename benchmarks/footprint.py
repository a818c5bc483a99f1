"""What a process takes: memory of each Celery worker and of `wirewatch up` with 500 feeds, and how soon that is there.

    .venv/bin/python -m benchmarks.footprint [--feeds 500] [--minutes 1] [--redis URL]

Feeds and pages come from loopback, by the sample of the tests. Memory is the proportional share (PSS, what processes
share counted once), and in brackets what the process has mapped itself (RSS); of a worker with its pool the largest
process. A table on stderr, JSON on stdout.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests import servers, web
from tests.fleet import BIN, environment, launched
from tests.servers import wait_until

BARS = {"worker process": 180.0, "up with feeds": 200.0, "cold start": 3.0}
STARTS = 5
SETTLED = 20
"""Seconds after which those that ingested the first poll are gone."""


def main() -> None:
    asked = argparse.ArgumentParser()
    asked.add_argument("--feeds", type=int, default=500)
    asked.add_argument("--minutes", type=float, default=1.0)
    asked.add_argument("--redis", help="of a running server; else one is started")
    arguments = asked.parse_args()
    with tempfile.TemporaryDirectory() as folder, web.serve() as site:
        feeds = put_feeds(site, arguments.feeds)
        found = {
            "cold start": cold_start(Path(folder) / "cold"),
            "up with feeds": embedded(Path(folder) / "up", feeds, arguments.minutes),
            "workers": workers(Path(folder) / "fleet", feeds, arguments.redis, arguments.minutes),
        }
    tell(found, arguments.feeds)
    print(json.dumps(found))


def put_feeds(site: web.Site, number: int) -> list[str]:
    """So many feeds of one story each, with its page."""
    return [
        web.put_story(site, f"story{one}", f"Village {one} near Kursk.", feed=f"/feed{one}") for one in range(number)
    ]


def settings(folder: Path, **more: str) -> dict[str, str]:
    """The environment of a process with its data there."""
    return environment(**chosen(folder, **more))


def chosen(folder: Path, **more: str) -> dict[str, str]:
    folder.mkdir(parents=True, exist_ok=True)
    given = {"data": str(folder), "allow_private": "127.0.0.1/32", "host_spacing": "0", "host_parallel": "8"}
    return given | {"pages": "always", "sweep_every": "2", "poll_floor": "15", "poll_ceiling": "30"} | more


# -- `wirewatch up`


@contextmanager
def up(given: dict[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as out:
        process = subprocess.Popen([BIN / "wirewatch", "up"], env=given, stdout=out, stderr=out)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(60)


def cold_start(folder: Path) -> dict[str, float]:
    """Seconds until `up` says that it runs and its console listens, in a new folder each time."""
    took, spent = list[float](), list[float]()
    for number in range(STARTS):
        given, log = settings(folder / str(number), console_port=str(port := servers.free_port())), folder / "up.log"
        begun = time.monotonic()
        with up(given, log) as process:
            wait_until(lambda log=log: "running;" in log.read_text(), 60, "it runs")
            web.wait_for(port)
            took.append(time.monotonic() - begun)
            spent.append(processor_seconds(process.pid))
    middle = {"median": sorted(took)[STARTS // 2], "worst": max(took), "processor": sorted(spent)[STARTS // 2]}
    return {name: round(seconds, 2) for name, seconds in middle.items()}


def processor_seconds(pid: int) -> float:
    """Of processor time, which a busy machine does not stretch as it does the clock's."""
    user, system = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def embedded(folder: Path, feeds: list[str], minutes: float) -> dict[str, float]:
    """Megabytes of `up` and its children when all feeds have been polled and their stories taken in."""
    given = settings(folder, console_port="0")
    take(given, feeds)
    with up(given, folder / "up.log") as process:
        wait_until(lambda: facts(given)["stories"] >= len(feeds), 600, "all stories are there")
        time.sleep(SETTLED)
        return peak(lambda: family(process.pid), minutes)


# -- workers


def workers(folder: Path, feeds: list[str], redis: str | None, minutes: float) -> dict[str, dict[str, float]]:
    """Megabytes of the largest process of each worker, after all stories were taken in."""
    with given_redis(redis) as broker, launched(folder, **chosen(folder, broker=broker)) as fleet:
        take(fleet.environment, feeds)
        wait_until(lambda: facts(fleet.environment)["stories"] >= len(feeds), 900, "all stories are there")
        each = minutes / len(fleet.processes)
        return {name: largest(process.pid, each) for name, process in fleet.processes.items()}


@contextmanager
def given_redis(url: str | None) -> Iterator[str]:
    if url:
        yield url
        return
    with servers.redis_at(servers.free_port()) as started:
        yield started


def largest(pid: int, minutes: float) -> dict[str, float]:
    """The process of a worker that takes most, its extractor's children apart."""
    return max((peak(lambda one=one: [one], minutes / 4) for one in family(pid)), key=lambda found: found["pss"])


# -- shared


def take(given: dict[str, str], feeds: list[str]) -> None:
    """Have the feeds watched, with an alert that all their stories match."""
    opml = Path(given["WIREWATCH_DATA"]) / "feeds.opml"
    lines = "".join(f'<outline type="rss" text="{one}" xmlUrl="{one}"/>' for one in feeds)
    opml.write_text(f'<opml version="2.0"><body>{lines}</body></opml>')
    for command in (
        ["setup"],
        ["feeds", "import", str(opml)],
        ["alerts", "add", "a", "kursk", "--to", "a@example.org"],
    ):
        subprocess.run([BIN / "wirewatch", *command], env=given, check=True, capture_output=True)


def facts(given: dict[str, str]) -> dict[str, int]:
    time.sleep(2)  # each look costs a second of the machine that is measured
    # It exits 1 while something needs a person, as on a disk that is almost full: not what is measured here.
    done = subprocess.run([BIN / "wirewatch", "status", "--json"], env=given, check=False, capture_output=True)
    return dict(json.loads(done.stdout))


def family(pid: int) -> list[int]:
    """A process and all that descend from it."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    threads = [part for path in Path(f"/proc/{pid}/task").glob("*/children") for part in path.read_text().split()]
    return [pid, *(one for child in dict.fromkeys([*children, *threads]) for one in family(int(child)))]


def peak(pids: object, minutes: float) -> dict[str, float]:
    """The most that the processes take together while so much time passes, in megabytes."""
    found, until = {"pss": 0.0, "rss": 0.0}, time.monotonic() + minutes * 60
    while True:
        known = pids()
        found = {kind: max(most, round(sum(megabytes(one, kind) for one in known), 1)) for kind, most in found.items()}
        if time.monotonic() > until:
            return found
        time.sleep(1)


def megabytes(pid: int, kind: str) -> float:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:  # it has ended meanwhile
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.lower().startswith(f"{kind}:")), 0.0)


def tell(found: dict[str, object], feeds: int) -> None:
    def row(name: str, shown: str, bar: str) -> None:
        print(f"{name:34} {shown:28} {bar}", file=sys.stderr)

    row("", "measured", "bar")
    cold, whole = found["cold start"], found["up with feeds"]
    row(
        "cold start of `wirewatch up`",
        f"{cold['median']} s, worst {cold['worst']}, CPU {cold['processor']}",
        f"{BARS['cold start']} s",
    )
    row(f"`up`, {feeds} feeds, all processes", f"{whole['pss']} MB (RSS {whole['rss']})", f"{BARS['up with feeds']} MB")
    for name, one in found["workers"].items():
        row(f"largest process of {name}", f"{one['pss']} MB (RSS {one['rss']})", f"{BARS['worker process']} MB")
    print(f"load of the machine meanwhile: {os.getloadavg()[0]:.1f}", file=sys.stderr)


if __name__ == "__main__":
    main()
