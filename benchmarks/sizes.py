"""What a thing takes on disk, in bytes: stories of 500 words, their entries, sketches, matches, deliveries, and alerts.

    .venv/bin/python -m benchmarks.sizes [--stories 2000] [--store http://host:9200]

On SQLite, and on an Elasticsearch that is named, found or started, with its segments merged. Words come from a Zipf
vocabulary (benchmarks/newsstream.py), which packs worse than language does. Table on stderr, JSON on stdout.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from uuid import uuid4

from benchmarks import newsstream
from pipeline.adapters import elastic, sqlite
from pipeline.adapters.elastic.client import connect
from pipeline.dedupe.sketch import sketch
from pipeline.ids import delivery_id, identify, update_id
from pipeline.model import Delivery, Entry, Match, Story
from pipeline.ports import Claim, Sketched, Stores
from pipeline.settings import load
from tests import servers
from tests.spares import wipe

NOW = newsstream.NOW
HITS = 2
"""Matches of a story, each with one delivery."""


def main() -> None:
    asked = argparse.ArgumentParser()
    asked.add_argument("--stories", type=int, default=2000)
    asked.add_argument("--store", help="an Elasticsearch that runs")
    arguments = asked.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        url = arguments.store or stack.enter_context(servers.elasticsearch())
        found = {
            "sqlite": on_sqlite(folder / "store.db", arguments.stories),
            "elasticsearch": on_elasticsearch(url, arguments.stories),
        }
    for name, sizes in found.items():
        print(name, *(f"{kind} {size:,}" for kind, size in sizes.items()), sep="  ", file=sys.stderr)
    print(json.dumps(found))


def on_sqlite(file: Path, count: int) -> dict[str, int]:
    """Bytes of the whole file for each story with all that hangs on it; alerts are not told apart."""
    stores = sqlite.open_stores(str(file))
    stores.prepare()
    fill(stores, count)
    stores.close()  # which copies home what was written beside the file
    return {"a story with all that hangs on it": file.stat().st_size // count}


def on_elasticsearch(url: str, count: int) -> dict[str, int]:
    """Bytes of each index for each of its things."""
    chosen = load({}, store=url, store_prefix=f"bench-{uuid4().hex[:8]}", store_timeout="120")
    stores = elastic.open_stores(chosen)
    stores.prepare()
    with connect(chosen) as client:
        try:
            fill(stores, count)
            names = f"{chosen.store_prefix}-*"
            client.indices.refresh(index=names)
            client.options(request_timeout=300).indices.forcemerge(index=names, max_num_segments=1)
            client.indices.flush(index=names)
            known = client.indices.stats(index=names, metric="store,docs")["indices"]
            return {name.split("-")[2]: each(one["primaries"]) for name, one in known.items() if each(one["primaries"])}
        finally:
            wipe(client, chosen.store_prefix)
            stores.close()


def each(index: dict[str, dict[str, int]]) -> int:
    number = index["docs"]["count"]
    return index["store"]["size_in_bytes"] // number if number > 1 else 0


def fill(stores: Stores, count: int) -> None:
    """Stories with entries, identities, sketches, matches and deliveries; and as many alerts."""
    stories = newsstream.stories(count)
    stores.alerts.put(newsstream.alerts(count))
    for start in range(0, count, 500):
        some = stories[start : start + 500]
        stores.entries.create([entry_of(story) for story in some])
        stores.stories.resolve([Claim([story.url], story.id) for story in some])
        stores.stories.put(some)
        stores.clusters.lead([Sketched(one.id, sketch(one.title, one.body), NOW) for one in some])
        matches = [match_of(story, number) for story in some for number in range(HITS)]
        stores.matches.create(matches)
        stores.deliveries.create([delivery_of(match) for match in matches])


def entry_of(story: Story) -> Entry:
    """As a feed with a summary of 60 words has it."""
    summary = " ".join(story.body.split()[:60])
    known = {"feed_id": identify("feed", story.site), "identity": story.url, "url": story.url, "title": story.title}
    return Entry(
        id=identify("entry", story.id), summary=summary, first_seen_at=NOW, due_at=NOW, story_id=story.id, **known
    )


def match_of(story: Story, number: int) -> Match:
    alert = identify("alert", f"{random.Random(story.id + str(number)).randrange(10_000)}")
    return Match(
        id=update_id(alert, story.id, number),
        alert_id=alert,
        story_id=story.id,
        story_version=1,
        matched_at=NOW,
        evidence=(),
        delivered=True,
    )


def delivery_of(match: Match) -> Delivery:
    to = "analyst@example.org"
    return Delivery(
        id=delivery_id(match.id, "mail", to),
        match_id=match.id,
        alert_id=match.alert_id,
        story_id=match.story_id,
        recipient=to,
        due_at=NOW,
        created_at=NOW,
        updated_at=NOW,
    )


if __name__ == "__main__":
    main()
