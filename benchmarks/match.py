"""Live matching: the evaluator behind the presearcher against Elasticsearch's percolator, in one run.

    .venv/bin/python -m benchmarks.match [--quick] [--percolator-alone ALERTS]

Prints a table on stderr and JSON on stdout. Tokenising is counted, on both sides: a story is a Story until the store is
asked. Bars: issue 5. The percolator is left out, and said to be, where no Elasticsearch can be had.
"""

from __future__ import annotations

import argparse
import gc
import json
import random
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Any

from msgspec.structs import replace

from benchmarks import newsstream
from pipeline import match
from pipeline.adapters import elastic, sqlite
from pipeline.model import Story
from pipeline.ports import AlertStore, Stores
from pipeline.query.document import Document
from pipeline.query.evaluate import evaluate
from pipeline.query.syntax import parse
from pipeline.settings import load
from tests import servers

ALERTS = (1_000, 10_000, 100_000)
COMPARED = 20_000
BATCHES = (1, 20, 100)
ROUNDS = 7


def main() -> None:
    """Measure, and print."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--quick", action="store_true", help="a tenth of the alerts, to see that it runs")
    options.add_argument("--percolator-alone", type=int, metavar="ALERTS", help="nothing else, with so many alerts")
    asked = options.parse_args()
    scale = 10 if asked.quick else 1
    stories = newsstream.stories(400)
    if asked.percolator_alone:
        print(json.dumps(percolator(asked.percolator_alone, stories), indent=1))
        return
    results: dict[str, Any] = {"alerts": {}, "stories": len(stories)}
    with tempfile.TemporaryDirectory() as folder:
        counts = sorted({*(count // scale for count in ALERTS), COMPARED // scale})
        results["alerts"] = embedded(Path(folder), counts, stories)
        results["percolator"] = percolator(COMPARED // scale, stories)
    results["memory_per_alert_bytes"] = memory_per_alert(20_000 // scale)
    results["spans_of_100_alerts_ms"] = spans_of_100(stories[0])
    results["pathological_ms"] = pathological()
    results |= ratios(results, scale)
    table(results)
    print(json.dumps(results, indent=1))


def embedded(folder: Path, counts: Sequence[int], stories: Sequence[Story]) -> dict[int, dict[str, float]]:
    """By number of alerts: stories a second through the store's narrow and the judge, loading, and adding one alert.

    The numbers take turns, round by round, so that a machine that slows down for a second slows them all.
    """
    opened = {count: loaded(folder / f"{count}.db", count, stories) for count in counts}
    gc.collect()
    took: dict[int, list[float]] = {count: [] for count in counts}
    for turn in range(ROUNDS):
        note(f"round {turn + 1} of {ROUNDS} …")
        for count, (stores, row) in opened.items():
            started = time.perf_counter()
            row["hits_per_story"] = fire(stores.alerts, stories, 1) / len(stories)
            took[count].append(time.perf_counter() - started)
    for count, (stores, row) in opened.items():
        row["stories_per_second"] = len(stories) / median(took[count])
        one = replace(newsstream.alerts(1)[0], id="one more", query='"one more"', meaning='"one more"')
        adding = timed(lambda stores=stores, one=one: (stores.alerts.put([one]), narrow(stores.alerts, stories[:1], 1)))
        row["adding_one_ms"] = adding * 1000
        stores.close()
    return {count: row for count, (_, row) in opened.items()}


def loaded(path: Path, count: int, stories: Sequence[Story]) -> tuple[Stores, dict[str, float]]:
    """The stores with so many alerts, having seen all `stories` once, as they have after an hour; what loading took."""
    note(f"{count} alerts in SQLite …")
    stores = prepared(sqlite.open_stores(str(path)))
    stores.alerts.put(newsstream.alerts(count))
    stores.close()
    stores = sqlite.open_stores(str(path))
    loading = timed(lambda: narrow(stores.alerts, stories[:1], 1))
    fire(stores.alerts, stories, 1)
    return stores, {"loading_s": loading}


def percolator(count: int, stories: Sequence[Story]) -> dict[str, Any]:
    """Stories a second through the percolator alone, in batches."""
    with ExitStack() as stack:
        try:
            url = stack.enter_context(servers.elasticsearch())
        except servers.NoServer as reason:
            note(f"percolator not measured: {reason}")
            return {"not_measured": str(reason)}
        note(f"{count} alerts in Elasticsearch …")
        stores = prepared(elastic.open_stores(load({}, store=url, store_prefix="bench", store_timeout="300")))
        stack.callback(stores.close)
        stores.alerts.put(newsstream.alerts(count))
        speeds: dict[str, float] = {}
        for size in BATCHES:
            note(f"percolating in batches of {size} …")
            few = stories[: 40 if size == 1 else 200]
            narrow(stores.alerts, few[:20], size)
            speeds[str(size)] = len(few) / timed(lambda few=few, size=size: narrow(stores.alerts, few, size))
        return {"alerts": count, "stories_per_second_by_batch": speeds}


def prepared(stores: Stores) -> Stores:
    stores.prepare()
    return stores


def fire(alerts: AlertStore, stories: Sequence[Story], size: int) -> int:
    """Narrow and judge; how many matches."""
    hits = 0
    for start in range(0, len(stories), size):
        documents = [Document(story) for story in stories[start : start + size]]
        hits += len(match.judge(alerts.narrow(documents), documents, newsstream.NOW).matches)
    return hits


def narrow(alerts: AlertStore, stories: Sequence[Story], size: int) -> None:
    for start in range(0, len(stories), size):
        alerts.narrow([Document(story) for story in stories[start : start + size]])


def memory_per_alert(count: int) -> float:
    """What an alert takes in the process that matches: the alert, its query, its place in the presearcher."""
    note("memory …")
    with tempfile.TemporaryDirectory() as folder:
        stores = prepared(sqlite.open_stores(str(Path(folder) / "m.db")))
        stores.alerts.put(newsstream.alerts(count))
        stores.close()
        stores = sqlite.open_stores(str(Path(folder) / "m.db"))
        gc.collect()
        tracemalloc.start()
        stores.alerts.narrow([])
        gc.collect()
        taken, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        stores.close()
    return taken / count


def spans_of_100(story: Story) -> float:
    """Milliseconds for the evidence of 100 alerts that match one story."""
    words = story.body.split()
    queries = [parse(f'"{words[start]} {words[start + 1]}"'.replace(".", "")) for start in range(100)]
    document = Document(story)
    found = [evaluate(query, document) for query in queries]
    assert all(found)
    best = min(timed(lambda: [evaluate(query, Document(story)) for query in queries[:1]]) for _ in range(5))
    document = Document(story)
    return (best + min(timed(lambda: [evaluate(query, document) for query in queries]) for _ in range(5))) * 1000


PATHOLOGICAL = {
    "50 brackets": "(" * 50 + "the" + ")" * 50,
    "500 clauses": " OR ".join(f"word{number}" for number in range(500)),
    "NEAR/100 of four common words": "the NEAR/100 of NEAR/100 a NEAR/100 to",
    "NEAR/0 of four common words": "the NEAR/0 the NEAR/0 the NEAR/0 the",
    "three wildcards in a phrase": '"the* the* the*"',
    "200 readings": '"(a|b|c|d|e) (a|b|c|d|e) (a|b|c|d|e)"',
}


def pathological() -> dict[str, float]:
    """Milliseconds for queries made to be slow, on a story of 5,000 common words."""
    chance = random.Random(3)
    words = ["the", "of", "and", "to", "them", "then", "these", "a", "b", "c"]
    body = " ".join(chance.choice(words) for _ in range(5_000))
    story = replace(newsstream.stories(1)[0], body=body)
    return {
        name: min(timed(lambda text=text: evaluate(parse(text), Document(story))) for _ in range(2)) * 1000
        for name, text in PATHOLOGICAL.items()
    }


def ratios(results: dict[str, Any], scale: int) -> dict[str, float]:
    """What the bars ask for."""
    rows = results["alerts"]
    few, many = rows[10_000 // scale], rows[100_000 // scale]
    made = {"cost_of_100000_over_10000": few["stories_per_second"] / many["stories_per_second"]}
    speeds = results["percolator"].get("stories_per_second_by_batch")
    if speeds:
        ours = rows[COMPARED // scale]["stories_per_second"]
        made["times_the_percolator_at_its_best"] = ours / max(speeds.values())
    return made


def table(results: dict[str, Any]) -> None:
    note(f"\n{'alerts':>8} {'stories/s':>10} {'hits/story':>11} {'loading s':>10} {'adding ms':>10}")
    for count, row in results["alerts"].items():
        note(
            f"{count:>8} {row['stories_per_second']:>10.0f} {row['hits_per_story']:>11.1f} "
            f"{row['loading_s']:>10.2f} {row['adding_one_ms']:>10.2f}"
        )
    for size, speed in results["percolator"].get("stories_per_second_by_batch", {}).items():
        note(f"percolator, {results['percolator']['alerts']} alerts, batches of {size:>3}: {speed:.0f} stories/s")
    for name, milliseconds in results["pathological_ms"].items():
        note(f"pathological, {name}: {milliseconds:.1f} ms")
    for name in (
        "times_the_percolator_at_its_best",
        "cost_of_100000_over_10000",
        "memory_per_alert_bytes",
        "spans_of_100_alerts_ms",
    ):
        if name in results:
            note(f"{name.replace('_', ' ')}: {results[name]:.2f}")


def timed(work: Any) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def note(line: str) -> None:
    print(line, file=sys.stderr)


if __name__ == "__main__":
    main()
