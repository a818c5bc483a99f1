"""Delivery: from a story's arrival in a polled feed to its mail at the SMTP server, and mails a second.

    .venv/bin/python -m benchmarks.deliver [--quick]

Arrival: ten feeds on loopback publish 5 stories a second in all; each is polled as soon as Wirewatch lets a feed be
polled (poll_floor 0, sweep_every 0.1). A story has arrived when the first answer that holds it is made, before that
is sent; its mail has when the server has read all of it. `wirewatch up` on SQLite is a process of its own, with 1,000
alerts, each story matching one that is immediate; texts of 500 words come from the feeds, no page is fetched.

Rate: notify on 2,000 deliveries to 20 recipients, rendered and sent over one connection. The server is in a process of
its own, on the same machine. Prints a table on stderr and JSON on stdout.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from multiprocessing.connection import Connection
from statistics import median, quantiles

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from msgspec.structs import replace

from benchmarks import newsstream
from pipeline import flow
from pipeline.flow.feeds.manage import NewFeed, add_feeds
from pipeline.flow.firing import write_deliveries
from pipeline.ids import match_id
from pipeline.ports import Ports
from pipeline.settings import load
from tests import builders, web
from tests.fleet import BIN, environment
from tests.postbox import open_postbox
from tests.press import Press, mailed
from tests.servers import free_port, wait_until
from workers import bootstrap

FEEDS, ALERTS, WATCHED, A_SECOND = 10, 1_000, 200, 5.0
RECIPIENTS, MAILS = 20, 2_000
BARS = {"p50_s": 1.0, "p99_s": 3.0, "mails_per_s": 100.0}


def main() -> None:
    """Measure, and print."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--quick", action="store_true", help="a tenth of the mails, to see that it runs")
    scale = 10 if options.parse_args().quick else 1
    results = {"embedded": _latency(600 // scale), "notify": _rate(MAILS // scale)}
    table(results, BARS)
    print(json.dumps(results, indent=1))


# -- from arrival to mail


def _latency(count: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder, web.serve() as site, open_postbox() as postbox:
        press = Press(site, feeds=FEEDS, zones=WATCHED)
        settings = {
            "data": folder,
            "mail": postbox.url,
            "allow_private": "127.0.0.1/32",
            "host_spacing": "0",
            "host_parallel": "8",
            "pages": "never",
            "poll_floor": "0",
            "poll_ceiling": "1",
            "sweep_every": "0.1",
            "console_port": "0",
            "log_level": "WARNING",
        }
        ports = bootstrap.make_ports(load({}, **settings))
        ports.stores.prepare()
        watch(ports, press)
        bootstrap.close(ports)
        with _up(settings, folder):
            wait_until(lambda: len({path for path, _ in site.requests}) >= FEEDS, 60, "each feed is polled")
            publish(press, range(count), A_SECOND)
            wait_until(lambda: len(mailed(postbox)) == count, 120, "each story is mailed")
            taken = mailed(postbox)
        took = [taken[number] - press.arrived[number] for number in range(count)]
        return figures(took) | {"polls_per_s": len(site.requests) / (count / A_SECOND)}


def watch(ports: Ports, press: Press) -> None:
    """ALERTS alerts: of the stream, which match what they match, and one for each zone of the press; and its feeds."""
    strangers = [
        replace(one, recipients=("stranger@desk.example",), policy="daily 08:00")
        for one in newsstream.alerts(ALERTS - press.zones)
    ]
    ports.stores.alerts.put([*strangers, *press.alerts(RECIPIENTS)])
    add_feeds(ports, [NewFeed(url=address) for address in press.addresses])


@contextmanager
def _up(settings: dict[str, str], folder: str) -> Iterator[None]:
    process = subprocess.Popen([BIN / "wirewatch", "up"], env=environment(**settings), cwd=folder, stdout=sys.stderr)
    try:
        yield
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(60)


def publish(press: Press, numbers: Iterable[int], a_second: float) -> None:
    """Publish these stories, so many a second."""
    chance, began = random.Random(8), time.perf_counter()
    for place, number in enumerate(numbers):
        text = newsstream.story(chance, number).body
        time.sleep(max(0.0, began + place / a_second - time.perf_counter()))
        press.publish(number, text)


# -- mails a second


def _rate(count: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder, _server_elsewhere() as (url, server):
        ports = bootstrap.make_ports(load({}, data=folder, mail=url, log_level="WARNING"))
        ports.stores.prepare()
        ids = _matched(ports, count)
        began, processor = time.perf_counter(), time.process_time()
        report = flow.notify(ports, ids)
        took, worked = time.perf_counter() - began, time.process_time() - processor
        server.send("how many")
        mails, connections = server.recv()
        bootstrap.close(ports)
    assert (report.mails, report.sent, mails) == (count, count, count), report
    return {
        "count": count,
        "mails_per_s": count / took,
        "connections": connections,
        "cpu_ms_a_mail": worked / count * 1000,
    }


def _matched(ports: Ports, count: int) -> list[str]:
    """Deliveries that wait, each for a mail of its own: an alert a story."""
    chance, now = random.Random(8), ports.clock.now()
    to = tuple(f"{number}@desk.example" for number in range(RECIPIENTS))
    matches = []
    for number in range(count // RECIPIENTS):
        alert, story = builders.alert(name=f"alert {number}", recipients=to), newsstream.story(chance, number)
        ports.stores.alerts.put([alert])
        ports.stores.stories.put([story])
        key = match_id(alert.id, story.id)
        matches.append(builders.match(id=key, alert_id=alert.id, story_id=story.id, matched_at=now))
    ports.stores.matches.create(matches)
    return [one.id for one in write_deliveries(ports, matches)]


@contextmanager
def _server_elsewhere() -> Iterator[tuple[str, Connection]]:
    """An SMTP server in a process of its own: its address, and whom to ask how many mails and connections it had."""
    own, other = multiprocessing.Pipe()
    process = multiprocessing.get_context("fork").Process(target=_serve, args=(other,), daemon=True)
    process.start()
    try:
        yield own.recv(), own
    finally:
        process.kill()
        process.join()


class Tally:
    """A server that takes mails and counts them, so that its own work is not what is measured."""

    def __init__(self) -> None:
        self.mails, self.connections = 0, set[object]()

    async def handle_DATA(self, _server: SMTP, session: Session, _envelope: Envelope) -> str:  # noqa: N802 -- its name
        self.mails += 1
        self.connections.add(session.peer)
        return "250 taken"


def _serve(asked: Connection) -> None:
    tally, port = Tally(), free_port()
    controller = Controller(tally, hostname="127.0.0.1", port=port, decode_data=False)
    controller.start()
    asked.send(f"smtp://127.0.0.1:{port}")
    asked.recv()
    asked.send((tally.mails, len(tally.connections)))
    asked.recv()


def figures(took: list[float]) -> dict[str, float]:
    """Of seconds: how many, and how they spread."""
    return {
        "count": len(took),
        "p50_s": median(took),
        "p99_s": quantiles(took, n=100, method="inclusive")[98],
        "most_s": max(took),
    }


def table(results: Mapping[str, Mapping[str, float]], bars: Mapping[str, float]) -> None:
    """The figures for people, on stderr: a rate is to be a bar or more, all else less than its own."""
    for name, measured in results.items():
        for key, value in measured.items():
            print(f"{name:10} {key:22} {value:10.4g}  {_against(value, key, bars)}", file=sys.stderr)


def _against(value: float, key: str, bars: Mapping[str, float]) -> str:
    if key not in bars:
        return ""
    met = value >= bars[key] if key.endswith("_per_s") else value < bars[key]
    return f"bar {bars[key]:g}: {'met' if met else 'NOT MET'}"


if __name__ == "__main__":
    main()
