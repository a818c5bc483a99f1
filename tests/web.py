"""A real HTTP server on loopback whose pages a test writes."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from random import Random

from tests.servers import wait_until

HTML = "text/html; charset=utf-8"
RSS = "application/rss+xml; charset=utf-8"


@dataclass(slots=True)
class Answer:
    """What the server says at an address."""

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Site:
    """Pages by path, and the requests that came, with their headers in lower case."""

    base: str = ""
    answers: dict[str, Answer | Callable[[], Answer]] = field(default_factory=dict)
    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    posts: list[tuple[str, bytes]] = field(
        default_factory=list
    )  # path and body of those requests that were POST or PUT

    def put(self, path: str, body: str | bytes, kind: str = HTML, status: int = 200, **headers: str) -> str:
        """Serve `body` at `path`; its address."""
        data = body.encode() if isinstance(body, str) else body
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.answers[path] = Answer(data, status, {"Content-Type": kind} | named)
        return self.base + path

    def asked(self, path: str) -> int:
        """How often `path` was asked for."""
        return sum(one.partition("?")[0] == path for one, _ in self.requests)


@contextmanager
def serve(host: str = "127.0.0.1") -> Iterator[Site]:
    """A site for as long as the context lasts."""
    site = Site()
    with running(_handler(site), host) as site.base:
        yield site


@contextmanager
def running(handler: type[BaseHTTPRequestHandler], host: str = "127.0.0.1") -> Iterator[str]:
    """An HTTP server in a thread for as long as the context lasts; its address."""
    server = ThreadingHTTPServer((host, 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://{host}:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def wait_for(port: int) -> None:
    """Wait until somebody listens there."""

    def listens() -> bool:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            return False
        return True

    wait_until(listens, 10, f"somebody listens on {port}")


def _handler(site: Site) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # head and body are two writes: the second would wait 40 ms

        def do_GET(self) -> None:
            site.requests.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
            found = site.answers.get(self.path) or site.answers.get(self.path.partition("?")[0]) or Answer(status=404)
            answer = found() if callable(found) else found
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            with suppress(ConnectionError):  # whoever asked has heard enough
                self.wfile.write(answer.body)

        def do_POST(self) -> None:
            site.posts.append((self.path, self.rfile.read(int(self.headers["Content-Length"]))))
            self.do_GET()

        def do_PUT(self) -> None:
            self.do_POST()

        def log_message(self, *_: object) -> None:
            """Quiet: the test looks at `requests`."""

    return Handler


# ---------------------------------------------------------------------------------------------------------
# Feeds and pages


def page(title: str, *paragraphs: str, canonical: str = "", author: str = "Ada Writer") -> str:
    link = f'<link rel="canonical" href="{canonical}">' if canonical else ""
    text = "".join(f"<p>{paragraph}</p>" for paragraph in paragraphs)
    return (
        f'<!doctype html><html lang="en"><head><title>{title}</title>{link}<meta name="author" content="{author}">'
        f"</head><body><nav><a href='/'>Home</a></nav><article><h1>{title}</h1>{text}</article>"
        f"<footer>© A site</footer></body></html>"
    )


FILLER = (
    "It was the third such meeting this year, and officials of both sides said that it would not be the last one.",
    "Reporters waited outside in the rain for most of the afternoon until a statement was read to them at the gate.",
)


def article(sentence: str, about: str = "") -> tuple[str, ...]:
    """Paragraphs enough for a story, with `sentence` among them; of another `about` no copy of each other."""
    first, last = (_shuffled(one, about) for one in FILLER) if about else FILLER
    return (first, f"{sentence} Nobody who was asked about it wanted to give a name.", last)


def _shuffled(sentence: str, seed: str) -> str:
    found = sentence.rstrip(".").split()
    return " ".join(Random(seed).sample(found, len(found))) + "."


def rss(
    *items: tuple[str, str], title: str = "A feed", summary: str = "A summary. […]", published: datetime | None = None
) -> str:
    """An RSS feed of (title, link) with guids made of the links."""
    date = format_datetime(published or datetime.now(UTC) - timedelta(hours=1))
    entries = "".join(
        f"<item><title>{name}</title><link>{link}</link><guid isPermaLink='false'>{link}</guid>"
        f"<pubDate>{date}</pubDate><description>{summary}</description></item>"
        for name, link in items
    )
    return f'<?xml version="1.0"?><rss version="2.0"><channel><title>{title}</title>{entries}</channel></rss>'


def put_story(site: Site, name: str, sentence: str, feed: str = "/feed") -> str:
    """A story at /name with a feed that has only it; the feed's address."""
    link = site.put(f"/{name}", page(f"Story {name}", *article(sentence, name), canonical=f"{site.base}/{name}"))
    return site.put(feed, rss((f"Story {name}", link)), RSS)


def put_acceptance(
    site: Site, folder: Path, published: datetime, guid: str = "/?p=91234", tracking: str = "utm_source=rss"
) -> str:
    """The must-pass story as its site serves it, its feed under a guid and tracking of our choice; its address."""

    def filled(name: str) -> str:
        text = (folder / name).read_text(encoding="utf-8").replace("{base}", site.base)
        return text.replace("{rfc822}", format_datetime(published)).replace("{iso}", published.isoformat())

    site.put("/putin-praises-invincible-friendship/", filled("page.html"))
    feed = filled("feed.xml").replace("/?p=91234", guid).replace("utm_source=rss", tracking)
    return site.put("/feed.xml", feed, RSS)
