"""What ingesting an entry costs: ms of CPU by stage, embedded store, the feed's text alone, no network.

    .venv/bin/python -m benchmarks.ingest [--entries 2000] [--batch 10]

The stages are called one by one on half of the entries, as `flow.ingest` strings them together; the other half goes
through `flow.ingest` itself, which adds the claim and its own steps: `whole`. Entries are as long as feeds have them:
sentences of the sample newsroom, then invented ones of `benchmarks/newsstream.py` for a vocabulary; 100 alerts are
live. Then what issue 7 has a bar for: enriching and clustering together, for texts of 100 and of 600 words, read and
sketched from the first letter. Table on stderr, JSON on stdout.
"""

from __future__ import annotations

import argparse
import json
import re
import resource
import sys
import tempfile
import time
import tomllib
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from benchmarks import newsstream
from pipeline import dedupe, extract, flow, index, match
from pipeline.enrich import EntityTagger, LanguageGuesser, SentimentReader, WordCounter, enrich
from pipeline.flow.sweep import batches
from pipeline.ids import identify
from pipeline.model import Entry, EntryState, Feed, Story
from pipeline.ports import Claim, Ports, Sketched
from pipeline.query.document import Document
from pipeline.settings import load
from workers import bootstrap

ALERTS = 100
READ, INVENTED = 4, 3  # sentences; some 150 words together, as feeds carry
NEWS = [
    sentence.strip()
    for story in tomllib.loads(files("workers.newsroom").joinpath("stories.toml").read_text(encoding="utf-8"))["story"]
    if story["outlet"] != "abendblick"  # which is German
    for sentence in re.findall(r"[^.]+\.", " ".join(story["paragraphs"]))
]
BAR_MS, BAR_MB = 1.0, 110.0
CLUSTERED_BAR_MS = {100: 0.8, 600: 10.0}
"""By the words of a text: enrich and cluster together (issue 7)."""
NOW = newsstream.NOW
FEEDS = [
    Feed(id=f"feed{number}", url=f"https://site{number}.example/feed", title=f"Site {number}", added_at=NOW,
         next_poll_at=NOW)
    for number in range(50)
]  # fmt: skip


