"""How long it takes to render a mail and a digest, and how large they are.

    .venv/bin/python -m benchmarks.mails [--matches 500] [--show FOLDER]

Stories of 300 words in Latin and Cyrillic letters, one in five of them in ten outlets more, for ten alerts of two
words; all links are there, signed. A table goes to stderr, JSON to stdout; with --show the HTML parts are left in a
folder, to be looked at. Times are medians, to the bytes of the mail; sizes are of the HTML as it travels
(quoted-printable or base64).
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from email.message import EmailMessage
from functools import partial
from pathlib import Path
from statistics import median

from msgspec.structs import replace

from pipeline.deliver import decide
from pipeline.deliver.item import Item
from pipeline.deliver.render import render
from pipeline.match import match
from pipeline.model import Alert, Entity, EntityKind, Story
from pipeline.query.document import Document
from pipeline.query.syntax import parse
from pipeline.settings import load
from tests import builders
from tests.builders import NOON

LATIN = "officers wrote the annex of a treaty between two neighbours while Kursk remained under pressure".split()
CYRILLIC = "офіцери написали додаток до угоди між двома сусідами поки Курськ залишався під тиском".split()
COPIES = [builders.story(f"copy-{place}", url=f"https://outlet{place}.example/copy") for place in range(10)]
ROUNDS = 15
SETTINGS = load({}, mail_from="wirewatch@news.example", public_url="https://news.example", links_secret="0" * 32)


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description="Mails: how long rendering takes, and how large they are.")
    parser.add_argument("--matches", type=int, default=500)
    parser.add_argument("--show", type=Path)
    asked = parser.parse_args()
    results = {}
    for name, words in (("latin", LATIN), ("cyrillic", CYRILLIC)):
        made = items(asked.matches, words)
        results[f"one, {name}"] = measured(partial(mail, made[:1], name), asked.show, f"one-{name}")
        results[f"{asked.matches}, {name}"] = measured(partial(mail, made, name), asked.show, f"digest-{name}")
    for name, result in results.items():
        print(
            f"{name:16} {result['ms']:7.2f} ms, {result['cpu_ms']:7.2f} ms of CPU, {result['html_kb']:6.1f} KB of HTML",
            file=sys.stderr,
        )
    print(json.dumps(results, indent=1))


def measured(make: Callable[[], EmailMessage], folder: Path | None, name: str) -> dict[str, float]:
    """Milliseconds to render a mail into its bytes (medians), and the kilobytes of its HTML."""
    message, spent, cpu = make(), [], []
    for _ in range(ROUNDS):
        began, used = time.perf_counter(), time.process_time()
        make().as_bytes()
        spent.append(1000 * (time.perf_counter() - began))
        cpu.append(1000 * (time.process_time() - used))
    html = message.get_body(("html",))
    assert html is not None
    if folder:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.html").write_text(html.get_content(), encoding="utf-8")
    return {
        "ms": round(median(spent), 2),
        "cpu_ms": round(median(cpu), 2),
        "html_kb": round(len(html.get_payload().encode()) / 1000, 1),
    }


def mail(made: list[Item], name: str) -> EmailMessage:
    """The mail of these, for a reader of the language that has a catalogue, or of English."""
    reader = builders.recipient(zone="Europe/Kyiv", language="de" if name == "cyrillic" else "en")
    return render(made, reader, SETTINGS)


def items(count: int, words: list[str]) -> list[Item]:
    """Deliveries of a digest, for ten alerts."""
    chance = random.Random(5)
    kursk = next(word for word in words if word[0].isupper())
    alerts = [builders.alert(f"{kursk} AND {words[place]}", f"Alert {place}") for place in range(10)]
    return [_item(place, alerts[place % 10], _story(place, words, kursk, chance)) for place in range(count)]


def _item(place: int, alert: Alert, story: Story) -> Item:
    found = match(alert.id, parse(alert.query), Document(story), NOON)
    assert found
    delivery = decide.delivery_for(found, "analyst@example.org", NOON)
    held = decide.held(delivery, NOON + timedelta(hours=9), "digest: daily 08:00", NOON)
    return Item(replace(held, mail_id="mail"), alert, story, found, tuple(COPIES) if place % 5 == 0 else ())


def _story(place: int, words: list[str], kursk: str, chance: random.Random) -> Story:
    said = [" ".join(chance.choices(words, k=20)) for _ in range(15)]
    body = ". ".join([*said[:5], f"{kursk} {' '.join(words)}", *said[5:]])
    title = " ".join(chance.choices(words, k=10)).capitalize()
    people = (Entity(name="Alan Holt", kind=EntityKind.PERSON), Entity(name="Ukraine", kind=EntityKind.PLACE))
    when = NOON - timedelta(minutes=place)
    return builders.story(
        f"{place}", title=title, body=body, site=f"Outlet {place % 40}", published=when, entities=people
    )


if __name__ == "__main__":
    main()
