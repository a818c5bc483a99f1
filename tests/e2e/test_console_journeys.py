"""The console in a real browser: whole journeys of an administrator, an analyst and an operator, on both backends.

Every page on the way fits into 360 and 1280 px, has no grave finding of axe, and asks no other host: `tests/windows.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial

import pytest
from playwright.sync_api import expect

from pipeline.flow.users import first_link
from tests.windows import Window, window

PASSWORD = "correct horse battery"

Open = Callable[..., AbstractContextManager[Window]]


@pytest.fixture
def visit(chromium, ports) -> Open:
    """Opens a window before the console of `ports`."""
    return partial(window, chromium, ports)


def test_the_first_link_leads_through_a_password_to_the_next_steps(visit, ports):
    with visit() as seen:
        seen.page.goto(first_link(ports, seen.origin))
        seen.shows("Become the first administrator")
        seen.page.get_by_label("Your mail address").fill("root@example.org")
        seen.page.get_by_label("Password", exact=True).fill(PASSWORD)
        seen.page.get_by_label("Once more").fill(PASSWORD)
        seen.button("Save and sign in").click()
        seen.shows("Wirewatch")
        expect(seen.heading("Next steps")).to_be_visible()
        expect(seen.page.locator("main ol > li > a").first).to_have_attribute("href", "/feeds/new")
        seen.button("Sign out").click()
        seen.shows("Sign in")
        seen.page.get_by_label("Mail address").fill("root@example.org")
        seen.page.get_by_label("Password").fill(PASSWORD)
        seen.button("Sign in").click()
        seen.shows("Wirewatch")
