"""All of Wirewatch at work on real servers, each of which a test can take away: where faults are tried.

    feeds and pages (press) → celery workers and beat (fleet) → mails (postbox)
                                Redis, Elasticsearch and SMTP, each behind a wire

FAULT_SCALE is the part of the times of issue 10 for which faults last: 1 for all of them (`make faults`).
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import MappingProxyType
from urllib.parse import urlsplit
from uuid import uuid4

from benchmarks import newsstream
from pipeline.adapters.elastic.client import connect
from pipeline.flow.feeds.manage import NewFeed, add_feeds
from pipeline.ports import Ports
from pipeline.settings import load
from tests import web
from tests.faults import victims
from tests.faults.conservation import Conservation, conservation
from tests.faults.victims import Victim
from tests.faults.wire import Wire, wire_to
from tests.fleet import ROOT, Fleet, launched
from tests.postbox import Postbox, open_postbox
from tests.press import Press
from tests.spares import wipe
from workers import bootstrap

SCALE = float(os.environ.get("FAULT_SCALE", "0.05"))
SHORTEST = 3.0
SETTLED = 180.0
"""Seconds for what a fault left to be done: leases, waits between tries, and a slow machine."""


def lasting(seconds: float) -> float:
    """How long a fault lasts here, of the `seconds` that the issue asks for."""
    return max(SHORTEST, seconds * SCALE)


@cache
def lease() -> float:
    """Seconds of a lease on this machine as it is now: short, and several times what a new worker takes to be ready."""
    began = time.monotonic()
    subprocess.run([sys.executable, "-c", "import workers.tasks, pipeline.extract.page"], cwd=ROOT, check=True)
    return min(60.0, max(8.0, 5 * (time.monotonic() - began)))


@dataclass(slots=True)
class Scene:
    """What a test takes part in. All times are in seconds."""

    ports: Ports  # past the wires, for looking
    press: Press
    postbox: Postbox
    fleet: Fleet
    wires: Mapping[str, Wire]  # redis, store, smtp: those that there are
    victims: Mapping[str, Victim]  # redis, store
    chance: random.Random = field(default_factory=lambda: random.Random(10))
    numbers: int = 0

    def publish(self) -> None:
        """Publish a story of 500 words, every fourth in two feeds."""
        number = self.numbers
        self.numbers += 1
        also_in = [(number + 1) % self.press.feeds] if number % 4 == 0 else []
        self.press.publish(number, newsstream.story(self.chance, number).body, also_in=also_in)

    def load(self, a_second: float = 2.0) -> AbstractContextManager[None]:
        """Publish so many stories a second meanwhile."""
        return meanwhile(self.publish, every=1 / a_second)

    def found(self) -> Conservation:
        return conservation(self.ports, list(self.press.published), list(self.postbox.mails))

    def settle(self, seconds: float = SETTLED) -> Conservation:
        """Wait until all that was published has come to its end; fails when something has not."""
        deadline = time.monotonic() + seconds
        while (found := self.found()).broken:
            if time.monotonic() > deadline:
                lines = "\n".join(found.broken[:20])
                raise AssertionError(f"after {seconds:g} s {len(found.broken)} broken:\n{lines}\n{self.fleet.logs()}")
            time.sleep(1)  # no oftener: looking at everything is work for the servers too
        return found


@contextmanager
def meanwhile(work: Callable[[], object], every: float) -> Iterator[None]:
    """Do `work` every so many seconds for as long as the context lasts."""
    done = threading.Event()

    def go_on() -> None:
        while not done.wait(every):
            work()

    thread = threading.Thread(target=go_on)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


@contextmanager
def in_fleet(
    elasticsearch: str,
    redis: str,
    folder: Path,
    killable: Mapping[str, Victim] = MappingProxyType({}),
    feeds: int = 4,
    window: int = 1_000,
    **overrides: str,
) -> Iterator[Scene]:
    """A scene on Elasticsearch and Redis, with the workers of Celery at work; `overrides` are settings of theirs."""
    with ExitStack() as stack:
        postbox = stack.enter_context(open_postbox())
        places = {
            "redis": _place(redis, 6379),
            "store": _place(elasticsearch, 9200),
            "smtp": _place(postbox.url, 25),
        }
        wires = {name: stack.enter_context(wire_to(place)) for name, place in places.items()}
        settings = _settings(folder) | {
            "store": elasticsearch,
            "store_prefix": f"test-{uuid4().hex[:8]}",
            "store_timeout": "5",
        }
        wired = {
            "store": f"http://127.0.0.1:{wires['store'].port}",
            "broker": f"redis://127.0.0.1:{wires['redis'].port}/0",
            "mail": f"smtp://127.0.0.1:{wires['smtp'].port}",
        }
        ports, press = _prepared(stack, settings | overrides, feeds, window)
        stack.callback(drop_indices, ports)
        fleet = stack.enter_context(launched(folder, **settings | wired | overrides))
        yield Scene(ports, press, postbox, fleet, wires, killable)


@contextmanager
def in_killable_fleet(folder: Path, feeds: int = 4, window: int = 1_000, **overrides: str) -> Iterator[Scene]:
    """The same, on servers that faults may kill."""
    with (
        victims.elasticsearch() as store,
        victims.redis() as redis,
        in_fleet(
            store.url, redis.url, folder, {"store": store, "redis": redis}, feeds=feeds, window=window, **overrides
        ) as made,
    ):
        yield made


@contextmanager
def embedded(folder: Path, **overrides: str) -> Iterator[Scene]:
    """A scene on SQLite in `folder`, with `wirewatch up` at work."""
    with ExitStack() as stack:
        postbox = stack.enter_context(open_postbox())
        settings = _settings(folder) | {"mail": postbox.url, "console_port": "0"} | overrides
        ports, press = _prepared(stack, settings)
        fleet = stack.enter_context(launched(folder, "up", **settings))
        yield Scene(ports, press, postbox, fleet, {}, {})


def _settings(folder: Path) -> dict[str, str]:
    return {
        "data": str(folder),
        "lease": f"{lease():.1f}",
        "extract_timeout": f"{min(8.0, 0.4 * lease()):.1f}",  # less than the longest page of tests/faults takes
    } | SETTINGS


SETTINGS = {
    "allow_private": "127.0.0.1/32",
    "host_spacing": "0",
    "host_parallel": "8",
    "poll_floor": "0",
    "poll_ceiling": "2",
    "sweep_every": "1",
    "look_again": "0",
    "pages": "always",
    "attempts": "2",
    "disk_reserve": "0",  # one of these disks is full on purpose
}


def _prepared(stack: ExitStack, settings: dict[str, str], feeds: int = 4, window: int = 1_000) -> tuple[Ports, Press]:
    """Ports for a test to look through, and a press that is watched."""
    ports = bootstrap.make_ports(load({}, **settings))
    stack.callback(bootstrap.close, ports)
    ports.stores.prepare()
    press = Press(stack.enter_context(web.serve()), feeds=feeds, zones=20, window=window, pages=True)
    ports.stores.alerts.put(press.alerts(recipients=5))
    add_feeds(ports, [NewFeed(url=one) for one in press.addresses])
    return ports, press


def _place(url: str, port: int) -> tuple[str, int]:
    parts = urlsplit(url)
    return str(parts.hostname), parts.port or port


def drop_indices(ports: Ports) -> None:
    """Delete the indices of a world."""
    with connect(ports.settings) as client:
        wipe(client, ports.settings.store_prefix)
