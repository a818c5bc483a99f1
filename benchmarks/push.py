"""WebSub: how long from a hub's push to the mail, and how many pushes the console takes in.

    .venv/bin/python -m benchmarks.push [--quick]

Everything on loopback: `wirewatch up` on SQLite as a process of its own with a Maildir, a hub and a site in this one.
Each push is a document of one new entry, whose page is fetched and extracted, and which one alert matches. Prints a
table on stderr and JSON on stdout.
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
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from statistics import median, quantiles

from tests import web
from tests.fleet import BIN, Fleet, environment
from tests.hub import Hub, open_hub
from tests.servers import free_port, wait_until

FEEDS, CLIENTS = 20, 8
NEWS = "Two villages near Kursk were left in the night."


def main() -> None:
    """Measure, and print."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--quick", action="store_true", help="a tenth of the pushes, to see that it runs")
    scale = 10 if options.parse_args().quick else 1
    with tempfile.TemporaryDirectory() as folder, web.serve() as site, open_hub() as hub:
        fleet = _fleet(Path(folder), free_port())
        with _up(fleet):
            topics = _subscribed(fleet, site, hub)
            results = {"one_at_a_time": _to_mail(fleet, site, hub, topics, 100 // scale)}
            results |= {"at_once": _flood(site, hub, topics, 2000 // scale)}
    table(results)
    print(json.dumps(results, indent=1))


def _fleet(folder: Path, port: int) -> Fleet:
    settings = {
        "data": str(folder / "data"),
        "allow_private": "127.0.0.1/32",
        "host_spacing": "0",
        "host_parallel": "8",
        "pages": "always",
        "poll_floor": "600",
        "sweep_every": "1",
        "console_port": str(port),
        "websub_callback": f"http://127.0.0.1:{port}/websub/",
        "log_level": "ERROR",
    }
    return Fleet(folder, environment(**settings))


@contextmanager
def _up(fleet: Fleet) -> Iterator[None]:
    process = subprocess.Popen([BIN / "wirewatch", "up"], env=fleet.environment, cwd=fleet.folder, stdout=sys.stderr)
    try:
        yield
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(60)


def _subscribed(fleet: Fleet, site: web.Site, hub: Hub) -> list[str]:
    """Feeds, each subscribed to; their topics."""
    fleet.wirewatch("alerts", "add", "kursk", "kursk", "--to", "analyst@example.org")
    topics = [site.put(f"/feed{number}", web.rss(), web.RSS) for number in range(FEEDS)]
    for topic in topics:
        site.answers[topic.removeprefix(site.base)].headers["Link"] = f'<{hub.url}>; rel="hub"'  # type: ignore[union-attr]
        fleet.wirewatch("feeds", "add", topic)
    wait_until(lambda: len(hub.subscribers) == FEEDS, 120, "all feeds are subscribed to")
    return topics


def _news(site: web.Site, name: str) -> str:
    """A feed with one new story."""
    link = site.put(f"/{name}", web.page(f"Story {name}", *web.article(f"{NEWS} It was number {name}.")))
    return web.rss((f"Story {name}", link))


def _to_mail(fleet: Fleet, site: web.Site, hub: Hub, topics: list[str], count: int) -> dict[str, float]:
    """Seconds from a push to the mail about it, one after the other."""
    folder, took = fleet.folder / "data" / "mail" / "new", []
    for number in range(count):
        body = _news(site, f"single-{number}")
        began = time.perf_counter()
        assert hub.publish(topics[number % FEEDS], body) == [202]
        while not folder.exists() or len(os.listdir(folder)) <= number:  # noqa: PTH208 -- the quickest look
            assert time.perf_counter() - began < 60, "no mail came"
            time.sleep(0.002)
        took.append(time.perf_counter() - began)
    return _figures(took)


def _flood(site: web.Site, hub: Hub, topics: list[str], count: int) -> dict[str, float]:
    """Pushes a second from CLIENTS at once, each sent again until it is taken."""
    bodies = [_news(site, f"flood-{number}") for number in range(count)]
    again = 0

    def push(number: int) -> float:
        nonlocal again
        began = time.perf_counter()
        while hub.publish(topics[number % FEEDS], bodies[number]) != [202]:
            again += 1
            time.sleep(0.01)
        return time.perf_counter() - began

    began = time.perf_counter()
    with ThreadPoolExecutor(CLIENTS) as pool:
        took = list(pool.map(push, range(count)))
    return _figures(took) | {"per_second": count / (time.perf_counter() - began), "told_to_come_again": again}


def _figures(took: list[float]) -> dict[str, float]:
    return {
        "count": len(took),
        "median_s": median(took),
        "p99_s": quantiles(took, n=100, method="inclusive")[98],
        "most_s": max(took),
    }


def table(results: dict[str, dict[str, float]]) -> None:
    """The figures for people, on stderr."""
    for name, figures in results.items():
        shown = ", ".join(f"{key} {value:.4g}" for key, value in figures.items())
        print(f"{name:14} {shown}", file=sys.stderr)


if __name__ == "__main__":
    main()
