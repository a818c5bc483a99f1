"""Trends: what alerts matched, day by day, and in which outlets."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from pipeline.model import Entity, EntityKind, Role
from pipeline.ports import Ports
from tests import builders
from tests.browser import Browser, Page
from tests.builders import NOON, user
from tests.consoles import console
from tests.fakes import Clock
from tests.servers import free_port

HOSTILE = "<script>alert(1)</script>"
KURSK, NATO = builders.alert("kursk"), builders.alert("nato")
DAY = timedelta(days=1)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def browser(ports) -> Iterator[Browser]:
    port = free_port()
    with console(ports, port, [], visitor=user(Role.VIEWER)):
        yield Browser(port, follows=True)


def match(ports: Ports, alert, name: str, days_ago: int, **story) -> None:
    found = builders.story(name, **story)
    ports.stores.stories.put([found])
    at = NOON - days_ago * DAY
    ports.stores.matches.create(
        [builders.match(f"{alert.name} {name}", alert_id=alert.id, story_id=found.id, matched_at=at)]
    )


def numbers(page: Page, plot: int) -> dict[str, list[str]]:
    """The table behind a plot, by day."""
    rows = page.tree.xpath(f"(//figure)[{plot}]//tbody/tr")
    return {row.find("th").text: [cell.text for cell in row.findall("td")] for row in rows}


def test_without_alerts_or_matches_the_page_says_what_to_do_next(browser, ports):
    assert "There are no alerts yet." in browser.get("/trends").words
    ports.stores.alerts.create([KURSK])
    assert "No alert has matched anything within 30 days." in browser.get("/trends").words


def test_matches_are_counted_by_alert_and_day(browser, ports):
    ports.stores.alerts.create([KURSK, NATO])
    match(ports, KURSK, "a", 0)
    match(ports, KURSK, "b", 0)
    match(ports, NATO, "a", 2)
    match(ports, NATO, "too old", 40)
    counted = numbers(browser.get("/trends"), 1)
    assert len(counted) == 30
    assert (counted["2026-03-01"], counted["2026-02-27"]) == (["2", "0"], ["0", "1"])
    assert len(numbers(browser.get("/trends", days="7"), 1)) == 7


def test_of_one_alert_there_is_no_share_of_voice(browser, ports):
    ports.stores.alerts.create([KURSK, NATO])
    match(ports, KURSK, "a", 0)
    match(ports, NATO, "a", 0)
    assert len(browser.get("/trends").tree.xpath("//figure")) == 2
    alone = browser.get("/trends", alert=NATO.id)
    assert len(alone.tree.xpath("//figure")) == 1
    assert numbers(alone, 1)["2026-03-01"] == ["1"]


def test_outlets_and_entities_are_those_of_the_chosen_alerts_and_script_in_them_is_text(browser, ports):
    ports.stores.alerts.create([KURSK, NATO])
    who = Entity(name=HOSTILE, kind=EntityKind.PERSON)
    match(ports, KURSK, "a", 0, site=HOSTILE, entities=(who,))
    match(ports, NATO, "b", 0, site="nato.example")
    page = browser.get("/trends", alert=KURSK.id)
    assert HOSTILE not in page.text
    assert [row.text for row in page.tree.xpath("//table[@class='ranked']//th")] == [HOSTILE, HOSTILE]
    assert "nato.example" in browser.get("/trends").words


def test_of_many_alerts_the_busiest_are_compared_and_fifty_are_offered(browser, ports):
    many = [builders.alert(f"alert {number:03}") for number in range(120)]
    ports.stores.alerts.create(many)
    for number, alert in enumerate(many[:7]):
        for story in range(number + 1):
            match(ports, alert, str(story), 0)
    page = browser.get("/trends")
    assert page.tree.xpath("//input[@checked]/@value") == [one.id for one in many[6:1:-1]]
    assert len(page.tree.xpath("//input[@name='alert']")) == 50
    assert "alert 119" in browser.get("/trends", text="ALERT 11").words