def main() -> None:
    """Measure, and print."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--entries", type=int, default=2_000)
    options.add_argument("--batch", type=int, default=10)
    asked = options.parse_args()
    entries = made(asked.entries)
    with tempfile.TemporaryDirectory() as folder:
        ports = prepared(folder, entries)
        warm, *work = batches([entry.id for entry in entries], asked.batch)
        flow.ingest(ports, warm)  # models and tables are read
        half = len(work) // 2
        costs = {name: spent / (half * asked.batch) for name, spent in by_stage(ports, work[:half]).items()}
        with clocked(whole := Counter(), "whole"):
            stories = sum(flow.ingest(ports, batch).stories for batch in work[half:])
        clustered = {words: enriched_and_clustered(ports, words, asked) for words in CLUSTERED_BAR_MS}
        ports.stores.close()
    assert stories == len(entries) - (half + 1) * asked.batch
    results = {
        "entries": asked.entries,
        "batch": asked.batch,
        "ms_cpu_an_entry": costs | {"whole": whole["whole"] / stories},
        "ms_cpu_enrich_and_cluster": clustered,
        "peak_rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    table(results)
    print(json.dumps(results, indent=1))


def made(count: int) -> list[Entry]:
    return [entry(number, story) for number, story in enumerate(newsstream.stories(count))]


def entry(number: int, story: Story) -> Entry:
    read = [NEWS[(5 * number + place) % len(NEWS)] for place in range(READ)]
    invented = re.findall(r"[^.]+\.", story.body)[:INVENTED]
    return Entry(
        id=identify("entry", story.url),
        feed_id=FEEDS[number % len(FEEDS)].id,
        identity=story.url,
        url=story.url,
        title=read[-1],
        summary=f"<p>{' '.join(read)}</p>\n<p>{''.join(invented)}</p>",
        content_hash=story.url,
        language="en",
        first_seen_at=NOW,
        due_at=NOW,
    )


def prepared(folder: str, entries: Sequence[Entry]) -> Ports:
    ports = bootstrap.make_ports(load({}, store=f"sqlite:///{Path(folder) / 'bench.db'}", data=folder, pages="never"))
    ports.stores.prepare()
    ports.stores.feeds.put(FEEDS)
    ports.stores.alerts.put(newsstream.alerts(ALERTS))
    ports.stores.entries.put(entries)
    return ports


def by_stage(ports: Ports, work: Sequence[Sequence[str]]) -> dict[str, float]:
    """Milliseconds of CPU by stage."""
    spent: Counter[str] = Counter()
    for ids in work:
        one_batch(ports, list(ports.stores.entries.get(ids).values()), spent)
    return dict(spent)


def one_batch(ports: Ports, entries: Sequence[Entry], spent: Counter[str]) -> None:
    stores = ports.stores
    feeds = {feed.id: feed for feed in FEEDS}
    with clocked(spent, "compose"):
        stories = [composed(one, feeds[one.feed_id]) for one in entries]
    with clocked(spent, "language"):
        stories = [LanguageGuesser().enrich(story, "en") for story in stories]
    with clocked(spent, "entities"):
        stories = [EntityTagger().enrich(story, "en") for story in stories]
    with clocked(spent, "tone, words"):
        stories = [WordCounter().enrich(SentimentReader().enrich(story, "en"), "en") for story in stories]
    with clocked(spent, "resolve"):
        claims = [Claim(dedupe.identity_keys(one, None), story.id) for one, story in zip(entries, stories, strict=True)]
        stores.stories.resolve(claims)
    with clocked(spent, "put"):
        stores.stories.put(stories)
    with clocked(spent, "match"):
        documents = [Document(story) for story in stories]
        found = match.judge(stores.alerts.narrow(documents), documents, NOW)
        stores.matches.create(found.matches)
    with clocked(spent, "finish"):
        stores.entries.update([one.id for one in entries], lambda one: replace(one, state=EntryState.DONE))


def enriched_and_clustered(ports: Ports, words: int, asked: argparse.Namespace) -> dict[str, float]:
    """Milliseconds of CPU for a story of `words` words, by step.

    Enriched are sentences of the sample newsroom. Clustered are invented words, read anew: rows of the same sentences
    would each look like a copy of dozens, as no text of a feed does.
    """
    strangers = newsstream.stories(asked.entries)
    spent: Counter[str] = Counter()
    for first in range(0, len(strangers), asked.batch):
        numbered = list(enumerate(strangers))[first : first + asked.batch]
        # An invented headline comes first, so that no text was read before.
        read = [
            replace(story, body=cut([story.title, *NEWS[number % len(NEWS) :], *3 * NEWS], words))
            for number, story in numbered
        ]
        with clocked(spent, "enrich"):
            for story in read:
                enrich(story, claim="en")
        new = {
            identify("story", f"{words} {number}"): cut([story.body, story.body], words) for number, story in numbered
        }
        with clocked(spent, "cluster"):
            ports.stores.clusters.lead([Sketched(name, dedupe.sketch("", body), NOW) for name, body in new.items()])
    return {step: cost / len(strangers) for step, cost in spent.items()}


def cut(texts: Sequence[str], words: int) -> str:
    """The first `words` words of `texts` one behind the other."""
    found = " ".join(texts).split()
    assert len(found) >= words
    return " ".join(found[:words])


def composed(entry: Entry, feed: Feed) -> Story:
    story = index.compose(
        entry,
        feed,
        None,
        url=dedupe.story_url(entry, None),
        feed_paragraphs=extract.feed_text(entry.summary, entry.url),
        text_reason="pages are not fetched",
        now=NOW,
    )
    return replace(story, content_hash=dedupe.content_hash(story.title, story.body))


@contextmanager
def clocked(spent: Counter[str], stage: str) -> Iterator[None]:
    """Add the milliseconds of CPU that the block takes."""
    began = time.process_time()
    yield
    spent[stage] += (time.process_time() - began) * 1000


def table(results: dict[str, Any]) -> None:
    for stage, cost in results["ms_cpu_an_entry"].items():
        note(f"{stage:>11} {cost:7.3f} ms")
    for words, steps in results["ms_cpu_enrich_and_cluster"].items():
        bar, cost = CLUSTERED_BAR_MS[words], sum(steps.values())
        said = " + ".join(f"{step} {spent:.3f}" for step, spent in steps.items())
        note(f"{words} words: {said} = {cost:.3f} ms; bar {bar} ms: {'met' if cost < bar else 'not met'}")
    note(f"bar: whole {BAR_MS} ms, peak {BAR_MB:.0f} MB; peak {results['peak_rss_mb']:.0f} MB")


def note(line: str) -> None:
    print(line, file=sys.stderr)


if __name__ == "__main__":
    main()
