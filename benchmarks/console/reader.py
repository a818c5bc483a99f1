"""Whether somebody who reads the console slows the ingest beside it: `wirewatch up` in a process of its own.

Entries wait in the store, more than can be ingested meanwhile; a reader in another process loads a page over and over,
a second after it came, for every other few seconds. What the reader takes is the median over pairs of neighbours, since
the machine's own pace moves by more within a minute; which of a pair comes first changes, for ingest slows as the store
grows.
"""

from __future__ import annotations

import multiprocessing
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from multiprocessing.synchronize import Event
from pathlib import Path
from statistics import median

from benchmarks import newsstream
from benchmarks.console.analysts import fill
from benchmarks.console.pages import Ask
from pipeline.adapters import sqlite
from pipeline.adapters.clock import SystemClock
from pipeline.flow.accounts.credentials import make_link
from pipeline.flow.accounts.users import use_link
from pipeline.ports import Stores
from tests import builders
from tests.browser import Browser
from tests.conftest import world
from tests.fleet import environment
from tests.servers import free_port, wait_until

ENTRIES = 110_000
WORDS = 100
WINDOW = 5.0
"""Seconds with a reader, or without."""
PAIRS = 12
PAUSE = 1.0
BAR = 0.10
WHO, PASSWORD = "reader@example.org", "a password of some length"


@dataclass(frozen=True, slots=True)
class Slowed:
    """Stories a second, and the part that a reader takes."""

    pairs: list[tuple[float, float]]  # alone, and while somebody read
    pages: int  # loaded meanwhile

    @property
    def part(self) -> float:
        """Of the stories a second; below nothing where the noise is more."""
        return 1 - median(read / alone for alone, read in self.pairs)

    @property
    def missed(self) -> bool:
        """Whether the bar is."""
        return self.part > BAR

    def line(self) -> str:
        """For people."""
        sign = "  MISSED" if self.missed else ""
        alone, read = (median(rates) for rates in zip(*self.pairs, strict=True))
        return (
            f"{alone:.0f} stories/s alone, {read:.0f} while {self.pages} pages were read: "
            f"{self.part:.1%} slower (bar {BAR:.0%}){sign}"
        )


def measured(stories: int, alerts: int, ask: Ask) -> Slowed:
    """Ingest with and without a reader in turn."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        stores = sqlite.open_stores(str(folder / "wirewatch.db"))
        stores.prepare()
        fill(stores, stories, alerts)
        stores.entries.create([_entry(number) for number in range(ENTRIES)])
        ports = world(stores, folder, SystemClock())
        use_link(ports, make_link(ports, None), PASSWORD, address=WHO)
        port = free_port()
        with _up(folder, port), _reader(port, ask) as (reads, pages):
            wait_until(lambda: stores.stories.count() > stories + 500, 60, "entries are ingested")
            pairs = [_pair(stores, reads, read_first=bool(number % 2)) for number in range(PAIRS)]
            if not stores.entries.ready(SystemClock().now() + timedelta(hours=1), backfill=False):
                sys.exit("all entries are ingested: the last rates were of an idle process")
        stores.close()
        return Slowed(pairs, pages.value)


def _entry(number: int) -> object:
    chance = random.Random(number)
    text = " ".join(newsstream.WORDS[int(chance.paretovariate(0.5)) % newsstream.VOCABULARY] for _ in range(WORDS))
    return builders.entry(f"waiting {number}", summary=text)


def _pair(stores: Stores, reads: Event, *, read_first: bool) -> tuple[float, float]:
    """The rate alone, and beside a reader."""
    rates = {read: _rate(stores, reads, read=read) for read in (read_first, not read_first)}
    return rates[False], rates[True]


def _rate(stores: Stores, reads: Event, *, read: bool) -> float:
    (reads.set if read else reads.clear)()
    before, began = stores.stories.count(), time.perf_counter()
    time.sleep(WINDOW)
    return (stores.stories.count() - before) / (time.perf_counter() - began)


@contextmanager
def _up(folder: Path, port: int) -> Iterator[None]:
    settings = {
        "data": str(folder),
        "store": f"sqlite:///{folder}/wirewatch.db",
        "mail": f"maildir://{folder}/mail",
        "pages": "never",
        "console_port": str(port),
        "log_level": "WARNING",
    }
    command = [Path(sys.executable).parent / "wirewatch", "up"]
    process = subprocess.Popen(command, env=environment(**settings), cwd=folder, stdout=sys.stderr)
    try:
        yield
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(60)


@contextmanager
def _reader(port: int, ask: Ask) -> Iterator[tuple[Event, object]]:
    """A process that reads while the event is set, and the number of pages it has had."""
    context = multiprocessing.get_context("spawn")
    reads, pages = context.Event(), context.Value("i", 0)
    process = context.Process(target=_read, args=(port, ask, reads, pages), daemon=True)
    process.start()
    try:
        yield reads, pages
    finally:
        process.kill()
        process.join()


def _read(port: int, ask: Ask, reads: Event, pages: object) -> None:
    browser = Browser(port)
    reads.wait()
    browser.sign_in(WHO, PASSWORD)
    path, form = ask
    token = browser.get("/alerts/new").token
    while True:
        reads.wait()
        page = browser.get(path) if form is None else browser.post(path, {"form_token": token} | form)
        if page.status != 200:
            sys.exit(f"{path} is no page: {page.status}")
        pages.value += 1  # type: ignore[attr-defined]
        time.sleep(PAUSE)
