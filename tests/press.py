"""Feeds on loopback in which stories appear while a test or a benchmark goes on, and alerts that must fire on them."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from email.utils import formatdate
from functools import partial
from xml.sax.saxutils import escape

from pipeline.model import Alert
from tests import builders, web
from tests.postbox import Postbox


@dataclass(frozen=True, slots=True)
class Published:
    """One entry of a feed. Its story must fire the alert that watches its zone."""

    feed: str  # address
    link: str
    zone: int


@dataclass(slots=True)
class Press:
    """Feeds that hold what was published last, and when each story was first given out."""

    site: web.Site
    feeds: int = 10
    zones: int = 200
    window: int = 20  # items that a feed holds
    pages: bool = False  # whether a story is on a page of its own, and its feed has but a summary
    published: list[Published] = field(default_factory=list)
    arrived: dict[int, float] = field(default_factory=dict)  # by number: when an answer with it was made, time.time()
    _items: list[list[str]] = field(init=False)
    _waiting: list[list[int]] = field(init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._items = [[] for _ in range(self.feeds)]
        self._waiting = [[] for _ in range(self.feeds)]
        for feed in range(self.feeds):
            self.site.answers[f"/feed{feed}"] = partial(self._answer, feed)

    @property
    def addresses(self) -> list[str]:
        """Where the feeds are."""
        return [f"{self.site.base}/feed{feed}" for feed in range(self.feeds)]

    def alerts(self, recipients: int) -> list[Alert]:
        """One for each zone, dealt out among so many recipients."""
        return [
            builders.alert(f"zone{zone}", recipients=(f"{zone % recipients}@desk.example",))
            for zone in range(self.zones)
        ]

    def publish(self, number: int, text: str, *, also_in: Sequence[int] = ()) -> None:
        """Publish story `number` in its feed, and `also_in` others under the same link."""
        link, zone = f"{self.site.base}/story/{number}", number % self.zones
        if self.pages:
            self.site.put(f"/story/{number}", web.page(title(number, zone), *text.split("\n\n"), canonical=link))
            text = "A summary. […]"
        item = (
            f"<item><title>{title(number, zone)}</title><link>{link}</link><pubDate>{formatdate()}</pubDate>"
            f"<description>{escape(text)}</description></item>"
        )
        with self._lock:
            for feed in dict.fromkeys([number % self.feeds, *also_in]):
                self._items[feed].append(item)
                self._waiting[feed].append(number)
                self.published.append(Published(self.addresses[feed], link, zone))

    def _answer(self, feed: int) -> web.Answer:
        with self._lock:
            now = time.time()
            for number in self._waiting[feed]:
                self.arrived.setdefault(number, now)
            self._waiting[feed].clear()
            items = "".join(self._items[feed][-self.window :])
        body = f"<rss version='2.0'><channel><title>Feed {feed}</title>{items}</channel></rss>"
        return web.Answer(body.encode(), headers={"Content-Type": web.RSS})


def title(number: int, zone: int) -> str:
    return f"Report {number:06} about zone{zone}"


def mailed(postbox: Postbox) -> dict[int, float]:
    """When the first mail on each story came, by its number."""
    found: dict[int, float] = {}
    for mail, at in zip(list(postbox.mails), list(postbox.times), strict=False):
        subject = str(mail["Subject"])
        if "Report " in subject:
            found.setdefault(int(subject.partition("Report ")[2][:6]), at)
    return found
