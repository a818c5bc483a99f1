"""Polling 1,000 feeds of 50 hosts on the embedded backend: the first poll, one where nothing is new, one with a new
entry in each; language, entities, index and 100 alerts on the feeds' text, no pages fetched. One entry in twenty
matches, and is mailed. Miniflux beside it where there is one.

    .venv/bin/python -m benchmarks.poll [--stored 1000000] [--miniflux PATH] [--quick]

The feeds come from ../shared/bench/feedserver (Go), or from FEEDSERVER, a binary of it. A table goes to stderr, JSON to
stdout. Bars: issue 6. `--stored N` writes N entries of other feeds first, to see that the cost of a poll does not grow.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from statistics import median
from typing import Any

from pipeline.flow.alerts.manage import NewAlert, put_alert
from pipeline.flow.feeds import opml
from pipeline.flow.feeds.manage import NewFeed, add_feeds
from pipeline.flow.once import Round, once
from pipeline.ids import identify
from pipeline.model import Entry, EntryState
from pipeline.ports import Ports
from pipeline.settings import load
from tests.servers import SHARED, free_port, process, wait_until
from workers import bootstrap
from workers.crew import Crew

FEEDS, ITEMS, HOSTS, ALERTS = 1_000, 20, 50, 100
TERMS = 20 * ALERTS
UNCHANGED_POLLS = 5
PAGE = 10_000


def main() -> None:
    """Measure, and print."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--stored", type=int, default=0, help="entries that are in the store before")
    options.add_argument("--miniflux", type=Path, help="its binary: measured in the same run, with PostgreSQL")
    options.add_argument("--quick", action="store_true", help="100 feeds, to see that it runs")
    chosen = options.parse_args()
    feeds = FEEDS // 10 if chosen.quick else FEEDS
    results: dict[str, Any] = {"feeds": feeds, "entries": feeds * ITEMS, "stored_before": chosen.stored}
    with feedserver(feeds) as base:
        results["wirewatch"] = ours(base, chosen.stored)
    if chosen.miniflux:
        with feedserver(feeds) as base:
            results["miniflux"] = theirs(base, chosen.miniflux)
    table(results)
    print(json.dumps(results, indent=1))


# ---------------------------------------------------------------------------------------------------------
# The feeds


@contextmanager
def feedserver(feeds: int) -> Iterator[str]:
    """A fresh feed server; its address."""
    with tempfile.TemporaryDirectory() as folder:
        binary = os.environ.get("FEEDSERVER") or built(Path(folder))
        port = free_port()
        options = {"feeds": feeds, "items": ITEMS, "hosts": HOSTS, "port": port, "plant": TERMS}
        arguments = [f"-{name}={value}" for name, value in options.items()]
        base = f"http://127.0.0.1:{port}"
        with process([binary, *arguments], stderr=subprocess.DEVNULL):
            wait_until(lambda: bool(answered(f"{base}/stats")), 20, "the feed server answers")
            yield base


def built(folder: Path) -> str:
    source = SHARED / "bench" / "feedserver"
    if not source.exists():
        raise SystemExit("no feed server: name a binary in FEEDSERVER, or put shared/ beside the project")
    subprocess.run(["go", "build", "-o", str(folder / "feedserver"), "."], cwd=source, check=True)
    return str(folder / "feedserver")


def answered(url: str, data: bytes | None = None) -> bytes:
    try:
        with urllib.request.urlopen(url, data, timeout=30) as answer:
            return bytes(answer.read())
    except OSError:
        return b""


# ---------------------------------------------------------------------------------------------------------
# Ours


def ours(base: str, stored: int) -> dict[str, Any]:
    """One process that lives on, as `wirewatch up` does, with its crew."""
    with tempfile.TemporaryDirectory() as folder:
        settings = load(
            {},
            data=folder,
            pages="never",
            host_spacing="0",
            host_parallel="8",
            poll_floor="0",
            allow_private="127.0.0.0/8",
            old_before_added="10000000000",
            old_when_seen="10000000000",
        )
        ports = bootstrap.make_ports(settings)
        ports.stores.prepare()
        fill(ports, stored)
        watch(ports, base)
        with closing(Crew(ports)) as crew, Memory(os.getpid()) as memory:
            measured = phases(ports, crew, base)
        bootstrap.close(ports)
    return measured | {"peak_memory_mb": memory.peak / 1e6, "of_it_mb": [round(part / 1e6) for part in memory.parts]}


def watch(ports: Ports, base: str) -> None:
    read = opml.read(answered(f"{base}/opml"), "feedserver")
    add_feeds(ports, [NewFeed(url=one.url) for one in read.feeds])
    for number in range(ALERTS):
        alert = NewAlert(name=f"alert {number}", query=f"planted{number} AND NOT zzz", recipients=("a@example.org",))
        put_alert(ports, alert)


