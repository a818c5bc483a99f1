"""A browser of a few lines: cookies, forms with what they hold, no redirects followed unless asked."""

from __future__ import annotations

import html
import http.client
import re
from dataclasses import dataclass, field
from http.client import HTTPMessage
from http.cookies import SimpleCookie
from urllib.parse import urlencode


@dataclass(frozen=True, slots=True)
class Page:
    status: int
    headers: HTTPMessage
    text: str

    @property
    def token(self) -> str:
        """What the forms of the page hold."""
        found = re.search(r'name="form_token" value="([^"]+)"', self.text)
        return found.group(1) if found else ""

    @property
    def alert(self) -> str:
        """What went wrong, in words."""
        return html.unescape(re.search(r'role="alert">([^<]+)<', self.text).group(1))


@dataclass(slots=True)
class Browser:
    port: int
    cookies: dict[str, str] = field(default_factory=dict)

    def get(self, path: str, **headers: str) -> Page:
        return self._ask("GET", path, "", headers)

    def post(self, path: str, **fields: str) -> Page:
        """Post these fields as they are."""
        return self._ask("POST", path, urlencode(fields, doseq=True), {})

    def fill(self, page: str, path: str, **fields: str) -> Page:
        """Post these fields to `path` as the form on `page` would."""
        return self.post(path, form_token=self.get(page).token, **fields)

    def sign_in(self, address: str, password: str, next: str = "/") -> Page:  # noqa: A002
        return self.fill("/sign-in", "/sign-in", address=address, password=password, next=next)

    def _ask(self, method: str, path: str, body: str, headers: dict[str, str]) -> Page:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if body:
            sent["Content-Type"] = "application/x-www-form-urlencoded"
        if self.cookies:
            sent["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request(method, path, body.encode(), sent)
            answer = connection.getresponse()
            page = Page(answer.status, answer.headers, answer.read().decode())
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
