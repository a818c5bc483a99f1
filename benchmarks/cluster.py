"""How well copies of one story are told from what only looks alike, and at what cost.

    .venv/bin/python -m benchmarks.cluster [--heads 1000000] [--stored 1000000] [--elasticsearch 100000]

The labelled stories are those of tests/copies.py: thresholds were tuned on one half, the other was kept out. A pair is
right when both are of one cluster. By leader is how stories come (tests/clustering.py): worst and mean of twenty
orders, and how many heads a story was compared with. ms are the best of many, with nothing remembered of the text
unless said.

Strangers are synthetic heads of English in which three words follow each other only as they do in the labelled
stories, so that they share far more phrases with these than news does: the figure is a bound. They are sketched and
forgotten; only the bands of the stories that ask are kept. A table goes to stderr, JSON to stdout.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from datetime import timedelta
from itertools import count as count_from
from itertools import islice
from statistics import mean, median
from typing import Any

from benchmarks import newsstream
from pipeline import ports, text
from pipeline.adapters import elastic, sqlite
from pipeline.dedupe import BANDS_SHARED, bands, is_copy, sketch
from pipeline.errors import ParseError
from pipeline.extract import feed_text
from pipeline.ids import identify
from pipeline.parse import parse
from pipeline.ports import Stores
from pipeline.settings import load
from tests import servers
from tests.clustering import Sketched, by_leader, by_pair, meets, pairs, same, two_halves
from tests.copies import Labelled, cut, wires
from tests.servers import SHARED

ORDERS = 20
BATCH = 500
ROUNDS = 300
SHARES = (0.8, 0.65, 0.5, 0.4, 0.3, 0.2)


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description="Copies of one story: how well they are told, and at what cost.")
    parser.add_argument("--heads", type=int, default=100_000, help="synthetic strangers to meet (0 for none)")
    parser.add_argument("--stored", type=int, default=100_000, help="leaders kept in SQLite (0 for none)")
    parser.add_argument("--elasticsearch", type=int, default=0, help="leaders kept in Elasticsearch (0 for none)")
    asked = parser.parse_args()
    results: dict[str, Any] = {"judged": {}, "missed": [], "cut": {}, "ms": costs()}
    for name, stories in zip(("tuned", "kept out"), two_halves(), strict=True):
        results["judged"][name] = judged(name, stories)
        results["missed"] += missed(stories)
    results["met_of_own_form"] = met_of_own_form()
    note(f"of other stories in its form a story meets {results['met_of_own_form']:.0%}")
    results["real"] = real()
    results["cut"] = {str(share): told_when_cut(share) for share in SHARES}
    note("copies told when only the first so much of the text is left: " + figures(results["cut"]))
    note("ms: " + figures(results["ms"]))
    if asked.heads:
        results["strangers"] = strangers(asked.heads)
        note(f"of {asked.heads} strangers: " + figures(results["strangers"]))
    if asked.stored:
        with tempfile.TemporaryDirectory() as folder:
            results["sqlite"] = led(sqlite.open_stores(f"{folder}/bench.db"), asked.stored)
    if asked.elasticsearch:
        with servers.elasticsearch() as url:
            results["elasticsearch"] = led(elastic.open_stores(load({}, store=url)), asked.elasticsearch)
    print(json.dumps(results, indent=1))


def led(stores: Stores, count: int) -> dict[str, float]:
    """Ms to find who leads one story among `count` leaders, and one of ten that come together."""
    stores.prepare()
    strange = strangely()
    began, cpu = time.perf_counter(), time.process_time()
    for start in range(0, count, BATCH):
        stores.clusters.lead(list(islice(strange, min(BATCH, count - start))))
        if start % (count // 10 or 1) < BATCH:
            note(f"  {start} leaders after {time.perf_counter() - began:.0f} s")
    filled = {"wall": (time.perf_counter() - began) / count * 1000, "CPU": (time.process_time() - cpu) / count * 1000}
    alone = sorted(1000 * took(lambda: stores.clusters.lead(list(islice(strange, 1)))) for _ in range(200))
    tens = sorted(100 * took(lambda: stores.clusters.lead(list(islice(strange, 10)))) for _ in range(50))
    found = {
        "leaders": count,
        "filling, wall": filled["wall"],
        "filling, CPU": filled["CPU"],
        "one, median": alone[100],
        "one, 99th centile": alone[198],
        "one of ten, median": tens[25],
    }
    stores.close()
    note("ms a story: " + figures(found))
    return found


def strangely() -> Iterator[ports.Sketched]:
    """Stories of 60 words that nobody has copied, a second apart."""
    chance = random.Random(7)
    for number in count_from(0):
        made = sketch("", " ".join(chance.choices(newsstream.WORDS, k=60)))
        yield ports.Sketched(identify("story", str(number)), made, newsstream.NOW + timedelta(seconds=number / 10))


def took(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def judged(name: str, stories: Sequence[Sketched]) -> dict[str, Any]:
    score = by_pair(stories)
    orders = [by_leader(stories, seed) for seed in range(ORDERS)]
    found = {
        "stories": len(stories),
        "pairs": asdict(score),
        "leader_precision": [min(one.precision for one in orders), mean(one.precision for one in orders)],
        "leader_recall": [min(one.recall for one in orders), mean(one.recall for one in orders)],
        "candidates": mean(one.candidates for one in orders),
    }
    note(
        f"{name:9} {len(stories)} stories  by pair: precision {score.precision:.3f} recall {score.recall:.3f}"
        f"  by leader (worst, mean): precision {figures(found['leader_precision'])}"
        f" recall {figures(found['leader_recall'])}  heads met {found['candidates']:.2f}"
    )
    return found


def missed(stories: Sequence[Sketched]) -> list[str]:
    """The pairs that are judged wrongly, in words."""
    found = []
    for one, other in pairs(stories):
        said = same(one, other)
        if said != (one.story.cluster == other.story.cluster):
            names = sorted(f"{each.story.cluster} ({each.story.kind})" for each in (one, other))
            found.append(f"{'taken for copies' if said else 'missed'}: {names[0]}, {names[1]}")
            note(f"  {found[-1]}")
    return found


def met_of_own_form() -> float:
    """The share of stories in one form that share a band though they are no copies: each is compared for nothing."""
    forms = [one for half in two_halves() for one in half if one.story.kind == "form"]
    return mean(
        meets(one, other)
        for one, other in pairs(forms)
        if one.story.cluster.split(",")[0] == other.story.cluster.split(",")[0]
    )


def real() -> dict[str, Any]:
    """Entries of the feeds of ../shared, few of them copies: those that are taken for such, for a person to judge."""
    entries = []
    for feed in sorted((SHARED / "corpus" / "feeds").glob("*")):
        try:
            found = parse(f"https://{feed.name}.example/", feed.read_bytes(), "").entries
        except ParseError:
            continue
        for entry in found:
            body = "\n\n".join(feed_text(max(entry.content, entry.summary, key=len), entry.url))
            made = sketch(entry.title, body)
            if made:
                story = Labelled(feed.name, "entry", entry.title, body, held_out=True)
                entries.append(Sketched(story, made, frozenset(bands(made))))
    near = [(one, other) for one, other in pairs(entries) if meets(one, other)]
    taken = [f"{one.story.title} = {other.story.title}" for one, other in near if same(one, other)]
    note(f"real feeds: {len(entries)} entries, {len(near)} pairs share a band, {len(taken)} are taken for copies")
    for line in taken:
        note(f"  {line}")
    return {"entries": len(entries), "pairs_that_share_a_band": len(near), "taken_for_copies": taken}


def told_when_cut(share: float) -> float:
    """The share of wire stories of which the first `share` is told for a copy of the whole."""
    told = []
    for wire in wires():
        whole, part = sketch("", wire["body"]), sketch("", cut(wire["body"], share))
        told.append(len(set(bands(whole)) & set(bands(part))) >= BANDS_SHARED and is_copy(whole, part))
    return mean(told)


def costs() -> dict[str, float]:
    """Processor time of each step, in ms."""
    longest = max((wire["body"] for wire in wires()), key=lambda body: len(body.split())).split()
    short, long = " ".join(longest[:100]), " ".join(longest[:600])
    whole, most = sketch("", long), sketch("", " ".join(longest[:500]))
    return {
        "sketch of 100 words": cost(lambda: forgetful(short)),
        "of them tokenised already": cost(lambda: sketch("", short)),
        "sketch of 600 words": cost(lambda: forgetful(long)),
        "of 600 tokenised already": cost(lambda: sketch("", long)),
        "bands": cost(lambda: bands(whole)),
        "is_copy": cost(lambda: is_copy(whole, most)),
    }


def forgetful(body: str) -> bytes:
    """A sketch of a text that nobody has tokenised yet."""
    text._read.cache_clear()
    return sketch("", body)


def cost(work: Callable[[], object]) -> float:
    best = float("inf")
    for _ in range(ROUNDS):
        began = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - began)
    return best * 1000


def strangers(count: int) -> dict[str, float]:
    """How many of `count` unrelated heads share a band with a story: they are compared for nothing."""
    askers = [story for half in two_halves() for story in half]
    asks: dict[int, list[int]] = defaultdict(list)
    for place, asker in enumerate(askers):
        for band in asker.bands:
            asks[band].append(place)
    met = [0] * len(askers)
    copies = 0
    began = time.perf_counter()
    for body in written(count):
        made = sketch("", body)
        shared = Counter(place for band in bands(made) for place in asks.get(band, ()))
        for place in (place for place, count in shared.items() if count >= BANDS_SHARED):
            met[place] += 1
            copies += is_copy(made, askers[place].sketch)
    return {
        "met by a story, mean": mean(met),
        "median": median(met),
        "most": max(met),
        "taken for copies": copies,
        "seconds": time.perf_counter() - began,
    }


def written(count: int, seed: int = 13) -> Iterator[str]:
    """English texts of 60 to 400 words in which words follow each other as in the labelled ones."""
    chance = random.Random(seed)
    followers: dict[tuple[str, str], list[str]] = defaultdict(list)
    for wire in wires():
        if "lang" in wire:
            continue
        tokens = wire["body"].split()
        for first, second, third in zip(tokens, tokens[1:], tokens[2:], strict=False):
            followers[first, second].append(third)
    starts = [pair for pair in followers if pair[0][0].isupper()]
    for number in range(count):
        yield " ".join(_ramble(followers, starts, chance, 60 + number % 341))


def _ramble(
    followers: dict[tuple[str, str], list[str]], starts: list[tuple[str, str]], chance: random.Random, length: int
) -> list[str]:
    made: list[str] = []
    pair = chance.choice(starts)
    while len(made) < length:
        made.append(pair[0])
        after = followers.get(pair)
        # Where only one word ever followed, copying would go on for a sentence: begin anew now and then.
        pair = (pair[1], chance.choice(after)) if after and chance.random() < 0.8 else chance.choice(starts)
    return made


def figures(found: dict[str, float] | Sequence[float]) -> str:
    if isinstance(found, dict):
        return ", ".join(f"{name} {value:.3g}" for name, value in found.items())
    return ", ".join(f"{value:.3f}" for value in found)


def note(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
