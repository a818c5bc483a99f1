"""The pages of analysts.

Stories of 500 words that follow Zipf's law (newsstream.py), spread over thirty days; queries of words from those in
nearly every story to rare ones.
"""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import quote

from msgspec.structs import replace

from benchmarks import newsstream
from benchmarks.console.pages import PAGE_MS, PREVIEW_MS, Ask, Cost, cost
from benchmarks.newsstream import WORDS
from pipeline.adapters import sqlite
from pipeline.adapters.clock import SystemClock
from pipeline.model import Role
from pipeline.ports import Ports, Stores
from tests.browser import browsing
from tests.conftest import world
from workers.console.serve import leave_to_stay

DAYS = 30
BATCH = 1_000
QUERIES = {
    "in nearly every story": WORDS[0],
    "common": WORDS[200],
    "rare": WORDS[20_000],
    "phrase of common words": f'"{WORDS[3]} {WORDS[5]}"',
    "NEAR": f"{WORDS[3]} NEAR/5 {WORDS[50]}",
    "wildcard": f"{WORDS[300][:3]}*",
    "NOT": f"{WORDS[1]} NOT {WORDS[2]}",
}


def measured(stories: int, alerts: int, rounds: int) -> list[Cost]:
    """What each costs."""
    with TemporaryDirectory() as folder:
        stores = sqlite.open_stores(str(Path(folder) / "store.db"))
        stores.prepare()
        fill(stores, stories, alerts)
        ports = world(stores, Path(folder), SystemClock())
        with browsing(ports, Role.ANALYST) as browser:
            leave_to_stay()  # as in any process that serves the console
            made = [cost(name, browser, ask, rounds, _bar(name)) for name, ask in pages(ports).items()]
        stores.close()
    return made


def _bar(name: str) -> float:
    return PREVIEW_MS if name.startswith("preview") else PAGE_MS


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


def pages(ports: Ports) -> dict[str, Ask]:
    """What is asked for, by name of the page."""
    alert = next(iter(ports.stores.alerts.all()))
    story = next(iter(ports.stores.stories.all()))
    form = {"variants": "on", "recipients": "ana@example.org", "policy": "immediate"}
    made: dict[str, Ask] = {
        "list of alerts": ("/alerts", None),
        "editor": (f"/alerts/{alert.id}", None),
        "latest stories": ("/stories", None),
        "story": (f"/stories/{story.id}", None),
        "explanation": (f"/explain?url={quote(story.url)}&alert={alert.id}", None),
    }
    for name, query in QUERIES.items():
        made[f"search: {name}"] = (f"/stories?q={quote(query)}", None)
        made[f"preview: {name}"] = ("/alerts/preview", form | {"query": query})
        made[f"preview of an edit: {name}"] = ("/alerts/preview", form | {"query": query, "id": alert.id})
    return made
