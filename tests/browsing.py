"""A browser as far as pages need one: it asks, fills in forms, and never follows a redirect by itself."""

from __future__ import annotations

import http.client
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from html import unescape
from urllib.parse import urlencode

from lxml import html as markup

from pipeline.model import Role, User, identify
from pipeline.ports import Ports
from tests.consoles import console
from tests.servers import free_port

ACCEPT = {"Accept": "text/html,application/xhtml+xml"}


@dataclass(frozen=True, slots=True)
class Page:
    status: int
    headers: http.client.HTTPMessage
    text: str

    @property
    def words(self) -> str:
        """What a person reads, in one line."""
        parts = re.sub(r"<(script|style)\b.*?</\1>|<[^>]*>", " ", self.text, flags=re.DOTALL)
        said = re.sub(r"\s+", " ", unescape(parts))
        return re.sub(r" ([.,;:)])", r"\1", said)

    def fields(self) -> dict[str, str]:
        """What the page's last form would send as it stands."""
        return dict(markup.fromstring(self.text).forms[-1].form_values())


@dataclass(frozen=True, slots=True)
class Browser:
    ports: Ports
    port: int

    def get(self, path: str) -> Page:
        return self._ask("GET", path)

    def post(self, path: str, fields: Mapping[str, str]) -> Page:
        return self._ask("POST", path, urlencode(fields), {"Content-Type": "application/x-www-form-urlencoded"})

    def _ask(self, method: str, path: str, body: str | None = None, more: Mapping[str, str] | None = None) -> Page:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, body, ACCEPT | dict(more or {}))
            answer = connection.getresponse()
            return Page(answer.status, answer.headers, answer.read().decode())
        finally:
            connection.close()


def user(role: Role = Role.ANALYST, address: str = "ana@example.org") -> User:
    return User(id=identify("user", address), address=address, role=role)


@contextmanager
def browsing(ports: Ports, who: Role | User | None) -> Iterator[Browser]:
    """A browser of this user, or of somebody with this role (None: a stranger), before the console of `ports`."""
    port = free_port()
    with console(ports, port, [], user(who) if isinstance(who, Role) else who):
        yield Browser(ports, port)
