"""The console under a path behind a proxy, which takes the path off or leaves it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta

import pytest

from pipeline.flow.accounts.credentials import open_session
from pipeline.flow.accounts.users import invite
from pipeline.flow.alerts.manage import NewAlert, put_alert
from pipeline.flow.deeds.alerts import remove_alert
from pipeline.flow.feeds.manage import NewFeed, add_feeds
from pipeline.model import EntryState, Role
from tests import builders
from tests.browser import Browser
from tests.conftest import world
from tests.consoles import console
from tests.servers import free_port
from workers.console.forms import SESSION

pytestmark = pytest.mark.parametrize("stores", ["sqlite"], indirect=True)  # no matter of backends

ROOT, BASE = "root@example.org", "/desk/wire"
LEADS = "//@href | //@action | //@src | //@hx-get | //@hx-post"
BEGUN = ("/", "/alerts", "/sign-in", "/operations/ledger", "/inbox", "/stories?q=kursk", "/trends", "/users")
MOST = 40
"""Pages that are looked at."""


@pytest.fixture(params=["taken off", "left"])
def before(request) -> str:
    """What stands before the paths that the console is asked for."""
    return BASE if request.param == "left" else ""


@pytest.fixture
def browser(stores, tmp_path, clock) -> Iterator[Browser]:
    ports = world(stores, tmp_path, clock, public_url=f"http://w.example{BASE}", links_secret="0123456789" * 4)
    user = invite(ports, "test", ROOT, role=Role.ADMINISTRATOR)
    stocked(ports, clock.now())
    port = free_port()
    with console(ports, port, [], by_session=True):
        yield Browser(port, {SESSION: open_session(ports, user)})


def stocked(ports, now) -> None:
    """Something for each page, and more than a page of the ledger."""
    add_feeds(ports, [NewFeed(url=builders.feed().url)])
    ports.stores.entries.create([builders.entry("a", state=EntryState.QUARANTINED)])
    ports.stores.stories.put([builders.story("a", title="Kursk", published=now)])
    alert = put_alert(ports, NewAlert(name="kursk", query="kursk", recipients=(ROOT,)))
    gone = put_alert(ports, NewAlert(name="gone", query="gone"))
    remove_alert(ports, "test", gone.id)
    rows = [builders.delivery(str(n), alert_id=alert.id, recipient=ROOT, created_at=now) for n in range(60)]
    ports.stores.deliveries.create(rows)
    match = builders.match("a", alert_id=alert.id, matched_at=now - timedelta(days=1))
    ports.stores.matches.create([match])


def test_every_link_form_and_part_of_a_page_stays_under_the_path(browser, before):
    waiting, seen = [BASE + path for path in BEGUN], set()
    while waiting and len(seen) < MOST:
        path = waiting.pop(0)
        seen.add(path)
        page = browser.get(before + path.removeprefix(BASE))
        assert page.status in (200, 422), (path, page.status)
        if "html" not in page.headers["Content-Type"]:
            continue
        leads = [lead for lead in map(str, page.tree.xpath(LEADS)) if lead.startswith("/")]
        assert all(lead.startswith(f"{BASE}/") for lead in leads), (path, [x for x in leads if not x.startswith(BASE)])
        links = page.tree.xpath("//a/@href | //@hx-get | //link/@href | //script/@src")
        waiting += [str(one) for one in links if str(one).startswith("/") and one not in seen and one not in waiting]
    assert {f"{BASE}/feeds/export.opml", f"{BASE}/operations/settings"} <= seen | set(waiting)


def test_what_is_done_leads_back_under_the_path(browser, before):
    page = browser.get(f"{before}/alerts")
    restore = re.search(r'action="([^"]+/restore)"', page.text)[1].removeprefix(BASE)
    answer = browser.post(before + restore, {"form_token": page.token})
    assert (answer.status, answer.headers["Location"].startswith(f"{BASE}/alerts/")) == (303, True)
    alert = answer.headers["Location"].removeprefix(BASE).partition("?")[0]
    made = browser.post(f"{before}{alert}/feed", {"form_token": page.token})
    assert f"http://w.example{BASE}/feeds/alerts/" in made.text
    assert browser.post(f"{before}/alerts/preview", {"form_token": page.token, "query": "kursk"}).status == 200
    assert browser.post(f"{before}/alerts/preview", {"query": "kursk"}).status == 403  # without the form's token
    assert browser.post(f"{before}/sign-out", {"form_token": page.token}).headers["Location"] == f"{BASE}/sign-in"


def test_a_stranger_is_led_to_sign_in_and_on_to_where_they_wanted(browser, before):
    stranger = Browser(browser.port)
    asked = stranger.get(f"{before}/alerts?find=x")
    assert asked.headers["Location"] == f"{BASE}/sign-in?next=%2Falerts%3Ffind%3Dx"
    part = stranger.get(f"{before}/stories", headers={"HX-Request": "true"})
    assert (part.status, f'href="{BASE}/"' in part.text) == (401, True)


def test_the_api_and_mails_links_answer_under_the_path(browser, before):
    stranger = Browser(browser.port)
    assert stranger.get(f"{before}/api/v1/openapi.json").status == 200
    assert stranger.get(f"{before}/api/v1/alerts").status == 401
    assert stranger.get(f"{before}/api/v1/a%0Ab").headers["Content-Type"] == "application/problem+json"
    assert stranger.post(f"{before}/preferences/x/unsubscribe").status == 403
    assert stranger.get(f"{before}/healthz").status == 200


def test_what_nobody_foresaw_is_a_page_that_stays_under_the_path_too(browser, before, monkeypatch):
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("workers.console.alerts.visible", broken)
    page = browser.get(f"{before}/alerts")
    leads = [lead for lead in map(str, page.tree.xpath(LEADS)) if lead.startswith("/")]
    assert (page.status, [lead for lead in leads if not lead.startswith(f"{BASE}/")]) == (500, [])
