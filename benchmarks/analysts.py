"""How long the console's pages of analysts take over HTTP on SQLite, and how large they are.

    .venv/bin/python -m benchmarks.analysts [--stories 100000] [--alerts 1000] [--rounds 10]

Stories of 500 words that follow Zipf's law (newsstream.py), spread over thirty days; queries of words from those in
nearly every story to rare ones. Each page is asked for once, and then so many times. The bars are of issue 9, at the
95th percentile of the time that passes: 150 ms for a page, 400 ms for a preview, 100 KB. The processor's time, of both
sides, is the median. A table goes to stderr, JSON to stdout; exits 1 when a bar is missed.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from urllib.parse import quote

from msgspec.structs import replace

from benchmarks import newsstream
from benchmarks.newsstream import WORDS
from pipeline.adapters import sqlite
from pipeline.adapters.clock import SystemClock
from pipeline.model import Role
from pipeline.ports import Ports, Stores
from tests.browser import Browser, Page, browsing
from tests.conftest import world

DAYS = 30
BATCH = 1_000
PAGE_MS, PREVIEW_MS, PAGE_KB = 150.0, 400.0, 100.0
QUERIES = {
    "in nearly every story": WORDS[0],
    "common": WORDS[200],
    "rare": WORDS[20_000],
    "phrase of common words": f'"{WORDS[3]} {WORDS[5]}"',
    "NEAR": f"{WORDS[3]} NEAR/5 {WORDS[50]}",
    "wildcard": f"{WORDS[300][:3]}*",
    "NOT": f"{WORDS[1]} NOT {WORDS[2]}",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stories", type=int, default=100_000)
    parser.add_argument("--alerts", type=int, default=1_000)
    parser.add_argument("--rounds", type=int, default=10)
    asked = parser.parse_args()
    with TemporaryDirectory() as folder:
        stores = sqlite.open_stores(str(Path(folder) / "store.db"))
        stores.prepare()
        fill(stores, asked.stories, asked.alerts)
        ports = world(stores, Path(folder), SystemClock())
        with browsing(ports, Role.ANALYST) as browser:
            results = [measured(name, browser, asks, asked.rounds) for name, asks in pages(ports).items()]
        stores.close()
    report(results)


def fill(stores: Stores, stories: int, alerts: int) -> None:
    """Stories, the latest of now, and alerts."""
    chance, now = random.Random(1), datetime.now(UTC)
    for start in range(0, stories, BATCH):
        stores.stories.create(
            [
                replace(newsstream.story(chance, place), published=now - timedelta(days=DAYS) * (place / stories))
                for place in range(start, min(start + BATCH, stories))
            ]
        )
    stores.alerts.create(newsstream.alerts(alerts))


Ask = tuple[str, dict[str, str] | None]
"""A path, and the fields of a form where it is a POST."""


def pages(ports: Ports) -> dict[str, list[Ask]]:
    """What is asked for, by name of the page."""
    alert = next(iter(ports.stores.alerts.all()))
    story = next(iter(ports.stores.stories.all()))
    form = {"variants": "on", "recipients": "ana@example.org", "policy": "immediate"}
    made: dict[str, list[Ask]] = {
        "list of alerts": [("/alerts", None)],
        "editor": [(f"/alerts/{alert.id}", None)],
        "latest stories": [("/stories", None)],
        "story": [(f"/stories/{story.id}", None)],
        "explanation": [(f"/explain?url={quote(story.url)}&alert={alert.id}", None)],
    }
    for name, query in QUERIES.items():
        made[f"search: {name}"] = [(f"/stories?q={quote(query)}", None)]
        made[f"preview: {name}"] = [("/alerts/preview", form | {"query": query})]
        made[f"preview of an edit: {name}"] = [("/alerts/preview", form | {"query": query, "id": alert.id})]
    return made


def measured(name: str, browser: Browser, asks: list[Ask], rounds: int) -> dict[str, object]:
    """The 95th percentile of milliseconds and the most KB of a page."""
    list(_timed(browser, asks))
    timed = list(_timed(browser, asks * rounds))
    spent = sorted(one for one, _, _ in timed)[-1 - len(timed) // 20]
    kilobytes = max(len(page.text.encode()) for _, _, page in timed) / 1024
    cpu = median(one for _, one, _ in timed)
    bar = PREVIEW_MS if name.startswith("preview") else PAGE_MS
    return {"page": name, "p95_ms": round(spent, 1), "cpu_ms": round(cpu, 1), "kb": round(kilobytes, 1), "bar_ms": bar}


def _timed(browser: Browser, asks: list[Ask]) -> Iterator[tuple[float, float, Page]]:
    """Milliseconds that passed, and those of the processor, of both sides."""
    for path, form in asks:
        began, worked = time.perf_counter(), time.process_time()
        page = browser.get(path) if form is None else browser.post(path, form)
        spent, cpu = 1_000 * (time.perf_counter() - began), 1_000 * (time.process_time() - worked)
        assert page.status == 200, (path, page.status)
        yield spent, cpu, page


def report(results: list[dict[str, object]]) -> None:
    """The table, the JSON, and the exit code."""
    missed = [one for one in results if float(str(one["p95_ms"])) > float(str(one["bar_ms"])) or one["kb"] > PAGE_KB]  # type: ignore[operator]
    for one in results:
        sign = "  MISSED" if one in missed else ""
        print(
            f"{one['page']:45} {one['p95_ms']:8} ms {one['cpu_ms']:8} of the processor {one['kb']:7} KB{sign}",
            file=sys.stderr,
        )
    print(json.dumps(results, indent=1))
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
