"""Parsing a feed of 20 entries: our fast path, our parser of record, feedparser alone, and fastfeedparser.

    .venv/bin/python -m benchmarks.parse [FOLDER]

Prints a table on stderr and JSON on stdout. Times are processor time, the best of seven rounds, for one feed and one
core. FOLDER holds feeds to measure instead of the made ones (.xml). fastfeedparser is no dependency
(`pip install fastfeedparser`): it is left out, and said to be, where it is not there. It keeps less, hashes nothing and
gets 29 of the 40 feeds of our corpus right.
"""

from __future__ import annotations

import importlib
import json
import random
import sys
import time
from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import Any

import feedparser

from pipeline.parse import fast, parse, record

URL = "https://news.example/feed"
ROUNDS = 7
Work = Callable[[bytes], Any]


def main() -> None:
    """Measure, and print."""
    given = sys.argv[1:]
    bodies = [path.read_bytes() for path in sorted(Path(given[0]).glob("*.xml"))] if given else made()
    contenders: dict[str, Work] = {
        "parse (as polled)": lambda body: parse(URL, body, "application/rss+xml; charset=utf-8"),
        "the parser of record": lambda body: record.read(URL, body, "", body),
        "feedparser alone": feedparser.parse,
    }
    rival = fastfeedparser()
    if rival:
        contenders["fastfeedparser"] = rival
    results: dict[str, Any] = {
        "feeds": len(bodies),
        "bytes a feed": sum(map(len, bodies)) // len(bodies),
        "read by the fast path": sum(fast.read(URL, body) is not None for body in bodies),
        "ms a feed": {name: round(milliseconds(work, bodies), 3) for name, work in contenders.items()},
    }
    table(results)
    print(json.dumps(results, indent=1))


def fastfeedparser() -> Work | None:
    """The rival's function, where it is installed."""
    try:
        return importlib.import_module("fastfeedparser").parse  # type: ignore[no-any-return]
    except ImportError:
        print("fastfeedparser is not installed: left out", file=sys.stderr)
        return None


def milliseconds(work: Work, bodies: list[bytes]) -> float:
    """Processor time for one feed, the best of some rounds."""
    return min(_round(work, bodies) for _ in range(ROUNDS)) * 1000


def _round(work: Work, bodies: list[bytes]) -> float:
    began = time.process_time()
    for body in bodies:
        work(body)
    return (time.process_time() - began) / len(bodies)


def table(results: dict[str, Any]) -> None:
    """The figures for people."""
    print(f"{results['feeds']} feeds of {results['bytes a feed']:,} bytes", file=sys.stderr)
    for name, figure in results["ms a feed"].items():
        print(f"{name:22} {figure:8.3f} ms a feed", file=sys.stderr)


# ---------------------------------------------------------------------------------------------------------
# Feeds like those of a news site: 20 entries, each with a kilobyte of HTML


def made() -> list[bytes]:
    """20 feeds, RSS and Atom in turn, the same at every run."""
    chance = random.Random(6)
    return [(rss if number % 2 else atom)(number, chance).encode() for number in range(20)]


def rss(number: int, chance: random.Random) -> str:
    items = "".join(
        f"<item><title>{_sentence(chance, 9)}</title><link>https://news.example/{number}/{item}</link>"
        f'<guid isPermaLink="false">{number}-{item}</guid><pubDate>Sun, 01 Mar 2026 13:{item:02}:00 +0000</pubDate>'
        f"<dc:creator>Ada Writer</dc:creator><category>War</category><category>Asia</category>"
        f"<description><![CDATA[{_html(chance)}]]></description></item>\n"
        for item in range(20)
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<rss version="2.0" xmlns:dc="http://purl.org/dc/elements/1.1/" '
        f'xmlns:atom="http://www.w3.org/2005/Atom"><channel><title>News {number}</title>'
        f"<link>https://news.example/{number}</link><language>en</language>{items}</channel></rss>"
    )


def atom(number: int, chance: random.Random) -> str:
    entries = "".join(
        f'<entry><title>{_sentence(chance, 9)}</title><link href="https://news.example/{number}/{entry}"/>'
        f"<id>tag:news.example,2026:{number}-{entry}</id><published>2026-03-01T13:{entry:02}:00Z</published>"
        f"<updated>2026-03-01T13:{entry:02}:30Z</updated><author><name>Ada Writer</name></author>"
        f'<category term="War"/><category term="Asia"/><content type="html">{escape(_html(chance))}</content></entry>\n'
        for entry in range(20)
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<feed xmlns="http://www.w3.org/2005/Atom" xml:lang="en">'
        f"<title>News {number}</title><id>tag:news.example,2026:{number}</id>{entries}</feed>"
    )


def _html(chance: random.Random) -> str:
    image = '<p><img src="https://news.example/i.png" alt="" width="640"/></p>'
    return image + "".join(f"<p>{_sentence(chance, 60)}</p>\n" for _ in range(3))


def _sentence(chance: random.Random, words: int) -> str:
    return " ".join("".join(chance.choices("etaoinshrdlu", k=chance.randint(2, 9))) for _ in range(words)).capitalize()


if __name__ == "__main__":
    main()
