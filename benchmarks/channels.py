"""How long messages to chats and webhooks take to write, how large they are, and how many a second are sent.

    .venv/bin/python -m benchmarks.channels [--matches 500] [--posts 500]

Sent to a server on loopback, one after the other as to one recipient, without spacing between them (`host_spacing`, a
second by default, is what bounds them otherwise). A table goes to stderr, JSON to stdout.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from statistics import median
from types import SimpleNamespace
from typing import Any, cast

from pipeline.adapters.clock import SystemClock
from pipeline.adapters.http import HttpFetcher
from pipeline.deliver.item import Item
from pipeline.deliver.post import request_for
from pipeline.flow.send import send
from pipeline.model import Evidence, Recipient
from pipeline.ports import Ports
from pipeline.settings import load
from tests import builders, web
from tests.builders import NOON

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
SETTINGS = load({}, allow_private="127.0.0.1/32", host_spacing="0")
BODY = " ".join(web.article("Two villages near Kursk were left in the night.") * 4)
AT = BODY.index("Kursk")


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description="Messages to chats and webhooks.")
    parser.add_argument("--matches", type=int, default=500)
    parser.add_argument("--posts", type=int, default=500)
    asked = parser.parse_args()
    written = {
        channel: {"one": rendered(to(channel), 1), "digest": rendered(to(channel), asked.matches)}
        for channel in ("slack", "teams", "matrix", "webhook")
    }
    for channel, of in written.items():
        cells = "  ".join(f"{name} {one['ms']:7.2f} ms {one['bytes']:9,} B" for name, one in of.items())
        print(f"{channel:8} {cells}", file=sys.stderr)
    rate = sent_a_second(asked.posts)
    print(f"{rate:.0f} signed posts a second to one recipient", file=sys.stderr)
    print(json.dumps({"matches": asked.matches, "written": written, "posts_a_second": rate}, indent=1))


def to(channel: str, base: str = "https://a.example") -> Recipient:
    return builders.recipient(f"{channel}+{base}/!room:a", secret=SECRET)


def items(count: int) -> list[Item]:
    evidence = (Evidence(clause="kursk", field="body", start=AT, end=AT + 5, text="Kursk"),)
    return [
        Item(
            builders.delivery(str(number)),
            builders.alert(),
            builders.story(str(number), body=BODY),
            builders.match(str(number), story_id=builders.story(str(number)).id, evidence=evidence),
        )
        for number in range(count)
    ]


def rendered(recipient: Recipient, count: int) -> dict[str, float]:
    """Milliseconds to write a message of so many matches, and its bytes."""
    told = items(count)
    spent = [timed(lambda: request_for(told, recipient, SETTINGS, NOON)) for _ in range(9)]
    return {"ms": 1000 * median(spent), "bytes": len(request_for(told, recipient, SETTINGS, NOON).body)}


def sent_a_second(count: int) -> float:
    """Signed posts a second, rendered and answered, one after the other."""
    fetcher = HttpFetcher(SETTINGS)
    world: Any = SimpleNamespace(fetcher=fetcher, settings=SETTINGS, clock=SystemClock())  # all that is asked of it
    with web.serve() as site:
        site.put("/!room:a", "ok")
        recipient = to("webhook", site.base)
        told = items(count)
        spent = timed(lambda: [send(cast(Ports, world), [one], recipient) for one in told])
        assert len(site.posts) == count
    fetcher.close()
    return count / spent


def timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