def phases(ports: Ports, crew: Crew, base: str) -> dict[str, Any]:
    stages: dict[str, float] = {}

    def round_() -> tuple[float, Round]:
        """Seconds until every story is indexed and matched; the mails that follow are told apart."""
        stages.clear()
        began = time.perf_counter()
        outcome = once(
            ports, everything=True, progress=began_at, threads=4, ingesting=crew.ingest, get_ready=crew.get_ready
        )
        ended = time.perf_counter()
        stages["mails"] = ended - stages.get("notify", ended)
        return stages.get("notify", ended) - began, outcome

    def began_at(stage: str, _done: int, _all: int) -> None:
        stages.setdefault(stage, time.perf_counter())

    note("ours: first poll …")
    first_s, first = round_()
    mails_s = stages["mails"]
    note("ours: nothing new …")
    unchanged = [round_() for _ in range(UNCHANGED_POLLS)]
    assert all(outcome.unchanged == outcome.feeds and not outcome.entries for _, outcome in unchanged)
    answered(f"{base}/tick", b"")
    note("ours: one new entry in each …")
    new_s, new = round_()
    assert new.entries == new.stories == new.feeds, new
    seconds = median(took for took, _ in unchanged)
    return {
        "first_poll_s": first_s,
        "first_poll_entries_per_s": first.stories / first_s,
        "matches": first.matches,
        "mails": first.sent,
        "mails_per_s": first.sent / mails_s if first.sent else 0.0,
        "unchanged_poll_s": seconds,
        "unchanged_feeds_per_s": first.feeds / seconds,
        "one_new_each_s": new_s,
    }


def fill(ports: Ports, count: int) -> None:
    """Entries of other feeds, done with: what a store holds after some months."""
    now = ports.clock.now()
    chance = random.Random(5)
    for start in range(0, count, PAGE):
        note(f"storing entries: {start:,} of {count:,}")
        ports.stores.entries.create(
            [
                Entry(
                    id=identify("entry", "before", str(number)),
                    feed_id=identify("feed", str(number % 5_000)),
                    identity=f"https://before.example/{number}",
                    url=f"https://before.example/{number}",
                    title=f"Story {number}",
                    summary="x" * chance.randrange(100, 600),
                    first_seen_at=now,
                    due_at=now,
                    state=EntryState.DONE,
                )
                for number in range(start, min(count, start + PAGE))
            ]
        )


class Memory:
    """The most bytes that a process and all below it have held together: what they share counts once (PSS)."""

    def __init__(self, root: int) -> None:
        self.peak = 0
        self.parts: list[int] = []  # of it, the process that holds most first
        self._root = root
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Memory:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(0.3):
            held = {pid: pss(pid) for pid in family(self._root) if name(pid) != "feedserver"}
            if sum(held.values()) > self.peak:
                self.peak, self.parts = sum(held.values()), sorted(held.values(), reverse=True)


def family(root: int) -> list[int]:
    """`root` and all processes below it."""
    parents: dict[int, list[int]] = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(status.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        parents.setdefault(parent, []).append(int(status.parent.name))
    found = [root]
    for one in found:
        found += parents.get(one, [])
    return found


def name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


def pss(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))


# ---------------------------------------------------------------------------------------------------------
# Theirs, and the table


def theirs(base: str, binary: Path) -> dict[str, Any]:
    from benchmarks import miniflux  # noqa: PLC0415 -- only where it is measured

    note("Miniflux …")
    with miniflux.running(binary, answered(f"{base}/opml").decode()) as peer:
        first_s = peer.refresh_all()
        entries = peer.entries()
        unchanged_s = peer.refresh_all()
        answered(f"{base}/tick", b"")
        new_s = peer.refresh_all()
        return {
            "first_poll_s": first_s,
            "first_poll_entries_per_s": entries / first_s,
            "unchanged_poll_s": unchanged_s,
            "unchanged_feeds_per_s": len(answered(f"{base}/opml").split(b"<outline")[1:]) / unchanged_s,
            "one_new_each_s": new_s,
            "new_entries": peer.entries() - entries,
        }


ROWS: dict[str, Callable[[float], str]] = {
    "first_poll_s": "{:.1f} s".format,
    "first_poll_entries_per_s": "{:,.0f}".format,
    "unchanged_poll_s": "{:.2f} s".format,
    "unchanged_feeds_per_s": "{:,.0f}".format,
    "one_new_each_s": "{:.1f} s".format,
    "mails_per_s": "{:,.0f}".format,
    "peak_memory_mb": "{:.0f} MB".format,
}


def table(results: dict[str, Any]) -> None:
    names = [name for name in ("wirewatch", "miniflux") if name in results]
    note(f"\n{'':<28}" + "".join(f"{name:>14}" for name in names))
    for row, shown in ROWS.items():
        cells = [shown(results[name][row]) if row in results[name] else "–" for name in names]
        note(f"{row.replace('_', ' '):<28}" + "".join(f"{cell:>14}" for cell in cells))


def note(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
