"""What pages say when something is missing: an explanation asked for, a lost store, a reading that had no time."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from urllib.parse import urlencode

import msgspec
import pytest

from pipeline import dedupe
from pipeline.adapters import elastic
from pipeline.flow.alerts.manage import NewAlert, put_alert
from pipeline.flow.alerts.preview import preview
from pipeline.flow.stories.browse import asked, browse, most_relevant
from pipeline.model import Role
from pipeline.ports import Claim, Ports
from pipeline.settings import load
from tests import builders
from tests.browser import Desk, browsing
from tests.conftest import world
from tests.fakes import BusyClock
from tests.servers import free_port, wait_until
from workers.console import cursors


@pytest.fixture
def desk(ports) -> Iterator[Desk]:
    with browsing(ports, Role.VIEWER) as browser:
        yield browser


# -- explain


def explained(desk: Desk, **fields: str) -> str:
    return desk.get(f"/explain?{urlencode(fields)}").words


def test_an_alert_that_did_not_fire_is_explained_step_by_step(desk):
    story = builders.story(title="Fighting near Belgorod", body="Nothing else.")
    desk.ports.stores.stories.put([story])
    desk.ports.stores.stories.resolve([_claim(story)])
    put_alert(desk.ports, NewAlert(name="kursk", query="kursk", recipients=("ana@example.org",)))
    said = explained(desk, url=story.url, alert="kursk", recipient="ana@example.org")
    assert "clause not as it should kursk: not in the story" in said
    assert "policy well immediate, the alert's" in said


def test_what_was_asked_in_vain_is_said(desk):
    assert "no feed has brought https://nobody.example/1" in explained(desk, url="https://nobody.example/1")
    assert "There is no alert 'x'" in explained(desk, url="https://a.example/", alert="x")
    assert "A recipient is of an alert: name it too." in explained(desk, url="https://a.example/", recipient="a@b.c")
    assert "Paste the address of a story" in explained(desk)


def _claim(story):
    return Claim(dedupe.address_keys(story.url), story.id)


# -- a lost store


@pytest.fixture
def lost(tmp_path, clock) -> Iterator[Ports]:
    """Ports whose store listens nowhere."""
    settings = load({}, store=f"http://127.0.0.1:{free_port()}", store_timeout="1")
    made = world(elastic.open_stores(settings), tmp_path, clock)
    yield made
    made.fetcher.close()
    made.extractor.close()
    made.stores.close()


@pytest.mark.parametrize("path", ["/stories", "/stories/0000", "/alerts", "/alerts/0000", "/explain?url=https://a.b/"])
def test_a_lost_store_is_a_page_that_says_what_to_do(lost, path):
    with browsing(lost, Role.ANALYST) as browser:
        page = browser.get(path)
    assert (page.status, page.headers["Retry-After"]) == (503, "30")
    assert "The store does not answer. Nothing is lost" in page.words
    assert str(lost.settings.store) not in page.text


# -- readings that have no time


def _daily(ports: Ports) -> Ports:
    """Stories on Kursk every hour of thirty days, and a clock by which reading one takes 10 ms."""
    now = ports.clock.now()
    ports.stores.stories.put(
        [
            builders.story(f"kursk {hour}", title=f"Kursk {hour}", published=now - timedelta(hours=hour, minutes=1))
            for hour in range(24 * 20)
        ]
    )
    return replace(ports, clock=BusyClock(now, 0.01))


def test_days_that_a_preview_had_no_time_for_are_estimated_and_it_says_so(ports):
    found = preview(_daily(ports), "kursk")
    assert found.bounded
    assert found.trial.stories < 20
    assert sum(found.by_day.values()) == 24 * 20
    assert found.mails_a_day("immediate", 0) == pytest.approx(16)
    assert found.mails_a_day("daily 08:00", 0) == 1


def test_what_the_engine_gives_and_the_judge_refuses_is_no_part_of_an_estimate(ports):
    busy = _daily(ports)
    for story in list(ports.stores.stories.all())[::2]:
        ports.stores.stories.put([msgspec.structs.replace(story, title=story.title.upper())])
    assert sum(preview(busy, "=KURSK").by_day.values()) == pytest.approx(24 * 20 / 2, rel=0.4)


def test_a_page_says_how_far_its_numbers_go_and_the_next_one_goes_on(ports):
    busy = _daily(ports)
    what = asked(busy, "kursk", None, None)
    first = browse(busy, what)
    assert len(first.found) == 20
    assert first.counted_since is not None
    second = browse(busy, what, first.after)
    titles = [int(re.sub(r"\D", "", one.story.title)) for one in (*first.found, *second.found)]
    assert titles == list(range(40))
    assert most_relevant(busy, what).counted_since is not None


def test_a_page_that_finds_too_little_in_its_time_goes_on_where_it_stopped(ports):
    busy = _daily(ports)
    what = asked(busy, 'kursk "kursk 300"', None, None)
    after, pages = "", 0
    while not (page := browse(busy, what, after)).found:
        assert page.after not in ("", after)
        after, pages = page.after, pages + 1
    assert [one.story.title for one in page.found] == ["Kursk 300"]
    assert pages <= 10


# -- what nobody foresaw


def test_what_nobody_foresaw_is_a_page_that_tells_nothing_and_a_line_in_the_log(desk, monkeypatch, caplog):
    def broken(*_: object) -> None:
        raise ZeroDivisionError("a secret")

    monkeypatch.setattr(desk.ports.stores.alerts, "all", broken)
    page = desk.get("/alerts")
    assert (page.status, "Something broke here" in page.words, "secret" in page.text) == (500, True, False)
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    wait_until(lambda: "ZeroDivisionError: a secret" in caplog.text, 5, "it is logged")


@pytest.mark.parametrize("moment", ["9999-12-31T23:59:59.999999+00:00", "0001-01-01T00:00:00+14:00", "2026-01-01", ""])
def test_a_page_of_stories_that_begins_nowhere_is_refused(desk, moment):
    page = desk.get("/stories", after=f"{moment}~x")
    assert (page.status, "this page begins nowhere: go back to the first" in page.words) == (422, True)


@pytest.mark.parametrize("moment", ["9999-12-31T23:59:59.999999+00:00", "0001-01-01T00:00:00+00:00"])
def test_a_place_in_the_ledger_before_or_after_all_time_is_one(desk, moment):
    assert desk.get("/inbox", after=cursors.write(f"{moment} x")).status == 200
