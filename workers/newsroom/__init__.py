"""A sample newsroom on loopback, for `wirewatch demo`: invented outlets with feeds and pages as sites serve them."""

from __future__ import annotations

import threading
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

_FEED_TYPES = {"rss": "application/rss+xml", "atom": "application/atom+xml"}


@dataclass(frozen=True, slots=True)
class Newsroom:
    """Where it is served."""

    base: str
    feeds: tuple[str, ...]
    stories: int


@contextmanager
def open_newsroom() -> Iterator[Newsroom]:
    """Serve the newsroom from a free port of 127.0.0.1 for as long as the context lasts."""
    content = tomllib.loads(files(__package__).joinpath("stories.toml").read_text(encoding="utf-8"))
    resources: dict[str, tuple[str, bytes]] = {}
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(resources))
    base = f"http://127.0.0.1:{server.server_port}"
    resources |= _resources(content, base, datetime.now(UTC).replace(microsecond=0))
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), name="newsroom", daemon=True)
    thread.start()
    try:
        feeds = tuple(f"{base}/{outlet['id']}/feed" for outlet in content["outlet"])
        yield Newsroom(base, feeds, len(content["story"]))
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _handler(resources: dict[str, tuple[str, bytes]]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = resources.get(self.path.partition("?")[0])
            kind, body = found or ("text/plain", b"not found")
            self.send_response(200 if found else 404)
            self.send_header("Content-Type", f"{kind}; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """The demo tells what happens itself."""

    return Handler


def _resources(content: dict[str, Any], base: str, now: datetime) -> dict[str, tuple[str, bytes]]:
    """Every address with its media type and bytes."""
    templates = Environment(
        loader=PackageLoader(__package__), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )

    def published(story: dict[str, Any]) -> datetime:
        return now - timedelta(minutes=story["minutes_ago"])

    def rfc822(story: dict[str, Any]) -> str:
        return format_datetime(published(story))

    made: dict[str, tuple[str, bytes]] = {}
    for outlet in content["outlet"]:
        stories = [story for story in content["story"] if story["outlet"] == outlet["id"]]
        stories.sort(key=lambda story: int(story["minutes_ago"]))
        feed = templates.get_template(f"feed.{outlet['form']}").render(
            outlet=outlet, stories=stories, base=base, published=published, rfc822=rfc822
        )
        made[f"/{outlet['id']}/feed"] = (_FEED_TYPES[outlet["form"]], feed.encode())
        for story in stories:
            others = [other for other in stories if other is not story]
            page = templates.get_template("page.html").render(
                outlet=outlet, story=story, others=others, base=base, published=published(story)
            )
            made[f"/{outlet['id']}/{story['slug']}"] = ("text/html", page.encode())
    return made
