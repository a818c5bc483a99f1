"""A window of a real browser before the console: Debian's Chromium, driven by Playwright."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

from pipeline.flow.accounts.credentials import open_session
from pipeline.model import User
from pipeline.ports import Ports
from tests.consoles import console
from tests.servers import NoServer, free_port
from workers.console.forms import SESSION

WAYS = ((360, "dark"), (1280, "light"))
"""How each page is looked at: the widths of a telephone and of a desk, in CSS pixels, and in which colours."""
GRAVE = ("serious", "critical")
"""The impacts of axe that no page may have."""
_PATIENCE = 15_000
"""Milliseconds until what a page should show is given up."""
_REFUSED = "Failed to load resource: the server responded"
"""How Chromium notes a page with a status such as 422, which a refused form has."""
_STOPS = 25
"""More than a form of the console has fields."""
_OUTLINE = "getComputedStyle(document.activeElement).outlineStyle"


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

    def tab_to(self, wanted: Locator) -> None:
        """Press Tab until it has the focus, which must be seen wherever it is on the way."""
        for _ in range(_STOPS):
            self.page.keyboard.press("Tab")
            assert self.page.evaluate(_OUTLINE) != "none", self.page.evaluate("document.activeElement.outerHTML")
            if wanted.evaluate("one => one === document.activeElement"):
                return
        raise AssertionError(f"{_STOPS} times Tab do not lead to {wanted}")

    def shows(self, heading: str) -> None:
        """Wait until the page with this heading is there, and hold it to what every page must keep."""
        expect(self.page.get_by_role("heading", level=1, name=heading, exact=True)).to_be_visible()
        self.holds()

    def holds(self) -> None:
        """The page as it stands is no wider than the window, and nobody is kept from using it."""
        self.page.wait_for_load_state()
        for width, colours in WAYS:
            self.page.set_viewport_size({"width": width, "height": 800})
            self.page.emulate_media(color_scheme=colours)
            found = _faults(self.page, width)
            assert not found, "\n".join(found)


def _faults(page: Page, width: int) -> list[str]:
    """Where the page is wider than the window, and what axe finds grave: rule, impact, place and the element."""
    needed = page.evaluate("document.documentElement.scrollWidth")
    wide = [f"{page.url} needs {needed} px of {width}"] if needed > width else []
    found = Axe().run(page).response["violations"]
    return wide + [
        f"{one['id']} ({one['impact']}) in {page.url} at {width} px: {node['html']} {node['failureSummary']}"
        for one in found
        if one["impact"] in GRAVE
        for node in one["nodes"]
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
    strange = [url for url in made.asked if _origin(url) != origin]
    assert not strange, strange
    complaints = [one for one in made.complaints if not one.startswith(_REFUSED)]
    assert not complaints, complaints


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
