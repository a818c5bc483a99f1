"""A visitor of the console: pages are got and forms are sent over real HTTP, without a browser."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from http.client import HTTPMessage
from typing import Any
from urllib.parse import urlencode

from lxml import html

from pipeline.model import Role, User, identify


def user(role: Role = Role.OPERATOR, address: str = "ana@example.org", **fields: Any) -> User:
    return User(**{"id": identify("user", address), "address": address, "role": role} | fields)


@dataclass(frozen=True, slots=True)
class Page:
    """What came, after redirects. `url` is where from."""

    url: str
    status: int
    headers: HTTPMessage
    text: str

    @property
    def tree(self) -> Any:
        return html.fromstring(self.text)

    @property
    def words(self) -> str:
        """What a person reads, in one line."""
        return " ".join(" ".join(self.tree.find(".//main").itertext()).split())


@dataclass(frozen=True, slots=True)
class Visit:
    """A console on a port of loopback."""

    port: int

    def get(self, path: str, **asked: str) -> Page:
        return self._ask(f"{path}?{urlencode(asked)}" if asked else path, None, {})

    def post(self, path: str, fields: Sequence[tuple[str, str]] | dict[str, str] = ()) -> Page:
        return self._ask(path, urlencode(fields).encode(), {})

    def upload(self, path: str, name: str, content: bytes) -> Page:
        boundary = b"a-boundary-that-no-file-holds"
        head = f'Content-Disposition: form-data; name="{name}"; filename="feeds.opml"\r\n\r\n'.encode()
        body = b"--" + boundary + b"\r\n" + head + content + b"\r\n--" + boundary + b"--\r\n"
        return self._ask(path, body, {"Content-Type": f"multipart/form-data; boundary={boundary.decode()}"})

    def _ask(self, path: str, body: bytes | None, headers: dict[str, str]) -> Page:
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", body, headers)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return Page(answer.url, answer.status, answer.headers, answer.read().decode())
        except urllib.error.HTTPError as error:
            with error:
                return Page(error.url, error.code, error.headers, error.read().decode())
