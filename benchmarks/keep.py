"""What stories take up, what it costs to prune them and to move them, and how long writers wait for that.

    .venv/bin/python -m benchmarks.keep [--stories 5000] [--elasticsearch]

A story of 500 words (benchmarks/newsstream.py) has an entry, two keys, a sketch, and every fifth a match with two
deliveries. Half of them are old and are pruned. Seconds are those that pass. A table goes to stderr, JSON to stdout;
exits 1 when anything is missing afterwards.
"""

from __future__ import annotations

import argparse
import json
import sys
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any, cast
from uuid import uuid4

from msgspec.structs import replace

from benchmarks import newsstream
from pipeline import dedupe
from pipeline.adapters import elastic, sqlite
from pipeline.flow.operations.prune import Bounds, prune
from pipeline.ids import delivery_id, identify, match_id, story_id
from pipeline.model import EntryState, Story
from pipeline.ports import Claim, Ports, Sketched, Stores
from pipeline.settings import load
from tests import builders, servers
from tests.builders import NOON
from tests.fakes import Clock

BATCH = 500
PEOPLE = ("a@example.org", "b@example.org")
OLD = NOON - timedelta(days=100)


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description="Keeping, pruning and moving stories.")
    parser.add_argument("--stories", type=int, default=5_000)
    parser.add_argument("--elasticsearch", action="store_true")
    asked = parser.parse_args()
    results: dict[str, Any] = {}
    if asked.elasticsearch:
        with servers.elasticsearch() as url:
            stores = elastic.open_stores(
                load({}, store=url, store_prefix=f"keep-{uuid4().hex[:8]}", store_timeout="300")
            )
            results = measured(stores, asked.stories) | moved(stores)
    else:
        with TemporaryDirectory() as folder:
            results = measured(sqlite.open_stores(str(Path(folder) / "store.db")), asked.stories)
    for name, value in results.items():
        print(f"{name:48} {value:,.2f}", file=sys.stderr)
    print(json.dumps(results, indent=1))


def measured(stores: Stores, count: int) -> dict[str, Any]:
    """Figures of filling and pruning, by name."""
    stores.prepare()
    ports = cast(Ports, SimpleNamespace(stores=stores, clock=Clock(NOON), settings=load({})))
    filling, _ = timed(lambda: fill(stores, count))
    stores.reclaim(True)
    full, on_disk = stores.size(), sum(stores.sizes().values())
    pruning, done = timed(lambda: prune(ports, Bounds(age=timedelta(days=30))))
    kept = stores.size()
    giving_back, _ = timed(lambda: stores.reclaim(False))
    if (done.stories, stores.stories.count()) != (count // 2, count - count // 2):
        sys.exit(f"{done.stories} of {count // 2} were pruned, {stores.stories.count()} are left")
    return {
        "stories": count,
        "written, stories/s": count / filling,
        "KB a story, with all that hangs on it": full / count / 1e3,
        "pruned, stories/s": done.stories / pruning,
        "in use after pruning half, of before": kept / full,
        "on disk after giving back, of before": sum(stores.sizes().values()) / on_disk,
        "giving back, s": giving_back,
    }


def moved(stores: Stores) -> dict[str, Any]:
    """Figures of a reindex of the stories while others are written, by name."""
    over, written = threading.Event(), []
    kept = stores.stories.count()
    fresh = newsstream.stories(100, seed=3)

    def write() -> None:
        while not over.is_set():
            story = replace(fresh[len(written) % len(fresh)], id=story_id(NOON, f"new {len(written)}"))
            began = time.monotonic()
            stores.stories.create([story])
            written.append(time.monotonic() - began)

    writer = threading.Thread(target=write)
    writer.start()
    spent, moves = timed(lambda: stores.reindex(["stories"], lambda *_: None))
    over.set()
    writer.join()
    if stores.stories.count() != kept + len(written):
        sys.exit(f"{stores.stories.count()} stories in place of {kept + len(written)}")
    return {
        "months": len(moves),
        "moved, documents/s": sum(move.copied for move in moves) / spent,
        "passes": sum(move.passes for move in moves),
        "stories written meanwhile": len(written),
        "writers waited while an alias moved, at the most, s": max(move.waited for move in moves),
        "longest write meanwhile, s": max(written),
    }


def fill(stores: Stores, count: int) -> None:
    """Write the stories, the first half of them long ago."""
    made = newsstream.stories(count)
    for start in range(0, count, BATCH):
        batch = [
            dated(one, OLD if start + n < count // 2 else NOON) for n, one in enumerate(made[start : start + BATCH])
        ]
        stores.stories.resolve([Claim([one.url, f"guid {one.id}"], one.id) for one in batch])
        stores.stories.create(batch)
        sketched = [(one, dedupe.sketch(one.title, one.body)) for one in batch]
        stores.clusters.lead([Sketched(one.id, sketch, one.first_seen_at) for one, sketch in sketched if sketch])
        stores.entries.create(
            [
                builders.entry(
                    id=one.entry_ids[0],
                    title=one.title,
                    summary=one.body[:300],
                    state=EntryState.DONE,
                    first_seen_at=one.updated_at,
                    due_at=one.updated_at,
                    story_id=one.id,
                )
                for one in batch
            ]
        )
        hit = [one for one in batch if one.id.rpartition("-")[2] < "33"]  # a fifth
        matches = [
            builders.match(
                id=match_id(builders.alert().id, one.id),
                story_id=one.id,
                matched_at=one.updated_at,
                recipients=PEOPLE,
                delivered=True,
            )
            for one in hit
        ]
        stores.matches.create(matches)
        stores.deliveries.create(
            [
                builders.delivery(
                    id=delivery_id(one.id, "mail", to),
                    story_id=one.story_id,
                    match_id=one.id,
                    recipient=to,
                    state="sent",
                    answer="250 ok",
                )
                for one in matches
                for to in PEOPLE
            ]
        )


def dated(one: Story, at: Any) -> Story:
    key = story_id(at, one.url)
    return replace(one, id=key, first_seen_at=at, updated_at=at, published=at, entry_ids=(identify("entry", key),))


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds that pass, and what came of it."""
    began = time.monotonic()
    made = work()
    return time.monotonic() - began, made


if __name__ == "__main__":
    main()
