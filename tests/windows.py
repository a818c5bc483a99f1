"""A window of a real browser before the console: Debian's Chromium, driven by Playwright."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

from pipeline.flow.credentials import open_session
from pipeline.model import User
from pipeline.ports import Ports
from tests.consoles import console
from tests.servers import NoServer, free_port
from workers.console.forms import SESSION

NARROW, WIDE = 360, 1280
"""Of a telephone and of a desk, in CSS pixels."""
GRAVE = ("serious", "critical")
"""The impacts of axe that no page may have."""
_PATIENCE = 15_000
"""Milliseconds until what a page should show is given up."""


@contextmanager
def chromium() -> Iterator[Browser]:
    """The browser of the system. Raises NoServer where there is none."""
    path = shutil.which("chromium")
    if path is None:
        raise NoServer("no Chromium to open pages with: apt-get install chromium")
    expect.set_options(timeout=_PATIENCE)
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path)
        yield browser
        browser.close()


@dataclass(frozen=True, slots=True)
class Window:
    """A page of the browser, and what it has asked for and complained of since it was opened."""

    page: Page
    origin: str
    asked: list[str] = field(default_factory=list)  # addresses
    complaints: list[str] = field(default_factory=list)  # of scripts and of the content security policy

    def go(self, path: str) -> None:
        self.page.goto(self.origin + path)

    def button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=name, exact=True)

    def link(self, name: str) -> Locator:
        return self.page.get_by_role("link", name=name, exact=True)

    def heading(self, name: str) -> Locator:
        return self.page.get_by_role("heading", name=name, exact=True)

    def shows(self, heading: str) -> None:
        """Wait until the page with this heading is there, and hold it to what every page must keep."""
        expect(self.page.get_by_role("heading", level=1, name=heading, exact=True)).to_be_visible()
        self.holds()

    def holds(self) -> None:
        """The page as it stands fits into both widths, and nobody is kept from using it."""
        self.page.wait_for_load_state()
        for width in (NARROW, WIDE):
            self.page.set_viewport_size({"width": width, "height": 800})
            assert self.page.evaluate("document.documentElement.scrollWidth") <= width, f"{self.page.url} at {width}"
            assert _grave(self.page) == [], f"{self.page.url} at {width}"


def _grave(page: Page) -> list[str]:
    """What axe finds grave: rule, impact and the elements."""
    found = Axe().run(page).response["violations"]
    return [
        f"{one['id']} ({one['impact']}): {[node['html'] for node in one['nodes']]}"
        for one in found
        if one["impact"] in GRAVE
    ]


@contextmanager
def window(browser: Browser, ports: Ports, user: User | None = None, *, scripts: bool = True) -> Iterator[Window]:
    """A window before the console of `ports`: of `user`, who has signed in, or of a stranger.

    At the end it is asserted that no other origin was asked, no script failed and the content security policy kept
    nothing back.
    """
    port = free_port()
    origin = f"http://127.0.0.1:{port}"
    with console(ports, port, [], by_session=True):
        context = browser.new_context(java_script_enabled=scripts)
        context.set_default_timeout(_PATIENCE)
        if user:
            ports.stores.users.create([user])
            context.add_cookies([{"name": SESSION, "value": open_session(ports, user), "url": origin}])
        made = Window(context.new_page(), origin)
        context.on("request", lambda request: made.asked.append(request.url))
        context.on("weberror", lambda error: made.complaints.append(str(error.error)))
        context.on("console", lambda said: made.complaints.append(said.text) if said.type == "error" else None)
        try:
            yield made
        finally:
            context.close()
    assert {_origin(url) for url in made.asked} == {origin}
    assert [one for one in made.complaints if not one.startswith("Failed to load resource: the server responded")] == []


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
