"""What it costs to reconcile a ledger, to list it, and to look at the coverage of all feeds, on SQLite.

    .venv/bin/python -m benchmarks.ledger [--deliveries 1000000] [--feeds 10000]

Two deliveries a match, each with the history of a sent one. Seconds are of CPU, memory is the growth of
the process's peak. A table goes to
stderr, JSON to stdout; exits 1 when the ledger does not add up, or does though rows were taken from it.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any, cast

from pipeline.adapters import sqlite
from pipeline.coverage import PATIENCE, coverage, sources, sources_of
from pipeline.deliver import decide
from pipeline.flow.operations.reconcile import reconcile
from pipeline.flow.watchdog import due_watchdogs
from pipeline.ids import delivery_id, identify
from pipeline.model import Delivery, Match
from pipeline.ports import LedgerFilter, Ports
from pipeline.query.syntax import parse
from pipeline.settings import load
from tests import builders
from tests.builders import later
from tests.fakes import Clock

PEOPLE = ("a@example.org", "b@example.org")
BATCH = 5_000
LOST = 3


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description="Reconciling and listing a ledger.")
    parser.add_argument("--deliveries", type=int, default=1_000_000)
    parser.add_argument("--feeds", type=int, default=10_000)
    asked = parser.parse_args()
    with TemporaryDirectory() as folder:
        results = measured(Path(folder), asked.deliveries, asked.feeds)
    for name, value in results.items():
        print(f"{name:32} {value:,.1f}", file=sys.stderr)
    print(json.dumps(results, indent=1))


def measured(folder: Path, deliveries: int, feeds: int) -> dict[str, Any]:
    """Every figure by name."""
    stores = sqlite.open_stores(str(folder / "store.db"))
    stores.prepare()
    clock = Clock(later(86_400))
    ports = cast(Ports, SimpleNamespace(stores=stores, clock=clock, settings=load({}, data=str(folder))))
    results: dict[str, Any] = {"filling, s": timed(lambda: fill(ports, deliveries))[0]}
    before = peak()
    spent, account = timed(lambda: reconcile(ports))
    results |= {"reconcile, s": spent, "reconcile, MB": peak() - before, "matched": account.matched}
    stores.deliveries.delete([delivery_id(match(number).id, "mail", PEOPLE[0]) for number in range(LOST)])
    found = reconcile(ports).faulty
    if not account.adds_up or dict(found) != {"missing": LOST}:
        sys.exit(f"the account is wrong: {account.faulty} at first, then {found}")
    before = peak()
    spent, rows = timed(lambda: sum(1 for _ in stores.deliveries.ledger(LedgerFilter())))
    results |= {"list, s": spent, "list, MB": peak() - before, "rows": rows}
    stores.feeds.create([feed(number) for number in range(feeds)])
    results["coverage of all feeds, ms"] = 1000 * timed(lambda: coverage(stores.feeds.all(), clock.now()))[0]
    spent, known = timed(lambda: sources(stores.feeds.all()))
    results["sources for a digest, ms"] = 1000 * spent
    query = parse("kursk (feed:Title OR site:7.example)")
    for turn in ("first", "next"):
        narrowed = timed(lambda: coverage(sources_of(query, known), clock.now(), PATIENCE))[0]
        results[f"coverage of an alert by site, {turn}, ms"] = 1000 * narrowed
    due_watchdogs(ports, later(10**9))
    results["watchdogs in a sweep, ms"] = 1000 * timed(lambda: due_watchdogs(ports, clock.now()))[0]
    stores.close()
    return results


def fill(ports: Ports, count: int) -> None:
    """Write the matches and their deliveries."""
    per = BATCH // len(PEOPLE)
    for start in range(0, count // len(PEOPLE), per):
        matches = [match(number) for number in range(start, min(start + per, count // len(PEOPLE)))]
        ports.stores.matches.create(matches)
        ports.stores.deliveries.create([delivery(one, to) for one in matches for to in PEOPLE])


def match(number: int) -> Match:
    return builders.match(str(number), recipients=PEOPLE, delivered=True, matched_at=later(number / 100))


def delivery(one: Match, to: str) -> Delivery:
    now = one.matched_at
    claimed = decide.claim(decide.delivery_for(one, to, now), identify("mail", one.id, to), now, timedelta(minutes=2))
    assert claimed is not None
    return decide.sent(claimed, "250 2.0.0 Ok: queued as 4F2A", f"<{claimed.mail_id}@example.org>", now)


def feed(number: int) -> Any:
    error = "answers 503" if number % 10 == 0 else ""
    return builders.feed(str(number), title=f"Feed {number}", polled_at=later(0), succeeded_at=later(0), error=error)


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds of this process, whatever else the machine does, and what came of it."""
    began = time.process_time()
    made = work()
    return time.process_time() - began, made


def peak() -> float:
    """The most memory that this process has held, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
