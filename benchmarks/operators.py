"""What the pages of operators, inbox and trends cost, on SQLite, over HTTP on loopback.

    .venv/bin/python -m benchmarks.operators [--feeds 10000] [--matches 100000] [--alerts 1000] [--rounds 20]

--keep DIR leaves the store there.

One match is one delivery, to one of a thousand recipients, over 30 days, on one of 10,000 stories. One visitor, an
administrator who sees every alert, loads each page so often. A table goes to stderr, JSON to stdout.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from contextlib import nullcontext
from dataclasses import replace
from datetime import timedelta
from itertools import islice
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory

from pipeline.model import Alert, Delivery, Entity, EntityKind, Entry, EntryState, Feed, Match, Role, Story, identify
from pipeline.polls import KEPT, Polled, with_poll
from pipeline.ports import LedgerFilter, Ports
from pipeline.settings import load
from tests import builders
from tests.browser import Browser
from tests.builders import NOON, user
from tests.consoles import console
from tests.fakes import Clock
from tests.servers import free_port
from workers import bootstrap
from workers.console.cursors import place_of, write

BATCH = 5_000
STORIES = 10_000
RECIPIENTS = 1_000
DEEP = 10_000
PAGES = (
    "/",
    "/feeds",
    "/feeds?start=9950",
    "/feeds?text=feed+99",
    "/operations",
    "/operations/quarantine",
    "/operations/ledger",
    "/operations/ledger?state=failed&days=",
    "/operations/settings",
    "/alerts",
    "/inbox",
    "/inbox/preferences",
    "/trends",
    "/trends?days=90",
)


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description="The pages of operators, inbox and trends.")
    parser.add_argument("--feeds", type=int, default=10_000)
    parser.add_argument("--matches", type=int, default=100_000)
    parser.add_argument("--alerts", type=int, default=1_000)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--keep", type=Path, help="where to keep the store that is made")
    asked = parser.parse_args()
    with nullcontext(asked.keep) if asked.keep else TemporaryDirectory() as folder:
        ports = filled(Path(folder), asked.feeds, asked.matches, asked.alerts)
        results = measured(ports, asked.rounds)
        bootstrap.close(ports)
    print(f"{'page':40} {'p50 ms':>8} {'p95 ms':>8} {'KB':>8}", file=sys.stderr)
    for path, row in results.items():
        print(f"{path:40} {row['p50_ms']:8.0f} {row['p95_ms']:8.0f} {row['kb']:8.1f}", file=sys.stderr)
    print(json.dumps(results, indent=1))


def measured(ports: Ports, rounds: int) -> dict[str, dict[str, float]]:
    """Each page so often, after a first time that is not counted."""
    port = free_port()
    results = {}
    with console(ports, port, [], visitor=user(Role.ADMINISTRATOR, "r1@example.org")):
        browser = Browser(port)
        for path in (*PAGES, _deep(ports)):
            size = len(browser.get(path).text.encode())
            spent = [_seconds(browser, path) * 1000 for _ in range(rounds)]
            results[path] = {"p50_ms": median(spent), "p95_ms": quantiles(spent, n=20)[-1], "kb": size / 1000}
    return results


def _deep(ports: Ports) -> str:
    """A page of the ledger behind its first DEEP rows."""
    last = next(islice(ports.stores.deliveries.ledger(LedgerFilter()), DEEP - 1, None))
    return f"/operations/ledger?days=&after={write(place_of(last))}"


def filled(folder: Path, feeds: int, matches: int, alerts: int) -> Ports:
    """A console's world with so much in it."""
    ports = bootstrap.make_ports(load({}, data=str(folder), store=f"sqlite:///{folder}/store.db"))
    ports = replace(ports, clock=Clock(NOON))
    ports.stores.prepare()
    ports.stores.feeds.create([_feed(number) for number in range(feeds)])
    ports.stores.alerts.create([_alert(number) for number in range(alerts)])
    ports.stores.stories.put([_story(number) for number in range(STORIES)])
    ports.stores.entries.create([_entry(number) for number in range(200)])
    for start in range(0, matches, BATCH):
        numbers = range(start, min(start + BATCH, matches))
        made = [_match(number, alerts, matches) for number in numbers]
        ports.stores.matches.create(made)
        ports.stores.deliveries.create([_delivery(number, one) for number, one in zip(numbers, made, strict=True)])
    return ports


def _feed(number: int) -> Feed:
    error = "answers 503 Service Unavailable" if number % 10 == 0 else ""
    polls = ""
    for at in range(KEPT):
        polls = with_poll(polls, Polled(NOON - timedelta(minutes=10 * at), at % 3))
    known = {"polls": polls, "polled_at": NOON, "succeeded_at": NOON, "new_entry_at": NOON, "interval": 600.0}
    return builders.feed(f"f{number}", title=f"Feed {number}", error=error, failures=3.0 * bool(error), **known)


def _alert(number: int) -> Alert:
    return builders.alert(f"word{number}", name=f"Alert {number}", recipients=(f"r{number % RECIPIENTS}@example.org",))


def _story(number: int) -> Story:
    who = Entity(name=f"Person {number % 50}", kind=EntityKind.PERSON)
    return builders.story(f"s{number}", title=f"Story {number}", site=f"site{number % 40}.example", entities=(who,))


def _entry(number: int) -> Entry:
    known = {"state": EntryState.QUARANTINED, "error": "the page killed its extractor", "failed_stage": "extract"}
    return builders.entry(f"e{number}", summary="<p>words " * 40, **known)


def _match(number: int, alerts: int, matches: int) -> Match:
    at = NOON - timedelta(days=30) * (number / matches)
    # The busiest alert has a tenth of all, as it is where people write alerts.
    alert = builders.alert(name=f"Alert {0 if number % 10 == 0 else number % alerts}").id
    story = builders.story(f"s{number % STORIES}").id
    return builders.match(str(number), alert_id=alert, story_id=story, matched_at=at, delivered=True)


def _delivery(number: int, match: Match) -> Delivery:
    state = "failed" if number % 1000 == 0 else "sent"
    to = f"r{number % RECIPIENTS}@example.org"
    return builders.delivery(
        str(number),
        id=identify("delivery", match.id, "mail", to),
        match_id=match.id,
        alert_id=match.alert_id,
        story_id=match.story_id,
        recipient=to,
        state=state,
        created_at=match.matched_at,
        updated_at=match.matched_at,
        answer="250 Ok",
    )


def _seconds(browser: Browser, path: str) -> float:
    began = time.perf_counter()
    if browser.get(path).status != 200:
        sys.exit(f"{path} is no page")
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
