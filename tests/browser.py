"""A browser as far as pages need one: cookies, forms with what they hold, files, and redirects where that is asked."""

from __future__ import annotations

import html
import http.client
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPMessage
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import urlencode

from lxml import html as markup

from pipeline.model import Role, User
from pipeline.ports import Ports
from tests.builders import user
from tests.consoles import console
from tests.servers import free_port

MOST_REDIRECTS = 5
ACCEPT = {"Accept": "text/html,application/xhtml+xml"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
BOUNDARY = "a-boundary-that-no-file-holds"
Fields = Mapping[str, str | Sequence[str]] | Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Page:
    """What came, and from which path."""

    url: str
    status: int
    headers: HTTPMessage
    text: str

    @property
    def tree(self) -> Any:
        return markup.fromstring(self.text)

    @property
    def words(self) -> str:
        """What a person reads of the main part, or of the whole where it is a part only; in one line."""
        tree = self.tree
        main = tree.find(".//main")
        texts = (tree if main is None else main).xpath(".//text()[not(parent::script or parent::style)]")
        return re.sub(r" ([.,;:)])", r"\1", " ".join(" ".join(texts).split()))

    @property
    def token(self) -> str:
        """What the forms of the page hold."""
        found = re.search(r'name="form_token" value="([^"]+)"', self.text)
        return found.group(1) if found else ""

    @property
    def alert(self) -> str:
        """What went wrong, in words."""
        return html.unescape(re.search(r'role="alert">([^<]+)<', self.text).group(1))

    def fields(self) -> dict[str, str]:
        """What the page's last form would send as it stands."""
        return dict(self.tree.forms[-1].form_values())


@dataclass(slots=True)
class Browser:
    """Somebody before the console on a port of loopback."""

    port: int
    cookies: dict[str, str] = field(default_factory=dict)
    follows: bool = False  # redirects

    def get(self, path: str, *, headers: Mapping[str, str] | None = None, **asked: str) -> Page:
        path = path.partition("#")[0]  # a place in the page, which is not asked for
        return self._go("GET", f"{path}?{urlencode(asked)}" if asked else path, b"", headers or {})

    def post(self, path: str, fields: Fields = ()) -> Page:
        """Post these fields as they are."""
        return self._go("POST", path, urlencode(fields, doseq=True).encode(), FORM)

    def fill(self, page: str, path: str, **fields: str | Sequence[str]) -> Page:
        """Post these fields to `path` as the form on `page` would."""
        return self.post(path, {"form_token": self.get(page).token} | fields)

    def upload(self, path: str, name: str, content: bytes) -> Page:
        """Post a file as the field `name`."""
        head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"; filename="feeds.opml"\r\n\r\n'
        body = head.encode() + content + f"\r\n--{BOUNDARY}--\r\n".encode()
        return self._go("POST", path, body, {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"})

    def sign_in(self, address: str, password: str, next: str = "/") -> Page:  # noqa: A002
        return self.fill("/sign-in", "/sign-in", address=address, password=password, next=next)

    def _go(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> Page:
        page = self._ask(method, path, body, headers)
        for _ in range(MOST_REDIRECTS):
            if not self.follows or page.status != 303:
                return page
            page = self._ask("GET", page.headers["Location"], b"", {})
        raise AssertionError(f"{path} leads on and on, to {page.url}")

    def _ask(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> Page:
        sent = ACCEPT | dict(headers)
        if self.cookies:
            sent["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, body or None, sent)
            answer = connection.getresponse()
            page = Page(path, answer.status, answer.headers, answer.read().decode())
        finally:
            connection.close()
        self._keep(page)
        return page

    def _keep(self, page: Page) -> None:
        for line in page.headers.get_all("Set-Cookie", []):
            for name, morsel in SimpleCookie(line).items():
                self.cookies[name] = morsel.value
                if morsel["max-age"] == "0":
                    del self.cookies[name]


@dataclass(slots=True, kw_only=True)
class Desk(Browser):
    """A browser, and what stands behind the console that it looks at."""

    ports: Ports


@contextmanager
def browsing(ports: Ports, who: Role | User | None) -> Iterator[Desk]:
    """A browser of this user, or of somebody with this role (None: a stranger), before the console of `ports`."""
    port = free_port()
    with console(ports, port, [], user(who) if isinstance(who, Role) else who):
        yield Desk(port=port, ports=ports)
