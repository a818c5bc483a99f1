"""A real WebSub hub on loopback: it verifies intent, keeps leases, signs what it pushes, and denies when told to."""

from __future__ import annotations

import hashlib
import hmac
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from urllib.parse import parse_qs, urlencode
from uuid import uuid4

from tests import web
from tests.web import RSS


@dataclass(slots=True)
class Hub:
    """Requests as they came, and who is subscribed to which topic."""

    url: str = ""
    lease: int = 86_400  # seconds it grants
    status: int = 202  # its answer to a request
    at_once: bool = False  # whether it verifies before it answers
    denies: str = ""  # its reason
    forms: list[dict[str, str]] = field(default_factory=list)
    subscribers: dict[tuple[str, str], str] = field(default_factory=dict)  # (topic, callback) to secret
    answers: list[int] = field(default_factory=list)  # of callbacks, to what it told or asked

    def modes(self) -> list[str]:
        return [form["hub.mode"] for form in self.forms]

    def take(self, form: dict[str, str]) -> None:
        """Verify the intent of a request, or deny it."""
        asked = {"hub.mode": form["hub.mode"], "hub.topic": form["hub.topic"]}
        if self.denies:
            self.ask(form["hub.callback"], {**asked, "hub.mode": "denied", "hub.reason": self.denies})
            return
        challenge = uuid4().hex
        lease = {"hub.lease_seconds": str(self.lease)} if form["hub.mode"] == "subscribe" else {}
        status, body = self.ask(form["hub.callback"], {**asked, "hub.challenge": challenge, **lease})
        if not 200 <= status < 300 or body != challenge:
            return
        key = (form["hub.topic"], form["hub.callback"])
        if form["hub.mode"] == "subscribe":
            self.subscribers[key] = form["hub.secret"]
        else:
            self.subscribers.pop(key, None)

    def ask(self, callback: str, query: dict[str, str]) -> tuple[int, str]:
        """GET the callback; its status and body."""
        status, body = _exchange(urllib.request.Request(f"{callback}?{urlencode(query)}"))
        self.answers.append(status)
        return status, body

    def publish(self, topic: str, body: str, method: str = "sha256") -> list[int]:
        """Push `body` to all who are subscribed to `topic`; their answers."""
        return [
            self.push(callback, body, signature(secret, body, method))
            for (known, callback), secret in list(self.subscribers.items())
            if known == topic
        ]

    def push(self, callback: str, body: str, signature: str = "") -> int:
        headers = {"Content-Type": RSS} | ({"X-Hub-Signature": signature} if signature else {})
        return _exchange(urllib.request.Request(callback, body.encode(), headers, method="POST"))[0]


def signature(secret: str, body: str, method: str = "sha256") -> str:
    return f"{method}={hmac.new(secret.encode(), body.encode(), getattr(hashlib, method)).hexdigest()}"


def _exchange(request: urllib.request.Request) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


@contextmanager
def open_hub(host: str = "127.0.0.1") -> Iterator[Hub]:
    """A hub for as long as the context lasts."""
    hub = Hub()
    with web.running(_handler(hub), host) as address:
        hub.url = f"{address}/"
        yield hub


def _handler(hub: Hub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            sent = self.rfile.read(int(self.headers["Content-Length"])).decode()
            form = {name: values[0] for name, values in parse_qs(sent).items()}
            hub.forms.append(form)
            if hub.at_once and hub.status < 300:
                hub.take(form)
            self.send_response(hub.status)
            self.send_header("Content-Length", "0")
            self.end_headers()
            self.wfile.flush()
            if not hub.at_once and hub.status < 300:
                hub.take(form)

        def log_message(self, *_: object) -> None:
            """Quiet: the test looks at `forms`."""

    return Handler
