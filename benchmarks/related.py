"""How long it takes to find related stories on SQLite, and how well the labelled ones are told.

    .venv/bin/python -m benchmarks.related [--stories 100000]

Stories of 300 words that follow Zipf's law, spread over six days; twenty of the latest are asked for. Judged on the
stories of tests/copies.py, one half of which the threshold was tuned on. A table goes to stderr, JSON to stdout.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from datetime import timedelta
from itertools import accumulate
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any, cast

from pipeline.adapters import sqlite
from pipeline.flow.stories.related import related
from pipeline.model import Story
from pipeline.ports import Ports
from tests import builders
from tests.relating import judged, score

ASKED = 20
DAYS = 6
VOCABULARY = [f"word{place}" for place in range(100_000)]
CUMULATIVE = list(accumulate(1 / (place + 1) for place in range(100_000)))
BATCH = 500


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description="Related stories: how well they are told, and at what cost.")
    parser.add_argument("--stories", type=int, default=100_000)
    asked = parser.parse_args()
    results: dict[str, Any] = {"stories": asked.stories}
    for name, held_out in (("tuned", False), ("kept out", True)):
        precision, recall = score(judged(held_out=held_out))
        results[name] = {"precision": precision, "recall": recall}
        print(f"{name}: precision {precision:.3f}, recall {recall:.3f}", file=sys.stderr)
    with TemporaryDirectory() as folder:
        spent = times(Path(folder), asked.stories)
    results["ms"] = {"median": median(spent), "worst": max(spent)}
    print(f"{asked.stories} stories: median {median(spent):.0f} ms, worst {max(spent):.0f} ms", file=sys.stderr)
    print(json.dumps(results, indent=1))


def times(folder: Path, count: int) -> list[float]:
    """Milliseconds for each story that is asked for."""
    chance = random.Random(3)
    stores = sqlite.open_stores(str(folder / "store.db"))
    stores.prepare()
    ports = cast(Ports, SimpleNamespace(stores=stores))  # all that is asked of the world
    stories: list[Story] = []
    for start in range(0, count, BATCH):
        stories = [_story(place, count, chance) for place in range(start, min(start + BATCH, count))]
        stores.stories.create(stories)
    spent = []
    for story in chance.sample(stories, ASKED):
        began = time.perf_counter()
        related(ports, story)
        spent.append(1000 * (time.perf_counter() - began))
    stores.close()
    return spent


def _story(place: int, count: int, chance: random.Random) -> Story:
    said = chance.choices(VOCABULARY, cum_weights=CUMULATIVE, k=310)
    published = builders.NOON + timedelta(days=DAYS) * (place / count)
    return builders.story(
        str(place), title=" ".join(said[:10]), body=" ".join(said[10:]), language="en", published=published
    )


if __name__ == "__main__":
    main()
